"""One transaction of one connection, as the rest of `db` uses it.

SQLAlchemy owns the pool, the connect options and the transaction; the statements are plain SQL on psycopg's own
connection, because most of them are COPY, `unnest` or lateral joins over thousands of rows.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import psycopg
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

Connection: TypeAlias = psycopg.Connection[Any]
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
def reading(engine: Engine) -> Iterator[Connection]:
    """No transaction: each statement sees what is committed when it begins. For reads of rows that never change."""
    with closing(engine.raw_connection()) as pooled:
        connection = cast("Connection", pooled.driver_connection)
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.autocommit = False
