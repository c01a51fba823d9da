"""Applications for keys: whoever applies holds the key, two people let it in, and the applicant sees what became of it."""

from __future__ import annotations

import pytest

from app.core.errors import ConflictError, CredenceError, NotFoundError, RuleError
from app.core.log.note import Signer
from app.core.log.notices import possession_text
from app.services.ledger import register
from app.services.organisations import applications, approvals, seats
from tests.services.builders import ORIGIN

NEW = Signer.generate_from_seed("new-bank.example", bytes(range(32)))
ABOUT = {"organisation": "New Bank, Xiong'an", "contact": "Z. Li, +86 312 000 0000"}


def note(signer=NEW, role="bank", origin=ORIGIN):
    return signer.sign(possession_text(origin, signer.name, role, signer.verifier.encode()))


@pytest.fixture
def officers(bureau):
    return [seats.add(bureau, "bureau", "officer", label) for label in ("A. Chen", "B. Wang")]


def approve(bureau, officer, number):
    approvals.approve(bureau, officer, number, approvals.proposal(bureau, number).digest)


def test_from_the_application_to_the_register(bureau, officers):
    reference = applications.apply(bureau, note(), **ABOUT)
    seen = applications.of_reference(bureau, reference)
    assert (seen.name, seen.role, seen.state) == (NEW.name, "bank", "open")
    assert (seen.organisation, seen.contact) == tuple(ABOUT.values())
    assert [each.id for each in applications.newest(bureau)] == [seen.id]
    assert applications.newest(bureau, ["lender"]) == []
    number = applications.propose(bureau, officers[0], seen.id)
    assert applications.of_reference(bureau, reference).state == "proposed"
    approve(bureau, officers[1], number)
    assert applications.of_reference(bureau, reference).state == "registered"
    assert [each.state for each in applications.of_organisation(bureau, NEW.name)] == ["registered"]
    with bureau.transaction() as connection:
        assert [r.vkey for r in bureau.register(connection).current(NEW.name)] == [NEW.verifier.encode()]
    with pytest.raises(ConflictError):
        applications.propose(bureau, officers[0], seen.id)
    register.revoke_key(bureau, NEW.name, "bank", "left")
    assert applications.of_reference(bureau, reference).state == "ended"
    with pytest.raises(ConflictError):
        applications.apply(bureau, note(), **ABOUT)


@pytest.mark.parametrize("role", applications.ROLES)
def test_every_role_that_comes_by_this_door(bureau, officers, role):
    reference = applications.apply(bureau, note(role=role), **ABOUT)
    found = applications.of_reference(bureau, reference)
    approve(bureau, officers[1], applications.propose(bureau, officers[0], found.id))
    assert applications.of_reference(bureau, reference).state == "registered"


def test_a_refusal_says_why_and_the_same_key_may_apply_again(bureau, officers):
    first = applications.apply(bureau, note(), **ABOUT)
    with pytest.raises(ConflictError):
        applications.apply(bureau, note(), **ABOUT)
    number = applications.of_reference(bureau, first).id
    for reason in ("", " ", "x" * 1001):
        with pytest.raises(RuleError):
            applications.refuse(bureau, officers[0], number, reason)
    applications.refuse(bureau, officers[0], number, "Nobody answers under this number.")
    seen = applications.of_reference(bureau, first)
    assert (seen.state, seen.reason) == ("refused", "Nobody answers under this number.")
    for act in (applications.refuse, lambda *args: applications.propose(*args[:3])):
        with pytest.raises(ConflictError):
            act(bureau, officers[0], number, "again")
    second = applications.apply(bureau, note(), **ABOUT)
    assert applications.of_reference(bureau, second).state == "open"


def test_a_proposal_that_was_turned_down_opens_it_again(bureau, officers):
    reference = applications.apply(bureau, note(), **ABOUT)
    number = applications.of_reference(bureau, reference).id
    approvals.turn_down(bureau, officers[1], applications.propose(bureau, officers[0], number))
    assert applications.of_reference(bureau, reference).state == "open"
    approve(bureau, officers[0], applications.propose(bureau, officers[1], number))
    assert applications.of_reference(bureau, reference).state == "registered"


def test_only_officers_decide(bureau, officers):
    clerk = seats.add(bureau, "bureau", "clerk", "C. Sun")
    applications.apply(bureau, note(), **ABOUT)
    (waiting,) = applications.newest(bureau)
    with pytest.raises(RuleError):
        applications.propose(bureau, clerk, waiting.id)
    with pytest.raises(RuleError):
        applications.refuse(bureau, clerk, waiting.id, "no")
    assert applications.application(bureau, waiting.id).state == "open"
    with pytest.raises(NotFoundError):
        applications.application(bureau, waiting.id + 1)
    with pytest.raises(NotFoundError):
        applications.of_reference(bureau, "x" * 43)


def test_nobody_applies_with_a_key_that_is_not_theirs(bureau):
    thief = Signer.generate_from_seed(NEW.name, b"t" * 32)
    genuine = note().decode()
    forged = thief.sign_text(possession_text(ORIGIN, NEW.name, "bank", NEW.verifier.encode())).line().decode()
    for bad in (
        b"",
        b"x" * 5000,
        b"\xff\xfe",
        genuine.partition("\n\n")[0].encode(),
        genuine.replace("bank\n", "lender\n", 1).encode(),
        (genuine.partition("\n\n")[0] + "\n\n" + forged).encode(),
        note(origin="other.example/ledger"),
        note(role="regulator"),
        note(role="enrolment"),
        note(Signer.generate_from_seed(bureau.service.name, b"s" * 32)),
        genuine.replace("possession@v1", "rotation@v1").encode(),
    ):
        with pytest.raises(CredenceError):
            applications.apply(bureau, bad, **ABOUT)
    for about in ({"organisation": "", "contact": "x"}, {"organisation": "x", "contact": "\x00" * 3}):
        with pytest.raises(RuleError):
            applications.apply(bureau, note(), **about)
    assert applications.newest(bureau) == []


def test_who_to_call_is_sealed_and_the_reference_is_not_kept(bureau):
    reference = applications.apply(bureau, note(), **ABOUT)
    with bureau.transaction() as connection:
        (row,) = connection.execute("SELECT a::text FROM applications a").fetchall()
    assert reference not in row[0]
    assert ABOUT["contact"] not in row[0]
    assert ABOUT["contact"].encode().hex() not in row[0]
