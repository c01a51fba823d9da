"""`app.core.scoring.measures.enough` for columns: is there enough in each file for a score? And `frozen` (R18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.core.scoring.marks import MARK_MONTHS
from app.core.scoring.measures.enough import SILENT_MONTHS, YOUNG_MONTHS
from app.services.scoring.population.calendar import NEVER, first_day
from app.services.scoring.population.columns import NOTHING, ON_TIME
from app.services.scoring.population.segments import by_file
from app.services.scoring.population.views import MONTH_BITS

if TYPE_CHECKING:
    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.views import Views


def too_young(v: Views) -> tuple[Bools, Ints]:
    known, old_from = v.oldest_opened > 0, v.oldest_opened + YOUNG_MONTHS
    old = known & (old_from <= v.now)
    sixth = np.maximum(_sixth_reported(v, ~old), _sixth_on_time(v, ~old))
    leaves = sixth + MARK_MONTHS
    young = ~old & (sixth == 0)
    becomes_old = np.where(known, first_day(old_from), NEVER)
    lasts = old | (known & (old_from <= leaves))
    return young, np.where(young, becomes_old, np.where(lasts, NEVER, first_day(leaves)))


def _sixth_reported(v: Views, wanted: Bools) -> Ints:
    """The sixth newest reported month of an account of unknown opening, the newest of several accounts'; 0: none."""
    accounts, codes = v.columns.accounts, v.columns.codes
    asked = wanted[accounts.file] & (accounts.opened == 0)
    window = (codes.month <= v.now) & (codes.month > v.now - MARK_MONTHS)
    rows = np.flatnonzero(asked[codes.owner] & window & (codes.code != NOTHING))
    counts = np.bincount(codes.owner[rows], minlength=len(accounts.file))
    enough = np.flatnonzero(counts >= YOUNG_MONTHS)
    months = codes.month[rows[np.cumsum(counts)[enough] - YOUNG_MONTHS]]
    return by_file(np.maximum, months, accounts.file[enough], v.count, 0)


def _sixth_on_time(v: Views, wanted: Bools) -> Ints:
    """The sixth newest calendar month with rent or a utility on time; 0: there are fewer."""
    codes = v.columns.community
    files = v.columns.community_file[codes.owner]
    window = (codes.month <= v.now) & (codes.month > v.now - MARK_MONTHS)
    rows = wanted[files] & window & (codes.code == ON_TIME)
    months = np.unique(files[rows] << MONTH_BITS | codes.month[rows])
    counts = np.bincount(months >> MONTH_BITS, minlength=v.count)
    sixth = np.zeros(v.count, np.int64)
    enough = np.flatnonzero(counts >= YOUNG_MONTHS)
    sixth[enough] = months[np.cumsum(counts)[enough] - YOUNG_MONTHS] & ((1 << MONTH_BITS) - 1)
    return sixth


def nothing_reported(v: Views) -> tuple[Bools, Ints]:
    silent_from = v.columns.reported + SILENT_MONTHS
    silent = (v.columns.reported == 0) | (silent_from <= v.now)
    return silent, np.where(silent, NEVER, first_day(silent_from))


def frozen(v: Views) -> tuple[Bools, Ints]:
    """`app.core.scoring.score.frozen_for` a bank that no thaw names."""
    entries = v.columns.freezes
    rows = np.flatnonzero(entries.day <= v.day)
    decides = entries.frozen | (entries.everybody & (entries.until == 0))
    decisive = rows[decides[rows]]
    latest = by_file(np.maximum, decisive, entries.file[decisive], v.count, -1)
    is_frozen = np.zeros(v.count, np.bool_)
    is_frozen[latest >= 0] = entries.frozen[latest[latest >= 0]]
    of = entries.file[rows]
    excepting = rows[(rows > latest[of]) & entries.everybody[rows] & is_frozen[of]]
    until = np.where(entries.until[excepting] > 0, entries.until[excepting], NEVER)
    excepted_until = by_file(np.maximum, until, entries.file[excepting], v.count, 0)
    excepted = excepted_until > v.day
    return is_frozen & ~excepted, np.where(excepted, excepted_until, NEVER)
