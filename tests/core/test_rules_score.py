"""The rules of rules.md that the fold and the score answer for, each by its number."""

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.months import add_months
from app.core.reporting import event_types as et
from app.core.reporting.events import encode_event
from app.core.scoring.fold import fold
from app.core.scoring.folded import File, encode_file
from app.core.scoring.profiles import CN, PROFILES
from app.core.scoring.score import receipt_json, score_file, score_json
from app.core.state.account_state import PlacedEvent, Rules, advance
from tests.core.fold_samples import (
    CARD,
    CARDS,
    CRITERIA,
    STATUSES,
    TODAY,
    ago,
    community,
    days,
    file_of,
    freeze,
    histories,
    inquiry,
    next_day,
    opened,
    placed,
    rent,
    scored,
    settled,
    status,
    statuses,
)
from tests.soak import examples

OLD = opened("2010-01-01", account="old", class_="mortgage", opened_on="2010-01-01")


def negative_bins(events, day, profile):
    """(since_late, records) of a file that is reported on all the time."""
    file = file_of(OLD, *events)
    file.reported = 12 * 2199 + 12
    rows = score_file(file, day, CARD, profile).criteria
    return rows[CRITERIA.index("since_late")][1], rows[CRITERIA.index("records")][1]


# ---- R10


@pytest.mark.parametrize(("name", "years"), [("cn", 5), ("us", 7), ("eu", 5), ("in", 5)])
@pytest.mark.parametrize("end", ["2020-03-31", "2020-02-29", "2021-03-01", "2019-12-31"])
def test_r10_negative_events_leave_exactly_when_the_behaviour_ended_and_so_many_years(name, years, end):
    profile = PROFILES[name]
    leaves = f"{int(end[:4]) + years}{end[4:]}".replace("-02-29", "-02-28")
    late = [status("2019-12-01", "late_60"), status(end, "charged_off"), status("2021-04-01")]
    debt = [placed(et.CourtDebt, "2018-01-01"), settled(et.CourtDebtSettled, end)]
    for events, place in ((late, 0), (late, 1), (debt, 1)):
        assert negative_bins(events, next_day(leaves, -1), profile)[place] > 0
        assert negative_bins(events, leaves, profile)[place] == 0
        assert negative_bins(events, next_day(leaves), profile)[place] == 0
    for day in (next_day(leaves, -1), leaves):
        reasons = scored([OLD, *late, *debt, rent(day, account="x")], day, profile).reasons
        assert ("records" in reasons) == (day < leaves)


def test_r10_what_ended_on_29_february_leaves_on_29_february_where_there_is_one():
    debt = [placed(et.CollectionPlaced, "2019-01-01"), settled(et.CollectionSettled, "2020-02-29")]
    for years, leaves in ((48, "2024-02-29"), (60, "2025-02-28"), (84, "2027-02-28")):
        assert add_months("2020-02-29", years) == leaves
    assert [negative_bins(debt, day, CN)[1] for day in ("2025-02-27", "2025-02-28", "2025-03-01")] == [
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("name", "leaves"),
    [("cn", "2025-06-10"), ("us", "2030-06-10"), ("eu", "2020-12-10"), ("in", "2025-06-10")],
)
def test_r10_an_insolvency_leaves_after_its_discharge(name, leaves):
    case = [placed(et.Insolvency, "2015-01-01"), settled(et.InsolvencyDischarged, "2020-06-10")]
    assert negative_bins(case, next_day(leaves, -1), PROFILES[name])[1] > 0
    assert negative_bins(case, leaves, PROFILES[name])[1] == 0


def test_r10_an_episode_leaves_as_a_whole_when_its_end_is_old_enough():
    run = [status(f"20{year}-06-30", "late_60") for year in range(15, 20)]
    assert negative_bins(run, "2024-06-29", CN)[0] == 1
    assert negative_bins(run, "2024-06-30", CN)[0] == 0
    assert negative_bins([*run, status("2019-01-10")], "2024-06-29", CN)[0] == 1


