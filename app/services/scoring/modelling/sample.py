"""Labelled files: the folded files of a ledger, and beside them the labels that it never sees
(`app.services.scoring.labels`).

A measure's value is asked for with a fine grid of edges, so that a sample sees exactly what a score will see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.core.errors import FormatError
from app.core.scoring.measures import MEASURES
from app.core.scoring.measures.enough import nothing_reported, too_young
from app.core.scoring.measures.view import view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from app.core.scoring.folded import File
    from app.core.scoring.measures.view import View
    from app.core.scoring.profiles import Profile
    from app.services.scoring.labels import Label

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

ROWS_MIN = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """Files with enough in them for a score, in the order of their accounts' names; arrays have one entry a file."""

    accounts: list[str]
    views: list[View]
    day: str
    profile: Profile
    bad: Bools
    test: Bools
    labels: list[Label]
    left_out: int  # files that are insufficient for a score, or have no label

    def bins(self, measure: str, edges: tuple[int, ...]) -> Ints:
        """The bin of every file under these edges."""
        read = MEASURES[measure].read
        return np.fromiter((read(v, edges)[0] for v in self.views), dtype=np.int64, count=len(self.views))


def make_sample(files: Iterable[File], labels: Mapping[str, Label], day: str, profile: Profile) -> Sample:
    """The files that have a label (by their only labelled account) and enough for a score.

    Raises FormatError when there are too few of them.
    """
    found: list[tuple[str, View]] = []
    left_out = 0
    for file in files:
        known = [account for account in file.accounts if account in labels]
        v = view(file, day, profile)
        if len(known) != 1 or too_young(v)[0] or nothing_reported(v)[0]:
            left_out += 1
        else:
            found.append((known[0], v))
    found.sort(key=lambda pair: (len(pair[0]), pair[0]))
    own = [labels[account] for account, _ in found]
    sample = Sample(
        [account for account, _ in found],
        [v for _, v in found],
        day,
        profile,
        np.array([label.bad for label in own], dtype=np.bool_),
        np.array([label.test for label in own], dtype=np.bool_),
        own,
        left_out,
    )
    for rows in (
        sample.bad & sample.test,
        sample.bad & ~sample.test,
        ~sample.bad & sample.test,
        ~sample.bad & ~sample.test,
    ):
        if int(rows.sum()) < ROWS_MIN:
            raise FormatError(
                f"too few labelled files: of good and bad, to fit and to test, at least {ROWS_MIN} each"
            )
    return sample
