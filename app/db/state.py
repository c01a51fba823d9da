"""Accounts and the stored part of the state trie, in versions: the newest up to block n is what block n signed."""

from __future__ import annotations

from datetime import date
from itertools import starmap
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING

import msgspec

from app.db.pgcopy import copy_rows
from app.db.session import Question, ask, bytea_array, int4_array, int8, integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.db.session import Connection

_EPOCH_DAY = date(2000, 1, 1).toordinal()  # PostgreSQL's binary dates count from here
_ACCOUNT_ROW = Struct("!hiqiqi32sii")
_BODY_ROW = Struct("!hiqiqi")
_CITIZEN_ROW = Struct("!hiqi32si80s")


class LoadedAccount(msgspec.Struct, frozen=True, gc=False):
    """What the fold needs of one citizen; before the first version `key` is empty, and `block` and `sealed` are None."""

    citizen: int
    key: bytes
    wrapped: bytes | None
    block: int | None
    sealed: bytes | None


class LoadedEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of a citizen; `sealed` is None once its body was destroyed."""

    citizen: int
    batch: int
    position: int
    commitment: bytes
    sealed: bytes | None


def account_row(citizen: int, block: int, value: bytes, until_ordinal: int) -> bytes:
    """One packed row of `accounts`; `until_ordinal` as `date.toordinal()`."""
    return _ACCOUNT_ROW.pack(4, 8, citizen, 8, block, 32, value, 4, until_ordinal - _EPOCH_DAY)


def account_body_row(citizen: int, block: int, sealed: bytes) -> bytes:
    """One packed row of `account_bodies`."""
    return _BODY_ROW.pack(3, 8, citizen, 8, block, len(sealed)) + sealed


def citizen_row(citizen: int, key: bytes, vrf_proof: bytes) -> bytes:
    """One packed row of `citizens`."""
    return _CITIZEN_ROW.pack(3, 8, citizen, 32, key, 80, vrf_proof)


def copy_citizens(connection: Connection, citizens: Iterable[bytes]) -> None:
    """Store packed citizens, whom a block takes in for the first time. Raises UniqueViolation when one is there already."""
    copy_rows(connection, "citizens (id, key, vrf_proof)", citizens)


def copy_accounts(connection: Connection, accounts: Iterable[bytes], bodies: Iterable[bytes]) -> None:
    """Store packed versions."""
    copy_rows(connection, "accounts (citizen, block, value, until)", accounts)
    copy_rows(connection, "account_bodies (citizen, block, sealed)", bodies)


def load_accounts(connection: Connection, citizens: Sequence[int]) -> list[LoadedAccount]:
    """The newest version of each of these citizens' accounts.

    Laterals, so that the planner looks each of them up: it would rather read the whole of both tables for some thousands.
    """
    query = """
        SELECT w.id, coalesce(c.key, ''), k.wrapped, b.block, b.sealed FROM unnest(%s::bigint[]) AS w (id)
        LEFT JOIN LATERAL (SELECT key FROM citizens WHERE id = w.id OFFSET 0) AS c ON true
        LEFT JOIN LATERAL (SELECT wrapped FROM citizen_keys WHERE citizen = w.id OFFSET 0) AS k ON true
        LEFT JOIN LATERAL (SELECT block, sealed FROM account_bodies WHERE citizen = w.id ORDER BY block DESC LIMIT 1)
            AS b ON true"""
    rows = connection.execute(query, (list(citizens),), binary=True).fetchall()
    return list(starmap(LoadedAccount, rows))


def events_of_batches(
    connection: Connection, batches: Sequence[int], share: int, shares: int
) -> list[LoadedEvent]:
    """Events of these batches whose citizen falls into one of several shares, by citizen and log order.

    Batch by batch: a batch may have one event or 65,536, and no plan for the mean of them fits both.
    """
    query = """
        SELECT e.citizen, v.batch, e.position, e.commitment, e.sealed
        FROM unnest(%s::bigint[]) AS v (batch) CROSS JOIN LATERAL (
            SELECT e.citizen, e.position, e.commitment, b.sealed
            FROM events e LEFT JOIN event_bodies b ON b.batch = v.batch AND b.position = e.position
            WHERE e.batch = v.batch AND e.citizen %% %s = %s OFFSET 0) AS e"""
    rows = connection.execute(query, (list(batches), shares, share), binary=True).fetchall()
    rows.sort()  # nothing behind batch and position is ever compared
    return list(starmap(LoadedEvent, rows))


def events_of_citizens(
    connection: Connection, citizens: Sequence[int]
) -> list[tuple[LoadedEvent, int | None, int | None]]:
    """Every event of these citizens with its log index and block (None while unplaced), by citizen and log order."""
    query = """
        SELECT v.citizen, e.batch, e.position, e.commitment, b.sealed, p.first_index + 1 + e.position, p.block
        FROM unnest(%s::bigint[]) AS v (citizen)
        CROSS JOIN LATERAL (SELECT batch, position, commitment FROM events WHERE citizen = v.citizen OFFSET 0) AS e
        LEFT JOIN LATERAL (
            SELECT sealed FROM event_bodies WHERE (batch, position) = (e.batch, e.position) LIMIT 1) AS b ON true
        LEFT JOIN LATERAL (SELECT first_index, block FROM placements WHERE admission = e.batch LIMIT 1) AS p ON true
        ORDER BY v.citizen, p.first_index IS NULL, p.first_index, e.batch, e.position"""
    rows = connection.execute(query, (list(citizens),), binary=True).fetchall()
    return [(LoadedEvent(*row[:5]), row[5], row[6]) for row in rows]


def events_behind(connection: Connection, versions: Mapping[int, int]) -> list[LoadedEvent]:
    """Admitted events that a citizen's account version does not hold, by citizen and log order.

    `versions`: citizen -> block of the version, -1 for none. Asked in this way, and not for "in no block yet", an event
    is found whatever the sequencer commits between reading the account and this.
    """
    # laterals, so that the planner reads a citizen's few events and never joins whole tables; those stand in fewer batches
    query = """
        SELECT v.citizen, p.batch, e.position, e.commitment, b.sealed
        FROM unnest(%s::bigint[], %s::bigint[]) AS v (citizen, block)
        CROSS JOIN LATERAL (
            SELECT d.batch, p.first_index
            FROM (SELECT DISTINCT batch FROM events WHERE citizen = v.citizen OFFSET 0) AS d
            LEFT JOIN LATERAL (SELECT first_index, block FROM placements WHERE admission = d.batch LIMIT 1) AS p ON true
            WHERE p.block IS NULL OR p.block > v.block OFFSET 0) AS p
        CROSS JOIN LATERAL (
            SELECT position, commitment FROM events WHERE citizen = v.citizen AND batch = p.batch OFFSET 0) AS e
        LEFT JOIN LATERAL (
            SELECT sealed FROM event_bodies WHERE (batch, position) = (p.batch, e.position) LIMIT 1) AS b ON true
        ORDER BY v.citizen, p.first_index IS NULL, p.first_index, p.batch, e.position"""
    rows = connection.execute(query, (list(versions), list(versions.values())), binary=True).fetchall()
    return list(starmap(LoadedEvent, rows))


def event_at(connection: Connection, log_index: int) -> tuple[LoadedEvent, str] | None:
    """The event at a log index with its furnisher's name; None when another kind of entry, or none, stands there."""
    query = """
        SELECT e.citizen, e.batch, e.position, e.commitment, b.sealed, f.name
        FROM (SELECT admission, first_index FROM placements WHERE first_index < %(index)s
            ORDER BY first_index DESC LIMIT 1) AS p
        JOIN events e ON e.batch = p.admission AND e.position = %(index)s - p.first_index - 1
        JOIN furnishers f ON f.id = e.furnisher LEFT JOIN event_bodies b USING (batch, position)"""
    row = connection.execute(query, {"index": log_index}, binary=True).fetchone()
    return None if row is None else (LoadedEvent(*row[:5]), row[5])


