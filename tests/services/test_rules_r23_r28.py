"""R23 to R26 and R28: a dispute flags at once, goes whole to the furnisher, ends by the clock, and stays ended."""

from __future__ import annotations

import datetime as dt
import json

import orjson
import pytest

from app.core import canon
from app.core.errors import CredenceError, FormatError, RuleError, SignatureError
from app.core.exchange.request_note import DisputesNote
from app.core.log.note import Signer
from app.core.reporting.evidence import FILE_BYTES_MAX, FILES_MAX, bundle_hash, sniffed
from app.core.scoring import disputes
from app.core.scoring.profiles import CN, EU, IN, US
from app.services.banks import inquiries
from app.services.citizens import disputes as service
from app.services.citizens import evidence
from app.services.citizens.evidence import Draft
from app.services.ledger import history, retention
from app.services.ledger.intake import admit
from app.services.ledger.register import register_key
from app.services.one_by_one import PartlyDoneError
from app.services.scheduler import Scheduler
from tests.services import replay
from tests.services.audited import Tamper, findings
from tests.services.builders import BANK, LENDER, PAPER, UTILITY
from tests.services.test_history import account_of, late_index, repair
from tests.services.test_proofs import person_of

CITIZEN, OTHER = "uci:1", "uci:2"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
LETTER = "I paid on the 3rd. 我已还款。\n".encode()


@pytest.fixture
def late(ledger):
    """A year of a card with a late month, a good one of somebody else, in a block."""
    lender = ledger.lender
    ledger.admit(
        lender.batch([*lender.card_history(CITIZEN, late_ago=3), *lender.card_history(OTHER, months=12)]),
        ledger.enrolment.batch([ledger.enrolment.consent(CITIZEN)]),
    )
    ledger.step()
    return ledger


def file(ledger, item, **fields):
    """A dispute on paper, as filed and in a block."""
    desk = ledger.enrolment
    usual = {"target": item, "ground": "wrong_status", "text": "I was never late."} | fields
    ledger.admit(desk.batch([desk.event("dispute_opened", CITIZEN, **usual, **PAPER)]))


def filed(ledger, **fields):
    item = late_index(ledger)
    file(ledger, item, **fields)
    ledger.settle()
    return item


def run_jobs(ledger):
    with Scheduler(ledger.bureau) as scheduler:
        return scheduler.turn()["disputes"]


def view(ledger):
    return service.of_citizen(ledger.bureau, person_of(ledger.bureau, CITIZEN).id)


def score(ledger, citizen=CITIZEN):
    return account_of(ledger, citizen)["score"]["score"]


def fetch(ledger, *, name=LENDER, after=0, signer=None, moment=None):
    note = DisputesNote(ledger.bureau.origin, name, after, moment or ledger.clock())
    return service.for_furnisher(ledger.bureau, note.sign(signer or ledger.signers[name]))


def refused(ledger, body):
    with pytest.raises(RuleError) as caught:
        admit(ledger.bureau, body)
    return {problem.rule for problem in caught.value.problems}


def test_r25_the_deadline_is_the_profile_s_arithmetic():
    day = dt.date(2026, 11, 3)
    assert [
        disputes.due_on(day, profile, extended=extended).isoformat()
        for profile in (CN, US, EU, IN)
        for extended in (False, True)
    ] == [
        "2026-11-23", "2026-11-23", "2026-12-03", "2026-12-18",
        "2026-11-23", "2026-11-23", "2026-12-03", "2026-12-03",
    ]  # fmt: skip


def test_r23_to_r25_silence_at_the_deadline_resolves_it_for_the_citizen(late):
    before = score(late)
    item = late_index(late)
    file(late, item)
    (shown,) = view(late)
    assert (shown.dispute.filed_on.isoformat(), shown.dispute.due_on.isoformat()) == (
        "2026-11-02",
        "2026-11-22",
    )
    with pytest.raises(inquiries.NotYetError):  # from the receipt on nobody is told the old score
        inquiries.inquire(late.bureau, late.bank.batch([late.bank.inquiry(CITIZEN)]))
    late.settle()
    during = score(late)
    assert during > before
    late.clock.move(days=20)
    assert run_jobs(late) == 0, "the last day is not over"
    late.clock.move(days=1)
    assert run_jobs(late) == 1
    late.clock.move(seconds=60)
    assert run_jobs(late) == 0
    late.settle()
    (shown,) = view(late)
    assert shown.dispute.closed.outcome == "deadline"
    assert shown.dispute.closed.furnisher == late.bureau.signer.name
    assert "2026-11-22" in shown.dispute.closed.reason
    assert shown.taken_out
    account = account_of(late)
    assert (account["score"]["disputed"], account["flags"]["disputed"]) == (0, 0)
    assert account["score"]["score"] >= during
    assert late_index_gone(late)
    replay.check(late.url, late.home)
    assert findings(late) == []


