"""R11: what is past its retention, to the day, and that no score can tell that it is gone."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.months import LAST_DAY
from app.core.reporting import event_types as et
from app.core.scoring.fold import fold_history
from app.core.scoring.folded import encode_file
from app.core.scoring.profiles import CN, PROFILES
from app.core.scoring.score import score_file
from app.core.state.retention import due, may_hold, same_for_ever
from tests.core.fold_samples import (
    CARD,
    NOTICE,
    PAPER,
    business,
    community,
    days,
    events,
    inquiry,
    make,
    next_day,
    opened,
    placed,
    records,
    rent,
    settled,
    status,
    statuses,
)

OLD = opened("2010-01-01", account="old", class_="mortgage", opened_on="2010-01-01")
LAST_OF_PROFILES = 120  # months


def due_of(*items, day, profile=CN):
    """The places, in the order of the arguments, of what is due."""
    return sorted(due(list(enumerate(items)), day, CARD, profile))


def leaves_on(*items, day, profile=CN, going):
    """Assert that nothing is due the day before, and `going` on the day and later."""
    assert due_of(*items, day=next_day(day, -1), profile=profile) == []
    for later in (day, next_day(day), next_day(day, 4000)):
        assert due_of(*items, day=later, profile=profile) == going


def repair(cls, day="2019-01-01", **fields):
    signed = PAPER if cls in {et.DisputeOpened, et.CitizenStatement} else {}
    return make(cls, day, **signed, **fields)


def corrected(target, day, **fields):
    return repair(et.Correction, day, target=target, fields={"day": day, **fields})


# ---- to the day


@pytest.mark.parametrize(("name", "years"), [("cn", 5), ("us", 7), ("eu", 5), ("in", 5)])
@pytest.mark.parametrize("end", ["2020-03-31", "2020-02-29", "2021-03-01", "2019-12-31"])
def test_r11_negative_events_go_on_the_day_on_which_they_leave_the_score(name, years, end):
    day = f"{int(end[:4]) + years}{end[4:]}".replace("-02-29", "-02-28")
    profile = PROFILES[name]
    late = [status("2019-12-01", "late_60"), status(end, "charged_off"), status("2021-04-01")]
    leaves_on(OLD, *late, day=day, profile=profile, going=[1, 2])
    debt = [placed(et.CourtDebt, "2018-01-01"), settled(et.CourtDebtSettled, end)]
    leaves_on(OLD, *debt, day=day, profile=profile, going=[1, 2])
    leaves_on(OLD, rent(end, "late"), rent(end), day=day, profile=profile, going=[1])


@pytest.mark.parametrize(
    ("name", "day"), [("cn", "2025-02-28"), ("us", "2030-02-28"), ("eu", "2020-08-29"), ("in", "2025-02-28")]
)
def test_r11_an_insolvency_goes_after_its_discharge(name, day):
    case = [placed(et.Insolvency, "2015-01-01"), settled(et.InsolvencyDischarged, "2020-02-29")]
    leaves_on(OLD, *case, day=day, profile=PROFILES[name], going=[1, 2])


def test_what_is_open_and_what_goes_on_stays():
    for still in (
        [placed(et.CollectionPlaced, "2011-01-01")],
        [placed(et.Arrears, "2011-01-01", kind="tax")],
        [status("2011-01-31", "late_30"), *[status(f"20{y}-01-31", "late_60") for y in range(12, 27)]],
    ):
        assert due_of(OLD, *still, day="2026-11-22") == []
    assert due_of(OLD, settled(et.CourtDebtSettled, "2011-01-01"), day="2026-11-22") == [1]


def test_an_episode_goes_as_a_whole_and_the_next_one_by_itself():
    first = [status("2015-01-31", "late_30"), status("2016-06-30", "late_60"), status("2016-07-31")]
    second = [status("2019-01-31", "late_30")]
    assert due_of(OLD, *first, *second, day="2021-06-29") == []
    assert due_of(OLD, *first, *second, day="2021-06-30") == [1, 2]
    assert due_of(OLD, *first, *second, day="2024-01-31") == [1, 2, 4]


def test_a_late_month_that_the_file_keeps_no_more_goes_too():
    kept = [status(f"{2010 + n // 12}-{n % 12 + 1:02d}-28") for n in range(2, 180)]
    history = [OLD, status("2010-01-28", "late_30"), *kept]
    assert not fold_history(enumerate(history)).accounts["bank.example:a"].late
    assert due_of(*history, day="2026-11-22") == [1]


def test_good_conduct_and_accesses_never_go():
    good = [
        OLD,
        status("2011-01-31"),
        rent("2011-01-31"),
        inquiry("2011-01-31"),
        make(et.Freeze, "2011-01-31", **PAPER),
    ]
    assert due_of(*good, status("2011-02-28", "late_1"), day="2026-11-22") == [5]


# ---- repairs


def test_repairs_and_statements_go_with_what_they_are_about():
    late = status("2015-01-31", "late_30")
    fixed = corrected(
        1, "2015-01-20", account="a", status="late_1", first_delinquent_on="2015-01-02", **NOTICE
    )
    history = [
        OLD,
        late,
        fixed,
        repair(et.DisputeOpened, target=2, ground="other"),
        repair(et.DisputeClosed, target=2, outcome="upheld", reason="it stands"),
        repair(et.CitizenStatement, text="I was ill.", target=1),
        repair(et.CitizenStatement, text="I am well."),
        repair(et.Retraction, target=2, reason="reported_in_error"),
        rent("2015-01-01"),
    ]
    leaves_on(*history, day="2020-01-31", going=[1, 2, 3, 4, 5, 7])
    leaves_on(*history[:3], day="2020-01-20", going=[1, 2])  # the corrected day counts


def test_what_was_retracted_or_corrected_to_good_goes_by_its_own_day():
    late = status("2015-01-31", "late_30")
    leaves_on(
        OLD, late, repair(et.Retraction, target=1, reason="wrong_person"), day="2020-01-31", going=[1, 2]
    )
    good = corrected(1, "2015-01-10", account="a", status="on_time")
    leaves_on(OLD, late, good, day="2020-01-31", going=[1, 2])
    debt = placed(et.CourtDebt, "2015-01-31")
    gone = repair(et.Retraction, target=1, reason="wrong_person")
    leaves_on(OLD, debt, gone, day="2020-01-31", going=[1, 2])


def test_nothing_goes_while_a_dispute_about_it_is_open():
    dispute = repair(et.DisputeOpened, target=1, ground="not_mine")
    closed = repair(et.DisputeClosed, target=1, outcome="upheld", reason="it stands")
    for negative in (
        status("2015-01-31", "late_30"),
        rent("2015-01-31", "late"),
        settled(et.CollectionSettled, "2015-01-31"),
    ):
        assert due_of(OLD, negative, dispute, day="2026-11-22") == []
        assert due_of(OLD, negative, dispute, closed, day="2026-11-22") == [1, 2, 3]
    # about another status of the account: an on-time month that may or may not have ended the episode
    late = [status("2014-01-31", "late_30"), status("2014-02-28"), status("2018-12-31", "late_30")]
    open_dispute = repair(et.DisputeOpened, target=2, ground="not_mine")
    assert due_of(OLD, *late, open_dispute, day="2023-01-01") == []


def test_the_order_may_be_cut_anywhere():
    history = [
        OLD,
        settled(et.CourtDebtSettled, "2015-01-01"),
        repair(et.CitizenStatement, text="Paid.", target=1),
        placed(et.CourtDebt, "2014-01-01"),
    ]
    assert due(list(enumerate(history)), "2026-11-22", CARD, CN) == [3, 1, 2]


# ---- what a score could tell


def test_a_late_month_that_a_thin_file_needs_stays_until_it_no_longer_counts():
    """Six reported months stand in for the age of an account whose opening nobody knows; after 120 months none counts."""
    unknown = [opened("2015-01-01", opened_on=None), *[status(f"2016-0{m}-28") for m in range(2, 7)]]
    history = [*unknown, status("2016-01-28", "late_30"), rent("2021-02-01")]
    assert due_of(*history, day="2021-01-28") == []
    assert due_of(*history, day="2025-12-31") == []
    assert due_of(*history, day="2026-01-01") == [7 - 1]


def test_what_has_left_does_not_come_back_with_a_later_late_report():
    """R10: neither with the next one, nor with one of the very month in which it leaves."""
    past = [OLD, status("2018-05-01"), status("2021-03-31", "late_120"), status("2021-04-30", "charged_off")]
    for day in ("2026-04-30", "2026-05-01", "2027-01-31"):
        whole = fold_history(enumerate([*past, status(day, "charged_off"), rent(day)]))
        rest = fold_history(enumerate([*past[:2], status(day, "charged_off"), rent(day)]))
        assert score_file(whole, day, CARD, CN) == score_file(rest, day, CARD, CN)
    joined = fold_history(enumerate([*past, status("2026-03-31", "late_1"), rent("2026-03-31")]))
    marks = score_file(joined, "2026-04-01", CARD, CN).criteria
    assert marks[0][1] == 4, "within the time it is one episode"


histories = st.lists(
    st.one_of(
        statuses(days("2012-01-01", "2026-11-22")),
        statuses(days("2018-01-01", "2022-01-01")),
        business(days("2020-01-01", "2026-11-22")),
        community(days("2018-01-01", "2026-11-22")),
        records(days("2012-01-01", "2026-11-22")),
        events(),
    ),
    max_size=25,
)
some_repairs = st.lists(
    st.tuples(st.sampled_from(["correct", "retract", "dispute", "close", "state"]), st.integers(0, 30)),
    max_size=5,
)


def with_repairs(items, wanted):
    history = list(items)
    for what, at in wanted:
        if at >= len(history):
            continue
        target = history[at]
        if what == "dispute":
            history.append(repair(et.DisputeOpened, "2026-01-01", target=at, ground="other"))
        elif what == "close":
            history.append(repair(et.DisputeClosed, "2026-01-01", target=at, outcome="upheld", reason="so"))
        elif what == "state":
            history.append(repair(et.CitizenStatement, "2026-01-01", target=at, text="so"))
        elif what == "retract" and not isinstance(target, et.Retraction):
            history.append(repair(et.Retraction, "2026-01-01", target=at, reason="ordered"))
        elif what == "correct" and isinstance(target, et.Status):
            history.append(corrected(at, target.day, account=target.account, status="on_time"))
    return list(enumerate(history))


@settings(max_examples=250, deadline=None)
@given(histories, some_repairs, st.sampled_from(sorted(PROFILES)), st.integers(0, 4000), st.booleans())
@example([status("2020-01-01", "late_30"), status("2020-02-01"), OLD], [], "cn", 0, True)
def test_no_score_can_tell_on_that_day_or_any_later_one(items, wanted, name, later, kept):
    """Against `same_for_ever`, which walks from edge to edge, on days of its own too."""
    profile, day = PROFILES[name], next_day("2026-11-22", later)
    history = with_repairs([*items, OLD, rent(day)] if kept else items, wanted)
    going = due(history, day, CARD, profile)
    assert len(set(going)) == len(going)
    rest = [pair for pair in history if pair[0] not in going]
    whole, left = fold_history(history), fold_history(rest)
    for ahead in (0, 1, 29, 31, 181, 366, 1000, 2500):
        at = min(next_day(day, ahead), LAST_DAY)
        assert score_file(whole, at, CARD, profile) == score_file(left, at, CARD, profile)
    assert may_hold(whole) or not going or any(event.day < "2018" for _, event in history)
    still = due(rest, day, CARD, profile)
    assert all(index not in going for index in still), "what is gone is gone"
    for cut in range(0, len(going), 3):
        part = fold_history(pair for pair in history if pair[0] not in going[:cut])
        assert same_for_ever(whole, part, day, CARD, profile), "a part at a time"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(statuses(days("2015-01-01", "2021-10-01")), max_size=15),
    records(days("2015-01-01", "2021-10-01")),
)
def test_nothing_negative_is_left_when_all_has_ended(items, record):
    """Statuses and a case of one furnisher, five years and more later: only good conduct and what is open remains."""
    history = list(enumerate([*items, OLD, record]))
    going = due(history, "2026-11-22", CARD, CN)
    left = [event for index, event in history if index not in going]
    assert not any(event.negative for event in left if isinstance(event, et.Status))
    file = fold_history(enumerate(left))
    assert not any(account.late for account in file.accounts.values())
    assert b"settled" not in encode_file(file)
