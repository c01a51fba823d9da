"""R8, no re-ageing: late reports of one episode agree on the day of first delinquency, with each other and with all made
before.

Retracted and disputed reports count here: taking one back and reporting anew must not make a debt younger. What was ever
reported of an account stands in the citizen's folded file, in one place and however long the history is, unless something
was taken back or has left its windows; only then is every event of the citizen read again:

    file was never repaired                         corrections, retractions and disputes change what it says
    account's first month within 120 of its newest  older codes are dropped
    account is in the file, or there is room        of one furnisher's accounts the file keeps the first 200
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.errors import LineProblem
from app.core.months import month_of
from app.core.reporting import events as event_formats
from app.core.scoring import episodes, folded, repairs
from app.core.state import account_state, sealing
from app.db import admission, state

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

FIRST_EVENT_LINE = 2


def check(
    bureau: Bureau, connection: Connection, furnisher: str, events: Sequence[event_formats.Event]
) -> list[LineProblem]:
    """The late reports in a batch that would move a first delinquency. Locks their accounts until the transaction ends."""
    status = event_formats.Status
    reports = [(line, event) for line, event in enumerate(events, FIRST_EVENT_LINE) if type(event) is status]
    late: dict[tuple[str, str], list[tuple[int, str, int]]] = defaultdict(list)
    for line, event in reports:
        if event.first_delinquent_on is not None:
            late[event.citizen, event.account].append((month_of(event.day), event.first_delinquent_on, line))
    if not late:
        return []
    on_time: dict[tuple[str, str], set[int]] = defaultdict(set)
    for _, event in reports:
        if event.first_delinquent_on is None and (event.citizen, event.account) in late:
            on_time[event.citizen, event.account].add(month_of(event.day))
    admission.lock_accounts(connection, furnisher, late)
    persons = bureau.people.find(connection, {citizen for citizen, _ in late})
    wanted: dict[int, set[str]] = defaultdict(set)
    for citizen, account in late:
        if citizen in persons:
            wanted[persons[citizen].id].add(account)
    past = ever_reported(connection, {p.id: p for p in persons.values()}, furnisher, wanted)
    problems = []
    for (citizen, account), told in late.items():
        good, before = on_time[citizen, account], Reported()
        if citizen in persons:
            before = past.get((persons[citizen].id, account), before)
        good = (good | before.on_time) - before.standing  # in a month with both, late stands
        known = {month: day for month, day in before.late.items() if month not in good}
        good -= {month for month, _, _ in told}
        for position, stands in episodes.contradictions(good, known, [(m, day) for m, day, _ in told]):
            detail = f"first_delinquent_on of account {account} is {stands} in this episode and cannot move"
            problems.append(LineProblem(told[position][2], "R8", detail))
    return sorted(problems, key=lambda problem: problem.line)


@dataclass(slots=True)
class Reported:
    """What one furnisher ever reported of one account, by month: on time, late (with the earliest first delinquency),
    and those late reports that were not retracted.
    """

    on_time: set[int] = field(default_factory=set)
    late: dict[int, str] = field(default_factory=dict)
    standing: set[int] = field(default_factory=set)

    def add(self, event: event_formats.Status, *, retracted: bool = False) -> None:
        """One more report."""
        month, first = month_of(event.day), event.first_delinquent_on
        if first is not None:
            self.late[month] = min(self.late.get(month, first), first)
            if not retracted:
                self.standing.add(month)
        elif not retracted:
            self.on_time.add(month)


def ever_reported(
    connection: Connection,
    persons: Mapping[int, Person],
    furnisher: str,
    wanted: Mapping[int, Collection[str]],
) -> dict[tuple[int, str], Reported]:
    """(citizen number, account) -> what this furnisher ever reported of the wanted accounts, in a block or not."""
    past: dict[tuple[int, str], Reported] = {}
    files: dict[int, folded.File] = {}
    blocks: dict[int, int] = {}
    for loaded in state.load_accounts(connection, list(wanted)):
        blocks[loaded.citizen], files[loaded.citizen] = -1, folded.File()
        if loaded.block is not None and loaded.sealed is not None:
            opened = sealing.read(persons[loaded.citizen].data_key, loaded.sealed, account_state.decode)
            blocks[loaded.citizen], files[loaded.citizen] = (
                loaded.block,
                folded.reopen_file(bytes(opened.file)),
            )
    waiting = _opened(persons, state.events_behind(connection, blocks))
    incomplete = []
    for citizen, accounts in wanted.items():
        new = waiting.get(citizen, [])
        told = {account: in_file(files[citizen], furnisher, account) for account in accounts}
        if None in told.values() or any(repairs.touches_repair(event) for _, event in new):
            incomplete.append(citizen)
            continue
        for account, reported in told.items():
            assert reported is not None
            past[citizen, account] = reported
        for _, event in new:
            if (
                type(event) is event_formats.Status
                and event.furnisher == furnisher
                and event.account in accounts
            ):
                past[citizen, event.account].add(event)
    return past | _from_history(connection, persons, furnisher, incomplete)


def in_file(file: folded.File, furnisher: str, account: str) -> Reported | None:
    """What a folded file says was ever reported of an account; None when the file may not hold all of it."""
    if file.repaired:
        return None
    kept = file.accounts.get(f"{furnisher}:{account}")
    if kept is None:
        own = sum(name.startswith(f"{furnisher}:") for name in file.accounts)
        return Reported() if own < folded.NAMES_MAX else None
    if kept.status is None:
        return Reported()
    first, codes = kept.status
    if kept.first is None or first + len(codes) - kept.first > folded.STATUS_MONTHS:
        return None
    late = {row.month: row.first_delinquent_on for row in kept.late}
    return Reported({first + n for n, code in enumerate(codes) if code == "0"}, late, set(late))


def _from_history(
    connection: Connection, persons: Mapping[int, Person], furnisher: str, citizens: Sequence[int]
) -> dict[tuple[int, str], Reported]:
    """`ever_reported` of these citizens' accounts from all their events."""
    past: dict[tuple[int, str], Reported] = defaultdict(Reported)
    if not citizens:
        return past
    rows = state.events_of_citizens(connection, citizens)
    index_by_place = {(row.batch, row.position): index for row, index, _ in rows}
    for citizen, history in _opened(persons, [row for row, _, _ in rows]).items():
        retracted = {event.target for _, event in history if isinstance(event, event_formats.Retraction)}
        for row, event in history:
            if type(event) is event_formats.Status and event.furnisher == furnisher:
                index = index_by_place[row.batch, row.position]
                past[citizen, event.account].add(event, retracted=index in retracted)
    return past


def _opened(
    persons: Mapping[int, Person], rows: Iterable[state.LoadedEvent]
) -> dict[int, list[tuple[state.LoadedEvent, event_formats.Event]]]:
    """By citizen, rows with their events; destroyed bodies left out."""
    found: dict[int, list[tuple[state.LoadedEvent, event_formats.Event]]] = defaultdict(list)
    for row in rows:
        if row.sealed is not None:
            event = sealing.read(persons[row.citizen].data_key, row.sealed, event_formats.decode_stored)
            found[row.citizen].append((row, event))
    return found
