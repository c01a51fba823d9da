"""R38: a bank's decision yields a letter with bank, bureau, score, range, day, reasons and rights, for bank and citizen."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest

from app.core.errors import FormatError, NotFoundError, SignatureError
from app.core.exchange import letter as papers
from app.core.exchange.request_note import LetterNote
from app.core.log.note import Signer
from app.core.scoring import card_texts
from app.services.banks import letters
from app.services.banks.inquiries import inquire
from app.services.ledger.register import register_key
from tests.papers import needs_pdf, read
from tests.services.builders import BANK, ORIGIN
from tests.services.test_proofs import person_of

CITIZEN, THIN = "uci:1", "uci:2"
OTHER_BANK = "other.example"


@pytest.fixture
def asked(ledger):
    """A bank was answered about somebody with a late month, and about somebody without a score."""
    lender = ledger.lender
    lines = [*lender.card_history(CITIZEN, months=9, late_ago=4), lender.opened(THIN, ago=20)]
    consents = [ledger.enrolment.consent(each) for each in (CITIZEN, THIN)]
    ledger.admit(lender.batch(lines), ledger.enrolment.batch(consents))
    ledger.step()
    ask = ledger.bank
    answers = {
        each: inquire(ledger.bureau, ask.batch([ask.inquiry(each)])).answer for each in (CITIZEN, THIN)
    }
    ledger.clock.move(days=1)
    return ledger, answers


def note(ledger, answer, bank=BANK, **changes):
    fields = {"origin": ORIGIN, "bank": bank, "answer": answer["id"], "time": ledger.clock()} | changes
    return LetterNote(**fields).sign(ledger.signers[bank])


def test_r38_the_letter_says_bank_bureau_score_range_days_reasons_and_rights(asked, monkeypatch):
    ledger, answers = asked
    monkeypatch.setenv("CREDENCE_CONTACT", "1 Example Road, +86 10 5555 0100")
    answer = answers[CITIZEN]
    kept, fresh = letters.request(ledger.bureau, note(ledger, answer))
    assert fresh
    made = letters.letter(ledger.bureau, kept.number, bank=BANK)
    assert (made.bank, made.score, made.reference) == (BANK, answer["score"], answer["id"])
    assert (made.answered_on, made.day) == (ledger.clock.day(1), ledger.clock.day())
    proof = orjson.loads(inquiry_receipt(ledger, CITIZEN))
    assert [criterion.id for criterion, _ in made.reasons] == proof["reasons"] != []
    said = {language: papers.text(made, language) for language in ("en", "zh-Hans")}
    for language, text in said.items():
        for criterion, place in made.reasons:
            assert card_texts.reason_sentence(criterion, place, language) in text
        for fact in (
            BANK,
            ORIGIN,
            str(answer["score"]),
            "300",
            "850",
            answer["id"],
            "+86 10 5555 0100",
            "20",
        ):
            assert fact in text, (language, fact)
        assert papers.long_day(made.answered_on, language) in text.replace("\n", " ")
    assert "did not take this decision" in said["en"]
    assert "并非由 Credence 作出" in said["zh-Hans"].replace("\n", "")


def inquiry_receipt(ledger, citizen):
    """The receipt that the citizen's account has at the newest block."""
    from app.services.proving import proofs

    with ledger.bureau.moment() as connection:
        person = person_of(ledger.bureau, citizen)
        return bytes(
            proofs.account_at(connection, person, proofs.snapshot(ledger.bureau, connection))[1].receipt
        )


def test_r38_without_a_score_the_letter_says_what_was_missing(asked):
    ledger, answers = asked
    kept, _ = letters.request(ledger.bureau, note(ledger, answers[THIN]))
    made = letters.letter(ledger.bureau, kept.number, bank=BANK)
    assert (made.score, made.insufficient) == (None, ("too_young",))
    assert "not a low score" in papers.text(made, "en").replace("\n", " ")
    assert "None" not in papers.text(made, "en")


