"""R23 and R35: whoever files a dispute is never worse off by it than the item itself demands.

Whole lives with hundreds of reports are disputed item by item, in any order, until everything is in dispute. At each step the
file of before and that of behind are scored on one day. What holds of every item, and of which kinds a dispute can
lower a score, is what docs/scorecard.md and the page before signing tell the citizen.
"""

from random import Random

import pytest

from app.core.months import LAST_DAY
from app.core.reporting import event_types as et
from app.core.reporting.events import type_of
from app.core.scoring.fold import fold_history
from app.core.scoring.profiles import CN, PROFILES
from app.core.scoring.score import score_file
from tests.core.fold_samples import (
    CARD,
    CARDS,
    TODAY,
    ago,
    closed,
    dispute,
    next_day,
    only_helps,
    opened,
    payment,
    placed,
    rent,
    retraction,
    settled,
    statement,
    status,
    undisputed,
)
from tests.services.random_files import random_life
from tests.soak import examples

SPEAK_FOR_AND_AGAINST = {"account_opened", "account_closed", "statement"}
DISPUTES = 12  # of each life


def steps_of(random, life):
    """The log with a dispute more each time: (the item in the last one, the log before it, the log with it)."""
    log = list(enumerate(life))
    items = [item for item in log if type(item[1]) not in {et.Freeze, et.Thaw}]
    for index, event in random.sample(items, min(len(items), DISPUTES)):
        before, log = log, [*log, (len(log), dispute(index))]
        yield event, before, log


def worsened(before, after):
    """The criteria with fewer points than before."""
    return {then[0] for then, now in zip(before.criteria, after.criteria, strict=True) if now[2] < then[2]}


def test_r23_no_dispute_takes_a_score_away_and_none_of_a_negative_or_helpful_item_lowers_it():
    random = Random(23)
    lowered, kept = set(), 0
    for number in range(examples(250)):
        life = random_life(random)
        card, profile = CARDS[number % 2], PROFILES[random.choice(sorted(PROFILES))]
        day = next_day(TODAY, random.choice((0, 0, random.randrange(200), random.randrange(2_500))))
        for item, log, more in steps_of(random, life):
            before, after = (score_file(fold_history(each), day, card, profile) for each in (log, more))
            assert set(after.insufficient) <= set(before.insufficient), (item, day)
            if before.score is None:
                continue
            kept += score_file(fold_history(more, 1), day, card, profile).score is None
            if after.score < before.score:
                lowered.add(type_of(item))
            if type_of(item) not in SPEAK_FOR_AND_AGAINST:
                assert not worsened(before, after), (item, day)
    assert lowered == SPEAK_FOR_AND_AGAINST, "each of them can, and nothing else"
    assert kept > 50, "what leaves its items out altogether takes many scores away"


def test_r23_silence_at_the_deadline_takes_no_score_away_either():
    """The item is out for good; that there was a report stays, so the citizen stands as while it was in dispute."""
    random = Random(25)
    for number in range(examples(60)):
        log = list(enumerate(random_life(random)))
        items = [index for index, event in log if type(event) not in {et.Freeze, et.Thaw}]
        chosen = random.sample(items, min(len(items), 4))
        filed = log + [(len(log) + n, dispute(index)) for n, index in enumerate(chosen)]
        outcome = random.choice(["deadline", "unverifiable"])
        ended = filed + [
            (len(filed) + n, undisputed(index, outcome=outcome)) for n, index in enumerate(chosen)
        ]
        open_, over = fold_history(filed), fold_history(ended)
        assert over.disputed == 0
        over.disputed = open_.disputed
        assert over == open_, number


# ---- a file of six months, as all of the research data are
# --------------------------------------------------------------------------------------------------

LATE = status("2026-08-15", "late_60")
SIX = [
    opened(ago(6)),
    *(status(ago(age), "on_time") for age in (1, 2, 4, 5, 6)),
    LATE,
    statement(ago(1), 9_000, limit_minor=10_000),
    payment(ago(1), 300),
]


def score_of(*events, day=TODAY):
    return score_file(fold_history(enumerate(events)), day, CARD, CN)


