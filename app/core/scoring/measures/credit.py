"""What statements and payments say of cards and overdrafts, and of minimum payments."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from app.core.months import NEVER, first_day
from app.core.scoring.measures.view import first_change, steps_reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.scoring.folded import Account, Statement
    from app.core.scoring.measures.view import Binned, Edges, Revolving, View


def utilisation(v: View, edges: Edges) -> Binned:
    """Balance over limit, in permille, of the worst currency; the last bin is for no open card."""
    return _by_currency(v.fresh, lambda fresh: _share_bin(fresh, _owed, edges), len(edges) + 1)


def utilisation_peak(v: View, edges: Edges) -> Binned:
    """Highest balance of the newest six statements over limit, in permille, of the worst currency."""
    return _by_currency(v.fresh, lambda fresh: _share_bin(fresh, _peak, edges), len(edges) + 1)


def paid_share(v: View, edges: Edges) -> Binned:
    """Paid over billed of the newest six statements, in permille, of the worst currency; last: nothing was billed."""
    return _by_currency(v.fresh, lambda fresh: _paid_bin(fresh, edges), len(edges) + 1)


def unpaid_months(v: View, edges: Edges) -> Binned:
    """Months with something owed on one of the newest six statements and nothing paid on that account.

    A month is judged when it is over. The last bin is for nothing billed.
    """
    none = len(edges) + 1

    def bin_in(now: int) -> int:
        fresh = [item for item in v.fresh if item.stale > now]
        months = {month for item in fresh for month in item.unpaid if month < now}
        return steps_reached(len(months), edges) if any(item.billed_minor for item in fresh) else none

    if not v.fresh:
        return none, NEVER
    candidates = {item.stale for item in v.fresh} | {month + 1 for item in v.fresh for month in item.unpaid}
    place = bin_in(v.now)
    return place, first_change(bin_in, place, [month for month in candidates if month > v.now])


def _by_currency(fresh: list[Revolving], bin_of: Callable[[list[Revolving]], int], none_bin: int) -> Binned:
    """The bin of the accounts; as they stop being fresh it changes, to `none_bin` in the end."""
    if not fresh:
        return none_bin, NEVER
    place = bin_of(fresh)
    if len(fresh) == 1:
        return place, (NEVER if place == none_bin else first_day(fresh[0].stale))
    edge = first_change(
        lambda month: bin_of([item for item in fresh if item.stale > month]),
        place,
        {item.stale for item in fresh},
    )
    return place, edge


_owed: Final = attrgetter("owed_minor")
_peak: Final = attrgetter("peak_minor")


def _share_bin(fresh: list[Revolving], amount: Callable[[Revolving], int], edges: Edges) -> int:
    sums: dict[str, tuple[int, int]] = {}
    for item in fresh:
        if item.limit_minor is not None:
            owed, limit = sums.get(item.currency, (0, 0))
            sums[item.currency] = owed + amount(item), limit + item.limit_minor
    shares = [1000 * owed // limit if limit else 1000 for owed, limit in sums.values() if owed or limit]
    return steps_reached(max(shares), edges) if shares else len(edges) + 1


def _paid_bin(fresh: list[Revolving], edges: Edges) -> int:
    sums: dict[str, tuple[int, int]] = {}
    for item in fresh:
        billed, paid = sums.get(item.currency, (0, 0))
        sums[item.currency] = billed + item.billed_minor, paid + item.paid_minor
    shares = [1000 * paid // billed for billed, paid in sums.values() if billed]
    return len(edges) - steps_reached(min(shares), edges[::-1]) if shares else len(edges) + 1


def below_minimum(v: View, edges: Edges) -> Binned:
    """Statements whose minimum was not paid by the end of the following month, for 12 months from then."""
    unpaid = [
        row.month
        for account in v.accounts
        for row in account.statements
        if row.minimum_minor > 0 and v.now - row.month < 14 and not _minimum_paid(account, row)
    ]
    if not unpaid:
        return 0, NEVER

    def bin_in(now: int) -> int:
        return steps_reached(sum(month + 2 <= now < month + 14 for month in unpaid), edges)

    place = bin_in(v.now)
    changes = {month + ages for month in unpaid for ages in (2, 14) if month + ages > v.now}
    return place, first_change(bin_in, place, changes)


def _minimum_paid(account: Account, row: Statement) -> bool:
    """Whether payments of the statement's and the next month cover it, or the next month was on time."""
    following = row.month + 1
    paid = sum(entry.sum_minor for entry in account.paid if row.month <= entry.month <= following)
    if paid >= min(row.minimum_minor, row.balance_minor):
        return True
    first, codes = account.status or (following + 1, "")
    return first <= following < first + len(codes) and codes[following - first] == "0"
