"""Brings a database to the newest schema, with alembic and the scripts in `migrations/`.

    upgrade(url)                       # all or nothing; two at once wait for each other
    current(url) == head()             # whether there is nothing to do

The URL's user must own the database: migrations make tables, triggers and roles. The application itself
then runs as the role that they made (see `app.db.engine`). No alembic.ini is needed.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.core.errors import RefusedError
from app.db.engine import make_engine

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(url: str, revision: str = "head") -> None:
    """Runs what is missing up to `revision` in one transaction (see migrations/env.py for the locks)."""
    config = _config()
    engine = make_engine(url, role=None, application_name="credence-migrate")
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """Returns the revision that the database is at, or None for an empty one."""
    engine = make_engine(url, role=None, application_name="credence-migrate")
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str | None:
    """Returns the newest revision in `migrations/`, or None if there is none."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    if not (SCRIPTS / "env.py").is_file():
        raise RefusedError(f"{SCRIPTS} is missing: run Credence from its source tree")
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
