"""Rows for the audit: whole tables in pages, as they are stored, nothing interpreted; and the tokens of regulators.

Each function is one statement, so that its answer is of one moment even while the ledger grows. Casts are to types that
hold whatever stands in a damaged row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.db.session import Connection

# (table, what the place starts with, the place, what is wrong, rows and condition)
_ORPHANS = (
    ("placements", "admission ", "p.admission", "is placed in a block that is not there",
     "placements p WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = p.block)"),
    ("publications", "block ", "p.block", "publishes a block that is not there",
     "publications p WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = p.block)"),
    ("cosignatures", "block ", "c.block", "cosigns a block that is not published",
     "cosignatures c WHERE NOT EXISTS (SELECT FROM publications p WHERE p.block = c.block)"),
    ("events", "batch ", "e.batch || ' position ' || e.position", "belongs to no batch",
     "events e WHERE NOT EXISTS (SELECT FROM batches b WHERE b.id = e.batch AND e.position BETWEEN 0 AND b.event_count - 1)"),
    ("events", "batch ", "e.batch || ' position ' || e.position", "belongs to no citizen",
     "events e WHERE NOT EXISTS (SELECT FROM enrolments n WHERE n.citizen = e.citizen)"),
    ("event_bodies", "batch ", "s.batch || ' position ' || s.position", "belongs to no event",
     "event_bodies s WHERE NOT EXISTS (SELECT FROM events e WHERE (e.batch, e.position) = (s.batch, s.position))"),
    ("accounts", "citizen ", "a.citizen || ' block ' || a.block", "belongs to no citizen",
     "accounts a WHERE NOT EXISTS (SELECT FROM citizens c WHERE c.id = a.citizen)"),
    ("accounts", "citizen ", "a.citizen || ' block ' || a.block", "belongs to no block",
     "accounts a WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = a.block)"),
    ("account_bodies", "citizen ", "s.citizen || ' block ' || s.block", "belongs to no account version",
     "account_bodies s WHERE NOT EXISTS (SELECT FROM accounts a WHERE (a.citizen, a.block) = (s.citizen, s.block))"),
    ("citizen_keys", "citizen ", "k.citizen", "belongs to no citizen",
     "citizen_keys k WHERE NOT EXISTS (SELECT FROM enrolments n WHERE n.citizen = k.citizen)"),
    ("furnishers", "number ", "f.id", "has reported no batch under this name",
     "furnishers f WHERE NOT EXISTS (SELECT FROM batches b WHERE b.furnisher = f.name)"),
    ("furnishers", "number ", "f.id", "is the number of no event",
     "furnishers f WHERE NOT EXISTS (SELECT FROM events e WHERE e.furnisher = f.id)"),
    ("documents", "", "encode(d.hash, 'hex')", "is named by no notice",
     ("documents d WHERE NOT EXISTS (SELECT FROM notices n"
      " WHERE position(convert_to(encode(d.hash, 'hex'), 'UTF8') IN n.payload) > 0)")),
    ("trie_tiles", "block ", "t.block || ' depth ' || t.depth", "belongs to no block",
     "trie_tiles t WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = t.block)"),
    ("settled", "block ", "s.block", "belongs to no block",
     "settled s WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.number = s.block)"),
    ("settled", "block ", "b.number", "is missing, and an earlier block's is not",
     ("blocks b WHERE b.number > (SELECT min(block) FROM settled)"
      " AND NOT EXISTS (SELECT FROM settled s WHERE s.block = b.number)")),
    ("settled", "block ", "s.block", "calls less settled than the block before it",
     "settled s JOIN settled b ON b.block = s.block - 1 WHERE s.admission < b.admission"),
    ("settled", "block ", "s.block", "calls settled what the next block holds",
     "settled s WHERE EXISTS (SELECT FROM placements p WHERE p.block = s.block + 1 AND p.admission <= s.admission)"),
    ("settled", "block ", "s.block", "calls settled what no block holds",
     ("(SELECT block, admission FROM settled ORDER BY admission DESC LIMIT 1) AS s WHERE EXISTS ("
      "SELECT FROM (SELECT id FROM batches UNION ALL SELECT id FROM notices) AS a WHERE a.id <= s.admission"
      " AND NOT EXISTS (SELECT FROM placements p WHERE p.admission = a.id))")),
    ("tiles", "", "CASE t.level WHEN -1 THEN 'entries' ELSE 'level ' || t.level END || ', tile ' || t.tile_index",
     "lies outside of the log",
     ("tiles t WHERE CASE WHEN t.level BETWEEN -1 AND 7 AND t.tile_index >= 0"
      " THEN (t.tile_index::numeric + 1) * 256 * power(256::numeric, greatest(t.level, 0))"
      " > (SELECT coalesce(max(tree_size), 0) FROM blocks) ELSE true END")),
)  # fmt: skip
_ORPHANS_MAX = 100

_ADMISSION = "b.furnisher, b.batch_id, b.hash, b.event_count, b.note, b.receipt, n.payload"


def _rows(connection: Connection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters, binary=True).fetchall()


def orphans(connection: Connection) -> list[tuple[str, str, str]]:
    """Rows that nothing accounts for: (table, place, what), at most a hundred of each kind."""
    return [
        (table, f"{label}{row[0]}", what)
        for table, label, place, what, condition in _ORPHANS
        for row in _rows(connection, f"SELECT {place} FROM {condition} LIMIT {_ORPHANS_MAX}")  # noqa: S608 - our own text
    ]


def totals(connection: Connection) -> tuple[int, int]:
    """(events, citizens) by what batches say and by counting."""
    query = "SELECT (SELECT coalesce(sum(event_count), 0) FROM batches)::bigint, (SELECT count(*) FROM enrolments)"
    ((events, citizens),) = _rows(connection, query)
    return events, citizens


def first_notice(connection: Connection) -> bytes | None:
    """The payload of the notice that was admitted first."""
    rows = _rows(connection, "SELECT payload FROM notices ORDER BY id LIMIT 1")
    return rows[0][0] if rows else None


def blocks(connection: Connection, first: int, limit: int) -> list[tuple[Any, ...]]:
    """(number, tree size, root, entry, checkpoint, published checkpoint or None) from number `first` on, ascending."""
    query = """
        SELECT b.number, b.tree_size, b.root, b.entry, b.checkpoint, p.checkpoint
        FROM blocks b LEFT JOIN publications p ON p.block = b.number
        WHERE b.number >= %s ORDER BY b.number LIMIT %s"""
    return _rows(connection, query, first, limit)


def placed(connection: Connection, block: int) -> list[tuple[Any, ...]]:
    """What a block took in, in log order: an admission record's fields."""
    query = f"""
        SELECT p.admission, p.first_index, {_ADMISSION}
        FROM placements p LEFT JOIN batches b ON b.id = p.admission LEFT JOIN notices n ON n.id = p.admission
        WHERE p.block = %s ORDER BY p.first_index"""  # noqa: S608 - our own text
    return _rows(connection, query, block)


