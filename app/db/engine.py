"""Which database, and how the application connects to it.

DATABASE_URL names any PostgreSQL 15 or newer, `postgres://`, `postgresql://` or `postgresql+psycopg://`;
nothing is then started or stopped. Without it the embedded server of the home folder is used and kept up
while this process lives.

    url = database_url(Path("var"))
    application = make_engine(url)       # acts as role credence_app, with timeouts
    owner = make_engine(url, role=None)  # migrations: the URL's own user

The role and the timeouts are start-up options of the connection: they hold from its first statement, and a
rolled back transaction cannot undo them.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, QueuePool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from app.core.errors import RefusedError
from app.db.embedded import EmbeddedPostgres, acquire
from app.db.session import is_alive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

APP_ROLE = "credence_app"
DRIVER = "postgresql+psycopg"
SCHEMES = ("postgres", "postgresql", DRIVER)
SERVER_MAJOR_MIN = 15
POOL_SIZE = 16  # as many as a web worker has threads: nobody waits for another's upload
POOL_OVERFLOW_MAX = 5
POOL_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 10_000

_held: dict[Path, EmbeddedPostgres] = {}


def normalise_url(text: str) -> str:
    """Returns `text` as a SQLAlchemy URL for psycopg. RefusedError if it does not name a PostgreSQL."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise RefusedError(
            "DATABASE_URL is no URL; it looks like postgresql://user@host:5432/credence"
        ) from error
    if url.drivername not in SCHEMES:
        raise RefusedError(
            f"DATABASE_URL names {url.drivername}://; Credence needs PostgreSQL (postgresql://...)"
        )
    if not url.database:
        raise RefusedError(
            "DATABASE_URL names no database; it looks like postgresql://user@host:5432/credence"
        )
    return url.set(drivername=DRIVER).render_as_string(hide_password=False)


def database_url(home: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Returns the URL of the database: DATABASE_URL's, else the embedded server's, started if need be.

    This process stays a user of the embedded server of `home` until it exits.
    """
    given = environ.get("DATABASE_URL", "")
    if given:
        return normalise_url(given)
    return embedded(home).start()


def embedded(home: Path) -> EmbeddedPostgres:
    """Returns this process's hold on the server of `home`, for a loop that calls `ensure_running()`."""
    key = home.resolve()
    if key not in _held:
        _held[key] = acquire(key)
        atexit.register(_held[key].stop)
    return _held[key]


def make_engine(
    url: str,
    role: str | None = APP_ROLE,
    *,
    application_name: str = "credence",
    pool_size: int = POOL_SIZE,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> Engine:
    """Makes an engine whose connections act as `role`; with None, as the URL's user and without timeouts."""
    address = make_url(url)
    options = [str(address.query["options"])] if "options" in address.query else []
    if role is not None:
        options += [
            f"-c role={role}",
            f"-c statement_timeout={statement_timeout_ms}",
            f"-c lock_timeout={lock_timeout_ms}",
            "-c plan_cache_mode=force_generic_plan",  # a point query's planning costs five times its execution
            "-c enable_seqscan=off",  # and what was planned when a table was small is run when it is large
        ]
    engine = create_engine(
        address.difference_update_query(["options"]),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=POOL_OVERFLOW_MAX,
        pool_timeout=POOL_TIMEOUT_S,
        pool_use_lifo=True,  # the server process that was used last has everything at hand
        connect_args={
            "options": " ".join(options),
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT_S,
        },
    )
    event.listen(engine, "connect", _check_server)
    event.listen(engine, "checkout", _check_alive)
    return engine


def _check_alive(connection: Any, _record: object, _proxy: object) -> None:
    """Throws the pool's connections away once the server has closed one."""
    if not is_alive(connection):
        raise InvalidatePoolError("the server has closed this connection")


def _check_server(connection: Any, _record: object) -> None:
    """Refuses a server that is too old; the number came with the connection, so this asks nothing."""
    major = connection.info.server_version // 10_000
    if major < SERVER_MAJOR_MIN:
        raise RefusedError(f"the database is PostgreSQL {major}; Credence needs {SERVER_MAJOR_MIN} or newer")