def account_at(connection: Connection, citizen: int, block: int) -> tuple[int, bytes | None] | None:
    """(block that wrote it, sealed body) of the version that stands at a block."""
    query = """
        SELECT a.block, b.sealed FROM accounts a LEFT JOIN account_bodies b USING (citizen, block)
        WHERE a.citizen = %s AND a.block <= %s ORDER BY a.block DESC LIMIT 1"""
    row = connection.execute(query, (citizen, block), binary=True).fetchone()
    return None if row is None else (row[0], row[1] and bytes(row[1]))


def due(connection: Connection, day: date) -> list[int]:
    """Citizens whose newest version speaks for no day from `day` on: what has aged."""
    query = """
        SELECT a.citizen FROM accounts a WHERE a.until <= %s
            AND NOT EXISTS (SELECT FROM accounts n WHERE n.citizen = a.citizen AND n.block > a.block)"""
    return [row[0] for row in connection.execute(query, (day,), binary=True).fetchall()]


def scored(connection: Connection) -> list[int]:
    """Citizens that have an account."""
    return [
        row[0] for row in connection.execute("SELECT DISTINCT citizen FROM accounts", binary=True).fetchall()
    ]


def all_leaves(connection: Connection) -> Iterator[tuple[bytes, bytes]]:
    """(citizen key, newest account value) of every account, ascending by key; streamed, one look-up an account."""
    query = """
        SELECT c.key, a.value FROM citizens c JOIN LATERAL (
            SELECT value FROM accounts WHERE citizen = c.id ORDER BY block DESC LIMIT 1) AS a ON true ORDER BY c.key"""
    with connection.cursor(name="leaves", binary=True) as cursor:
        cursor.itersize = 20_000
        cursor.execute(query)
        for key, value in cursor:
            yield bytes(key), bytes(value)


