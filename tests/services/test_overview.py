"""The score over time: the versions that blocks wrote, thinned, cut where something was destroyed; and the picture of it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.citizens import overview
from app.services.citizens.overview import POINTS_MAX, thinned
from app.web import chart
from tests.services.builders import card

CITIZEN = "uci:1"


def number_of(ledger):
    with ledger.bureau.transaction() as connection:
        return ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN].id


def points(ledger):
    past = overview.overview(ledger.bureau, number_of(ledger)).past
    return [(point.day, point.score) for point in past.points]


def test_the_past_has_the_last_score_of_each_day_on_which_one_was_written(ledger):
    first = ledger.clock.day()
    ledger.report(1, months=8)
    ledger.step()
    scores = [overview.overview(ledger.bureau, number_of(ledger)).score]
    assert points(ledger) == [(first, scores[0])]
    ledger.admit(ledger.lender.batch([ledger.lender.opened(CITIZEN, account="card-2")]))
    ledger.step()  # the same day: the later one stands for it
    scores[0] = overview.overview(ledger.bureau, number_of(ledger)).score
    ledger.clock.move(days=20)
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN, late=True)]))
    ledger.step()
    scores.append(overview.overview(ledger.bureau, number_of(ledger)).score)
    assert scores[1] < scores[0]
    assert points(ledger) == [(first, scores[0]), (ledger.clock.day(), scores[1])]
    ledger.publish(card("another", unknown_age=9), ahead=1)
    ledger.clock.move(days=1)
    ledger.step()
    past = overview.overview(ledger.bureau, number_of(ledger)).past
    assert [point.is_new_card for point in past.points] == [False, False, True]
    assert (past.is_cut, past.is_monthly) == (False, False)


def test_r35_days_without_a_number_are_in_it_too(ledger):
    ledger.admit(ledger.utility.batch([ledger.utility.utility(CITIZEN)]))
    ledger.step()
    assert points(ledger) == [(ledger.clock.day(), None)]


@given(st.lists(st.dates(dt.date(2020, 1, 1), dt.date(2027, 1, 1)), unique=True, max_size=400))
def test_of_many_versions_one_a_month_is_opened_and_never_more_than_there_is_room_for(days):
    versions = [(day.isoformat(), block) for block, day in enumerate(sorted(days))]
    chosen = thinned(versions)
    assert len(chosen) <= POINTS_MAX
    assert chosen == sorted(set(chosen) & set(versions))
    assert chosen[-1:] == versions[-1:], "the newest is always there"
    if len(versions) <= POINTS_MAX:
        assert chosen == versions
    else:
        months = [day[:7] for day, _ in chosen]
        assert months == sorted(set(months))
        assert months == sorted({day[:7] for day, _ in versions})[-POINTS_MAX:]
        last = {day[:7]: (day, block) for day, block in versions}
        assert all(last[day[:7]] == (day, block) for day, block in chosen)


scores = st.none() | st.integers(300, 850)
histories = st.lists(
    st.tuples(st.dates(dt.date(2020, 1, 1), dt.date(2027, 1, 1)), scores),
    unique_by=lambda each: each[0],
    max_size=36,
)


@given(histories, st.integers(0, 400))
def test_the_picture_stays_inside_and_shows_each_score_where_it_belongs(history, later):
    told = [(day.isoformat(), score) for day, score in sorted(history)]
    last = (max((day for day, _ in history), default=dt.date(2020, 1, 1)) + dt.timedelta(later)).isoformat()
    curve = chart.curve(told, last)
    with_score = [(day, score) for day, score in told if score is not None]
    if curve is None:
        assert len(with_score) < 2
        return
    assert [score for _, _, score in curve.marks] == [score for _, score in with_score]
    xs = [x for x, _, _ in curve.marks]
    assert xs == sorted(xs)
    assert 3 <= len(curve.lines) <= 6
    by_score = sorted((score, y) for _, y, score in curve.marks)
    assert [y for _, y in by_score] == sorted((y for _, y in by_score), reverse=True), "higher is higher"
    numbers = [float(each) for each in re.findall(r"[MHV ]([\d.]+)", curve.path)]
    assert all(chart.PAST_TOP <= each <= chart.PAST_RIGHT for each in numbers)
    for x, y, _ in curve.marks:
        assert chart.PAST_LEFT <= x <= chart.PAST_RIGHT
        assert chart.PAST_TOP <= y <= chart.PAST_BOTTOM
    assert curve.path.startswith("M")
    assert {score % chart.GRID for score, _ in curve.lines} == {0}


@pytest.mark.parametrize("score", [300, 301, 575, 849, 850])
def test_a_score_that_never_changes_has_a_picture_too(score):
    curve = chart.curve([("2026-01-01", score), ("2026-02-01", score)], "2026-03-01")
    assert curve.path.count("V") == 1
    assert curve.lines[0][0] <= score <= curve.lines[-1][0]
