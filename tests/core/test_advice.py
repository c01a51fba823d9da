"""R31: what would help is what the real scorer says of the same events, and what nobody can do is not promised."""

from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import RuleError
from app.core.months import month_of
from app.core.reporting import event_types as et
from app.core.scoring import scenario
from app.core.scoring.advice import advice, advice_for, first_score
from app.core.scoring.advice_words import advice_sentence, plain_voice
from app.core.scoring.fold import fold
from app.core.scoring.folded import File, encode_file
from app.core.scoring.profiles import CN, PROFILES
from app.core.scoring.scenario import Step
from app.core.scoring.score import score_file
from app.core.scoring.scorecard import parse_card
from tests.core.fold_samples import (
    CARD,
    CARDS,
    TODAY,
    ago,
    file_of,
    histories,
    inquiry,
    next_day,
    opened,
    payment,
    placed,
    rent,
    scored,
    settled,
    statement,
    status,
)

OLD = opened("2016-01-01", account="old", class_="mortgage", opened_on="2016-01-01")
FULL = [
    OLD,
    opened("2022-01-01", "c", opened_on="2022-01-01", limit_minor=1_000_00),
    *(statement(ago(months), 950_00, "c", minimum_minor=30_00) for months in range(1, 7)),
    *(payment(ago(months), 30_00, "c") for months in range(1, 6)),
    *(status(ago(months), account="c") for months in range(1, 7)),
]


def by_criterion(events, card=CARD):
    file = file_of(*events)
    return {each.criterion: each for each in advice_for(file, TODAY, card, CN)}


def test_r31_paying_down_to_the_next_bin_and_no_further():
    found = by_criterion(FULL)["utilisation"]
    least = 950_00 - 899_99  # just below 900 of 1,000.00
    assert found.steps == (Step("pay", "bank.example:c", "CNY", least),)
    before = scored(FULL).score
    paid = [
        *FULL,
        payment(TODAY, least, "c"),
        statement(TODAY, 950_00 - least, "c"),
    ]
    assert scored(paid).score - before == found.gain > 0


def test_r31_months_on_time_are_the_fewest_that_help():
    late = [OLD, *(status(ago(months)) for months in range(2, 9)), status(ago(1), "late_30")]
    found = by_criterion(late)["current"]
    assert (found.steps, found.day) == ((Step("on_time", months=1),), "2026-11-30")
    assert scored([*late, status("2026-11-30")], "2026-11-30").score - scored(late).score == found.gain


def test_r31_a_high_balance_is_paid_and_then_kept_low_until_it_has_left_the_newest_six_statements():
    card = parse_card((resources.files("app.core") / "cards" / "fitted-1.json").read_bytes())
    file = file_of(*FULL, payment(ago(6), 30_00, "c"))
    found = {each.criterion: each for each in advice_for(file, TODAY, card, CN)}
    advised = found["unpaid_months_by_utilisation_peak"]
    paid, kept = advised.steps
    assert (paid.action, kept.action) == ("pay", "on_time")
    assert 1 <= kept.months <= 6
    before = score_file(file, TODAY, card, CN)
    after = scenario.outcome(file, scenario.plan(file, TODAY, advised.steps), card, CN)
    assert after.score - before.score == advised.gain > 0
    for language in ("en", "zh-Hans"):
        said = advice_sentence(advised, plain_voice(language))
        assert str(kept.months) in said
        assert str(advised.gain) in said


def test_r31_an_open_record_is_settled():
    debt = [OLD, rent(TODAY), placed(et.CollectionPlaced, ago(3))]
    found = by_criterion(debt)["records"]
    assert found.steps == (Step("settle", "bank.example:collection:c-1"),)
    assert scored([*debt, settled(et.CollectionSettled, TODAY)]).score - scored(debt).score == found.gain


