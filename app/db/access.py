"""Sessions of citizens as they see them, drafts of what they are about to sign, and challenges of sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.db.session import Connection


class SessionRow(NamedTuple):
    """A session: `id` is for pages, `sealed` says how it began; both are nothing without the token."""

    id: UUID
    token_hash: bytes
    citizen: int
    begun_at: datetime
    sealed: bytes | None


class DraftRow(NamedTuple):
    """What one session is about to sign."""

    citizen: int
    sealed: bytes


_SESSION = "SELECT id, token_hash, citizen, begun_at, sealed FROM sessions "


def _session(row: tuple[UUID, bytes, int, datetime, bytes | None]) -> SessionRow:
    return SessionRow(row[0], bytes(row[1]), row[2], row[3], row[4] and bytes(row[4]))


def session_by_token(connection: Connection, token_hash: bytes, now: datetime) -> SessionRow | None:
    """The session of a token, unless it has expired."""
    row = connection.execute(
        _SESSION + "WHERE token_hash = %s AND expires_at > %s", (token_hash, now), binary=True
    ).fetchone()
    return None if row is None else _session(row)


def sessions_of(connection: Connection, citizen: int, now: datetime) -> list[SessionRow]:
    """A citizen's sessions that have not expired, newest first."""
    rows = connection.execute(
        _SESSION + "WHERE citizen = %s AND expires_at > %s ORDER BY begun_at DESC, id",
        (citizen, now),
        binary=True,
    ).fetchall()
    return [_session(row) for row in rows]


def reseal_session(connection: Connection, token_hash: bytes, old: bytes, new: bytes) -> bool:
    """Put what is known of a session anew; whether it was still `old`."""
    query = "UPDATE sessions SET sealed = %s WHERE token_hash = %s AND sealed = %s"
    return connection.execute(query, (new, token_hash, old)).rowcount > 0


def end_session(connection: Connection, citizen: int, session: UUID) -> bool:
    """End one of a citizen's sessions; whether there was one."""
    query = "DELETE FROM sessions WHERE citizen = %s AND id = %s"
    return connection.execute(query, (citizen, session)).rowcount > 0


def end_sessions_of_passkey(connection: Connection, citizen: int, passkey: bytes) -> None:
    """End a citizen's sessions that this passkey began, by its hash."""
    connection.execute("DELETE FROM sessions WHERE citizen = %s AND passkey = %s", (citizen, passkey))


def add_draft(  # noqa: PLR0917 - a row
    connection: Connection, draft: bytes, session: bytes, citizen: int, expires_at: datetime, sealed: bytes
) -> None:
    """Keep a draft; expired ones are swept out on the way."""
    connection.execute("DELETE FROM drafts WHERE expires_at < %s - interval '1 hour'", (expires_at,))
    connection.execute(
        "INSERT INTO drafts (id, session, citizen, expires_at, sealed) VALUES (%s, %s, %s, %s, %s)",
        (draft, session, citizen, expires_at, sealed),
    )


def draft(connection: Connection, draft: bytes, session: bytes, now: datetime) -> DraftRow | None:
    """A session's draft, unless it has expired."""
    row = connection.execute(
        "SELECT citizen, sealed FROM drafts WHERE id = %s AND session = %s AND expires_at > %s",
        (draft, session, now),
        binary=True,
    ).fetchone()
    return None if row is None else DraftRow(row[0], bytes(row[1]))


def drop_draft(connection: Connection, draft: bytes) -> None:
    """It was signed."""
    connection.execute("DELETE FROM drafts WHERE id = %s", (draft,))


def add_challenge(connection: Connection, challenge: bytes, expires_at: datetime) -> None:
    """Keep a challenge; expired ones are swept out on the way."""
    connection.execute("DELETE FROM challenges WHERE expires_at < %s - interval '1 hour'", (expires_at,))
    connection.execute("INSERT INTO challenges VALUES (%s, %s)", (challenge, expires_at))


def use_challenge(connection: Connection, challenge: bytes, now: datetime) -> bool:
    """Use a challenge up; whether it was there."""
    query = "DELETE FROM challenges WHERE challenge = %s AND expires_at > %s"
    return connection.execute(query, (challenge, now)).rowcount > 0
