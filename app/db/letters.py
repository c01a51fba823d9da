"""The table of letters of adverse action. Beside the ledger."""

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


_COLUMNS = "number, bank, citizen, answer, requested_at"


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
