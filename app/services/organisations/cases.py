"""Cases for a person (R36): a citizen asks, a clerk takes the case, may look at the file, answers, and it is closed.

    waiting -> taken -> answered          and back to waiting when the clerk gives it back

What both write is sealed under the citizen's data key. The clerk who took a case opens the citizen's record for a
quarter of an hour at a time, and each opening is a `look` in the ledger, which the citizen sees (R16). Nobody else at the
bureau can: not another clerk, and nobody without a case.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.errors import ConflictError, DamagedError, NotFoundError, RuleError
from app.core.state import sealing
from app.db import cases as rows
from app.services.citizens.links import hold, identifier_of, person_by_id
from app.services.organisations import looks, seats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db.cases import CaseRow
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person
    from app.services.organisations.seats import Seat

ABOUT: Final = ("decision", "entry", "mixed", "look", "other")
"""A bank's decision; an entry of the record; somebody else's entries in it; a look at it; something else."""

TEXT_CHARS_MAX: Final = 4_000
OPEN_MAX: Final = 5
SHOWN_MAX: Final = 200
LOOK: Final = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as its citizen, or its clerk, sees it; `question` and `answer` are empty once their keys were destroyed."""

    id: int
    about: str
    opened_at: dt.datetime
    state: str
    question: str
    answer: str
    closed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case as the queue shows it: nothing of what was written."""

    id: int
    about: str
    opened_at: dt.datetime
    clerk: str | None
    mine: bool
    closed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Desk:
    """A case in front of a clerk. `citizen` is for opening the record, when `is_open`."""

    case: Case
    clerk: str | None
    mine: bool
    identifier: str
    citizen: int
    is_open: bool


def ask(bureau: Bureau, citizen_id: int, about: str, text: str) -> int:
    """A citizen asks for a person; the case's number. Raises RuleError."""
    if about not in ABOUT:
        raise RuleError("choose what it is about", code="unknown-subject")
    _check_text(text)
    with bureau.transaction() as connection:
        person = hold(bureau, connection, citizen_id)
        if sum(row.closed_at is None for row in rows.of_citizen(connection, citizen_id)) >= OPEN_MAX:
            raise RuleError(f"{OPEN_MAX} of your cases wait for an answer already", code="too-many")
        number = rows.add(connection, citizen_id, about, bureau.now())
        _write(bureau, connection, person, number, "citizen", text)
    return number


def ask_on_paper(bureau: Bureau, seat: Seat, identifier: str, about: str, text: str) -> int:
    """A clerk enters what a citizen wrote on paper or said at the counter. Raises NotFoundError when there is no file."""
    _require_clerk(seat)
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
    return ask(bureau, person.id, about, text)


def of_citizen(bureau: Bureau, citizen_id: int) -> list[Case]:
    """A citizen's cases, newest first."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        return _cases(connection, person, rows.of_citizen(connection, citizen_id))


def queue(bureau: Bureau, seat: Seat) -> tuple[list[Waiting], list[Waiting]]:
    """(cases without an answer, oldest first; those that this clerk answered, newest first)."""
    _require_clerk(seat)
    with bureau.moment() as connection:
        names = seats.labels(connection)
        open_, closed = (
            [
                Waiting(
                    row.id,
                    row.about,
                    row.opened_at,
                    None if row.seat is None else names[row.seat],
                    row.seat == seat.id,
                    row.closed_at,
                )
                for row in found
            ]
            for found in (
                rows.unanswered(connection, SHOWN_MAX),
                rows.answered_by(connection, seat.id, SHOWN_MAX),
            )
        )
    return open_, closed


def desk(bureau: Bureau, seat: Seat, number: int) -> Desk:
    """A case; what was written in it only for the clerk who took it. Raises NotFoundError."""
    _require_clerk(seat)
    with bureau.moment() as connection:
        row = _row(connection, number)
        person = person_by_id(bureau, connection, row.citizen)
        mine = row.seat == seat.id
        (case,) = _cases(connection, person, [row], hidden=not mine)
        looked = row.looked_at is not None and row.looked_at > bureau.now() - LOOK
        return Desk(
            case,
            None if row.seat is None else seats.labels(connection)[row.seat],
            mine,
            identifier_of(connection, person) if mine and person.data_key else "",
            row.citizen,
            mine and looked and row.closed_at is None,
        )


def take(bureau: Bureau, seat: Seat, number: int) -> None:
    """A clerk takes a case. Raises NotFoundError, ConflictError when another one has it."""
    _require_clerk(seat)
    with bureau.transaction() as connection:
        row = _row(connection, number, keep=True)
        if row.seat == seat.id:
            return
        if row.seat is not None or row.closed_at is not None:
            raise ConflictError(f"case {number} is taken already", code="taken")
        rows.take(connection, number, seats.still_there(connection, seat.id).id)


def give_back(bureau: Bureau, seat: Seat, number: int) -> None:
    """The clerk gives a case back to the queue."""
    with bureau.transaction() as connection:
        _own_row(connection, seat, number)
        rows.take(connection, number, None)


def look(bureau: Bureau, seat: Seat, number: int) -> None:
    """The clerk opens the citizen's record: a look in the ledger, then a quarter of an hour to read."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        row = _own_row(connection, seat, number)
        person = person_by_id(bureau, connection, row.citizen)
        looks.record_look(bureau, connection, person, f"case-{number}")
        rows.looked(connection, number, bureau.now())


