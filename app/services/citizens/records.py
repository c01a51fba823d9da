"""A citizen's entries: everything that was reported or done, what was said about each of it since, and every look (R16).

    read = records.entries(bureau, citizen_id)
    read.items[0].about          disputes, corrections and statements about the newest item, oldest first

An item stands with what came after it: a correction is no line of its own, but the newest state of the line that it is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from app.core.log.block import Block
from app.core.months import add_months
from app.core.reporting import events as event_formats
from app.core.reporting.event_base import COMMON_FIELDS
from app.core.scoring import folded, repairs
from app.core.scoring.profiles import PROFILES
from app.core.state import retention, sealing
from app.db import ledger, state
from app.services.citizens.links import person_by_id
from app.services.ledger import history
from app.services.proving import proofs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.core.state.account_state import AccountState, Opaque
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

LOOKS = frozenset({"inquiry", "answer", "look", "refusal"})
REPAIRS = frozenset({"dispute_opened", "dispute_closed", "correction", "retraction", "citizen_statement"})


@dataclass(slots=True)
class EventView:
    """One event; `log_index` and `block` are None while it waits for the next block. `about` has what was said of it since
    and, below an answer, the question. `state`: `retracted`, `taken_out` (nobody stood by it), `disputed`, `corrected` or
    nothing; `speaks_against`: it is negative as it stands now.
    """

    log_index: int | None
    block: int | None
    day: str
    type: str
    furnisher: str
    negative: bool
    fields: dict[str, Any]
    commitment: str
    speaks_against: bool
    state: str = ""
    about: list[EventView] = field(default_factory=list)

    @property
    def is_disputable(self) -> bool:
        """Whether its citizen may say that it is wrong, and has not."""
        return (
            self.log_index is not None
            and self.type in event_formats.DISPUTABLE
            and self.state not in ("disputed", "retracted", "taken_out")
        )


@dataclass(frozen=True, slots=True)
class RemovedView:
    """An event whose time is over: its plaintext was destroyed on `day`, or (None) will be within a day."""

    log_index: int
    reason: str
    day: str | None


@dataclass(frozen=True, slots=True)
class Entries:
    """Everything up to this second. `items` and `looks` are newest first, `removed` in the order of the log."""

    identifier: str
    items: list[EventView]
    looks: list[EventView]
    removed: list[RemovedView]
    tree_size: int


def entries(bureau: Bureau, citizen_id: int) -> Entries:
    """The entries as of the newest published block. Raises NotFoundError while the citizen is in no block."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        at = proofs.snapshot(bureau, connection)
        _, opened = proofs.account_at(connection, person, at)
        over = _over(bureau, connection, person, opened)
        views, removed, identifier = _views(connection, person, at.block.number, opened.opaque, over)
    today, shown_months = bureau.today(), PROFILES[bureau.genesis.profile].inquiry_shown_months
    looks = _with_questions([view for view in views if view.type in LOOKS])
    return Entries(
        identifier=identifier,
        items=_newest_first(_with_repairs([view for view in views if view.type not in LOOKS])),
        looks=_newest_first([view for view in looks if add_months(view.day, shown_months) > today]),
        removed=removed,
        tree_size=at.block.tree_size,
    )


def _over(bureau: Bureau, connection: Connection, person: Person, opened: AccountState) -> set[int]:
    """What is past its retention today and not destroyed yet: it is shown no more (R10)."""
    if not retention.may_hold(folded.reopen_file(bytes(opened.file))):
        return set()
    profile = PROFILES[bureau.genesis.profile]
    return retention.past(history.whole_history(connection, person), bureau.today(), profile)


def _views(
    connection: Connection, person: Person, newest_block: int, opaque: Sequence[Opaque], over: set[int]
) -> tuple[list[EventView], list[RemovedView], str]:
    """(what can be read, in the order of the log; what is gone; whose it is)."""
    views, removed, identifier = [], [], ""
    history: list[tuple[int, event_formats.Event]] = []
    gone = {part.position: part for part in opaque}
    for position, (row, log_index, block) in enumerate(state.events_of_citizens(connection, [person.id])):
        if row.sealed is None:
            if log_index is not None and position in gone:
                removed.append(RemovedView(log_index, gone[position].reason, gone[position].day))
            continue
        line, event = sealing.read(person.data_key, row.sealed, event_formats.line_and_event)
        identifier = event.citizen
        if log_index is not None:
            history.append((log_index, event))
        if log_index is not None and log_index in over:
            removed.append(RemovedView(log_index, retention.REASON, None))
            continue
        place = (log_index, block) if block is not None and block <= newest_block else (None, None)
        views.append(view_of(line, event, row.commitment, *place))
    _say_state(views, history)
    return views, removed, identifier


def view_of(
    line: bytes, event: event_formats.Event, commitment: bytes, log_index: int | None, block: int | None
) -> EventView:
    """One event as pages show it."""
    return EventView(
        log_index=log_index,
        block=block,
        day=event.day,
        type=event_formats.type_of(event),
        furnisher=event.furnisher,
        negative=event_formats.is_negative(event),
        fields={name: value for name, value in orjson.loads(line).items() if name not in COMMON_FIELDS},
        commitment=commitment.hex(),
        speaks_against=event_formats.is_negative(event),
    )


def _say_state(views: Sequence[EventView], events: Sequence[tuple[int, event_formats.Event]]) -> None:
    """What repairs have made of each entry, by the fold's own rules."""
    made, by_index = repairs.repairs_of(events), dict(events)
    for view in views:
        index = view.log_index
        if index is None or index not in by_index:
            continue
        if index in made.void:
            view.state = "taken_out" if index in made.taken_out else "retracted"
        elif index in made.disputed:
            view.state = "disputed"
        elif index in made.corrections and view.type != "correction":
            view.state = "corrected"
        standing = made.standing(index, by_index[index])
        view.speaks_against = index not in made.void and event_formats.is_negative(standing)


def _with_repairs(views: list[EventView]) -> list[EventView]:
    """Repairs move below what they are about; one whose item is gone or hidden stays where it is."""
    items: dict[int, EventView] = {}
    left = []
    for view in views:
        target = items.get(view.fields.get("target", -1)) if view.type in REPAIRS else None
        if target is None:
            left.append(view)
        else:
            target.about.append(view)
        if view.log_index is not None:
            # a dispute about a correction is about the event that it corrects
            items[view.log_index] = view if target is None else target
    return left


def _with_questions(looks: list[EventView]) -> list[EventView]:
    """A bank's question moves below its answer, or below the refusal: one look, one line."""
    asked = {view.commitment: view for view in looks if view.type == "inquiry"}
    left = []
    for view in looks:
        if view.type != "inquiry":
            question = asked.pop(str(view.fields.get("inquiry", "")), None)
            view.about += [] if question is None else [question]
            left.append(view)
    return [*left, *asked.values()]


def _newest_first(views: list[EventView]) -> list[EventView]:
    """By day, and within a day by place in the log; what waits for a block is the newest."""
    return sorted(
        views, key=lambda view: (view.day, view.log_index is None, view.log_index or 0), reverse=True
    )


def block_times(bureau: Bureau, numbers: set[int]) -> dict[int, dt.datetime]:
    """When these blocks were made."""
    with bureau.transaction() as connection:
        stored = [ledger.block_by_number(connection, number) for number in numbers]
    return {block.number: Block.parse(block.entry).time for block in stored if block is not None}
