"""R1 to R9, a test each or more, through intake: a refused batch leaves nothing, and says rule and line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from app.core import canon
from app.core.errors import RuleError, SignatureError
from app.core.log import notices
from app.core.log.note import Signer
from app.core.reporting.event_types import CLASS_BY_TYPE, EVENT_TYPES, FIELDS_BY_TYPE
from app.core.reporting.sensitive import sensitive_topic
from app.services.ledger.intake import admit, receipt_of
from app.services.ledger.register import enter_notice, register_key, revoke_key
from tests.services.builders import LENDER, Desk
from tests.services.replay import check

CITIZEN = "uci:1"


def changed(line, **fields):
    """The line with other fields; None takes one out."""
    return canon.encode({k: v for k, v in (json.loads(line) | fields).items() if v is not None})


def refused(ledger, desk, *lines):
    """[(line, rule), ...] of the batch's refusal, after which nothing waits for a block."""
    before = ledger.waiting()
    with pytest.raises(RuleError) as caught:
        admit(ledger.bureau, desk.batch(list(lines)))
    assert ledger.waiting() == before, "nothing is stored"
    return [(problem.line, problem.rule) for problem in caught.value.problems]


# ---- R1, R2, R3, R9: what may be said at all
# -------------------------------------------------------------------------


def test_r1_an_unknown_type_or_field_refuses_the_whole_batch(ledger):
    good = ledger.lender.payment(CITIZEN)
    assert refused(ledger, ledger.lender, good, changed(good, type="rumour")) == [(3, "R1")]
    assert refused(ledger, ledger.lender, good, changed(good, colour="red")) == [(3, "R1")]
    assert refused(ledger, ledger.lender, changed(good, type=None)) == [(2, "R1")]


@pytest.mark.parametrize(
    "name", ["religion", "blood_type", "gender", "marital_status", "宗教", "xinyang", "gps_location"]
)
def test_r2_what_a_bureau_must_not_know_is_refused_with_the_article(ledger, name):
    line = ledger.lender.payment(CITIZEN)
    event = json.loads(line) | {name: "x"}
    import orjson

    written = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(RuleError) as caught:
        admit(ledger.bureau, ledger.lender.batch([written]))
    (problem,) = caught.value.problems
    assert (problem.line, problem.rule) == (2, "R2")
    assert "art. 14" in problem.detail


@pytest.mark.parametrize(
    "name", ["income_minor", "deposit_minor", "securities_minor", "house_value_minor", "tax_paid_minor"]
)
def test_r3_income_and_property_are_not_taken(ledger, name):
    assert refused(ledger, ledger.lender, changed(ledger.lender.payment(CITIZEN), **{name: 5})) == [(2, "R3")]


def test_r3_public_bodies_report_day_and_status_and_no_amount(ledger):
    signer = Signer.generate_from_seed("tax.example", b"t" * 32)
    register_key(ledger.bureau, signer, "public_body")
    office = Desk(signer, ledger.lender.origin, ledger.clock)
    told = {"notified_on": ledger.clock.day(9), "notified_by": "letter"}
    arrears = changed(office.event("court_debt", CITIZEN, case="t-1", **told), type="arrears", kind="tax")
    admit(ledger.bureau, office.batch([arrears]))
    for kind in ("arrears", "court_debt", "insolvency", "collection_placed"):
        assert not [name for name in FIELDS_BY_TYPE[kind] if name.endswith("_minor")]
    assert refused(ledger, office, changed(arrears, amount_minor=100)) == [(2, "R1")]


def test_r9_the_event_types_are_these_and_no_others():
    assert set(EVENT_TYPES) == {
        *("account_opened", "statement", "payment", "status", "account_closed"),
        *("rent", "utility", "telecom"),
        *(
            "court_debt",
            "court_debt_settled",
            "insolvency",
            "insolvency_discharged",
            "arrears",
            "arrears_paid",
        ),
        *("collection_placed", "collection_settled"),
        *("passkey_added", "passkey_removed", "consent_given", "consent_withdrawn", "freeze", "thaw"),
        *("inquiry", "answer", "look", "refusal"),
        *("dispute_opened", "dispute_closed", "correction", "retraction", "citizen_statement", "erasure"),
    }
    assert all(sensitive_topic(name) is None for name in EVENT_TYPES)
    assert all(sensitive_topic(name) is None for fields in FIELDS_BY_TYPE.values() for name in fields)
    assert set(CLASS_BY_TYPE) == set(EVENT_TYPES)


