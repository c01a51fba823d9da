"""A file on a day, as all measures look at it, and how bins change with time.

Marks and records get better with time and never worse, so the worst bin is left on the day on which the last of those in
it moves on (`worst`). Counts fall as the oldest of what counts leaves a window (`fading`). Where both directions are
possible the candidates are tried in order (`first_change`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from app.core.months import NEVER, first_day, month_of
from app.core.scoring.marks import Mark, marks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.scoring.folded import Account, File
    from app.core.scoring.profiles import Profile

Binned = tuple[int, str]  # (bin, first day on which it is another one without new events)
Edges = tuple[int, ...]

REVOLVING: Final = frozenset({"card", "overdraft"})
FRESH_MONTHS: Final = 12  # an account speaks for "now" while its newest statement is younger
PAID_STATEMENTS: Final = 6

ON_TIME: Final = str.maketrans("-.0123456", "001000000")
REPORTED: Final = str.maketrans("-.0123456", "011111111")


class View(Struct, frozen=True, gc=False):
    """A file on a day: what all criteria look at."""

    file: File
    accounts: tuple[Account, ...]
    day: str
    now: int  # the day's month
    marks: list[Mark]
    fresh: list[Revolving]
    oldest: int | None  # the month of the first known opening, also of one in doubt
    profile: Profile


def view(file: File, day: str, profile: Profile) -> View:
    """The file as it stands on a day that is not before its newest event's."""
    accounts = tuple(file.accounts.values())
    now = month_of(day)
    marks: list[Mark] = []
    for account in accounts:
        if account.late:
            marks += marks_of(account, day, now, profile.negative_months)
    openings = [account.opened_on for account in accounts if account.opened_on is not None]
    if file.repaired:  # nothing is in doubt otherwise
        openings += [each.opened_in_doubt for each in accounts if each.opened_in_doubt is not None]
    oldest = month_of(min(openings)) if openings else None
    return View(file, accounts, day, now, marks, _revolving(accounts, now), oldest, profile)


class Revolving(Struct, frozen=True, gc=False):
    """An open card or overdraft with a fresh statement; it stops speaking for "now" in month `stale`.

    All but `limit_minor` is of its newest six statements, and of what was paid from the earliest of them on.
    """

    stale: int
    currency: str
    owed_minor: int
    peak_minor: int
    limit_minor: int | None
    billed_minor: int
    paid_minor: int
    unpaid: tuple[int, ...]  # months with something owed on the statement and nothing paid


def _revolving(accounts: tuple[Account, ...], now: int) -> list[Revolving]:
    """The accounts that the measures of credit in use are about. A credit balance counts as nothing owed."""
    found = []
    for account in accounts:
        if account.class_ not in REVOLVING or account.closed_on is not None or not account.statements:
            continue
        rows = account.statements[-PAID_STATEMENTS:]
        newest = rows[-1]
        if now - newest.month >= FRESH_MONTHS:
            continue
        since = rows[0].month
        owed = [row.balance_minor for row in rows if row.balance_minor > 0]
        paid = {entry.month: entry.sum_minor for entry in account.paid if entry.month >= since}
        found.append(
            Revolving(
                stale=newest.month + FRESH_MONTHS,
                currency=account.currency or "",
                owed_minor=max(newest.balance_minor, 0),
                peak_minor=max(owed, default=0),
                limit_minor=account.limit_minor,
                billed_minor=sum(owed),
                paid_minor=sum(paid.values()),
                unpaid=tuple([row.month for row in rows if row.balance_minor > 0 and row.month not in paid]),
            )
        )
    return found


def worst(items: Iterable[Binned]) -> Binned:
    """The worst (largest) bin of items that only get better, and the day on which the last one leaves it."""
    worst, edge = 0, NEVER
    for place, moves_on in items:
        if place > worst:
            worst, edge = place, moves_on
        elif place == worst and place and moves_on > edge:
            edge = moves_on
    return worst, edge


def fading(months: list[int], window: int, steps: Edges) -> Binned:
    """The bin (how many steps are reached) of a count of months, newest first, all in the window."""
    place = steps_reached(len(months), steps)
    return (place, first_day(months[steps[place - 1] - 1] + window)) if place else (0, NEVER)


def steps_reached(value: int, steps: Edges) -> int:
    """How many of some rising steps a value has reached."""
    place = 0
    for step in steps:
        if value < step:
            break
        place += 1
    return place


def first_change(bin_in: Callable[[int], int], place: int, candidates: Iterable[int]) -> str:
    """The first day of the first candidate month in which the bin is another one."""
    for month in sorted(candidates):
        if bin_in(month) != place:
            return first_day(month)
    return NEVER


def ages(codes: tuple[int, str], now: int, table: dict[int, int]) -> int:
    """The months of some codes as a set of ages: bit n stands for n months ago."""
    first, text = codes
    age = now - (first + len(text) - 1)
    bits = int(text.translate(table), 2)
    return bits << age if age >= 0 else bits >> -age


def nth_age(ages: int, count: int) -> int:
    """The age of the count-th newest month of a set that has as many."""
    for _ in range(count - 1):
        ages &= ages - 1
    return (ages & -ages).bit_length() - 1
