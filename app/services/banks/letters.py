"""Letters of adverse action (R38): a bank says for one of its answers that it decided against the citizen.

    1. request   the bank's signed note names the answer by its id; it must be one that this bank was given
    2. kept      that there is a letter: bank, citizen, answer, note, moment. Nothing of what it says
    3. made      whenever somebody reads it, from the recorded answer and the account as of the answer's block

The bank and the citizen read the same letter. It tells the bank nothing beyond the answer, whose proof shows score and
receipt, so it is no look of its own. Where the account's plaintext was destroyed since, the letter says so.

CREDENCE_CONTACT says how people reach the bureau: an address, a telephone number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from app.core import fields
from app.core.errors import NotFoundError
from app.core.exchange import letter as papers
from app.core.exchange.request_note import LetterNote
from app.core.log.block import Block
from app.core.scoring.profiles import PROFILES
from app.db import ledger
from app.db import letters as rows
from app.services import address, pdf, requests
from app.services.banks import answers
from app.services.ledger import cards
from app.services.proving import proofs

if TYPE_CHECKING:
    from app.core.reporting import event_types as types
    from app.core.scoring.scorecard import CardCriterion
    from app.db.letters import LetterRow
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

ROLE = "bank"
LISTED_MAX = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """That there is a letter, for lists."""

    number: int
    bank: str
    answer: str
    day: str


def request(bureau: Bureau, note: bytes) -> tuple[Listed, bool]:
    """(the letter, whether it is a new one). Raises FormatError, SignatureError, NotFoundError."""
    asked = LetterNote.parse(note)
    requests.check_origin(bureau, asked.origin)
    with bureau.transaction() as connection:
        requests.check_signature(bureau, connection, ROLE, asked.bank, asked.time, note)
        about = UUID(asked.answer)
        person, _ = answers.answer(bureau, connection, about, asked.bank)
        row, fresh = rows.add(connection, asked.bank, person.id, about, note.decode(), bureau.now())
    return _listed(bureau, row), fresh


def of_citizen(bureau: Bureau, citizen_id: int) -> list[Listed]:
    """The letters about a citizen, newest first."""
    with bureau.transaction() as connection:
        return [_listed(bureau, row) for row in rows.of_citizen(connection, citizen_id)]


def of_bank(bureau: Bureau, bank: str) -> list[Listed]:
    """The letters that a bank asked for, newest first, the last LISTED_MAX."""
    with bureau.transaction() as connection:
        return [_listed(bureau, row) for row in rows.of_bank(connection, bank, LISTED_MAX)]


def letter(
    bureau: Bureau, number: int, *, bank: str | None = None, citizen_id: int | None = None
) -> papers.Letter:
    """A letter for its bank or its citizen. Raises NotFoundError, also when it is neither's."""
    with bureau.moment() as connection:
        row = rows.by_number(connection, number)
        if row is None or not (row.bank == bank or row.citizen == citizen_id):
            raise NotFoundError("there is no such letter", code="no-letter")
        return _made(bureau, connection, row)


def as_text(made: papers.Letter, language: str) -> bytes:
    """Plain text, UTF-8."""
    return papers.text(made, language).encode()


def as_pdf(made: papers.Letter, language: str) -> bytes:
    """A PDF. Raises PdfUnavailableError."""
    return pdf.render(papers.html(made, language))


def _listed(bureau: Bureau, row: LetterRow) -> Listed:
    return Listed(
        row.number, row.bank, str(row.answer), fields.format_day(bureau.local_day(row.requested_at))
    )


def _made(bureau: Bureau, connection: Connection, row: LetterRow) -> papers.Letter:
    person, answer = answers.answer(bureau, connection, row.answer, row.bank)
    stored = ledger.block_by_number(connection, answer.block)
    assert stored is not None, "an answer names a block that was published"
    profile = PROFILES[bureau.genesis.profile]
    return papers.Letter(
        bank=row.bank,
        bureau=bureau.origin,
        contact=address.contact(),
        purpose=answer.purpose,
        reference=str(row.answer),
        day=fields.format_day(bureau.local_day(row.requested_at)),
        answered_on=answer.day,
        scored_on=fields.format_day(Block.parse(stored.entry).as_of),
        score=answer.score,
        insufficient=answer.insufficient or (),
        reasons=_reasons(bureau, connection, person, answer),
        dispute_days=profile.dispute_days + profile.dispute_extension_days,
    )


def _reasons(
    bureau: Bureau, connection: Connection, person: Person, answer: types.Answer
) -> tuple[tuple[CardCriterion, int], ...] | None:
    """Of the receipt that the answer was made from; None when its plaintext was destroyed since."""
    try:
        at = proofs.snapshot_at(bureau, connection, answer.block)
        _, opened = proofs.account_at(connection, person, at)
    except NotFoundError as error:
        if error.code == "destroyed":
            return None
        raise
    receipt = orjson.loads(bytes(opened.receipt))
    card = cards.card(connection, orjson.loads(bytes(opened.score))["scorecard"])
    criteria = {criterion.id: criterion for criterion in card.contents.criteria}
    bins = {name: place for name, place, _, _ in receipt["criteria"]}
    return tuple((criteria[name], bins[name]) for name in receipt["reasons"])
