"""Seats, the one-time links that open them, and the sessions of who sits there. Working tables beside the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from app.db.session import Connection


class SeatRow(NamedTuple):
    """A seat; `ended_at` is None while somebody may sit there."""

    id: int
    organisation: str
    role: str
    label: str
    ended_at: datetime | None


class SessionRow(NamedTuple):
    """A session of a seat, known by a number that opens nothing."""

    id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


_COLUMNS = "id, organisation, role, label, ended_at"


def add(connection: Connection, organisation: str, role: str, label: str, now: datetime) -> SeatRow:
    """A new seat."""
    row = connection.execute(
        f"INSERT INTO seats (organisation, role, label, created_at) VALUES (%s, %s, %s, %s) RETURNING {_COLUMNS}",  # noqa: S608
        (organisation, role, label, now),
    ).fetchone()
    assert row is not None
    return SeatRow(*row)


def find(connection: Connection, organisation: str, role: str, label: str) -> SeatRow | None:
    """The seat of this name that has not ended."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM seats WHERE (organisation, role, label) = (%s, %s, %s) AND ended_at IS NULL",  # noqa: S608
        (organisation, role, label),
    ).fetchone()
    return None if row is None else SeatRow(*row)


def by_id(connection: Connection, seat: int, *, keep: bool = False) -> SeatRow | None:
    """A seat; with `keep` it cannot end before this transaction does."""
    query = f"SELECT {_COLUMNS} FROM seats WHERE id = %s" + (" FOR SHARE" if keep else "")  # noqa: S608
    row = connection.execute(query, (seat,)).fetchone()
    return None if row is None else SeatRow(*row)


def all_seats(connection: Connection) -> list[SeatRow]:
    """Every seat, ended ones too."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM seats ORDER BY id").fetchall()  # noqa: S608
    return [SeatRow(*row) for row in rows]


def end(connection: Connection, seat: int, now: datetime) -> bool:
    """Nobody sits there any more: no link opens it, and its sessions are over. False when it was so before."""
    ended = connection.execute(
        "UPDATE seats SET ended_at = %s WHERE id = %s AND ended_at IS NULL", (now, seat)
    ).rowcount
    connection.execute("DELETE FROM seat_links WHERE seat = %s", (seat,))
    connection.execute("DELETE FROM seat_sessions WHERE seat = %s", (seat,))
    return ended == 1


def add_link(connection: Connection, token_hash: bytes, seat: int, expires_at: datetime) -> None:
    """Remember a one-time link by the hash of its token."""
    connection.execute(
        "INSERT INTO seat_links (token_hash, seat, expires_at) VALUES (%s, %s, %s)",
        (token_hash, seat, expires_at),
    )


def use_link(connection: Connection, token_hash: bytes, now: datetime) -> int | None:
    """Use a link up; its seat, or None when it is unknown, used or expired. What has expired goes on the way."""
    row = connection.execute(
        "DELETE FROM seat_links WHERE token_hash = %s AND expires_at > %s RETURNING seat", (token_hash, now)
    ).fetchone()
    connection.execute("DELETE FROM seat_links WHERE expires_at <= %s", (now,))
    return None if row is None else int(row[0])


def add_session(
    connection: Connection, token_hash: bytes, seat: int, now: datetime, expires_at: datetime
) -> None:
    """Somebody sits down; what has expired goes on the way."""
    connection.execute("DELETE FROM seat_sessions WHERE expires_at <= %s", (now,))
    connection.execute(
        "INSERT INTO seat_sessions (token_hash, seat, created_at, seen_at, expires_at)"
        " VALUES (%(hash)s, %(seat)s, %(now)s, %(now)s, %(end)s)",
        {"hash": token_hash, "seat": seat, "now": now, "end": expires_at},
    )


def seen(
    connection: Connection, token_hash: bytes, now: datetime, idle: timedelta
) -> tuple[SeatRow, int] | None:
    """(seat, number of the session) of a session that is neither over nor idle for longer, which is seen now; else None."""
    row = connection.execute(
        "UPDATE seat_sessions l SET seen_at = greatest(seen_at, %(now)s) FROM seats s WHERE l.token_hash = %(hash)s"
        " AND l.expires_at > %(now)s AND l.seen_at > %(now)s - %(idle)s AND s.id = l.seat AND s.ended_at IS NULL"
        " RETURNING s.id, s.organisation, s.role, s.label, s.ended_at, l.id",
        {"now": now, "hash": token_hash, "idle": idle},
    ).fetchone()
    return None if row is None else (SeatRow(*row[:5]), int(row[5]))


def sessions(connection: Connection, seat: int, now: datetime, idle: timedelta) -> list[SessionRow]:
    """The sessions of a seat that are neither over nor idle for longer, newest first."""
    rows = connection.execute(
        "SELECT id, created_at, seen_at, expires_at FROM seat_sessions"
        " WHERE seat = %(seat)s AND expires_at > %(now)s AND seen_at > %(now)s - %(idle)s ORDER BY id DESC",
        {"seat": seat, "now": now, "idle": idle},
    ).fetchall()
    return [SessionRow(*row) for row in rows]


def end_session(connection: Connection, seat: int, session: int) -> bool:
    """End a session of a seat; False when it has none of this number."""
    return (
        connection.execute("DELETE FROM seat_sessions WHERE seat = %s AND id = %s", (seat, session)).rowcount
        == 1
    )
