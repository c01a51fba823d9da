"""Rows for a transition proof: the accounts that a block wrote, each with the version before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.db.session import Connection


class Rewritten(NamedTuple):
    """One account of a block. The old version is None for a new account; `old_sealed` also where it was destroyed."""

    citizen: int
    key: bytes
    vrf_proof: bytes
    wrapped: bytes | None
    sealed: bytes | None
    old_block: int | None
    old_sealed: bytes | None


def written_keys(connection: Connection, block: int) -> list[bytes]:
    """The keys of the accounts that a block wrote, ascending."""
    query = (
        "SELECT c.key FROM accounts a JOIN citizens c ON c.id = a.citizen WHERE a.block = %s ORDER BY c.key"
    )
    return [bytes(row[0]) for row in connection.execute(query, (block,), binary=True)]


def is_destroyed(connection: Connection, block: int) -> bool:
    """Whether a later block destroyed what one of the accounts of this block was."""
    query = """
        SELECT EXISTS (SELECT FROM accounts a WHERE a.block = %s AND NOT EXISTS (
            SELECT FROM account_bodies b WHERE b.citizen = a.citizen AND b.block = a.block))"""
    return bool(single(connection, query, (block,)))


def rewritten(connection: Connection, block: int) -> Iterator[Rewritten]:
    """The accounts that a block wrote, by key; streamed."""
    query = """
        SELECT c.id, c.key, c.vrf_proof, k.wrapped, b.sealed, o.block, o.sealed
        FROM accounts a JOIN citizens c ON c.id = a.citizen LEFT JOIN citizen_keys k ON k.citizen = c.id
        LEFT JOIN account_bodies b ON b.citizen = a.citizen AND b.block = a.block
        LEFT JOIN LATERAL (
            SELECT v.block, s.sealed FROM accounts v LEFT JOIN account_bodies s USING (citizen, block)
            WHERE v.citizen = a.citizen AND v.block < a.block ORDER BY v.block DESC LIMIT 1) AS o ON true
        WHERE a.block = %s ORDER BY c.key"""
    with connection.cursor(name="rewritten", binary=True) as cursor:
        cursor.itersize = 2_000
        cursor.execute(query, (block,))
        for row in cursor:
            yield Rewritten(
                row[0], bytes(row[1]), bytes(row[2]), _bytes(row[3]), _bytes(row[4]), row[5], _bytes(row[6])
            )


def _bytes(value: memoryview | bytes | None) -> bytes | None:
    return None if value is None else bytes(value)