# ---- R4: whose key
# --------------------------------------------------------------------------------------------------------


def test_r4_no_valid_key_no_batch(ledger):
    for name in ("stranger.example", LENDER):
        desk = Desk(Signer.generate_from_seed(name, b"x" * 32), ledger.lender.origin, ledger.clock)
        with pytest.raises(SignatureError) as caught:
            admit(ledger.bureau, desk.batch([desk.payment(CITIZEN)]))
        assert [(p.line, p.rule) for p in caught.value.problems] == [(1, "R4")]


def test_r4_a_key_reports_what_its_role_may(ledger):
    assert refused(ledger, ledger.utility, ledger.utility.statement(CITIZEN)) == [(2, "R4")]
    assert refused(ledger, ledger.lender, ledger.lender.consent(CITIZEN)) == [(2, "R4")]
    assert refused(ledger, ledger.enrolment, ledger.enrolment.payment(CITIZEN)) == [(2, "R4")]
    time = ledger.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    look = {"recipient": "x.example", "purpose": "self", "shown": ["score"], "time": time}
    assert refused(ledger, ledger.bank, ledger.bank.event("look", CITIZEN, **look)) == [(2, "R4")]


def test_r4_a_revocation_that_was_admitted_first_refuses_the_batch(ledger):
    before = ledger.lender.batch([ledger.lender.payment(CITIZEN)], "before")
    after = ledger.lender.batch([ledger.lender.payment(CITIZEN)], "after")
    receipt = admit(ledger.bureau, before).receipt
    revoke_key(ledger.bureau, LENDER, "lender", "key lost")
    with pytest.raises(SignatureError):
        admit(ledger.bureau, after)
    with pytest.raises(SignatureError):
        admit(ledger.reopen(), after)
    ledger.settle()  # both in one block: batch, then notice
    assert receipt_of(ledger.bureau, LENDER, "before") == receipt
    assert admit(ledger.bureau, before).receipt == receipt
    assert check(ledger.url, ledger.home).events == 1, "and it stays valid in the log"


def test_r4_revoked_between_the_check_and_the_store(ledger, monkeypatch):
    """The batch was checked with a good key; the notice comes in before the batch's own place is drawn."""
    from app.services.ledger import history

    real = history.check
    other = ledger.reopen()

    def check_slowly(*args):
        real(*args)
        revoke_key(other, LENDER, "lender", "key lost")

    monkeypatch.setattr(history, "check", check_slowly)
    with pytest.raises(SignatureError):
        admit(ledger.bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)]))
    monkeypatch.undo()
    ledger.settle()
    assert check(ledger.url, ledger.home).events == 0


def test_r4_a_role_that_ends_between_the_check_and_the_store(ledger, monkeypatch):
    from app.services.ledger import history

    signer = Signer.generate_from_seed("both.example", b"b" * 32)
    register_key(ledger.bureau, signer, "lender")
    register_key(ledger.bureau, signer, "utility")
    desk, other, real = Desk(signer, ledger.lender.origin, ledger.clock), ledger.reopen(), history.check

    def check_slowly(*args):
        real(*args)
        revoke_key(other, "both.example", "lender", "no longer lends")

    monkeypatch.setattr(history, "check", check_slowly)
    with pytest.raises(RuleError) as caught:
        admit(ledger.bureau, desk.batch([desk.payment(CITIZEN)]))
    assert caught.value.problems[0].rule == "R4"
    monkeypatch.undo()
    assert admit(ledger.bureau, desk.batch([desk.utility(CITIZEN)])).fresh, "the other role goes on"


def test_r4_batches_and_a_revocation_at_the_same_moment_leave_a_valid_log(ledger):
    """Whatever the race gives, every batch with a receipt is in the log before the notice, and no other is."""
    bodies = [
        ledger.lender.batch([ledger.lender.payment(f"uci:{n}") for n in range(1, 31)]) for _ in range(8)
    ]
    barrier = Barrier(len(bodies) + 1)

    def send(body):
        barrier.wait(10)
        try:
            return admit(ledger.bureau, body)
        except SignatureError:
            return None

    with ThreadPoolExecutor(len(bodies)) as pool:
        sent = [pool.submit(send, body) for body in bodies]
        barrier.wait(10)
        revoke_key(ledger.reopen(), LENDER, "lender", "key lost")
    admitted = [each for each in sent if each.result() is not None]
    ledger.settle()
    assert check(ledger.url, ledger.home).events == 30 * len(admitted)


