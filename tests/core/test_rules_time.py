"""R10 and R12 exhaustively: every kind of negative event, every profile, ends of behaviour on awkward days.

What has left is told from what stands by comparison: from the day on which it leaves, score, lines and reasons are
those of the same file without it; the day before they are not. So this holds for any card.
"""

from calendar import monthrange

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.reporting import event_types as et
from app.core.reporting.event_types import CLASS_BY_TYPE
from app.core.scoring.profiles import PROFILES
from app.core.scoring.score import score_file
from tests.core.event_samples import TYPES
from tests.core.fold_samples import (
    CARDS,
    STATUSES,
    days,
    file_of,
    inquiry,
    make,
    next_day,
    opened,
    placed,
    rent,
    settled,
    status,
)
from tests.soak import examples

OLD = opened("2000-01-01", account="old", class_="mortgage", opened_on="2000-01-01")
ENDS = (
    "2020-02-29",  # leaves on 28 February in a year that has no 29th
    "2024-02-29",
    "2021-02-28",
    "2019-03-01",
    "2020-08-31",  # six months later there is no 31st
    "2023-08-31",  # six months later there is a 29th
    "2021-12-31",
    "2022-01-01",
)
# From rules.md, R10: (years, months) after the end of the behaviour.
KEPT = {"cn": (5, 0), "us": (7, 0), "eu": (5, 0), "in": (5, 0)}
KEPT_INSOLVENCY = {"cn": (5, 0), "us": (10, 0), "eu": (0, 6), "in": (5, 0)}


def late(end, *hows):
    """A run that ends on a day, in its last months so bad; nothing healed it."""
    year, month = int(end[:4]), int(end[5:7])
    run = []
    for back, how in enumerate(reversed(hows)):
        before = 12 * year + month - 1 - back
        last = monthrange(before // 12, before % 12 + 1)[1]
        day = end if back == 0 else f"{before // 12}-{before % 12 + 1:02d}-{last:02d}"
        run.append(status(day, how, first="2018-01-01"))
    return run[::-1]


def case(begun, ended, **fields):
    return lambda end: [placed(begun, "2018-06-15", **fields), settled(ended, end)]


# Every kind of negative event, as the end of its behaviour makes it leave.
NEGATIVE = {
    **{how: lambda end, how=how: late(end, how) for how in STATUSES[1:]},
    "episode": lambda end: late(end, "late_1", "late_30", "late_60", "late_90", "late_120"),
    "episode that got better": lambda end: late(end, "late_120", "late_1"),
    "court_debt": case(et.CourtDebt, et.CourtDebtSettled),
    "collection": case(et.CollectionPlaced, et.CollectionSettled),
    "arrears of tax": case(et.Arrears, et.ArrearsPaid, kind="tax"),
    "arrears of fees": case(et.Arrears, et.ArrearsPaid, kind="fee"),
    "insolvency": case(et.Insolvency, et.InsolvencyDischarged),
}


def leaves_on(end, years, months):
    """The same day so much later, or its month's last; counted here by hand."""
    month = int(end[5:7]) - 1 + months
    year, month = int(end[:4]) + years + month // 12, month % 12 + 1
    return f"{year}-{month:02d}-{min(int(end[8:]), monthrange(year, month)[1]):02d}"


def most_lost(card, measure):
    """The points that a criterion has to lose."""
    (points,) = (c.points for c in card.contents.criteria if [m.id for m in c.measures] == [measure])
    return max(points) - points[-1]


def found(events, day, card, profile):
    file = file_of(OLD, rent(day, account="now"), *events)
    file.reported = 12 * 2199 + 12
    scored = score_file(file, day, card, profile)
    return scored.score, scored.criteria, scored.reasons


def test_r10_every_negative_type_is_tried_here():
    """A type that is negative whenever it comes is a record or a late mark: what KINDS names."""
    always = {name for name, cls in CLASS_BY_TYPE.items() if "notified_on" in TYPES[name][0]}
    assert always == {"court_debt", "insolvency", "arrears", "collection_placed", "telecom"}  # a late telecom
    assert set(STATUSES[1:]) <= NEGATIVE.keys()


@pytest.mark.parametrize("kind", NEGATIVE)
@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("card", CARDS)
def test_r10_what_is_negative_leaves_to_the_day(kind, name, card):
    profile = PROFILES[name]
    for end in ENDS:
        gone = leaves_on(end, *(KEPT_INSOLVENCY if kind == "insolvency" else KEPT)[name])
        events = NEGATIVE[kind](end)
        before, on, after = next_day(gone, -1), gone, next_day(gone)
        assert found(events, before, card, profile)[0] < found([], before, card, profile)[0], end
        for day in (on, after, next_day(gone, 400)):
            assert found(events, day, card, profile) == found([], day, card, profile), (end, day)


@pytest.mark.parametrize(
    "kind", [kind for kind in NEGATIVE if kind.startswith(("court", "coll", "arr", "ins"))]
)
@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("card", CARDS)
def test_r10_what_has_not_ended_has_not_left(kind, name, card):
    """A debt that nobody settled, an insolvency without discharge: it stands as it did on its first day."""
    begun = NEGATIVE[kind]("2020-02-29")[:1]
    for day in ("2018-06-15", "2025-02-28", "2031-03-01", "2060-01-01"):
        profile = PROFILES[name]
        lost = found([], day, card, profile)[0] - found(begun, day, card, profile)[0]
        assert lost == most_lost(card, "records"), day


@pytest.mark.parametrize("cls", [et.Rent, et.Utility, et.Telecom])
def test_r10_a_late_rent_or_bill_was_never_in_the_score(cls):
    event = make(
        cls, "2026-11-01", account="x", status="late", notified_on="2026-10-01", notified_by="letter"
    )
    for profile in PROFILES.values():
        for day in ("2026-11-01", "2031-11-01"):
            assert found([event], day, CARDS[0], profile) == found([], day, CARDS[0], profile)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(sorted(NEGATIVE)),
    days("2019-06-01", "2024-12-31"),
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(CARDS),
)
def test_r10_for_any_end(kind, end, name, card):
    profile, events = PROFILES[name], NEGATIVE[kind](end)
    gone = leaves_on(end, *(KEPT_INSOLVENCY if kind == "insolvency" else KEPT)[name])
    before = next_day(gone, -1)
    assert found(events, before, card, profile)[0] < found([], before, card, profile)[0]
    assert found(events, gone, card, profile) == found([], gone, card, profile)


