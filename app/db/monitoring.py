"""Rows for figures: events of new blocks, accounts at two blocks, the bureau's own events of a day; counts and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from app.db.session import Connection

ROWS_AT_ONCE = 5_000
AUDITS_LOCK = 4871170007
"""Held by the one process that runs regulators' audits (`app.db.sole`)."""


class EventRow(NamedTuple):
    """An event of a block; `wrapped` and `sealed` are None once they were destroyed."""

    citizen: int
    key: bytes
    wrapped: bytes | None
    sealed: bytes | None
    furnisher: str
    receipt: str


class OwnRow(NamedTuple):
    """An event of the bureau's own; `block` is None while no block holds it."""

    event_id: UUID
    citizen: int
    key: bytes
    wrapped: bytes | None
    sealed: bytes | None
    block: int | None


class AccountPair(NamedTuple):
    """A citizen's account as it stood at a block, and as it stands; bodies are None once they were destroyed."""

    citizen: int
    key: bytes
    wrapped: bytes | None
    then: bytes | None
    now: bytes | None


class ReportRow(NamedTuple):
    """A report as it was made."""

    kind: str
    period: str
    scorecard: str
    made_at: datetime
    body: str


def events_of_blocks(connection: Connection, after: int, upto: int) -> Iterator[EventRow]:
    """The events of blocks `after` < n <= `upto`, streamed."""
    query = """
        SELECT e.citizen, c.key, k.wrapped, s.sealed, b.furnisher, b.receipt
        FROM placements p JOIN batches b ON b.id = p.admission JOIN events e ON e.batch = b.id
        JOIN citizens c ON c.id = e.citizen LEFT JOIN citizen_keys k ON k.citizen = e.citizen
        LEFT JOIN event_bodies s ON s.batch = e.batch AND s.position = e.position
        WHERE p.block > %s AND p.block <= %s"""
    for row in _streamed(connection, query, (after, upto)):
        key, wrapped, sealed = _bytes(row[1:4])
        yield EventRow(row[0], key, wrapped, sealed, row[4], row[5])


def own_events(connection: Connection, furnisher: str, low: UUID, high: UUID) -> Iterator[OwnRow]:
    """A furnisher's events with ids from `low` to `high`: a day's, for ids begin with the time."""
    query = """
        SELECT e.event_id, e.citizen, coalesce(c.key, ''), k.wrapped, s.sealed, p.block
        FROM events e LEFT JOIN citizens c ON c.id = e.citizen LEFT JOIN citizen_keys k ON k.citizen = e.citizen
        LEFT JOIN event_bodies s ON s.batch = e.batch AND s.position = e.position
        LEFT JOIN placements p ON p.admission = e.batch
        WHERE e.furnisher = (SELECT id FROM furnishers WHERE name = %s) AND e.event_id BETWEEN %s AND %s"""
    for row in _streamed(connection, query, (furnisher, low, high)):
        key, wrapped, sealed = _bytes(row[2:5])
        yield OwnRow(row[0], row[1], key, wrapped, sealed, row[5])


def account_pairs(
    connection: Connection, after: int, block: int, newest: int, limit: int
) -> list[AccountPair]:
    """Citizens with numbers above `after`: their accounts at two blocks. `then` is None also before there was one."""
    query = """
        SELECT c.id, c.key, k.wrapped, (
            SELECT b.sealed FROM accounts a LEFT JOIN account_bodies b USING (citizen, block)
            WHERE a.citizen = c.id AND a.block <= %s ORDER BY a.block DESC LIMIT 1), (
            SELECT b.sealed FROM accounts a LEFT JOIN account_bodies b USING (citizen, block)
            WHERE a.citizen = c.id AND a.block <= %s ORDER BY a.block DESC LIMIT 1)
        FROM citizens c LEFT JOIN citizen_keys k ON k.citizen = c.id WHERE c.id > %s ORDER BY c.id LIMIT %s"""
    rows = connection.execute(query, (block, newest, after, limit), binary=True).fetchall()
    return [AccountPair(row[0], *_bytes(row[1:])) for row in rows]


