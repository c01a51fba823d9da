"""The log as stored: where admissions were placed, tiles, blocks, what was published.

Full tiles and full entry bundles are rows of `tiles` (entry bundles as level -1) and never change. The one partial tile at
the right edge of each level is a row of `log_edge`, replaced by each block; every narrower partial tile is a prefix of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from app.db import cosignatures
from app.db.pgcopy import copy_rows
from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.db.session import Connection

SEQUENCER_LOCK = 4871170003
"""Held by the one writer (`app.db.sole`)."""
ENTRIES = -1

_TILE_ROW = Struct("!hihiqi")


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A committed block: the tree it closes has `tree_size` entries, the last of which is `entry`."""

    number: int
    tree_size: int
    root: bytes
    entry: bytes  # canonical JSON, without the kind byte
    checkpoint: str


def try_sequencer_lock_for_transaction(connection: Connection) -> bool:
    """The lock of the one writer until the transaction ends: for work that must not meet a sequencer."""
    return bool(single(connection, "SELECT pg_try_advisory_xact_lock(%s)", (SEQUENCER_LOCK,)))


def sequencer_is_alive(connection: Connection) -> bool:
    """Whether some connection to this database holds the sequencer's lock."""
    query = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (classid::bigint << 32 | objid::bigint) = %s AND granted)"
    )
    return bool(single(connection, query, (SEQUENCER_LOCK,)))


def place(connection: Connection, placed: Sequence[tuple[int, int]], block: int) -> None:
    """Record (admission id, first log index) of everything that a block takes in."""
    connection.execute(
        "INSERT INTO placements (admission, first_index, block)"
        " SELECT a, i, %s FROM unnest(%s::bigint[], %s::bigint[]) AS t (a, i)",
        (block, [a for a, _ in placed], [i for _, i in placed]),
    )


