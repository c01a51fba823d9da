"""R8: within an episode the day of first delinquency stands; compared with the rule as a sentence, exhaustively."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.scoring.episodes import contradictions

A, B = "2026-01-05", "2026-03-05"


def episode_of(month, breaks):
    """The months that one episode spans, as a label: how many on-time months lie before."""
    return sum(1 for each in set(breaks) if each < month)


def slowly(breaks, known, reported):
    """The rule, said once more: the first day said of an episode stands, the file's before the batch's."""
    found = []
    for position, (month, day) in enumerate(reported):
        said = [known[m] for m in sorted(known) if episode_of(m, breaks) == episode_of(month, breaks)]
        said += [d for m, d in reported[:position] if episode_of(m, breaks) == episode_of(month, breaks)]
        if said and said[0] != day:
            found.append((position, said[0]))
    return found


def test_first_report_of_an_episode_stands():
    assert contradictions([], {}, [(1, A)]) == []
    assert contradictions([], {}, [(1, A), (2, A)]) == []
    assert contradictions([], {}, [(1, A), (2, B)]) == [(1, A)]
    assert contradictions([], {1: A}, [(2, B)]) == [(0, A)]


def test_r8_neither_later_nor_earlier():
    assert contradictions([], {3: B}, [(4, "2026-04-01")]) == [(0, B)]
    assert contradictions([], {3: B}, [(4, A)]) == [(0, B)]


def test_an_on_time_month_ends_the_episode_and_a_silent_one_does_not():
    assert contradictions([2], {1: A}, [(3, B)]) == []
    assert contradictions([], {1: A}, [(3, B)]) == [(0, A)]
    assert contradictions([0, 4], {1: A}, [(3, B)]) == [(0, A)], "on time before and after changes nothing"


def test_a_late_report_of_an_old_month_joins_its_own_episode():
    assert contradictions([3], {1: A, 5: B}, [(2, B)]) == [(0, A)]
    assert contradictions([3], {1: A, 5: B}, [(2, A), (4, B), (6, B)]) == []


def test_every_small_case_against_the_rule_as_a_sentence():
    months = range(1, 5)
    for codes in itertools.product("-0ABab", repeat=4):
        breaks = [m for m, code in zip(months, codes, strict=True) if code == "0"]
        known = {m: {"A": A, "B": B}[code] for m, code in zip(months, codes, strict=True) if code in "AB"}
        reported = [
            (m, {"a": A, "b": B}[code]) for m, code in zip(months, codes, strict=True) if code in "ab"
        ]
        for order in itertools.permutations(reported):
            assert contradictions(breaks, known, list(order)) == slowly(breaks, known, list(order)), codes


@settings(max_examples=150, deadline=None)
@given(
    breaks=st.lists(st.integers(1, 30)),
    known=st.dictionaries(st.integers(1, 30), st.sampled_from([A, B])),
    reported=st.lists(st.tuples(st.integers(1, 30), st.sampled_from([A, B, "2026-05-05"]))),
)
def test_long_ones_against_the_rule_as_a_sentence(breaks, known, reported):
    assert contradictions(breaks, known, reported) == slowly(breaks, known, reported)


@settings(max_examples=100, deadline=None)
@given(
    breaks=st.sets(st.integers(1, 12)),
    reported=st.lists(st.tuples(st.integers(1, 12), st.sampled_from([A, B]))),
)
def test_what_passes_leaves_one_day_an_episode(breaks, reported):
    refused = {position for position, _ in contradictions(breaks, {}, reported)}
    days = {}
    for position, (month, day) in enumerate(reported):
        if position not in refused:
            days.setdefault(episode_of(month, breaks), set()).add(day)
    assert all(len(each) == 1 for each in days.values())