def test_r23_the_only_late_month_of_a_file_of_six_months_is_disputed_and_the_score_is_better():
    place = SIX.index(LATE)
    before, during = score_of(*SIX), score_of(*SIX, dispute(place))
    unanswered = score_of(*SIX, dispute(place), undisputed(place, outcome="deadline"))
    never_late = score_of(*(event for event in SIX if event is not LATE), status("2026-08-15"))
    assert before.score < during.score == unanswered.score
    # as if it had been on time, but for the month on time that nobody has reported
    assert [row[:2] for row in during.criteria if row[0] != "on_time_months"] == [
        row[:2] for row in never_late.criteria if row[0] != "on_time_months"
    ]


def test_r27_what_is_retracted_was_never_reported_also_where_that_leaves_no_score():
    place = SIX.index(LATE)
    assert score_of(*SIX, dispute(place), retraction(place)).insufficient == ("too_young",)


def test_r23_everything_in_dispute_is_a_file_that_nothing_speaks_against():
    everything = score_of(*SIX, *map(dispute, range(len(SIX))))
    assert everything.score is not None
    assert {name for name, _, points, most in everything.criteria if points < most} == {
        "utilisation", "paid_share", "oldest_age", "on_time_months",
    }  # fmt: skip


def test_r23_the_only_report_of_six_months_goes_on_counting_as_one_until_it_is_six_months_old():
    old = opened("2020-01-01", account="old", class_="mortgage", opened_on="2020-01-01")
    late = status(ago(2), "late_90", account="old")
    plain, disputed = score_of(old, late), score_of(old, late, dispute(1))
    assert disputed.score > plain.score
    assert score_of(old, late, dispute(1), day=next_day(disputed.until, -1)).score == disputed.score
    assert score_of(old, late, dispute(1), day=disputed.until).insufficient == ("nothing_reported",)


def test_r23_an_opening_in_dispute_still_says_how_old_the_file_is_and_not_that_the_account_is_new():
    new = opened(ago(7), opened_on=ago(7))
    other = opened(ago(3), account="b", opened_on=ago(3))
    third = opened(ago(2), account="c", opened_on=ago(2))
    log = [new, other, third, rent(TODAY)]
    before, after = (
        {row[0]: row[1] for row in score_of(*each).criteria} for each in (log, [*log, dispute(0)])
    )
    assert after["oldest_age"] == before["oldest_age"]
    assert after["opened"] == before["opened"] - 1
    assert score_of(*log, *map(dispute, range(4))).score is not None


@pytest.mark.parametrize(
    ("item", "others", "criterion"),
    [
        (statement(ago(0), 100, limit_minor=10_000), [opened(ago(12))], "utilisation"),
        (opened(ago(12), limit_minor=10_000), [statement(ago(0), 100), payment(ago(0), 5)], "utilisation"),
        (closed(ago(1)), [opened(ago(12)), status(ago(2), "late_60")], "current"),
    ],
)
def test_r23_what_speaks_for_and_against_is_left_out_as_the_citizen_asks(item, others, criterion):
    """These the page before signing says with both numbers."""
    log = [
        opened("2020-01-01", account="old", class_="mortgage", opened_on="2020-01-01"),
        *others,
        rent(TODAY),
        item,
    ]
    before, after = score_of(*log), score_of(*log, dispute(len(log) - 1))
    assert after.score < before.score
    assert criterion in worsened(before, after)


def test_r23_until_is_exact_with_items_in_dispute():
    """Day by day nothing changes before it, and something does on it."""
    random = Random(31)
    for number in range(examples(12)):
        life = random_life(random)
        log = list(enumerate(life))
        log += [
            (len(log) + n, dispute(item))
            for n, item in enumerate(random.sample(range(len(life)), len(life) // 3))
        ]
        file, day = fold_history(log), TODAY
        found = score_file(file, day, CARDS[number % 2], CN)
        for _ in range(400):
            day = next_day(day)
            again = score_file(file, day, CARDS[number % 2], CN)
            if day < found.until:
                assert (again.criteria, again.insufficient) == (found.criteria, found.insufficient)
            else:
                assert day == found.until
            found = again
        assert found.until <= LAST_DAY


def test_r23_a_disputed_settlement_or_payment_stays():
    debt = [*SIX, placed(et.CourtDebt, ago(20)), settled(et.CourtDebtSettled, ago(13))]
    for item, event in enumerate(debt):
        if only_helps(event):
            assert score_of(*debt, dispute(item)).score == score_of(*debt).score
