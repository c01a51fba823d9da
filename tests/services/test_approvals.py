"""Two people for what cannot be undone: never one alone, never twice, never what was not read, and all of it recorded."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core.errors import ConflictError, CredenceError, FormatError, NotFoundError, RuleError
from app.core.log.note import Signer
from app.core.log.notices import possession_text
from app.services.ledger import cards, register
from app.services.organisations import approvals, seats
from app.services.organisations.effects import EFFECTS
from tests.services.builders import BANK, ORIGIN, card

NEW = Signer.generate_from_seed("new.example", bytes(range(32)))


@pytest.fixture
def officers(bureau):
    return [seats.add(bureau, "bureau", "officer", label) for label in ("A. Chen", "B. Wang")]


def registration(role="lender"):
    note = NEW.sign(possession_text(ORIGIN, NEW.name, role, NEW.verifier.encode()))
    return "key_registration", {"possession": note.decode(), "role": role}


def proposed(bureau, seat, kind, details):
    return approvals.proposal(bureau, approvals.propose(bureau, seat, kind, details))


def current(bureau, name):
    with bureau.transaction() as connection:
        return [record.role for record in bureau.register(connection).current(name)]


def test_nothing_happens_before_the_second_person_and_then_it_happens_once(bureau, officers):
    first, second = officers
    made = proposed(bureau, first, *registration())
    assert current(bureau, NEW.name) == []
    approvals.approve(bureau, second, made.id, made.digest)
    assert current(bureau, NEW.name) == ["lender"]
    done = approvals.proposal(bureau, made.id)
    assert (done.state, done.proposer, done.decider) == ("executed", "A. Chen", "B. Wang")
    for act in (
        lambda: approvals.approve(bureau, second, made.id, made.digest),
        lambda: approvals.turn_down(bureau, first, made.id),
    ):
        with pytest.raises(ConflictError):
            act()
    assert approvals.newest(bureau) == [done]


def test_never_the_same_person_not_even_on_another_seat(bureau, officers):
    first, _ = officers
    made = proposed(bureau, first, *registration())
    seats.end(bureau, first.id)
    again = seats.add(bureau, "bureau", "officer", first.label)
    mine = proposed(bureau, again, *registration("utility"))
    for number in (made, mine):
        with pytest.raises(RuleError):
            approvals.approve(bureau, again, number.id, number.digest)
    assert current(bureau, NEW.name) == []


def test_the_same_name_typed_otherwise_is_the_same_person(bureau, officers):
    first, _ = officers
    made = proposed(bureau, first, *registration())
    for label in ("a. chen", "A.  Chen", "Ａ. Chen"):
        other = seats.add(bureau, "bureau", "officer", label)
        with pytest.raises(RuleError) as error:
            approvals.approve(bureau, other, made.id, made.digest)
        assert error.value.code == "same-person"


def test_an_ended_seat_neither_proposes_nor_approves_nor_stands_behind_a_proposal(bureau, officers):
    first, second = officers
    made = proposed(bureau, first, *registration())
    seats.end(bureau, first.id)
    with pytest.raises(RuleError) as error:
        approvals.approve(bureau, second, made.id, made.digest)
    assert error.value.code == "ended-seat"
    with pytest.raises(NotFoundError):
        approvals.propose(bureau, first, *registration())
    third = seats.add(bureau, "bureau", "officer", "C. Li")
    made = proposed(bureau, second, *registration())
    seats.end(bureau, third.id)
    with pytest.raises(NotFoundError):
        approvals.approve(bureau, third, made.id, made.digest)
    assert current(bureau, NEW.name) == []


@pytest.mark.parametrize("role", sorted(set(seats.ROLES) - {"officer"}))
def test_only_officers_propose_and_approve(bureau, officers, role):
    other = seats.add(bureau, "bureau" if role == "clerk" else "org.example", role, "D. Zhao")
    made = proposed(bureau, officers[0], *registration())
    for act in (
        lambda: approvals.propose(bureau, other, *registration()),
        lambda: approvals.approve(bureau, other, made.id, made.digest),
        lambda: approvals.turn_down(bureau, other, made.id),
    ):
        with pytest.raises(RuleError):
            act()


def test_what_is_approved_is_what_was_read(bureau, officers):
    made = proposed(bureau, officers[0], *registration())
    with pytest.raises(RuleError) as error:
        approvals.approve(bureau, officers[1], made.id, "0" * 64)
    assert error.value.code == "other-hash"
    assert approvals.proposal(bureau, made.id).state == "open"


def test_a_proposal_is_void_after_three_days(bureau, officers, clock):
    made = proposed(bureau, officers[0], *registration())
    clock.move(days=3, seconds=-1)
    assert approvals.proposal(bureau, made.id).state == "open"
    clock.move(seconds=1)
    assert approvals.proposal(bureau, made.id).state == "expired"
    with pytest.raises(RuleError) as error:
        approvals.approve(bureau, officers[1], made.id, made.digest)
    assert error.value.code == "expired"


@pytest.mark.parametrize(("who", "state"), [(0, "withdrawn"), (1, "refused")])
def test_a_proposal_that_is_turned_down_is_over(bureau, officers, who, state):
    made = proposed(bureau, officers[0], *registration())
    approvals.turn_down(bureau, officers[who], made.id)
    assert approvals.proposal(bureau, made.id).state == state
    with pytest.raises(ConflictError):
        approvals.approve(bureau, officers[1], made.id, made.digest)


def test_an_effect_that_fails_leaves_the_proposal_open(bureau, officers):
    made = proposed(bureau, officers[0], "key_revocation", {"name": BANK, "reason": "lost", "role": "bank"})
    register.revoke_key(bureau, BANK, "bank", "the operator was quicker")
    with pytest.raises(NotFoundError):
        approvals.approve(bureau, officers[1], made.id, made.digest)
    assert approvals.proposal(bureau, made.id).state == "open"


def test_approved_by_many_at_once_it_happens_once(ledger, bureau, officers):
    made = proposed(bureau, officers[0], "key_revocation", {"name": BANK, "reason": "lost", "role": "bank"})
    before, ready = ledger.waiting(), threading.Barrier(4)

    def approve(_):
        ready.wait()
        try:
            approvals.approve(bureau, officers[1], made.id, made.digest)
        except CredenceError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(approve, range(4))) == ["decided"] * 3 + ["done"]
    assert ledger.waiting() == before + 1


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("nothing", {}),
        ("key_registration", {"role": "lender"}),
        ("key_registration", {"possession": "no note", "role": "lender"}),
        ("key_registration", {"possession": registration()[1]["possession"], "role": "bank"}),
        ("key_registration", registration()[1] | {"more": "x"}),
        ("key_registration", registration("bureau")[1]),
        ("key_revocation", {"name": "nobody.example", "reason": "x", "role": "bank"}),
        ("key_revocation", {"name": "bureau", "reason": "x", "role": "bureau"}),
        ("key_revocation", {"name": BANK, "reason": 1, "role": "bank"}),
        ("scorecard", {"from": "2026-11-02", "role": "champion", "scorecard": "0" * 64}),
        ("scorecard", {"from": "2026-11-02", "role": "champion", "document": "{}"}),
        ("scorecard", {"from": "someday", "role": "champion", "document": card("b").decode()}),
        ("scorecard", {"from": "2026-11-02", "role": "emperor", "document": card("b").decode()}),
    ],
)
def test_what_cannot_work_is_not_proposed(bureau, ledger, officers, kind, details):
    before = ledger.waiting()
    with pytest.raises((FormatError, RuleError, NotFoundError, ConflictError)):
        approvals.propose(bureau, officers[0], kind, details)
    assert ledger.waiting() == before
    assert approvals.newest(bureau) == []


def test_r37_a_scorecard_is_switched_and_switched_back(ledger, bureau, officers):
    first, second = officers
    (founding,) = cards.list_cards(bureau)
    document = card("another").decode()
    details = {"document": document, "from": ledger.clock.day(), "role": "champion"}
    ledger.step()
    made = proposed(bureau, first, "scorecard", details)
    assert len(cards.list_cards(bureau)) == 1, "trying it out left nothing"
    approvals.approve(bureau, second, made.id, made.digest)
    ledger.step()
    assert [each.in_force for each in cards.list_cards(bureau)] == [False, True]
    back = {"from": ledger.clock.day(), "role": "champion", "scorecard": founding.scorecard}
    made = proposed(bureau, second, "scorecard", back)
    approvals.approve(bureau, first, made.id, made.digest)
    ledger.step()
    assert [each.in_force for each in cards.list_cards(bureau)] == [False, False, True]


def test_each_kind_has_an_effect():
    assert set(EFFECTS) >= {"key_registration", "key_revocation", "scorecard"}
