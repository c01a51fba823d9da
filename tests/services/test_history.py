"""What a citizen's file says right now, beside a sequencer at work; and repairs, from intake to the score."""

from __future__ import annotations

import json

import pytest

from app.core.errors import RuleError
from app.core.state import account_state, sealing
from app.db import state
from app.services.ledger import history
from app.services.ledger.intake import admit
from tests.services import builders
from tests.services.builders import BANK, PAPER
from tests.services.replay import check

CITIZEN = "uci:1"


def file_of(bureau, citizen=CITIZEN):
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [citizen])[citizen]
        return builders.current_files(connection, [person])[person.id]


def account_of(ledger, citizen=CITIZEN):
    """The newest state of a citizen's account: {"score": ..., "file": ..., "flags": ...} as objects."""
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        (loaded,) = state.load_accounts(connection, [person.id])
    opened = account_state.decode(sealing.unseal(person.data_key, loaded.sealed))
    return {
        name: json.loads(bytes(getattr(opened, name)))
        for name in ("score", "receipt", "file", "flags", "history")
    }


def index_of(ledger, kind, citizen=CITIZEN, *, last=True):
    """The log index of the last (or first) event of a type of a citizen."""
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        found = [i for i, event in history.whole_history(connection, person) if event.type == kind]
    return found[-1 if last else 0]


# ---- right now
# ---------------------------------------------------------------------------------------------------------------


def test_admitted_events_count_before_a_block_and_once_after_it(ledger):
    lender, enrolment = ledger.lender, ledger.enrolment
    ledger.admit(
        lender.batch([lender.payment(CITIZEN, amount_minor=700)]),
        enrolment.batch([enrolment.consent(CITIZEN)]),
    )
    waiting = file_of(ledger.bureau)
    assert [paid.sum_minor for paid in waiting.accounts["lender.example:card-1"].paid] == [700]
    assert [consent.grantee for consent in waiting.consents.values()] == [BANK]
    ledger.settle()
    assert file_of(ledger.bureau) == waiting
    ledger.admit(lender.batch([lender.payment(CITIZEN, amount_minor=1)]))
    (account,) = file_of(ledger.bureau).accounts.values()
    assert account.paid[0].sum_minor == 701


def test_a_block_between_the_two_reads_loses_nothing_and_doubles_nothing(ledger, monkeypatch):
    """The account is read, then a block takes in what waited, then what is not in the account is read."""
    lender = ledger.lender
    ledger.admit(lender.batch([lender.payment(CITIZEN, amount_minor=700)]))
    ledger.settle()
    ledger.admit(lender.batch([lender.payment(CITIZEN, amount_minor=20)]))
    expected = file_of(ledger.bureau)
    real = state.load_accounts

    def load_then_block(connection, citizens):
        loaded = real(connection, citizens)
        monkeypatch.undo()
        ledger.settle()
        return loaded

    monkeypatch.setattr(state, "load_accounts", load_then_block)
    assert file_of(ledger.reopen()) == expected
    (account,) = expected.accounts.values()
    assert account.paid[0].sum_minor == 720


def test_citizens_are_not_mixed_up(ledger):
    enrolment = ledger.enrolment
    ledger.admit(enrolment.batch([enrolment.consent("uci:1"), enrolment.freeze("uci:2")]))
    assert (len(file_of(ledger.bureau).consents), file_of(ledger.bureau).freezes) == (1, [])
    second = file_of(ledger.bureau, "uci:2")
    assert (second.consents, len(second.freezes)) == ({}, 1)


# ---- repairs
# -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def late(ledger):
    """A year of a card with one late month, in a block; and the same year on time for somebody else."""
    lender = ledger.lender
    ledger.admit(
        lender.batch(lender.card_history(CITIZEN, late_ago=3)), lender.batch(lender.card_history("uci:2"))
    )
    ledger.settle()
    return ledger


def late_index(ledger):
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN]
        return next(i for i, e in history.whole_history(connection, person) if e.negative)


def repair(ledger, kind, *, desk=None, citizen=CITIZEN, **fields):
    desk = desk or ledger.lender
    return desk.batch([desk.event(kind, citizen, **fields)])


def test_a_retraction_gives_the_score_of_a_ledger_without_the_event(late):
    before = account_of(late)["score"]["score"]
    lender = late.lender
    lines = lender.card_history("uci:3", late_ago=3)
    admit(late.bureau, lender.batch([line for line in lines if b'"late_30"' not in line]))
    admit(late.bureau, repair(late, "retraction", target=late_index(late), reason="reported_in_error"))
    late.settle()
    mended, without = account_of(late), account_of(late, "uci:3")
    assert mended["score"]["score"] == without["score"]["score"] > before
    assert mended["receipt"] == without["receipt"]
    assert mended["flags"]["repaired"]
    check(late.url, late.home)


