"""What staff did for citizens by hand: append-only, with numbers of papers and nothing personal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from app.db.session import Connection


class ActRow(NamedTuple):
    """Somebody on a seat did something that rests on a paper."""

    seat: int
    acted_at: datetime
    act: str
    ref: str


def add(connection: Connection, seat: int, now: datetime, act: str, ref: str) -> None:
    """Write it down."""
    connection.execute(
        "INSERT INTO staff_acts (seat, acted_at, act, ref) VALUES (%s, %s, %s, %s)", (seat, now, act, ref)
    )


def newest(connection: Connection, limit: int) -> list[ActRow]:
    """The newest first."""
    rows = connection.execute(
        "SELECT seat, acted_at, act, ref FROM staff_acts ORDER BY id DESC LIMIT %s", (limit,)
    ).fetchall()
    return [ActRow(*row) for row in rows]
