"""Seats: who may have one, links that work once, sessions that end by themselves and with their seat."""

from __future__ import annotations

import pytest

from app.core.errors import ConflictError, NotFoundError, RuleError
from app.services.ledger.register import revoke_key
from app.services.organisations import seats
from tests.services.builders import BANK, ENROLMENT, LENDER, UTILITY


@pytest.fixture
def seat(bureau):
    return seats.add(bureau, "bank.example", "bank", "A. Chen")


def sign_in(bureau, seat):
    return seats.open_link(bureau, seats.create_link(bureau, seat.id))


@pytest.mark.parametrize(
    ("organisation", "role", "label", "code"),
    [
        ("bank.example", "king", "A", "unknown-role"),
        ("Bank", "bank", "A", "bad-name"),
        ("", "bank", "A", "bad-name"),
        ("bank.example", "officer", "A", "wrong-organisation"),
        ("bureau", "bank", "A", "wrong-organisation"),
        ("bank.example", "bank", "", "bad-label"),
        ("bank.example", "bank", "A\nB", "bad-label"),
        ("bank.example", "bank", "A" * 61, "bad-label"),
    ],
)
def test_what_no_seat_can_be(bureau, organisation, role, label, code):
    with pytest.raises(RuleError) as error:
        seats.add(bureau, organisation, role, label)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("organisation", "role", "known"),
    [
        (BANK, "bank", True),
        (LENDER, "furnisher", True),
        (UTILITY, "furnisher", True),
        (ENROLMENT, "furnisher", True),
        ("bureau", "clerk", True),
        ("bank.exmaple", "bank", False),
        (BANK, "furnisher", False),
        (LENDER, "bank", False),
        (BANK, "regulator", False),
    ],
)
def test_whether_an_organisation_has_a_key_for_what_its_people_do(ledger, organisation, role, known):
    seat = seats.add(ledger.bureau, organisation, role, "A. Chen")
    assert seats.known(ledger.bureau, seat) == known


def test_an_organisation_whose_key_has_ended_is_still_known(ledger):
    seat = seats.add(ledger.bureau, BANK, "bank", "A. Chen")
    revoke_key(ledger.bureau, BANK, "bank", "lost")
    assert seats.known(ledger.bureau, seat)


def test_two_seats_never_have_one_name_at_a_time(bureau, seat):
    with pytest.raises(ConflictError):
        seats.add(bureau, "bank.example", "bank", "A. Chen")
    assert seats.find(bureau, "bank.example", "bank", "A. Chen") == seat
    seats.end(bureau, seat.id)
    assert seats.find(bureau, "bank.example", "bank", "A. Chen") is None
    assert seats.add(bureau, "bank.example", "bank", "A. Chen").id != seat.id


def test_a_link_works_once_and_for_a_day(bureau, seat, clock):
    link = seats.create_link(bureau, seat.id)
    session = seats.open_link(bureau, link)
    assert seats.seat_of(bureau, session)[0] == seat
    late = seats.create_link(bureau, seat.id)
    clock.move(days=1)
    for token in (link, late, "x", ""):
        with pytest.raises(NotFoundError):
            seats.open_link(bureau, token)


def test_a_session_ends_after_half_an_hour_without_use(bureau, seat, clock):
    session = sign_in(bureau, seat)
    for _ in range(3):
        clock.move(seconds=29 * 60)
        assert seats.seat_of(bureau, session) is not None
    clock.move(seconds=30 * 60)
    assert seats.seat_of(bureau, session) is None


def test_a_session_ends_after_eight_hours_whatever_is_done(bureau, seat, clock):
    session = sign_in(bureau, seat)
    for _ in range(8 * 4 - 1):
        clock.move(seconds=15 * 60)
        assert seats.seat_of(bureau, session) is not None
    clock.move(seconds=15 * 60)
    assert seats.seat_of(bureau, session) is None


def test_ones_own_sessions_are_listed_and_ended(bureau, seat):
    other = seats.add(bureau, "bank.example", "bank", "B. Wang")
    first, second, others = sign_in(bureau, seat), sign_in(bureau, seat), sign_in(bureau, other)
    _, number = seats.seat_of(bureau, first)
    assert len(seats.sessions(bureau, seat)) == 2
    with pytest.raises(NotFoundError):
        seats.end_session(bureau, other, number)  # somebody else's
    seats.end_session(bureau, seat, number)
    assert seats.seat_of(bureau, first) is None
    assert seats.seat_of(bureau, second) is not None
    assert seats.seat_of(bureau, others) is not None


def test_with_a_seat_its_links_and_sessions_end(bureau, seat):
    session, link = sign_in(bureau, seat), seats.create_link(bureau, seat.id)
    seats.end(bureau, seat.id)
    assert seats.seat_of(bureau, session) is None
    with pytest.raises(NotFoundError):
        seats.open_link(bureau, link)
    with pytest.raises(NotFoundError):
        seats.create_link(bureau, seat.id)
    with pytest.raises(NotFoundError):
        seats.end(bureau, seat.id)
    assert [row.ended_at is None for row in seats.all_seats(bureau)] == [False]


def test_only_hashes_of_tokens_are_stored(bureau, seat):
    link = seats.create_link(bureau, seat.id)
    session = seats.open_link(bureau, seats.create_link(bureau, seat.id))
    with bureau.transaction() as connection:
        rows = connection.execute(
            "SELECT l::text FROM seat_links l UNION SELECT s::text FROM seat_sessions s"
        ).fetchall()
    assert len(rows) == 2
    assert not any(token in row[0] for token in (link, session) for row in rows)
