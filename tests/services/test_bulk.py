"""Many inquiries in one batch: each is judged like a single one, all are in the ledger before they leave, and a stream that
broke off goes on with the same batch.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import islice

import pytest

from app.core.errors import ConflictError, RuleError, SignatureError
from app.core.log.note import Signer
from app.core.log.policy import LogKey, Policy
from app.core.proving import proof as proofs_format
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.services.banks import bulk
from app.services.banks.bulk import inquire_all
from app.services.banks.inquiries import NotYetError, inquire
from app.services.banks.replies import Answer, ConsentError
from app.services.citizens.records import entries
from app.services.ledger.intake import admit
from tests.services.audited import Tamper
from tests.services.builders import BANK, PAPER, Desk

CITIZENS = [f"uci:{number}" for number in range(1, 8)]
STRANGER, FROZEN, UNKNOWN = "uci:50", "uci:51", "uci:999"


@pytest.fixture
def groups(monkeypatch):
    """Three to a group, so that a few citizens make several."""
    monkeypatch.setattr(bulk, "GROUP", 3)


@pytest.fixture
def consents(ledger):
    """Seven with a card and a consent, one with a card alone, one frozen, in a block: the consents' ids."""
    people = [*CITIZENS, STRANGER, FROZEN]
    ledger.admit(
        ledger.lender.batch([line for each in people for line in ledger.lender.card_history(each, months=7)])
    )
    lines = {citizen: ledger.enrolment.consent(citizen) for citizen in (*CITIZENS, FROZEN)}
    ledger.admit(ledger.enrolment.batch([*lines.values(), ledger.enrolment.freeze(FROZEN)]))
    ledger.step()
    return {citizen: json.loads(line)["id"] for citizen, line in lines.items()}


def file_of(ledger, citizens, **fields):
    return ledger.bank.batch([ledger.bank.inquiry(citizen, **fields) for citizen in citizens])


def shape(outcome):
    return outcome.reason if isinstance(outcome, ConsentError) else type(outcome).__name__


def replies(ledger):
    """(batch id, events, transaction) of what the bureau said about files."""
    query = "SELECT batch_id, event_count, xmin::text FROM batches WHERE batch_id LIKE 'bulk-%%' ORDER BY id"
    with ledger.bureau.transaction() as connection:
        return connection.execute(query).fetchall()


def check(ledger, body, line, outcome):
    assert isinstance(outcome, Answer), outcome
    asked = parse_batch(body).lines[line - 2]
    citizen = json.loads(asked)["citizen"]
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none").encode()
    verified = proofs_format.verify_score_proof(
        outcome.proof, policy, at=ledger.clock.moment, identifier=citizen
    )
    assert verified.identity_checked
    assert (outcome.answer["citizen"], outcome.answer["score"]) == (citizen, verified.score)
    assert outcome.answer["inquiry"] == sha256(asked).hexdigest()
    asked_receipt, replied = (
        Receipt.verify(each, [ledger.bureau.service.verifier]) for each in outcome.receipts
    )
    assert asked_receipt.batch_hash == parse_batch(body).batch_hash
    assert replied.count <= bulk.GROUP


def same(first, second):
    """Outcomes as bytes, since errors do not compare."""

    def plain(outcome):
        return (shape(outcome), outcome.receipt) if isinstance(outcome, ConsentError) else outcome

    return [(line, plain(each)) for line, each in first] == [(line, plain(each)) for line, each in second]


def test_each_line_is_answered_in_order_and_the_ledger_holds_all_of_it(ledger, consents, groups):
    people = [*CITIZENS[:4], STRANGER, FROZEN, UNKNOWN, *CITIZENS[4:]]
    body = file_of(ledger, people)
    got = list(inquire_all(ledger.bureau, body))
    assert [line for line, _ in got] == list(range(2, 12))
    assert [shape(each) for _, each in got[4:7]] == ["no_consent", "frozen", "no_consent"]
    for line, outcome in got[:4] + got[7:]:
        check(ledger, body, line, outcome)
    assert [count for _, count, _ in replies(ledger)] == [3, 3, 3, 1], (
        "a batch a group, with all that was said"
    )
    ledger.settle()
    tamper = Tamper(ledger)
    assert tamper.audit() == []
    tamper.close()


def test_a_stream_that_broke_off_goes_on_with_the_same_batch(ledger, consents, groups):
    body = file_of(ledger, CITIZENS)
    stream = inquire_all(ledger.bureau, body)
    begun = list(islice(stream, 4))
    stream.close()
    assert len(replies(ledger)) == 2, "a group that was begun is recorded whole, before its first line leaves"
    ledger.admit(ledger.lender.batch([ledger.lender.statement(CITIZENS[0], balance_minor=490_000)]))
    ledger.settle()
    again = list(inquire_all(ledger.reopen(), body))
    assert again[:4] == begun, "to the byte, after a new block and from another process"
    assert len(again) == len(CITIZENS)
    assert same(again, list(inquire_all(ledger.bureau, body)))
    assert len(replies(ledger)) == 3, "nobody is answered twice"


def test_the_same_batch_twice_at_the_same_time_is_answered_once(ledger, consents, groups):
    body, other = file_of(ledger, CITIZENS), ledger.reopen()
    with ThreadPoolExecutor(2) as pool:
        one, two = (pool.submit(lambda b=b: list(inquire_all(b, body))) for b in (ledger.bureau, other))
        assert one.result() == two.result()
    assert len(replies(ledger)) == 3
    for line, outcome in one.result():
        check(ledger, body, line, outcome)


