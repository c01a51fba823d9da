"""What intake has promised: batches, their events and sealed bodies, notices, in one admission order.

Order and locks. Every admission draws its id from one sequence. A batch does so under a *shared* advisory lock held to
the end of its transaction, a notice under the *exclusive* one: a key that a notice revokes is therefore revoked for
every batch with a higher id and for none with a lower one, while batches do not wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice, repeat
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from app.db.pgcopy import copy_rows
from app.db.session import (
    Question,
    ask,
    bytea_array,
    int4,
    int4_array,
    int8,
    int8_array,
    integer,
    single,
    text_array,
    uuid_array,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.db.session import Connection, Rows

_ADMISSION_LOCK = 4871170002
_ACCOUNT_LOCKS_MAX = 512  # a server with its usual settings has room for 6,400 locks in all
_SMALL_BATCHES_ROWS = 64  # so few rows of one or many batches go in by two INSERTs, quicker than by COPY

NEWEST_NOTICE: Final = Question("SELECT coalesce(max(id), 0) FROM notices")
"""The question of `newest_notice`."""

_ROWS_AT_A_TIME = 512
_EVENT_ROW = Struct("!hiqiiiqiii16si32s")
_BODY_ROW = Struct("!hiqiii")


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A checked batch, ready to be stored, once; the columns run in step, one item an event."""

    hash: bytes
    furnisher: str
    furnisher_no: int
    batch_id: str
    note: str
    receipt: str
    commitments: Sequence[bytes]
    event_ids: Sequence[bytes]
    citizens: Sequence[int]
    sealed: Iterable[bytes]  # made as they are written


Admitted: TypeAlias = tuple[bytes, str, str]
"""Hash, signed note and receipt of an admitted batch; the hash covers its furnisher and batch id."""


def admitted(connection: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Admitted]:
    """Those of these (furnisher, batch id) that stand for a batch."""
    (rows,) = ask(connection, asking_admitted(names))
    return read_admitted(rows)


def asking_admitted(names: Sequence[tuple[str, str]]) -> Question:
    """The question of `admitted`."""
    query = (
        "SELECT b.furnisher, b.batch_id, b.hash, b.note, b.receipt FROM unnest($1::text[], $2::text[]) AS n (furnisher, id)"
        " CROSS JOIN LATERAL (SELECT * FROM batches WHERE furnisher = n.furnisher AND batch_id = n.id OFFSET 0) AS b"
    )
    furnishers, batch_ids = [furnisher for furnisher, _ in names], [batch_id for _, batch_id in names]
    return Question(query, [text_array(furnishers), text_array(batch_ids)])


def read_admitted(rows: Rows) -> dict[tuple[str, str], Admitted]:
    """What it says."""
    found = {}
    for furnisher, batch_id, batch_hash, note, receipt in rows:
        assert furnisher and batch_id and batch_hash and note and receipt, "never null"  # noqa: PT018
        found[furnisher.decode(), batch_id.decode()] = batch_hash, note.decode(), receipt.decode()
    return found


def place_of(connection: Connection, furnisher: str, batch_id: str) -> tuple[int | None, int] | None:
    """(log index of the batch entry, None while it is in no block; number of events) of a batch; None when there is none."""
    query = (
        "SELECT p.first_index, b.event_count FROM batches b LEFT JOIN placements p ON p.admission = b.id"
        " WHERE b.furnisher = %s AND b.batch_id = %s"
    )
    row = connection.execute(query, (furnisher, batch_id)).fetchone()
    return None if row is None else (row[0], row[1])


def committed_furnisher(connection: Connection, name: str) -> int | None:
    """The small number that stands for a furnisher in `events`, given at its first batch."""
    row = connection.execute("SELECT id FROM furnishers WHERE name = %s", (name,)).fetchone()
    return None if row is None else int(row[0])


