"""Inquiries that are served together: what goes wrong with one is no harm to the others, and the rules hold in a group."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from app.core import canon
from app.core.errors import DamagedError, RuleError, SignatureError
from app.core.log.note import Signer, split
from app.core.log.policy import LogKey, Policy
from app.core.proving import proof as proofs_format
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.core.state import sealing
from app.db import session
from app.services.banks import inquiries
from app.services.banks.inquiries import inquire
from app.services.banks.replies import Answer, ConsentError
from tests.services.builders import PAPER, Desk, gathered

CITIZENS = [f"uci:{number}" for number in range(1, 9)]
STRANGER = "uci:999"


@pytest.fixture
def consents(ledger):
    """Eight citizens with a card and a consent each, in a block: their consents' ids."""
    for citizen in CITIZENS:
        ledger.admit(ledger.lender.batch(ledger.lender.card_history(citizen)))
    lines = {citizen: ledger.enrolment.consent(citizen) for citizen in CITIZENS}
    ledger.admit(ledger.enrolment.batch(list(lines.values())))
    ledger.step()
    return {citizen: json.loads(line)["id"] for citizen, line in lines.items()}


def question(ledger, citizen, **fields):
    return ledger.bank.batch([ledger.bank.inquiry(citizen, **fields)])


def together(ledger, bodies, bureau=None):
    """What these inquiries get that wait for the same leader."""
    bureau = bureau or ledger.bureau
    return gathered(
        bureau.inquiries, [parse_batch(body) for body in bodies], partial(inquiries._serve, bureau)
    )


def stored(ledger, *kinds, furnishers=()):
    """(citizen number, type, transaction) of everything that inquiries have stored, and these furnishers, in order; of these
    types, if any are named.
    """
    query = """
        SELECT e.citizen, s.sealed, b.xmin::text FROM batches b JOIN events e ON e.batch = b.id
        JOIN event_bodies s ON s.batch = e.batch AND s.position = e.position
        WHERE b.furnisher = ANY(%s) ORDER BY b.id, e.position"""
    with ledger.bureau.transaction() as connection:
        names = ["bank.example", ledger.bureau.signer.name, *furnishers]
        rows = connection.execute(query, (names,)).fetchall()
        people = ledger.bureau.people.find(connection, [*CITIZENS, STRANGER]).values()
    keys = {person.id: person.data_key for person in people}
    opened = [
        (citizen, json.loads(sealing.unseal(keys[citizen], bytes(sealed)))["type"], transaction)
        for citizen, sealed, transaction in rows
    ]
    return [row for row in opened if not kinds or row[1] in kinds]


def check(ledger, outcome, citizen):
    """The answer, once it was found to be this citizen's, good, and what the ledger holds."""
    assert isinstance(outcome, Answer), outcome
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none").encode()
    verified = proofs_format.verify_score_proof(
        outcome.proof, policy, at=ledger.clock.moment, identifier=citizen
    )
    assert verified.identity_checked
    assert (outcome.answer["citizen"], outcome.answer["score"]) == (citizen, verified.score)


def test_a_group_is_one_transaction_and_each_gets_their_own_answer(ledger, consents):
    for citizen, outcome in zip(
        CITIZENS, together(ledger, [question(ledger, c) for c in CITIZENS]), strict=True
    ):
        check(ledger, outcome, citizen)
    rows = stored(ledger)
    assert len(rows) == 2 * len(CITIZENS)
    assert len({transaction for *_, transaction in rows}) == 1
    asked, answered = rows[: len(CITIZENS)], rows[len(CITIZENS) :]
    assert [citizen for citizen, *_ in asked] == [citizen for citizen, *_ in answered]
    assert {kind for _, kind, _ in asked} == {"inquiry"}
    assert {kind for _, kind, _ in answered} == {"answer"}
    ledger.settle()


def test_what_is_said_at_one_moment_is_one_batch_whose_name_tells_nothing(ledger, consents):
    got = together(ledger, [question(ledger, citizen) for citizen in CITIZENS[:3]])
    receipts = {outcome.receipts[1] for outcome in got}
    (receipt,) = [Receipt.parse(split(each)[0]) for each in receipts]
    assert receipt.count == 3
    with ledger.bureau.transaction() as connection:
        query = "SELECT batch_id FROM batches WHERE hash = %s"
        ((batch_id,),) = connection.execute(query, (receipt.batch_hash,)).fetchall()
    assert re.fullmatch("replies-[0-9a-f]{32}", batch_id)


