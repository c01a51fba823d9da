"""`credence scheduler`: what has to be done by the clock, as a process of its own. `credence up` starts it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from app.cli.daemons import LOCK_PATIENCE_S, work_until_told
from app.cli.opening import open_bureau
from app.core.errors import RefusedError
from app.services import scheduler as service

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services.home import Home


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
    work_until_told("scheduler", partial(_schedule, once=once))


def _schedule(home: Home, stop: Callable[[], bool], *, once: bool) -> None:
    with open_bureau(home) as bureau, service.Scheduler(bureau, patience_s=LOCK_PATIENCE_S) as working:
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
