"""A citizen's own record: the score and how it is made, every event with its place in the ledger, every look."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from app.core import advice, card_texts, folded, retention, sealing
from app.core import events as event_formats
from app.core.block import Block
from app.core.event_base import COMMON_FIELDS
from app.core.months import add_months
from app.core.profiles import PROFILES
from app.db import ledger, state
from app.services import cards, history, proofs, simulation
from app.services.links import person_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.account_state import AccountState, Opaque
    from app.core.advice import Advice, Months
    from app.core.scorecard import CardCriterion, Row
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.people import Person

LOOKS = frozenset({"inquiry", "answer", "look", "refusal"})


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One line of the receipt, in words."""

    id: str
    bin: int
    name: str
    bin_label: str
    reason: str
    points: int
    max: int


@dataclass(frozen=True, slots=True)
class EventView:
    """One event; `log_index` and `block` are None while it waits for the next block."""

    log_index: int | None
    block: int | None
    day: str
    type: str
    furnisher: str
    negative: bool
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RemovedView:
    """An event whose time is over: its plaintext was destroyed on `day`, or (None) will be within a day."""

    log_index: int
    reason: str
    day: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that a citizen's page shows. `events` and `looks` are newest first, `removed` is in the order of the log.

    `advice` is what would help, `first_score` when a file without a score would have one.
    """

    identifier: str
    score: int | None
    insufficient: tuple[str, ...]
    as_of: str
    until: str
    block: int
    block_time: dt.datetime
    base: int
    criteria: list[CriterionView]
    reasons: list[str]
    advice: tuple[Advice, ...]
    first_score: Months | None
    events: list[EventView]
    looks: list[EventView]
    removed: list[RemovedView]
    flags: dict[str, Any]

    @property
    def last_day(self) -> str:
        """The last day for which the score stands if nothing new is reported."""
        return (dt.date.fromisoformat(self.until) - dt.timedelta(days=1)).isoformat()


def record(bureau: Bureau, citizen_id: int, language: str = "en") -> Record:
    """The record as of the newest published block. Raises NotFoundError while the citizen is in no block."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        at = proofs.snapshot(bureau, connection)
        _, opened = proofs.account_at(connection, person, at)
        score, receipt = orjson.loads(bytes(opened.score)), orjson.loads(bytes(opened.receipt))
        card = cards.card(connection, score["scorecard"])
        over = _over(bureau, connection, person, opened)
        views, removed, identifier = _views(connection, person, at.block.number, opened.opaque, over)
    block = Block.parse(at.block.entry)
    today, shown_months = bureau.today(), PROFILES[bureau.genesis.profile].inquiry_shown_months
    standing = simulation.standing_at(bureau, at, opened, card)
    has_score = "score" in score
    return Record(
        identifier=identifier,
        score=score.get("score"),
        insufficient=tuple(score.get("insufficient", ())),
        as_of=score["as_of"],
        until=score["until"],
        block=block.number,
        block_time=block.time,
        base=receipt["base"],
        criteria=[
            _criterion(criterion, row, language)
            for criterion, row in zip(
                card.contents.criteria, receipt["criteria"], strict=bool(receipt["criteria"])
            )
        ],
        reasons=receipt["reasons"],
        advice=advice.advice_for(*standing) if has_score else (),
        first_score=None if has_score else advice.first_score(*standing),
        events=[view for view in views if view.type not in LOOKS],
        looks=[view for view in views if view.type in LOOKS and add_months(view.day, shown_months) > today],
        removed=removed,
        flags=orjson.loads(bytes(opened.flags)),
    )


def _criterion(criterion: CardCriterion, row: Row, language: str) -> CriterionView:
    name, number, points, most = row
    assert name == criterion.id, "a receipt has the criteria of its card, in order"
    return CriterionView(
        id=name,
        bin=number,
        name=card_texts.criterion_name(name, language),
        bin_label=card_texts.bin_label(criterion, number, language),
        reason=card_texts.reason_sentence(criterion, number, language),
        points=points,
        max=most,
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
    views, removed, identifier = [], [], ""
    gone = {part.position: part for part in opaque}
    for position, (row, log_index, block) in enumerate(state.events_of_citizens(connection, [person.id])):
        if row.sealed is None:
            if log_index is not None and position in gone:
                removed.append(RemovedView(log_index, gone[position].reason, gone[position].day))
            continue
        line = sealing.unseal(person.data_key, row.sealed)
        event = event_formats.decode_stored(line)
        identifier = event.citizen
        if log_index is not None and log_index in over:
            removed.append(RemovedView(log_index, retention.REASON, None))
            continue
        published = block is not None and block <= newest_block
        views.append(
            EventView(
                log_index=log_index if published else None,
                block=block if published else None,
                day=event.day,
                type=event_formats.type_of(event),
                furnisher=event.furnisher,
                negative=event_formats.is_negative(event),
                fields={
                    name: value for name, value in orjson.loads(line).items() if name not in COMMON_FIELDS
                },
            )
        )
    views.reverse()
    views.sort(key=lambda view: view.day, reverse=True)
    return views, removed, identifier


def block_times(bureau: Bureau, numbers: set[int]) -> dict[int, dt.datetime]:
    """When these blocks were made."""
    with bureau.transaction() as connection:
        stored = [ledger.block_by_number(connection, number) for number in numbers]
    return {block.number: Block.parse(block.entry).time for block in stored if block is not None}