def test_r10_what_is_open_has_not_ended():
    assert negative_bins([placed(et.CourtDebt, "2011-01-01")], "2060-01-01", CN)[1] == 4


# ---- R12, R19


def test_r12_inquiries_count_for_12_months_to_the_day():
    for day, leaves in (("2025-11-22", "2026-11-22"), ("2024-02-29", "2025-02-28")):
        file = file_of(OLD, inquiry(day), rent(leaves))
        bins = [
            score_file(file, at, CARD, CN).criteria[10][1]
            for at in (next_day(leaves, -1), leaves, next_day(leaves))
        ]
        assert bins == [1, 0, 0]


def test_r12_inquiries_are_kept_for_at_least_24_months():
    file = file_of(inquiry("2024-11-30"), inquiry("2026-11-01"))
    assert [entry.day for entry in file.inquiries] == ["2024-11-30", "2026-11-01"]


@pytest.mark.parametrize("purpose", ["account_review", "collection", "regulator", "self"])
def test_r19_no_look_but_a_credit_application_changes_anything(purpose):
    base = [OLD, rent(TODAY)]
    assert file_of(*base, inquiry(TODAY, purpose=purpose)) == file_of(*base)
    assert scored([*base, inquiry(TODAY)]).score < scored(base).score


# ---- R29, R30


@given(histories())
def test_r29_the_score_is_base_and_points_and_the_receipt_lists_bin_points_and_maximum(history):
    found = score_file(fold(File(), history), TODAY, CARD, CN)
    if found.score is None:
        assert (found.criteria, found.reasons) == ((), ())
        return
    assert found.score == 300 + sum(points for _, _, points, _ in found.criteria)
    assert 300 <= found.score <= 850
    assert tuple(row[0] for row in found.criteria) == CRITERIA
    for place, row in enumerate(found.criteria):
        assert row == CARD.criteria[place].rows[row[1]]


@given(histories())
def test_r30_reasons_are_by_points_lost_then_by_the_cards_order(history):
    found = score_file(fold(File(), history), TODAY, CARD, CN)
    lost = {name: best - points for name, _, points, best in found.criteria}
    ranked = sorted(
        (name for name in lost if lost[name]), key=lambda name: (-lost[name], CRITERIA.index(name))
    )
    fifth = ["inquiries"] if "inquiries" in ranked[4:] else []
    assert list(found.reasons) == ranked[:4] + fifth


def test_r30_four_reasons_and_a_fifth_for_inquiries_alone():
    bad = [OLD, *(status(ago(months), "late_120") for months in range(6))]
    assert scored(bad).reasons == ("current", "since_late", "worst_24", "on_time_months")
    assert scored([*bad, inquiry(TODAY)]).reasons == (
        "current",
        "since_late",
        "worst_24",
        "on_time_months",
        "inquiries",
    )
    assert "late_months" not in scored([*bad, inquiry(TODAY)]).reasons


# ---- R32


