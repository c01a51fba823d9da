"""R36: a citizen gets a person. R16: what that person looks at is seen. What both write is sealed, and follows its key."""

from __future__ import annotations

import pytest

from app.core.errors import ConflictError, CredenceError, NotFoundError, RuleError
from app.services.banks import inquiries
from app.services.citizens import records
from app.services.ledger import retention
from app.services.organisations import cases, seats

CITIZEN = "uci:1"


@pytest.fixture
def clerk(bureau):
    return seats.add(bureau, "bureau", "clerk", "A. Chen")


@pytest.fixture
def citizen(ledger, bureau):
    """The number of a citizen with a file."""
    ledger.report(1)
    ledger.step()
    with bureau.transaction() as connection:
        return bureau.people.find(connection, [CITIZEN])[CITIZEN].id


def test_r36_every_answer_says_how_to_ask_for_a_person(ledger, bureau, citizen):
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(CITIZEN)]))
    ledger.step()
    answer = inquiries.inquire(bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)]))
    assert "advisory" in answer.advice
    assert "/record/cases" in answer.advice


def test_r36_a_case_is_asked_taken_answered_and_seen(bureau, citizen, clerk, clock):
    number = cases.ask(bureau, citizen, "decision", "Why so low?\nI always paid. 为什么？")
    (seen,) = cases.of_citizen(bureau, citizen)
    assert (seen.id, seen.state, seen.answer) == (number, "waiting", "")
    assert [each.id for each in cases.queue(bureau, clerk)[0]] == [number]
    assert cases.desk(bureau, clerk, number).case.question == "", "not before it is taken"
    cases.take(bureau, clerk, number)
    assert cases.desk(bureau, clerk, number).case.question == seen.question
    assert cases.of_citizen(bureau, citizen)[0].state == "taken"
    clock.move(hours=2)
    cases.answer(bureau, clerk, number, "One payment was late.")
    (seen,) = cases.of_citizen(bureau, citizen)
    assert (seen.state, seen.answer, seen.closed_at) == ("answered", "One payment was late.", clock())
    waiting, answered = cases.queue(bureau, clerk)
    assert (waiting, [each.id for each in answered]) == ([], [number])
    for again in (
        lambda: cases.answer(bureau, clerk, number, "x"),
        lambda: cases.look(bureau, clerk, number),
        lambda: cases.give_back(bureau, clerk, number),
    ):
        with pytest.raises(ConflictError):
            again()


def test_r16_each_opening_by_staff_is_a_look_that_the_citizen_sees_in_the_next_block(
    ledger, bureau, citizen, clerk, clock
):
    number = cases.ask(bureau, citizen, "entry", "x")
    cases.take(bureau, clerk, number)
    assert not cases.desk(bureau, clerk, number).is_open
    for count in (1, 2):
        cases.look(bureau, clerk, number)
        assert cases.desk(bureau, clerk, number).is_open
        ledger.step()
        looks = [each for each in records.entries(bureau, citizen).looks if each.type == "look"]
        assert len(looks) == count
        assert looks[0].block is not None
        fields = looks[0].fields
        assert (fields["recipient"], fields["purpose"]) == ("bureau", "account_review")
        assert fields["case"] == f"case-{number}"
        clock.move(seconds=15 * 60)
        assert not cases.desk(bureau, clerk, number).is_open, "a quarter of an hour, then it is another look"


def test_r19_a_look_by_staff_changes_no_score(ledger, bureau, citizen, clerk):
    from app.services.citizens import overview

    before = overview.overview(bureau, citizen)
    number = cases.ask(bureau, citizen, "entry", "x")
    cases.take(bureau, clerk, number)
    cases.look(bureau, clerk, number)
    ledger.step()
    assert overview.overview(bureau, citizen).score == before.score


