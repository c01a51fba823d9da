"""What every test may ask for: one PostgreSQL a session, migrated once, and a fresh copy of the database a test.

TEST_DATABASE_URL, else DATABASE_URL, names a server to use (its user must be allowed to create databases); without
them an embedded one is started in a temporary folder, in memory where that has room: a copy of the database is some
600 files, and a disk needs longer to make and remove them than most tests take. Nor does this server wait for the disk.
What is about crashes starts servers of its own, on the disk and as they are in service. tests/core asks for none of
this and runs first.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import text
from sqlalchemy.engine import make_url

ORDER = ("core", "db", "services", "cli", "web")
TESTS = Path(__file__).parent
MEMORY, MEMORY_FREE_BYTES_MIN = Path("/dev/shm"), 1 << 30
NEEDED_TODAY_ONLY = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
_numbers = itertools.count(1)

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items):
    """Runs what is fast and pure first: core, then the layers above it in their order."""

    def layer(item):
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        return ORDER.index(folder) if folder in ORDER else len(ORDER)

    items.sort(key=layer)


def pytest_xdist_make_scheduler(config, log):
    """With several processes, each takes the next file whole, still in that order; what a file shares is made once.

    tests/interop counts as one file: its Go program and its ledger cost more than its tests. What a session shares is
    made in each process; so each has a PostgreSQL of its own.
    """
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "interop" if "/interop/" in nodeid else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # which would begin with the file of the most tests
    return Files(config, log)


@pytest.fixture(scope="session")
def server_url():
    """The URL of a database on the tests' server, as a user who may create others."""
    from app.db.embedded import EmbeddedPostgres
    from app.db.engine import normalise_url

    given = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if given:
        yield normalise_url(given)
        return
    home = folder_for_a_server(in_memory=True)
    try:
        with EmbeddedPostgres(home, settings=NEEDED_TODAY_ONLY) as server:
            yield server.url
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def administer(server_url):
    """A function that runs one statement outside any transaction, as CREATE and DROP DATABASE demand."""
    from app.db.engine import make_engine

    engine = make_engine(server_url, role=None, application_name="credence-tests", pool_size=1)

    def run(statement):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))

    yield run
    engine.dispose()


@pytest.fixture(scope="session")
def template_database(server_url, administer):
    """The name of a migrated database that nobody connects to, to be copied."""
    from app.db import migrate

    name = f"credence_template_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        migrate.upgrade(url_of(server_url, name))
        yield name
    finally:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(server_url, template_database, administer):
    """The URL of a fresh, migrated database, as its owner; it is dropped after the test."""
    name = f"credence_test_{os.getpid()}_{next(_numbers)}"
    # Copied as files: cheaper than block by block through the log, and the template is not written to meanwhile.
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    yield url_of(server_url, name)
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url):
    """An engine on the fresh database, as its owner; `make_engine(database_url)` is the application's."""
    from app.db.engine import make_engine

    engine = make_engine(database_url, role=None)
    yield engine
    engine.dispose()


def folder_for_a_server(*, in_memory):
    """A new folder that a PostgreSQL may be started in; who asked removes it. Without room in memory it is on the disk."""
    roomy = in_memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_FREE_BYTES_MIN
    folder = Path(tempfile.mkdtemp(prefix="credence-test-", dir=MEMORY if roomy else None))
    folder.chmod(0o711)  # so that the account that runs the server reaches its own folder in it
    return folder


def url_of(server_url, name):
    """Returns the URL of the database `name` on the same server."""
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
