"""`app.core.scoring.measures.history` for columns: the length of a history, months on time, applications and new accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.services.scoring.population.calendar import NEVER, add_months, first_day, month_of, ordinals
from app.services.scoring.population.columns import ON_TIME
from app.services.scoring.population.late import fading_months
from app.services.scoring.population.segments import by_file, starts_of, steps_reached

if TYPE_CHECKING:
    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.columns import Codes
    from app.services.scoring.population.segments import Binned, Edges
    from app.services.scoring.population.views import Views

_ORDINAL_BITS = 20


def oldest_age(v: Views, edges: Edges) -> Binned:
    opened = v.oldest_opened
    place = steps_reached(v.now - opened, edges)
    moves_on = np.where(place < len(edges), first_day(opened + np.append(edges, 0)[place]), NEVER)
    known = opened > 0
    return np.where(known, place, len(edges) + 1), np.where(known, moves_on, NEVER)


def on_time_months(v: Views, edges: Edges) -> Binned:
    columns = v.columns
    of_accounts = _on_time(v, columns.codes, columns.accounts.file)
    return fading_months(v, of_accounts | _on_time(v, columns.community, columns.community_file), 24, edges)


def _on_time(v: Views, codes: Codes, files: Ints) -> Ints:
    """The months on time of the last 24 of each file, as a set of ages."""
    rows = np.flatnonzero((codes.code == ON_TIME) & (codes.month <= v.now) & (codes.month > v.now - 24))
    return by_file(np.bitwise_or, 1 << (v.now - codes.month[rows]), files[codes.owner[rows]], v.count, 0)


def inquiries(v: Views, edges: Edges) -> Binned:
    """Each inquiry knows how many count from it on in its class; as it leaves, that of the next one takes its place."""
    entries, profile = v.columns.inquiries, v.profile
    leaves_on = add_months(entries.day, profile.inquiry_score_months)
    kept = leaves_on > v.day
    files, leaves_on = entries.file[kept], leaves_on[kept]
    from_here, from_next, begins = _counted(
        files, entries.class_[kept], ordinals(entries.day[kept]), profile.inquiry_repeat_days
    )
    total = by_file(np.add, np.where(begins, from_here, 0), files, v.count, 0)
    place = steps_reached(total, edges)
    gone = np.cumsum(from_next - from_here)
    before_file = gone - (from_next - from_here)
    starts = starts_of(files)
    gone -= np.repeat(before_file[starts], np.diff(np.append(starts, len(files))))
    last_of_day = np.append((np.diff(files) != 0) | (np.diff(leaves_on) != 0), True)[: len(files)]
    changed = last_of_day & (steps_reached(total[files] + gone, edges) != place[files])
    return place, by_file(np.minimum, leaves_on[changed], files[changed], v.count, NEVER)


def _counted(files: Ints, classes: Ints, days: Ints, repeat_days: int) -> tuple[Ints, Ints, Bools]:
    """For every inquiry: how many count from it on in its class, how many from the next one on, is it the first."""
    assert repeat_days > 0, "an inquiry repeats within so many days"
    group = files * (classes.max(initial=0) + 1) + classes
    order = np.argsort(group, kind="stable")
    group = group[order]
    keys = group << _ORDINAL_BITS | days[order]
    following = np.searchsorted(keys, keys + repeat_days)
    group = np.append(group, -1)
    counts = np.ones(len(keys), np.int64)
    rows = np.flatnonzero(group[following] == group[:-1])
    at = following[rows]
    while len(rows):
        counts[rows] += 1
        more = group[following[at]] == group[at]
        rows, at = rows[more], following[at[more]]
    same = np.diff(group) == 0
    from_next = np.where(same, np.append(counts[1:], 0)[: len(counts)], 0)
    begins = np.diff(group[:-1], prepend=-1) != 0
    here, after, first = np.empty_like(counts), np.empty_like(counts), np.empty(len(counts), np.bool_)
    here[order], after[order], first[order] = counts, from_next, begins
    return here, after, first


def opened(v: Views, edges: Edges) -> Binned:
    accounts = v.columns.accounts
    rows = month_of(accounts.opened) > v.now - 12
    files, months = accounts.file[rows], month_of(accounts.opened[rows])
    order = np.lexsort((-months, files))
    files, months = files[order], months[order]
    counts = np.bincount(files, minlength=v.count)
    place = steps_reached(counts, edges)
    reached = place > 0
    nth = (np.cumsum(counts) - counts + np.append(0, edges)[place] - 1)[reached]
    moves_on = np.full(v.count, NEVER)
    moves_on[reached] = first_day(months[nth] + 12)
    return place, moves_on