def new_furnisher(connection: Connection, name: str) -> int:
    """A number for a new furnisher; waits for another transaction that brings the same one."""
    connection.execute("INSERT INTO furnishers (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
    number = committed_furnisher(connection, name)
    assert number is not None
    return number


def draw_batch_ids(connection: Connection, count: int) -> tuple[list[int], int]:
    """`count` admission ids in ascending order, and the newest notice; holds the shared lock until the transaction ends."""
    drawing = (
        "SELECT nextval('admission') FROM (SELECT pg_advisory_xact_lock_shared($1) OFFSET 0) AS locked,"
        " generate_series(1, $2::integer)"
    )
    ids, notice = ask(connection, Question(drawing, [int8(_ADMISSION_LOCK), int4(count)]), NEWEST_NOTICE)
    return [integer(row[0]) for row in ids], integer(notice[0][0])


def insert_batches(connection: Connection, ids: Sequence[int], batches: Sequence[NewBatch]) -> None:
    """Store batches whole, under ids from `draw_batch_ids`. Raises `UniqueViolation` when an id or hash is taken."""
    if sum(len(b.commitments) for b in batches) <= _SMALL_BATCHES_ROWS:
        ask(connection, _notes(ids, batches), _few(ids, batches))
        return
    ask(connection, _notes(ids, batches))
    for admission_id, batch in zip(ids, batches, strict=True):
        copy_rows(
            connection,
            "events (batch, position, citizen, furnisher, event_id, commitment)",
            _event_rows(admission_id, batch),
        )
        copy_rows(connection, "event_bodies (batch, position, sealed)", _body_rows(admission_id, batch))


def _notes(ids: Sequence[int], batches: Sequence[NewBatch]) -> Question:
    query = (
        "INSERT INTO batches (id, hash, furnisher, batch_id, event_count, note, receipt) SELECT * FROM"
        " unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::text[])"
    )
    names = [text_array([b.furnisher for b in batches]), text_array([b.batch_id for b in batches])]
    counts = int4_array([len(b.commitments) for b in batches])
    notes = [text_array([b.note for b in batches]), text_array([b.receipt for b in batches])]
    return Question(query, [int8_array(ids), bytea_array([b.hash for b in batches]), *names, counts, *notes])


def _few(ids: Sequence[int], batches: Sequence[NewBatch]) -> Question:
    query = (
        "WITH new AS (SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::integer[], $5::uuid[],"
        " $6::bytea[], $7::bytea[]) AS t (batch, position, citizen, furnisher, event_id, commitment, sealed)),"
        " events AS (INSERT INTO events (batch, position, citizen, furnisher, event_id, commitment)"
        " SELECT batch, position, citizen, furnisher, event_id, commitment FROM new)"
        " INSERT INTO event_bodies (batch, position, sealed) SELECT batch, position, sealed FROM new"
    )
    sizes = [len(b.commitments) for b in batches]
    places = [
        int8_array([i for i, size in zip(ids, sizes, strict=True) for _ in range(size)]),
        int4_array([position for size in sizes for position in range(size)]),
    ]
    people = [
        int8_array([citizen for b in batches for citizen in b.citizens]),
        int4_array([b.furnisher_no for b in batches for _ in b.citizens]),
    ]
    bodies = [
        uuid_array([event_id for b in batches for event_id in b.event_ids]),
        bytea_array([commitment for b in batches for commitment in b.commitments]),
        bytea_array([sealed for b in batches for sealed in b.sealed]),
    ]
    return Question(query, [*places, *people, *bodies])


def _event_rows(admission_id: int, batch: NewBatch) -> Iterable[bytes]:
    """Rows of `events`, packed without a line of Python for each: a column a field, or its length, in the row's order."""
    assert len(batch.citizens) == len(batch.event_ids) == len(batch.commitments), "the columns run in step"
    batches = (repeat(6), repeat(8), repeat(admission_id))
    places = (repeat(4), range(len(batch.commitments)))
    people = (repeat(8), batch.citizens, repeat(4), repeat(batch.furnisher_no))
    hashes = (repeat(16), batch.event_ids, repeat(32), batch.commitments)
    return map(_EVENT_ROW.pack, *batches, *places, *people, *hashes)


def _body_rows(admission_id: int, batch: NewBatch) -> Iterable[bytes]:
    """Rows of `event_bodies`, each in two pieces; some hundreds of them at a time, while the processor has them at hand."""
    remaining, first = iter(batch.sealed), 0
    while some := list(islice(remaining, _ROWS_AT_A_TIME)):
        places = (repeat(4), range(first, first + len(some)))
        front = (repeat(3), repeat(8), repeat(admission_id), *places, map(len, some))
        yield from chain.from_iterable(zip(map(_BODY_ROW.pack, *front), some, strict=True))
        first += len(some)
    assert first == len(batch.commitments), "each event has its body"


def taken_event_ids(connection: Connection, furnisher_no: int, event_ids: Sequence[bytes]) -> set[bytes]:
    """Which of these ids the ledger already holds for this furnisher."""
    query = "SELECT event_id FROM events WHERE furnisher = %s AND event_id = ANY(%s)"
    rows = connection.execute(query, (furnisher_no, [UUID(bytes=i) for i in event_ids])).fetchall()
    return {row[0].bytes for row in rows}


def insert_notice(connection: Connection, payload: bytes) -> int:
    """Admit a notice behind everything admitted so far; waits for admissions under way."""
    lock_out_admissions(connection)
    number = int(single(connection, "SELECT nextval('admission')"))
    connection.execute("INSERT INTO notices (id, payload) VALUES (%s, %s)", (number, payload))
    return number


def lock_accounts(connection: Connection, furnisher: str, accounts: Iterable[tuple[str, str]]) -> None:
    """Until this transaction ends no other judges, and so stores, what a furnisher says of these accounts.

    `accounts` are pairs (citizen, account). A lock each, in ascending order so that nobody waits in a circle;
    for more than PostgreSQL has room for, one of the whole furnisher, which everybody else shares.
    """
    keys = sorted({_lock_key(furnisher, *account) for account in accounts})
    if len(keys) > _ACCOUNT_LOCKS_MAX:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_key(furnisher),))
        return
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_lock_key(furnisher),))
    connection.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS locks (key)", (keys,))


