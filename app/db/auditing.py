"""Rows for the audit: whole tables in pages, as they are stored, nothing interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db.session import Connection

_ORPHANS = (
    ("placements", "admission ", "p.admission", "is placed in a block that is not there",
     "placements p WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = p.block)"),
    ("publications", "block ", "p.block", "publishes a block that is not there",
     "publications p WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = p.block)"),
    ("events", "batch ", "e.batch || ' position ' || e.position", "belongs to no batch",
     "events e WHERE NOT EXISTS (SELECT FROM batches b WHERE b.id = e.batch AND e.position BETWEEN 0 AND b.event_count - 1)"),
    ("events", "batch ", "e.batch || ' position ' || e.position", "belongs to no citizen",
     "events e WHERE NOT EXISTS (SELECT FROM citizens c WHERE c.id = e.citizen)"),
    ("event_bodies", "batch ", "s.batch || ' position ' || s.position", "belongs to no event",
     "event_bodies s WHERE NOT EXISTS (SELECT FROM events e WHERE (e.batch, e.position) = (s.batch, s.position))"),
    ("accounts", "citizen ", "a.citizen || ' block ' || a.block", "belongs to no citizen or block",
     ("accounts a WHERE NOT EXISTS (SELECT FROM citizens c WHERE c.id = a.citizen)"
     " OR NOT EXISTS (SELECT FROM blocks b WHERE b.number = a.block)")),
    ("account_bodies", "citizen ", "s.citizen || ' block ' || s.block", "belongs to no account version",
     "account_bodies s WHERE NOT EXISTS (SELECT FROM accounts a WHERE (a.citizen, a.block) = (s.citizen, s.block))"),
    ("citizen_keys", "citizen ", "k.citizen", "belongs to no citizen",
     "citizen_keys k WHERE NOT EXISTS (SELECT FROM citizens c WHERE c.id = k.citizen)"),
    ("furnishers", "number ", "f.id", "has reported nothing",
     "furnishers f WHERE NOT EXISTS (SELECT FROM batches b WHERE b.furnisher = f.name)"),
    ("trie_tiles", "block ", "t.block || ' depth ' || t.depth", "belongs to no block",
     "trie_tiles t WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = t.block)"),
    ("tiles", "level ", "t.level || ', tile ' || t.tile_index", "lies outside of the log",
     ("tiles t WHERE t.tile_index < 0 OR (t.tile_index + 1) * 256 * power(256, greatest(t.level, 0))"
     " > (SELECT coalesce(max(tree_size), 0) FROM blocks)")),
)  # fmt: skip
_ORPHANS_MAX = 100


def _rows(connection: Connection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters, binary=True).fetchall()


def orphans(connection: Connection) -> list[tuple[str, str, str]]:
    """Rows that nothing accounts for: (table, place, what), at most a hundred of each kind."""
    return [
        (table, f"{label}{row[0]}", what)
        for table, label, place, what, condition in _ORPHANS
        for row in _rows(connection, f"SELECT {place} FROM {condition} LIMIT {_ORPHANS_MAX}")  # noqa: S608 - our own text
    ]


def page_starts(connection: Connection, size: int) -> list[int]:
    """Where each page of citizens begins: the id before its first."""
    query = (
        "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM citizens) AS c"
        " WHERE n %% %s = 0 ORDER BY id"
    )
    return [0, *(row[0] for row in _rows(connection, query, size))]


def placed(connection: Connection, block: int) -> list[tuple[Any, ...]]:
    """What a block took in, in log order.

    (admission, first index, furnisher, batch id, hash, event count, note, receipt, notice payload): of a batch the payload
    is None, of a notice everything between.
    """
    query = """
        SELECT p.admission, p.first_index, b.furnisher, b.batch_id, b.hash, b.event_count, b.note, b.receipt, n.payload
        FROM placements p LEFT JOIN batches b ON b.id = p.admission LEFT JOIN notices n ON n.id = p.admission
        WHERE p.block = %s ORDER BY p.first_index"""
    return _rows(connection, query, block)


def batch_commitments(connection: Connection, batch: int) -> list[tuple[int, bytes]]:
    """(position, commitment) of a batch's events."""
    return _rows(
        connection, "SELECT position, commitment FROM events WHERE batch = %s ORDER BY position", batch
    )


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