def test_what_a_rule_refuses_concerns_nobody_else(ledger, consents):
    thief = Desk(
        Signer.generate_from_seed(ledger.bank.signer.name, b"t" * 32), ledger.bureau.origin, ledger.clock
    )
    late = json.loads(ledger.bank.inquiry(CITIZENS[3])) | {
        "time": "2026-11-01T04:00:00Z",
        "day": "2026-11-01",
    }
    late_line = canon.encode(late)
    bodies = [
        question(ledger, CITIZENS[0]),
        thief.batch([thief.inquiry(CITIZENS[1])]),
        question(ledger, CITIZENS[2], purpose="collection"),
        ledger.bank.batch([late_line]),
        question(ledger, STRANGER),
        question(ledger, CITIZENS[4]),
    ]
    got = together(ledger, bodies)
    check(ledger, got[0], CITIZENS[0])
    check(ledger, got[5], CITIZENS[4])
    assert isinstance(got[1], SignatureError)
    assert [got[2].reason, got[4].reason] == ["wrong_purpose", "no_consent"]
    assert isinstance(got[3], RuleError)
    assert len({transaction for *_, transaction in stored(ledger)}) == 1, "no error had to undo the others"
    assert [kind for _, kind, _ in stored(ledger, "answer", "refusal")] == [
        "answer",
        "refusal",
        "refusal",
        "answer",
    ]


def test_r6_a_used_event_id_is_refused_alone(ledger, consents):
    line = ledger.bank.inquiry(CITIZENS[0])
    inquire(ledger.bureau, ledger.bank.batch([line]))
    other = json.loads(ledger.bank.inquiry(CITIZENS[1])) | {"id": json.loads(line)["id"]}
    copied = canon.encode(other)
    got = together(
        ledger, [question(ledger, CITIZENS[2]), ledger.bank.batch([copied]), question(ledger, CITIZENS[3])]
    )
    check(ledger, got[0], CITIZENS[2])
    check(ledger, got[2], CITIZENS[3])
    assert [(each.line, each.rule) for each in got[1].problems] == [(2, "R6")]
    assert len(stored(ledger, "answer")) == 3


def test_a_fault_with_one_citizen_leaves_the_others_their_answers(ledger, consents, database):
    """Their keys are gone but not their account: that breaks the transaction of all of them."""
    with ledger.bureau.transaction() as connection:
        broken = ledger.bureau.people.find(connection, [CITIZENS[1]])[CITIZENS[1]].id
    bureau = ledger.reopen()  # which remembers nobody
    with session.transaction(database) as connection:
        connection.execute("SET ROLE credence_retention")
        connection.execute("DELETE FROM citizen_keys WHERE citizen = %s", (broken,))
    got = together(ledger, [question(ledger, citizen) for citizen in CITIZENS[:3]], bureau)
    check(ledger, got[0], CITIZENS[0])
    assert isinstance(got[1], DamagedError)
    check(ledger, got[2], CITIZENS[2])
    assert broken not in {citizen for citizen, *_ in stored(ledger)}
    check(ledger, inquire(bureau, question(ledger, CITIZENS[3])), CITIZENS[3])


def test_the_same_inquiry_twice_in_a_group_is_one_answer(ledger, consents):
    body = question(ledger, CITIZENS[0])
    got = together(ledger, [body, question(ledger, CITIZENS[1]), body, body])
    check(ledger, got[0], CITIZENS[0])
    assert got[0] == got[2] == got[3]
    assert len(stored(ledger, "answer")) == 2


def test_r17_the_same_inquiry_again_after_a_withdrawal_is_refused_once(ledger, consents):
    """In two groups that come at the same moment, in another order: one refusal of each is recorded, and both get it."""
    bodies = [question(ledger, citizen) for citizen in CITIZENS[:4]]
    answered = together(ledger, bodies)
    ends = [
        ledger.enrolment.event("consent_withdrawn", citizen, **PAPER, consent=consents[citizen])
        for citizen in CITIZENS[:3]
    ]
    ledger.admit(ledger.enrolment.batch(ends))
    other = ledger.reopen()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(together, ledger, bodies)
        two = pool.submit(together, ledger, bodies[::-1], other)
        got, again = one.result(), two.result()[::-1]
    for mine, yours in zip(got[:3], again[:3], strict=True):
        assert (mine.reason, mine.receipt) == (yours.reason, yours.receipt)
    assert got[3] == again[3] == answered[3]
    assert len(stored(ledger, "refusal")) == 3