def test_r17_a_consent_that_ended_ends_its_answer_and_no_other(ledger, consents, groups):
    body = file_of(ledger, CITIZENS[:4])
    first = list(inquire_all(ledger.bureau, body))
    gone = ledger.enrolment.event("consent_withdrawn", CITIZENS[1], **PAPER, consent=consents[CITIZENS[1]])
    ledger.admit(ledger.enrolment.batch([gone]))
    second = list(inquire_all(ledger.bureau, body))
    assert shape(second[1][1]) == "consent_withdrawn"
    assert [second[0], *second[2:]] == [first[0], *first[2:]]
    assert same(second, list(inquire_all(ledger.bureau, body))), "and it is refused once"
    assert [count for _, count, _ in replies(ledger)] == [3, 1, 1]


def test_who_is_in_no_block_yet_is_answered_with_the_same_batch_later(ledger, consents, groups):
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(UNKNOWN)]))
    body = file_of(ledger, [CITIZENS[0], UNKNOWN, CITIZENS[1]])
    first = list(inquire_all(ledger.bureau, body))
    assert [shape(each) for _, each in first] == ["Answer", "NotYetError", "Answer"]
    ledger.settle()
    second = list(inquire_all(ledger.bureau, body))
    assert second[1][1].answer["insufficient"]
    assert [first[0], first[2]] == [second[0], second[2]]


def test_an_inquiry_that_nobody_answered_within_the_hour_is_to_be_signed_anew(ledger, consents, groups):
    body = file_of(ledger, CITIZENS)
    begun = list(islice(inquire_all(ledger.bureau, body), 3))
    ledger.clock.move(hours=2)
    later = list(inquire_all(ledger.bureau, body))
    assert later[:3] == begun
    assert [each.problems[0].rule for _, each in later[3:]] == ["time"] * 4


def test_r16_every_look_of_a_file_is_one_entry_that_its_citizen_sees_within_a_block(ledger, consents, groups):
    people = [*CITIZENS[:3], STRANGER]
    list(inquire_all(ledger.bureau, file_of(ledger, people, purpose="credit_application")))
    ledger.step()
    for citizen, kind in zip(people, ["answer"] * 3 + ["refusal"], strict=True):
        with ledger.bureau.transaction() as connection:
            number = ledger.bureau.people.find(connection, [citizen])[citizen].id
        (look,) = entries(ledger.bureau, number).looks
        assert look.log_index is not None
        assert (look.type, look.fields["recipient"], look.fields["purpose"]) == (
            kind,
            BANK,
            "credit_application",
        )
        assert [each.type for each in look.about] == ["inquiry"], "below the answer stands the question"


def test_r16_a_citizen_is_in_a_file_once(ledger, consents):
    with pytest.raises(RuleError) as caught:
        inquire_all(ledger.bureau, file_of(ledger, [*CITIZENS[:3], CITIZENS[1]]))
    assert [(each.line, each.rule) for each in caught.value.problems] == [(5, "limit")]
    assert not replies(ledger)


def test_a_file_is_taken_whole_or_not_at_all(ledger, consents):
    bank, thief = (
        ledger.bank,
        Desk(Signer.generate_from_seed(BANK, b"t" * 32), ledger.bureau.origin, ledger.clock),
    )
    late = bank.event(
        "inquiry", CITIZENS[1], purpose="credit_application", time="2026-11-02T01:00:00Z", ago=1
    )
    good = bank.inquiry(CITIZENS[0])
    for body, error in (
        (bank.batch([good, late]), RuleError),
        (
            bank.batch(
                [good, bank.event("payment", CITIZENS[1], account="a", currency="CNY", amount_minor=1)]
            ),
            RuleError,
        ),
        (ledger.enrolment.batch([ledger.enrolment.consent(each) for each in CITIZENS[:2]]), RuleError),
        (thief.batch([thief.inquiry(each) for each in CITIZENS[:2]]), SignatureError),
    ):
        with pytest.raises(error):
            inquire_all(ledger.bureau, body)
    body = bank.batch([good, bank.inquiry(CITIZENS[1])], "taken")
    assert len(list(inquire_all(ledger.bureau, body))) == 2
    with pytest.raises(ConflictError):
        inquire_all(ledger.bureau, bank.batch([bank.inquiry(each) for each in CITIZENS[:2]], "taken"))
    with pytest.raises(RuleError):  # a file of many is no single inquiry, known or not
        inquire(ledger.bureau, body)


def test_a_file_of_one_is_a_single_inquiry(ledger, consents):
    body = file_of(ledger, CITIZENS[:1])
    ((line, outcome),) = inquire_all(ledger.bureau, body)
    assert (line, outcome) == (2, inquire(ledger.bureau, body))
    ((_, refused),) = inquire_all(ledger.bureau, file_of(ledger, [STRANGER]))
    assert refused.reason == "no_consent"
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(UNKNOWN)]))
    ((_, waits),) = inquire_all(ledger.bureau, file_of(ledger, [UNKNOWN]))
    assert isinstance(waits, NotYetError)


def test_a_receipt_of_a_file_can_be_fetched_and_nothing_is_answered_by_the_other_door(ledger, consents):
    body = file_of(ledger, CITIZENS[:2])
    with pytest.raises(RuleError):
        admit(ledger.bureau, body)
    ((_, outcome), _) = inquire_all(ledger.bureau, body)
    assert admit(ledger.bureau, body).receipt == outcome.receipts[0]
