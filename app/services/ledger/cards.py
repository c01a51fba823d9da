"""Scorecards in the ledger: publishing one, which is in force, and what readers see of them (R37).

A card is a document in the database, known by its SHA-256, and so is its validation report. A notice publishes both in
a role and from a day on; `app.core.log.governance` says which card blocks of that day use. Publishing only admits a notice,
so it works while the sequencer runs, whose next block of that day or a later one scores everybody anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

import orjson

from app.core import fields
from app.core.errors import ConflictError, FormatError, NotFoundError, RefusedError, RuleError
from app.core.log import notices
from app.core.log.block import Block
from app.core.log.governance import challenger_in_force, in_force
from app.core.log.notices import NO_REPORT, ScorecardPublished
from app.core.scoring.scorecard import parse_card
from app.db import admission, ledger

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from app.core.log.notices import CardRole
    from app.core.scoring.scorecard import Card
    from app.db.session import Connection
    from app.services.bureau import Bureau

REPORT_BYTES_MAX = 4 << 20
UNPLACED = 2**53
"""Stands for the log index of a notice that no block has taken in yet: behind all that have one."""

Published = list[tuple[int, ScorecardPublished]]  # (log index, notice), in admission order
_FITTED = "fitted-1"  # the newest in app/core/cards


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published: a card's document, its role, the first day of its use, and its validation report, if any."""

    document: bytes
    role: CardRole
    from_day: dt.date
    report: bytes | None = None


@dataclass(frozen=True, slots=True)
class PublishedCard:
    """One publication as readers see it. `index` is None until a block has taken the notice in."""

    scorecard: str
    name: str
    role: CardRole
    from_day: str
    report: str | None
    index: int | None
    in_force: bool


def published_cards(connection: Connection) -> Published:
    """Every admitted notice that publishes a card."""
    rows = admission.notices_with(connection, b'"notice":"scorecard_published"')
    decoded = [
        (UNPLACED + number if index is None else index, notices.decode(payload))
        for number, (_, payload, index) in enumerate(rows)
    ]
    return [(index, notice) for index, notice in decoded if isinstance(notice, ScorecardPublished)]


def fitted_card() -> tuple[bytes, bytes]:
    """(document, validation report) of the fitted card that the product ships; docs/scorecard/ says how it was made."""
    folder = resources.files("app.core").joinpath("cards")
    return (
        folder.joinpath(f"{_FITTED}.json").read_bytes(),
        folder.joinpath(f"{_FITTED}.report.json").read_bytes(),
    )


def publish_card(connection: Connection, publication: Publication, now: dt.datetime) -> bytes:
    """Store the documents and admit the notice; the card's hash. Raises FormatError, RuleError, ConflictError."""
    card = parse_card(publication.document)
    digest = card.hash
    report = NO_REPORT if publication.report is None else _check_report(publication.report, digest)
    notice = notices.scorecard_published(digest, publication.role, publication.from_day, now, report=report)
    admission.lock_out_admissions(connection)
    _check_from(connection, notice)
    if notice.role == "champion" and report == NO_REPORT:
        _check_reported(connection, card)
    ledger.store_document(connection, digest, publication.document)
    if publication.report is not None:
        ledger.store_document(connection, report, publication.report)
    admission.insert_notice(connection, notices.encode(notice))
    return digest


def _check_report(report: bytes, scorecard: bytes) -> bytes:
    """The report's SHA-256. Any JSON object will do, but what `credence scorecard validate` wrote is of one card only."""
    if len(report) > REPORT_BYTES_MAX:
        raise FormatError(f"a validation report has at most {REPORT_BYTES_MAX:,} bytes")
    try:
        content = orjson.loads(report)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"the validation report is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise FormatError("the validation report is not a JSON object")
    if content.get("kind") == "scorecard-validation":
        about = content.get("card")
        named = about.get("scorecard") if isinstance(about, dict) else None
        if named != scorecard.hex():
            message = f"the validation report is about the scorecard {named}, not about {scorecard.hex()}"
            raise RuleError(message, code="other-card")
    return sha256(report).digest()


def _check_reported(connection: Connection, card: Card) -> None:
    """Who is scored by fitted points can read how good they were found to be, then or before (R37)."""
    fitted = any(criterion.source == "fitted" for criterion in card.contents.criteria)
    reported = any(
        notice.scorecard == card.hash.hex() and fields.hex32(notice.report) != NO_REPORT
        for _, notice in published_cards(connection)
    )
    if fitted and not reported:
        message = "the card's points are fitted: it becomes champion with its validation report only"
        raise RuleError(message, code="no-report")


