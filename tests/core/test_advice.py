"""R31: what would help is what the real scorer says of the same events, and what nobody can do is not promised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import event_types as et
from app.core import scenario
from app.core.advice import advice, advice_for
from app.core.errors import RuleError
from app.core.fold import fold
from app.core.folded import File, encode_file
from app.core.months import month_of
from app.core.profiles import CN, PROFILES
from app.core.score import score_file
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
    assert (found.action, found.account, found.currency) == ("pay", "bank.example:c", "CNY")
    assert found.amount_minor == 950_00 - 899_99  # just below 900 of 1,000.00
    before = scored(FULL).score
    paid = [
        *FULL,
        payment(TODAY, found.amount_minor, "c"),
        statement(TODAY, 950_00 - found.amount_minor, "c"),
    ]
    assert scored(paid).score - before == found.gain > 0


def test_r31_months_on_time_are_the_fewest_that_help():
    late = [OLD, *(status(ago(months)) for months in range(2, 9)), status(ago(1), "late_30")]
    found = by_criterion(late)["current"]
    assert (found.action, found.months, found.day) == ("on_time", 1, "2026-11-30")
    assert scored([*late, status("2026-11-30")], "2026-11-30").score - scored(late).score == found.gain


def test_r31_an_open_record_is_settled():
    debt = [OLD, rent(TODAY), placed(et.CollectionPlaced, ago(3))]
    found = by_criterion(debt)["records"]
    assert (found.action, found.account) == ("settle", "bank.example:collection:c-1")
    assert scored([*debt, settled(et.CollectionSettled, TODAY)]).score - scored(debt).score == found.gain


def test_r31_inquiries_go_by_themselves():
    asked = [OLD, rent(TODAY), *(inquiry(ago(months)) for months in (1, 2, 11))]
    found = by_criterion(asked)["inquiries"]
    assert (found.action, found.months) == ("on_time", 2)  # the oldest counts until 15 December


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
        if each.action == "pay":
            events = scenario.pay(file, TODAY, each.account, each.amount_minor).events
        elif each.action == "settle":
            events = scenario.settle(file, TODAY, each.account).events
        else:
            events = scenario.keep_on_time(file, TODAY, each.months).events
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
        (lambda file: scenario.pay(file, TODAY, "bank.example:c", 0), "nothing-owed"),
        (lambda file: scenario.miss(file, TODAY, "bank.example:x"), "no-account"),
        (lambda file: scenario.settle(file, TODAY, "bank.example:collection:x"), "not-open"),
    ],
)
def test_what_cannot_be_supposed_is_refused(make, code):
    with pytest.raises(RuleError) as refused:
        make(file_of(*FULL))
    assert refused.value.code == code