@pytest.mark.parametrize("recovery", [False, True])
def test_r4_after_a_rotation_only_the_new_key_signs(ledger, recovery):
    old, new = ledger.signers[LENDER], Signer.generate_from_seed(LENDER, b"n" * 32)
    first, second = (ledger.lender.batch([ledger.lender.payment(CITIZEN)]) for _ in range(2))
    receipt = admit(ledger.bureau, first).receipt
    by_old = None if recovery else old
    enter_notice(
        ledger.bureau, notices.key_rotated(new, "lender", ledger.bureau.origin, ledger.clock(), old=by_old)
    )
    with pytest.raises(SignatureError):
        admit(ledger.bureau, second)
    desk = Desk(new, ledger.lender.origin, ledger.clock)
    assert admit(ledger.bureau, desk.batch([desk.payment(CITIZEN)])).fresh
    assert admit(ledger.bureau, first).receipt == receipt
    ledger.settle()
    assert check(ledger.url, ledger.home).events == 2


# ---- R5, R6, R7
# -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["status", "utility", "collection_placed"])
def test_r5_a_negative_event_says_when_the_citizen_was_told(ledger, kind):
    told = {"notified_on": ledger.clock.day(9), "notified_by": "letter"}
    desk, line = {
        "status": (ledger.lender, ledger.lender.status(CITIZEN, late=True)),
        "utility": (
            ledger.utility,
            ledger.utility.event("utility", CITIZEN, account="m", status="late", **told),
        ),
        "collection_placed": (
            ledger.utility,
            ledger.utility.event("collection_placed", CITIZEN, case="c-1", **told),
        ),
    }[kind]
    assert refused(ledger, desk, changed(line, notified_on=None)) == [(2, "R5")]
    assert refused(ledger, desk, changed(line, notified_by=None)) == [(2, "R5")]
    assert refused(ledger, desk, changed(line, notified_on=ledger.clock.day(-1))) == [(2, "R5")]
    assert admit(ledger.bureau, desk.batch([line])).fresh


def test_r5_not_even_by_a_correction(ledger):
    """A correction cannot put in what the event itself could not have said."""
    admit(ledger.bureau, ledger.lender.batch([ledger.lender.status(CITIZEN, late=True)]))
    ledger.settle()
    target = target_of(ledger, CITIZEN)
    fields = {"account": "card-1", "status": "late_1", "day": ledger.clock.day(), "notified_by": "letter"}
    fields |= {"first_delinquent_on": ledger.clock.day(35)}

    def correction(**more):
        return ledger.lender.event("correction", CITIZEN, target=target, fields=fields | more)

    assert refused(ledger, ledger.lender, correction()) == [(2, "R27")]
    tomorrow = correction(notified_on=ledger.clock.day(-1))
    assert refused(ledger, ledger.lender, tomorrow) == [(2, "R27")]
    assert admit(ledger.bureau, ledger.lender.batch([correction(notified_on=ledger.clock.day(10))])).fresh


def test_r6_an_id_is_one_event_for_ever(ledger):
    line = ledger.lender.payment(CITIZEN)
    other = ledger.lender.payment("uci:2")
    assert refused(ledger, ledger.lender, line, other, changed(line, citizen="uci:2")) == [(4, "R6")]
    admit(ledger.bureau, ledger.lender.batch([line]))
    assert refused(ledger, ledger.lender, other, line) == [(3, "R6")], "before a block"
    ledger.settle()
    assert refused(ledger, ledger.lender, changed(line, amount_minor=1)) == [(2, "R6")], "and in one"
    enter_notice(
        ledger.bureau,
        notices.key_rotated(
            new := Signer.generate_from_seed(LENDER, b"n" * 32),
            "lender",
            ledger.bureau.origin,
            ledger.clock(),
            old=ledger.signers[LENDER],
        ),
    )
    assert refused(ledger, Desk(new, ledger.lender.origin, ledger.clock), line) == [(2, "R6")], (
        "any key of it"
    )


def test_r6_another_furnisher_may_use_the_same_id(ledger):
    line = ledger.lender.payment(CITIZEN)
    admit(ledger.bureau, ledger.lender.batch([line]))
    same_id = changed(ledger.utility.utility(CITIZEN), id=json.loads(line)["id"])
    assert admit(ledger.bureau, ledger.utility.batch([same_id])).fresh


@pytest.mark.parametrize("amount", [0.5, 5.0, "5", True, 10**15 + 1, 2**63])
def test_r7_money_is_an_integer_of_minor_units(ledger, amount):
    line = json.dumps(
        json.loads(ledger.lender.payment(CITIZEN)) | {"amount_minor": amount},
        sort_keys=True,
        separators=(",", ":"),
    )
    assert refused(ledger, ledger.lender, line.encode()) == [(2, "R7")]


