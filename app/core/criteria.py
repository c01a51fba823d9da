"""The twelve criteria: each reads a folded file on a day, says into which bin it falls, and until when.

A criterion gives (bin, edge): the place of its bin in `app.core.scorecard.BINS`, and the first later day on
which the bin is another one if nothing more is reported (`NEVER` when there is none). docs/scorecard.md
defines the criteria; this is how the definitions are computed.

Late months come as marks from `app.core.marks`, which says when each of them is gone.

**Edges.** Marks and records get better with time and never worse, so the worst bin is left on the day on
which the last of those in it moves on (`_worst`). Counts fall as the oldest of what counts leaves a window
(`_fading`). Where both directions are possible the candidates are tried in order (`_first_change`).

Source: docs/scorecard.md; scoring.md; rules R12, R19, R33, R35.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.marks import MARK_MONTHS, Mark, marks_of
from app.core.months import NEVER, add_months, first_day, month_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.core.folded import Account, File, Statement
    from app.core.profiles import Profile

Binned = tuple[int, str]  # (bin, first day on which it is another one without new events)

REVOLVING: Final = frozenset({"card", "overdraft"})
FRESH_MONTHS: Final = 12  # an account speaks for "now" while its newest statement is younger
PAID_STATEMENTS: Final = 6

_ON_TIME: Final = str.maketrans("-0123456", "01000000")
_REPORTED: Final = str.maketrans("-0123456", "01111111")


class View(NamedTuple):
    """A file on a day: what all criteria look at."""

    file: File
    accounts: tuple[Account, ...]
    day: str
    now: int  # the day's month
    marks: list[Mark]
    profile: Profile


def view(file: File, day: str, profile: Profile) -> View:
    """The file as it stands on a day that is not before its newest event's."""
    accounts = tuple(file.accounts.values())
    now = month_of(day)
    marks: list[Mark] = []
    for account in accounts:
        if account.late:
            marks += marks_of(account, day, now, profile.negative_months)
    return View(file, accounts, day, now, marks, profile)


# ---- edges
# --------------------------------------------------------------------------------------------------


def _worst(items: Iterable[Binned]) -> Binned:
    """The worst (largest) bin of items that only get better, and the day on which the last one leaves it."""
    worst, edge = 0, NEVER
    for place, moves_on in items:
        if place > worst:
            worst, edge = place, moves_on
        elif place == worst and place and moves_on > edge:
            edge = moves_on
    return worst, edge


def _fading(months: list[int], window: int, steps: tuple[int, ...]) -> Binned:
    """The bin (how many steps are reached) of a count of months, newest first, all in the window."""
    place = _steps(len(months), steps)
    return (place, first_day(months[steps[place - 1] - 1] + window)) if place else (0, NEVER)


def _steps(value: int, steps: tuple[int, ...]) -> int:
    place = 0
    for step in steps:
        if value < step:
            break
        place += 1
    return place


def _first_change(bin_in: Callable[[int], int], place: int, candidates: Iterable[int]) -> str:
    """The first day of the first candidate month in which the bin is another one."""
    for month in sorted(candidates):
        if bin_in(month) != place:
            return first_day(month)
    return NEVER


# ---- late marks: criteria 1 to 5
# --------------------------------------------------------------------------------------------------

_CURRENT_BIN: Final = (0, 1, 2, 3, 4, 4, 4)
_SEVERITY_BIN: Final = (0, 0, 1, 2, 3, 4, 4)
# (age in months below which the bin holds, bin), youngest first
_SINCE: Final = ((1, 6), (4, 5), (7, 4), (13, 3), (25, 2))
_SETTLED: Final = ((12, 3), (24, 2))


def current(v: View) -> Binned:
    """Worst status of the running episodes of open accounts."""
    if not v.marks:
        return 0, NEVER
    return _worst(
        (_CURRENT_BIN[mark.code], mark.leaves_on) for mark in v.marks if mark.running and mark.open_account
    )


def since_late(v: View) -> Binned:
    """Months since the last month that was 30 days late or more."""
    if not v.marks:
        return 0, NEVER
    return _worst(_aged(v, mark.month, _SINCE, 1, mark.leaves_on) for mark in v.marks if mark.code > 1)


def _aged(v: View, month: int, ages: tuple[tuple[int, int], ...], oldest_bin: int, leaves_on: str) -> Binned:
    """The bin of something that happened in `month` by its age, and the day on which it moves on."""
    age = v.now - month
    for below, place in ages:
        if age < below:
            return place, min(first_day(month + below), leaves_on)
    return oldest_bin, leaves_on


def worst_24(v: View) -> Binned:
    """Worst severity in the last 24 months."""
    if not v.marks:
        return 0, NEVER
    return _worst(
        (_SEVERITY_BIN[mark.code], min(first_day(mark.month + 24), mark.leaves_on))
        for mark in v.marks
        if v.now - mark.month < 24
    )