def commitments(connection: Connection, batch_ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """(batch, commitment) of every event of these batches, by batch and position."""
    query = (
        "SELECT v.batch, e.commitment FROM unnest(%s::bigint[]) AS v (batch) CROSS JOIN LATERAL"
        " (SELECT position, commitment FROM events WHERE batch = v.batch OFFSET 0) AS e ORDER BY v.batch, e.position"
    )
    return connection.execute(query, (list(batch_ids),), binary=True).fetchall()


def insert_tiles(connection: Connection, tiles: Iterable[tuple[int, int, bytes]]) -> None:
    """Store full tiles: (level, index, data)."""
    pack = _TILE_ROW.pack
    copy_rows(
        connection,
        "tiles (level, tile_index, data)",
        (pack(3, 2, level, 8, index, len(data)) + data for level, index, data in tiles),
    )


def replace_edge(connection: Connection, edge: Mapping[int, tuple[int, bytes]]) -> None:
    """Store the partial tile of each level: level -> (index, data); data is empty where the last tile is full."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO log_edge (level, tile_index, data) VALUES (%s, %s, %s)"
            " ON CONFLICT (level) DO UPDATE SET tile_index = excluded.tile_index, data = excluded.data",
            [(level, index, data) for level, (index, data) in edge.items()],
        )


def read_edge(connection: Connection) -> dict[int, tuple[int, bytes]]:
    """The partial tile of each level."""
    rows = connection.execute("SELECT level, tile_index, data FROM log_edge", binary=True).fetchall()
    return {row[0]: (row[1], bytes(row[2])) for row in rows}


def read_tile(connection: Connection, level: int, index: int) -> bytes | None:
    """A full tile, or the partial one at the edge, or None."""
    query = (
        "SELECT data FROM tiles WHERE level = %(level)s AND tile_index = %(index)s UNION ALL"
        " SELECT data FROM log_edge WHERE level = %(level)s AND tile_index = %(index)s AND data <> ''"
    )
    row = connection.execute(query, {"level": level, "index": index}, binary=True).fetchone()
    return None if row is None else bytes(row[0])


def read_tiles(connection: Connection, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
    """(index, data) of the tiles of one level with first <= index < stop, the partial one last."""
    query = (
        "SELECT tile_index, data FROM tiles WHERE level = %(l)s AND tile_index >= %(a)s AND tile_index < %(b)s"
        " UNION ALL SELECT tile_index, data FROM log_edge WHERE level = %(l)s AND tile_index >= %(a)s"
        " AND tile_index < %(b)s AND data <> '' ORDER BY 1"
    )
    rows = connection.execute(query, {"l": level, "a": first, "b": stop}, binary=True).fetchall()
    return [(row[0], bytes(row[1])) for row in rows]


def insert_block(connection: Connection, block: StoredBlock) -> None:
    """Store a block with its signed checkpoint."""
    connection.execute(
        "INSERT INTO blocks (number, tree_size, root, entry, checkpoint) VALUES (%s, %s, %s, %s, %s)",
        (block.number, block.tree_size, block.root, block.entry, block.checkpoint),
    )


def settle(connection: Connection, block: int, admission: int) -> None:
    """Note that every admission up to this id is in this block or an earlier one, or will never be there."""
    connection.execute("INSERT INTO settled (block, admission) VALUES (%s, %s)", (block, admission))


def newest_settled(connection: Connection) -> int:
    """What was noted with the newest block, 0 when nothing was."""
    query = "SELECT admission FROM settled WHERE block = (SELECT max(number) FROM blocks)"
    row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])


_BLOCK = (
    "SELECT b.number, b.tree_size, b.root, b.entry, b.checkpoint FROM blocks b "  # with a condition behind it
)


def _block(row: tuple[int, int, bytes, bytes, str] | None) -> StoredBlock | None:
    return None if row is None else StoredBlock(row[0], row[1], bytes(row[2]), bytes(row[3]), row[4])


def newest_block(connection: Connection) -> StoredBlock | None:
    """The newest committed block, published or not."""
    return _block(connection.execute(_BLOCK + "ORDER BY number DESC LIMIT 1", binary=True).fetchone())


def block_by_number(connection: Connection, number: int) -> StoredBlock | None:
    """One block."""
    return _block(connection.execute(_BLOCK + "WHERE number = %s", (number,), binary=True).fetchone())


def block_by_size(connection: Connection, tree_size: int) -> StoredBlock | None:
    """The block that closes the tree of this size."""
    return _block(connection.execute(_BLOCK + "WHERE tree_size = %s", (tree_size,), binary=True).fetchone())


def publish(connection: Connection, block: int, checkpoint: str) -> None:
    """Let readers of the log see a block."""
    connection.execute("INSERT INTO publications (block, checkpoint) VALUES (%s, %s)", (block, checkpoint))


def newest_publication(connection: Connection) -> tuple[StoredBlock, str] | None:
    """The newest block that readers may see, with its checkpoint as published, cosignatures behind it."""
    query = (
        "SELECT b.number, b.tree_size, b.root, b.entry, b.checkpoint, p.checkpoint FROM publications p"
        " JOIN blocks b ON b.number = p.block ORDER BY p.block DESC LIMIT 1"
    )
    row = connection.execute(query, binary=True).fetchone()
    if row is None:
        return None
    block = _block(row[:5])
    assert block is not None
    return block, row[5] + cosignatures.lines_of(connection, block.number)


def newest_published_number(connection: Connection) -> int:
    """Number of the newest published block, -1 before the first."""
    return int(single(connection, "SELECT coalesce(max(block), -1) FROM publications"))


def publication(connection: Connection, block: int) -> str | None:
    """The checkpoint of a block as published, cosignatures behind it."""
    row = connection.execute("SELECT checkpoint FROM publications WHERE block = %s", (block,)).fetchone()
    return None if row is None else str(row[0]) + cosignatures.lines_of(connection, block)


def unpublished(connection: Connection) -> list[StoredBlock]:
    """Committed blocks that no reader has seen: what a crash between commit and publication leaves."""
    query = _BLOCK + "WHERE number > (SELECT coalesce(max(block), -1) FROM publications) ORDER BY number"  # noqa: S608
    return [b for row in connection.execute(query, binary=True).fetchall() if (b := _block(row)) is not None]


def store_document(connection: Connection, digest: bytes, body: bytes) -> None:
    """Keep a document that notices and blocks name by its hash."""
    connection.execute(
        "INSERT INTO documents (hash, body) VALUES (%s, %s) ON CONFLICT DO NOTHING", (digest, body)
    )


def document(connection: Connection, digest: bytes) -> bytes | None:
    """A document by its hash."""
    row = connection.execute("SELECT body FROM documents WHERE hash = %s", (digest,), binary=True).fetchone()
    return None if row is None else bytes(row[0])


def documents(connection: Connection) -> list[tuple[bytes, bytes]]:
    """All documents: (hash, body)."""
    rows = connection.execute("SELECT hash, body FROM documents ORDER BY hash", binary=True).fetchall()
    return [(bytes(row[0]), bytes(row[1])) for row in rows]


def count_between(connection: Connection, after: int, upto: int) -> tuple[int, int]:
    """(events, batches) that the blocks with after < number <= upto took in; batches are counted, never events."""
    row = connection.execute(
        "SELECT coalesce(sum(b.event_count), 0), count(*) FROM placements p JOIN batches b ON b.id = p.admission"
        " WHERE p.block > %s AND p.block <= %s",
        (after, upto),
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def count_furnishers(connection: Connection) -> int:
    """How many have reported anything."""
    return int(single(connection, "SELECT count(*) FROM furnishers"))
