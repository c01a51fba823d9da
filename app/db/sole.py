"""One process at a time on a database: an advisory lock on a connection of its own, and gone with it, however it ends.

lock = SoleLock(engine, ledger.SEQUENCER_LOCK)
if lock.take(patience_s=10):      # False: somebody else keeps it
lock.check()                  # DatabaseError once the connection, and the lock with it, is gone
lock.close()
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from app.db.session import DatabaseError, single

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.db.session import Connection

_POLL_S = 0.1


class SoleLock:
    """The lock of this number, once it is taken."""

    def __init__(self, engine: Engine, number: int) -> None:
        self._number = number
        self._holder = engine.raw_connection()

    @property
    def _connection(self) -> Connection:
        connection: Connection = self._holder.driver_connection  # type: ignore[assignment]
        return connection

    def take(self, patience_s: float = 0.0) -> bool:
        """Wait up to `patience_s` for it; when it cannot be had, this is closed. The connection of a process that was killed
        keeps the lock until its server process has noticed.
        """
        self._connection.autocommit = True
        deadline_s = time.monotonic() + patience_s
        while not self._try():
            if time.monotonic() >= deadline_s:
                self.close()
                return False
            time.sleep(_POLL_S)
        return True

    def _try(self) -> bool:
        return bool(single(self._connection, "SELECT pg_try_advisory_lock(%s)", (self._number,)))

    def check(self) -> None:
        """DatabaseError unless the connection lives: without it somebody else may have the lock."""
        self._connection.execute("SELECT 1")

    def close(self) -> None:
        """Let go of it. May be called twice."""
        if self._holder.is_valid:
            with suppress(DatabaseError):  # closing alone lets go a moment later
                self._connection.execute("SELECT pg_advisory_unlock(%s)", (self._number,))
            self._holder.invalidate()  # never back to the pool
        self._holder.close()