def late_months(v: View) -> Binned:
    """Calendar months of the last 12 in which any account was late, if only by a day."""
    if not v.marks:
        return 0, NEVER
    months = {mark.month for mark in v.marks if v.now - mark.month < 12}
    return _fading(sorted(months, reverse=True), 12, (1, 2, 3, 5))


def records(v: View) -> Binned:
    """Collections, charge-offs and public records: open, or how long settled."""
    if not v.marks and not v.file.records:
        return 0, NEVER
    items: list[Binned] = []
    for mark in v.marks:
        if mark.code == 6:
            settled = None if mark.running else mark.last_month
            items.append(_record(v, settled, mark.leaves_on))
    for record in v.file.records.values():
        if record.placed is None:
            continue  # only the settlement is known: nothing speaks against the citizen
        if record.settled is None:
            items.append(_record(v, None, NEVER))
            continue
        kept = v.profile.insolvency_months if record.kind == "insolvency" else v.profile.negative_months
        leaves_on = add_months(record.settled, kept)
        if leaves_on > v.day:
            items.append(_record(v, month_of(record.settled), leaves_on))
    return _worst(items)


def _record(v: View, settled_month: int | None, leaves_on: str) -> Binned:
    return (4, leaves_on) if settled_month is None else _aged(v, settled_month, _SETTLED, 1, leaves_on)


# ---- statements and payments: criteria 6 to 8
# --------------------------------------------------------------------------------------------------


class Revolving(NamedTuple):
    """An open card or overdraft with a fresh statement; it stops speaking for "now" in month `stale`."""

    stale: int
    currency: str
    owed_minor: int
    limit_minor: int | None
    billed_minor: int
    paid_minor: int


def revolving(v: View) -> list[Revolving]:
    """The accounts that utilisation and paid share are about. A credit balance counts as nothing owed."""
    found = []
    for account in v.accounts:
        if account.class_ not in REVOLVING or account.closed_on is not None or not account.statements:
            continue
        rows = account.statements[-PAID_STATEMENTS:]
        newest = rows[-1]
        if v.now - newest.month >= FRESH_MONTHS:
            continue
        billed = sum([row.balance_minor for row in rows if row.balance_minor > 0])
        since = rows[0].month
        paid = sum([entry.sum_minor for entry in account.paid if entry.month >= since])
        stale, owed = newest.month + FRESH_MONTHS, max(newest.balance_minor, 0)
        found.append(Revolving(stale, account.currency or "", owed, account.limit_minor, billed, paid))
    return found


def utilisation(fresh: list[Revolving]) -> Binned:
    """Balance over limit, in permille, of the worst currency."""
    return _by_currency(fresh, _utilisation_bin, 6)


def paid_share(fresh: list[Revolving]) -> Binned:
    """Paid over billed of the newest six statements, in permille, of the worst currency."""
    return _by_currency(fresh, _paid_bin, 5)


def _by_currency(fresh: list[Revolving], bin_of: Callable[[list[Revolving]], int], none_bin: int) -> Binned:
    """The bin of the accounts; as they stop being fresh it changes, to `none_bin` in the end."""
    if not fresh:
        return none_bin, NEVER
    place = bin_of(fresh)
    if len(fresh) == 1:
        return place, (NEVER if place == none_bin else first_day(fresh[0].stale))
    edge = _first_change(
        lambda month: bin_of([item for item in fresh if item.stale > month]),
        place,
        {item.stale for item in fresh},
    )
    return place, edge


