"""One transaction of one connection, as the rest of `db` uses it.

SQLAlchemy owns the pool, the connect options and the transaction; the statements are plain SQL on psycopg's own
connection, because most of them are COPY, `unnest` or lateral joins over thousands of rows.
"""

from __future__ import annotations

import select
import struct
from collections import deque
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ExecStatus, Format, TransactionStatus
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg.pq.abc import PGresult
    from sqlalchemy import Engine

Connection: TypeAlias = psycopg.Connection[Any]
TEXT: Final = int(Format.TEXT)
BINARY: Final = int(Format.BINARY)
_BYTEA_OID: Final = 17
_INT8_OID: Final = 20
_INT4_OID: Final = 23
_TEXT_OID: Final = 25
_UUID_OID: Final = 2950
UniqueViolation = psycopg.errors.UniqueViolation
Deadlock = psycopg.errors.DeadlockDetected
DatabaseError = psycopg.Error
DATABASE_ERRORS = (psycopg.Error, SQLAlchemyError)  # no connection at all comes wrapped by SQLAlchemy
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, SQLAlchemyError)


_prepared: WeakKeyDictionary[Connection, dict[str, bytes]] = WeakKeyDictionary()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Commit at the end, roll back on any error."""
    with closing(
        engine.raw_connection()
    ) as pooled:  # closing gives it back to the pool, which rolls back first
        connection = cast("Connection", pooled.driver_connection)
        try:
            yield connection
            connection.commit()
        except BaseException:
            _roll_back(connection)
            raise


def _roll_back(connection: Connection) -> None:
    """Then psycopg drops what it prepared by DEALLOCATE ALL, if there is any, and ours with it: so we always drop all."""
    if connection.info.transaction_status != TransactionStatus.IDLE and _prepared.pop(connection, {}):
        with suppress(psycopg.Error):  # of a connection that is lost: the pool will see
            connection.rollback()
            connection.pgconn.exec_(b"DEALLOCATE ALL")


@contextmanager
def taken_back(connection: Connection) -> Iterator[None]:
    """What happens inside is undone at the end, and the transaction goes on. Here too psycopg may drop what was prepared."""
    try:
        with connection.transaction(force_rollback=True):
            yield
    finally:
        if _prepared.pop(connection, {}):
            connection.pgconn.exec_(b"DEALLOCATE ALL")


@contextmanager
def moment(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees the database of one moment: keys and what is sealed under them agree."""
    with transaction(engine) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection


def single(connection: Connection, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> Any:
    """The one value of a statement that always gives one."""
    row = connection.execute(query, values).fetchone()
    assert row is not None, "it always gives a row"
    return row[0]


class Readers:
    """Connections outside transactions: each statement sees what is committed when it begins. For reads of rows that
    never change.

    They wait here and not in the pool, where taking one and giving it back costs as much as a question asked on it.
    There are never more than threads that read at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[Connection] = deque()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            if not connection.broken:
                self._idle.append(connection)

    def _take(self) -> Connection:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if is_alive(connection):
                return connection
            connection.close()
        pooled = self._engine.raw_connection()
        connection = cast("Connection", pooled.driver_connection)
        pooled.detach()
        connection.autocommit = True
        return connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


Rows: TypeAlias = "list[list[bytes | None]]"
"""Rows, each column in PostgreSQL's binary form."""


class Question(NamedTuple):
    """A statement with $1, $2 ..., and its values in PostgreSQL's binary form."""

    query: str
    values: Sequence[bytes] = ()


def ask(connection: Connection, *questions: Question) -> list[Rows]:
    """The rows of each question: prepared before, sent together, one round trip for all of them (libpq's pipeline mode).

    Each statement sees what was committed when it begins, so it sees what a lock in the question before it was waited for.
    As `execute` does, the first one begins the transaction.
    """
    names = [_name(connection, question.query) for question in questions]
    try:
        results = _exchange(connection, list(zip(names, questions, strict=True)))
    except BaseException:
        connection.close()  # nobody knows what is still under way on it
        raise
    return [_rows(_good(connection, result)) for result in results]


def _exchange(connection: Connection, questions: Sequence[tuple[bytes, Question]]) -> list[PGresult]:
    pgconn = connection.pgconn
    begins = not connection.autocommit and pgconn.transaction_status == TransactionStatus.IDLE
    pgconn.enter_pipeline_mode()
    if begins:
        pgconn.send_query_params(b"BEGIN", None)
    for name, question in questions:
        formats = [BINARY] * len(question.values)
        pgconn.send_query_prepared(name, question.values, formats, result_format=BINARY)
    pgconn.pipeline_sync()
    results = _results(connection)
    pgconn.exit_pipeline_mode()
    assert len(results) == begins + len(questions), "each statement has a result"
    return results[begins:]


def _results(connection: Connection) -> list[PGresult]:
    """The results of so many statements, up to the end of the pipeline. While it waits, other threads go on."""
    pgconn, poll = connection.pgconn, select.poll()
    poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    while pgconn.flush():
        poll.poll()
        pgconn.consume_input()
    poll.modify(pgconn.socket, select.POLLIN)
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            poll.poll()
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:  # behind each statement
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


def prepared_rows(
    connection: Connection, query: str, values: Sequence[bytes], formats: Sequence[int]
) -> Rows:
    """The rows of a query, each column in PostgreSQL's binary form.

    libpq itself sends and waits, the statement was prepared before: half of what `execute` costs. For a hot path's one
    question. `query` has $1, $2 ...; `formats` say of each value whether it is TEXT or BINARY.
    """
    name = _name(connection, query)
    return _rows(_good(connection, connection.pgconn.exec_prepared(name, values, formats, BINARY)))


def _name(connection: Connection, query: str) -> bytes:
    """The name under which a query is prepared on this connection."""
    names = _prepared.setdefault(connection, {})
    name = names.get(query)
    if name is None:
        name = b"credence_%d" % len(names)
        _good(connection, connection.pgconn.prepare(name, query.encode()))
        names[query] = name
    return name


def _rows(result: PGresult) -> Rows:
    columns, value = range(result.nfields), result.get_value
    return [[value(row, column) for column in columns] for row in range(result.ntuples)]


def int8(value: int) -> bytes:
    """A bigint in PostgreSQL's binary form."""
    return value.to_bytes(8, "big", signed=True)


def int4(value: int) -> bytes:
    """An integer in PostgreSQL's binary form."""
    return value.to_bytes(4, "big", signed=True)


def integer(value: bytes | None) -> int:
    """The number of a column that is never null."""
    assert value is not None, "never null"
    return int.from_bytes(value, "big", signed=True)


def bytea_array(values: Collection[bytes]) -> bytes:
    """A bytea[] in PostgreSQL's binary form."""
    return _array(_BYTEA_OID, values)


def uuid_array(values: Collection[bytes]) -> bytes:
    """A uuid[], of 16 bytes each."""
    return _array(_UUID_OID, values)


def text_array(values: Collection[str]) -> bytes:
    """A text[]."""
    return _array(_TEXT_OID, [value.encode() for value in values])


def int8_array(values: Collection[int]) -> bytes:
    """A bigint[]."""
    return _array(_INT8_OID, [int8(value) for value in values])


def int4_array(values: Collection[int]) -> bytes:
    """An integer[]."""
    return _array(_INT4_OID, [int4(value) for value in values])


def _array(oid: int, values: Collection[bytes]) -> bytes:
    """One dimension, no nulls, the type of its members, how many, from 1."""
    if not values:
        return struct.pack(">3i", 0, 0, oid)
    sizes = {*map(len, values)}
    if len(sizes) == 1:  # of most types all have the same
        size = sizes.pop().to_bytes(4, "big")
        members = size + size.join(values)
    else:
        members = b"".join([len(value).to_bytes(4, "big") + value for value in values])
    return struct.pack(">5i", 1, 0, oid, len(values), 1) + members


def _good(connection: Connection, result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        error = psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
        if connection.closed and not isinstance(error, DATABASE_AWAY):  # libpq's own word, without a code
            raise psycopg.OperationalError(str(error)) from error
        raise error
    return result


def is_alive(connection: Any) -> bool:
    """Whether the server has not closed this idle connection. This asks the kernel, not the server: nothing is under way
    on it, so there is nothing to read but the end.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