def test_r31_of_two_open_records_both_are_settled():
    debts = [OLD, rent(TODAY), placed(et.CollectionPlaced, ago(3)), placed(et.CourtDebt, ago(9), "k-2")]
    found = by_criterion(debts)["records"]
    assert found.steps == (
        Step("settle", "bank.example:collection:c-1"),
        Step("settle", "bank.example:court_debt:k-2"),
    )


def test_r31_one_card_is_paid_down_as_far_as_all_cards_together_ask_for():
    other = [
        opened("2022-01-01", "d", opened_on="2022-01-01", limit_minor=1_000_00),
        statement(ago(1), 980_00, "d"),
    ]
    found = by_criterion([*FULL, *other])["utilisation"]
    least = 1_930_00 - 1_799_99  # just below 900 of 2,000.00
    assert found.steps == (Step("pay", "bank.example:c", "CNY", least),)


def test_r31_bills_are_paid_up_to_the_share_that_counts():
    barely = [
        OLD,
        opened("2022-01-01", "c", opened_on="2022-01-01", limit_minor=10_000_00),
        *(statement(ago(months), 500_00, "c") for months in range(1, 7)),
        payment(ago(6), 100_00, "c"),
    ]
    file = file_of(*barely)
    (step,) = by_criterion(barely)["paid_share"].steps
    assert step.action == "pay"

    def place(amount):
        paid = scenario.outcome(file, scenario.pay(file, TODAY, step.account, amount), CARD, CN)
        return next(row[1] for row in paid.criteria if row[0] == "paid_share")

    assert place(step.amount_minor) < place(step.amount_minor - 1), "no cent less would do"


def test_r31_inquiries_go_by_themselves():
    asked = [OLD, rent(TODAY), *(inquiry(ago(months)) for months in (1, 2, 11))]
    found = by_criterion(asked)["inquiries"]
    assert found.steps == (Step("on_time", months=2),)  # the oldest counts until 15 December


def test_r31_what_cannot_be_helped_gets_no_advice():
    unknown = opened("2016-01-01", account="old", class_="mortgage")  # nobody knows when it was opened
    reports = [unknown, *(status(ago(months), account="old") for months in range(24))]
    reasons = scored(reports).reasons
    assert "oldest_age" in reasons
    assert "oldest_age" not in by_criterion(reports)


def test_a_score_that_is_none_has_no_advice():
    assert advice_for(File(), TODAY, CARD, CN) == ()


rich = histories("2022-01-01", TODAY, max_size=25).map(
    lambda items: [*items, (900, OLD), (901, rent(TODAY, account="now")), *enumerate(FULL, 910)]
)


@settings(max_examples=25, deadline=None)
@given(rich, st.sampled_from(CARDS), st.sampled_from(sorted(PROFILES)))
def test_r31_every_gain_is_the_difference_that_the_scorer_finds(history, card, name):
    profile = PROFILES[name]
    file = fold(File(), history)
    before = encode_file(file)
    now = score_file(file, TODAY, card, profile)
    given_advice = advice(file, TODAY, now, card, profile)
    assert [each.criterion for each in given_advice] == [
        reason for reason in now.reasons if reason in {each.criterion for each in given_advice}
    ]
    for each in given_advice:
        events = scenario.plan(file, TODAY, each.steps).events
        then = score_file(fold(File(), [*history, *enumerate(events, 10_000)]), each.day, card, profile)
        assert then.score - now.score == each.gain > 0
        assert each.day >= TODAY
    assert encode_file(file) == before, "supposing changes nothing"


# ---- scenarios


def test_missing_a_payment_costs_and_a_second_miss_costs_no_less():
    file = file_of(*FULL)
    now = score_file(file, TODAY, CARD, CN)
    missed = scenario.outcome(file, scenario.miss(file, TODAY, "bank.example:c"), CARD, CN)
    assert missed.score < now.score
    assert missed.criteria[0][:2] == ("current", 2)