def block_times(connection: Connection) -> list[tuple[int, bytes]]:
    """(number, entry) of every published block, ascending."""
    query = (
        "SELECT b.number, b.entry FROM blocks b JOIN publications p ON p.block = b.number ORDER BY b.number"
    )
    return [(row[0], bytes(row[1])) for row in connection.execute(query, binary=True).fetchall()]


def first_receipts(connection: Connection) -> dict[str, str]:
    """The receipt of each furnisher's first batch."""
    query = "SELECT DISTINCT ON (furnisher) furnisher, receipt FROM batches ORDER BY furnisher, id"
    return dict(connection.execute(query).fetchall())


def notices(connection: Connection, limit: int, offset: int) -> list[tuple[bytes, int | None]]:
    """(payload, log index or None) of a page of notices, the newest first."""
    query = """
        SELECT n.payload, p.first_index FROM notices n LEFT JOIN placements p ON p.admission = n.id
        ORDER BY n.id DESC LIMIT %s OFFSET %s"""
    rows = connection.execute(query, (limit, offset), binary=True).fetchall()
    return [(bytes(payload), index) for payload, index in rows]


def count_notices(connection: Connection) -> dict[str, int]:
    """How many notices of each kind there are."""
    query = "SELECT convert_from(payload, 'UTF8')::json ->> 'notice', count(*) FROM notices GROUP BY 1"
    return dict(connection.execute(query).fetchall())


def count_destroyed(connection: Connection) -> dict[str, int]:
    """How many entries notices say are destroyed, by reason."""
    query = """
        SELECT said ->> 'reason', sum(json_array_length(said -> 'entries'))::bigint
        FROM (SELECT convert_from(payload, 'UTF8')::json AS said FROM notices
            WHERE position('"notice":"destroyed"'::bytea IN payload) > 0) AS n GROUP BY 1"""
    return dict(connection.execute(query).fetchall())


def _streamed(connection: Connection, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name="figures", binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query, values)
        yield from cursor


def _bytes(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(None if value is None else bytes(value) for value in values)


# ---- counts and reports
# --------------------------------------------------------------------------------------------------


def add_counts(connection: Connection, counts: Mapping[tuple[str, str, str], int]) -> None:
    """Add to (furnisher, quarter, name), in ascending order, so that two writers never wait in a circle."""
    connection.cursor().executemany(
        "INSERT INTO furnisher_counts (furnisher, quarter, name, count) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (furnisher, quarter, name) DO UPDATE SET count = furnisher_counts.count + excluded.count",
        [(*place, counts[place]) for place in sorted(counts)],
    )


def counts(connection: Connection) -> list[tuple[str, str, str, int]]:
    """(furnisher, quarter, name, count), ascending."""
    query = "SELECT furnisher, quarter, name, count FROM furnisher_counts ORDER BY furnisher, quarter, name"
    return connection.execute(query).fetchall()


def put_report(  # noqa: PLR0917 - the columns
    connection: Connection, kind: str, period: str, scorecard: str, body: str, now: datetime
) -> None:
    """Keep a report; an earlier one for the same period goes."""
    connection.execute(
        "INSERT INTO reports (kind, period, scorecard, made_at, body) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (kind, period, scorecard) DO UPDATE SET made_at = excluded.made_at, body = excluded.body",
        (kind, period, scorecard, now, body),
    )


def reports(connection: Connection, kind: str) -> list[ReportRow]:
    """All reports of a kind, the newest period first."""
    query = (
        "SELECT kind, period, scorecard, made_at, body FROM reports WHERE kind = %s"
        " ORDER BY period DESC, scorecard"
    )
    return [ReportRow(*row) for row in connection.execute(query, (kind,)).fetchall()]
