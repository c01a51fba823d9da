"""Champion and challenger compared: sums over everybody who was scored by both, and nothing about anybody.

    report = compare(pairs, champion=..., challenger=..., ...)
    report["population_stability_index"]      # 0.031

The report is a dictionary whose keys have a fixed order, so that the same ledger gives the same JSON. What it holds is in
docs/operations.md. Where fewer than `GROUP_MIN` accounts would stand behind a mean of points, the mean is left out.

Source: the population stability index and its bands are those of `app.services.scoring.statistics`; AUC is the Mann-Whitney
statistic, Gini 2 * AUC - 1, KS the largest distance of the two distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

from app.core.scoring.scorecard import BASE, TOP
from app.services.scoring.statistics import BAND_POINTS, auc, stability_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.services.scoring.challenger import Pair

CUT_OFFS = (500, 550, 600, 650)
DECLINED_PERCENT = 20
MOVERS_PERCENT = 10
GROUP_MIN = 10
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: a card's hash in hex and its name."""

    scorecard: str
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Where and when: the ledger's name, its newest block and that block's day."""

    origin: str
    block: int
    as_of: str


def compare(
    pairs: Iterable[Pair | None],
    frame: Frame,
    champion: Subject,
    challenger: Subject,
    labels: Mapping[str, bool] | None = None,
) -> dict[str, Any]:
    """The report. `labels`: account -> bad, from outside the ledger; a citizen is bad when an account of theirs is."""
    whole = list(pairs)
    known = [pair for pair in whole if pair is not None]
    both = [pair for pair in known if None not in (pair.champion.score, pair.challenger.score)]
    scores = [(pair.champion.score or 0, pair.challenger.score or 0) for pair in both]
    return {
        "v": 1,
        "kind": "scorecard-comparison",
        "origin": frame.origin,
        "block": frame.block,
        "as_of": frame.as_of,
        "champion": {"scorecard": champion.scorecard, "name": champion.name},
        "challenger": {"scorecard": challenger.scorecard, "name": challenger.name},
        "accounts": _counts(known, len(whole) - len(known)),
        "bands": bands(scores),
        "mean": _means(scores),
        "correlation": _rounded(correlation(scores)),
        "population_stability_index": _rounded(stability(scores)),
        "swap_sets": swap_sets(scores),
        "movers": _movers(both),
        "labels": None if labels is None else _quality(both, labels),
    }


def _counts(known: Sequence[Pair], not_yet: int) -> dict[str, int]:
    numbers = [(pair.champion.score is not None, pair.challenger.score is not None) for pair in known]
    return {
        "scored_by_both": numbers.count((True, True)),
        "by_champion_only": numbers.count((True, False)),
        "by_challenger_only": numbers.count((False, True)),
        "by_none": numbers.count((False, False)),
        "not_scored_by_challenger_yet": not_yet,
    }


def bands(scores: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    """How many have a score from `from` to `to` under each card; the last band ends with the best score."""
    rows = []
    for low in range(BASE, TOP, BAND_POINTS):
        high = low + BAND_POINTS - 1 if low + BAND_POINTS < TOP else TOP
        counts = [sum(low <= pair[card] <= high for pair in scores) for card in (0, 1)]
        rows.append({"from": low, "to": high, "champion": counts[0], "challenger": counts[1]})
    return rows


def stability(scores: Sequence[tuple[int, int]]) -> float | None:
    """The population stability index of the challenger's distribution against the champion's."""
    if not scores:
        return None
    rows = bands(scores)
    return stability_index([band["champion"] for band in rows], [band["challenger"] for band in rows])


def correlation(scores: Sequence[tuple[int, int]]) -> float | None:
    """Pearson's; None when one of the two does not vary."""
    count = len(scores)
    sums = [sum(pair[card] for pair in scores) for card in (0, 1)]
    squares = [count * sum(pair[card] ** 2 for pair in scores) - sums[card] ** 2 for card in (0, 1)]
    if not all(squares):
        return None
    return (count * sum(a * b for a, b in scores) - sums[0] * sums[1]) / sqrt(squares[0] * squares[1])