def page_leaves(
    connection: Connection, pages: Sequence[tuple[bytes, bytes]], block: int
) -> list[list[tuple[bytes, bytes]]]:
    """Of each page (low, high): (key, value) at a block of the accounts with low <= key <= high, ascending."""
    query = """
        SELECT p.number, c.key, a.value
        FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS p (low, high, number)
        CROSS JOIN LATERAL (SELECT id, key FROM citizens WHERE key >= p.low AND key <= p.high OFFSET 0) AS c
        CROSS JOIN LATERAL (
            SELECT value FROM accounts WHERE citizen = c.id AND block <= $3 ORDER BY block DESC LIMIT 1) AS a
        ORDER BY c.key"""
    lows, highs = [low for low, _ in pages], [high for _, high in pages]
    (rows,) = ask(connection, Question(query, [bytea_array(lows), bytea_array(highs), int8(block)]))
    found: list[list[tuple[bytes, bytes]]] = [[] for _ in pages]
    for number, key, value in rows:
        assert key is not None and value is not None, "never null"  # noqa: PT018 - for the type checker
        found[integer(number) - 1].append((key, value))
    return found


def changed_leaves(connection: Connection, after: int, upto: int, limit: int) -> list[tuple[bytes, bytes]]:
    """(key, value) of accounts that blocks above `after`, up to `upto`, have written, a later block's behind an earlier's; at
    most `limit`, whichever those are.
    """
    query = """
        SELECT c.key, a.value, a.block
        FROM (SELECT citizen, block, value FROM accounts WHERE block > $1 AND block <= $2 LIMIT $3) AS a
        CROSS JOIN LATERAL (SELECT key FROM citizens WHERE id = a.citizen OFFSET 0) AS c"""
    (rows,) = ask(connection, Question(query, [int8(after), int8(upto), int8(limit)]))
    found = []
    for key, value, _ in sorted(rows, key=itemgetter(2)):
        assert key is not None and value is not None, "never null"  # noqa: PT018 - for the type checker
        found.append((key, value))
    return found


