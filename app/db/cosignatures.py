"""Cosignatures of published checkpoints, one of each witness's key a block; and the block that readers of proofs are shown.

A checkpoint as published is the text in `publications` with the lines of `cosignatures` behind it, by witness and key. Rows
are only ever added. `shown` is one row: the block from which proofs are made, which waits for a quorum of witnesses where
one is configured (docs/decisions/0015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.log.note import NoteSignature
from app.db.session import single

if TYPE_CHECKING:
    from app.db.session import Connection


def insert(connection: Connection, block: int, signature: NoteSignature) -> None:
    """Keep a cosignature; the first of each key stays."""
    connection.execute(
        "INSERT INTO cosignatures (block, witness, key_id, signature) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (block, *signature),
    )


def of_blocks(connection: Connection, first: int, last: int) -> dict[int, list[NoteSignature]]:
    """The cosignatures of the blocks with these numbers, in the order in which they are published."""
    rows = connection.execute(
        "SELECT block, witness, key_id, signature FROM cosignatures WHERE block BETWEEN %s AND %s"
        ' ORDER BY block, witness COLLATE "C", key_id',
        (first, last),
        binary=True,
    ).fetchall()
    found: dict[int, list[NoteSignature]] = {}
    for block, witness, key_id, signature in rows:
        found.setdefault(block, []).append(NoteSignature(witness, key_id, bytes(signature)))
    return found


def lines_of(connection: Connection, block: int) -> str:
    """The cosignatures of a block as the lines of its published checkpoint."""
    found = of_blocks(connection, block, block).get(block, [])
    return "".join(each.line().decode() for each in found)


def newest_sizes(connection: Connection) -> dict[tuple[str, int], int]:
    """(witness, key id) -> size of the newest tree of ours that this key has cosigned."""
    rows = connection.execute(
        "SELECT c.witness, c.key_id, max(b.tree_size) FROM cosignatures c JOIN blocks b ON b.number = c.block"
        " WHERE c.block > (SELECT max(number) FROM blocks) - 100000 GROUP BY c.witness, c.key_id",
        binary=True,
    ).fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def show(connection: Connection, block: int) -> None:
    """Let proofs be made from this block on; never from an older one again."""
    connection.execute(
        "INSERT INTO shown (one, block) VALUES (1, %s)"
        " ON CONFLICT (one) DO UPDATE SET block = greatest(shown.block, excluded.block)",
        (block,),
    )


def newest_shown(connection: Connection) -> int:
    """Number of the block that proofs are made from, -1 before the first."""
    return int(single(connection, "SELECT coalesce(max(block), -1) FROM shown"))
