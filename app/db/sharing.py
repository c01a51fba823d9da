"""Ranges of their score that citizens show to somebody: a row a share, sealed but for its end and how often it was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from app.db.session import Connection


class ShareRow(NamedTuple):
    """`token_hash` is None until its citizen has signed."""

    id: bytes
    citizen: int
    sealed: bytes
    token_hash: bytes | None
    expires_at: datetime
    opened: int
    opened_at: datetime | None


_SELECT = "SELECT id, citizen, sealed, token_hash, expires_at, opened, opened_at FROM shares "


def _row(row: tuple[Any, ...]) -> ShareRow:
    return ShareRow(bytes(row[0]), row[1], bytes(row[2]), row[3] and bytes(row[3]), *row[4:])


def add(connection: Connection, share: bytes, citizen: int, sealed: bytes, expires_at: datetime) -> None:
    """A new one; what has ended is swept out on the way."""
    connection.execute("DELETE FROM shares WHERE expires_at < now() - interval '30 days'")
    connection.execute(
        "INSERT INTO shares (id, citizen, sealed, expires_at) VALUES (%s, %s, %s, %s)",
        (share, citizen, sealed, expires_at),
    )


def of_citizen(connection: Connection, citizen: int) -> list[ShareRow]:
    """All of a citizen's, the one that ends last first."""
    query = f"{_SELECT}WHERE citizen = %s ORDER BY expires_at DESC, id"
    return [_row(row) for row in connection.execute(query, (citizen,), binary=True).fetchall()]


def one(connection: Connection, citizen: int, share: bytes) -> ShareRow | None:
    """One of a citizen's."""
    query = f"{_SELECT}WHERE citizen = %s AND id = %s"
    row = connection.execute(query, (citizen, share), binary=True).fetchone()
    return None if row is None else _row(row)


def by_token(connection: Connection, token_hash: bytes, now: datetime) -> ShareRow | None:
    """The one behind a link, unless it has ended."""
    query = f"{_SELECT}WHERE token_hash = %s AND expires_at > %s"
    row = connection.execute(query, (token_hash, now), binary=True).fetchone()
    return None if row is None else _row(row)


def keep_signed(connection: Connection, share: bytes, sealed: bytes, token_hash: bytes) -> None:
    """Its citizen has signed: the link works from here on."""
    connection.execute(
        "UPDATE shares SET sealed = %s, token_hash = %s WHERE id = %s", (sealed, token_hash, share)
    )


def count_opening(connection: Connection, share: bytes, now: datetime) -> None:
    """Somebody has opened the link."""
    connection.execute("UPDATE shares SET opened = opened + 1, opened_at = %s WHERE id = %s", (now, share))


def end_all(connection: Connection, citizen: int) -> None:
    """None of a citizen's links works any more."""
    connection.execute("DELETE FROM shares WHERE citizen = %s", (citizen,))


def end(connection: Connection, citizen: int, share: bytes) -> bool:
    """The link works no more; whether there was one."""
    return (
        connection.execute("DELETE FROM shares WHERE citizen = %s AND id = %s", (citizen, share)).rowcount
        == 1
    )
