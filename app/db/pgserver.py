"""One PostgreSQL server over one data directory: made, launched, recognised, stopped.

Running means that the socket answers. A pid in a file proves nothing: a pid that is gone, a zombie's or
another program's is stale, and is cleared away before a launch. What a killed server left is PostgreSQL's
to recover; with fsync and synchronous commit on, nothing that was acknowledged is lost. There is no TCP:
only an account that may enter the 0700 directory of the unix socket gets in, so the server trusts it (`-A
trust`).

Nothing here guards against two callers at once; `app.db.embedded` does.

Facts: PostgreSQL 18 manual, 18.3 "Starting the Database Server", 18.5 "Shutting Down the Server".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql

from app.core.errors import RefusedError
from app.db import pgbin

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPERUSER = "postgres"
PORT = 5432  # only names the socket
SOCKET = f".s.PGSQL.{PORT}"
SOCKET_DIRECTORY_BYTES_MAX = 90  # sun_path holds 107 bytes, the socket's name included
LOG_BYTES_MAX = 8 << 20
START_TIMEOUT_S = 300.0  # recovery may have to replay up to max_wal_size
STOP_TIMEOUT_S = 60.0
ORPHANS_TIMEOUT_S = 10.0
POLL_S = 0.01

INITDB = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-k", "--no-instructions")
# For 2 cores and 24 GiB that the application shares; the buffers: docs/decisions/0027-what-a-million-citizens-touch.md. Logs
# carry no statements and no values of rows.
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "shared_buffers": "768MB",
    "max_wal_size": "4GB",
    "wal_recycle": "off",  # a used file would hold destroyed keys until it is written over; deleting costs nothing measurable
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "track_io_timing": "off",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Server:
    """The server of `home`: `home/postgres` is its data directory, `home/postgres.log` its log."""

    def __init__(
        self, home: Path, folders: list[Path] | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """`home` is an existing folder, resolved; `folders` replaces the places where programs are sought; `settings`
        go before ours, for a server whose data nobody needs tomorrow.
        """
        self.home = home
        self.settings = SETTINGS | dict(settings or {})
        self.data = home / "postgres"
        self.log = home / "postgres.log"
        self._folders = folders
        self._programs: pgbin.Programs | None = None

    @property
    def socket_directory(self) -> str:
        """Where the unix socket is: the data directory, or a short path if libpq could not name that."""
        path = str(self.data)
        if len(os.fsencode(path)) <= SOCKET_DIRECTORY_BYTES_MAX and "," not in path:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return f"/tmp/credence-{name}"  # noqa: S108 - _make_socket_directory checks whose it is

    def answers(self) -> bool:
        """Asks the socket. Nothing else counts as running."""
        if self._programs is None:
            self._programs = pgbin.choose(self.data, self._folders)
        if not os.path.lexists(Path(self.socket_directory, SOCKET)):
            return False  # nobody to ask: spares a process at each look while a server starts
        command = [
            str(self._programs.bindir / "pg_isready"),
            "-q",
            "-h",
            self.socket_directory,
            "-p",
            str(PORT),
            "-U",
            "postgres",  # else it asks as whoever we are, and the server logs that there is no such role
            "-d",
            "postgres",
        ]
        answer = subprocess.run(command, check=False, env=pgbin.environment(), cwd="/")  # noqa: S603 - ours
        return answer.returncode == 0

    def bring_up(self) -> bool:
        """Returns once the server answers; True if it had to be launched."""
        if self.answers():
            return False
        launched: subprocess.Popen[bytes] | None = None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if launched is not None and launched.poll() is not None:
                raise RefusedError(f"PostgreSQL did not start; {self._log_tail()}")
            # A live postmaster that does not answer yet is starting, recovering or stopping: wait for it.
            if launched is None and self._postmaster() is None:
                if not (self.data / "PG_VERSION").exists():
                    self._initialise()
                self._clear_stale()
                launched = self._launch()
            time.sleep(POLL_S)
            if self.answers():
                return launched is not None
        raise RefusedError(f"PostgreSQL did not answer within {START_TIMEOUT_S:.0f} s; {self._log_tail()}")

    def create_database(self, name: str) -> None:
        """Creates the database `name` if it is missing."""
        with psycopg.connect(
            host=self.socket_directory,
            port=PORT,
            user=SUPERUSER,
            dbname="postgres",
            options="",  # given, so that PGOPTIONS does not count
            autocommit=True,
        ) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def shut_down(self) -> None:
        """Stops the server fast, with a checkpoint; if that takes too long, at once, without one."""
        server = self._postmaster()
        for number in (signal.SIGINT, signal.SIGQUIT):
            deadline_s = time.monotonic() + STOP_TIMEOUT_S
            if server is not None and self._is_ours(server):
                with contextlib.suppress(psutil.NoSuchProcess):
                    server.send_signal(number)
            while server is not None and self._is_ours(server) and time.monotonic() < deadline_s:
                time.sleep(POLL_S)
        if self.socket_directory != str(self.data):
            shutil.rmtree(self.socket_directory, ignore_errors=True)

    def _initialise(self) -> None:
        """Makes the data directory beside its place and moves it there whole."""
        assert self._programs is not None
        if self.data.exists() and any(self.data.iterdir()):
            raise RefusedError(
                f"{self.data} holds something that is not a PostgreSQL data directory; move it away"
            )
        for abandoned in self.home.glob("postgres.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.home))
        if self._programs.runner.switches:
            os.chown(new, self._programs.runner.uid, self._programs.runner.gid)
        if self._run("initdb", "-D", str(new), *INITDB).wait() != 0:
            raise RefusedError(f"initdb failed; {self._log_tail()}")
        new.rename(self.data)
        folder = os.open(self.home, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _launch(self) -> subprocess.Popen[bytes]:
        assert self._programs is not None
        self._make_socket_directory()
        settings = self.settings | {
            "unix_socket_directories": f'"{self.socket_directory}"',
            "wal_compression": "lz4" if self._programs.has_lz4() else "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        server = self._run("postgres", "-D", str(self.data), *options)
        # Whoever started it must collect it when it dies, or it would stay a zombie.
        threading.Thread(target=server.wait, name="embedded-postgres-reaper", daemon=True).start()
        return server

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a program as the runner, in its own session (Ctrl-C is not for it), writing to the log."""
        assert self._programs is not None
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.log.chmod(0o600)
            return subprocess.Popen(  # noqa: S603 - a program that `choose` found, our own arguments
                self._programs.command(program, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=pgbin.environment(),
                start_new_session=True,
                **self._programs.runner.popen_options(),
            )

    def _make_socket_directory(self) -> None:
        """Makes a directory in /tmp; others can guess its name, so it must be ours and closed."""
        assert self._programs is not None
        if self.socket_directory == str(self.data):
            return
        runner = self._programs.runner
        with contextlib.suppress(FileExistsError):
            Path(self.socket_directory).mkdir(mode=0o700)
            os.chown(self.socket_directory, runner.uid, runner.gid)
        found = os.lstat(self.socket_directory)
        if found.st_uid != runner.uid or found.st_mode != 0o040700:
            raise RefusedError(f"{self.socket_directory} is not a closed directory of our own; remove it")

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return "\n".join([f"its log {self.log} ends:", *lines])

    def _is_ours(self, process: psutil.Process) -> bool:
        """Tells whether this is a live PostgreSQL process over our data; all of them work inside it."""
        try:
            return (
                process.status() != psutil.STATUS_ZOMBIE
                and process.name().startswith("postgres")
                and process.cwd() == str(self.data)
            )
        except psutil.Error:
            return False

    def _postmaster(self) -> psutil.Process | None:
        """Returns the live server process over our data, or None; the pid in the file is only a hint."""
        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]))
        except (OSError, ValueError, OverflowError, psutil.Error):
            return None
        return process if self._is_ours(process) else None

    def _clear_stale(self) -> None:
        """Clears what a killed server left: children that have not noticed, files with a pid of another's."""
        assert self._postmaster() is None
        orphans = [process for process in psutil.process_iter() if self._is_ours(process)]
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)  # as their postmaster would have: quit, write nothing
        deadline_s = time.monotonic() + ORPHANS_TIMEOUT_S
        while any(map(self._is_ours, orphans)):
            if time.monotonic() > deadline_s:
                raise RefusedError(f"processes of a killed PostgreSQL over {self.data} do not end; end them")
            time.sleep(POLL_S)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (SOCKET, f"{SOCKET}.lock"):
            Path(self.socket_directory, name).unlink(missing_ok=True)
