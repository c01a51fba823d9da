"""R27 through the real parts: a repaired ledger scores as one that had been right, and who got wrong data is told.

Two citizens of one ledger live through the same story, month by month, a block a time. What is reported of the first is
now and then wrong and repaired later, in any order; of the second, the same events are right from the start. From
the block of the last repair on they have the same score, receipt and end of it, in every block.
"""

from __future__ import annotations

import json
import random

import pytest

from app.core import canon
from app.core.errors import FormatError, SignatureError
from app.core.exchange.request_note import CORRECTIONS_MAGIC, CorrectionsNote, request_text
from app.core.log.note import Signer
from app.core.state import account_state, sealing
from app.db import state
from app.services.banks import recipients
from app.services.banks.inquiries import inquire
from app.services.ledger import history
from app.services.ledger.register import register_key, revoke_key
from tests.services.builders import BANK, PAPER, Desk
from tests.services.replay import check
from tests.soak import examples

MENDED, RIGHT = "uci:1", "uci:2"
OTHER_BANK = "other.example/bank"
STATUSES = ("on_time", "late_1", "late_30", "late_60", "late_90", "late_120")
COMMON = {"v", "ledger", "furnisher", "id", "type", "citizen", "nonce"}


def events_of(ledger, citizen):
    """(log index, event) of all that a block holds of a citizen."""
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        return history.whole_history(connection, person)


def account_of(ledger, citizen):
    """Score, receipt and file in the newest block, without what tells when it was written and where events stand."""
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        (loaded,) = state.load_accounts(connection, [person.id])
    opened = account_state.decode(sealing.unseal(person.data_key, loaded.sealed))
    score = json.loads(bytes(opened.score))
    del score["disputed"], score["as_of"]  # an account is written when something of it changes
    file = json.loads(bytes(opened.file))
    for name in ("disputed", "repaired"):
        file.pop(name, None)
    for account in file["accounts"].values():
        account["limit_at"], account["opened_at"] = account["limit_at"][0], account["opened_at"][0]
        for statement in account["statements"]:
            statement[2] = 0
    return score, json.loads(bytes(opened.receipt)), file


# ---- stories
# --------------------------------------------------------------------------------------------------


class Story:
    """One seeded story; `desk` reports, both citizens live through it."""

    def __init__(self, ledger, seed):
        self.ledger, self.rng, self.desk = ledger, random.Random(seed), ledger.lender
        self.wrong = {}  # id of a wrong event of MENDED -> the fields as they should have been, None: never
        self.corrections = {}  # id of such an event -> indices of its corrections

    def live(self, months):
        self.block(
            [self.desk.opened(who, ago=400, opened_on=self.ledger.clock.day(400)) for who in (MENDED, RIGHT)]
        )
        for _ in range(months):
            lines = [line for part in (self.bill(), self.paid(), self.status(), self.debt()) for line in part]
            self.block(lines)
            if self.rng.random() < 0.5:
                self.block(self.meddle())
            self.ledger.clock.move(days=self.rng.choice((28, 31, 33)))
        self.mend()

    def block(self, lines):
        if lines:
            self.ledger.admit(self.desk.batch(lines))
        with self.ledger.sequencer() as sequencer:
            sequencer.step(now=True)

    def both(self, kind, right, wrong):
        """An event of both; of MENDED a wrong one, one time in two."""
        mended = self.desk.event(kind, MENDED, **{"account": "card-1"} | right)
        if self.rng.random() < 0.5:
            mended = self.desk.event(kind, MENDED, **{"account": "card-1"} | wrong)
            self.wrong[json.loads(mended)["id"]] = {
                "account": "card-1",
                "day": self.ledger.clock.day(),
            } | right
        return [mended, self.desk.event(kind, RIGHT, **{"account": "card-1"} | right)]

    def bill(self):
        right, wrong = (
            {"currency": "CNY", "balance_minor": self.rng.choice((0, 90_000, 450_000)), "limit_minor": 500_000, "minimum_minor": 5_000}
            for _ in range(2)
        )  # fmt: skip
        return self.both("statement", right, wrong)

    def paid(self):
        right, wrong = (
            {"currency": "CNY", "amount_minor": self.rng.choice((10, 6_000, 400_000))} for _ in range(2)
        )
        return self.both("payment", right, wrong)

    def status(self):
        right, wrong = (self.how() for _ in range(2))
        return self.both("status", right, wrong)

    def how(self):
        status = self.rng.choice(STATUSES)
        if status == "on_time":
            return {"status": status}
        told = {"notified_on": self.ledger.clock.day(), "notified_by": "letter"}
        return {"status": status, "first_delinquent_on": "2026-01-05", **told}

    def debt(self):
        """A debt of MENDED alone, that never was."""
        if self.rng.random() > 0.2:
            return []
        told = {"notified_on": self.ledger.clock.day(), "notified_by": "letter"}
        line = self.desk.event("collection_placed", MENDED, case=f"k-{len(self.wrong)}", **told)
        self.wrong[json.loads(line)["id"]] = None
        return [line]

    def known(self):
        return [(index, event) for index, event in events_of(self.ledger, MENDED) if event.id in self.wrong]

    def correction(self, index, fields_):
        line = json.loads(self.desk.event("correction", MENDED, target=index, fields=fields_))
        return canon.encode(line | {"day": fields_["day"]})

    def meddle(self):
        """Half a repair: a correction to what is wrong as well, one taken back, a dispute, its end."""
        index, event = self.rng.choice(self.known() or [(None, None)])
        if event is None:
            return []
        what = self.rng.choice(("correct", "take back", "dispute", "dispute the correction", "close"))
        corrections = [
            (i, e) for i, e in events_of(self.ledger, MENDED) if e.type == "correction" and e.target == index
        ]
        if what == "correct" and self.wrong[event.id] is not None:
            line = canon.decode(canon.encode(self.wrong[event.id]))
            if event.type == "payment":
                line["amount_minor"] = 77
            return [self.correction(index, line)]
        if what == "take back" and corrections:
            return [
                self.desk.event("retraction", MENDED, target=corrections[-1][0], reason="reported_in_error")
            ]
        if what.startswith("dispute"):
            target = corrections[-1][0] if corrections and what != "dispute" else index
            desk = self.ledger.enrolment
            self.ledger.admit(
                desk.batch([desk.event("dispute_opened", MENDED, target=target, ground="other", **PAPER)])
            )
        elif what == "close":
            return [self.closing(index)]
        return []

    def closing(self, index):
        return self.desk.event(
            "dispute_closed", MENDED, target=index, outcome="corrected", reason="it was wrong"
        )

    def mend(self):
        """What is still wrong is put right, in any order and over several blocks."""
        left = self.known()
        self.rng.shuffle(left)
        for index, event in left:
            right = self.wrong[event.id]
            lines = [self.desk.event("retraction", MENDED, target=index, reason="reported_in_error")]
            if right is not None:
                lines = [self.correction(index, right)]
            if self.rng.random() < 0.5:
                desk = self.ledger.enrolment
                self.block([])
                self.ledger.admit(
                    desk.batch([desk.event("dispute_opened", MENDED, target=index, ground="other", **PAPER)])
                )
            self.block(lines)
            self.ledger.clock.move(days=self.rng.choice((0, 1, 9)))
        self.block([self.closing(index) for index, _ in left])


