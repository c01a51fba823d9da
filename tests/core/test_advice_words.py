"""R31 in words: what would help and what was supposed, in both languages, promising nothing."""

import re

import pytest

from app.core.scoring import advice_words as words
from app.core.scoring.advice import Advice, Months
from app.core.scoring.card_texts import LANGUAGES
from app.core.scoring.scenario import Step
from app.core.scoring.score import Scored

EN, ZH = words.plain_voice("en"), words.plain_voice("zh-Hans")
PAY = Step("pay", "bank.example:c-1", "CNY", 5001)
MISS = Step("miss", "bank.example:c-1")
OPEN = Step("open_card", currency="JPY", amount_minor=1_000_000)
COLLECTION = Step("settle", "bank.example/cards:collection:k-1")
COURT = Step("settle", "court.example:court_debt:k-2")
ON_TIME = Step("on_time", months=3)


@pytest.mark.parametrize(
    ("steps", "gain", "en", "zh"),
    [
        (
            (PAY,),
            14,
            "Pay CNY 50.01 on the account c-1 at bank.example: that would be 14 points more in all, once the next statement shows it.",
            "向 bank.example 的账户 c-1 还款 CNY 50.01，待下期账单体现后，信用分总共将增加 14 分。",
        ),
        (
            (ON_TIME,),
            12,
            "Be on time with everything for 3 months (this one included) and apply for nothing new: that would be 12 points more in all by 2027-01-31.",
            "3 个月内（含本月）所有款项按时还清，且不新申请信贷，到 2027-01-31，信用分总共将增加 12 分。",
        ),
        (
            (Step("on_time", months=1),),
            1,
            "Be on time with everything to the end of this month and apply for nothing new: that would be 1 point more in all by 2027-01-31.",
            "到本月底所有款项按时还清，且不新申请信贷，到 2027-01-31，信用分总共将增加 1 分。",
        ),
        (
            (COLLECTION, COURT),
            10,
            "Settle the collection k-1 at bank.example/cards, and settle the court-ordered debt k-2 at court.example: that would be 10 points more in all, once it is reported.",
            "结清 bank.example/cards 的催收款项 k-1，并结清 court.example 的法院判决债务 k-2，待报送后，信用分总共将增加 10 分。",
        ),
    ],
)
def test_r31_advice_is_a_plain_sentence(steps, gain, en, zh):
    advice = Advice("x", steps, "2027-01-31", gain)
    assert words.advice_sentence(advice, EN) == en
    assert words.advice_sentence(advice, ZH) == zh


def test_a_voice_writes_amounts_and_days():
    voice = words.Voice("en", lambda minor, currency: f"<{minor} {currency}>", lambda day: f"<{day}>")
    assert "<5001 CNY>" in words.advice_sentence(Advice("x", (PAY,), "2026-11-22", 1), voice)
    assert "<2026-11-22>" in words.result_sentence(500, 600, "2026-11-22", voice)


@pytest.mark.parametrize("group", ["arrears", "collection", "court_debt", "insolvency"])
def test_every_kind_of_record_has_its_words(group):
    step = Step("settle", f"x.example:{group}:k-1")
    for voice in (EN, ZH):
        advice = words.advice_sentence(Advice("records", (step,), "2026-11-22", 3), voice)
        for said in (advice, words.supposition(step, voice)):
            assert "x.example" in said
            assert "k-1" in said


@pytest.mark.parametrize("step", [PAY, MISS, OPEN, COLLECTION, ON_TIME], ids=lambda step: step.action)
def test_suppositions_are_sentences_in_both_languages(step):
    en, zh = words.supposition(step, EN), words.supposition(step, ZH)
    assert en[0].isupper()
    assert en.endswith(".")
    assert zh.endswith("。")
    assert not re.search(r"[{}]|None", en + zh)
    assert words.supposition(step, words.plain_voice("fr")) == en
    for fact in {"pay": ("CNY 50.01", "c-1"), "miss": ("c-1", "30"), "open_card": ("JPY 1,000,000",)}.get(
        step.action, ()
    ):
        assert fact in en
        assert fact in zh


@pytest.mark.parametrize(
    ("now", "then", "en", "zh"),
    [
        (600, 614, "On 2026-11-22 the score would be 614, 14 points more than 600 now.", "2026-11-22 的信用分将为 614 分，比现在的 600 分增加 14 分。"),
        (600, 599, "On 2026-11-22 the score would be 599, 1 point less than 600 now.", "2026-11-22 的信用分将为 599 分，比现在的 600 分减少 1 分。"),
        (600, 600, "On 2026-11-22 the score would be 600, the same as now.", "2026-11-22 的信用分将为 600 分，与现在相同。"),
        (600, None, "On 2026-11-22 there would be no score.", "2026-11-22 不会有信用分。"),
        (None, None, "On 2026-11-22 there would be no score.", "2026-11-22 不会有信用分。"),
        (None, 700, "On 2026-11-22 there would be a score: 700.", "2026-11-22 的信用分将为 700 分。"),
    ],
)  # fmt: skip
def test_results(now, then, en, zh):
    assert words.result_sentence(now, then, "2026-11-22", EN) == en
    assert words.result_sentence(now, then, "2026-11-22", ZH) == zh


def test_r35_when_a_number_would_come():
    months = Months(4, "2027-02-01", Scored(700, (), (), (), "2027-03-01"))
    assert "2027-02-01" in words.number_sentence(months, EN)
    assert "2027-02-01" in words.number_sentence(months, ZH)
    assert "6 months" in words.number_sentence(None, EN)
    assert "6 个月" in words.number_sentence(None, ZH)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_promised(language):
    assert re.search("not a promise|不构成承诺", words.caution(language))