def test_what_came_before_and_what_is_new_get_one_batch_of_replies(ledger, consents):
    """A refusal that became due, asked for twice, an answer as it was, and a new inquiry, also about one of these citizens."""
    ended, kept = (question(ledger, citizen) for citizen in CITIZENS[:2])
    _, answered = together(ledger, [ended, kept])
    withdrawal = ledger.enrolment.event(
        "consent_withdrawn", CITIZENS[0], **PAPER, consent=consents[CITIZENS[0]]
    )
    ledger.admit(ledger.enrolment.batch([withdrawal]))
    new, about_the_same = question(ledger, CITIZENS[2]), question(ledger, CITIZENS[0], case="another")
    got = together(ledger, [ended, kept, new, ended, about_the_same])
    assert got[1] == answered
    check(ledger, got[2], CITIZENS[2])
    assert (got[0].reason, got[0].receipt) == (got[3].reason, got[3].receipt)
    assert got[0].receipt == got[4].receipt == got[2].receipts[1], "one batch, one receipt"
    refused = stored(ledger, "refusal")
    assert len(refused) == 2, "one of each inquiry"
    assert len(stored(ledger, "answer")) == 3
    assert {transaction for *_, transaction in refused} == {stored(ledger, "answer")[-1][2]}
    ledger.settle()


def test_inquiries_about_one_citizen_follow_each_other(ledger, consents):
    got = together(ledger, [question(ledger, CITIZENS[0], case=f"c-{number}") for number in range(3)])
    for outcome in got:
        check(ledger, outcome, CITIZENS[0])
    assert len({outcome.answer["inquiry"] for outcome in got}) == 3
    rows = stored(ledger)
    assert len({transaction for *_, transaction in rows}) == 3, "a group has a citizen once"


def test_the_same_inquiry_in_two_processes_is_one_answer(ledger, consents):
    other = ledger.reopen()
    for _ in range(4):
        bodies = [question(ledger, citizen) for citizen in CITIZENS[:4]]
        with ThreadPoolExecutor(8) as pool:
            ones = [pool.submit(inquire, ledger.bureau, body) for body in bodies]
            twos = [pool.submit(inquire, other, body) for body in reversed(bodies)]
            got, again = [each.result() for each in ones], [each.result() for each in twos]
        assert got == again[::-1]
        for citizen, outcome in zip(CITIZENS, got, strict=False):
            check(ledger, outcome, citizen)
    assert len(stored(ledger, "answer")) == 16


def test_r17_no_answer_stands_behind_a_withdrawal(ledger, consents):
    """Whatever the moment at which it comes in: who is answered was asked for before, who asks later is refused."""
    for citizen in CITIZENS[:4]:
        ending = ledger.enrolment.batch(
            [ledger.enrolment.event("consent_withdrawn", citizen, **PAPER, consent=consents[citizen])]
        )
        bodies = [
            question(ledger, each, case=f"c-{number}") for number in range(3) for each in (citizen, "uci:8")
        ]
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(inquire, ledger.bureau, body) for body in bodies]
            pool.submit(ledger.admit, ending).result()
            errors = [each.exception() for each in asked]
        assert {type(error) for error in errors} <= {type(None), ConsentError}
        assert errors[1::2] == [None] * 3, "the other citizen's go on"
        with pytest.raises(ConsentError):
            inquire(ledger.bureau, question(ledger, citizen))
    withdrawn, answered = set(), 0
    for citizen, kind, _ in stored(ledger, "consent_withdrawn", "answer", furnishers=("enrolment.example",)):
        if kind == "consent_withdrawn":
            withdrawn.add(citizen)
        else:
            answered += 1
            assert citizen not in withdrawn
    assert len(withdrawn) == 4
    assert answered >= 12, "those about the other citizen at least"
