"""The scheduler: jobs by the bureau's clock, one at work, what piled up is done after a restart, failures stay alone."""

from __future__ import annotations

import io

import orjson
import pytest
import structlog

from app.core.errors import RefusedError
from app.services import scheduler
from app.services.scheduler import DAY_S, Job, Scheduler


class Work:
    """A job's work that counts its runs and fails as long as it is told to."""

    def __init__(self, done=1):
        self.runs, self.done, self.error = 0, done, None

    def __call__(self, bureau):
        self.runs += 1
        if self.error is not None:
            raise self.error
        return self.done


def turn(bureau, *jobs):
    with Scheduler(bureau, jobs) as working:
        return working.turn()


def test_a_job_runs_at_once_and_then_after_its_interval(bureau, clock):
    work = Work(3)
    job = Job("count", 60, work)
    assert turn(bureau, job) == {"count": 3}
    clock.move(seconds=59)
    assert turn(bureau, job) == {}
    clock.move(seconds=1)
    assert turn(bureau, job) == {"count": 3}
    last = scheduler.last_runs(bureau)["count"]
    assert (last.started_at, last.succeeded_at, last.failures, last.done) == (clock(), clock(), 0, 6)


def test_after_a_restart_what_came_due_meanwhile_is_done_once(ledger, clock):
    work = Work()
    job = Job("count", 60, work)
    turn(ledger.bureau, job)
    clock.move(days=9)
    other = ledger.reopen()
    try:
        assert turn(other, job) == {"count": 1}
        assert turn(other, job) == {}
    finally:
        other.close()
    assert work.runs == 2


def test_a_clock_that_was_set_back_holds_nothing_up(bureau, clock):
    work = Work()
    turn(bureau, Job("count", DAY_S, work))
    clock.move(days=-3)
    turn(bureau, Job("count", DAY_S, work))
    assert work.runs == 2


def test_one_failing_job_does_not_stop_the_others_and_is_tried_again(bureau, clock):
    bad, good = Work(), Work()
    bad.error = ZeroDivisionError("uci:17")
    jobs = Job("bad", 60, bad), Job("good", 60, good)
    assert turn(bureau, *jobs) == {"good": 1}
    waits = []
    for _ in range(5):
        waited = 0
        while bad.runs == len(waits) + 1:
            clock.move(seconds=1)
            waited += 1
            turn(bureau, *jobs)
        waits.append(waited)
    assert waits == [10, 20, 40, 60, 60], "never later than its interval"
    assert scheduler.last_runs(bureau)["bad"].failures == 6
    bad.error = None
    clock.move(seconds=60)
    assert turn(bureau, *jobs) == {"bad": 1, "good": 1}
    assert scheduler.last_runs(bureau)["bad"].failures == 0


def test_a_run_that_was_killed_is_run_again(bureau, clock):
    work = Work()
    work.error = KeyboardInterrupt()  # nothing catches it, as nothing catches a kill
    with pytest.raises(KeyboardInterrupt):
        turn(bureau, Job("count", DAY_S, work))
    work.error = None
    clock.move(seconds=10)
    assert turn(bureau, Job("count", DAY_S, work)) == {"count": 1}


def test_there_is_one_scheduler(ledger):
    other = ledger.reopen()
    try:
        with Scheduler(ledger.bureau, ()), pytest.raises(RefusedError, match="another scheduler"):
            Scheduler(other, ())
        Scheduler(other, ()).close()
    finally:
        other.close()


def test_the_log_says_what_was_done_and_nothing_about_anybody(bureau, monkeypatch):
    bad, file = Work(), io.BytesIO()
    bad.error = RefusedError("uci:17 is to blame", code="blamed")
    renderer = structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value))
    monkeypatch.setattr(scheduler, "log", structlog.wrap_logger(structlog.BytesLogger(file), [renderer]))
    turn(bureau, Job("bad", 60, bad), Job("good", 60, Work()))
    text = file.getvalue()
    assert b"uci:17" not in text
    lines = [orjson.loads(line) for line in text.splitlines()]
    assert [(line["job"], line.get("failed"), line.get("code"), line.get("done")) for line in lines] == [
        ("bad", "RefusedError", "blamed", None),
        ("good", None, None, 1),
    ]


def test_r11_retention_is_announced_every_day_and_destroyed_with_the_next_block(ledger, clock):
    lender = ledger.lender
    late = lender.status("uci:1", late=True, ago=1900)
    ledger.admit(lender.batch([late, *lender.card_history("uci:1", months=7)]))
    ledger.step()
    assert turn(ledger.bureau, *scheduler.JOBS)["retention"] == 1
    assert ledger.settle() == 1
    clock.move(days=1)
    assert turn(ledger.bureau, *scheduler.JOBS)["retention"] == 0