def late_index_gone(ledger):
    return '"late"' not in json.dumps(account_of(ledger)["file"])


def test_r25_what_the_scheduler_missed_is_closed_after_its_restart_and_by_one_process_only(late):
    filed(late)
    late.clock.move(days=400)
    other = late.reopen()
    assert service.close_overdue(other) == 1
    assert service.close_overdue(late.bureau) == 0
    other.close()


def test_r26_an_upheld_item_is_back_with_the_furnisher_s_reason_and_may_be_disputed_again(late):
    before, item = score(late), filed(late)
    closing = repair(
        late, "dispute_closed", target=item, outcome="upheld", reason="The bank statement of May says so."
    )
    admit(late.bureau, closing)
    late.settle()
    (shown,) = view(late)
    assert (shown.dispute.closed.outcome, shown.taken_out) == ("upheld", False)
    assert "bank statement" in shown.dispute.closed.reason
    assert score(late) == before
    late.clock.move(days=30)
    assert run_jobs(late) == 0
    file(late, item, ground="other")
    assert [each.dispute.closed is None for each in view(late)] == [True, False]


def test_r26_what_was_mended_but_never_closed_is_closed_as_corrected(late):
    item = filed(late)
    admit(late.bureau, repair(late, "retraction", target=item, reason="reported_in_error"))
    late.clock.move(days=21)
    assert run_jobs(late) == 1
    (shown,) = view(late)
    assert shown.dispute.closed.outcome == "corrected"


def test_r25_only_the_bureau_says_that_a_deadline_has_passed(late):
    item = filed(late)
    body = repair(late, "dispute_closed", target=item, outcome="deadline", reason="x")
    assert refused(late, body) == {"R25"}


def test_r27_a_bank_that_was_told_of_what_a_dispute_took_out_is_told_so(late):
    from app.db import corrections

    inquiries.inquire(late.bureau, late.bank.batch([late.bank.inquiry(CITIZEN)]))
    item = filed(late)
    late.clock.move(days=21)
    run_jobs(late)
    with late.bureau.transaction() as connection:
        assert [row[2] for row in corrections.after(connection, BANK, 0, 10)] == [item]


# ---- R28


def certified(ledger, item, told_ago):
    """The furnisher's correction of the item to what it said, with notice to the citizen so many days ago."""
    with ledger.bureau.transaction() as connection:
        from app.services.ledger import history

        person = ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN]
        event = dict(history.whole_history(connection, person))[item]
    fields = {
        "account": event.account, "day": event.day, "status": event.status,
        "first_delinquent_on": event.first_delinquent_on, "notified_on": ledger.clock.day(told_ago), "notified_by": "letter",
    }  # fmt: skip
    line = orjson.loads(ledger.lender.event("correction", CITIZEN, target=item, fields=fields))
    return ledger.lender.batch([canon.encode(line | {"day": event.day})])


def test_r28_nothing_comes_back_but_certified_and_told(late):
    before, item = score(late), filed(late)
    late.clock.move(days=21)
    run_jobs(late)
    late.settle()
    better = score(late)
    assert refused(late, certified(late, item, told_ago=1)) == {"R28"}, "told before it was taken out"
    again = repair(late, "dispute_closed", target=item, outcome="upheld", reason="found it")
    assert refused(late, again) == {"R28"}, "a late word does not revive it"
    assert refused(late, filing(late, item)) == {"R28"}
    anew = {
        "ago": 111,
        "late": True,
        "first_delinquent_on": late.clock.day(146),
    }  # the same month, as a new event
    assert refused(late, late.lender.batch([late.lender.status(CITIZEN, **anew)])) == {"R28"}
    late.clock.move(days=9)
    admit(late.bureau, certified(late, item, told_ago=2))
    late.settle()
    assert before <= score(late) < better
    (shown,) = view(late)
    assert not shown.taken_out
    admit(late.bureau, filing(late, item))
    replay.check(late.url, late.home)
    assert findings(late) == []


