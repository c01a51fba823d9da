"""One transaction of one connection, as the rest of `db` uses it.

SQLAlchemy owns the pool, the connect options and the transaction; the statements are plain SQL on psycopg's own
connection, because most of them are COPY, `unnest` or lateral joins over thousands of rows.
"""

from __future__ import annotations

import select
import struct
from collections import deque
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ExecStatus, Format
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from psycopg.pq.abc import PGresult
    from sqlalchemy import Engine

Connection: TypeAlias = psycopg.Connection[Any]
TEXT: Final = int(Format.TEXT)
BINARY: Final = int(Format.BINARY)
_BYTEA_OID: Final = 17
UniqueViolation = psycopg.errors.UniqueViolation
Deadlock = psycopg.errors.DeadlockDetected
DatabaseError = psycopg.Error
DATABASE_ERRORS = (psycopg.Error, SQLAlchemyError)  # no connection at all comes wrapped by SQLAlchemy


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Commit at the end, roll back on any error."""
    with closing(
        engine.raw_connection()
    ) as pooled:  # closing gives it back to the pool, which rolls back first
        connection = cast("Connection", pooled.driver_connection)
        yield connection
        connection.commit()


@contextmanager
def moment(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees the database of one moment: keys and what is sealed under them agree."""
    with transaction(engine) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection


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


_prepared: WeakKeyDictionary[Connection, dict[str, bytes]] = WeakKeyDictionary()


def prepared_rows(
    connection: Connection, query: str, values: Sequence[bytes], formats: Sequence[int]
) -> list[list[bytes | None]]:
    """The rows of a query, each column in PostgreSQL's binary form.

    libpq itself sends and waits, the statement was prepared before: half of what `execute` costs. For a hot path's one
    question. `query` has $1, $2 ...; `formats` say of each value whether it is TEXT or BINARY.
    """
    names = _prepared.setdefault(connection, {})
    name = names.get(query)
    if name is None:
        name = b"credence_%d" % len(names)
        _good(connection, connection.pgconn.prepare(name, query.encode()))
        names[query] = name
    result = _good(connection, connection.pgconn.exec_prepared(name, values, formats, BINARY))
    columns, value = range(result.nfields), result.get_value
    return [[value(row, column) for column in columns] for row in range(result.ntuples)]


def bytea_array(values: Collection[bytes]) -> bytes:
    """A bytea[] in PostgreSQL's binary form: one dimension, no nulls, the type of its members, how many, from 1."""
    members = b"".join(len(value).to_bytes(4, "big") + value for value in values)
    return struct.pack(">5i", 1, 0, _BYTEA_OID, len(values), 1) + members


def _good(connection: Connection, result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
    return result


def is_alive(connection: Any) -> bool:
    """Whether the server has not closed this idle connection. This asks the kernel, not the server: nothing is under way
    on it, so there is nothing to read but the end.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
