"""A citizen's own record: opened once by a link, free of cost to the score, and every look in it."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core.errors import FormatError, NotFoundError
from app.services.citizens.links import SESSION_S, create_link, end_session, open_link, session_citizen
from app.services.citizens.overview import overview
from app.services.citizens.records import LOOKS, entries
from app.services.ledger.intake import admit

CITIZEN = "uci:1"


@pytest.fixture
def card(ledger):
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(CITIZEN, late_ago=3)))
    ledger.settle()
    return ledger


def opened(ledger, citizen=CITIZEN):
    return session_citizen(ledger.bureau, open_link(ledger.bureau, create_link(ledger.bureau, citizen)))


# ---- links and sessions
# -----------------------------------------------------------------------------------------------------


def test_a_link_opens_once(card):
    token = create_link(card.bureau, CITIZEN)
    session = open_link(card.bureau, token)
    assert session_citizen(card.bureau, session) is not None
    with pytest.raises(NotFoundError):
        open_link(card.bureau, token)
    assert session_citizen(card.bureau, token) is None, "the link's token is not the session's"


def test_a_link_opens_once_even_when_many_try(card):
    token = create_link(card.bureau, CITIZEN)

    def attempt(_):
        try:
            return open_link(card.bureau, token)
        except NotFoundError:
            return None

    with ThreadPoolExecutor(5) as pool:
        sessions = [each for each in pool.map(attempt, range(5)) if each]
    assert len(sessions) == 1


@pytest.mark.parametrize(("seconds", "works"), [(59, True), (60, False), (61, False)])
def test_a_link_expires(card, seconds, works):
    token = create_link(card.bureau, CITIZEN, valid_s=60)
    card.clock.move(seconds=seconds)
    if works:
        assert open_link(card.bureau, token)
    else:
        with pytest.raises(NotFoundError):
            open_link(card.bureau, token)


def test_a_session_ends_by_itself_or_on_request(card):
    session = open_link(card.bureau, create_link(card.bureau, CITIZEN))
    card.clock.move(seconds=SESSION_S - 1)
    assert session_citizen(card.bureau, session) is not None
    card.clock.move(seconds=1)
    assert session_citizen(card.bureau, session) is None
    other = open_link(card.bureau, create_link(card.bureau, CITIZEN))
    end_session(card.bureau, other)
    end_session(card.bureau, other)
    assert session_citizen(card.bureau, other) is None


def test_links_are_for_files_that_exist(card):
    with pytest.raises(NotFoundError):
        create_link(card.bureau, "uci:404")
    for bad in ("", "uci:01", "cn:11010519491231002X", "uci:1\n"):
        with pytest.raises(FormatError):
            create_link(card.bureau, bad)
    for bad in ("", "x", "\x00"):
        with pytest.raises(NotFoundError):
            open_link(card.bureau, bad)


def test_the_tables_hold_no_token_and_no_identifier(card, database):
    from sqlalchemy import text

    token = create_link(card.bureau, "uci:1")
    session = open_link(card.bureau, token)
    card.settle()
    with database.connect() as connection:
        names = [
            r[0]
            for r in connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname='public'"))
        ]
        everything = b""
        for name in names:
            for (row,) in connection.execute(text(f"SELECT convert_to(t::text, 'UTF8') FROM {name} t")):
                everything += bytes(row)
    for secret in (token, session, "uci:1", "card-1", "form-17"):
        assert secret.encode() not in everything
        assert secret.encode().hex().encode() not in everything, "bytea is shown as hex"


# ---- the record
# -----------------------------------------------------------------------------------------------------------------


def test_r16_opening_is_a_look_that_the_citizen_sees_within_a_block(card):
    number = opened(card)
    assert [(view.type, view.log_index) for view in entries(card.bureau, number).looks] == [("look", None)]
    card.settle()
    (view,) = entries(card.bureau, number).looks
    assert view.log_index is not None
    assert view.fields["purpose"] == "self"
    assert view.fields["recipient"] == "citizen"


def test_r22_own_looks_change_no_score(card):
    number = opened(card)
    card.settle()
    before, looks = overview(card.bureau, number), entries(card.bureau, number).looks
    for _ in range(5):
        opened(card)
    card.settle()
    after = overview(card.bureau, number)
    assert (after.score, after.criteria, after.reasons) == (before.score, before.criteria, before.reasons)
    assert len(entries(card.bureau, number).looks) == len(looks) + 5


def test_r29_the_record_adds_up(card):
    shown = overview(card.bureau, opened(card))
    assert shown.score == shown.base + sum(line.points for line in shown.criteria)
    assert all(0 <= line.points <= line.max and line.bin_label for line in shown.criteria)
    lost = {line.id for line in shown.criteria if line.points < line.max}
    assert set(shown.reasons) <= lost
    assert shown.identifier == CITIZEN


def test_every_event_is_shown_with_its_place_newest_first(card):
    shown = entries(card.bureau, opened(card))
    assert len(shown.items) == 37
    assert [view.day for view in shown.items] == sorted((view.day for view in shown.items), reverse=True)
    indices = [view.log_index for view in shown.items]
    assert len(set(indices)) == 37
    assert None not in indices
    assert sum(view.negative for view in shown.items) == 1
    assert not {view.type for view in shown.items} & LOOKS
    admit(card.bureau, card.lender.batch([card.lender.payment(CITIZEN)]))
    waiting = entries(card.bureau, opened(card)).items[0]
    assert (waiting.type, waiting.log_index, waiting.block) == ("payment", None, None)


def test_r35_a_thin_record_says_what_is_missing(ledger):
    ledger.admit(ledger.utility.batch([ledger.utility.utility(CITIZEN)]))
    ledger.settle()
    shown = overview(ledger.bureau, opened(ledger))
    assert (shown.score, shown.criteria, shown.reasons) == (None, [], [])
    assert shown.insufficient


def test_a_file_that_is_in_no_block_has_no_record_yet(ledger):
    ledger.step()
    ledger.admit(ledger.utility.batch([ledger.utility.utility(CITIZEN)]))
    number = opened(ledger)
    with pytest.raises(NotFoundError) as caught:
        overview(ledger.bureau, number)
    assert caught.value.code == "not-yet"
    ledger.settle()
    assert overview(ledger.bureau, number).identifier == CITIZEN


def test_labels_are_there_in_both_languages(card):
    number = opened(card)
    english, chinese = (overview(card.bureau, number, language) for language in ("en", "zh-Hans"))
    assert [line.points for line in english.criteria] == [line.points for line in chinese.criteria]
    assert all(
        one.bin_label != other.bin_label
        for one, other in zip(english.criteria, chinese.criteria, strict=True)
        if not one.bin_label.replace(" ", "").isdigit()
    )


# ---- R10, R12: what a record shows no more
# --------------------------------------------------------------------------------------------------------


def at(ledger, day):
    """The record on a day, as a block of that day or before has it."""
    while ledger.clock.day() < day:
        ledger.clock.move(days=(dt.date.fromisoformat(day) - dt.date.fromisoformat(ledger.clock.day())).days)
    with ledger.sequencer() as sequencer:
        sequencer.step(now=True)
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN]
    return entries(ledger.bureau, person.id)


def test_r10_a_late_month_leaves_the_record_to_the_day(ledger):
    """Five years (cn) behind its day, also when a score could tell that its plaintext is gone, which is kept for that."""
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(CITIZEN, months=6, late_ago=3)))
    (late,) = [view for view in at(ledger, ledger.clock.day()).items if view.negative]
    gone = dt.date(int(late.day[:4]) + 5, *map(int, late.day[5:].split("-")))
    for days, shown in ((-1, True), (0, False), (1, False)):
        views = at(ledger, (gone + dt.timedelta(days=days)).isoformat()).items
        assert any(view.negative for view in views) is shown
        assert len(views) == 18 + shown


def test_r12_looks_are_shown_for_24_months(card):
    opened(card)
    card.settle()
    day = card.clock.day()
    two_years_later = f"{int(day[:4]) + 2}{day[4:]}"
    last = (dt.date.fromisoformat(two_years_later) - dt.timedelta(days=1)).isoformat()
    assert [view.day for view in at(card, last).looks] == [day]
    assert at(card, two_years_later).looks == []
