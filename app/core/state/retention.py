"""Retention: which of a citizen's events are past their time on a day, so that their plaintext is to be destroyed (R11).

An event goes together with all that counts as one behaviour, on the day on which that has left the score (R10):

    late status                  with its episode (`app.core.scoring.marks`)
    court debt, insolvency,      with its case: the first settlement and `negative_months` (`insolvency_months`);
      arrears, collection        what is open stays
    late or settled month of     with what else speaks so of that month, `negative_months` after its last day
      rent, utility, telecom
    negative report, retracted   by itself, `negative_months` (`insolvency_months`) after its day
      or since corrected
    correction, retraction,      with the event that it is about
      dispute, statement

Nothing goes while a dispute about it, or about another status of its account, is open: who is right is not known yet. And
nothing goes that a score can still tell: the file of what remains has, on that day and on every later one, the score of the
whole file. That is tried out and not argued (`same_for_ever`): a score says until when it stands, so the finitely many days
on which it changes are all that has to be looked at. Of an account whose opening nobody knows, for instance, a late month
that has left, or that a dispute took out, still counts among the six that a file needs; it stays until it no longer does,
after 120 months at most.

Events that furnishers report of good conduct, and accesses (inquiry, answer, look, consent ...), do not fall under this.

Source: rules R10, R11; docs/decisions/0011.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.core.months import LAST_DAY, NEVER, add_months, month_of
from app.core.reporting import event_types as et
from app.core.scoring.fold import RECORD_GROUPS, STATUS_CODES, fold_history
from app.core.scoring.folded import NAMES_MAX, STATUS_MONTHS, Late
from app.core.scoring.marks import episodes_of
from app.core.scoring.repairs import SETTLEMENTS, Repairs, repairs_of, touches_repair
from app.core.scoring.score import score_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.core.reporting.event_base import Event
    from app.core.scoring.folded import File
    from app.core.scoring.profiles import Profile
    from app.core.scoring.scorecard import Card

REASON: Final = "retention"
_RECORDS: Final = tuple(RECORD_GROUPS)
_Placed = tuple[int, "Event"]  # (log index, event)


class Unit(NamedTuple):
    """Events that leave together, on `leaves_on` (`NEVER`: not as things stand)."""

    leaves_on: str
    indices: list[int]


def past(history: Iterable[_Placed], day: str, profile: Profile) -> set[int]:
    """The log indices of what is in no report any more on a day (R10), whether or not its plaintext may go by then."""
    events = sorted(history, key=itemgetter(0))
    over = [unit.indices for unit in units(events, profile) if unit.leaves_on <= day]
    return _with_followers(events, chain.from_iterable(over))


def due(history: Iterable[_Placed], day: str, card: Card, profile: Profile) -> list[int]:
    """The log indices of the events of a whole history whose plaintext is to be destroyed on `day` or later.

    They may be destroyed a part at a time if it is done in this order: what speaks against the citizen goes before what
    settled it, and a report before its repairs.
    """
    events = sorted(history, key=itemgetter(0))
    over = [unit for unit in units(events, profile) if unit.leaves_on <= day]
    if not over:
        return []
    whole = fold_history(events)

    def harmless(going: set[int]) -> bool:
        rest = fold_history(pair for pair in events if pair[0] not in going)
        return same_for_ever(whole, rest, day, card, profile)

    going = _with_followers(events, chain.from_iterable(unit.indices for unit in over))
    if not harmless(going):
        going = set()
        for unit in over:
            more = _with_followers(events, going.union(unit.indices))
            if harmless(more):
                going = more
    return [index for index, _ in sorted(((i, e) for i, e in events if i in going), key=_in_safe_order)]


def same_for_ever(one: File, other: File, day: str, card: Card, profile: Profile) -> bool:
    """Whether two files have the same score, lines and reasons on `day` and every later day, if nothing is reported."""
    while True:
        first, second = (score_file(file, day, card, profile) for file in (one, other))
        if first != second:
            return False
        if first.until >= LAST_DAY:
            return True
        day = first.until


def may_hold(file: File) -> bool:
    """Whether `due` can ever name an event of a citizen with this file; much quicker than opening all events.

    It overlooks one thing: a late month of rent, utility or telecom that was over 120 months old when it was reported.
    """
    return (
        file.repaired
        or bool(file.records)
        or any(
            account.late or _was_pruned(account.first, account.status) for account in file.accounts.values()
        )
        or any("1" in codes or "2" in codes for _, codes in file.community.values())
        or max(len(file.accounts), len(file.community)) >= NAMES_MAX
    )


def _was_pruned(first: int | None, status: tuple[int, str] | None) -> bool:
    """Whether an account may have been late in a month older than the file keeps."""
    return status is not None and first is not None and status[0] + len(status[1]) - first > STATUS_MONTHS


# ---- what leaves together
# --------------------------------------------------------------------------------------------------


def units(events: Sequence[_Placed], profile: Profile) -> Iterator[Unit]:
    """All behaviours of a history (ascending by log index) that leave at some time."""
    made = repairs_of(events)
    accounts: dict[tuple[str, str], list[tuple[int, et.Status]]] = defaultdict(list)
    months: dict[tuple[str, str, str, int], list[_Placed]] = defaultdict(list)
    cases: dict[tuple[str, str, str], list[_Placed]] = defaultdict(list)
    for index, event in events:
        if touches_repair(event):
            continue
        stands = None if index in made.void else made.standing(index, event)
        if isinstance(stands, et.Status):
            accounts[stands.furnisher, stands.account].append((index, stands))
        elif isinstance(stands, et.Community) and stands.status != "on_time":
            months[stands.furnisher, stands.type, stands.account, month_of(stands.day)].append(
                (index, stands)
            )
        elif isinstance(event, _RECORDS):
            record: Any = event if stands is None else stands
            cases[record.furnisher, RECORD_GROUPS[type(record)], record.case].append((index, record))
            continue
        if event.negative and (stands is None or not stands.negative):
            last_day = event.day if stands is None else max(event.day, stands.day)
            yield _alone(index, add_months(last_day, profile.negative_months), made)
    for statuses in accounts.values():
        if not any(index in made.disputed for index, _ in statuses):
            yield from _episodes(statuses, profile.negative_months)
    for reports in months.values():
        last_day = max(event.day for _, event in reports)
        yield _together(reports, add_months(last_day, profile.negative_months), made)
    for (_, group, _), reports in cases.items():
        kept = profile.insolvency_months if group == "insolvency" else profile.negative_months
        yield _together(reports, _case_leaves_on(reports, kept, made), made)


def _alone(index: int, leaves_on: str, made: Repairs) -> Unit:
    return Unit(NEVER if index in made.disputed else leaves_on, [index])


def _together(reports: list[_Placed], leaves_on: str, made: Repairs) -> Unit:
    indices = [index for index, _ in reports]
    return Unit(NEVER if made.disputed.intersection(indices) else leaves_on, indices)


def _episodes(statuses: list[tuple[int, et.Status]], negative_months: int) -> Iterator[Unit]:
    """The episodes of an account, as the score sees them, but over more than the months that a file keeps."""
    worst: dict[int, str] = {}
    last_day: dict[int, str] = {}
    for _, status in statuses:
        month = month_of(status.day)
        worst[month] = max(worst.get(month, "0"), STATUS_CODES[status.status])
        if status.negative:
            last_day[month] = max(last_day.get(month, ""), status.day)
    first = min(worst)
    codes = "".join(worst.get(month, "-") for month in range(first, max(worst) + 1))
    late = [Late(month, day, day) for month, day in sorted(last_day.items())]
    for episode in episodes_of((first, codes), late, negative_months):
        months = {entry.month for entry in late[episode.start : episode.stop]}
        indices = [i for i, status in statuses if status.negative and month_of(status.day) in months]
        yield Unit(episode.leaves_on, indices)


def _case_leaves_on(reports: list[_Placed], kept_months: int, made: Repairs) -> str:
    """The first settlement and so many months; what is open stays; what was retracted whole goes by its own days."""
    standing = [event for index, event in reports if index not in made.void]
    settled = [event.day for event in standing if isinstance(event, SETTLEMENTS)]
    if settled:
        return add_months(min(settled), kept_months)
    return NEVER if standing else add_months(max(event.day for _, event in reports), kept_months)


def _with_followers(events: Sequence[_Placed], indices: Iterable[int]) -> set[int]:
    """These events and all repairs and statements about them, and repairs of those."""
    going = set(indices)
    for index, event in events:
        if getattr(event, "target", None) in going:
            going.add(index)
    return going


def _in_safe_order(placed: _Placed) -> tuple[int, int]:
    index, event = placed
    return (2 if hasattr(event, "target") else int(isinstance(event, SETTLEMENTS))), index