def copy_trie_tiles(connection: Connection, block: int, tiles: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Store the trie tiles (depth, prefix, data) that a block changed."""
    head, tail = Struct("!hihi").pack, Struct("!iqi").pack
    copy_rows(
        connection,
        "trie_tiles (depth, prefix, block, data)",
        (
            head(4, 2, depth, len(prefix)) + prefix + tail(8, block, len(data)) + data
            for depth, prefix, data in tiles
        ),
    )


def trie_tiles(
    connection: Connection, wanted: Sequence[tuple[int, bytes]], block: int
) -> dict[tuple[int, bytes], tuple[int, bytes]]:
    """Of the wanted (depth, prefix): (block that wrote it, data) at a block, where one is stored."""
    query = """
        SELECT w.depth, w.prefix, t.block, t.data FROM unnest($1::integer[], $2::bytea[]) AS w (depth, prefix)
        JOIN LATERAL (SELECT block, data FROM trie_tiles t WHERE t.depth = w.depth::smallint AND t.prefix = w.prefix
            AND t.block <= $3 ORDER BY block DESC LIMIT 1) AS t ON true"""
    places = [int4_array([depth for depth, _ in wanted]), bytea_array([prefix for _, prefix in wanted])]
    (rows,) = ask(connection, Question(query, [*places, int8(block)]))
    found = {}
    for depth, prefix, written, data in rows:
        assert prefix is not None and data is not None, "never null"  # noqa: PT018 - for the type checker
        found[integer(depth), prefix] = integer(written), data
    return found


def batch_around(connection: Connection, log_index: int) -> tuple[int, str, list[bytes]] | None:
    """(batch entry's log index, signed note, commitments in order) of the batch with the event at a log index."""
    query = """
        SELECT p.first_index, b.note, b.id FROM placements p JOIN batches b ON b.id = p.admission
        WHERE p.first_index < %(index)s AND %(index)s <= p.first_index + b.event_count
        ORDER BY p.first_index DESC LIMIT 1"""
    row = connection.execute(query, {"index": log_index}).fetchone()
    if row is None:
        return None
    rows = connection.execute(
        "SELECT commitment FROM events WHERE batch = %s ORDER BY position", (row[2],), binary=True
    ).fetchall()
    return row[0], row[1], [bytes(each[0]) for each in rows]


def any_bodies_of(connection: Connection, citizens: Sequence[int]) -> dict[int, bytes]:
    """The sealed body of some event of each of these citizens of whom one is left."""
    query = """
        SELECT v.citizen, b.sealed FROM unnest(%s::bigint[]) AS v (citizen) CROSS JOIN LATERAL (
            SELECT b.sealed FROM (SELECT batch, position FROM events WHERE citizen = v.citizen OFFSET 0) AS e
            JOIN event_bodies b ON b.batch = e.batch AND b.position = e.position LIMIT 1) AS b"""
    rows = connection.execute(query, (list(citizens),), binary=True).fetchall()
    return {row[0]: bytes(row[1]) for row in rows}


def versions_by_day(connection: Connection, citizen: int, newest_block: int) -> list[tuple[str, int, bool]]:
    """Of each day on which a citizen's account was written up to a block: (the block's local day, the last such block,
    whether that version can still be opened), oldest first.
    """
    query = """
        SELECT DISTINCT ON (d.day) d.day, a.block,
            EXISTS (SELECT FROM account_bodies b WHERE b.citizen = %(citizen)s AND b.block = a.block)
        FROM accounts a JOIN blocks ON blocks.number = a.block
        CROSS JOIN LATERAL (SELECT substring(encode(blocks.entry, 'escape') FROM '"as_of":"([0-9-]{10})"') AS day) AS d
        WHERE a.citizen = %(citizen)s AND a.block <= %(block)s ORDER BY d.day, a.block DESC"""
    rows = connection.execute(query, {"citizen": citizen, "block": newest_block}, binary=True).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def account_bodies(connection: Connection, citizen: int, blocks: Sequence[int]) -> dict[int, bytes]:
    """The sealed versions of a citizen's account that these blocks wrote, by block, as far as they are left."""
    query = """
        SELECT w.block, b.sealed FROM unnest(%s::bigint[]) AS w (block) CROSS JOIN LATERAL (
            SELECT sealed FROM account_bodies WHERE citizen = %s AND block = w.block OFFSET 0) AS b"""
    rows = connection.execute(query, (list(blocks), citizen), binary=True).fetchall()
    return {row[0]: bytes(row[1]) for row in rows}
