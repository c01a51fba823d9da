"""The web server that `credence serve` and `credence witness` become: granian, with what both want of it.

    become("wsgi:app", host="127.0.0.1", port=8080, workers=2, threads=16, kill_timeout_s=5)

The process is replaced, so that signals reach the server. What the server has to say goes to standard error; it is silent but
for warnings, and for one of those, too: that there may be more threads than twice the processors. They are many by choice,
for they wait for the database and the disk; how many run at a time is limited by backpressure.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
LOGGING: Final = Path(__file__).with_name("server_log.json")
WAITING_MAX: Final = 16
"""Requests under way or waiting for a thread, for each thread."""


class NotByChoice(logging.Filter):
    """Drops the warning about the number of threads (server_log.json names this class)."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Configuration allows spawning up to ")


def become(
    target: str,
    *,
    host: str,
    port: int,
    workers: int,
    threads: int,
    kill_timeout_s: int,
    factory: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> NoReturn:
    """Be the server of `target` from now on; `factory`: it names a function that makes the application."""
    options = {
        "interface": "wsgi",
        "host": host,
        "port": port,
        "workers": workers,
        "blocking-threads": threads,
        "backpressure": threads * WAITING_MAX,
        "workers-kill-timeout": kill_timeout_s,
        "log-level": "warning",
        "log-config": LOGGING,
        "working-dir": ROOT,
    }
    granian = Path(sys.executable).with_name("granian")
    command = [str(granian), "--no-ws", *(["--factory"] if factory else [])]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    sys.stdout.flush()
    os.execve(granian, [*command, target], dict(environment))  # noqa: S606 - our own command
