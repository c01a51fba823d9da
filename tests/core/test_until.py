"""`until`: nothing that an account discloses changes before that day, and something does on it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.months import LAST_DAY, NEVER
from app.core.reporting import event_types as et
from app.core.scoring.fold import fold
from app.core.scoring.folded import File
from app.core.scoring.measures.enough import too_young
from app.core.scoring.measures.view import view
from app.core.scoring.profiles import PROFILES
from app.core.scoring.score import flags_of, score_file
from tests.core.fold_samples import (
    CARDS,
    STATUSES,
    TODAY,
    access,
    business,
    community,
    days,
    freeze,
    inquiry,
    next_day,
    opened,
    payment,
    placed,
    records,
    rent,
    scored,
    settled,
    statement,
    status,
    statuses,
    thaw,
)
from tests.soak import examples

NEAR = days("2026-01-01", TODAY)
FAR = days("2015-01-01", TODAY)
FOR_EVER = 12 * 2199 + 12  # a month of reports that never gets old


def state(file, day, card, profile):
    """All that a leaf says of a day, but for `as_of` and `until`."""
    found = score_file(file, day, card, profile)
    return (found.score, found.insufficient, found.criteria, found.reasons, flags_of(file, day)), found.until


def check(file, rules, first_day, last_day):
    """Day by day: what is disclosed changes on announced days, on each of them, and on no other."""
    day = first_day
    before, until = state(file, day, *rules)
    while day < last_day:
        day = next_day(day)
        now, next_until = state(file, day, *rules)
        assert day < next_until <= LAST_DAY
        if day == until:
            assert now != before, f"nothing changed on {day}, which was announced"
            until = next_until
        else:
            assert now == before, f"{day} was not announced, {until} was"
            assert next_until == until
        before = now


OLD = opened("2012-03-01", account="old", class_="mortgage", opened_on="2012-03-01")
LAST_YEAR = st.integers(0, 386).map(lambda count: next_day(TODAY, -count))  # the nearer the more often
ACCOUNTS = st.sampled_from(["a", "b", "c"])
CURRENCIES = st.sampled_from(["CNY", "CNY", "EUR"])
thaws = st.builds(
    thaw, NEAR, st.sampled_from([None, "bank.example"]), st.none() | days("2026-11-23", "2031-01-01")
)


def joined(lists):
    return list(itertools.chain.from_iterable(lists))


def case(cls, ended, placed_on, settled_on, number):
    begun = [placed(cls, placed_on, f"c-{number}", **({"kind": "tax"} if cls is et.Arrears else {}))]
    return begun if settled_on is None else [*begun, settled(ended, settled_on, f"c-{number}")]


cases = st.builds(
    lambda kinds, *rest: case(*kinds, *rest),
    st.sampled_from([
        (et.CourtDebt, et.CourtDebtSettled),
        (et.CollectionPlaced, et.CollectionSettled),
        (et.Arrears, et.ArrearsPaid),
        (et.Insolvency, et.InsolvencyDischarged),
        (et.Insolvency, et.InsolvencyDischarged),
    ]),
    days("2012-01-01", "2017-01-01"),
    st.none() | days("2017-01-01", TODAY) | LAST_YEAR,
    st.integers(1, 2),
)  # fmt: skip
bills = st.builds(
    lambda day, minor, account, minimum: statement(
        day, minor, account, minimum_minor=minimum, limit_minor=9_000
    ),
    LAST_YEAR | days("2026-09-01", TODAY),
    st.sampled_from([100, 4_000, 8_900]),
    ACCOUNTS,
    st.sampled_from([None, 50]),
)
cards = st.builds(
    lambda account, currency, day, minor, limit_minor: [
        opened("2020-01-01", account, "card", currency, opened_on="2020-01-01"),
        statement(day, minor, account, currency, limit_minor=limit_minor),
        payment(day, 1_000, account, currency),
    ],
    ACCOUNTS,
    CURRENCIES,
    LAST_YEAR,
    st.sampled_from([0, 900, 5_000, 9_900]),
    st.sampled_from([None, 0, 10_000]),
)
flat = st.lists(cards, min_size=2, max_size=4).map(joined)
# One kind of event, many times over: what leaves or comes due one after the other, with nothing else to hide behind.
KINDS = {
    "late": st.lists(statuses(FAR), min_size=3, max_size=20),
    "late of late": st.lists(statuses(days("2025-06-01", TODAY), STATUSES[1:]), min_size=1, max_size=12),
    "on time": st.lists(community(days("2024-10-01", TODAY), ("on_time",)), min_size=10, max_size=40),
    "records": st.lists(cases, min_size=1, max_size=3).map(joined),
    "insolvencies": st.builds(
        case,
        st.just(et.Insolvency),
        st.just(et.InsolvencyDischarged),
        days("2012-01-01", "2017-01-01"),
        st.integers(0, 180).map(lambda count: next_day(TODAY, -count)),
        st.just(1),
    ),
    "inquiries": st.lists(
        st.builds(inquiry, LAST_YEAR, st.sampled_from([None, "card", "mortgage"])), min_size=2, max_size=12
    ),
    "freezes": st.lists(st.builds(freeze, NEAR) | thaws, min_size=2, max_size=8),
    "bills": st.lists(
        bills | st.builds(payment, days("2026-09-01", TODAY), st.just(50), ACCOUNTS), min_size=1, max_size=6
    ),
    "cards": flat,
    "openings": st.lists(
        st.builds(
            lambda day, account: opened(day, account, "student", opened_on=day),
            LAST_YEAR,
            st.text("abcdef", min_size=1, max_size=1),
        ),
        min_size=2,
        max_size=6,
    ),
}
mixtures = st.lists(
    st.one_of(
        statuses(days("2021-06-01", TODAY)),
        statuses(NEAR),
        business(NEAR),
        business(FAR),
        community(NEAR),
        records(FAR),
        access(NEAR),
        thaws,
    ),
    max_size=25,
)
rules = st.tuples(st.sampled_from(CARDS), st.sampled_from(list(PROFILES.values())))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(14), deadline=None)
@given(data=st.data(), rules=rules)
def test_ten_years_day_by_day_of_one_kind_of_event(kind, data, rules):
    """The file is made to have reports for ever, so that the silence of the furnishers hides nothing."""
    file = fold(File(reported=FOR_EVER), list(enumerate([OLD, *data.draw(KINDS[kind])])))
    check(file, rules, TODAY, "2036-11-22")


@settings(max_examples=examples(14), deadline=None)
@given(mixtures, st.sampled_from(list(KINDS.values())).flatmap(lambda kind: kind), rules)
def test_ten_years_day_by_day_of_everything(some, more, rules):
    file = fold(File(reported=FOR_EVER), list(enumerate([OLD, *some, *more])))
    check(file, rules, TODAY, "2036-11-22")


@settings(max_examples=examples(25), deadline=None)
@given(mixtures, st.sampled_from(["2022-03-01", "2026-08-01"]), rules)
def test_ten_years_day_by_day_with_nothing_but_silence(history, day, rules):
    history = [*history, opened(day, account="old", class_="mortgage", opened_on=day), rent(TODAY)]
    check(fold(File(), list(enumerate(history))), rules, TODAY, "2036-11-22")


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(statuses(days("2016-10-01", "2019-01-01"), STATUSES[:2]), min_size=4, max_size=12),
    st.lists(community(days("2016-10-01", "2019-01-01"), ("on_time",)), min_size=4, max_size=12),
    st.lists(st.builds(lambda day: opened(day, "b", opened_on=day), days("2026-01-01", TODAY)), max_size=1),
    rules,
)
def test_ten_years_day_by_day_of_a_file_that_may_be_too_young(reports, rents, openings, rules):
    """Reports of ten years ago stand in for an account of known age, until they leave or it is old enough."""
    for part in (reports, rents):
        file = fold(File(reported=FOR_EVER), list(enumerate([*part, *openings])))
        check(file, rules, TODAY, "2029-06-01")


def test_a_file_that_nothing_can_change_says_the_last_day():
    assert scored([]).until == LAST_DAY
    assert scored([rent("2019-01-01")], TODAY).until == LAST_DAY


def test_a_score_ends_at_the_latest_when_silence_becomes_insufficient():
    found = scored([opened("2016-01-01", class_="mortgage", opened_on="2016-01-01"), rent("2026-11-01")])
    assert found.score is not None
    assert found.until == "2027-05-01"


def test_an_insufficient_file_changes_when_its_account_is_old_enough():
    found = scored([opened("2026-11-01", opened_on="2026-11-01"), rent("2026-11-01")])
    assert (found.insufficient, found.until) == (("too_young",), "2027-05-01")
    # by then nothing will have been reported for 6 months; the reason changes, the day is the same
    later = scored([opened("2026-11-01", opened_on="2026-11-01"), rent("2026-11-01")], found.until)
    assert later.insufficient == ("nothing_reported",)


def test_a_thaw_that_ends_is_an_edge_of_the_flags():
    found = scored([freeze("2026-11-01"), thaw("2026-11-10", None, "2026-12-24")])
    assert found.until == "2026-12-24"


def test_a_statement_counts_as_unpaid_once_the_next_month_is_over():
    old = opened("2016-01-01", class_="mortgage", opened_on="2016-01-01")
    bill = statement("2026-11-05", 900, account="loan", minimum_minor=100)
    found = scored([old, bill, status("2026-11-01", account="old")], TODAY)
    assert found.until == "2027-01-01"


def test_a_discharged_insolvency_leaves_before_it_ages_into_the_next_bin_eu():
    old = opened("2016-01-01", class_="mortgage", opened_on="2016-01-01")
    events = [
        old,
        status(TODAY, account="old"),
        placed(et.Insolvency, "2025-01-01"),
        settled(et.InsolvencyDischarged, "2026-06-10"),
    ]
    assert scored(events, profile=PROFILES["eu"]).until == "2026-12-10"
    assert (
        scored(events, profile=PROFILES["cn"]).until == "2027-05-01"
    )  # silence, before the discharge is a year old


def test_six_reported_months_stand_in_until_they_leave_or_a_known_account_is_old_enough():
    """Reports of ten years ago, and one of today that keeps the file from being silent."""
    reports = [status(day) for day in ("2017-01-15", "2017-02-15", "2017-03-15", "2017-04-15", "2017-05-15")]
    silent = File(reported=12 * 2199 + 12)
    file = fold(silent, list(enumerate([*reports, status("2026-11-01")])))
    assert too_young(view(file, TODAY, PROFILES["cn"])) == (False, "2027-01-01")
    for opening, until in (("2026-07-01", NEVER), ("2026-08-01", "2027-01-01")):
        with_loan = fold(file, [(9, opened(opening, account="loan", opened_on=opening))])
        assert too_young(view(with_loan, TODAY, PROFILES["cn"])) == (False, until)
