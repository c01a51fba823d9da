"""Sums, maxima and bins of the rows of each file, for all files at once.

Rows of a column stand in the order of their files, so those of one file are a segment, and `np.ufunc.reduceat` works on
all segments in one call:

    files    0  0  2          row 0 and 1 are of file 0, file 1 has none
    values   5  7  4          by_file(np.maximum, values, files, 3, empty=-1)  =  7 -1 4

What a measure gives is a pair of columns, as in app.core.scoring.measures.view: the place of the bin of every file, and the
first day on which it is another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from app.services.scoring.population.calendar import DAY_BITS, NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.services.scoring.population.calendar import Bools, Ints

    Binned = tuple[Ints, Ints]
    Edges = Sequence[int]

_DAY: Final = (1 << DAY_BITS) - 1


def starts_of(keys: Ints) -> Ints:
    """Where runs of equal keys begin."""
    return np.flatnonzero(np.diff(keys, prepend=-1))


def by_file(reduce: np.ufunc, values: Ints, files: Ints, count: int, empty: int) -> Ints:
    """The rows' values of each of `count` files, reduced; `empty` for a file without rows."""
    reduced = np.full(count, empty)
    if len(values):
        starts = starts_of(files)
        reduced[files[starts]] = reduce.reduceat(values, starts)
    return reduced


def steps_reached(values: Ints, edges: Edges) -> Ints:
    """How many of some rising edges each value has reached; edges that fall are counted alike."""
    places = np.zeros(len(values), np.int64)
    for edge in edges:
        places += values >= edge
    return places


def worst(files: Ints, places: Ints, moves_on: Ints, count: int) -> Binned:
    """The largest bin of each file's rows, and the day on which the last row leaves it; bin 0 is never left."""
    largest = by_file(np.maximum, places << DAY_BITS | moves_on, files, count, 0)
    place = largest >> DAY_BITS
    return place, np.where(place > 0, largest & _DAY, NEVER)


def nth_bit(bits: Ints, n: Ints) -> Ints:
    """The place of the n-th bit from below, n from 1; bits have at least as many."""
    for done in range(1, int(n.max(initial=1))):
        bits = np.where(done < n, bits & (bits - 1), bits)
    places: Ints = np.bitwise_count((bits & -bits) - 1).astype(np.int64)
    return places


def among(keys: Ints, sorted_keys: Ints) -> Bools:
    """Which keys are in a column of ascending ones."""
    if not len(sorted_keys):
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    found: Bools = sorted_keys[places] == keys
    return found
