"""What a citizen sees first: the score as of the newest published block, how it is made, and what it was before.

    seen = overview.overview(bureau, citizen_id, "en")
    seen.score, seen.reasons, [(point.day, point.score) for point in seen.past]

The past comes from the versions of the account that blocks wrote. They are sealed, and when something is destroyed the
older ones go with it (R11): then the past begins there, and `is_cut` says so. Of many versions one a day is opened, of very
many one a month, so that the page costs the same for everybody.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from app.core.log.block import Block
from app.core.reporting import events as event_formats
from app.core.scoring import advice, card_texts
from app.core.state import account_state, sealing
from app.db import state
from app.services.citizens import simulation
from app.services.citizens.links import person_by_id
from app.services.ledger import cards
from app.services.proving import proofs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.scoring.advice import Advice, Months
    from app.core.scoring.scorecard import Card, CardCriterion, Row
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

POINTS_MAX = 36
"""As many versions are opened at most: three years of months."""


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
class Point:
    """The score at the end of a day on which it was written; None when the file was not sufficient. `is_new_card`: under
    another scorecard than the point before.
    """

    day: str
    score: int | None
    is_new_card: bool


@dataclass(frozen=True, slots=True)
class Past:
    """The score over time, oldest first. `is_cut`: there was more, and it was destroyed. `is_monthly`: one point a month."""

    points: tuple[Point, ...]
    is_cut: bool
    is_monthly: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """`advice` is what would help, `first_score` when a file without a score would have one. `paying`: by the card's own
    figures so many of 100 with this score pay what falls due within so many months.
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
    past: Past
    flags: dict[str, Any]
    paying: tuple[int, int] | None

    @property
    def last_day(self) -> str:
        """The last day for which the score stands if nothing new is reported."""
        return (dt.date.fromisoformat(self.until) - dt.timedelta(days=1)).isoformat()


def overview(bureau: Bureau, citizen_id: int, language: str = "en") -> Overview:
    """The overview as of the newest published block. Raises NotFoundError while the citizen is in no block."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        at = proofs.snapshot(bureau, connection)
        _, opened = proofs.account_at(connection, person, at)
        said, receipt = orjson.loads(bytes(opened.score)), orjson.loads(bytes(opened.receipt))
        card = cards.card(connection, said["scorecard"])
        past = _past(connection, person, at.block.number)
        identifier = _identifier(connection, person)
    block = Block.parse(at.block.entry)
    standing = simulation.standing_at(bureau, at, opened, card)
    has_score = "score" in said
    criteria = zip(card.contents.criteria, receipt["criteria"], strict=bool(receipt["criteria"]))
    return Overview(
        identifier=identifier,
        score=said.get("score"),
        insufficient=tuple(said.get("insufficient", ())),
        as_of=said["as_of"],
        until=said["until"],
        block=block.number,
        block_time=block.time,
        base=receipt["base"],
        criteria=[_criterion(criterion, row, language) for criterion, row in criteria],
        reasons=receipt["reasons"],
        advice=advice.advice_for(*standing) if has_score else (),
        first_score=None if has_score else advice.first_score(*standing),
        past=past,
        flags=orjson.loads(bytes(opened.flags)),
        paying=_paying(card, said.get("score")),
    )


def score(bureau: Bureau, citizen_id: int) -> int | None:
    """The score alone. Raises NotFoundError while the citizen is in no block."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        _, opened = proofs.account_at(connection, person, proofs.snapshot(bureau, connection))
    said: dict[str, Any] = orjson.loads(bytes(opened.score))
    return said.get("score")


def _paying(card: Card, score: int | None) -> tuple[int, int] | None:
    risk = card.contents.default_probability
    if score is None or risk is None:
        return None
    return round(100 * (1 - risk.of(score))), risk.horizon_months


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


def _identifier(connection: Connection, person: Person) -> str:
    """Who it is, out of any one event; nothing when none is left."""
    sealed = state.any_bodies_of(connection, [person.id]).get(person.id)
    return (
        "" if sealed is None else sealing.read(person.data_key, sealed, event_formats.decode_stored).citizen
    )


def _past(connection: Connection, person: Person, newest_block: int) -> Past:
    versions = state.versions_by_day(connection, person.id, newest_block)
    readable = [(day, block) for day, block, is_readable in versions if is_readable]
    chosen = thinned(readable)
    bodies = state.account_bodies(connection, person.id, [block for _, block in chosen])
    points: list[Point] = []
    card = ""
    for day, block in chosen:
        if block not in bodies:  # destroyed between the two questions
            continue
        said = orjson.loads(bytes(sealing.read(person.data_key, bodies[block], account_state.decode).score))
        points.append(Point(day, said.get("score"), card not in ("", said["scorecard"])))
        card = said["scorecard"]
    return Past(tuple(points), len(readable) < len(versions), len(chosen) < len(readable))


def thinned(versions: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The last version of each day or, when that is too much, of each month: the newest POINTS_MAX, oldest first."""
    if len(versions) > POINTS_MAX:
        versions = list({day[:7]: (day, block) for day, block in versions}.values())
    return list(versions[-POINTS_MAX:])
