"""At the counter: who has no device acts on paper, and it counts at once (R17, R18, R23); who entered it is written down."""

from __future__ import annotations

from contextlib import closing

import pytest

from app.core.errors import CredenceError, FormatError, NotFoundError, RuleError
from app.services.banks import inquiries, replies
from app.services.citizens import links
from app.services.organisations import approvals, cases, counter, paper_erasure, seats
from tests.services.audited import Tamper
from tests.services.builders import BANK
from tests.services.test_proofs import person_of

CITIZEN = "uci:1"


@pytest.fixture
def clerk(bureau):
    return seats.add(bureau, "bureau", "clerk", "A. Chen")


@pytest.fixture
def citizen(ledger):
    ledger.report(1)
    ledger.step()
    return CITIZEN


def asked(ledger):
    """What a bank gets: an answer, or why not."""
    try:
        return inquiries.inquire(ledger.bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)])).answer[
            "type"
        ]
    except replies.ConsentError as error:
        return error.reason


def test_r17_r18_consent_freeze_and_thaw_on_paper_count_at_once(ledger, bureau, citizen, clerk, clock):
    given = {"grantee": BANK, "purposes": ["credit_application"], "until": clock.day(-30)}
    assert asked(ledger) == "no_consent"
    counter.enter(bureau, clerk, citizen, "consent_given", given, "p-1")
    assert asked(ledger) == "answer"
    counter.enter(bureau, clerk, citizen, "freeze", {}, "p-2")
    assert asked(ledger) == "frozen"
    clock.move(days=1)
    counter.enter(bureau, clerk, citizen, "thaw", {"grantee": BANK}, "p-3")
    assert asked(ledger) == "answer"
    counter.enter(bureau, clerk, citizen, "consent_given", given, "p-4")
    assert counter.enter(bureau, clerk, citizen, "consent_withdrawn", {"grantee": BANK}, "p-5") == 2
    assert asked(ledger) == "consent_withdrawn"
    with pytest.raises(RuleError):
        counter.enter(bureau, clerk, citizen, "consent_withdrawn", {"grantee": BANK}, "p-6")
    assert [each.ref for each in counter.acted(bureau)] == ["p-5", "p-4", "p-3", "p-2", "p-1"]
    assert {each.clerk for each in counter.acted(bureau)} == {"A. Chen"}


def test_r23_a_dispute_on_paper_flags_the_item(ledger, bureau, citizen, clerk):
    from app.services.citizens import disputes, records

    with bureau.transaction() as connection:
        number = bureau.people.find(connection, [CITIZEN])[CITIZEN].id
    item = records.entries(bureau, number).items[0].log_index
    counter.enter(bureau, clerk, citizen, "dispute_opened", {"target": item, "ground": "not_mine"}, "p-1")
    assert [view.dispute.item for view in disputes.of_citizen(bureau, number)] == [item]


@pytest.mark.parametrize(
    "paper",
    [
        ("uci:99", "freeze", {}, "p-1"),
        ("nobody", "freeze", {}, "p-1"),
        (CITIZEN, "freeze", {}, "no ref of ours"),
        (CITIZEN, "freeze", {"more": 1}, "p-1"),
        (CITIZEN, "passkey_added", {}, "p-1"),
        (CITIZEN, "erasure", {"scope": "consent_based"}, "p-1"),
        (CITIZEN, "dispute_opened", {"target": 10**9, "ground": "other"}, "p-1"),
        (CITIZEN, "consent_given", {"grantee": BANK, "purposes": [], "until": "2027-01-01"}, "p-1"),
    ],
)
@pytest.mark.usefixtures("citizen")
def test_what_is_no_act_leaves_nothing(ledger, bureau, clerk, paper):
    before = ledger.waiting()
    with pytest.raises(CredenceError):
        counter.enter(bureau, clerk, *paper)
    assert ledger.waiting() == before
    assert counter.acted(bureau) == []


def test_a_code_opens_the_record_once(bureau, citizen, clerk):
    code = counter.code(bureau, clerk, citizen, "form-17")
    assert links.open_link(bureau, code)
    with pytest.raises(NotFoundError):
        links.open_link(bureau, code)
    assert [(each.act, each.ref) for each in counter.acted(bureau)] == [("enrolment_code", "form-17")]
    for identifier, ref in (("uci:99", "x"), (citizen, "no ref!"), ("nobody", "x")):
        with pytest.raises((FormatError, NotFoundError)):
            counter.code(bureau, clerk, identifier, ref)


