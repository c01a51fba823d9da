"""The table of a challenger's scores: for a card and a citizen, the account version that was scored and the sealed result.

Beside the ledger: rows are replaced when the account has a newer version, and deleted with the challenger. They are
sealed under the citizen's data key, so they end with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db.session import Connection


@dataclass(frozen=True, slots=True)
class Version:
    """The newest version of an account, with the citizen's wrapped keys; `beside` is what the challenger made of it."""

    citizen: int
    key: bytes
    wrapped: bytes
    block: int
    sealed: bytes
    beside: bytes | None = None


# laterals, so that the newest version is one look-up a citizen
_NEWEST = """
    FROM citizens c JOIN citizen_keys k ON k.citizen = c.id
    JOIN LATERAL (SELECT block, sealed FROM account_bodies WHERE citizen = c.id ORDER BY block DESC LIMIT 1) AS b ON true
    LEFT JOIN challenger_scores s ON s.scorecard = %(scorecard)s AND s.citizen = c.id"""
_STALE = " (s.block IS NULL OR s.block < b.block)"


def count_stale(connection: Connection, scorecard: bytes) -> int:
    """How many accounts have a newer version than the one that was scored."""
    query = "SELECT count(*)" + _NEWEST + " WHERE" + _STALE
    return int(single(connection, query, {"scorecard": scorecard}))


def stale(connection: Connection, scorecard: bytes, after: int, limit: int) -> list[Version]:
    """Such accounts of citizens with numbers above `after`, ascending."""
    query = (
        "SELECT c.id, c.key, k.wrapped, b.block, b.sealed"
        + _NEWEST
        + " WHERE c.id > %(after)s AND"
        + _STALE
        + " ORDER BY c.id LIMIT %(limit)s"
    )
    found = {"scorecard": scorecard, "after": after, "limit": limit}
    rows = connection.execute(query, found, binary=True).fetchall()
    return [Version(row[0], bytes(row[1]), bytes(row[2]), row[3], bytes(row[4])) for row in rows]


def both(connection: Connection, scorecard: bytes, after: int, limit: int) -> list[Version]:
    """Newest versions of citizens with numbers above `after`; `beside` only where the challenger scored that version."""
    query = (
        "SELECT c.id, c.key, k.wrapped, b.block, b.sealed, CASE s.block WHEN b.block THEN s.sealed END"
        + _NEWEST
        + " WHERE c.id > %(after)s ORDER BY c.id LIMIT %(limit)s"
    )
    found = {"scorecard": scorecard, "after": after, "limit": limit}
    rows = connection.execute(query, found, binary=True).fetchall()
    return [Version(r[0], bytes(r[1]), bytes(r[2]), r[3], bytes(r[4]), r[5] and bytes(r[5])) for r in rows]


def store(connection: Connection, scorecard: bytes, rows: Sequence[tuple[int, int, bytes]]) -> None:
    """Store (citizen, block, sealed), in the place of what was there."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO challenger_scores (scorecard, citizen, block, sealed) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (scorecard, citizen) DO UPDATE SET block = excluded.block, sealed = excluded.sealed"
            " WHERE challenger_scores.block <= excluded.block",
            [(scorecard, *row) for row in rows],
        )


def delete_others(connection: Connection, scorecard: bytes | None) -> int:
    """Delete the scores by every other card, and those of citizens whose keys were destroyed; how many."""
    query = (
        "DELETE FROM challenger_scores s WHERE s.scorecard IS DISTINCT FROM %s::bytea"
        " OR NOT EXISTS (SELECT FROM citizen_keys k WHERE k.citizen = s.citizen)"
    )
    return connection.execute(query, (scorecard,)).rowcount
