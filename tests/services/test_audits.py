"""Audits that regulators open: tried again after longer and longer when they fail, at once when asked, by one process at a time."""

from __future__ import annotations

from contextlib import closing, contextmanager

import psycopg
import pytest

from app.core.errors import NotFoundError, RefusedError
from app.core.exchange.audit_note import AuditNote
from app.core.fields import parse_instant
from app.core.log.note import Signer
from app.db import monitoring
from app.db.sole import SoleLock
from app.services.ledger.register import register_key
from app.services.one_by_one import PartlyDoneError
from app.services.organisations import audits
from app.services.scoring import kept
from tests.services.audited import owner_dsn

REGULATOR = "regulator.example"


@pytest.fixture
def opened(ledger):
    """An audit that was opened and waits."""
    signer = Signer.generate_from_seed(REGULATOR, bytes(32))
    register_key(ledger.bureau, signer, "regulator")
    ledger.report(1)
    ledger.settle()
    note = AuditNote(ledger.bureau.origin, REGULATOR, "2026-17", ledger.clock()).sign(signer)
    return audits.open_audit(ledger.bureau, REGULATOR, note)


@contextmanager
def broken(ledger):
    """No audit can be run for a while: a table is not where it should be."""
    with psycopg.connect(owner_dsn(ledger.url), autocommit=True) as owner:
        owner.execute("ALTER TABLE accounts RENAME TO elsewhere")
        try:
            yield
        finally:
            owner.execute("ALTER TABLE elsewhere RENAME TO accounts")


def now(ledger):
    """The body of the one audit."""
    (found,) = audits.of(ledger.bureau, REGULATOR)
    return found.body


def fail(ledger):
    with broken(ledger), pytest.raises(PartlyDoneError, match="UndefinedTable"):
        audits.run(ledger.bureau, due=True)


def test_one_that_fails_is_tried_again_after_a_minute_two_four_up_to_an_hour(ledger, clock, opened):
    for failures, wait_s in enumerate((60, 120, 240, 480, 960, 1920, 3600, 3600), 1):
        fail(ledger)
        body = now(ledger)
        assert (body["state"], body["failures"], body["failed"]) == (
            audits.WAITING,
            failures,
            "UndefinedTable",
        )
        assert (parse_instant(body["try_at"]) - clock()).total_seconds() == wait_s
        clock.move(seconds=wait_s - 1)
        assert audits.run(ledger.bureau, due=True) == audits.start(ledger.bureau) == 0
        clock.move(seconds=1)
    assert audits.run(ledger.bureau, due=True) == 1
    body = now(ledger)
    assert (body["state"], body["count"], body["case"]) == (audits.DONE, 0, opened.body["case"])
    assert not {"failures", "failed", "try_at"} & body.keys()


def test_what_failed_is_tried_at_once_by_the_operator_or_at_its_regulators_wish(ledger, opened):
    fail(ledger)
    assert audits.run(ledger.bureau, due=True) == 0
    for regulator, period in (("other.example", opened.period), (REGULATOR, "x")):
        with pytest.raises(NotFoundError):
            audits.try_again(ledger.bureau, regulator, period)
    audits.try_again(ledger.bureau, REGULATOR, opened.period)
    fail(ledger)
    assert now(ledger)["failures"] == 2, "it goes on from there"
    assert audits.run(ledger.bureau) == 1
    audits.try_again(ledger.bureau, REGULATOR, opened.period)
    assert now(ledger)["state"] == audits.DONE, "what is done is not done again"


def test_one_whose_process_was_killed_has_failed(ledger, opened):
    kept.put(ledger.bureau, audits.KIND, opened.period, opened.body | {"state": audits.RUNNING})
    assert audits.start(ledger.bureau) == 0
    body = now(ledger)
    assert (body["state"], body["failures"], body["failed"]) == (audits.WAITING, 1, audits.ENDED)


def test_one_process_at_a_time(ledger, opened):
    kept.put(ledger.bureau, audits.KIND, opened.period, opened.body | {"state": audits.RUNNING})
    with closing(SoleLock(ledger.bureau.engine, monitoring.AUDITS_LOCK)) as other:
        assert other.take()
        assert audits.start(ledger.bureau) == 0
        with pytest.raises(RefusedError):
            audits.run(ledger.bureau)
        assert now(ledger)["state"] == audits.RUNNING
