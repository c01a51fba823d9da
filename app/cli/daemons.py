"""What the bureau's own processes share: they work until told to stop, write a log, and end when the database does."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import structlog

from app.core.errors import RefusedError
from app.db.session import DATABASE_ERRORS
from app.services.home import Home
from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_PATIENCE_S = 20  # one that was told to stop, or killed, may still hold the lock


def work_until_told(name: str, work: Callable[[Home, Callable[[], bool]], None]) -> None:
    """Run `work` with the home and with what says that SIGTERM or Ctrl-C came. RefusedError when the database fails it."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    home = Home.from_environment()
    logs.configure(logs.open_log(home.path / "log" / f"{name}.jsonl"))
    try:
        work(home, lambda: stopping)
    except DATABASE_ERRORS as error:
        kind = type(error).__name__
        structlog.get_logger().error("database", kind=kind)
        message = f"the database does not answer as it should ({kind}): start the {name} again"
        raise RefusedError(message, code="database") from error
