"""Inquiries: who may look, what they get, and that the ledger holds every question, answer and refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256

import pytest
from sqlalchemy import text

from app.core.errors import FormatError, NotFoundError, RuleError, SignatureError
from app.core.log.note import Signer, split
from app.core.log.policy import LogKey, Policy
from app.core.proving import proof as proofs_format
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.db import session
from app.services.banks.inquiries import NotYetError, inquire
from app.services.banks.replies import ConsentError
from app.services.citizens.links import create_link, open_link, session_citizen
from app.services.citizens.records import entries
from app.services.ledger import history
from app.services.ledger.intake import admit
from tests.services import builders
from tests.services.builders import BANK, PAPER, Desk

CITIZEN, NOBODY = "uci:1", "uci:999"
EVERYTHING = ["account_review", "collection", "credit_application"]


@pytest.fixture
def card(ledger):
    """A citizen with a year of a card, in a block."""
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(CITIZEN)))
    ledger.step()
    return ledger


def consent(ledger, *, citizen=CITIZEN, **fields):
    line = ledger.enrolment.consent(citizen, **fields)
    ledger.admit(ledger.enrolment.batch([line]))
    return json.loads(line)["id"]


def say(ledger, kind, *, citizen=CITIZEN, **fields):
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.event(kind, citizen, **PAPER, **fields)]))


def ask(ledger, citizen=CITIZEN, *, desk=None, **fields):
    desk = desk or ledger.bank
    return inquire(ledger.bureau, desk.batch([desk.inquiry(citizen, **fields)]))


def refused(ledger, citizen=CITIZEN, **fields):
    """The reason, once its receipt was found good."""
    with pytest.raises(ConsentError) as caught:
        ask(ledger, citizen, **fields)
    receipt = Receipt.verify(caught.value.receipt, [ledger.bureau.service.verifier])
    assert (receipt.origin, receipt.count) == (ledger.bureau.origin, 1)
    return caught.value.reason


def looks_of(ledger, citizen=CITIZEN):
    """(type, its fields) of every look that the citizen's page shows, oldest first, once a block holds them."""
    ledger.settle()
    number = session_citizen(ledger.bureau, open_link(ledger.bureau, create_link(ledger.bureau, citizen)))
    shown = entries(ledger.bureau, number).looks
    every = sorted(
        (each for look in shown for each in (look, *look.about) if each.log_index is not None), key=_place
    )
    return [(view.type, view.fields) for view in every]


def _place(view):
    return view.log_index


# ---- refused
# -------------------------------------------------------------------------------------------------------------


def test_r15_without_consent_the_refusal_is_an_event_that_the_citizen_sees(card):
    assert refused(card) == "no_consent"
    (asked, question), (kind, refusal) = looks_of(card)
    assert (asked, kind) == ("inquiry", "refusal")
    assert question["purpose"] == refusal["purpose"] == "credit_application"
    assert (refusal["recipient"], refusal["reason"]) == (BANK, "no_consent")


def test_r15_the_refusal_names_the_inquiry_by_its_commitment(card):
    body = card.bank.batch([card.bank.inquiry(CITIZEN)])
    with pytest.raises(ConsentError):
        inquire(card.bureau, body)
    assert looks_of(card)[1][1]["inquiry"] == sha256(parse_batch(body).lines[0]).hexdigest()


def test_another_banks_consent_is_none(card):
    consent(card, grantee="other.example")
    assert refused(card) == "no_consent"


def test_r17_a_withdrawal_counts_while_an_older_block_is_shown(card):
    given = consent(card)
    with card.sequencer() as sequencer:
        for number in (50, 51):
            card.report(1, first=number)
            sequencer.step(now=True)
        with card.bureau.transaction() as connection:
            (shown,) = connection.execute("SELECT block FROM shown").fetchone()
        assert ask(card).proof
        say(card, "consent_withdrawn", consent=given)
        for number in (60, 61, 62):
            card.report(1, first=number)
            sequencer.step(now=True)
    with card.bureau.transaction() as connection:
        connection.execute("UPDATE shown SET block = %s", (shown,))  # as if witnesses were behind
    assert refused(card) == "consent_withdrawn"