def test_paper_of_somebody_whose_file_was_erased_is_refused_like_that_of_somebody_without_one(
    ledger, citizen, clerk
):
    """All that is left of somebody is what keeps the ledger whole: no keys, so no event of theirs can be read."""
    ledger.report(1, first=2)
    ledger.step()
    with closing(Tamper(ledger)) as tamper:
        number = person_of(ledger.bureau, citizen).id
        tamper.connection.execute("DELETE FROM citizen_keys WHERE citizen = %s", (number,))
    bureau = ledger.reopen()  # which remembers nobody's keys
    given = {"grantee": BANK, "purposes": ["credit_application"], "until": ledger.clock.day(-30)}
    details = {"citizen": bureau.people.key_of(citizen).hex(), "ref": "form-40"}
    officer = seats.add(bureau, "bureau", "officer", "B. Wang")
    before = ledger.waiting()
    for act in (
        lambda: counter.enter(bureau, clerk, citizen, "freeze", {}, "p-1"),
        lambda: counter.enter(bureau, clerk, citizen, "consent_given", given, "p-1"),
        lambda: counter.enter(bureau, clerk, citizen, "consent_withdrawn", {"grantee": BANK}, "p-1"),
        lambda: counter.code(bureau, clerk, citizen, "p-1"),
        lambda: cases.ask_on_paper(bureau, clerk, citizen, "other", "Please look."),
        lambda: paper_erasure.details(bureau, citizen, "form-40"),
        lambda: paper_erasure.preview(bureau, 1, details, citizen),
        lambda: approvals.propose(bureau, officer, "erasure", details),
    ):
        with pytest.raises(NotFoundError) as refused:
            act()
        assert refused.value.code == "no-file"
    assert (ledger.waiting(), counter.acted(bureau)) == (before, [])
    assert counter.enter(bureau, clerk, "uci:2", "freeze", {}, "p-1") == 1, "the others are not concerned"
    bureau.close()


@pytest.mark.parametrize("role", ["officer", "bank"])
def test_the_counter_is_for_clerks_whose_seat_stands(bureau, citizen, clerk, role):
    other = seats.add(bureau, "bureau" if role == "officer" else BANK, role, "B. Wang")
    for act in (
        lambda seat: counter.enter(bureau, seat, citizen, "freeze", {}, "p-1"),
        lambda seat: counter.code(bureau, seat, citizen, "p-1"),
    ):
        with pytest.raises(RuleError):
            act(other)
    seats.end(bureau, clerk.id)
    with pytest.raises(NotFoundError):
        counter.enter(bureau, clerk, citizen, "freeze", {}, "p-1")


def test_r40_erasure_on_paper_begins_with_the_first_block_and_says_so_before(ledger, bureau):
    ledger.report(1)
    for identifier, code in ((CITIZEN, "not-yet"), ("uci:99", "no-file"), ("nobody", "malformed")):
        with pytest.raises(CredenceError) as refused:
            paper_erasure.details(bureau, identifier, "form-40")
        assert refused.value.code == code
    ledger.step()
    assert paper_erasure.details(bureau, CITIZEN, "form-40") == {
        "citizen": bureau.people.key_of(CITIZEN).hex(),
        "ref": "form-40",
    }


def test_r40_erasure_on_paper_takes_two_and_names_nobody(ledger, bureau, citizen):
    first, second = (seats.add(bureau, "bureau", "officer", label) for label in ("A. Chen", "B. Wang"))
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(citizen)]))
    ledger.step()
    details = {"citizen": bureau.people.key_of(citizen).hex(), "ref": "form-40"}
    made = approvals.proposal(bureau, approvals.propose(bureau, first, "erasure", details))
    assert citizen not in str(made)
    before = ledger.waiting()
    for wrong in ("", "uci:4711"):
        with pytest.raises(CredenceError):
            approvals.approve(bureau, second, made.id, made.digest, wrong)
    assert ledger.waiting() == before
    approvals.approve(bureau, second, made.id, made.digest, citizen)
    assert ledger.waiting() == before + 1
    for again in (details, {"citizen": "0" * 64, "ref": "form-41"}):
        with pytest.raises(CredenceError):
            approvals.propose(bureau, first, "erasure", again)