def _check_from(connection: Connection, notice: ScorecardPublished) -> None:
    """No day that has its block already, and not the same again."""
    newest = ledger.newest_block(connection)
    day = fields.format_day(Block.parse(newest.entry).as_of) if newest else ""
    if notice.from_ < day:
        message = (
            f"the newest block is of {day}, and the past is not scored again: `from` may be {day} or later"
        )
        raise RuleError(message, code="past-day")
    standing = in_force(published_cards(connection), notice.from_, notice.role)
    if standing is not None and (standing.from_, standing.scorecard) == (notice.from_, notice.scorecard):
        message = f"this card is published as {notice.role} from {notice.from_} on already"
        raise ConflictError(message, code="card-published")


def card_in_force(
    connection: Connection, placed: Iterable[tuple[int, notices.Notice]], day: dt.date
) -> tuple[bytes, bytes]:
    """(hash, document) of the card that a block of this day behind these notices uses. Raises RefusedError."""
    published = in_force(placed, fields.format_day(day))
    if published is None:
        message = f"no scorecard is published for {day}, so no score can be made"
        raise RefusedError(message, code="no-scorecard")
    digest = fields.hex32(published.scorecard)
    document = ledger.document(connection, digest)
    if document is None:
        message = f"the scorecard {published.scorecard} is not stored: run `credence audit`"
        raise RefusedError(message, code="no-scorecard")
    return digest, document


# ---- what readers see


def list_cards(bureau: Bureau) -> list[PublishedCard]:
    """Every publication in admission order; in force is what the newest published block used, or was scored beside it."""
    with bureau.transaction() as connection:
        published = ledger.newest_publication(connection)
        cards = published_cards(connection)
        names = {n.scorecard: _name(ledger.document(connection, fields.hex32(n.scorecard))) for _, n in cards}
    current: list[ScorecardPublished | None] = []
    if published is not None:
        block = published[0]
        day = fields.format_day(Block.parse(block.entry).as_of)
        placed = [(index, n) for index, n in cards if index < block.tree_size]
        current = [in_force(placed, day), challenger_in_force(placed, day)]
    return [
        PublishedCard(
            scorecard=notice.scorecard,
            name=names[notice.scorecard],
            role=notice.role,
            from_day=notice.from_,
            report=None if fields.hex32(notice.report) == NO_REPORT else notice.report,
            index=index if index < UNPLACED else None,
            in_force=any(notice is each for each in current),
        )
        for index, notice in cards
    ]


def _name(document: bytes | None) -> str:
    try:
        return parse_card(document or b"").name
    except FormatError:  # a damaged row: the audit says so
        return ""


def card(connection: Connection, scorecard: str) -> Card:
    """The card that a score was made with. Raises NotFoundError."""
    return parse_card(_document(connection, scorecard))


def published_document(bureau: Bureau, scorecard: str) -> bytes:
    """The exact bytes of a published card. Raises NotFoundError."""
    with bureau.transaction() as connection:
        return document_of(connection, scorecard)


def document_of(connection: Connection, scorecard: str) -> bytes:
    """The same within a transaction."""
    _publications(connection, scorecard)
    return _document(connection, scorecard)


def published_report(bureau: Bureau, scorecard: str) -> bytes:
    """The exact bytes of the newest validation report that was published with a card. Raises NotFoundError."""
    with bureau.transaction() as connection:
        reports = [notice.report for notice in _publications(connection, scorecard)]
        for report in reversed(reports):
            if fields.hex32(report) != NO_REPORT:
                return _document(connection, report)
    message = f"no validation report was published with the scorecard {scorecard}"
    raise NotFoundError(message, code="no-report")


def _publications(connection: Connection, scorecard: str) -> list[ScorecardPublished]:
    found = [notice for _, notice in published_cards(connection) if notice.scorecard == scorecard]
    if not found:
        message = f"no scorecard {scorecard!r} was published in this ledger"
        raise NotFoundError(message, code="unknown-scorecard")
    return found


def _document(connection: Connection, digest: str) -> bytes:
    document = ledger.document(connection, fields.hex32(digest))
    if document is None:
        raise NotFoundError(
            f"the document {digest} is not stored: run `credence audit`", code="lost-document"
        )
    return document
