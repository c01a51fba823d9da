"""R23 and R35 on whole ledgers: a file of exactly six months keeps its score while its late month is disputed, and when
nobody answers. And a ledger that was begun by the first version of the fold goes on by the second.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

import pytest

from app.core.errors import ProofError
from app.core.log.block import Block
from app.core.proving.claims.verify import verify_claim
from app.core.scoring.profiles import CN, FOLD_VERSION, fold_version, rules_hash
from app.core.scoring.scorecard import expert_card
from app.core.state.account_state import Rules
from app.db import ledger as log_rows
from app.services.ledger import block_maker, folding
from app.services.proving import claims
from tests.services import replay
from tests.services.audited import findings
from tests.services.test_claims import asked, person
from tests.services.test_history import account_of, repair
from tests.services.test_rules_r23_r28 import CITIZEN, file, filed, run_jobs, view
from tests.services.test_transitions import follow, newest


def report(ledger):
    """An account whose opening nobody knows, reported for six months, late in one; in a block."""
    lender = ledger.lender
    statuses = [lender.status(CITIZEN, ago=30 * month, late=month == 3) for month in range(6, 0, -1)]
    ledger.admit(lender.batch([lender.opened(CITIZEN, ago=185), *statuses]))
    ledger.settle()


def outcome(ledger):
    found = account_of(ledger)["score"]
    return found.get("score") or found["insufficient"]


def test_r23_six_months_one_of_them_in_dispute_and_then_unanswered(ledger):
    report(ledger)
    before = outcome(ledger)
    filed(ledger)
    during = outcome(ledger)
    assert during > before
    ledger.clock.move(days=21)
    assert run_jobs(ledger) == 1
    ledger.settle()
    (shown,) = view(ledger)
    assert (shown.taken_out, outcome(ledger)) == (True, during)
    follow(ledger)
    replay.check(ledger.url, ledger.home)
    assert findings(ledger) == []


@contextmanager
def the_program_as_it_was(monkeypatch):
    """The one that folds by the first version."""
    with monkeypatch.context() as earlier:
        earlier.setattr(block_maker, "rules_hash", lambda profile: rules_hash(profile, 1))
        earlier.setattr(folding, "Rules", partial(Rules, fold=1))
        yield


def folds(ledger):
    """By which version of the fold each block was made."""
    numbers = range(newest(ledger).number + 1)
    with ledger.bureau.transaction() as connection:
        entries = [log_rows.block_by_number(connection, number).entry for number in numbers]
    return [fold_version(Block.parse(entry).rules, CN) for entry in entries]


def pay(ledger):
    ledger.admit(ledger.lender.batch([ledger.lender.payment(CITIZEN)]))
    ledger.settle()


def test_a_ledger_begun_by_the_first_fold_goes_on_by_the_second_and_its_audit_stays_clean(
    ledger, monkeypatch
):
    """Each block is replayed by the fold that its rules name; a file is folded anew with its next repair."""
    with the_program_as_it_was(monkeypatch):
        report(ledger)
        before, item = outcome(ledger), filed(ledger)
    last = newest(ledger).number
    assert outcome(ledger) == ["too_young"]
    pay(ledger)
    assert folds(ledger) == [1] * (last + 1) + [FOLD_VERSION]
    assert outcome(ledger) == ["too_young"], "nothing was repaired since"
    shown = claims.history_of(ledger.bureau, person(ledger, CITIZEN))
    assert verify_claim(shown, asked(ledger), card=expert_card(), profile=CN).facts["refolded"]
    closing = repair(ledger, "dispute_closed", target=item, outcome="upheld", reason="It was so.")
    ledger.admit(closing)
    ledger.settle()
    assert outcome(ledger) == before
    file(ledger, item)
    ledger.settle()
    assert outcome(ledger) > before
    follow(ledger)
    assert findings(ledger) == []


def test_no_block_goes_back_to_an_earlier_fold(ledger, monkeypatch):
    report(ledger)
    with the_program_as_it_was(monkeypatch):
        pay(ledger)
    assert folds(ledger)[-2:] == [FOLD_VERSION, 1]
    assert any("rules is" in finding for finding in findings(ledger))
    with pytest.raises(ProofError, match="rules is"):
        follow(ledger)
