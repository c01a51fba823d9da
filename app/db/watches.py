"""The tables of watches and of the messages about them. Working tables beside the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from app.db import cosignatures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.db.session import Connection


class WatchRow(NamedTuple):
    """`seen`: the newest block that was looked at; `ended_at` is None while it watches."""

    number: int
    bank: str
    citizen: int
    key: bytes
    lines: tuple[int, ...]
    url: str
    seen: int
    since: datetime
    ended_at: datetime | None
    ended_why: str | None


class MessageRow(NamedTuple):
    """A message that is due, and the watch that it is about."""

    id: str
    watch: int
    sealed: bytes
    attempts: int
    bank: str
    citizen: int
    url: str


_SELECT = (
    "SELECT w.number, w.bank, w.citizen, c.key, w.lines, w.url, w.seen, w.since, w.ended_at, w.ended_why"
    " FROM watches w JOIN citizens c ON c.id = w.citizen "
)


def _watch(row: Sequence[Any]) -> WatchRow:
    number, bank, citizen, key, lines, *rest = row
    return WatchRow(number, bank, citizen, bytes(key), tuple(lines), *rest)


def put(  # noqa: PLR0917 - the columns
    connection: Connection, bank: str, citizen: int, lines: Sequence[int], url: str, seen: int, now: datetime
) -> tuple[WatchRow, bool]:
    """(the bank's watch on this citizen with these lines, whether it is a new one). One that is there is changed: what it has
    seen stays seen.
    """
    query = """
        INSERT INTO watches (bank, citizen, lines, url, seen, since) VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (bank, citizen) WHERE ended_at IS NULL DO UPDATE SET lines = excluded.lines, url = excluded.url
        RETURNING number, xmax = 0"""
    row = connection.execute(query, (bank, citizen, list(lines), url, seen, now)).fetchone()
    assert row is not None
    watch = by_number(connection, row[0])
    assert watch is not None
    return watch, row[1]


def by_number(connection: Connection, number: int, *, keep: bool = False) -> WatchRow | None:
    """A watch; with `keep` nobody else changes it before this transaction ends."""
    lock = " FOR UPDATE OF w" if keep else ""
    row = connection.execute(_SELECT + "WHERE w.number = %s" + lock, (number,), binary=True).fetchone()
    return None if row is None else _watch(row)


def of_bank(
    connection: Connection, bank: str, after: int, ended_since: datetime, limit: int
) -> list[WatchRow]:
    """A bank's watches with numbers above `after` that have not ended, or not before `ended_since`; ascending."""
    query = (
        _SELECT + "WHERE w.bank = %s AND w.number > %s AND (w.ended_at IS NULL OR w.ended_at >= %s)"
        " ORDER BY w.number LIMIT %s"
    )
    rows = connection.execute(query, (bank, after, ended_since, limit), binary=True).fetchall()
    return [_watch(row) for row in rows]


def of_citizen(connection: Connection, citizen: int) -> list[WatchRow]:
    """Who watches a citizen now."""
    query = _SELECT + "WHERE w.citizen = %s AND w.ended_at IS NULL ORDER BY w.number"
    return [_watch(row) for row in connection.execute(query, (citizen,), binary=True).fetchall()]


def end(connection: Connection, number: int, why: str, now: datetime) -> None:
    """A watch watches no more, and what it had to tell is dropped."""
    connection.execute(
        "UPDATE watches SET ended_at = %s, ended_why = %s WHERE number = %s AND ended_at IS NULL",
        (now, why, number),
    )
    connection.execute(
        "UPDATE webhooks SET due_at = NULL, sealed = NULL, outcome = 'ended' WHERE watch = %s AND due_at IS NOT NULL",
        (number,),
    )


def unseen(connection: Connection, after: int, limit: int) -> tuple[int, list[int]]:
    """(the newest block that readers are shown, watches with numbers above `after` that have not looked at it, ascending)."""
    shown = cosignatures.newest_shown(connection)
    rows = connection.execute(
        "SELECT number FROM watches WHERE ended_at IS NULL AND seen < %s AND number > %s ORDER BY number LIMIT %s",
        (shown, after, limit),
    ).fetchall()
    return shown, [each[0] for each in rows]


def unchanged(connection: Connection, numbers: Sequence[int], block: int) -> set[int]:
    """Of these watches, those whose citizen's account no block has written since they looked; they have seen this one."""
    rows = connection.execute(
        """UPDATE watches w SET seen = %(block)s WHERE w.number = ANY(%(numbers)s) AND NOT EXISTS (
            SELECT FROM accounts a WHERE a.citizen = w.citizen AND a.block > w.seen AND a.block <= %(block)s)
        RETURNING number""",
        {"block": block, "numbers": list(numbers)},
    ).fetchall()
    return {row[0] for row in rows}


def saw(connection: Connection, number: int, block: int) -> None:
    """Remember that a watch has looked at the block."""
    connection.execute("UPDATE watches SET seen = %s WHERE number = %s", (block, number))


def add_message(
    connection: Connection, message_id: str, watch: WatchRow, sealed: bytes, due: datetime
) -> None:
    """A message to send."""
    connection.execute(
        "INSERT INTO webhooks (id, watch, citizen, sealed, attempts, due_at) VALUES (%s, %s, %s, %s, 0, %s)",
        (message_id, watch.number, watch.citizen, sealed, due),
    )


def due(connection: Connection, now: datetime, limit: int) -> list[MessageRow]:
    """Messages whose time has come, the longest waiting first."""
    query = """
        SELECT m.id, m.watch, m.sealed, m.attempts, w.bank, w.citizen, w.url
        FROM webhooks m JOIN watches w ON w.number = m.watch WHERE m.due_at <= %s ORDER BY m.due_at, m.id LIMIT %s"""
    rows = connection.execute(query, (now, limit), binary=True).fetchall()
    return [MessageRow(row[0], row[1], bytes(row[2]), *row[3:]) for row in rows]


def later(connection: Connection, message_id: str, due: datetime) -> None:
    """An attempt failed; the next one is then."""
    connection.execute(
        "UPDATE webhooks SET attempts = attempts + 1, due_at = %s WHERE id = %s", (due, message_id)
    )


def settle(connection: Connection, message_id: str, outcome: str) -> None:
    """No further attempt: its text goes."""
    connection.execute(
        "UPDATE webhooks SET attempts = attempts + 1, due_at = NULL, sealed = NULL, outcome = %s WHERE id = %s",
        (outcome, message_id),
    )


def outcomes(connection: Connection) -> dict[str, int]:
    """How many messages ended how; `waiting` are still to be sent."""
    query = "SELECT coalesce(outcome, 'waiting'), count(*) FROM webhooks GROUP BY 1 ORDER BY 1"
    return dict(connection.execute(query).fetchall())