def filing(ledger, item):
    desk = ledger.enrolment
    return desk.batch([desk.event("dispute_opened", CITIZEN, target=item, ground="other", **PAPER)])


def test_r28_what_was_taken_out_leaves_with_its_time_like_a_retracted_report(late):
    item = filed(late)
    late.clock.move(days=21)
    run_jobs(late)
    late.settle()
    late.clock.move(days=5 * 366)
    late.admit(late.lender.batch(late.lender.card_history(CITIZEN, months=6)[1:]))
    late.settle()
    assert retention.run(late.bureau, lambda _: None).events == 3, "the report, the dispute and its end"
    late.settle()
    assert late_index_of_destroyed(late, item)
    assert findings(late) == []


def late_index_of_destroyed(ledger, item):
    from app.db import state

    with ledger.bureau.transaction() as connection:
        return state.event_at(connection, item)[0].sealed is None


# ---- R24


def draft(ledger, item, *files):
    citizen = person_of(ledger.bureau, CITIZEN).id
    evidence.save(ledger.bureau, citizen, item, Draft("paid", "See the letter."))
    for name, data in files:
        evidence.add_file(ledger.bureau, citizen, item, name, data)
    return citizen


def test_r24_evidence_goes_whole_to_the_furnisher_and_its_hash_to_both(late):
    item = late_index(late)
    citizen = draft(late, item, ("我的信.txt", LETTER), ("photo.png", PNG))
    assert evidence.draft(late.bureau, citizen, item) == Draft("paid", "See the letter.")
    bundle = evidence.bundle(late.bureau, citizen, item)
    assert bundle == bundle_hash([sniffed(LETTER), sniffed(PNG)])
    file(late, item, ground="paid", evidence=bundle.hex())
    assert evidence.draft(late.bureau, citizen, item) == Draft(), "it is filed"
    assert evidence.files_of_draft(late.bureau, citizen, item) == []
    late.settle()
    (case,) = fetch(late)
    assert (case.citizen, case.item, case.due_on.isoformat()) == (CITIZEN, item, "2026-11-22")
    assert case.said == (("paid", "I was never late."),)
    ((name, files),) = case.evidence
    assert name == bundle.hex()
    assert [(each.name, each.known.media_type, each.data) for each in files] == [
        ("我的信.txt", "text/plain", LETTER), ("photo.png", "image/png", PNG),
    ]  # fmt: skip
    assert [each.size for each in view(late)[0].evidence] == [len(LETTER), len(PNG)]
    assert fetch(late, after=case.number) == []
    assert fetch(late, name=UTILITY) == [], "another's items are none of theirs"
    admit(late.bureau, repair(late, "dispute_closed", target=item, outcome="upheld", reason="It was not."))
    assert fetch(late) == []


def test_r24_the_note_is_that_of_a_furnisher_signed_now(late):
    filed(late)
    with pytest.raises(SignatureError, match="not signed by a valid"):
        fetch(late, name=BANK)
    with pytest.raises(SignatureError, match="no known key"):
        fetch(late, signer=Signer.generate_from_seed(LENDER, bytes(32)))
    with pytest.raises(SignatureError, match="five minutes"):
        fetch(late, moment=late.clock() - dt.timedelta(seconds=301))
    court = Signer.generate_from_seed("court.example", bytes(32))
    register_key(late.bureau, court, "public_body")
    assert fetch(late, name="court.example", signer=court) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"MZ\x90\x00", b"<svg>\x00", b"\xff\xfe", b"a\x1b[31m", PNG + bytes(FILE_BYTES_MAX)],
)
def test_r24_evidence_of_no_known_type_or_too_large_is_not_taken(data):
    with pytest.raises(FormatError):
        sniffed(data)