def test_r32_the_same_file_gives_the_same_bytes_in_another_process():
    history = [
        OLD,
        *(status(ago(months), STATUSES[months % 7]) for months in range(20)),
        inquiry(TODAY),
        rent(TODAY),
    ]
    order = list(enumerate(history))
    random.Random(3).shuffle(order)
    file = fold(File(), order)
    program = (
        "import sys; from app.core.scoring.folded import decode_file; from app.core.scoring.score import *;"
        "from app.core.scoring.scorecard import parse_card; from app.core.scoring.profiles import CN;"
        "data, card, day = bytes.fromhex(sys.argv[1]), parse_card(bytes.fromhex(sys.argv[2])), sys.argv[3];"
        "file = decode_file(data); s = score_file(file, day, card, CN);"
        "print((score_json(s, file, day, card) + receipt_json(s)).hex())"
    )
    arguments = [sys.executable, "-c", program, encode_file(file).hex(), CARD.document.hex(), TODAY]
    there = {
        subprocess.run(
            arguments, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    here = score_file(file_of(*history), TODAY, CARD, CN)
    assert there == {(score_json(here, file, TODAY, CARD) + receipt_json(here)).hex() + "\n"}


def test_r32_events_give_the_same_account_under_another_seed_locale_zone_and_order():
    """From the events' bytes on: folded, scored, salted and hashed by a process that shares nothing with this one."""
    events = [OLD, opened(), *(status(ago(months), STATUSES[months % 7]) for months in range(20))]
    events += [inquiry(TODAY), rent(TODAY), placed(et.CourtDebt, ago(9)), freeze(TODAY)]
    program = """
import sys
from app.core.state.account_state import PlacedEvent, Rules, advance
from app.core.reporting.events import decode_stored
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import parse_card
card, day, *lines = sys.argv[1:]
placed = [PlacedEvent(i, bytes(32), decode_stored(bytes.fromhex(line))) for i, line in enumerate(lines)]
rules = Rules(day, parse_card(bytes.fromhex(card)), PROFILES["cn"])
written = advance(None, placed, rules, bytes(32), lambda: [])
print(b"|".join(written.state.values()).hex(), written.state.account_value(bytes(32), 7).hex())
"""
    lines = [encode_event(event).hex() for event in events]
    for card in CARDS:
        command = [sys.executable, "-c", program, card.document.hex(), TODAY, *lines]
        there = {
            subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
            for environ in (
                {"PYTHONHASHSEED": "1"},
                {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"},
                {"PYTHONHASHSEED": "3", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONUTF8": "1"},
                {"PYTHONHASHSEED": "4", "PYTHONOPTIMIZE": "2", "TZ": "America/St_Johns"},
            )
        }
        numbered = [PlacedEvent(index, bytes(32), event) for index, event in enumerate(events)]
        here = advance(None, numbered, Rules(TODAY, card, CN), bytes(32), list)
        values = b"|".join(here.state.values()).hex()
        assert there == {f"{values} {here.state.account_value(bytes(32), 7).hex()}\n"}


# ---- R33

thick = histories("2015-01-01", TODAY, max_size=25).map(
    lambda items: [*items, (900, OLD), (901, rent(TODAY, account="now"))]
)
late = st.one_of(
    statuses(days("2015-01-01", TODAY), STATUSES[1:]),
    statuses(days("2025-10-01", TODAY), STATUSES[1:]),
)
on_time = st.one_of(
    statuses(days("2015-01-01", TODAY), STATUSES[:1]),
    statuses(days("2025-10-01", TODAY), STATUSES[:1]),
    community(days("2015-01-01", TODAY), ("on_time",)),
)
later = st.integers(0, 2500).map(lambda count: next_day(TODAY, count))


def points(history, day, profile, card):
    file = fold(File(), history)
    file.reported = 12 * 2199 + 12  # reports go on: silence is not what this is about
    return score_file(file, day, card, profile)


@settings(max_examples=examples(200), deadline=None)
@given(
    thick,
    st.lists(late, min_size=1, max_size=4),
    later,
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(CARDS),
)
def test_r33_a_late_mark_never_raises_on_any_day_and_in_any_criterion(history, marks, day, name, card):
    before = points(history, day, PROFILES[name], card)
    after = points([*history, *enumerate(marks, 1000)], day, PROFILES[name], card)
    assert after.score <= before.score
    assert all(left[2] <= right[2] for left, right in zip(after.criteria, before.criteria, strict=True))


@settings(max_examples=examples(200), deadline=None)
@given(
    thick,
    st.lists(on_time, min_size=1, max_size=4),
    later,
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(CARDS),
)
def test_r33_more_on_time_history_never_lowers_on_any_day_and_in_any_criterion(
    history, reports, day, name, card
):
    before = points(history, day, PROFILES[name], card)
    after = points([*history, *enumerate(reports, 1000)], day, PROFILES[name], card)
    assert after.score >= before.score
    assert all(left[2] >= right[2] for left, right in zip(after.criteria, before.criteria, strict=True))


def test_r33_a_milder_late_mark_does_not_heal_a_worse_one():
    worse = [OLD, status(ago(1), "late_120")]
    assert scored([*worse, status(ago(0), "late_1")]).score <= scored(worse).score


def test_r33_a_late_mark_that_drives_an_old_charge_off_out_of_the_file_does_not_raise():
    day = "2026-11-22"
    run = [
        status(ago(119), "charged_off"),
        *(status(ago(months), "late_30") for months in range(12, 119, 12)),
    ]
    for newest in (ago(1), ago(0)):
        assert (
            scored([OLD, rent(day), *run, status(newest, "late_30")]).score
            <= scored([OLD, rent(day), *run]).score
        )


negatives = st.builds(
    placed,
    st.sampled_from([et.CourtDebt, et.Insolvency, et.CollectionPlaced]),
    days("2015-01-01", TODAY),
    st.sampled_from(["c-1", "c-2", "c-3"]),
)
settlements = st.builds(
    settled,
    st.sampled_from([et.CourtDebtSettled, et.InsolvencyDischarged, et.CollectionSettled]),
    days("2015-01-01", TODAY),
    st.sampled_from(["c-1", "c-2", "c-3"]),
)


@settings(max_examples=examples(100), deadline=None)
@given(
    thick, st.tuples(negatives, settlements), later, st.sampled_from(sorted(PROFILES)), st.sampled_from(CARDS)
)
def test_r33_a_debt_never_raises_and_its_settlement_never_lowers(history, case, day, name, card):
    debt, end = case
    plain, owing, over = (
        points([*history, *enumerate(more, 1000)], day, PROFILES[name], card)
        for more in ((), (debt,), (debt, end))
    )
    assert owing.score <= plain.score
    assert over.score >= owing.score


@settings(max_examples=examples(60), deadline=None)
@given(
    thick,
    st.lists(community(days("2015-01-01", TODAY), ("late", "settled")), max_size=3),
    st.sampled_from(CARDS),
)
def test_r33_a_late_rent_never_raises(history, late_rents, card):
    before = points(history, TODAY, CN, card)
    assert points([*history, *enumerate(late_rents, 1000)], TODAY, CN, card).score <= before.score


# ---- R35


def test_r35_six_months_of_one_account():
    for months, why in ((5, ("too_young",)), (6, ())):
        assert scored([opened(ago(0), opened_on=ago(months))]).insufficient == why


def test_r35_six_reported_months_stand_in_for_an_unknown_opening():
    for count, why in ((5, ("too_young",)), (6, ())):
        reports = [status(ago(months), "late_120" if months else "on_time") for months in range(count)]
        assert scored([opened(ago(0)), *reports]).insufficient == why
        assert scored(reports).insufficient == why
        assert scored([opened(ago(0), opened_on=ago(0)), *reports]).insufficient == ("too_young",)
    two = [status(ago(months), account=account) for months in range(5) for account in ("a", "b")]
    assert scored(two).insufficient == ("too_young",)


def test_r35_six_community_months_on_time():
    for count, why in ((5, ("too_young",)), (6, ())):
        assert scored([rent(ago(months)) for months in range(count)]).insufficient == why
        twice = [
            rent(ago(months), account=account) for months in range(count) for account in ("flat", "shop")
        ]
        assert scored(twice).insufficient == why
    assert scored([rent(ago(months), "settled") for months in range(9)]).insufficient == ("too_young",)


def test_r35_nothing_reported_for_six_months():
    old = opened(ago(90), opened_on=ago(90))
    for months, why in ((5, ()), (6, ("nothing_reported",))):
        assert scored([old, status(ago(months))]).insufficient == why
    assert scored([]).insufficient == ("too_young", "nothing_reported")


@given(histories())
def test_r35_a_thin_file_has_no_number_and_says_what_is_missing(history):
    found = score_file(fold(File(), history), TODAY, CARD, CN)
    assert (found.score is None) == bool(found.insufficient)
    assert set(found.insufficient) <= {"too_young", "nothing_reported"}
    if found.insufficient:
        assert b'"score"' not in score_json(found, fold(File(), history), TODAY, CARD)
        assert (found.criteria, found.reasons) == ((), ())