def lock_access(connection: Connection, citizens: Iterable[str]) -> None:
    """Until this transaction ends no other asks about these citizens, or ends their consents, or freezes their files.

    So a withdrawal or a freeze is either before an inquiry, which then sees it, or behind its answer.
    """
    ask(connection, access_lock(citizens))


def access_lock(citizens: Iterable[str]) -> Question:
    """The question of `lock_access`: a lock each, or one of all for more than there is room for."""
    keys = sorted(_lock_key("access", citizen) for citizen in set(citizens))
    everybody = int8(_lock_key("access"))
    if len(keys) > _ACCOUNT_LOCKS_MAX:
        return Question("SELECT pg_advisory_xact_lock($1)", [everybody])
    query = (
        "SELECT pg_advisory_xact_lock(key) FROM (SELECT pg_advisory_xact_lock_shared($1) OFFSET 0) AS locked,"
        " unnest($2::bigint[]) AS locks (key)"
    )
    return Question(query, [everybody, int8_array(keys)])


def _lock_key(*names: str) -> int:
    return int.from_bytes(sha256("\n".join(names).encode()).digest()[:8], "big", signed=True)


def lock_out_admissions(connection: Connection) -> None:
    """Hold the exclusive lock until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ADMISSION_LOCK,))


def horizon(connection: Connection) -> tuple[int, set[str]]:
    """The highest admission id that is committed, and the transactions that are admitting something, or could be.

    Whoever draws a lower id later than this is none of them: once all of them have ended, every id up to that one is
    committed, or will never be there. The statement sees ids as of its beginning, and locks as of its execution.
    """
    query = """
        SELECT greatest((SELECT coalesce(max(id), 0) FROM batches), (SELECT coalesce(max(id), 0) FROM notices)),
            ARRAY(SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                AND (classid::bigint << 32 | objid::bigint) = %s
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""
    row = connection.execute(query, (_ADMISSION_LOCK,)).fetchone()
    assert row is not None
    return row[0], set(row[1])


def all_notices(connection: Connection) -> list[tuple[int, bytes, int | None]]:
    """(admission id, payload, log index or None while unplaced), in admission order."""
    query = "SELECT n.id, n.payload, p.first_index FROM notices n LEFT JOIN placements p ON p.admission = n.id ORDER BY n.id"
    return [(row[0], bytes(row[1]), row[2]) for row in connection.execute(query, binary=True).fetchall()]


def notices_with(connection: Connection, text: bytes) -> list[tuple[int, bytes, int | None]]:
    """Those of them whose payload has this text somewhere."""
    query = (
        "SELECT n.id, n.payload, p.first_index FROM notices n LEFT JOIN placements p ON p.admission = n.id"
        " WHERE position(%s IN n.payload) > 0 ORDER BY n.id"
    )
    rows = connection.execute(query, (text,), binary=True).fetchall()
    return [(row[0], bytes(row[1]), row[2]) for row in rows]


def newest_notice(connection: Connection) -> int:
    """The newest notice's admission id, 0 for none: the register can only have changed when this did."""
    (rows,) = ask(connection, NEWEST_NOTICE)
    return integer(rows[0][0])


@dataclass(frozen=True, slots=True)
class Pending:
    """One admitted batch or notice that no block holds yet."""

    admission: int
    furnisher: str  # "" for a notice
    event_count: int
    hash: bytes
    note: str
    receipt: str  # "" for a notice
    payload: bytes  # of a notice, else empty


def pending(connection: Connection, after: int, limit: int) -> list[Pending]:
    """Admitted but unplaced, in admission order, with ids above `after`."""
    query = """
        SELECT id, furnisher, event_count, hash, note, receipt, payload FROM (
            (SELECT id, furnisher, event_count, hash, note, receipt, ''::bytea AS payload FROM batches b WHERE id > %(after)s
                AND NOT EXISTS (SELECT FROM placements p WHERE p.admission = b.id) ORDER BY id LIMIT %(limit)s)
            UNION ALL
            (SELECT id, '', 0, ''::bytea, '', '', payload FROM notices n WHERE id > %(after)s
                AND NOT EXISTS (SELECT FROM placements p WHERE p.admission = n.id) ORDER BY id LIMIT %(limit)s)
        ) AS admitted ORDER BY id LIMIT %(limit)s"""
    rows = connection.execute(query, {"after": after, "limit": limit}, binary=True).fetchall()
    return [Pending(r[0], r[1], r[2], bytes(r[3]), r[4], r[5], bytes(r[6])) for r in rows]


def events_above(connection: Connection, admission_id: int) -> int:
    """How many events the batches with higher ids have: a cheap question, as none of them is read."""
    query = "SELECT coalesce(sum(event_count), 0) FROM batches WHERE id > %s"
    return int(single(connection, query, (admission_id,)))


def reported_behind(
    connection: Connection, name: tuple[str, str], citizen: int, furnisher_no: int
) -> list[tuple[str, str, bytes | None]]:
    """(batch id, receipt, sealed body or None when it is gone) of what a furnisher has reported of a citizen behind the
    batch of this (furnisher, batch id), the last first.
    """
    query = """
        SELECT b.batch_id, b.receipt, s.sealed
        FROM batches named JOIN events e ON e.citizen = %s AND e.furnisher = %s AND e.batch > named.id
        JOIN batches b ON b.id = e.batch LEFT JOIN event_bodies s ON s.batch = e.batch AND s.position = e.position
        WHERE named.furnisher = %s AND named.batch_id = %s ORDER BY e.batch DESC, e.position DESC"""
    rows = connection.execute(query, (citizen, furnisher_no, *name), binary=True).fetchall()
    return [(row[0], row[1], None if row[2] is None else bytes(row[2])) for row in rows]


def bodies_by_names(
    connection: Connection, furnisher: str, batch_ids: Sequence[str]
) -> list[tuple[str, str, int, bytes | None]]:
    """(batch id, receipt, citizen, sealed body or None when it is gone) of every event of these batches, in log order."""
    query = """
        SELECT b.batch_id, b.receipt, e.citizen, s.sealed FROM batches b JOIN events e ON e.batch = b.id
        LEFT JOIN event_bodies s ON s.batch = e.batch AND s.position = e.position
        WHERE b.furnisher = %s AND b.batch_id = ANY(%s) ORDER BY b.id, e.position"""
    rows = connection.execute(query, (furnisher, list(batch_ids)), binary=True).fetchall()
    return [(row[0], row[1], row[2], None if row[3] is None else bytes(row[3])) for row in rows]


@dataclass(frozen=True, slots=True)
class AdmittedEvent:
    """Whose event, its log index (None while no block holds it), and its sealed body (None once that was destroyed)."""

    citizen: int
    log_index: int | None
    sealed: bytes | None


def event_by_name(connection: Connection, furnisher: str, batch_id: str) -> AdmittedEvent | None:
    """The event of a batch of one, or None when there is no such batch."""
    query = """
        SELECT e.citizen, p.first_index + 1, s.sealed FROM batches b JOIN events e ON e.batch = b.id AND e.position = 0
        LEFT JOIN placements p ON p.admission = b.id LEFT JOIN event_bodies s ON s.batch = b.id AND s.position = 0
        WHERE b.furnisher = %s AND b.batch_id = %s"""
    row = connection.execute(query, (furnisher, batch_id), binary=True).fetchone()
    return None if row is None else AdmittedEvent(row[0], row[1], row[2] and bytes(row[2]))


def event_by_id(connection: Connection, furnisher: str, event_id: UUID) -> AdmittedEvent | None:
    """A furnisher's event by the id that it gave."""
    query = """
        SELECT e.citizen, p.first_index + 1 + e.position, b.sealed
        FROM furnishers f JOIN events e ON e.furnisher = f.id AND e.event_id = %s
        LEFT JOIN placements p ON p.admission = e.batch
        LEFT JOIN event_bodies b ON b.batch = e.batch AND b.position = e.position
        WHERE f.name = %s"""
    row = connection.execute(query, (event_id, furnisher), binary=True).fetchone()
    return None if row is None else AdmittedEvent(row[0], row[1], row[2] and bytes(row[2]))
