"""Folders and databases for one run, all below `var/bench`, all gone afterwards.

with Places() as places:
    ledger = places.ledger("intake")     a database of its own, migrated and founded, with its own keys
    ledger.bureau ...
"""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.db import migrate
from app.db.embedded import EmbeddedPostgres
from app.db.engine import make_engine
from app.services.bureau import Bureau
from app.services.home import Home
from app.services.ledger.founding import Charter, found

if TYPE_CHECKING:
    from sqlalchemy import Engine

FOLDER = Path(__file__).resolve().parents[1] / "var" / "bench"


@dataclass(slots=True)
class Ledger:
    """A founded ledger; `owner` acts as the database's owner."""

    home: Home
    url: str
    bureau: Bureau
    owner: Engine

    def close(self) -> None:
        self.bureau.close()
        self.owner.dispose()


class Places:
    """One PostgreSQL server with the product's own settings, and a database a ledger."""

    def __init__(self, server: str = "server") -> None:
        """`server` names its folder: two at a time have two."""
        self._server = EmbeddedPostgres(folder(server))
        self._ledgers: dict[str, Ledger] = {}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for ledger in self._ledgers.values():
            ledger.close()
        self._server.stop()

    def database(self, name: str) -> str:
        """The URL of a new database with the ledger's tables, as its owner."""
        self._administer(f"CREATE DATABASE {name} TEMPLATE template0")
        url = make_url(self._server.url).set(database=name).render_as_string(hide_password=False)
        migrate.upgrade(url)
        return url

    def ledger(self, name: str) -> Ledger:
        """A new, founded ledger."""
        url, home = self.database(name), Home(folder(name))
        assert found(home, Charter(), url)
        self._ledgers[name] = Ledger(home, url, Bureau.open(home, url), make_engine(url, role=None))
        return self._ledgers[name]

    def drop(self, name: str) -> None:
        """Take a ledger or database away."""
        ledger = self._ledgers.pop(name, None)
        if ledger is not None:
            ledger.close()
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        engine = make_engine(self._server.url, role=None, pool_size=1)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
        engine.dispose()


def folder(name: str) -> Path:
    """A new, empty folder of the run, which the account that runs PostgreSQL can pass through."""
    path = FOLDER / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for each in (path, FOLDER):
        each.chmod(0o711)
    return path


def clear() -> None:
    """Take away what runs leave."""
    shutil.rmtree(FOLDER, ignore_errors=True)


def free_port() -> int:
    """A TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
