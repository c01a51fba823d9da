"""`until`: nothing that an account discloses changes before that day, and something does on it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import event_types as et
from app.core.fold import fold
from app.core.folded import File
from app.core.measures.enough import too_young
from app.core.measures.view import view
from app.core.months import LAST_DAY, NEVER
from app.core.profiles import PROFILES
from app.core.score import flags_of, score_file
from tests.core.fold_samples import (
    TODAY,
    WIDE,
    access,
    business,
    community,
    days,
    freeze,
    next_day,
    opened,
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

NEAR = days("2026-01-01", TODAY)


def state(file, day, profile, card=WIDE):
    """All that a leaf says of a day, but for `as_of` and `until`."""
    found = score_file(file, day, card, profile)
    return (found.score, found.insufficient, found.criteria, found.reasons, flags_of(file, day)), found.until


def check(history, first_day, profile, span_days):
    file = fold(File(), list(enumerate(history)))
    day, last = first_day, next_day(first_day, span_days)
    before, until = state(file, day, profile)
    while day < last:
        day = next_day(day)
        now, next_until = state(file, day, profile)
        assert day < next_until <= LAST_DAY
        if day == until:
            assert now != before, f"nothing changed on {day}, which was announced"
            until = next_until
        else:
            assert now == before, f"{day} was not announced, {until} was"
            assert next_until == until
        before = now


histories = st.lists(
    st.one_of(
        statuses(days("2021-06-01", TODAY)),
        statuses(NEAR),
        business(NEAR),
        business(days("2020-01-01", TODAY)),
        community(NEAR),
        records(days("2020-01-01", TODAY)),
        access(NEAR),
    ),
    max_size=25,
)
# A long-lived account and a present report, so that most histories have a score for a while.
thick = st.builds(
    lambda items, kept: [
        *items,
        opened("2022-03-01", account="old", class_="mortgage", opened_on="2022-03-01"),
        *kept,
    ],
    histories,
    st.sampled_from([[], [rent(TODAY)]]),
)


@settings(max_examples=40, deadline=None)
@given(thick, st.sampled_from(sorted(PROFILES)))
def test_day_by_day_for_half_a_year_while_there_is_a_score(history, profile):
    check(history, TODAY, PROFILES[profile], 190)


@settings(max_examples=60, deadline=None)
@given(thick, st.sampled_from(sorted(PROFILES)), st.integers(0, 4000))
def test_criteria_age_as_announced_however_long_ago_the_last_report(history, profile, later_days):
    """The file is made to have reports for ever, so that the silence of the furnishers hides nothing."""
    file = fold(File(), list(enumerate(history)))
    file.reported = 12 * 2199 + 12
    day = next_day(TODAY, later_days)
    before, until = state(file, day, PROFILES[profile])
    for _ in range(30):
        day = next_day(day, 1)
        now, after = state(file, day, PROFILES[profile])
        assert (now == before) == (day != until)
        before, until = now, after
    for _ in range(12):  # and from edge to edge: the day before it, and the day itself
        if until == LAST_DAY:
            break
        same, _ = (
            state(file, next_day(until, -1), PROFILES[profile])
            if next_day(until, -1) > day
            else (before, until)
        )
        assert same == before
        day = until
        now, until = state(file, day, PROFILES[profile])
        assert now != before
        before = now


@settings(max_examples=25, deadline=None)
@given(thick, st.sampled_from(sorted(PROFILES)))
def test_over_several_years_from_edge_to_edge_and_on_a_sample_of_days(history, profile):
    file = fold(File(), list(enumerate(history)))
    file.reported = 12 * 2199 + 12
    day = TODAY
    before, until = state(file, day, PROFILES[profile])
    while day < "2038-01-01":
        day = min(next_day(day, 13), until)
        now, after = state(file, day, PROFILES[profile])
        assert (now == before) == (day != until), (day, until)
        before, until = now, after


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