@pytest.mark.parametrize("seed", range(examples(3)))
def test_r27_a_repaired_citizen_has_every_score_of_one_who_was_reported_right(ledger, seed):
    story = Story(ledger, seed)
    story.live(9)
    assert story.wrong, "something was wrong"
    seen = set()
    for _ in range(30):  # and they age alike
        mended = account_of(ledger, MENDED)
        assert mended == account_of(ledger, RIGHT)
        seen.add(mended[0].get("score"))
        ledger.clock.move(days=story.rng.choice((1, 5, 17, 60)))
        story.block([])
    assert len(seen - {None}) > 1, "there were scores, and they changed"
    check(ledger.url, ledger.home)


# ---- recipients
# --------------------------------------------------------------------------------------------------


@pytest.fixture
def late(ledger):
    """A citizen with a late month in a block; two banks that may ask."""
    ledger.signers[OTHER_BANK] = Signer.generate_from_seed(OTHER_BANK, bytes(range(32)))
    register_key(ledger.bureau, ledger.signers[OTHER_BANK], "bank")
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(MENDED, late_ago=3)))
    desk = ledger.enrolment
    ledger.admit(desk.batch([desk.consent(MENDED, grantee=bank, days=900) for bank in (BANK, OTHER_BANK)]))
    ledger.settle()
    return ledger


def ask(ledger, bank=BANK):
    desk = Desk(ledger.signers[bank], ledger.bureau.origin, ledger.clock)
    inquire(ledger.bureau, desk.batch([desk.inquiry(MENDED)]))
    ledger.settle()


def told(ledger, bank=BANK, after=0):
    note = CorrectionsNote(ledger.bureau.origin, bank, after, ledger.clock()).sign(ledger.signers[bank])
    return recipients.messages(ledger.bureau, note)


def late_index(ledger):
    return next(index for index, event in events_of(ledger, MENDED) if event.negative)


def retract(ledger, target=None):
    target = late_index(ledger) if target is None else target
    line = ledger.lender.event("retraction", MENDED, target=target, reason="reported_in_error")
    ledger.admit(ledger.lender.batch([line]))
    return target


