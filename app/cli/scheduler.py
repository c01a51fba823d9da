"""`credence scheduler`: what has to be done by the clock, as a process of its own. `credence up` starts it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click
import structlog

from app.core.errors import RefusedError
from app.db.session import DATABASE_ERRORS
from app.services import scheduler as service
from app.services.bureau import Bureau
from app.services.home import Home
from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_PATIENCE_S = 20  # one that was told to stop, or killed, may still hold the lock


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
def scheduler(*, once: bool) -> None:
    """Do what has to be done by the clock, until told to stop (SIGTERM).

    Retention, deadlines of disputes, erasures: each job again after its interval. When each ran last is kept in the
    database, so what came due while nothing ran is done after the next start. A second one on the same database is refused.
    With --once the exit code is 1 when a job failed, also if only for somebody.

    The database's user has to be a member of the role credence_retention (docs/operations.md, "Scheduler").

    \b
        CREDENCE_HOME=/srv/credence DATABASE_URL=postgresql:///credence credence scheduler
    """
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    home = Home.from_environment()
    logs.configure(logs.open_log(home.path / "log" / "scheduler.jsonl"))
    try:
        _schedule(home, lambda: stopping, once=once)
    except DATABASE_ERRORS as error:
        structlog.get_logger().error("database", kind=type(error).__name__)
        message = (
            f"the database does not answer as it should ({type(error).__name__}): start the scheduler again"
        )
        raise RefusedError(message, code="database") from error


def _schedule(home: Home, stop: Callable[[], bool], *, once: bool) -> None:
    bureau = Bureau.open(home)
    try:
        with service.Scheduler(bureau, patience_s=LOCK_PATIENCE_S) as working:
            if not once:
                working.run(stop)
                return
            for name, done in working.turn(stop).items():
                click.echo(f"{name}: {done:,} done")
            if working.failed:
                message = (
                    f"not all of it could be done ({', '.join(working.failed)}): log/scheduler.jsonl says why"
                )
                raise RefusedError(message, code="job-failed")
    finally:
        bureau.close()