def waiting(connection: Connection) -> list[tuple[Any, ...]]:
    """What no block holds, in admission order: an admission record's fields, the first index None."""
    query = f"""
        SELECT a.id, NULL, {_ADMISSION} FROM (SELECT id FROM batches UNION SELECT id FROM notices) AS a
        LEFT JOIN batches b USING (id) LEFT JOIN notices n USING (id)
        WHERE NOT EXISTS (SELECT FROM placements p WHERE p.admission = a.id) ORDER BY a.id"""  # noqa: S608 - our own text
    return _rows(connection, query)


def drawn(connection: Connection) -> int:
    """The highest admission id that was ever given out, 0 for none."""
    ((number,),) = _rows(connection, "SELECT coalesce(pg_sequence_last_value('admission'), 0)")
    return int(number)


def batch_commitments(connection: Connection, batch: int) -> list[tuple[int, bytes]]:
    """(position, commitment) of a batch's events."""
    return _rows(
        connection, "SELECT position, commitment FROM events WHERE batch = %s ORDER BY position", batch
    )


def block_commitments(connection: Connection, block: int) -> list[tuple[int, int, bytes]]:
    """(batch, position, commitment) of the events of all batches that a block took in."""
    query = """
        SELECT p.admission, e.position, e.commitment
        FROM (SELECT admission FROM placements WHERE block = %s OFFSET 0) AS p
        CROSS JOIN LATERAL (SELECT position, commitment FROM events WHERE batch = p.admission OFFSET 0) AS e
        ORDER BY p.admission, e.position"""
    return _rows(connection, query, block)


