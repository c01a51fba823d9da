"""The table of letters of adverse action, and the answer that one is about. Beside the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.db.session import Connection


class LetterRow(NamedTuple):
    """That a bank asked for a letter; `answer` is the event's id."""

    number: int
    bank: str
    citizen: int
    answer: UUID
    requested_at: datetime


class EventRow(NamedTuple):
    """An event by its id; `log_index` is None while no block holds it, `sealed` once its body was destroyed."""

    citizen: int
    log_index: int | None
    sealed: bytes | None


_COLUMNS = "number, bank, citizen, answer, requested_at"


def event_by_id(connection: Connection, furnisher: str, event_id: UUID) -> EventRow | None:
    """A furnisher's event."""
    query = """
        SELECT e.citizen, p.first_index + 1 + e.position, b.sealed
        FROM furnishers f JOIN events e ON e.furnisher = f.id AND e.event_id = %s
        LEFT JOIN placements p ON p.admission = e.batch
        LEFT JOIN event_bodies b ON b.batch = e.batch AND b.position = e.position
        WHERE f.name = %s"""
    row = connection.execute(query, (event_id, furnisher), binary=True).fetchone()
    return None if row is None else EventRow(row[0], row[1], row[2] and bytes(row[2]))


def add(  # noqa: PLR0917 - the columns
    connection: Connection, bank: str, citizen: int, answer: UUID, note: str, now: datetime
) -> tuple[LetterRow, bool]:
    """(the letter, whether it is a new one): an answer has one, and the first note for it stays."""
    added = connection.execute(
        "INSERT INTO letters (bank, citizen, answer, note, requested_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (answer) DO NOTHING",
        (bank, citizen, answer, note, now),
    ).rowcount
    row = connection.execute(f"SELECT {_COLUMNS} FROM letters WHERE answer = %s", (answer,)).fetchone()  # noqa: S608
    assert row is not None
    return LetterRow(*row), added == 1


def by_number(connection: Connection, number: int) -> LetterRow | None:
    """One letter."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM letters WHERE number = %s", (number,)).fetchone()  # noqa: S608
    return None if row is None else LetterRow(*row)


def of_citizen(connection: Connection, citizen: int) -> list[LetterRow]:
    """Newest first."""
    query = f"SELECT {_COLUMNS} FROM letters WHERE citizen = %s ORDER BY number DESC"  # noqa: S608
    return [LetterRow(*row) for row in connection.execute(query, (citizen,)).fetchall()]


def of_bank(connection: Connection, bank: str, limit: int) -> list[LetterRow]:
    """Newest first."""
    query = f"SELECT {_COLUMNS} FROM letters WHERE bank = %s ORDER BY number DESC LIMIT %s"  # noqa: S608
    return [LetterRow(*row) for row in connection.execute(query, (bank, limit)).fetchall()]