def _means(scores: Sequence[tuple[int, int]]) -> dict[str, float | None]:
    if not scores:
        return dict.fromkeys(("champion", "challenger", "difference", "absolute_difference"))
    count = len(scores)
    return {
        "champion": _rounded(sum(a for a, _ in scores) / count),
        "challenger": _rounded(sum(b for _, b in scores) / count),
        "difference": _rounded(sum(b - a for a, b in scores) / count),
        "absolute_difference": _rounded(sum(abs(b - a) for a, b in scores) / count),
    }


def swap_sets(scores: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Who would be approved by both, one or none: where each card declines its own lowest 20 %, and at fixed scores."""
    rows = []
    if scores:
        place = len(scores) * DECLINED_PERCENT // 100
        own = [sorted(pair[card] for pair in scores)[place] for card in (0, 1)]
        rows.append({"at": f"{DECLINED_PERCENT}th percentile", **_swap(scores, own[0], own[1])})
    return rows + [{"at": f"score {cut}", **_swap(scores, cut, cut)} for cut in CUT_OFFS]


def _swap(scores: Sequence[tuple[int, int]], champion_from: int, challenger_from: int) -> dict[str, int]:
    approved = [(a >= champion_from, b >= challenger_from) for a, b in scores]
    return {
        "champion_from": champion_from,
        "challenger_from": challenger_from,
        "both": approved.count((True, True)),
        "champion_only": approved.count((True, False)),
        "challenger_only": approved.count((False, True)),
        "none": approved.count((False, False)),
    }


def _movers(both: Sequence[Pair]) -> dict[str, Any]:
    """The tenth whose score moves most, and by which criteria: mean points of the challenger less the champion's."""
    moved = sorted((each for each in map(_moved, both) if each[0]), key=lambda each: -abs(each[0]))
    place = min(len(both) * MOVERS_PERCENT // 100, len(moved))
    least = abs(moved[place - 1][0]) if place else 0
    group = [each for each in moved if abs(each[0]) >= least] if place else []
    if len(group) < GROUP_MIN:
        group = []
    criteria = dict.fromkeys(name for _, points in group for name in points)
    means = [
        {
            "criterion": name,
            "mean_points": _rounded(sum(points.get(name, 0) for _, points in group) / len(group)),
        }
        for name in sorted(criteria)
    ]
    means.sort(key=lambda row: -abs(row["mean_points"] or 0))  # type: ignore[arg-type]
    return {"accounts": len(group), "points_at_least": least if group else None, "criteria": means}


def _moved(pair: Pair) -> tuple[int, dict[str, int]]:
    """How far a score moves, and the points of every criterion that either card has."""
    champion, challenger = pair.champion.points, pair.challenger.points
    names = champion.keys() | challenger.keys()
    points = {name: challenger.get(name, 0) - champion.get(name, 0) for name in names}
    return (pair.challenger.score or 0) - (pair.champion.score or 0), points


def _quality(both: Sequence[Pair], labels: Mapping[str, bool]) -> dict[str, Any]:
    labelled = [
        (pair, any(labels[account] for account in pair.accounts if account in labels))
        for pair in both
        if any(account in labels for account in pair.accounts)
    ]
    found: dict[str, Any] = {"accounts": len(labelled), "bad": sum(bad for _, bad in labelled)}
    for card in ("champion", "challenger"):
        scored = [(getattr(pair, card).score, bad) for pair, bad in labelled]
        area = auc(scored)
        distance = ks(scored)
        found[card] = {"auc": _rounded(area), "gini": _rounded(2 * area - 1), "ks": _rounded(distance)}
    return found


def ks(scored: Iterable[tuple[int, bool]]) -> float:
    """The largest distance between the distributions of the bad and of the good; 0 when one class is missing."""
    ordered = sorted(scored)
    bad = sum(label for _, label in ordered)
    good = len(ordered) - bad
    if not bad or not good:
        return 0.0
    largest = seen_bad = seen_good = 0.0
    for place, (score, label) in enumerate(ordered):
        seen_bad, seen_good = seen_bad + label, seen_good + (not label)
        if place + 1 == len(ordered) or ordered[place + 1][0] != score:
            largest = max(largest, abs(seen_bad / bad - seen_good / good))
    return largest


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