def test_r27_who_looked_within_six_months_is_told_and_nobody_else(late):
    ask(late, OTHER_BANK)
    late.clock.move(days=62)
    ask(late)
    late.clock.move(days=150)  # seven months behind the one, five behind the other
    item = retract(late)
    assert told(late, OTHER_BANK) == []
    (message,) = told(late)
    assert (message.citizen, message.index) == (late.bureau.people.key_of(MENDED), item)
    assert told(late, after=message.number) == []


@pytest.mark.parametrize(
    ("day", "is_told"), [("2027-05-01", True), ("2027-05-02", True), ("2027-05-03", False)]
)
def test_r27_six_months_to_the_day(late, day, is_told):
    assert late.clock.day() == "2026-11-02"
    ask(late)
    while late.clock.day() < day:
        late.clock.move(days=1)
    retract(late)
    assert bool(told(late)) is is_told


def test_r27_who_looked_after_the_correction_got_the_right_data(late):
    retract(late)
    late.settle()
    ask(late)
    assert told(late) == []


def test_r27_who_looked_before_the_item_came_in_got_nothing_wrong(late):
    ask(late)
    line = late.lender.status(MENDED, late=True, first_delinquent_on=late.clock.day(35))
    late.admit(late.lender.batch([line]))
    late.settle()
    newest = events_of(late, MENDED)[-1]
    assert newest[1].negative
    retract(late, newest[0])
    assert told(late) == []


def test_r27_a_bank_is_told_once_of_an_item_however_often_it_asked(late):
    for _ in range(3):
        late.clock.move(days=1)
        ask(late)
    retract(late)
    assert len(told(late)) == 1


def test_r27_corrections_and_disputes_that_end_so_are_told_and_others_are_not(late):
    ask(late)
    item = late_index(late)
    event = dict(events_of(late, MENDED))[item]
    desk = late.enrolment
    late.admit(desk.batch([desk.event("dispute_opened", MENDED, target=item, ground="paid", **PAPER)]))
    assert told(late) == [], "a dispute says nothing yet"
    late.settle()
    closing = {"target": item, "reason": "it was so"}
    late.admit(late.lender.batch([late.lender.event("dispute_closed", MENDED, outcome="upheld", **closing)]))
    assert told(late) == []
    fixed = {"account": event.account, "day": event.day, "status": "on_time"}
    line = json.loads(late.lender.event("correction", MENDED, target=item, fields=fixed))
    late.admit(late.lender.batch([canon.encode(line | {"day": event.day})]))
    late.settle()
    assert [message.index for message in told(late)] == [item]
    late.admit(
        late.lender.batch([late.lender.event("dispute_closed", MENDED, outcome="corrected", **closing)])
    )
    assert [message.index for message in told(late)] == [item, item]


def test_r27_when_a_correction_is_taken_back_the_item_is_named_and_not_the_correction(late):
    ask(late)
    item = late_index(late)
    event = dict(events_of(late, MENDED))[item]
    fixed = {"account": event.account, "day": event.day, "status": "on_time"}
    line = json.loads(late.lender.event("correction", MENDED, target=item, fields=fixed))
    late.admit(late.lender.batch([canon.encode(line | {"day": event.day})]))
    late.settle()
    retract(late, events_of(late, MENDED)[-1][0])
    assert [message.index for message in told(late)] == [item, item]


def test_r27_a_refused_repair_tells_nobody(late):
    ask(late)
    line = late.lender.event("retraction", MENDED, target=1, reason="reported_in_error")
    with pytest.raises(Exception, match="R27"):
        late.admit(late.lender.batch([line]))
    assert told(late) == []


def test_only_a_bank_with_a_valid_key_and_a_fresh_note_of_this_ledger_is_told(late):
    origin, now = late.bureau.origin, late.clock()

    def attempt(name, *, origin=origin, moment=now, signer=None):
        note = CorrectionsNote(origin, name, 0, moment).sign(signer or late.signers[name])
        return recipients.messages(late.bureau, note)

    assert attempt(BANK) == []
    thief = Signer.generate_from_seed(BANK, b"t" * 32)
    late.clock.move(seconds=300)
    assert attempt(BANK) == []
    late.clock.move(seconds=1)
    for refused in (
        {"name": BANK},  # five minutes and a second old
        {"name": BANK, "moment": late.clock(), "signer": thief},
        {"name": "lender.example", "moment": late.clock()},
        {"name": BANK, "moment": late.clock(), "origin": "other.example/ledger"},
    ):
        with pytest.raises(SignatureError):
            attempt(**refused)
    revoke_key(late.bureau, BANK, "bank", "left the market")
    with pytest.raises(SignatureError):
        attempt(BANK, moment=late.clock())


@pytest.mark.parametrize("after", ["", "-1", "01", "x", str(2**53)])
def test_the_number_in_a_note_is_one(late, after):
    text = request_text(CORRECTIONS_MAGIC, late.bureau.origin, BANK, after, late.clock())
    with pytest.raises(FormatError):
        recipients.messages(late.bureau, late.signers[BANK].sign(text))
