"""What fails for one citizen does not hold up the others: every job of the scheduler that works through many."""

from __future__ import annotations

import io
from contextlib import contextmanager

import orjson
import psycopg
import pytest
import structlog
from click.testing import CliRunner

from app.cli import main
from app.core.errors import SignatureError
from app.services import scheduler
from app.services.one_by_one import OneByOne, PartlyDoneError
from app.services.organisations import quality
from app.services.scheduler import Job, Scheduler
from tests.services import busy
from tests.services.audited import Tamper
from tests.services.test_proofs import person_of

BROKEN, ERASED_TOO = busy.CITIZENS[0], busy.ERASED[0]
FINE = [each for each in busy.CITIZENS if each not in (BROKEN, ERASED_TOO)]


@contextmanager
def broken(ledger, citizens):
    """Their keys cannot be opened for a while."""
    tamper = Tamper(ledger)
    numbers = {person_of(ledger.bureau, each).id for each in citizens}
    keys = [row for row in tamper.rows("citizen_keys") if row["citizen"] in numbers]
    try:
        with tamper.replaced(
            "citizen_keys", keys, [row | {"wrapped": bytes(len(row["wrapped"]))} for row in keys]
        ):
            yield
    finally:
        tamper.close()


@contextmanager
def logged(monkeypatch):
    """The lines that the scheduler logs, as bytes."""
    file = io.BytesIO()
    renderer = structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value))
    monkeypatch.setattr(scheduler, "log", structlog.wrap_logger(structlog.BytesLogger(file), [renderer]))
    yield file


def test_jobs_go_on_with_the_others_and_say_for_how_many_they_failed(ledger, receiver, monkeypatch):
    busy.fill(ledger, receiver.url)
    jobs = {job.name: job for job in busy.AT_ONCE}
    with broken(ledger, [BROKEN, ERASED_TOO]), logged(monkeypatch) as file:
        other = ledger.reopen()  # which remembers nobody's keys
        order = ["retention", "mail", "watch", "webhooks", "quality", "monitoring", "disputes"]
        with Scheduler(other, [jobs[name] for name in order]) as working:
            done = working.turn()
            assert working.failed == [name for name in order if name != "webhooks"]
        assert [done[name] for name in ("mail", "watch", "webhooks", "retention", "disputes")] == [
            2,
            2,
            2,
            2,
            2,
        ]
        last = scheduler.last_runs(other)
        assert {name: last[name].failed_for for name in order if name != "quality"} == {
            "mail": 2, "watch": 2, "webhooks": 0, "monitoring": 2, "retention": 2, "disputes": 2,
        }  # fmt: skip
        assert last["mail"].failures == 1
        assert last["mail"].done == 2
        other.close()
    assert busy.letters(ledger) == sorted(map(busy.address_of, FINE))
    lines = [orjson.loads(line) for line in file.getvalue().splitlines()]
    mail = next(line for line in lines if line["job"] == "mail")
    assert (mail["done"], mail["failed_for"]) == (2, 2)
    assert mail["kinds"] == {"DamagedError seal-broken": 2}
    for secret in (b"uci:", b"example.org", person_of(ledger.bureau, BROKEN).key.hex().encode()):
        assert secret not in file.getvalue()
    ledger.settle()
    ledger.clock.move(seconds=120)  # mail waits a minute
    with Scheduler(ledger.bureau, [jobs[name] for name in order]) as working:
        done = working.turn()
        assert working.failed == []
    assert [done[name] for name in ("retention", "watch", "disputes")] == [2, 2, 2]
    assert set(busy.letters(ledger)) == set(map(busy.address_of, busy.CITIZENS))


def test_an_erasure_and_a_message_that_fail_wait_and_the_others_do_not(ledger, receiver):
    busy.fill(ledger, receiver.url)
    jobs = {job.name: job for job in busy.AT_ONCE}
    with Scheduler(ledger.bureau, [jobs["watch"]]) as working:
        assert working.turn() == {"watch": 4}
    ledger.settle()
    with broken(ledger, [BROKEN, ERASED_TOO]):
        other = ledger.reopen()
        with Scheduler(other, [jobs["webhooks"], jobs["erasures"]]) as working:
            assert working.turn() == {"webhooks": 2, "erasures": 1}
            assert working.failed == ["webhooks", "erasures"]
            assert working.turn() == {"webhooks": 0, "erasures": 0}, "a message that failed waits its time"
            assert working.failed == ["erasures"]
        other.close()
    ledger.clock.move(seconds=10)
    with Scheduler(ledger.bureau, [jobs["webhooks"]]) as working:
        assert working.turn() == {"webhooks": 2}
    assert len(busy.message_ids(receiver)) == 4


def test_what_cannot_be_opened_is_counted_as_unreadable_and_the_rest_as_it_is(ledger):
    ledger.report(3, months=2)
    ledger.step()
    with broken(ledger, ["uci:2"]):
        other = ledger.reopen()
        with pytest.raises(PartlyDoneError) as caught:
            quality.count(other)
        other.close()
    assert caught.value.done == 1
    (figures,) = quality.figures(ledger.bureau)
    assert (figures.counts["reported"], figures.counts["unreadable"]) == (14, 7)
    assert quality.count(ledger.bureau) == 0, "no block stops the counting for good"


def test_a_database_that_is_away_is_away_for_all():
    many = OneByOne()
    with pytest.raises(psycopg.OperationalError), many.one():
        raise psycopg.OperationalError("gone")
    with many.one():
        raise psycopg.errors.UniqueViolation("uci:17 is there twice")
    with many.one():
        raise SignatureError("uci:17")
    with pytest.raises(PartlyDoneError) as caught:
        many.raise_failed(5)
    assert "uci:17" not in str(caught.value)
    assert dict(caught.value.failed) == {"UniqueViolation": 1, "SignatureError bad-signature": 1}
    OneByOne().raise_failed(0)


def test_once_ends_with_code_1_when_a_job_failed_for_somebody(ledger, monkeypatch):
    def partly(_):
        many = OneByOne()
        with many.one():
            raise SignatureError("uci:17")
        many.raise_failed(3)

    monkeypatch.setattr(scheduler, "JOBS", (Job("good", 60, lambda _: 1), Job("partly", 60, partly)))
    monkeypatch.setattr(Scheduler.__init__, "__defaults__", (scheduler.JOBS,))
    environment = {"DATABASE_URL": ledger.url, "CREDENCE_HOME": str(ledger.home.path)}
    result = CliRunner().invoke(main, ["scheduler", "--once"], env=environment)
    assert result.exit_code == 1
    assert "good: 1 done\npartly: 3 done\n" in result.output
    assert "partly" in result.output.splitlines()[-1]
    assert "uci:17" not in result.output