def open_record(bureau: Bureau, connection: Connection, seat: Seat, number: int) -> int:
    """The citizen whose record this clerk has open for a case. Raises ConflictError when it is not."""
    row = _own_row(connection, seat, number)
    if row.looked_at is None or row.looked_at <= bureau.now() - LOOK:
        raise ConflictError("the record is not open: look at it first", code="not-looked")
    return row.citizen


def answer(bureau: Bureau, seat: Seat, number: int, text: str) -> None:
    """The clerk answers, and the case is closed."""
    _check_text(text)
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        row = _own_row(connection, seat, number)
        person = person_by_id(bureau, connection, row.citizen)
        _write(bureau, connection, person, number, "clerk", text)
        rows.close(connection, number, bureau.now())


def _require_clerk(seat: Seat) -> None:
    if seat.role != "clerk":
        raise RuleError("cases are for clerks", code="not-a-clerk")


def _row(connection: Connection, number: int, *, keep: bool = False) -> CaseRow:
    row = rows.by_id(connection, number, keep=keep)
    if row is None:
        raise NotFoundError(f"there is no case {number}")
    return row


def _own_row(connection: Connection, seat: Seat, number: int) -> CaseRow:
    """A case that this clerk has taken and not answered; nobody else changes it meanwhile."""
    _require_clerk(seat)
    row = _row(connection, number, keep=True)
    if row.seat != seat.id or row.closed_at is not None:
        raise ConflictError(f"case {number} is not yours: take it first", code="not-yours")
    seats.still_there(connection, seat.id)
    return row


def _check_text(text: str) -> None:
    if not 1 <= len(text) <= TEXT_CHARS_MAX or not text.replace("\n", " ").isprintable():
        raise RuleError(f"write 1 to {TEXT_CHARS_MAX:,} characters that can be printed", code="bad-text")


def _write(  # noqa: PLR0917 - a text with its place
    bureau: Bureau, connection: Connection, person: Person, number: int, author: str, text: str
) -> None:
    if not person.data_key:
        raise RuleError("this citizen's file was erased", code="erased")
    sealed = sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), text.encode())
    rows.add_text(connection, number, person.id, author, bureau.now(), sealed)


def _cases(
    connection: Connection, person: Person, found: Sequence[CaseRow], *, hidden: bool = False
) -> list[Case]:
    written: dict[tuple[int, str], str] = {}
    for text in [] if hidden else rows.texts(connection, [row.id for row in found]):
        try:
            written[text.case, text.author] = sealing.unseal(person.data_key, text.sealed).decode()
        except DamagedError:
            continue  # its key was destroyed with the rest of the file
    return [
        Case(
            row.id,
            row.about,
            row.opened_at,
            "answered" if row.closed_at else "taken" if row.seat else "waiting",
            written.get((row.id, "citizen"), ""),
            written.get((row.id, "clerk"), ""),
            row.closed_at,
        )
        for row in found
    ]