def test_r38_the_citizen_sees_that_there_is_a_letter_and_reads_the_same(asked):
    ledger, answers = asked
    citizen = person_of(ledger.bureau, CITIZEN).id
    assert letters.of_citizen(ledger.bureau, citizen) == []
    kept, _ = letters.request(ledger.bureau, note(ledger, answers[CITIZEN]))
    assert letters.of_citizen(ledger.bureau, citizen) == letters.of_bank(ledger.bureau, BANK) == [kept]
    theirs = letters.letter(ledger.bureau, kept.number, citizen_id=citizen)
    assert theirs == letters.letter(ledger.bureau, kept.number, bank=BANK)
    for stranger in ({"bank": OTHER_BANK}, {"citizen_id": person_of(ledger.bureau, THIN).id}):
        with pytest.raises(NotFoundError):
            letters.letter(ledger.bureau, kept.number, **stranger)


def test_an_answer_has_one_letter_however_often_it_is_asked_for(asked):
    ledger, answers = asked
    first, fresh = letters.request(ledger.bureau, note(ledger, answers[CITIZEN]))
    ledger.clock.move(days=2)
    again, fresh_again = letters.request(ledger.bureau, note(ledger, answers[CITIZEN]))
    assert (fresh, fresh_again, again) == (True, False, first)


def test_only_the_bank_that_was_answered_gets_a_letter(asked):
    """Nor for its own inquiry, nor for another ledger, nor with an old note."""
    ledger, answers = asked
    line = ledger.bank.inquiry(CITIZEN)
    inquire(ledger.bureau, ledger.bank.batch([line]))
    ledger.signers[OTHER_BANK] = Signer.generate_from_seed(OTHER_BANK, bytes(32))
    register_key(ledger.bureau, ledger.signers[OTHER_BANK], "bank")
    answer = answers[CITIZEN]
    unknown = answer | {"id": "019ab6a4-0000-7000-8000-000000000000"}
    lender_signed = LetterNote(ORIGIN, "lender.example", answer["id"], ledger.clock())
    for wrong, error in (
        (note(ledger, answer, OTHER_BANK), NotFoundError),
        (note(ledger, unknown), NotFoundError),
        (note(ledger, orjson.loads(line)), NotFoundError),
        (lender_signed.sign(ledger.signers["lender.example"]), SignatureError),
        (note(ledger, answer, time=ledger.clock() - dt.timedelta(minutes=6)), SignatureError),
        (note(ledger, answer, origin="other.example/ledger"), SignatureError),
        (b"x", FormatError),
    ):
        with pytest.raises(error):
            letters.request(ledger.bureau, wrong)
    assert letters.of_bank(ledger.bureau, BANK) == []


def test_what_was_destroyed_since_is_said_and_not_made_up(asked):
    """Five years later the late month goes, and with it what the account was; the answer itself is still there."""
    from app.services.ledger import retention

    ledger, answers = asked
    kept, _ = letters.request(ledger.bureau, note(ledger, answers[CITIZEN]))
    before = letters.letter(ledger.bureau, kept.number, bank=BANK)
    ledger.step()
    ledger.clock.moment += dt.timedelta(days=5 * 366)
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(CITIZEN, months=7)[1:]))
    ledger.step()
    assert retention.run(ledger.bureau, lambda _: None).events > 0
    ledger.settle()
    after = letters.letter(ledger.bureau, kept.number, bank=BANK)
    assert (after.reasons, after.score) == (None, before.score)
    assert "no longer hold" in papers.text(after, "en").replace("\n", " ")


@needs_pdf()
def test_r38_the_letter_is_a_pdf_as_well(asked):
    ledger, answers = asked
    kept, _ = letters.request(ledger.bureau, note(ledger, answers[CITIZEN]))
    made = letters.letter(ledger.bureau, kept.number, bank=BANK)
    for language in ("en", "zh-Hans"):
        paper = read(letters.as_pdf(made, language))
        assert f"/Lang ({language})" in paper.catalog
        said = paper.text.replace("\n", "").replace(" ", "")
        for part in papers.parts(made, language):
            for text in (part.heading, *part.paragraphs, *part.items):
                assert text.replace(" ", "") in said, text