# ---- R12, R19
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("day", [*ENDS, "2024-01-30", "2025-11-22"])
def test_r12_an_application_counts_for_12_months_and_is_kept_for_24(name, day):
    profile, gone = PROFILES[name], leaves_on(day, 1, 0)
    asked, before = inquiry(day, "mortgage"), next_day(gone, -1)
    assert found([asked], before, CARDS[0], profile)[0] < found([], before, CARDS[0], profile)[0]
    for later in (gone, next_day(gone)):
        assert found([asked], later, CARDS[0], profile) == found([], later, CARDS[0], profile)
    last = next_day(leaves_on(day, 2, 0), -1)
    assert [entry.day for entry in file_of(asked, inquiry(last)).inquiries] == [day, last]


@pytest.mark.parametrize("purpose", ["account_review", "collection", "regulator", "self"])
def test_r19_any_number_of_other_looks_by_anybody_changes_nothing(purpose):
    looks = [inquiry(f"2026-{month:02d}-01", "mortgage", purpose) for month in range(1, 12)]
    own = [
        make(
            et.Look,
            "2026-11-01",
            recipient="citizen",
            purpose=purpose,
            time="2026-11-01T04:00:00Z",
            shown=("file",),
        ),
        make(et.Inquiry, "2026-11-01", purpose="credit_application", time="2026-11-01T04:00:00Z"),
    ]
    for profile in PROFILES.values():
        day = "2026-11-22"
        assert found(looks + own, day, CARDS[0], profile) == found([], day, CARDS[0], profile)
