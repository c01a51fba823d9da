"""News for citizens: the events behind a place in the log, up to where each has read, and to whom mail goes.

`mail_addresses.sealed` is the address, under the citizen's data key. `told_index`: of what stands up to it, mail was sent.
`is_due`: there may be more. One row of `alert_cursor` says up to which block everybody was looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.db.session import single

if TYPE_CHECKING:
    from datetime import datetime

    from app.db.session import Connection


class PlacedBody(NamedTuple):
    """One event of a citizen: where it stands, its commitment, and its sealed body."""

    log_index: int
    block: int
    commitment: bytes
    sealed: bytes


class MailRow(NamedTuple):
    """To whom mail goes, and how that went."""

    citizen: int
    sealed: bytes
    is_confirmed: bool
    told_index: int
    failures: int


def events_behind_index(connection: Connection, citizen: int, index: int, block: int) -> list[PlacedBody]:
    """A citizen's events behind a log index and up to a block that can still be read, in the order of the log."""
    query = """
        SELECT p.log_index, p.block, p.commitment, b.sealed
        FROM (SELECT e.batch, e.position, e.commitment, p.first_index + 1 + e.position AS log_index, p.block
            FROM (SELECT batch, position, commitment FROM events WHERE citizen = %(citizen)s OFFSET 0) AS e
            JOIN LATERAL (SELECT first_index, block FROM placements WHERE admission = e.batch LIMIT 1) AS p ON true
            WHERE p.block <= %(block)s AND p.first_index + 1 + e.position > %(index)s OFFSET 0) AS p
        JOIN LATERAL (SELECT sealed FROM event_bodies
            WHERE batch = p.batch AND position = p.position OFFSET 0) AS b ON true
        ORDER BY p.log_index"""
    values = {"citizen": citizen, "index": index, "block": block}
    rows = connection.execute(query, values, binary=True).fetchall()
    return [PlacedBody(row[0], row[1], bytes(row[2]), bytes(row[3])) for row in rows]


def has_event_between(connection: Connection, citizen: int, first: int, last: int) -> bool:
    """Whether something of a citizen stands from `first` to `last` in the log."""
    query = """
        SELECT EXISTS (SELECT FROM events e JOIN placements p ON p.admission = e.batch WHERE e.citizen = %s
            AND p.first_index + 1 + e.position BETWEEN %s AND %s)"""
    return bool(single(connection, query, (citizen, first, last)))


def audits(connection: Connection, index: int, block: int) -> list[tuple[int, int, bytes]]:
    """(log index, block, payload) of every notice of an audit behind a log index and up to a block."""
    query = """
        SELECT p.first_index, p.block, n.payload FROM notices n JOIN placements p ON p.admission = n.id
        WHERE position('"notice":"audit_opened"'::bytea IN n.payload) > 0 AND p.first_index > %s AND p.block <= %s
        ORDER BY p.first_index"""
    rows = connection.execute(query, (index, block), binary=True).fetchall()
    return [(row[0], row[1], bytes(row[2])) for row in rows]


# ---- what was read


def read_upto(connection: Connection, citizen: int) -> int | None:
    """Up to which log index a citizen has read their news; None before the first time."""
    row = connection.execute("SELECT log_index FROM alerts_read WHERE citizen = %s", (citizen,)).fetchone()
    return None if row is None else int(row[0])


def mark_read(connection: Connection, citizen: int, log_index: int) -> None:
    """They have read up to there; never less than before."""
    connection.execute(
        "INSERT INTO alerts_read (citizen, log_index) VALUES (%s, %s) ON CONFLICT (citizen)"
        " DO UPDATE SET log_index = greatest(alerts_read.log_index, excluded.log_index)",
        (citizen, log_index),
    )


# ---- mail


def address(connection: Connection, citizen: int) -> MailRow | None:
    """A citizen's address."""
    row = connection.execute(f"{_SELECT} WHERE citizen = %s", (citizen,), binary=True).fetchone()
    return None if row is None else _mail_row(row)


def keep_address(connection: Connection, row: MailRow) -> None:
    """In place of what there was."""
    connection.execute(
        "INSERT INTO mail_addresses (citizen, sealed, is_confirmed, told_index, failures) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (citizen) DO UPDATE SET sealed = excluded.sealed, is_confirmed = excluded.is_confirmed,"
        " told_index = excluded.told_index, failures = excluded.failures, is_due = false, retry_at = NULL",
        row,
    )


def forget_address(connection: Connection, citizen: int) -> None:
    """No mail any more."""
    connection.execute("DELETE FROM mail_addresses WHERE citizen = %s", (citizen,))


def find_due(connection: Connection, block: int) -> None:
    """Whose file, or an audit of all files, came into the ledger since the last time: they may have news."""
    row = connection.execute("SELECT block FROM alert_cursor").fetchone()
    after = -1 if row is None else int(row[0])
    if after >= block:
        return
    query = """
        UPDATE mail_addresses m SET is_due = true WHERE m.is_confirmed AND (
            m.citizen IN (SELECT e.citizen FROM placements p JOIN events e ON e.batch = p.admission
                WHERE p.block > %(after)s AND p.block <= %(block)s)
            OR EXISTS (SELECT FROM placements p JOIN notices n ON n.id = p.admission WHERE p.block > %(after)s
                AND p.block <= %(block)s AND position('"notice":"audit_opened"'::bytea IN n.payload) > 0))"""
    connection.execute(query, {"after": after, "block": block})
    connection.execute(
        "INSERT INTO alert_cursor (one, block) VALUES (1, %s) ON CONFLICT (one) DO UPDATE SET block = excluded.block",
        (block,),
    )


def due(connection: Connection, now: datetime, limit: int) -> list[MailRow]:
    """Confirmed addresses that may have to be written to now."""
    query = f"""
        {_SELECT} WHERE is_confirmed AND is_due AND (retry_at IS NULL OR retry_at <= %s) ORDER BY citizen LIMIT %s"""
    return [_mail_row(row) for row in connection.execute(query, (now, limit), binary=True).fetchall()]


def told(connection: Connection, citizen: int, before: int, index: int) -> None:
    """Mail about everything up to an index is out, unless the address was changed meanwhile."""
    connection.execute(
        "UPDATE mail_addresses SET told_index = %s, is_due = false, failures = 0, retry_at = NULL"
        " WHERE citizen = %s AND told_index = %s",
        (index, citizen, before),
    )


def failed(connection: Connection, citizen: int, retry_at: datetime) -> None:
    """It did not go out; later again."""
    connection.execute(
        "UPDATE mail_addresses SET failures = failures + 1, retry_at = %s WHERE citizen = %s",
        (retry_at, citizen),
    )


_SELECT = "SELECT citizen, sealed, is_confirmed, told_index, failures FROM mail_addresses"


def _mail_row(row: tuple[int, bytes, bool, int, int]) -> MailRow:
    return MailRow(row[0], bytes(row[1]), row[2], row[3], row[4])
