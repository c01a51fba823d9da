"""What alembic runs around the scripts in `versions/`: one transaction, one migrator at a time.

`app.db.migrate` hands over its connection. The plain `alembic` command works too, with DATABASE_URL set.

1. An advisory lock makes a second migrator wait; when it gets the lock, it finds the work done.
2. Then a lock timeout: a migration that cannot get a table soon gives up, and holds nobody up behind it.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, text

from app.db.engine import make_engine, normalise_url

MIGRATION_LOCK = 0x43524544  # "CRED"; the sequencer's lock is another
LOCK_WAIT_MS = 10 * 60 * 1000
LOCK_TIMEOUT_MS = 5 * 1000
STATEMENT_TIMEOUT_MS = 10 * 60 * 1000


def run(connection: Connection) -> None:
    """Runs the scripts that are missing and commits once, or not at all."""
    with connection.begin():
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))
        connection.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        context.configure(connection=connection, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()


def connect_and_run() -> None:
    """Runs on the connection that was handed over, else on one to DATABASE_URL."""
    handed_over = context.config.attributes.get("connection")
    if handed_over is not None:
        run(handed_over)
        return
    engine = make_engine(normalise_url(os.environ.get("DATABASE_URL", "")), role=None)
    try:
        with engine.connect() as connection:
            run(connection)
    finally:
        engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    connect_and_run()
