"""What the bureau does by the clock: named jobs, each again and again after its interval.

    with Scheduler(bureau) as scheduler:
        scheduler.run(stop)          # until stop() is true
        scheduler.turn()             # or: everything that is due, once

A job is a function that does whatever is due by `bureau.now()` and returns how much that was. It may be run at any time and
any number of times, may be killed at any place, and has its own transactions; so nothing is lost while the scheduler is
down: the first run afterwards does what has piled up. When each job ran last is in PostgreSQL, and one scheduler works on a
database.

A job that fails is tried again after 10, 20, 40 ... seconds, at the latest after its interval; the others go on. Within a
job, what fails for one citizen does not hold up the others (`services.one_by_one`): the run has failed, and says for how
many. Log lines have the job's name, how much was done, how long it took, and of errors their kinds and codes, never a text,
which may name a citizen.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import structlog

from app.core.errors import CredenceError, RefusedError
from app.db import scheduling
from app.db.session import DATABASE_ERRORS
from app.db.sole import SoleLock
from app.services.banks import watching
from app.services.citizens import disputes, erasure, evidence, mail, mailing
from app.services.ledger import retention
from app.services.one_by_one import PartlyDoneError
from app.services.organisations import audits, given, quality
from app.services.scoring import monitoring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.db.scheduling import LastRun
    from app.services.bureau import Bureau

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
MAIL_S: Final = 10
WATCH_S: Final = 5
AUDITS_S: Final = 10
POLL_S: Final = 1.0
RETRY_S: Final = 10

log = structlog.get_logger()


class Job(NamedTuple):
    """`work` does what is due and says how much that was; `every_s` lies between two beginnings."""

    name: str
    every_s: int
    work: Callable[[Bureau], int]


def _retention(bureau: Bureau) -> int:
    """R11: what is past its time is announced; the sequencer destroys it."""
    found = retention.run(bureau, lambda _: None)
    if found.failed:
        raise PartlyDoneError(found.events, found.failed)
    return found.events


def _mail(bureau: Bureau) -> int:
    """Whoever asked for it is written to when there is news in their record."""
    return mailing.send_due(bureau, mail.from_environment(bureau.home.path))


JOBS: Final[tuple[Job, ...]] = (
    Job("disputes", MINUTE_S, disputes.close_overdue),
    Job("erasures", 10 * MINUTE_S, erasure.carry_out),
    Job("evidence", HOUR_S, evidence.sweep),
    Job("retention", DAY_S, _retention),
    Job("mail", MAIL_S, _mail),
    Job("watch", WATCH_S, watching.look),
    Job("webhooks", WATCH_S, watching.send),
    Job("quality", HOUR_S, quality.count),
    Job("answers", HOUR_S, given.compare),
    Job("monitoring", DAY_S, monitoring.make),
    Job("audits", AUDITS_S, audits.start),
)


class Scheduler:
    """The one that works through jobs. Use as a context manager."""

    def __init__(self, bureau: Bureau, jobs: Sequence[Job] = JOBS, *, patience_s: float = 0.0) -> None:
        """Takes the lock, waiting up to `patience_s` for one that ends; RefusedError when another keeps it."""
        self.bureau, self.jobs = bureau, jobs
        self.failed: list[str] = []
        """Jobs of the last turn that failed, for all or for some."""
        self._lock = SoleLock(bureau.engine, scheduling.SCHEDULER_LOCK)
        if not self._lock.take(patience_s):
            message = "another scheduler is at work on this database; one is enough"
            raise RefusedError(message, code="scheduler-running")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock. May be called twice."""
        self._lock.close()

    def run(self, stop: Callable[[], bool]) -> None:
        """Take turns until `stop()`. Raises what the database raises: then start again."""
        while not stop():
            self.turn(stop)
            time.sleep(POLL_S)

    def turn(self, stop: Callable[[], bool] = lambda: False) -> dict[str, int]:
        """Run whatever is due, in the order of the list; what each has done, those that failed for some included."""
        self._lock.check()
        with self.bureau.transaction() as connection:
            before = scheduling.last_runs(connection)
        now, done = self.bureau.now(), {}
        self.failed = []
        for job in self.jobs:
            if is_due(job, before.get(job.name), now) and not stop():
                count = self._run(job)
                if count is not None:
                    done[job.name] = count
        return done

    def _run(self, job: Job) -> int | None:
        """One run; None when it failed altogether."""
        with self.bureau.transaction() as connection:
            scheduling.begin(connection, job.name, self.bureau.now())
        began = time.monotonic()
        try:
            done = job.work(self.bureau)
        except Exception as error:  # noqa: BLE001 - one failing job does not stop the others
            return self._failed(job, error, _since(began))
        with self.bureau.transaction() as connection:
            scheduling.succeed(connection, job.name, self.bureau.now(), done)
        log.info("job", job=job.name, done=done, seconds=_since(began))
        return done

    def _failed(self, job: Job, error: Exception, seconds: float) -> int | None:
        """Say so; what was done all the same, None when that is nothing."""
        self.failed.append(job.name)
        code = error.code if isinstance(error, CredenceError) else ""
        said = {"job": job.name, "failed": type(error).__name__, "code": code, "seconds": seconds}
        if isinstance(error, PartlyDoneError):
            failed_for = error.failed.total()
            log.error("job", **said, done=error.done, failed_for=failed_for, kinds=dict(error.failed))
            with self.bureau.transaction() as connection:
                scheduling.partly(connection, job.name, error.done, failed_for)
            return error.done
        log.error("job", **said)
        if isinstance(error, DATABASE_ERRORS):
            self._lock.check()  # is the database away, or did it refuse this job alone?
        return None


def is_due(job: Job, last: LastRun | None, now: dt.datetime) -> bool:
    """Whether a job is to run; also when the clock says that it last ran in the future: it was set back since."""
    if last is None or now < last.started_at:
        return True
    wait_s = job.every_s
    if last.failures:
        wait_s = min(wait_s, RETRY_S << min(last.failures - 1, 20))
    return now >= last.started_at + dt.timedelta(seconds=wait_s)


def last_runs(bureau: Bureau) -> dict[str, LastRun]:
    """When each job ran last, for operations."""
    with bureau.transaction() as connection:
        return scheduling.last_runs(connection)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