def _utilisation_bin(fresh: list[Revolving]) -> int:
    sums: dict[str, tuple[int, int]] = {}
    for item in fresh:
        if item.limit_minor is not None:
            owed, limit = sums.get(item.currency, (0, 0))
            sums[item.currency] = owed + item.owed_minor, limit + item.limit_minor
    shares = [1000 * owed // limit if limit else 1000 for owed, limit in sums.values() if owed or limit]
    return _steps(max(shares), (100, 300, 500, 750, 900)) if shares else 6


def _paid_bin(fresh: list[Revolving]) -> int:
    sums: dict[str, tuple[int, int]] = {}
    for item in fresh:
        billed, paid = sums.get(item.currency, (0, 0))
        sums[item.currency] = billed + item.billed_minor, paid + item.paid_minor
    shares = [1000 * paid // billed for billed, paid in sums.values() if billed]
    return 4 - _steps(min(shares), (40, 80, 200, 900)) if shares else 5


def below_minimum(v: View) -> Binned:
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
        return _steps(sum(month + 2 <= now < month + 14 for month in unpaid), (1, 2))

    place = bin_in(v.now)
    changes = {month + ages for month in unpaid for ages in (2, 14) if month + ages > v.now}
    return place, _first_change(bin_in, place, changes)


def _minimum_paid(account: Account, row: Statement) -> bool:
    """Whether payments of the statement's and the next month cover it, or the next month was on time."""
    following = row.month + 1
    paid = sum(entry.sum_minor for entry in account.paid if row.month <= entry.month <= following)
    if paid >= min(row.minimum_minor, row.balance_minor):
        return True
    first, codes = account.status or (following + 1, "")
    return first <= following < first + len(codes) and codes[following - first] == "0"


# ---- age, on-time history, inquiries, openings: criteria 9 to 12
# --------------------------------------------------------------------------------------------------

_AGES: Final = (6, 12, 24, 60, 120)


def oldest_age(v: View) -> Binned:
    """Months since the oldest account was opened, closed ones too."""
    days = [account.opened_on for account in v.accounts if account.opened_on is not None]
    if not days:
        return 6, NEVER
    opened = month_of(min(days))
    place = _steps(v.now - opened, _AGES)
    return place, (first_day(opened + _AGES[place]) if place < len(_AGES) else NEVER)


def on_time_months(v: View) -> Binned:
    """Calendar months of the last 24 in which anything was reported on time, rent and utilities too."""
    months = 0
    for account in v.accounts:
        if account.status is not None:
            months |= _ages(account.status, v.now, _ON_TIME)
    for codes in v.file.community.values():
        months |= _ages(codes, v.now, _ON_TIME)
    months &= (1 << 24) - 1
    steps = (6, 12, 18)
    place = _steps(months.bit_count(), steps)
    return (place, first_day(v.now - _nth_age(months, steps[place - 1]) + 24)) if place else (0, NEVER)


def _ages(codes: tuple[int, str], now: int, table: dict[int, int]) -> int:
    """The months of some codes as a set of ages: bit n stands for n months ago."""
    first, text = codes
    age = now - (first + len(text) - 1)
    bits = int(text.translate(table), 2)
    return bits << age if age >= 0 else bits >> -age


def _nth_age(ages: int, count: int) -> int:
    """The age of the count-th newest month of a set that has as many."""
    for _ in range(count - 1):
        ages &= ages - 1
    return (ages & -ages).bit_length() - 1


def inquiries(v: View) -> Binned:
    """Credit applications of 12 months; those for one class within 28 days are one."""
    if not v.file.inquiries:
        return 0, NEVER
    kept = [
        (add_months(entry.day, v.profile.inquiry_score_months), entry.class_, date.fromisoformat(entry.day))
        for entry in v.file.inquiries
    ]
    counting = [item for item in kept if item[0] > v.day]
    place = _inquiries_bin(counting, v.profile.inquiry_repeat_days)
    for edge in sorted({item[0] for item in counting}):
        left = [item for item in counting if item[0] > edge]
        if _inquiries_bin(left, v.profile.inquiry_repeat_days) != place:
            return place, edge
    return place, NEVER


def _inquiries_bin(counting: Sequence[tuple[str, str, date]], repeat_days: int) -> int:
    count = 0
    counted: dict[str, date] = {}
    for _, class_, day in counting:  # ascending by day
        before = counted.get(class_)
        if before is None or (day - before).days >= repeat_days:
            counted[class_] = day
            count += 1
    return _steps(count, (1, 2, 3, 5))


def opened(v: View) -> Binned:
    """Accounts opened in the last 12 months; unknown days of opening do not count."""
    oldest = v.now - 12
    months = [
        month
        for account in v.accounts
        if account.opened_on is not None and (month := month_of(account.opened_on)) > oldest
    ]
    return _fading(sorted(months, reverse=True), 12, (2, 3, 4)) if len(months) > 1 else (0, NEVER)


# ---- is there enough for a score? (R35)
# --------------------------------------------------------------------------------------------------

YOUNG_MONTHS: Final = 6
SILENT_MONTHS: Final = 6
_KEPT: Final = (1 << MARK_MONTHS) - 1


def too_young(v: View) -> tuple[bool, str]:
    """No account is 6 months old and fewer than 6 community months were on time; and when that changes."""
    days = [account.opened_on for account in v.accounts if account.opened_on is not None]
    old_from = month_of(min(days)) + YOUNG_MONTHS if days else None
    if old_from is not None and old_from <= v.now:
        return False, NEVER
    enough = []
    for account in v.accounts:
        if account.opened_on is None and account.status is not None:
            reported = _ages(account.status, v.now, _REPORTED) & _KEPT
            if reported.bit_count() >= YOUNG_MONTHS:
                enough.append(reported)
    if v.file.community:
        community = 0
        for codes in v.file.community.values():
            community |= _ages(codes, v.now, _ON_TIME) & _KEPT
        if community.bit_count() >= YOUNG_MONTHS:
            enough.append(community)
    if not enough:
        return True, (NEVER if old_from is None else first_day(old_from))
    until = v.now - min(_nth_age(ages, YOUNG_MONTHS) for ages in enough) + MARK_MONTHS
    lasts = old_from is not None and old_from <= until
    return False, (NEVER if lasts else first_day(until))


def nothing_reported(v: View) -> tuple[bool, str]:
    """Neither a lender nor a utility reported anything for 6 months; and when that begins."""
    if v.file.reported is None:
        return True, NEVER
    silent_from = v.file.reported + SILENT_MONTHS
    return (True, NEVER) if silent_from <= v.now else (False, first_day(silent_from))
