"""What the counts of a monitoring report say (R42): stability, how scores came true, who is treated alike.

Pure: `services.scoring.monitoring` counts and keeps. Groups of fewer than GROUP_MIN are not judged, and the public is not
told of cells of fewer than `kept.CELL_MIN`.

Source: 29 CFR 1607.4 D (four fifths); docs/scorecard.md; rule R42.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from app.services.scoring import kept
from app.services.scoring.statistics import BAND_POINTS, STABILITY_ALARM, stability_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.core.scoring.scorecard import Card
    from app.services.scoring.kept import Report

APPROVED_PERCENT: Final = 80
GROUP_MIN: Final = 200
FOUR_FIFTHS: Final = 0.8
BASE: Final = 300
BANDS: Final = 11


class Seen:
    """What was counted of everybody, and nothing of anybody."""

    def __init__(self) -> None:
        self.bands = [0] * BANDS
        self.unscored = 0
        self.groups: Counter[tuple[str, str, int]] = Counter()  # attribute, group, score
        self.outcomes: Counter[tuple[int, bool]] = Counter()  # score of then, defaulted
        self.unknown = self.destroyed = 0


def band_of(score: int) -> int:
    return min((score - BASE) // BAND_POINTS, BANDS - 1)


def stability(earlier: Sequence[Report], bands: Sequence[int]) -> dict[str, Any] | None:
    """Against a report's distribution; None without one, or where either side has nobody."""
    if not earlier or not sum(earlier[0].body["bands"]) or not sum(bands):
        return None
    index = round(stability_index(earlier[0].body["bands"], bands), 4)
    return {"period": earlier[0].period, "index": index, "alarm": index >= STABILITY_ALARM}


def outcome(seen: Seen, card: Card, horizon: int) -> dict[str, Any]:
    bad = sum(count for (_, defaulted_), count in seen.outcomes.items() if defaulted_)
    every = sum(seen.outcomes.values())
    return {
        "rows": every,
        "defaulted": bad,
        "unknown": seen.unknown,
        "destroyed": seen.destroyed,
        "auc": round(area(seen.outcomes), 4) if 0 < bad < every else None,
        "bands": [_calibrated(seen.outcomes, card, band) for band in range(BANDS)],
        "horizon_months": horizon,
    }


def area(outcomes: Mapping[tuple[int, bool], int]) -> float:
    """How likely a defaulter had the lower score, ties counted half: the area under the ROC curve, from counts."""
    good = sum(count for (_, bad), count in outcomes.items() if not bad)
    ranked, above = 0.0, good
    for score in sorted({score for score, _ in outcomes}):
        here = outcomes.get((score, False), 0)
        above -= here
        ranked += outcomes.get((score, True), 0) * (above + here / 2)
    return ranked / (good * sum(count for (_, bad), count in outcomes.items() if bad))


def _calibrated(outcomes: Mapping[tuple[int, bool], int], card: Card, band: int) -> dict[str, Any]:
    """Of one band: rows, how many defaulted, and how many the card expected to."""
    own = {pair: count for pair, count in outcomes.items() if band_of(pair[0]) == band}
    total = sum(own.values())
    odds = card.contents.default_probability
    expected = sum(count * odds.of(score) for (score, _), count in own.items()) if odds and total else None
    return {
        "from": BASE + BAND_POINTS * band,
        "rows": total,
        "defaulted": sum(count for (_, bad), count in own.items() if bad),
        "expected": None if expected is None else round(expected, 1),
    }


def fairness(seen: Mapping[tuple[str, str, int], int]) -> list[dict[str, Any]]:
    """Attribute by attribute: groups with their rows, the share approved, and its ratio to the best judged group's."""
    found = []
    for attribute in sorted({each for each, _, _ in seen}):
        own = [(group, score, count) for (each, group, score), count in seen.items() if each == attribute]
        least = _least_approved((score, count) for _, score, count in own)
        sizes = Counter[str]()
        approved = Counter[str]()
        for group, score, count in own:
            sizes[group] += count
            approved[group] += count * (score >= least)
        shares = {group: approved[group] / sizes[group] for group in sizes}
        best = max((share for group, share in shares.items() if sizes[group] >= GROUP_MIN), default=0.0)
        groups = [_group(group, sizes[group], shares[group], best) for group in sorted(sizes)]
        found.append({"attribute": attribute, "least_approved": least, "groups": groups})
    return found


def _group(group: str, size: int, share: float, best: float) -> dict[str, Any]:
    judged = size >= GROUP_MIN and best > 0
    return {
        "group": group,
        "rows": size,
        "approved": round(share, 4),
        "ratio": round(share / best, 4) if judged else None,
        "alarm": judged and share < FOUR_FIFTHS * best,
    }


def _least_approved(scored: Iterable[tuple[int, int]]) -> int:
    """The lowest score that is among the best 80 %."""
    ordered = sorted(scored)
    left = sum(count for _, count in ordered) * (100 - APPROVED_PERCENT) // 100
    for score, count in ordered:
        if left < count:
            return score
        left -= count
    return BASE


def public(body: Mapping[str, Any], cell: Callable[[int], int | None] = kept.cell) -> dict[str, Any]:
    """A report as everybody may read it: small cells and what follows from them are left out."""
    told = dict(body)
    told["bands"] = [cell(count) for count in body["bands"]]
    told["unscored"] = cell(body["unscored"])
    if body["outcome"] is not None:
        bands = [
            each
            if cell(each["rows"]) is not None
            else {"from": each["from"], "rows": None, "defaulted": None, "expected": None}
            for each in body["outcome"]["bands"]
        ]
        told["outcome"] = body["outcome"] | {
            "bands": [each | {"defaulted": cell(each["defaulted"] or 0)} for each in bands],
            "unknown": cell(body["outcome"]["unknown"]),
            "destroyed": cell(body["outcome"]["destroyed"]),
            "defaulted": cell(body["outcome"]["defaulted"]),
        }
    told["fairness"] = public_groups(body["fairness"])
    return told


def public_groups(attributes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups that are large enough to be told of."""
    return [
        dict(each) | {"groups": [group for group in each["groups"] if group["rows"] >= kept.CELL_MIN]}
        for each in attributes
    ]
