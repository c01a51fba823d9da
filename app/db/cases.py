"""Cases for a person: who asked, who took it, when it was answered; what was written is sealed. Working tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.db.session import Connection


class CaseRow(NamedTuple):
    """A case; `seat` is the clerk's who took it, `looked_at` when that clerk last opened the record for it."""

    id: int
    citizen: int
    about: str
    opened_at: datetime
    seat: int | None
    looked_at: datetime | None
    closed_at: datetime | None


class TextRow(NamedTuple):
    """What was written in a case, by whom: `citizen` or `clerk`."""

    case: int
    author: str
    written_at: datetime
    sealed: bytes


_SELECT = "SELECT id, citizen, about, opened_at, seat, looked_at, closed_at FROM cases "


def add(connection: Connection, citizen: int, about: str, now: datetime) -> int:
    """A new case; its number."""
    query = "INSERT INTO cases (citizen, about, opened_at) VALUES (%s, %s, %s) RETURNING id"
    return int(single(connection, query, (citizen, about, now)))


def add_text(  # noqa: PLR0917 - a row
    connection: Connection, case: int, citizen: int, author: str, now: datetime, sealed: bytes
) -> None:
    """Something written, sealed under the citizen's data key."""
    connection.execute(
        'INSERT INTO case_texts ("case", citizen, author, written_at, sealed) VALUES (%s, %s, %s, %s, %s)',
        (case, citizen, author, now, sealed),
    )


def texts(connection: Connection, cases: Sequence[int]) -> list[TextRow]:
    """What was written in these cases, in order."""
    rows = connection.execute(
        'SELECT "case", author, written_at, sealed FROM case_texts WHERE "case" = ANY(%s) ORDER BY id',
        (list(cases),),
    ).fetchall()
    return [TextRow(row[0], row[1], row[2], bytes(row[3])) for row in rows]


def by_id(connection: Connection, case: int, *, keep: bool = False) -> CaseRow | None:
    """A case; with `keep` nobody else changes it before this transaction ends."""
    row = connection.execute(_SELECT + "WHERE id = %s" + (" FOR UPDATE" if keep else ""), (case,)).fetchone()
    return None if row is None else CaseRow(*row)


def of_citizen(connection: Connection, citizen: int) -> list[CaseRow]:
    """A citizen's cases, newest first."""
    rows = connection.execute(_SELECT + "WHERE citizen = %s ORDER BY id DESC", (citizen,)).fetchall()
    return [CaseRow(*row) for row in rows]


def unanswered(connection: Connection, limit: int) -> list[CaseRow]:
    """Cases without an answer, oldest first."""
    rows = connection.execute(_SELECT + "WHERE closed_at IS NULL ORDER BY id LIMIT %s", (limit,)).fetchall()
    return [CaseRow(*row) for row in rows]


def answered_by(connection: Connection, seat: int, limit: int) -> list[CaseRow]:
    """Cases that a clerk has answered, the newest answer first."""
    rows = connection.execute(
        _SELECT + "WHERE closed_at IS NOT NULL AND seat = %s ORDER BY closed_at DESC, id DESC LIMIT %s",
        (seat, limit),
    ).fetchall()
    return [CaseRow(*row) for row in rows]


def take(connection: Connection, case: int, seat: int | None) -> None:
    """A clerk takes a case, or (None) gives it back; whoever takes it has not looked yet."""
    connection.execute("UPDATE cases SET seat = %s, looked_at = NULL WHERE id = %s", (seat, case))


def looked(connection: Connection, case: int, now: datetime) -> None:
    """The record was opened for this case."""
    connection.execute("UPDATE cases SET looked_at = %s WHERE id = %s", (now, case))


def close(connection: Connection, case: int, now: datetime) -> None:
    """The case is answered."""
    connection.execute("UPDATE cases SET closed_at = %s WHERE id = %s", (now, case))
