"""Connections and migrations: what the application may rely on from the first statement."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.errors import RefusedError
from app.db import engine as engine_module
from app.db import migrate
from app.db.engine import make_engine


@pytest.fixture
def empty_database(server_url, administer):
    """The URL of a database without a schema."""
    from sqlalchemy.engine import make_url

    name = "credence_test_empty"
    administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    administer(f"CREATE DATABASE {name} TEMPLATE template0")
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def application(database_url):
    engine = make_engine(
        database_url, statement_timeout_ms=300, lock_timeout_ms=100, application_name="tests"
    )
    yield engine
    engine.dispose()


def test_application_connects_as_its_role_with_timeouts(application):
    with application.connect() as connection:
        for setting, value in (
            ("role", "credence_app"),
            ("statement_timeout", "300ms"),
            ("lock_timeout", "100ms"),
            ("application_name", "tests"),
        ):
            assert connection.execute(text(f"SHOW {setting}")).scalar() == value
        connection.rollback()
        assert connection.execute(text("SELECT current_user")).scalar() == "credence_app"


def test_statement_that_takes_too_long_is_cancelled(application):
    with application.connect() as connection, pytest.raises(DBAPIError, match="statement timeout"):
        connection.execute(text("SELECT pg_sleep(5)"))


def test_options_in_the_url_are_kept(database_url):
    engine = make_engine(f"{database_url}&options=-c%20work_mem%3D7MB")
    with engine.connect() as connection:
        assert connection.execute(text("SHOW work_mem")).scalar() == "7MB"
        assert connection.execute(text("SHOW role")).scalar() == "credence_app"
    engine.dispose()


def test_connection_that_the_server_dropped_is_replaced(application, database):
    with application.connect() as connection:
        dropped = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    with database.connect() as owner:
        assert owner.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": dropped}).scalar()
    with application.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() != dropped


def test_old_server_is_refused_in_words(server_url, monkeypatch):
    monkeypatch.setattr(engine_module, "SERVER_MAJOR_MIN", 99)
    with pytest.raises(RefusedError, match=r"the database is PostgreSQL \d+; Credence needs 99 or newer"):
        make_engine(server_url, role=None).connect()


def test_migrations_go_to_the_head_once(empty_database):
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == migrate.head() is not None
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == migrate.head()


def test_migrators_at_once_do_the_work_once(empty_database):
    # alembic's context is one a process, so the second migrator is played by whoever holds its lock.
    lock = text(f"SELECT pg_advisory_xact_lock({0x43524544})")
    owner = make_engine(empty_database, role=None)
    with ThreadPoolExecutor(1) as pool, owner.connect() as other:
        other.execute(lock)
        migrator = pool.submit(migrate.upgrade, empty_database)
        with pytest.raises(TimeoutError):
            migrator.result(timeout=0.5)
        assert migrate.current(empty_database) is None
        other.rollback()
        migrator.result(timeout=30)
    owner.dispose()
    assert migrate.current(empty_database) == migrate.head()


def test_failed_migration_leaves_nothing(empty_database, tmp_path, monkeypatch):
    scripts = copy_without_versions(tmp_path)
    (scripts / "versions" / "0001_half.py").write_text(
        "from alembic import op\nrevision = '0001'\ndown_revision = None\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (n int)')\n    op.execute('SELECT 1 / 0')\n"
    )
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    with pytest.raises(DBAPIError, match="division by zero"):
        migrate.upgrade(empty_database)
    assert migrate.current(empty_database) is None
    owner = make_engine(empty_database, role=None)
    with owner.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('half')")).scalar() is None
    owner.dispose()


def test_no_migrations_yet_is_no_error(empty_database, tmp_path, monkeypatch):
    monkeypatch.setattr(migrate, "SCRIPTS", copy_without_versions(tmp_path))
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) is migrate.head() is None


def test_missing_scripts_are_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(migrate, "SCRIPTS", tmp_path)
    with pytest.raises(RefusedError, match="source tree"):
        migrate.head()


def copy_without_versions(folder):
    scripts = folder / "migrations 100%"
    (scripts / "versions").mkdir(parents=True)
    shutil.copy(migrate.SCRIPTS / "env.py", scripts)
    return scripts
