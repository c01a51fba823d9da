"""The bureau's processes, as `credence up` and `credence demo` run them: database, sequencer, web server, scheduler.

    with Running(home, port=8080) as running:
        running.wait_until_ready()
        running.watch_while(work)    # what `work` returns; meanwhile brings back what died
        running.watch(stop)          # the same until stop() is true

Children are told by the kernel when this process dies (Linux), so that nothing is left behind by `kill -9`; they are ended
by process id, the server first, so that no request is cut off by a missing database. What the kernel watches is the thread
that started a child: all children are started by the thread that entered.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import click
import psutil
import requests

from app.core.errors import RefusedError
from app.db import engine, migrate
from app.services.citizens.tagging import tag_all
from app.services.ledger.founding import Charter, found
from app.services.lifeline import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from app.services.home import Home

READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
RESTART_PAUSE_S = 1.0
DATABASE_STARTS_MAX = 5
WATCH_S = 0.5
PORT_TIMEOUT_S = 30  # for the server of a bureau that was killed to end
ROOT = Path(__file__).resolve().parents[2]
Result = TypeVar("Result")


class Running:
    """A bureau at work on this machine. Entering starts it, leaving ends what it started."""

    def __init__(
        self,
        home: Home,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        workers: int = 2,
        scheduler: bool = False,
    ) -> None:
        """`scheduler`: whether it also does what is due by the clock."""
        self.home = home
        self.url = f"http://{host}:{port}"
        self._commands = {"sequencer": ["sequencer"]}
        if scheduler:
            self._commands["scheduler"] = ["scheduler"]
        self._commands["web"] = ["serve", "--host", host, "--port", str(port), "--workers", str(workers)]
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._said: dict[str, str] = {}
        self._embedded = not os.environ.get("DATABASE_URL")
        self._logs = home.path / "log"
        self.database_url = ""

    def __enter__(self) -> Self:
        self._hold_home()
        self.database_url = engine.database_url(self.home.path)
        migrate.upgrade(self.database_url)
        found(self.home, Charter.from_environment(), self.database_url)
        tag_all(self.home, self.database_url)
        self._refuse_a_taken_port()
        self._start_missing()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in ("web", "scheduler", "sequencer"):
            child = self._children.pop(name, None)
            if child is not None:
                end(child)
        self._lock.close()

    def _hold_home(self) -> None:
        """One `up` or `demo` a home; the kernel lets go of the lock however this process ends."""
        self.home.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._lock = (self.home.path / "up.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            message = f"another `credence up` or `demo` is at work on {self.home.path}: stop it, or set CREDENCE_HOME"
            raise RefusedError(message, code="already-up") from None

    def pids(self) -> list[int]:
        """Every process that works for this bureau, this one included; the database's too if it is ours."""
        own = psutil.Process()
        found_pids = {own.pid, *(child.pid for child in own.children(recursive=True))}
        pid_file = self.home.path / "postgres" / "postmaster.pid"
        if self._embedded and pid_file.exists():
            try:
                postmaster = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
                found_pids |= {postmaster.pid, *(child.pid for child in postmaster.children())}
            except (ValueError, psutil.Error):
                pass
        return sorted(found_pids)

    def wait_until_ready(self) -> None:
        """Until the server answers /readyz; RefusedError when it does not in time."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        answer = "no answer"
        while time.monotonic() < deadline:
            self._refuse_a_dead_child()
            try:
                response = requests.get(f"{self.url}/readyz", timeout=5)
                if response.ok:
                    return
                answer = response.text
            except requests.RequestException as error:
                answer = type(error).__name__
            time.sleep(0.1)
        raise RefusedError(f"the server did not become ready within {READY_TIMEOUT_S} s: {answer}")

    def watch(self, stop: Callable[[], bool]) -> None:
        """Bring back whatever dies, until `stop()`."""
        while not stop():
            time.sleep(WATCH_S)
            self._ensure_database()
            dead = [name for name, child in self._children.items() if child.poll() is not None]
            for name in dead:
                self._say_why(name, self._children.pop(name).returncode)
            if dead:
                time.sleep(RESTART_PAUSE_S)
            self._start_missing()

    def _ensure_database(self) -> None:
        """Bring our database back; one that dies while it starts is tried again, but not for ever."""
        if not self._embedded:
            return
        for attempt in range(1, DATABASE_STARTS_MAX + 1):
            try:
                engine.embedded(self.home.path).ensure_running()
            except RefusedError as error:
                if attempt == DATABASE_STARTS_MAX:
                    raise
                click.echo(
                    f"the database did not come back, trying again: {error.detail.splitlines()[0]}", err=True
                )
                time.sleep(RESTART_PAUSE_S)
            else:
                return

    def watch_while(self, work: Callable[[threading.Event], Result]) -> Result:
        """Run `work` in a thread and watch until it has returned; interrupted, set the event that it was given."""
        cancelled = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work, cancelled)
            try:
                self.watch(future.done)
            finally:
                cancelled.set()
            return future.result()

    def _say_why(self, name: str, code: int) -> None:
        """Once, and not every second, when a child goes on ending in the same way."""
        why = f"signal {-code}" if code < 0 else f"code {code}: {self._last_lines(name, 1)}"
        if self._said.get(name) != why:
            self._said[name] = why
            click.echo(f"{name} ended with {why}; starting it again", err=True)

    def _last_lines(self, name: str, count: int) -> str:
        return " / ".join(self._log(name).read_text(errors="replace").strip().splitlines()[-count:])

    def _log(self, name: str) -> Path:
        """What a child says to its terminal."""
        return self._logs / f"{name}.log"

    def _start_missing(self) -> None:
        for name, arguments in self._commands.items():
            if name not in self._children:
                self._children[name] = self._spawn(name, [sys.executable, "-m", "app.cli", *arguments])

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        environment = os.environ | {"CREDENCE_HOME": str(self.home.path), "DATABASE_URL": self.database_url}
        self._logs.mkdir(exist_ok=True)
        with self._log(name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own commands
                command,
                env=environment,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one call of libc, loaded beforehand
            )

    def _refuse_a_dead_child(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                message = f"the {name} ended with code {child.returncode}: {self._last_lines(name, 3)}"
                raise RefusedError(message, code="child-died")

    def _refuse_a_taken_port(self) -> None:
        deadline = time.monotonic() + PORT_TIMEOUT_S
        while self._answers():
            if time.monotonic() > deadline:
                message = f"something else answers at {self.url}: stop it, or choose another --port"
                raise RefusedError(message, code="port-taken")
            time.sleep(WATCH_S)

    def _answers(self) -> bool:
        try:
            requests.get(self.url, timeout=1)
        except requests.ConnectionError:
            return False
        except requests.RequestException:
            pass
        return True


def end(process: subprocess.Popen[bytes]) -> None:
    """End a child by its process id: SIGTERM, and SIGKILL for it and its children if it does not listen."""
    if process.poll() is not None:
        return
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        try:
            child.wait(1)
        except psutil.TimeoutExpired:
            child.kill()
        except psutil.NoSuchProcess:
            pass