def test_opening_a_card_is_an_application_and_a_new_account():
    file = file_of(*FULL)
    after = scenario.outcome(file, scenario.open_card(TODAY, 5_000_00, "CNY"), CARD, CN)
    bins = {name: place for name, place, _, _ in after.criteria}
    assert (bins["inquiries"], bins["opened"]) == (1, 0)
    twice = scenario.open_card(TODAY, 5_000_00, "CNY").then(scenario.keep_on_time(file, TODAY, 13))
    bins = {name: place for name, place, _, _ in scenario.outcome(file, twice, CARD, CN).criteria}
    assert (bins["inquiries"], bins["current"]) == (0, 0)


def test_the_limit_of_a_new_card_counts():
    file = file_of(*FULL)
    narrow, wide = (
        scenario.outcome(file, scenario.open_card(TODAY, limit, "CNY"), CARD, CN).score
        for limit in (1_00, 100_000_00)
    )
    assert narrow < wide


def test_a_large_payment_is_not_taken_for_a_habit():
    file = file_of(*FULL)
    steps = (Step("pay", "bank.example:c", "CNY", 500_00), Step("on_time", months=3))
    events = scenario.plan(file, TODAY, steps).events
    paid = [event.amount_minor for event in events if isinstance(event, et.Payment)]
    assert paid == [500_00, 30_00, 30_00]  # this month's is paid already
    assert events[-2].balance_minor == 450_00


def test_a_card_that_nobody_reports_stays_silent():
    stale = [OLD, opened("2020-01-01", "c", opened_on="2020-01-01"), statement(ago(13), 950_00, "c")]
    events = scenario.keep_on_time(file_of(*stale), TODAY, 2).events
    assert {type(event) for event in events} == {et.Status}


def test_going_on_as_now_keeps_the_score_from_falling_silent():
    file = file_of(*FULL)
    for months in (1, 7, 60):
        plan = scenario.keep_on_time(file, TODAY, months)
        after = scenario.outcome(file, plan, CARD, CN)
        assert after.score is not None
        assert month_of(plan.day) == month_of(TODAY) + months - 1
        assert next_day(plan.day)[8:] == "01"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda file: scenario.pay(file, TODAY, "bank.example:x", 1), "no-account"),
        (lambda file: scenario.pay(file, TODAY, "bank.example:old", 1), "nothing-owed"),
        (lambda file: scenario.pay(file, TODAY, "bank.example:c", 0), "not-owed"),
        (lambda file: scenario.pay(file, TODAY, "bank.example:c", 950_01), "not-owed"),
        (lambda file: scenario.miss(file, TODAY, "bank.example:x"), "no-account"),
        (lambda file: scenario.settle(file, TODAY, "bank.example:collection:x"), "not-open"),
    ],
)
def test_what_cannot_be_supposed_is_refused(make, code):
    with pytest.raises(RuleError) as refused:
        make(file_of(*FULL))
    assert refused.value.code == code


# ---- R35: when there would be a score


@pytest.mark.parametrize(
    ("history", "months", "day"),
    [
        ([rent(ago(months)) for months in range(1, 5)], 2, "2026-12-31"),  # two reports are missing
        ([opened(ago(3), opened_on=ago(3))], 4, "2027-02-01"),  # time alone does it
        ([opened("2016-01-01", opened_on="2016-01-01"), status(ago(9))], 1, "2026-11-30"),  # silent
    ],
)
def test_r35_when_a_number_would_come(history, months, day):
    found = first_score(file_of(*history), TODAY, CARD, CN)
    assert (found.months, found.day) == (months, day)
    assert found.scored.score is not None
    steps = scenario.keep_on_time(file_of(*history), TODAY, months).events
    assert scored([*history, *(e for e in steps if e.day <= day)], day).score == found.scored.score
    assert scored([*history, *(e for e in steps if e.day < day)], next_day(day, -1)).score is None


def test_r35_an_empty_file_waits_for_its_first_account():
    assert first_score(File(), TODAY, CARD, CN) is None