# ---- R8: no re-ageing
# -----------------------------------------------------------------------------------------------------


def late(ledger, ago, first_ago, **fields):
    return ledger.lender.status(
        CITIZEN, ago=ago, late=True, first_delinquent_on=ledger.clock.day(first_ago), **fields
    )


def test_r8_within_a_batch_the_first_day_stands(ledger):
    lines = (late(ledger, 60, 95), late(ledger, 30, 95), late(ledger, 0, 35))
    assert refused(ledger, ledger.lender, *lines) == [(4, "R8")]


@pytest.mark.parametrize("placed", [False, True])
def test_r8_against_what_is_admitted_whether_in_a_block_or_not(ledger, placed):
    admit(ledger.bureau, ledger.lender.batch([late(ledger, 60, 95)]))
    if placed:
        ledger.settle()
    assert refused(ledger, ledger.lender, late(ledger, 30, 65)) == [(2, "R8")], "younger"
    assert refused(ledger, ledger.lender, late(ledger, 30, 200)) == [(2, "R8")], "older"
    assert admit(ledger.bureau, ledger.lender.batch([late(ledger, 30, 95)])).fresh
    other_account = late(ledger, 30, 65, account="card-2")
    assert admit(ledger.bureau, ledger.lender.batch([other_account])).fresh


@pytest.mark.parametrize("placed", [False, True])
def test_r8_an_on_time_month_lets_a_new_episode_begin(ledger, placed):
    admit(
        ledger.bureau,
        ledger.lender.batch([late(ledger, 90, 125), ledger.lender.status(CITIZEN, ago=60)]),
    )
    if placed:
        ledger.settle()
    assert admit(ledger.bureau, ledger.lender.batch([late(ledger, 0, 35)])).fresh


def test_r8_a_late_report_cannot_make_an_old_debt_young(ledger):
    """The month in between is reported last, with the younger day: it would join the episode and move its first."""
    admit(ledger.bureau, ledger.lender.batch([late(ledger, 90, 125)]))
    ledger.settle()
    assert refused(ledger, ledger.lender, late(ledger, 60, 65)) == [(2, "R8")]
    on_time_for_a_late_month = ledger.lender.status(CITIZEN, ago=90)
    young = late(ledger, 60, 65)
    assert refused(ledger, ledger.lender, on_time_for_a_late_month, young) == [(3, "R8")], "late stays late"


def test_r8_remembers_what_has_left_the_folded_file(ledger):
    """Of a status the file keeps 120 months; an episode that nobody ended is older."""
    admit(ledger.bureau, ledger.lender.batch([late(ledger, 4000, 4035)]))
    ledger.settle()
    admit(ledger.bureau, ledger.lender.batch([late(ledger, 30, 4035)]))
    ledger.settle()
    assert refused(ledger, ledger.lender, late(ledger, 0, 35)) == [(2, "R8")]
    assert admit(ledger.bureau, ledger.lender.batch([late(ledger, 0, 4035)])).fresh


def test_r8_is_the_furnishers_own_account(ledger):
    signer = Signer.generate_from_seed("second.example", b"2" * 32)
    register_key(ledger.bureau, signer, "lender")
    second = Desk(signer, ledger.lender.origin, ledger.clock)
    admit(ledger.bureau, ledger.lender.batch([late(ledger, 60, 95)]))
    other = second.status(CITIZEN, ago=30, late=True)
    assert admit(ledger.bureau, second.batch([other])).fresh


def target_of(ledger, citizen, position=0):
    """The log index of an event of a citizen, in the order of the log."""
    from app.db import state

    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        return state.events_of_citizens(connection, [person.id])[position][1]


def test_r8_a_retraction_does_not_open_the_way_for_a_younger_day(ledger):
    admit(ledger.bureau, ledger.lender.batch([late(ledger, 60, 95)]))
    ledger.settle()
    retraction = ledger.lender.event(
        "retraction", CITIZEN, target=target_of(ledger, CITIZEN), reason="reported_in_error"
    )
    admit(ledger.bureau, ledger.lender.batch([retraction]))
    ledger.settle()
    assert refused(ledger, ledger.lender, late(ledger, 60, 65)) == [(2, "R8")]
    assert admit(ledger.bureau, ledger.lender.batch([late(ledger, 60, 95)])).fresh, (
        "the same day again is none"
    )