def test_r18_a_freeze_counts_where_no_account_can_be_opened(card, database):
    consent(card)
    card.admit(card.enrolment.batch([card.enrolment.freeze(CITIZEN)]))
    with card.sequencer() as sequencer:
        for number in (50, 51, 52):
            card.report(1, first=number)
            sequencer.step(now=True)
    with database.begin() as owner:  # a block that destroys something is committed and not yet shown
        owner.execute(text("SET session_replication_role = replica"))
        owner.execute(text("DELETE FROM account_bodies"))
    assert refused(card) == "frozen"


def test_r17_a_withdrawal_counts_at_once_without_a_block(card):
    given = consent(card)
    assert ask(card).answer["recipient"] == BANK
    say(card, "consent_withdrawn", consent=given)
    assert refused(card) == "consent_withdrawn"
    card.settle()
    assert refused(card) == "consent_withdrawn", "and in a block too"


def test_r17_consent_given_counts_at_once_and_expires_on_its_day(card):
    consent(card, days=2)
    assert ask(card).proof
    card.clock.move(days=1)
    assert ask(card).proof
    card.clock.move(days=1)
    assert refused(card) == "consent_expired"


def test_a_consent_may_begin_in_the_past_and_never_in_the_future(card):
    with pytest.raises(RuleError) as caught:
        consent(card, ago=-1)
    assert caught.value.problems[0].rule == "day"
    consent(card, ago=10, days=9)
    assert refused(card) == "consent_expired"


@pytest.mark.parametrize("purpose", ["account_review", "collection", "regulator", "self"])
def test_r15_another_purpose_is_refused(card, purpose):
    consent(card)
    assert refused(card, purpose=purpose) == "wrong_purpose"


def test_a_named_consent_of_another_citizen_is_none(card):
    other = consent(card, citizen="uci:2")
    consent(card)
    assert refused(card, consent=other) == "no_consent"


def test_r18_frozen_is_refused_for_new_credit_and_thaws_at_once(card):
    consent(card, purposes=EVERYTHING)
    say(card, "freeze")
    assert refused(card) == "frozen"
    assert ask(card, purpose="account_review").proof
    assert ask(card, purpose="collection").proof
    say(card, "thaw", grantee="other.example")
    assert refused(card) == "frozen"
    say(card, "thaw", grantee=BANK, until=card.clock.day(-1))
    assert ask(card).proof
    card.clock.move(days=1)
    assert refused(card) == "frozen", "the thaw had an end"


def test_r18_of_a_freeze_and_a_thaw_in_one_batch_the_later_line_decides(card):
    consent(card)
    freeze, thaw = card.enrolment.freeze(CITIZEN), card.enrolment.event("thaw", CITIZEN, **PAPER)
    card.admit(card.enrolment.batch([freeze, thaw]))
    assert ask(card).proof, "before a block"
    card.settle()
    assert ask(card).proof, "and in one"
    card.admit(
        card.enrolment.batch([card.enrolment.event("thaw", CITIZEN, **PAPER), card.enrolment.freeze(CITIZEN)])
    )
    assert refused(card) == "frozen"


def test_who_has_no_file_is_refused_like_who_gave_no_consent(card):
    """Otherwise the answer would tell who has credit at all."""
    for purpose in ("account_review", "collection", "credit_application", "regulator", "self"):
        errors = []
        for citizen in (CITIZEN, f"{NOBODY}{len(purpose)}"):
            with pytest.raises(ConsentError) as caught:
                ask(card, citizen, purpose=purpose)
            errors.append((caught.value.code, caught.value.reason, str(caught.value)))
        assert errors[0] == errors[1], purpose


