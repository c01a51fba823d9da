"""Rows for the audit: whole tables in pages, as they are stored, nothing interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db.session import Connection

LEDGER_TABLES = (
    "batches", "notices", "furnishers", "events", "event_bodies", "citizens", "citizen_keys", "placements", "tiles",
    "blocks", "publications", "documents", "accounts", "account_bodies", "trie_tiles",
)  # fmt: skip


def _rows(connection: Connection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters, binary=True).fetchall()


def row_counts(connection: Connection) -> dict[str, int]:
    """How many rows each table of the ledger has."""
    return {table: _rows(connection, f"SELECT count(*) FROM {table}")[0][0] for table in LEDGER_TABLES}  # noqa: S608 - our own names


def placed(connection: Connection, block: int) -> list[tuple[Any, ...]]:
    """(admission, first index, furnisher, batch id, hash, event count, note, receipt, notice payload) of a block, in log order.

    Of a batch the payload is None, of a notice everything between.
    """
    query = """
        SELECT p.admission, p.first_index, b.furnisher, b.batch_id, b.hash, b.event_count, b.note, b.receipt, n.payload
        FROM placements p LEFT JOIN batches b ON b.id = p.admission LEFT JOIN notices n ON n.id = p.admission
        WHERE p.block = %s ORDER BY p.first_index"""
    return _rows(connection, query, block)


def batch_commitments(connection: Connection, batch: int) -> list[tuple[int, bytes]]:
    """(position, commitment) of a batch's events."""
    return _rows(connection, "SELECT position, commitment FROM events WHERE batch = %s ORDER BY position", batch)


def furnishers(connection: Connection) -> dict[int, str]:
    """Number -> name."""
    return dict(_rows(connection, "SELECT id, name FROM furnishers"))


def citizens(connection: Connection, after: int, limit: int) -> list[tuple[Any, ...]]:
    """(id, key, vrf proof, wrapped or None) with ids above `after`, ascending."""
    query = """
        SELECT c.id, c.key, c.vrf_proof, k.wrapped FROM citizens c LEFT JOIN citizen_keys k ON k.citizen = c.id
        WHERE c.id > %s ORDER BY c.id LIMIT %s"""
    return _rows(connection, query, after, limit)


def events(connection: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """(citizen, batch, position, furnisher, event id, commitment, sealed or None) of these citizens."""
    query = """
        SELECT e.citizen, e.batch, e.position, e.furnisher, e.event_id, e.commitment, b.sealed
        FROM events e LEFT JOIN event_bodies b USING (batch, position) WHERE e.citizen = ANY(%s)"""
    return _rows(connection, query, list(ids))


def versions(connection: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """(citizen, block, value, until, sealed or None) of these citizens' accounts, by citizen and block."""
    query = """
        SELECT a.citizen, a.block, a.value, a.until, b.sealed FROM accounts a
        LEFT JOIN account_bodies b USING (citizen, block) WHERE a.citizen = ANY(%s) ORDER BY a.citizen, a.block"""
    return _rows(connection, query, list(ids))


def trie_tiles(connection: Connection, block: int) -> list[tuple[int, bytes, bytes]]:
    """(depth, prefix, data) that a block wrote."""
    return _rows(connection, "SELECT depth, prefix, data FROM trie_tiles WHERE block = %s", block)