def tiles(connection: Connection, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
    """(index, data) of the full tiles of a level with first <= index < stop, the partial one where no full one is."""
    query = """
        SELECT t.tile_index, t.data FROM tiles t WHERE t.level = %s AND t.tile_index >= %s AND t.tile_index < %s
        UNION ALL SELECT e.tile_index, e.data FROM log_edge e
        WHERE e.level = %s AND e.tile_index >= %s AND e.tile_index < %s AND e.data <> '' AND NOT EXISTS (
            SELECT FROM tiles t WHERE t.level = e.level AND t.tile_index = e.tile_index) ORDER BY 1"""
    return _rows(connection, query, level, first, stop, level, first, stop)


def edge(connection: Connection) -> tuple[int, dict[int, tuple[int, bytes]]]:
    """(number of the newest block or -1, level -> (tile index, data)), both of one moment."""
    query = """
        SELECT (SELECT coalesce(max(number), -1) FROM blocks), e.level, e.tile_index, e.data
        FROM (VALUES (1)) AS once LEFT JOIN log_edge e ON true"""
    rows = _rows(connection, query)
    return rows[0][0], {row[1]: (row[2], row[3]) for row in rows if row[1] is not None}


def citizen_pages(connection: Connection, size: int) -> list[tuple[int, int]]:
    """(first id, last id) of pages of `size` citizens; whoever comes later may fall into one or behind them all."""
    query = """
        SELECT min(id), max(id) FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS page FROM (
            SELECT citizen AS id FROM enrolments UNION SELECT id FROM citizens) AS either) AS c
        GROUP BY page ORDER BY page"""
    return _rows(connection, query, size)


def furnishers(connection: Connection) -> dict[int, str]:
    """Number -> name."""
    return dict(_rows(connection, "SELECT id, name FROM furnishers"))


def citizens(connection: Connection, first: int, last: int, limit: int) -> list[tuple[Any, ...]]:
    """(id, key, vrf proof, wrapped or None, tag or None, sealed identifier or None) with first <= id <= last, ascending, at
    most `limit`; key and proof are empty where there are none.
    """
    query = """
        SELECT p.id, coalesce(p.key, ''), coalesce(p.vrf_proof, ''), k.wrapped, p.tag, i.sealed FROM (
            SELECT coalesce(e.citizen, c.id) AS id, c.key, c.vrf_proof, e.tag
            FROM (SELECT citizen, tag FROM enrolments WHERE citizen >= %(first)s AND citizen <= %(last)s) AS e
            FULL JOIN (SELECT id, key, vrf_proof FROM citizens WHERE id >= %(first)s AND id <= %(last)s) AS c
                ON c.id = e.citizen) AS p
        LEFT JOIN citizen_keys k ON k.citizen = p.id LEFT JOIN identifiers i ON i.citizen = p.id
        ORDER BY p.id LIMIT %(limit)s"""
    wanted = {"first": first, "last": last, "limit": limit}
    return connection.execute(query, wanted, binary=True).fetchall()


def events(connection: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """(citizen, batch, position, furnisher, event id, commitment, sealed or None) of these citizens."""
    query = """
        SELECT e.citizen, e.batch, e.position, e.furnisher, e.event_id, e.commitment, b.sealed
        FROM events e LEFT JOIN event_bodies b USING (batch, position) WHERE e.citizen = ANY(%s)"""
    return _rows(connection, query, list(ids))


def versions(connection: Connection, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """(citizen, block, value, until as text, sealed or None) of these citizens' accounts, by citizen and block."""
    query = """
        SELECT a.citizen, a.block, a.value, a.until::text, b.sealed FROM accounts a
        LEFT JOIN account_bodies b USING (citizen, block) WHERE a.citizen = ANY(%s) ORDER BY a.citizen, a.block"""
    return _rows(connection, query, list(ids))


def trie_tiles(connection: Connection, block: int) -> list[tuple[int, bytes, bytes]]:
    """(depth, prefix, data) that a block wrote."""
    return _rows(connection, "SELECT depth, prefix, data FROM trie_tiles WHERE block = %s", block)


def add_audit(
    connection: Connection, token_hash: bytes, note_hash: bytes, regulator: str, expires_at: datetime
) -> None:
    """Remember an opened audit by the hashes of its token and of its note; UniqueViolation for a note's second use."""
    connection.execute("DELETE FROM audits WHERE expires_at < now() - interval '1 day'")
    connection.execute(
        "INSERT INTO audits (token_hash, note_hash, regulator, expires_at) VALUES (%s, %s, %s, %s)",
        (token_hash, note_hash, regulator, expires_at),
    )


def audit_regulator(connection: Connection, token_hash: bytes, now: datetime) -> str | None:
    """Whose audit a token opened, or None when it is unknown or expired."""
    rows = _rows(
        connection, "SELECT regulator FROM audits WHERE token_hash = %s AND expires_at > %s", token_hash, now
    )
    return rows[0][0] if rows else None