def test_r35_a_file_of_looks_alone_is_insufficient_and_never_a_low_score(card):
    assert refused(card, NOBODY) == "no_consent"
    card.settle()
    consent(card, citizen=NOBODY)
    answer = ask(card, NOBODY)
    assert answer.answer["insufficient"] == ["too_young", "nothing_reported"]
    assert "score" not in answer.answer
    verified = verify(card, answer.proof, NOBODY)
    assert (verified.score, verified.insufficient) == (None, ("too_young", "nothing_reported"))


def test_a_file_that_no_block_holds_yet_is_to_be_asked_for_again(ledger):
    ledger.step()
    consent(ledger)
    body = ledger.bank.batch([ledger.bank.inquiry(CITIZEN)])
    with pytest.raises(NotYetError):
        inquire(ledger.bureau, body)
    ledger.settle()
    assert inquire(ledger.bureau, body).answer["insufficient"], "the same bytes, now answered"


# ---- answered
# ------------------------------------------------------------------------------------------------------------


def policy(ledger):
    return Policy((LogKey(ledger.bureau.verifier),), (), (), b"none").encode()


def verify(ledger, proof, citizen=CITIZEN):
    return proofs_format.verify_score_proof(proof, policy(ledger), at=ledger.clock.moment, identifier=citizen)


def test_the_answer_says_what_the_proof_proves_and_both_are_in_the_ledger(card):
    consent(card)
    body = card.bank.batch([card.bank.inquiry(CITIZEN, case="loan-7", **{"class": "mortgage"})])
    answer = inquire(card.bureau, body)
    verified = verify(card, answer.proof)
    assert answer.answer["score"] == verified.score
    assert answer.answer["block"] == verified.block_number
    assert answer.answer["shown"] == sorted(verified.shown) == ["receipt", "score"]
    assert sorted(verified.hidden) == ["file", "flags", "history"]
    assert answer.answer["inquiry"] == sha256(parse_batch(body).lines[0]).hexdigest()
    hashes = [Receipt.verify(each, [card.bureau.service.verifier]).batch_hash for each in answer.receipts]
    assert hashes[0] == parse_batch(body).batch_hash
    (asked, question), (kind, said) = looks_of(card)
    assert (asked, question["case"], question["class"]) == ("inquiry", "loan-7", "mortgage")
    assert kind == "answer"
    assert said == {name: answer.answer[name] for name in said}, "R44: what was answered is what is recorded"


