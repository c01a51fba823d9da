"""Disputes (R23-R28): what a citizen sees of them, what their furnishers are given, and silence at the end of the clock.

    of_citizen(bureau, citizen)      every dispute of a citizen with its state, deadline and outcome
    for_furnisher(bureau, note)      the open disputes about a furnisher's items, evidence and all (R24)
    close_overdue(bureau)            silence on the last day resolves a dispute for the citizen (R25)

Filing is the citizen's own signed event `dispute_opened`; it flags the item from its receipt on. The furnisher answers with
a batch: `dispute_closed`, with a `correction` or `retraction` where the citizen was right. On the day after the last, an item
that was mended meanwhile is closed as `corrected`; one that nobody stood by as `deadline`, and what it says has no effect any
more (`core.scoring.repairs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.errors import NotFoundError
from app.core.exchange.request_note import DisputesNote
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.scoring import disputes, repairs
from app.core.scoring.fold import fold_history
from app.core.scoring.profiles import PROFILES
from app.db import admission, disputing
from app.services import requests
from app.services.banks import recipients
from app.services.citizens import evidence, simulation
from app.services.citizens.links import hold, person_by_id
from app.services.ledger import history, intake
from app.services.ledger.own_events import own_batch, own_event
from app.services.one_by_one import OneByOne

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.core.reporting.event_base import Event
    from app.core.reporting.evidence import EvidenceFile
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.evidence import OpenedFile
    from app.services.citizens.people import Person

    History = list[tuple[int, Event]]

ROLES: Final = ("lender", "utility", "public_body")
AT_ONCE: Final = 100
EVIDENCE_BYTES_AT_ONCE: Final = 16 << 20
REASONS: Final = {
    "deadline": "Nobody answered by {day}, the last day. What the item says has no effect any more.",
    "corrected": "The item was corrected or withdrawn by its furnisher before {day}, the last day, ended.",
}


@dataclass(frozen=True, slots=True)
class View:
    """A dispute with the item that it is about: as it stands now, None once its plaintext was destroyed."""

    dispute: disputes.Dispute
    item: Event | None
    taken_out: bool
    days: int
    extension_days: int
    evidence: tuple[EvidenceFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """What a furnisher is given: the item, what is said to be wrong with it, and every file that was handed in."""

    number: int
    citizen: str
    item: int
    event_id: str
    filed_on: dt.date
    due_on: dt.date
    said: tuple[tuple[str, str], ...]
    evidence: tuple[tuple[str, tuple[OpenedFile, ...]], ...]


def of_citizen(bureau: Bureau, citizen_id: int) -> list[View]:
    """A citizen's disputes, newest first, also those that no block holds yet."""
    profile = PROFILES[bureau.genesis.profile]
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        events = history.with_waiting(connection, person)
        made, by_index = repairs.repairs_of(events), dict(events)
        views = []
        for dispute in disputes.disputes_of(events, profile):
            item = by_index.get(dispute.item)
            views.append(
                View(
                    dispute,
                    None if item is None else made.standing(dispute.item, item),
                    dispute.item in made.taken_out,
                    profile.dispute_days,
                    profile.dispute_extension_days if dispute.extended else 0,
                    _files(connection, person, dispute),
                )
            )
    return views[::-1]


def _files(connection: Connection, person: Person, dispute: disputes.Dispute) -> tuple[EvidenceFile, ...]:
    if not dispute.evidence:
        return ()
    filed = evidence.filed(connection, person, dispute.item)
    return tuple(each.known for name in dispute.evidence for each in filed.get(bytes.fromhex(name), ()))


@dataclass(frozen=True, slots=True)
class Item:
    """An entry that its citizen may dispute, as it stands now; `open_` is the dispute about it that is under way."""

    index: int
    event: Event
    open_: disputes.Dispute | None
    due_on: dt.date
    days: int


def item_of(bureau: Bureau, citizen_id: int, index: int) -> Item:
    """The entry at a log index. NotFoundError when it is none of this citizen's, never disputed, or out already."""
    profile, today = PROFILES[bureau.genesis.profile], bureau.local_day(bureau.now())
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        events = history.with_waiting(connection, person)
    made, event = repairs.repairs_of(events), dict(events).get(index)
    if event is None or index >= history.UNPLACED_INDEX or index in made.void or not _is_disputable(event):
        raise NotFoundError("there is no entry of yours here that can be disputed", code="no-item")
    open_ = [d for d in disputes.disputes_of(events, profile) if d.item == index and d.closed is None]
    current = open_[-1] if open_ else None
    due_on = disputes.due_on(today, profile, extended=False) if current is None else current.due_on
    return Item(index, made.standing(index, event), current, due_on, profile.dispute_days)


class Lowered(NamedTuple):
    """A score, and what it would be while an entry is in dispute."""

    now: int
    then: int


def lowered(bureau: Bureau, citizen_id: int, index: int) -> Lowered | None:
    """By how much a dispute about the entry at this log index would lower the citizen's score; None when it would not.

    No dispute takes a score away, and none about what is negative or can only help lowers it. But an opening, a statement or
    a closing can speak for the citizen, and is left out too. Whoever disputes should know that before signing.
    """
    standing = simulation.standing(bureau, citizen_id)
    with bureau.moment() as connection:
        events = history.with_waiting(connection, person_by_id(bureau, connection, citizen_id))
    event = dict(events)[index]
    common = {
        name: getattr(event, name) for name in ("v", "ledger", "furnisher", "id", "citizen", "nonce", "day")
    }
    opened = types.DisputeOpened(**common, target=index, ground="other")
    now, then = (
        standing._replace(file=fold_history(log)).scored().score
        for log in (events, [*events, (events[-1][0] + 1, opened)])
    )
    return None if now is None or then is None or then >= now else Lowered(now, then)


