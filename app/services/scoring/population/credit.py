"""`app.core.scoring.measures.credit` for columns: cards and overdrafts, and minimum payments.

These bins move in both directions as accounts go stale, so the months in which they can change are tried one after the
other: at most twelve or fourteen, and in each of them only the files that something happens to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.core.scoring.measures.view import FRESH_MONTHS
from app.services.scoring.population.calendar import NEVER, first_day_of
from app.services.scoring.population.columns import ON_TIME
from app.services.scoring.population.segments import by_file, starts_of, steps_reached
from app.services.scoring.population.views import MONTH_BITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.segments import Binned, Edges
    from app.services.scoring.population.views import Fresh, Views


def utilisation(v: Views, edges: Edges) -> Binned:
    return _as_they_go_stale(v, lambda fresh, _: _share_bin(v, fresh, fresh.owed_minor, edges))


def utilisation_peak(v: Views, edges: Edges) -> Binned:
    return _as_they_go_stale(v, lambda fresh, _: _share_bin(v, fresh, fresh.peak_minor, edges))


def paid_share(v: Views, edges: Edges) -> Binned:
    return _as_they_go_stale(v, lambda fresh, _: _paid_bin(v, fresh, edges))


def unpaid_months(v: Views, edges: Edges) -> Binned:
    none = len(edges) + 1

    def bins(fresh: Fresh, month: int) -> Ints:
        over = ~np.int64(1) if month == v.now else ~np.int64(0)  # the running month is not judged yet
        months = by_file(np.bitwise_or, fresh.unpaid & over, fresh.file, v.count, 0)
        billed = by_file(np.maximum, fresh.billed_minor, fresh.file, v.count, 0)
        return np.where(billed > 0, steps_reached(np.bitwise_count(months), edges), none)

    running = np.zeros(v.count, np.bool_)
    running[v.fresh.file[(v.fresh.unpaid & 1) > 0]] = True
    return _as_they_go_stale(v, bins, running)


def _as_they_go_stale(
    v: Views, bins: Callable[[Fresh, int], Ints], next_month: Bools | None = None
) -> Binned:
    """The bins now, and the first month in which accounts went stale and the bin is another one.

    `next_month`: files to which something else happens in the next month.
    """
    fresh = v.fresh
    place = bins(fresh, v.now)
    changes = np.full(v.count, NEVER)
    for month in range(v.now + 1, v.now + FRESH_MONTHS + 1):
        concerned = np.zeros(v.count, np.bool_)
        concerned[fresh.file[fresh.stale == month]] = True
        if next_month is not None and month == v.now + 1:
            concerned |= next_month
        concerned &= changes == NEVER
        if concerned.any():
            left = fresh.where((fresh.stale > month) & concerned[fresh.file])
            concerned &= bins(left, month) != place
            changes[concerned] = first_day_of(month)
    return place, changes


def _per_currency(fresh: Fresh, *amounts: Ints) -> tuple[Ints, ...]:
    """(files, sum of each amount) for every currency of every file."""
    if not len(fresh.file):
        return (fresh.file, *amounts)
    keys = fresh.file << 32 | fresh.currency
    if (np.diff(keys) < 0).any():
        order = np.argsort(keys, kind="stable")
        keys, amounts = keys[order], tuple([amount[order] for amount in amounts])
    starts = starts_of(keys)
    return (keys[starts] >> 32, *[np.add.reduceat(amount, starts) for amount in amounts])


def _share_bin(v: Views, fresh: Fresh, amount: Ints, edges: Edges) -> Ints:
    known = fresh.limit_minor >= 0
    files, owed, limit = _per_currency(fresh.where(known), amount[known], fresh.limit_minor[known])
    share = np.where(limit > 0, 1000 * owed // np.maximum(limit, 1), 1000)
    says = (owed > 0) | (limit > 0)
    share = by_file(np.maximum, share[says], files[says], v.count, -1)
    return np.where(share < 0, len(edges) + 1, steps_reached(share, edges))


def _paid_bin(v: Views, fresh: Fresh, edges: Edges) -> Ints:
    files, billed, paid = _per_currency(fresh, fresh.billed_minor, fresh.paid_minor)
    says = billed > 0
    share = by_file(np.minimum, 1000 * paid[says] // billed[says], files[says], v.count, -1)
    return np.where(share < 0, len(edges) + 1, len(edges) - steps_reached(share, edges))


def below_minimum(v: Views, edges: Edges) -> Binned:
    unpaid, age = _below_minimum(v)
    files, owner = np.unique(unpaid, return_inverse=True)
    # how many statements of each age, and of that age or younger
    ages = np.bincount(owner * 14 + age, minlength=14 * len(files)).reshape(-1, 14)
    up_to = np.concatenate([np.zeros((len(files), 1), np.int64), np.cumsum(ages, axis=1)], axis=1)

    def bins(later: int) -> Ints:
        """`later` months from now: those count that are of the ages 2 to 13 then."""
        return steps_reached(up_to[:, max(14 - later, 0)] - up_to[:, max(2 - later, 0)], edges)

    here, changes = bins(0), np.full(len(files), NEVER)
    for later in range(1, 15):
        changed = (changes == NEVER) & (bins(later) != here)
        changes[changed] = first_day_of(v.now + later)
    place, moves_on = np.zeros(v.count, np.int64), np.full(v.count, NEVER)
    place[files], moves_on[files] = here, changes
    return place, moves_on


def _below_minimum(v: Views) -> tuple[Ints, Ints]:
    """(file, age) of the statements of the last 14 months whose minimum was not paid; also those not due yet."""
    statements, payments, codes = v.columns.statements, v.columns.payments, v.columns.codes
    rows = np.flatnonzero((statements.minimum_minor > 0) & (v.now - statements.month < 14))
    account, month = statements.account[rows], statements.month[rows]
    keys = account << MONTH_BITS | month
    paid_until = np.concatenate([[0], np.cumsum(payments.sum_minor)])  # may wrap; differences do not
    first, stop = (np.searchsorted(v.payment_keys, keys + ahead) for ahead in (0, 2))
    paid = paid_until[stop] - paid_until[first]
    due = np.minimum(statements.minimum_minor[rows], statements.balance_minor[rows])
    place = codes.starts[account] + month + 1 - codes.firsts[account]
    reported = (place >= codes.starts[account]) & (place < codes.stops[account])
    on_time = np.zeros(len(rows), np.bool_)
    on_time[reported] = codes.code[place[reported]] == ON_TIME
    unpaid = (paid < due) & ~on_time
    return v.columns.accounts.file[account[unpaid]], np.maximum(v.now - month[unpaid], 0)
