"""The audit of a ledger that is at work meanwhile, in one process and in several, and what it reports."""

from __future__ import annotations

import threading

import pytest

from app.cli.audit import OpenDatabase
from app.core.log.note import Signer
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.ledger.intake import admit
from app.services.ledger.register import register_key
from app.services.ledger.sequencer import Sequencer
from tests.services import audited


def run(source, ledger, **more):
    return audit(lambda: source, lambda *_: None, ledger_key=ledger.bureau.verifier, processes=0, **more)


@pytest.fixture
def source(ledger):
    made = DatabaseSource.open(ledger.home, ledger.url)
    yield made
    made.close()


class Growing:
    """A source of a ledger that grows by a batch, and often by a block, before every single answer."""

    def __init__(self, source, ledger, *, block_every):
        self._source, self._ledger, self._block_every = source, ledger, block_every
        self._sequencer = Sequencer(ledger.bureau)
        self.calls = 0

    def close(self):
        self._sequencer.__exit__()

    def __getattr__(self, name):
        method = getattr(self._source, name)

        def answer(*arguments):
            self.calls += 1
            if self.calls < 120:  # a ledger that grows faster than it is read would never be read through
                self._grow()
            return method(*arguments)

        return answer

    def _grow(self):
        lender, known, new = self._ledger.lender, f"uci:{self.calls % 5 + 1}", f"uci:{1000 + self.calls}"
        admit(self._ledger.bureau, lender.batch([lender.status(known), lender.opened(new)]))
        if self.calls % 7 == 0:
            register_key(
                self._ledger.bureau, Signer.generate_from_seed(f"n{self.calls}.example", bytes(32)), "bank"
            )
        if self.calls % self._block_every == 0:
            self._sequencer.step(now=True)


@pytest.mark.parametrize("block_every", [2, 3, 5])
def test_ledger_that_grows_before_every_answer_gives_no_findings(ledger, source, block_every):
    ledger.report(5)
    ledger.step()
    growing = Growing(source, ledger, block_every=block_every)
    try:
        report = run(growing, ledger)
    finally:
        growing.close()
    assert report.findings == []
    assert report.blocks > 2, "blocks that came while it was reading are replayed too"


def test_audit_beside_a_sequencer_and_intake_at_work(ledger, source):
    ledger.report(5)
    ledger.step()
    stop, errors = threading.Event(), []

    def work():
        bureau = ledger.reopen()
        try:
            with Sequencer(bureau) as sequencer:
                number = 0
                while not stop.is_set():
                    number += 1
                    lines = [
                        ledger.lender.status(f"uci:{number % 7 + 1}"),
                        ledger.lender.opened(f"uci:{500 + number}"),
                    ]
                    admit(bureau, ledger.lender.batch(lines))
                    if number % 3 == 0:
                        sequencer.step(now=True)
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)
        finally:
            bureau.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        reports = [run(source, ledger) for _ in range(8)]
    finally:
        stop.set()
        worker.join()
    assert not errors, errors
    assert [report.findings for report in reports] == [[]] * 8
    assert reports[-1].blocks > reports[0].blocks


def test_ledger_without_a_block_is_audited(ledger, source):
    assert run(source, ledger).findings == []
    ledger.report(3)
    report = run(source, ledger)
    assert (report.findings, report.blocks, report.waiting) == ([], 0, 1)


def test_what_waits_is_audited_too(ledger):
    ledger.report(2)
    ledger.step()
    ledger.report(2, first=7)
    tamper = audited.Tamper(ledger)
    body = tamper.rows("event_bodies")[-1]
    changed = body | {"sealed": body["sealed"][:-1] + bytes([body["sealed"][-1] ^ 1])}
    with tamper.replaced("event_bodies", [body], [changed]):
        (finding,) = tamper.audit()
    tamper.close()
    assert finding.startswith(f"event_bodies: batch {body['batch']} position {body['position']}:")


def test_processes_agree_with_one(ledger, source):
    ledger.report(30)
    ledger.step()
    alone = run(source, ledger)
    opened = OpenDatabase(ledger.home, ledger.url)
    steps = []
    several = audit(
        opened, lambda stage, n: steps.append((stage, n)), ledger_key=ledger.bureau.verifier, processes=2
    )
    assert several == alone
    assert sum(n for stage, n in steps if stage == "log") == alone.events == 30 * 7
    assert sum(n for stage, n in steps if stage == "citizens") == alone.citizens == 30


def test_another_ledger_key_is_not_taken(ledger, source):
    """The policy says whose signature counts; a database founded with another key is another ledger."""
    ledger.report(2)
    ledger.step()
    other = Signer.generate_from_seed(ledger.bureau.origin, bytes(32)).verifier
    report = audit(lambda: source, lambda *_: None, ledger_key=other, processes=0)
    assert [str(finding) for finding in report.findings] == [
        "notices: the first notice: no genesis can be read that goes with the ledger's key, so nothing can be replayed"
    ]


def test_block_that_was_never_published_is_found(ledger, source, monkeypatch):
    from app.services.ledger import publishing
    from app.services.ledger.audit import log_audit

    ledger.report(2)
    monkeypatch.setattr(log_audit, "PUBLICATION_WAIT_S", 0.05)
    with monkeypatch.context() as crash:
        crash.setattr(publishing, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ledger.step()
    (finding,) = run(source, ledger).findings
    assert str(finding).startswith("publications: block 0: was never published; the sequencer does it")
    with ledger.sequencer() as sequencer:
        sequencer.step(now=True)
    assert run(source, ledger).findings == []
