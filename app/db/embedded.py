"""The embedded PostgreSQL: started by whoever needs it first, stopped by whoever leaves last.

    with acquire(Path("var")) as server:
        engine = make_engine(server.url)

Everything is in the home folder: `postgres/` (the data directory, 0700, which also holds the unix socket),
`postgres.log`, and two empty files that carry locks:

- `postgres.lock` is held exclusively around every start and stop, so that these happen one at a time;
- `postgres.users` is held shared by each user; who can take it exclusively was the last one, and stops the
  server.

Both are `flock`s: the kernel lets go of them however a process dies, so a killed user never counts for ever.
(When the only user is killed, the server stays until the next one has come and gone.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from app.core.errors import RefusedError
from app.db.pgserver import PORT, SUPERUSER, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DATABASE = "credence"


class EmbeddedPostgres:
    """One user's hold on the server of a home folder. Many may exist at once, in any number of processes."""

    def __init__(
        self, home: Path, *, folders: list[Path] | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """`home` is created if missing; `folders` replaces the places where programs are sought, `settings` some of
        the server's (see `Server`).
        """
        self.home = home.resolve()
        self.server = Server(self.home, folders, settings)
        self._users_fd: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `credence`, as superuser."""
        host = quote(self.server.socket_directory, safe="")
        return f"postgresql+psycopg://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    def start(self) -> str:
        """Becomes a user of the server, launching it if need be. Returns `url`, or raises RefusedError."""
        if self._users_fd is not None:
            self.ensure_running()
            return self.url
        with self._locked():
            users_fd = self._open("postgres.users")
            try:
                fcntl.flock(users_fd, fcntl.LOCK_SH)
                self.server.bring_up()
                self.server.create_database(DATABASE)
            except BaseException:
                os.close(users_fd)
                raise
            self._users_fd = users_fd
        return self.url

    def ensure_running(self) -> bool:
        """Brings back a server that died; True if it had to be launched. For a user's supervisor loop."""
        assert self._users_fd is not None, "only a user may bring the server back"
        if self.server.answers():
            return False
        with self._locked():
            return self.server.bring_up()

    def stop(self) -> None:
        """Stops being a user; the last one stops the server and waits for it. May be called twice."""
        if self._users_fd is None:
            return
        with self._locked():
            # Closing, not unlocking: a forked child that shares the open file goes on being a user.
            os.close(self._users_fd)
            self._users_fd = None
            users_fd = self._open("postgres.users")
            try:
                fcntl.flock(users_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                self.server.shut_down()
            finally:
                os.close(users_fd)

    def _open(self, name: str) -> int:
        descriptor = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:  # root may have come first: the folder's owner must be able to open it too
            owner = self.home.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            # Others may pass through but not look: the account that runs the server must reach its folder.
            self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
            descriptor = self._open("postgres.lock")
        except OSError as error:
            raise RefusedError(f"{self.home} cannot hold an embedded PostgreSQL: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def acquire(home: Path) -> EmbeddedPostgres:
    """Becomes a user of the embedded server of `home`; ends with `stop()` or a `with` block."""
    server = EmbeddedPostgres(home)
    server.start()
    return server
