"""More lies, told to one ledger that all of these share: nothing here is written into it."""

from __future__ import annotations

import datetime as dt
import os
from hashlib import sha256

import pytest

from app.core import canon
from app.core.errors import FormatError, ProofError, RuleError
from app.core.log import notices
from app.core.log.checkpoint import cosign
from app.core.log.note import COSIGNATURE_ED25519, Signer
from app.core.log.policy import LogKey, Policy, Witness
from app.core.log.register import STILL_VALID
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.core.proving.proof import verify_score_proof
from app.core.reporting.receipt import Receipt
from app.db import admission
from app.services.banks import inquiries
from app.services.proving import claims
from tests.adversary.liar import Liar, later
from tests.adversary.test_lies import CITIZEN, auditor, bank, citizen, number, own
from tests.conftest import url_of
from tests.services.builders import BANK, LENDER, Ledger
from tests.services.searching import searched


@pytest.fixture(scope="module")
def shared(template_database, administer, server_url, tmp_path_factory):
    """A dozen citizens; one has consented to a bank, which has asked; a lender has changed its key."""
    name = f"credence_lies_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("lies"), url_of(server_url, name))
    made.admit(made.lender.batch(made.lender.card_history(CITIZEN, months=12, late_ago=2)))
    made.report(10, first=6, months=8)
    made.admit(made.enrolment.batch([made.enrolment.consent(CITIZEN)]))
    made.step()
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


def history_of(ledger, identifier=CITIZEN):
    return canon.decode_object(
        claims.history_of(ledger.bureau, number(ledger, identifier)), bytes_max=1 << 25
    )


def test_no_file_by_the_absence_of_somebody_else_is_caught_by_the_bank(shared):
    absent = claims.absence_of(shared.bureau, "uci:4711")
    policy = Liar(shared).policy
    assert verify_claim(absent, Asked(policy, shared.clock.moment, identifier="uci:4711"))
    with pytest.raises(ProofError, match="step 4"):
        verify_claim(absent, Asked(policy, shared.clock.moment, identifier=CITIZEN))


def test_points_moved_from_one_criterion_to_another_are_caught_by_the_citizen(shared):
    """The sum stays, the reasons would be others: a bank cannot know, whoever has the events and the card does."""
    history = history_of(shared)
    values = {name: value for _, name, value in history["disclosures"]}
    rows = values["receipt"]["criteria"]
    taken = next(row for row in rows if row[2] >= 9)
    given = next(row for row in rows if row is not taken and row[2] + 9 <= row[3])
    taken[2], given[2] = taken[2] - 9, given[2] + 9
    forged = canon.decode_object(Liar(shared).proof(own(shared), values=values))
    bank(shared, canon.encode(forged))
    with pytest.raises(ProofError, match="step 5"):
        citizen(shared, canon.encode(forged | {"kind": "history", "events": history["events"]}))


def test_an_old_head_with_a_new_cosignature_is_caught_by_the_bank(shared):
    """A witness may cosign the newest head again and again; the block under it gets no younger."""
    witness = Signer("witness.example", bytes(32), COSIGNATURE_ED25519)
    policy = Policy((LogKey(shared.bureau.verifier),), (Witness(b"w", witness.verifier),), (), b"w").encode()
    later_on = later(shared.clock.moment, days=3)
    proof = canon.decode_object(own(shared))
    head, blank, note = proof["tlog"].partition("\n\n")
    line = cosign(witness, note.encode(), int(later_on.timestamp())).decode()
    anew = canon.encode(proof | {"tlog": head + blank + note + line})
    with pytest.raises(ProofError, match="older than 2 days"):
        verify_score_proof(anew, policy, at=later_on, identifier=CITIZEN)


