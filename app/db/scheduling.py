"""The table of jobs: when each began last, when it last succeeded, and how often it failed since. Beside the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from app.db.session import Connection

SCHEDULER_LOCK = 4871170006
"""Held by the one scheduler (`app.db.sole`)."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """`failures` in a row, a run that is under way or was killed counted as one; `done` by all runs together; `failed_for`:
    for how many the last run that came to its end failed.
    """

    job: str
    started_at: datetime
    succeeded_at: datetime | None
    failures: int
    done: int
    failed_for: int


def last_runs(connection: Connection) -> dict[str, LastRun]:
    """What is known of each job that ever ran, by name."""
    query = (
        "SELECT job, started_at, succeeded_at, failures, done, failed_for FROM scheduled_jobs ORDER BY job"
    )
    return {row[0]: LastRun(*row) for row in connection.execute(query).fetchall()}


def begin(connection: Connection, job: str, now: datetime) -> None:
    """A run begins; until it has succeeded it counts as a failure, so one that kills its process is not tried in haste."""
    connection.execute(
        "INSERT INTO scheduled_jobs (job, started_at, failures, done) VALUES (%s, %s, 1, 0)"
        " ON CONFLICT (job) DO UPDATE SET started_at = excluded.started_at, failures = scheduled_jobs.failures + 1",
        (job, now),
    )


def succeed(connection: Connection, job: str, now: datetime, done: int) -> None:
    """The run that began last has done so much."""
    query = "UPDATE scheduled_jobs SET succeeded_at = %s, failures = 0, failed_for = 0, done = done + %s WHERE job = %s"
    connection.execute(query, (now, done, job))


def partly(connection: Connection, job: str, done: int, failed_for: int) -> None:
    """The run that began last came to its end, and failed for so many."""
    query = "UPDATE scheduled_jobs SET failed_for = %s, done = done + %s WHERE job = %s"
    connection.execute(query, (failed_for, done, job))
