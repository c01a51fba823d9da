"""Proposals and what became of them: both append-only, and a proposal is decided at most once (its key)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.db.session import single

if TYPE_CHECKING:
    from datetime import datetime

    from app.db.session import Connection


class ProposalRow(NamedTuple):
    """A proposal with its decision, whose three parts are None while it is open."""

    id: int
    body: bytes
    proposed_by: int
    proposed_at: datetime
    expires_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    outcome: str | None


_SELECT = """
    SELECT p.id, p.body, p.seat, p.proposed_at, p.expires_at, d.seat, d.decided_at, d.outcome
    FROM proposals p LEFT JOIN decisions d ON d.proposal = p.id """


def add(connection: Connection, body: bytes, seat: int, now: datetime, expires_at: datetime) -> int:
    """A new proposal; its number."""
    query = "INSERT INTO proposals (body, seat, proposed_at, expires_at) VALUES (%s, %s, %s, %s) RETURNING id"
    return int(single(connection, query, (body, seat, now, expires_at)))


def decide(connection: Connection, proposal: int, seat: int, now: datetime, outcome: str) -> None:
    """Raises UniqueViolation when it is decided already; waits for who is deciding it."""
    connection.execute(
        "INSERT INTO decisions (proposal, seat, decided_at, outcome) VALUES (%s, %s, %s, %s)",
        (proposal, seat, now, outcome),
    )


def by_id(connection: Connection, proposal: int) -> ProposalRow | None:
    """One proposal."""
    row = connection.execute(_SELECT + "WHERE p.id = %s", (proposal,)).fetchone()
    return None if row is None else ProposalRow(*row)


def newest(connection: Connection, limit: int) -> list[ProposalRow]:
    """The newest proposals first."""
    rows = connection.execute(_SELECT + "ORDER BY p.id DESC LIMIT %s", (limit,)).fetchall()
    return [ProposalRow(*row) for row in rows]