def test_a_correction_gives_the_score_of_a_ledger_in_which_it_had_been_right(late):
    index = late_index(late)
    with late.bureau.transaction() as connection:
        person = late.bureau.people.find(connection, [CITIZEN])[CITIZEN]
        day = dict(history.whole_history(connection, person))[index].day
    fields = {"account": "card-1", "day": day, "status": "on_time"}
    line = late.lender.event("correction", CITIZEN, target=index, fields=fields)
    line = line.replace(b'"day":"%s"' % late.clock.day().encode(), b'"day":"%s"' % day.encode())
    admit(late.bureau, late.lender.batch([line]))
    late.settle()
    mended, right = account_of(late), account_of(late, "uci:2")
    assert (mended["score"]["score"], mended["receipt"]) == (right["score"]["score"], right["receipt"])
    check(late.url, late.home)


def test_a_dispute_takes_the_event_out_until_it_is_closed(late):
    before = account_of(late)["score"]
    index = late_index(late)
    opened = repair(late, "dispute_opened", desk=late.enrolment, target=index, ground="not_mine", **PAPER)
    admit(late.bureau, opened)
    late.settle()
    during = account_of(late)
    assert (during["score"]["disputed"], during["flags"]["disputed"]) == (1, 1)
    assert during["score"]["score"] > before["score"]
    admit(late.bureau, repair(late, "dispute_closed", target=index, outcome="upheld", reason="it is right"))
    late.settle()
    after = account_of(late)
    assert (after["score"]["score"], after["score"]["disputed"]) == (before["score"], 0)
    check(late.url, late.home)


def test_events_after_a_repair_are_folded_like_any(late):
    admit(late.bureau, repair(late, "retraction", target=late_index(late), reason="reported_in_error"))
    late.settle()
    for desk_line in (late.lender.statement(CITIZEN, balance_minor=1), late.lender.payment(CITIZEN)):
        admit(late.bureau, late.lender.batch([desk_line]))
        late.settle()
    assert account_of(late)["history"]["size"] == 37 + 3
    check(late.url, late.home)


def test_a_repair_and_its_later_events_in_one_block(late):
    admit(late.bureau, repair(late, "retraction", target=late_index(late), reason="reported_in_error"))
    admit(late.bureau, late.lender.batch([late.lender.payment(CITIZEN)]))
    assert late.settle() == 1
    check(late.url, late.home)


def refused(ledger, body):
    with pytest.raises(RuleError) as caught:
        admit(ledger.bureau, body)
    return [(problem.line, problem.rule) for problem in caught.value.problems]


def test_a_target_is_an_event_of_this_citizen_in_the_log(late):
    index = late_index(late)
    tree_size = 2**53 - 1
    with late.bureau.transaction() as connection:
        from app.db import ledger as rows

        newest = rows.newest_block(connection)
    entries = {
        0: "genesis",
        newest.tree_size - 1: "block",
        newest.tree_size: "nothing yet",
        tree_size: "never",
    }
    for target in (*entries, index_of(late, "account_opened") - 1):  # the last is the batch's own entry
        body = repair(late, "retraction", target=target, reason="ordered")
        assert refused(late, body) == [(2, "R27")], target
    assert refused(late, repair(late, "retraction", citizen="uci:2", target=index, reason="ordered")) == [
        (2, "R27")
    ]
    assert refused(late, repair(late, "retraction", citizen="uci:99", target=index, reason="ordered")) == [
        (2, "R27")
    ]


def test_only_the_furnisher_of_an_event_changes_it(late):
    index = late_index(late)
    for kind, fields in (
        ("retraction", {"reason": "ordered"}),
        ("dispute_closed", {"outcome": "upheld", "reason": "x"}),
    ):
        body = repair(late, kind, desk=late.utility, target=index, **fields)
        assert refused(late, body) == [(2, "R27")]
    assert refused(late, repair(late, "dispute_opened", target=index, ground="paid", **PAPER)) == [(2, "R4")]


def test_a_correction_makes_an_event_of_the_same_type(late):
    index = late_index(late)
    day = late.clock.day()
    for fields in (
        {"account": "card-1", "day": day, "status": "superb"},
        {"account": "card-1", "day": day},
        {"account": "card-1", "day": day, "status": "on_time", "currency": "CNY"},
        {"account": "card-1", "day": day, "amount_minor": 5, "currency": "CNY"},
    ):
        body = repair(late, "correction", target=index, fields=fields)
        assert refused(late, body) == [(2, "R27")], fields
    first = repair(late, "retraction", target=index, reason="ordered")
    admit(late.bureau, first)
    late.settle()
    body = repair(
        late,
        "correction",
        target=index_of(late, "retraction"),
        fields={"target": 5, "day": day, "reason": "ordered"},
    )
    assert refused(late, body) == [(2, "R27")], "never a retraction"


def test_an_unplaced_event_is_no_target(late):
    """Nobody can know its index; a guess of the next ones is refused."""
    admit(late.bureau, late.lender.batch([late.lender.payment(CITIZEN)]))
    with late.bureau.transaction() as connection:
        from app.db import ledger as rows

        size = rows.newest_block(connection).tree_size
    for target in range(size, size + 3):
        assert refused(late, repair(late, "retraction", target=target, reason="ordered")) == [(2, "R27")]
