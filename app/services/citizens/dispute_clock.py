"""The clock of disputes and erasures, which intake winds up whichever way an event came; and what R25 and R28 forbid.

    filed    a dispute_opened: its last day is the day it was filed on and the profile's `dispute_days` (R25)
    more     another dispute_opened about the same item, with evidence, while it is open: once, `dispute_extension_days` more
    ends     a dispute_closed, by the furnisher, or by the bureau when the last day is over (`services.citizens.disputes`)
    erase    an erasure, to be carried out after its days of cooling off (R40, `services.citizens.erasure`)
    back     a correction that certifies the item, with notice to the citizen, puts back what a dispute took out (R28)

"filed on 3 November + 20 days = 23 November": silence on the 23rd still is none; on the 24th the dispute is the citizen's.
The table says nothing that events do not say; it is there so that nobody has to open files to see what is due.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from app.core.errors import LineProblem
from app.core.months import month_of
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.scoring.disputes import due_on
from app.core.scoring.fold import RECORD_GROUPS
from app.core.scoring.profiles import PROFILES
from app.core.scoring.repairs import FOR_THE_CITIZEN, certifies
from app.core.state import erasure, sealing
from app.db import disputing, erasing, state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.db.disputing import Dispute
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

FIRST_EVENT_LINE = 2
_MOVES = (types.DisputeOpened, types.DisputeClosed, types.Correction)
Slot = tuple[str, ...]


def follow(
    bureau: Bureau,
    connection: Connection,
    people: Mapping[str, Person],
    events: Sequence[event_formats.Event],
) -> None:
    """Wind the clock by events that are being stored."""
    if event_formats.any_of(events, (types.Erasure,)):
        for event in events:
            if isinstance(event, types.Erasure):
                asked_on = dt.date.fromisoformat(event.day)
                erasing.ask(connection, people[event.citizen].id, asked_on, erasure.due_on(event.day))
    if not event_formats.any_of(events, _MOVES):
        return
    for event in events:
        if isinstance(event, _MOVES):
            person = people[event.citizen]
            found = item_of(connection, person, event.target)
            if found is not None:
                _follow(bureau, connection, person, found, event)


def item_of(connection: Connection, person: Person, target: int) -> tuple[int, str] | None:
    """(log index, furnisher) of the item that a repair is about: of a correction, the event that it corrects."""
    found = state.event_at(connection, target)
    if found is None or found[0].sealed is None or found[0].citizen != person.id:
        return None
    event = sealing.read(person.data_key, found[0].sealed, event_formats.decode_stored)
    return (event.target if isinstance(event, types.Correction) else target), found[1]


def _follow(
    bureau: Bureau,
    connection: Connection,
    person: Person,
    found: tuple[int, str],
    event: types.DisputeOpened | types.DisputeClosed | types.Correction,
) -> None:
    item, furnisher = found
    profile = PROFILES[bureau.genesis.profile]
    current = disputing.open_dispute(connection, person.id, item)
    today = bureau.local_day(bureau.now())  # the events' own days may be earlier
    if isinstance(event, types.DisputeOpened):
        filed_on = dt.date.fromisoformat(event.day)
        if current is None:
            last = due_on(filed_on, profile, extended=False)
            disputing.file(connection, person.id, item, furnisher, filed_on, last)
        elif profile.dispute_extension_days and event.evidence is not None and not current.extended:
            disputing.extend(connection, current.number, due_on(current.filed_on, profile, extended=True))
        if event.evidence is not None:
            disputing.file_evidence(connection, person.id, item, bytes.fromhex(event.evidence))
        disputing.forget_draft(connection, person.id, item)
    elif isinstance(event, types.DisputeClosed):
        if current is not None:
            disputing.close(connection, current.number, today, event.outcome)
    else:
        since = _taken_out(connection, person.id, item)
        if since and all(certifies(event, _day(each)) for each in since):
            disputing.reinsert(connection, [each.number for each in since], today)


# ---- what is refused
# --------------------------------------------------------------------------------------------------


def check(
    bureau: Bureau, connection: Connection, furnisher: str, events: Sequence[event_formats.Event]
) -> list[LineProblem]:
    """R25: only the bureau says that a deadline passed. R28: what was taken out comes back certified and told, or never."""
    concerned = {event.citizen for event in events if event.negative}
    if event_formats.any_of(events, _MOVES):
        concerned.update(event.citizen for event in events if isinstance(event, _MOVES))
    if not concerned:
        return []
    persons = bureau.people.find(connection, concerned)
    out: dict[int, list[Dispute]] = {}
    for each in disputing.taken_out(connection, [p.id for p in persons.values()], FOR_THE_CITIZEN):
        out.setdefault(each.citizen, []).append(each)
    if not out and not event_formats.any_of(events, (types.DisputeClosed,)):
        return []
    problems = []
    for line, event in enumerate(events, FIRST_EVENT_LINE):
        if (
            isinstance(event, types.DisputeClosed)
            and event.outcome == "deadline"
            and furnisher != bureau.signer.name
        ):
            problems.append(LineProblem(line, "R25", "only the bureau says that a deadline has passed"))
        person = persons.get(event.citizen)
        if person is not None and person.id in out:
            detail = _reinsertion(connection, person, out[person.id], event)
            if detail:
                problems.append(LineProblem(line, "R28", detail))
    return problems


def _reinsertion(
    connection: Connection, person: Person, out: Sequence[Dispute], event: event_formats.Event
) -> str:
    """Why an event may not put back what disputes took out; empty when it may, or does not."""
    if isinstance(event, _MOVES):
        found = item_of(connection, person, event.target)
        about = [each for each in out if found is not None and each.item == found[0]]
        if not about or (isinstance(event, types.Correction) and _may_stand(event, about)):
            return ""
        what = f"target {event.target} was taken out on {_day(about[-1])} after a dispute"
        if isinstance(event, types.DisputeOpened):
            return f"{what}: there is nothing left to dispute"
        return f"{what}; only a correction whose notified_on is not before that day puts it back"
    if not event.negative:
        return ""
    notified_on = getattr(event, "notified_on", None)
    for each in out:
        if (
            notified_on is not None
            and notified_on < _day(each)
            and _slot_at(connection, person, each) == _slot(event)
        ):
            return (
                f"this was taken out on {_day(each)} after a dispute; it can be reported anew only when the citizen"
                " was told so on that day or later (notified_on)"
            )
    return ""


def _may_stand(event: types.Correction, about: Sequence[Dispute]) -> bool:
    """Certified and told; or a correction to what is not negative, which puts nothing back by itself."""
    return "notified_on" not in event.fields or all(certifies(event, _day(each)) for each in about)


def _taken_out(connection: Connection, citizen: int, item: int) -> list[Dispute]:
    found = disputing.taken_out(connection, [citizen], FOR_THE_CITIZEN)
    return [each for each in found if each.item == item]


def _day(dispute: Dispute) -> str:
    assert dispute.closed_on is not None, "what was taken out was closed"
    return dispute.closed_on.isoformat()


def _slot_at(connection: Connection, person: Person, dispute: Dispute) -> Slot | None:
    found = state.event_at(connection, dispute.item)
    if found is None or found[0].sealed is None:
        return None
    return _slot(sealing.read(person.data_key, found[0].sealed, event_formats.decode_stored))


def _slot(event: event_formats.Event) -> Slot | None:
    """What a negative report speaks about: an account's or meter's month, or a case. None of what is not negative."""
    if isinstance(event, types.Status):
        return event.furnisher, event.account, str(month_of(event.day))
    if isinstance(event, types.Community):
        return event.furnisher, event.type, event.account, str(month_of(event.day))
    group = RECORD_GROUPS.get(type(event))
    return None if group is None else (event.furnisher, group, getattr(event, "case", ""))