def _is_disputable(event: Event) -> bool:
    return event_formats.type_of(event) in event_formats.DISPUTABLE and not isinstance(
        event, types.Correction
    )


def statements_of(
    bureau: Bureau, citizen_id: int
) -> list[tuple[int | None, types.CitizenStatement, Event | None]]:
    """A citizen's statements, newest first: (log index or None, statement, the entry that it is about or None)."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        events = history.with_waiting(connection, person)
    by_index = dict(events)
    return [
        (
            index if index < history.UNPLACED_INDEX else None,
            event,
            None if event.target is None else by_index.get(event.target),
        )
        for index, event in reversed(events)
        if isinstance(event, types.CitizenStatement)
    ]


# ---- the furnisher
# --------------------------------------------------------------------------------------------------


def for_furnisher(bureau: Bureau, note: bytes) -> list[Case]:
    """The next open disputes for the furnisher that signed this note. Raises FormatError, SignatureError."""
    request = DisputesNote.parse(note)
    requests.check_origin(bureau, request.origin)
    with bureau.transaction() as connection:
        requests.check_signature(bureau, connection, ROLES[0], request.name, request.time, note, *ROLES[1:])
        return cases_of(bureau, connection, request.name, request.number)


def cases_of(bureau: Bureau, connection: Connection, furnisher: str, after: int = 0) -> list[Case]:
    """Open disputes about a furnisher's items with numbers above `after`: a page of them, at least one if there is one."""
    bureau.people.hold(connection)
    found: list[Case] = []
    size = 0
    for row in disputing.open_of_furnisher(connection, furnisher, after, AT_ONCE):
        person = person_by_id(bureau, connection, row.citizen)
        case = _case(bureau, connection, person, row)
        if case is None:
            continue
        size += sum(len(each.data) for _, files in case.evidence for each in files)
        if found and size > EVIDENCE_BYTES_AT_ONCE:
            break
        found.append(case)
    return found


def case_of(bureau: Bureau, furnisher: str, number: int) -> Case:
    """One open dispute about a furnisher's item. Raises NotFoundError."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        for row in disputing.open_of_furnisher(connection, furnisher, number - 1, 1):
            case = _case(bureau, connection, person_by_id(bureau, connection, row.citizen), row)
            if row.number == number and case is not None:
                return case
    raise NotFoundError("no such dispute is open about what you reported", code="no-dispute")


def _case(bureau: Bureau, connection: Connection, person: Person, row: disputing.Dispute) -> Case | None:
    """None when the item's plaintext is gone."""
    events = history.with_waiting(connection, person)
    by_index = dict(events)
    open_ = [
        d
        for d in disputes.disputes_of(events, PROFILES[bureau.genesis.profile])
        if d.item == row.item and not d.closed
    ]
    if row.item not in by_index or not open_:
        return None
    filed = evidence.filed(connection, person, row.item)
    item, dispute = by_index[row.item], open_[-1]
    return Case(
        number=row.number,
        citizen=item.citizen,
        item=row.item,
        event_id=item.id,
        filed_on=dispute.filed_on,
        due_on=dispute.due_on,
        said=tuple((each.ground, each.text or "") for each in dispute.opened),
        evidence=tuple((name, tuple(filed.get(bytes.fromhex(name), ()))) for name in dispute.evidence),
    )


# ---- the clock
# --------------------------------------------------------------------------------------------------


def close_overdue(bureau: Bureau) -> int:
    """R25: close for the citizen what nobody answered in time; how many disputes that were. One that cannot be closed does
    not keep the others open: PartlyDoneError comes behind them.
    """
    closed, after, many = 0, 0, OneByOne()
    while True:
        with bureau.transaction() as connection:
            rows = disputing.overdue(connection, bureau.local_day(bureau.now()), AT_ONCE, after)
        if not rows:
            break
        for row in rows:
            after = row.number
            with many.one():
                closed += _close(bureau, row)
    many.raise_failed(closed)
    return closed


def _close(bureau: Bureau, row: disputing.Dispute) -> bool:
    """False when somebody was quicker."""
    with bureau.transaction() as connection:
        person = hold(bureau, connection, row.citizen)
        events = history.with_waiting(connection, person)
        by_index = dict(events)
        item = by_index.get(row.item)
        if item is not None:
            admission.lock_access(connection, [item.citizen])
        current = disputing.open_dispute(connection, person.id, row.item)
        if current is None or current.number != row.number:
            return False
        if item is None:  # its plaintext is gone, and with it every effect
            disputing.close(connection, row.number, bureau.local_day(bureau.now()), "destroyed")
            return True
        outcome = "corrected" if _mended(events, row.item) else "deadline"
        reason = REASONS[outcome].format(day=row.due_on.isoformat())
        more = {"target": row.item, "outcome": outcome, "reason": reason}
        line = own_event(bureau, "dispute_closed", item.citizen, more, timed=False)
        checked = own_batch(bureau, bureau.register(connection), f"dispute-{row.number}", line)
        intake.store(bureau, connection, [checked])
        recipients.tell(bureau, connection, checked.events)
    return True


def _mended(events: Sequence[tuple[int, Event]], item: int) -> bool:
    """Whether the item was corrected or retracted since its dispute was filed."""
    filed = max(
        index
        for index, e in events
        if isinstance(e, types.DisputeOpened) and _about(events, e.target) == item
    )
    return any(
        index > filed and _about(events, e.target) == item
        for index, e in events
        if isinstance(e, types.Correction | types.Retraction)
    )


def _about(events: Sequence[tuple[int, Event]], target: int) -> int:
    event = dict(events).get(target)
    return event.target if isinstance(event, types.Correction) else target