def test_nobody_but_who_took_it_reads_looks_or_answers(bureau, citizen, clerk):
    other = seats.add(bureau, "bureau", "clerk", "B. Wang")
    officer = seats.add(bureau, "bureau", "officer", "C. Li")
    number = cases.ask(bureau, citizen, "entry", "secret")
    cases.take(bureau, clerk, number)
    cases.look(bureau, clerk, number)
    seen = cases.desk(bureau, other, number)
    assert (seen.case.question, seen.identifier, seen.is_open) == ("", "", False)
    for act in (cases.take, cases.look, cases.give_back):
        with pytest.raises(ConflictError):
            act(bureau, other, number)
    with pytest.raises(ConflictError):
        cases.answer(bureau, other, number, "x")
    for act in (cases.take, cases.look, cases.give_back, cases.desk):
        with pytest.raises(RuleError):
            act(bureau, officer, number)
    with pytest.raises(RuleError):
        cases.queue(bureau, officer)
    cases.give_back(bureau, clerk, number)
    cases.take(bureau, other, number)
    assert not cases.desk(bureau, other, number).is_open, "another clerk's look is another look"
    seats.end(bureau, other.id)
    with pytest.raises(NotFoundError):
        cases.answer(bureau, other, number, "x")


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ("nothing", "x"),
        ("", "x"),
        ("other", ""),
        ("other", "x" * 4001),
        ("other", "a\x00b"),
        ("other", "a\x1bb"),
    ],
)
def test_what_no_case_can_be(bureau, citizen, about, text):
    with pytest.raises(RuleError):
        cases.ask(bureau, citizen, about, text)
    assert cases.of_citizen(bureau, citizen) == []


def test_a_citizen_has_five_cases_open_at_most(bureau, citizen, clerk):
    numbers = [cases.ask(bureau, citizen, "other", "x") for _ in range(5)]
    with pytest.raises(RuleError):
        cases.ask(bureau, citizen, "other", "x")
    cases.take(bureau, clerk, numbers[0])
    cases.answer(bureau, clerk, numbers[0], "x")
    cases.ask(bureau, citizen, "other", "x")


def test_a_case_from_paper_is_the_citizens_own(bureau, citizen, clerk):
    number = cases.ask_on_paper(bureau, clerk, CITIZEN, "other", "letter 17: ...")
    assert [each.id for each in cases.of_citizen(bureau, citizen)] == [number]
    for identifier in ("uci:2", "nobody"):
        with pytest.raises(CredenceError):
            cases.ask_on_paper(bureau, clerk, identifier, "other", "x")


def test_nothing_that_was_written_is_stored_in_plain(bureau, citizen, clerk):
    number = cases.ask(bureau, citizen, "other", "a telling phrase")
    cases.take(bureau, clerk, number)
    cases.answer(bureau, clerk, number, "another telling phrase")
    with bureau.transaction() as connection:
        (stored,) = connection.execute(
            "SELECT string_agg(encode(sealed, 'escape'), '') || string_agg(t::text, '') FROM case_texts t"
        ).fetchone()
    assert "telling" not in stored
    assert CITIZEN not in stored


def test_r11_what_was_written_outlives_the_change_of_the_key_and_is_unreadable_with_the_old_one(
    ledger, bureau, clerk, clock
):
    from app.core.state import sealing

    lender = ledger.lender
    ledger.admit(
        lender.batch([*lender.card_history(CITIZEN, months=3), lender.status(CITIZEN, ago=2, late=True)])
    )
    ledger.step()
    clock.moment = clock.moment.replace(year=2032)
    ledger.admit(lender.batch(lender.card_history(CITIZEN, months=3)[1:]))
    ledger.step()
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [CITIZEN])[CITIZEN]
    cases.ask(bureau, person.id, "other", "still to be read")
    assert retention.run(bureau, lambda _: None).events
    ledger.settle()
    with bureau.transaction() as connection:
        (sealed,) = connection.execute("SELECT sealed FROM case_texts").fetchone()
    assert cases.of_citizen(bureau, person.id)[0].question == "still to be read"
    with pytest.raises(CredenceError):
        sealing.unseal(person.data_key, bytes(sealed))