def test_r24_there_is_a_limit_to_the_files_and_the_same_one_counts_once(late):
    item = late_index(late)
    citizen = draft(late, item, *((f"{n}.txt", b"page %d" % n) for n in range(FILES_MAX)))
    for data in (b"one more", b"page 0"):
        with pytest.raises(CredenceError):
            evidence.add_file(late.bureau, citizen, item, "x", data)
    first = evidence.files_of_draft(late.bureau, citizen, item)[0]
    evidence.remove_file(late.bureau, citizen, item, first.number)
    assert len(evidence.files_of_draft(late.bureau, citizen, item)) == FILES_MAX - 1


def test_files_of_all_drafts_together_have_a_limit(late, monkeypatch):
    monkeypatch.setattr(evidence, "UNFILED_MAX", 2)
    item = late_index(late)
    citizen = draft(late, item, ("a.txt", b"a"))
    evidence.add_file(late.bureau, citizen, item - 1, "b.txt", b"b")
    with pytest.raises(RuleError):
        evidence.add_file(late.bureau, citizen, item - 2, "c.txt", b"c")


def test_a_draft_is_forgotten_after_a_day_and_evidence_half_a_year_behind_the_end(late):
    item = late_index(late)
    citizen = draft(late, item, ("a.txt", LETTER))
    late.clock.move(hours=23)
    assert evidence.sweep(late.bureau) == 0
    late.clock.move(hours=2)
    assert evidence.sweep(late.bureau) == 2
    assert evidence.files_of_draft(late.bureau, citizen, item) == []
    draft(late, item, ("a.txt", LETTER))
    file(late, item, evidence=evidence.bundle(late.bureau, citizen, item).hex())
    late.clock.move(days=21)
    run_jobs(late)
    late.clock.move(days=evidence.KEPT_DAYS)
    assert evidence.sweep(late.bureau) == 0
    late.clock.move(days=1)
    assert evidence.sweep(late.bureau) == 1


def test_r11_evidence_goes_over_to_the_new_key_when_something_else_of_the_citizen_is_destroyed(late):
    item = late_index(late)
    old = late.lender.status(CITIZEN, late=True, ago=1900, account="old")
    late.admit(late.lender.batch([old]))
    late.settle()
    citizen = draft(late, item, ("a.txt", LETTER))
    bundle = evidence.bundle(late.bureau, citizen, item)
    file(late, item, evidence=bundle.hex())
    draft(late, item, ("b.txt", b"and more"))
    late.settle()
    before = person_of(late.bureau, CITIZEN).data_key
    assert retention.run(late.bureau, lambda _: None).events == 1
    late.settle()
    assert person_of(late.reopen(), CITIZEN).data_key != before
    (case,) = fetch(late)
    assert [each.data for _, files in case.evidence for each in files] == [LETTER]
    assert [each.data for each in evidence.files_of_draft(late.bureau, citizen, item)] == [b"and more"]
    assert evidence.draft(late.bureau, citizen, item).ground == "paid"


def test_r25_a_dispute_that_cannot_be_closed_does_not_keep_the_others_open(late):
    """Somebody's file cannot be opened; the other citizen's silence still ends in time."""
    late.admit(late.lender.batch(late.lender.card_history("uci:3", late_ago=3)))
    late.step()
    filed(late)
    third = person_of(late.bureau, "uci:3")
    with late.bureau.transaction() as connection:
        item = next(i for i, e in history.whole_history(connection, third) if e.negative)
    desk = late.enrolment
    opened = desk.event("dispute_opened", "uci:3", target=item, ground="paid", **PAPER)
    late.admit(desk.batch([opened]))
    late.settle()
    late.clock.move(days=60)
    tamper = Tamper(late)
    try:
        broken = [
            row for row in tamper.rows("citizen_keys") if row["citizen"] == person_of(late.bureau, CITIZEN).id
        ]
        spoilt = [row | {"wrapped": bytes(len(row["wrapped"]))} for row in broken]
        with tamper.replaced("citizen_keys", broken, spoilt), pytest.raises(PartlyDoneError):
            service.close_overdue(late.bureau)
    finally:
        tamper.close()
    assert [each.dispute.closed.outcome for each in service.of_citizen(late.bureau, third.id)] == ["deadline"]
    assert service.close_overdue(late.bureau) == 1