def test_credence_verify_agrees_in_a_process_of_its_own(card, tmp_path):
    consent(card)
    answer = ask(card)
    (tmp_path / "score.proof").write_bytes(answer.proof)
    (tmp_path / "policy").write_bytes(policy(card))
    at = card.clock.moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    command = [sys.executable, "-m", "app.cli", "verify", "score.proof", "--policy", "policy", "--at", at]

    def run(*more):
        from pathlib import Path

        root = Path(__file__).parents[2]
        return subprocess.run(
            [*command, *more],
            cwd=tmp_path,
            env={"PYTHONPATH": str(root)},
            capture_output=True,
            check=False,
            timeout=60,
        )

    good = run("--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["score"] == answer.answer["score"]
    changed = answer.proof.replace(b'"score":%d' % answer.answer["score"], b'"score":849')
    assert changed != answer.proof
    (tmp_path / "score.proof").write_bytes(changed)
    assert run().returncode == 1


def test_the_same_inquiry_again_gives_the_same_bytes_even_after_new_blocks(card):
    consent(card)
    body = card.bank.batch([card.bank.inquiry(CITIZEN)])
    first = inquire(card.bureau, body)
    assert inquire(card.bureau, body) == first
    card.admit(card.lender.batch([card.lender.statement(CITIZEN, balance_minor=490_000)]))
    card.settle()
    again = inquire(card.bureau, body)
    assert again == first, "R44: nothing is shown that no answer in the ledger tells of"
    assert inquire(card.reopen(), body) == first, "and from another process"
    assert [kind for kind, _ in looks_of(card)].count("answer") == 1


def test_r17_the_same_inquiry_again_ends_with_the_consent(card):
    given = consent(card)
    body = card.bank.batch([card.bank.inquiry(CITIZEN)])
    inquire(card.bureau, body)
    say(card, "consent_withdrawn", consent=given)
    receipts = set()
    for _ in range(2):
        with pytest.raises(ConsentError) as caught:
            inquire(card.bureau, body)
        assert caught.value.reason == "consent_withdrawn"
        receipts.add(caught.value.receipt)
    assert len(receipts) == 1
    assert [kind for kind, _ in looks_of(card)] == ["inquiry", "answer", "refusal"]


def test_the_same_inquiry_again_says_that_its_answer_was_destroyed(card, database):
    consent(card)
    body = card.bank.batch([card.bank.inquiry(CITIZEN)])
    receipt = Receipt.parse(split(inquire(card.bureau, body).receipts[1])[0])
    with session.transaction(database) as connection:
        connection.execute("SET ROLE credence_retention")
        query = "DELETE FROM event_bodies WHERE batch = (SELECT id FROM batches WHERE hash = %s)"
        connection.execute(query, (receipt.batch_hash,))
    with pytest.raises(NotFoundError) as caught:
        inquire(card.bureau, body)
    assert caught.value.code == "destroyed"


def test_the_same_refused_inquiry_again_stays_refused(card):
    body = card.bank.batch([card.bank.inquiry(CITIZEN)])
    receipts = []
    for _ in range(2):
        with pytest.raises(ConsentError) as caught:
            inquire(card.bureau, body)
        receipts.append(caught.value.receipt)
    assert receipts[0] == receipts[1]
    consent(card)
    with pytest.raises(ConsentError):
        inquire(card.bureau, body)
    assert ask(card).proof, "a new inquiry is another one"


def test_an_answer_is_only_for_who_signed_the_inquiry(card):
    """The note's text can be written by anyone who reads the log; the signature cannot."""
    consent(card)
    body = card.bank.batch([card.bank.inquiry(CITIZEN)], "guessable")
    inquire(card.bureau, body)
    file = parse_batch(body)
    thief = Signer.generate_from_seed(BANK, b"t" * 32)
    note = json.dumps({"note": thief.sign(file.header.text()).decode()}, ensure_ascii=False).replace(
        ": ", ":"
    )
    with pytest.raises(SignatureError):
        inquire(card.bureau, b"\n".join([note.encode(), *file.lines, b""]))
    for line in (card.bank.inquiry(CITIZEN), card.bank.inquiry("uci:2")):
        with pytest.raises(FormatError):
            inquire(card.bureau, b"\n".join([body.split(b"\n")[0], line, b""]))


def test_r19_only_applications_for_credit_count_in_the_score(card):
    consent(card, purposes=EVERYTHING)
    before = ask(card, purpose="account_review").answer["score"]
    for _ in range(8):
        ask(card, purpose="collection")
    card.settle()
    assert ask(card, purpose="account_review").answer["score"] == before
    for number in range(8):
        card.clock.move(days=1)
        ask(card, **{"class": ("mortgage", "card", "student", "business")[number % 4]})
    card.settle()
    assert ask(card, purpose="account_review").answer["score"] < before


# ---- the door
# ------------------------------------------------------------------------------------------------------------


def test_only_one_inquiry_goes_through_this_door(card):
    lender, bank = card.lender, card.bank
    payments = lender.batch([lender.payment(CITIZEN)])
    for body in (payments, bank.batch([bank.inquiry(CITIZEN), bank.inquiry(CITIZEN)])):
        with pytest.raises(RuleError) as caught:
            inquire(card.bureau, body)
        assert [(each.line, each.rule) for each in caught.value.problems] == [(2, "format")]
    admit(card.bureau, payments)
    with pytest.raises(RuleError) as caught:
        inquire(card.bureau, payments)  # known, and still no inquiry
    assert caught.value.problems[0].rule == "format"


def test_no_inquiry_goes_through_the_other_door(card):
    consent(card)
    body = card.bank.batch([card.bank.inquiry(CITIZEN)])
    with pytest.raises(RuleError) as caught:
        admit(card.bureau, body)
    assert [(each.line, each.rule) for each in caught.value.problems] == [(2, "R15")]
    answer = inquire(card.bureau, body)
    assert admit(card.bureau, body).receipt == answer.receipts[0], "known by now: its receipt"


def test_r4_only_banks_inquire(card):
    desk = Desk(card.signers["lender.example"], card.bureau.origin, card.clock)
    with pytest.raises(RuleError) as caught:
        ask(card, desk=desk)
    assert caught.value.problems[0].rule == "R4"


def test_r6_an_inquiry_with_an_id_that_was_used_names_its_line(card):
    consent(card)
    line = card.bank.inquiry(CITIZEN)
    inquire(card.bureau, card.bank.batch([line]))
    with pytest.raises(RuleError) as caught:
        inquire(card.bureau, card.bank.batch([line]))
    assert [(each.line, each.rule) for each in caught.value.problems] == [(2, "R6")]


def test_the_day_of_an_inquiry_is_the_local_day_of_its_time(card):
    consent(card)
    line = card.bank.event("inquiry", CITIZEN, purpose="credit_application", time="2026-11-02T17:00:00Z")
    with pytest.raises(RuleError) as caught:  # at that time it is the third, eight hours further east
        inquire(card.bureau, card.bank.batch([line]))
    assert caught.value.problems[0].rule == "day"


def test_a_refused_inquiry_never_costs_points(card):
    """R15, R18: who may not look cannot lower a score by asking; an answered application counts (R12)."""

    def inquiries_counted():
        with card.bureau.transaction() as connection:
            person = card.bureau.people.find(connection, [CITIZEN])[CITIZEN]
            return builders.current_files(connection, [person])[person.id].inquiries

    for _ in range(3):
        assert refused(card) == "no_consent"
    card.settle()
    assert inquiries_counted() == []
    consent(card)
    ask(card, **{"class": "mortgage"})
    card.settle()
    assert [entry.class_ for entry in inquiries_counted()] == ["mortgage"]


# ---- repairs that wait for their block
# --------------------------------------------------------------------------------------------------------


def test_r23_from_the_receipt_of_a_dispute_on_no_answer_counts_the_item(ledger):
    """The dispute is in no block yet: the bank is told to ask again, and nothing of it is recorded."""
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(CITIZEN, late_ago=3)))
    ledger.step()
    consent(ledger)
    before = ask(ledger).answer["score"]
    ledger.step()
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN]
        target = next(i for i, e in history.whole_history(connection, person) if e.negative)
    say(ledger, "dispute_opened", target=target, ground="not_mine")
    waiting = ledger.waiting()
    with pytest.raises(NotYetError):
        ask(ledger)
    assert ledger.waiting() == waiting, "the question was not stored either"
    assert refused(ledger, purpose="collection") == "wrong_purpose", "who may not look learns nothing of it"
    ledger.step()
    answer = ask(ledger)
    assert answer.answer["score"] > before
    (value,) = [each[2] for each in json.loads(answer.proof)["disclosures"] if each[1] == "score"]
    assert value["disputed"] == 1


def test_r27_from_the_receipt_of_a_retraction_on_no_answer_counts_the_item(card):
    consent(card)
    card.step()
    with card.bureau.transaction() as connection:
        person = card.bureau.people.find(connection, [CITIZEN])[CITIZEN]
        target = history.whole_history(connection, person)[1][0]
    line = card.lender.event("retraction", CITIZEN, target=target, reason="reported_in_error")
    card.admit(card.lender.batch([line]))
    with pytest.raises(NotYetError):
        ask(card)
    card.step()
    assert ask(card).proof
