"""The table of messages about corrections: to which bank, about whose item. Beside the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db.session import Connection

_LOCK = 4871170004


def add(connection: Connection, messages: Sequence[tuple[str, int, int]]) -> None:
    """Store (bank, citizen, item). Writers wait for each other, so that no number is seen before a lower one."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.cursor().executemany(
        "INSERT INTO correction_messages (bank, citizen, item) VALUES (%s, %s, %s)", messages
    )


def after(connection: Connection, bank: str, number: int, limit: int) -> list[tuple[int, bytes, int]]:
    """The next (number, citizen key, item) for a bank, ascending."""
    query = """
        SELECT m.number, c.key, m.item FROM correction_messages m JOIN citizens c ON c.id = m.citizen
        WHERE m.bank = %s AND m.number > %s ORDER BY m.number LIMIT %s"""
    rows = connection.execute(query, (bank, number, limit), binary=True).fetchall()
    return [(row[0], bytes(row[1]), row[2]) for row in rows]