def test_a_key_shown_as_valid_for_ever_is_caught_by_the_reader_of_its_event(shared):
    """The register under the block says until where a key was valid; another record is in none."""
    proof = canon.decode_object(claims.event_of(shared.bureau, history_of(shared)["events"][0][1]))
    asked = Asked(Liar(shared).policy, shared.clock.moment)
    assert proof["signer"]["to"] == STILL_VALID
    for lie in ({"to": STILL_VALID - 1}, {"from": 0}, {"role": "utility"}, {"name": BANK}):
        with pytest.raises(ProofError, match="step 3"):
            verify_claim(canon.encode(proof | {"signer": proof["signer"] | lie}), asked)


def test_an_event_shown_to_one_citizen_and_asked_of_another_is_caught_by_its_reader(shared):
    proof = claims.event_of(shared.bureau, history_of(shared, "uci:7")["events"][0][1])
    with pytest.raises(ProofError, match="step 6"):
        verify_claim(proof, Asked(Liar(shared).policy, shared.clock.moment, identifier=CITIZEN))


def test_an_answer_that_the_ledger_does_not_remember_is_caught_by_the_bank(shared):
    """A bank has the receipt of its answer: after its time, the public log has that answer, and no other in its place."""
    bureau = shared.bureau
    given = inquiries.inquire(bureau, shared.bank.batch([shared.bank.inquiry(CITIZEN)]))
    answer = canon.encode(given.answer)
    receipt = Receipt.verify(given.receipts[1], [bureau.service.verifier])
    shared.step()
    assert searched(bureau, receipt.batch_hash, [sha256(answer).digest()])[0].index is not None
    another = canon.encode(given.answer | {"score": 850})
    with pytest.raises(ProofError, match="not the event that the batch has there"):
        searched(bureau, receipt.batch_hash, [sha256(another).digest()])
    end = receipt.admitted_at - dt.timedelta(minutes=1)
    forgotten = Receipt(bureau.origin, bytes(32), 1, end, end).sign(bureau.service)
    search, note = searched(bureau, bytes(32))
    found = verify_claim(search.overdue(forgotten, note), Asked(Liar(shared).policy, shared.clock.moment))
    assert found.facts["count"] == 1


def test_entries_that_are_not_those_of_the_head_are_caught_by_whoever_reads_them(shared, monkeypatch):
    from app.services.ledger import public_log

    honest = public_log.tile

    def lying(bureau, path):
        data = bytearray(honest(bureau, path))
        data[-40] ^= 1
        return bytes(data)

    monkeypatch.setattr(public_log, "tile", lying)
    with pytest.raises((AssertionError, FormatError, ProofError, RuleError, ValueError)):
        searched(shared.bureau, bytes(32))


# ---- these write


def test_a_batch_taken_in_too_late_is_caught_by_its_furnisher_and_the_auditor(ledger):
    batch = ledger.lender.batch([ledger.lender.status("uci:7")])
    (admitted,) = ledger.admit(batch)
    receipt = Receipt.verify(admitted.receipt, [ledger.bureau.service.verifier])
    ledger.clock.move(hours=3)
    ledger.step()
    search, _ = searched(ledger.bureau, receipt.batch_hash)
    assert search.block.time > receipt.block_by
    assert "the block that it promised came later" in auditor(ledger)


def test_another_key_in_a_furnishers_name_is_caught_by_the_furnisher(ledger):
    """The bureau can say that a key was lost, and put its own in its place: the notice is there for everybody."""
    own_key = ledger.signers[LENDER].verifier
    ledger.report(1)
    ledger.step()
    assert searched(ledger.bureau, bytes(32))[0].keys_beside(LENDER, own_key) == []
    theirs = Signer.generate_from_seed(LENDER, b"\x07" * 32)
    notice = notices.key_rotated(theirs, "lender", ledger.bureau.origin, ledger.bureau.now(), old=None)
    with ledger.bureau.transaction() as connection:
        admission.insert_notice(connection, notices.encode(notice))
    ledger.settle()
    (found,) = searched(ledger.bureau, bytes(32))[0].keys_beside(LENDER, own_key)
    assert found.verifier == theirs.verifier
