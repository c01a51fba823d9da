"""What became of a furnisher's batches, and what it is given to sign: never more than its own, never what cannot work."""

from __future__ import annotations

import json

import pytest

from app.core.errors import NotFoundError, RuleError
from app.services.citizens import disputes
from app.services.ledger.register import revoke_key
from app.services.organisations import furnishing
from tests.services.builders import LENDER, PAPER, UTILITY

CITIZEN = "uci:1"


def event_line(entry_or_event, desk):
    """A prepared event as the furnisher's own software would complete it."""
    fields = dict(entry_or_event)
    kind, citizen = fields.pop("type"), fields.pop("citizen")
    return desk.event(kind, citizen, **fields)


def sign(ledger, events, desk=None):
    desk = desk or ledger.lender
    return furnishing.admit(ledger.bureau, desk.batch([event_line(each, desk) for each in events]))


@pytest.fixture
def reported(ledger):
    """The log index of a late status of one citizen."""
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN, ago=40, late=True)]))
    ledger.step()
    with ledger.bureau.transaction() as connection:
        (row,) = connection.execute("SELECT max(first_index) + 1 FROM placements").fetchall()
    return row[0]


def test_r6_refused_lines_are_remembered_for_their_furnisher_without_what_they_said(ledger, bureau):
    twice = ledger.lender.payment("uci:777", account="secret-account")
    old = ledger.lender.event("payment", "uci:777", account="x", currency="CNY", amount_minor=-1234567)
    unknown = ledger.lender.event("gossip", "uci:777", said="she is rich")
    for lines in ([twice, twice], [old], [unknown]):
        with pytest.raises(RuleError):
            furnishing.admit(bureau, ledger.lender.batch(lines))
    refusals = furnishing.standing(bureau, LENDER).refusals
    assert [(each.line, each.rule) for each in refusals] == [(2, "R1"), (2, "format"), (3, "R6")]
    told = json.dumps([each.detail for each in refusals])
    for secret in ("777", "secret", "1234567", "gossip", "rich"):
        assert secret not in told
    assert all(len(each.detail) > 10 for each in refusals)
    assert furnishing.standing(bureau, UTILITY).refusals == []


def test_what_anybody_may_send_in_another_s_name_is_not_remembered(ledger, bureau):
    forged = ledger.lender.batch([ledger.lender.payment(CITIZEN)]).replace(b"payment", b"paymenx")
    with pytest.raises(Exception, match=r".") as error:
        furnishing.admit(bureau, forged)
    assert error.value.code != "batch-refused"
    revoke_key(bureau, LENDER, "lender", "lost")
    with pytest.raises(Exception, match="R4"):
        furnishing.admit(bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)]))
    assert furnishing.standing(bureau, LENDER).refusals == []


def test_of_refused_lines_the_newest_hundred_stay(ledger, bureau):
    bad = [
        ledger.lender.event("payment", CITIZEN, account="x", currency="CNY", amount_minor=-1)
        for _ in range(10)
    ]
    for number in range(12):
        with pytest.raises(RuleError):
            furnishing.admit(bureau, ledger.lender.batch(bad, f"try-{number}"))
    kept = furnishing.standing(bureau, LENDER).refusals
    assert len(kept) == 100
    assert {each.batch_id for each in kept} == {f"try-{number}" for number in range(2, 12)}


def test_standing_shows_keys_batches_and_their_blocks(ledger, bureau):
    ledger.admit(ledger.lender.batch([ledger.lender.payment(CITIZEN)], "first"))
    ledger.step()
    ledger.admit(ledger.lender.batch([ledger.lender.payment(CITIZEN)], "second"))
    standing = furnishing.standing(bureau, LENDER)
    assert [(each.batch_id, each.block) for each in standing.batches] == [("second", None), ("first", 0)]
    assert [record.role for record in standing.keys] == ["lender"]
    assert furnishing.standing(bureau, "bank.example").keys == [], "a bank's key does not report"


def test_an_entry_is_shown_to_who_reported_it_alone(ledger, bureau, reported):
    assert furnishing.own_entry(bureau, LENDER, reported).fields["status"] == "late_30"
    for furnisher, index in ((UTILITY, reported), (LENDER, reported - 1), (LENDER, 10**9), (LENDER, -1)):
        with pytest.raises(NotFoundError):
            furnishing.own_entry(bureau, furnisher, index)


def test_r27_a_correction_and_a_retraction_are_prepared_signed_and_seen(ledger, bureau, reported):
    entry = furnishing.own_entry(bureau, LENDER, reported)
    corrected = {"account": "card-1", "status": "on_time", "day": entry.fields["day"]}
    made = furnishing.prepared(bureau, LENDER, [furnishing.correction(entry, corrected)])
    assert json.loads(made.lines) == made.events[0]
    sign(ledger, made.events)
    ledger.step()
    assert furnishing.own_entry(bureau, LENDER, reported).fields == corrected
    sign(
        ledger,
        furnishing.prepared(bureau, LENDER, [furnishing.retraction(entry, "reported_in_error")]).events,
    )
    ledger.step()
    assert furnishing.own_entry(bureau, LENDER, reported).retracted


@pytest.mark.parametrize(
    "how",
    [
        lambda entry: furnishing.retraction(entry, "no reason of the list"),
        lambda entry: furnishing.correction(entry, {}),
        lambda entry: furnishing.correction(
            entry, {"account": "card-1", "status": "gone", "day": "2026-09-23"}
        ),
        lambda entry: furnishing.correction(
            entry, {"account": "other", "status": "on_time", "day": "2026-09-23"}
        ),
        lambda entry: furnishing.closing(entry, "upheld", "", "2026-11-02"),
        lambda entry: furnishing.retraction(entry, "ordered") | {"citizen": "uci:2"},
        lambda entry: furnishing.retraction(entry, "ordered") | {"type": "gossip"},
    ],
)
def test_what_the_ledger_would_refuse_is_said_before_it_is_signed(bureau, reported, how):
    entry = furnishing.own_entry(bureau, LENDER, reported)
    with pytest.raises(RuleError) as error:
        furnishing.prepared(bureau, LENDER, [how(entry)])
    assert error.value.problems


def test_r24_r26_a_dispute_is_found_answered_and_closed(ledger, bureau, reported):
    opened = {"target": reported, "ground": "wrong_status", "text": "I paid."} | PAPER
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.event("dispute_opened", CITIZEN, **opened)]))
    ledger.step()
    (row,) = furnishing.standing(bureau, LENDER).disputes
    assert furnishing.standing(bureau, UTILITY).disputes == []
    case = disputes.case_of(bureau, LENDER, row.number)
    assert case.said == (("wrong_status", "I paid."),)
    for furnisher, number in ((UTILITY, row.number), (LENDER, row.number + 1), (LENDER, 0), (LENDER, -5)):
        with pytest.raises(NotFoundError):
            disputes.case_of(bureau, furnisher, number)
    entry = furnishing.own_entry(bureau, LENDER, case.item)
    assert entry.disputed
    answer = furnishing.closing(entry, "upheld", "The payment came late.", bureau.today())
    sign(ledger, furnishing.prepared(bureau, LENDER, [answer]).events)
    assert furnishing.standing(bureau, LENDER).disputes == []
    with pytest.raises(NotFoundError):
        disputes.case_of(bureau, LENDER, row.number)
