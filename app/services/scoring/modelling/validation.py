"""The validation report of a card: what it reaches on rows that the fit has not seen, against bars set beforehand.

    report = validate(card, sample, baseline)
    [bar for bar in report["bars"] if not bar["met"]]

The report is a dictionary whose keys have a fixed order and whose numbers are rounded to four digits, so the same card and
sample give the same bytes; it holds sums over rows and nothing about anybody. docs/scorecard.md says what is in it. The same
command makes the quarterly report (R42): with the report of an earlier quarter as `baseline`, the stability index compares
the two distributions of scores.

Source: scoring.md; rules R37, R42.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.core.errors import FormatError
from app.core.scoring.card_texts import bin_label, criterion_name
from app.services.scoring.modelling import boosting, metrics
from app.services.scoring.modelling.fairness import RATIO_BAR, fairness, lowest
from app.services.scoring.modelling.fitting import bins_of, scores_of
from app.services.scoring.modelling.metrics import rounded
from app.services.scoring.modelling.weak_spots import weak_spots
from app.services.scoring.statistics import STABILITY_ALARM

if TYPE_CHECKING:
    from app.core.scoring.scorecard import Card, CardCriterion
    from app.services.scoring.modelling.sample import Bools, Ints, Sample

VERSION: Final = "credence scorecard validate 1"
AUC_BAR: Final = 0.765
BEHIND_BAR: Final = 0.010
STANDARD_ERRORS_BAR: Final = 3.0


def validate(card: Card, sample: Sample, baseline: dict[str, Any] | None = None) -> dict[str, Any]:
    """The report; FormatError when the card has no default probability or the baseline is no such report."""
    odds = card.contents.default_probability
    if odds is None:
        raise FormatError("the card does not say what a score means (default_probability): it was not fitted")
    scores, bad, test = scores_of(sample, card), sample.bad, sample.test
    parts = {"test": test, "train": ~test}
    safety, machines = _machines(card, sample)
    report: dict[str, Any] = {
        "v": 1,
        "kind": "scorecard-validation",
        "made_by": VERSION,
        "digits": metrics.DIGITS,
        "card": _about(card),
        "rows": {
            **{name: {"rows": int(own.sum()), "bad": int(bad[own].sum())} for name, own in parts.items()},
            "left_out": sample.left_out,
        },
        "quality": {
            name: metrics.quality(metrics.tally(scores[own], bad[own])) for name, own in parts.items()
        },
        "gradient_boosting": machines,
        "roc": {
            "card": metrics.roc(metrics.tally(scores[test], bad[test])),
            "gradient_boosting": metrics.roc(metrics.tally(safety[test], bad[test])),
        },
        "calibration": {
            name: metrics.calibration(scores[own], bad[own], odds) for name, own in parts.items()
        },
        "distribution": {name: metrics.bands(scores[own], bad[own]) for name, own in parts.items()},
        "largest_tie": largest_tie(scores[test]),
        "criteria": [_criterion(criterion, sample, test) for criterion in card.contents.criteria],
        "fairness": fairness(scores[test], bad[test], _groups(sample, test), odds),
    }
    report["stability"] = _stability(report["distribution"], baseline)
    report["bars"] = bars(report)
    report["weak_spots"] = weak_spots(report)
    return report


def _about(card: Card) -> dict[str, Any]:
    contents = card.contents
    odds, provenance = contents.default_probability, contents.provenance
    return {
        "name": card.name,
        "scorecard": card.hash.hex(),
        "default_probability": None
        if odds is None
        else {key: getattr(odds, key) for key in odds.__struct_fields__},
        "provenance": None
        if provenance is None
        else {key: getattr(provenance, key) for key in provenance.__struct_fields__},
    }


def _machines(card: Card, sample: Sample) -> tuple[Ints, dict[str, Any]]:
    """The machine's ranking on the same measures, and how well it ranks there and on the raw columns."""
    names = boosting.fitted_measures(card)
    same, raw = boosting.measured(sample, names), boosting.raw_columns(sample)
    safety = boosting.safety(same, sample)
    test = sample.test
    found = {
        "settings": dict(boosting.SETTINGS),
        "measures": names,
        "same_measures": metrics.quality(metrics.tally(safety[test], sample.bad[test])),
        "raw_columns": None,
    }
    if raw is not None:
        on_raw = boosting.safety(raw, sample)
        found["raw_columns"] = metrics.quality(metrics.tally(on_raw[test], sample.bad[test]))
    return safety, found


def _criterion(criterion: CardCriterion, sample: Sample, test: Bools) -> dict[str, Any]:
    """Every bin with its rows and its share of bad ones, of the rows to fit and of those to test."""
    bins = bins_of(sample, criterion)
    rows = []
    for place, points in enumerate(criterion.points):
        row: dict[str, Any] = {"bin": bin_label(criterion, place, "en"), "points": points}
        for name, own in (("train", ~test), ("test", test)):
            inside = own & (bins == place)
            share = rounded(sample.bad[inside].mean()) if inside.any() else None
            row[name] = {"rows": int(inside.sum()), "bad_share": share}
        rows.append(row)
    return {
        "id": criterion.id,
        "name": criterion_name(criterion.id, "en"),
        "source": criterion.source,
        "points_max": max(criterion.points),
        "columns": criterion.measures[1].bins if len(criterion.measures) > 1 else 1,
        "bins": rows,
    }


def largest_tie(scores: Ints) -> dict[str, Any]:
    """The score that most rows share."""
    values, counts = np.unique(scores, return_counts=True)
    most = int(counts.argmax())
    return {"score": int(values[most]), "rows_share": rounded(counts[most] / len(scores))}


def _groups(sample: Sample, test: Bools) -> list[dict[str, str]]:
    return [label.groups for label, own in zip(sample.labels, test, strict=True) if own]


def _stability(distribution: dict[str, Any], baseline: dict[str, Any] | None) -> dict[str, Any]:
    """Of the test rows against the rows to fit, and of all rows against those of an earlier report."""
    found: dict[str, Any] = {
        "alarm": STABILITY_ALARM,
        "train_to_test": rounded(metrics.stability(distribution["train"], distribution["test"])),
        "baseline": None,
    }
    if baseline is not None:
        try:
            before = _whole(baseline["distribution"])
            index = rounded(metrics.stability(before, _whole(distribution)))
            scorecard = str(baseline["card"]["scorecard"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise FormatError(f"the baseline is no validation report: {error!r}") from None
        found["baseline"] = {"scorecard": scorecard, "index": index}
    return found


def _whole(distribution: dict[str, Any]) -> list[dict[str, int]]:
    pairs = zip(distribution["train"], distribution["test"], strict=True)
    return [{key: int(a[key]) + int(b[key]) for key in ("good", "bad")} for a, b in pairs]


def bars(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What was asked for beforehand, what was reached, and whether that is enough."""
    area = report["quality"]["test"]["auc"]["value"]
    behind = rounded(report["gradient_boosting"]["same_measures"]["auc"]["value"] - area)
    widest = max(abs(tenth["z"]) for tenth in report["calibration"]["test"])
    worst = lowest(report["fairness"])
    found = [
        ("ranking", "area under the curve on the test rows", "at least", AUC_BAR, area, area >= AUC_BAR),
        (
            "machine",
            "area behind gradient boosting on the same measures",
            "at most",
            BEHIND_BAR,
            behind,
            behind <= BEHIND_BAR,
        ),
        (
            "calibration",
            "widest miss of a tenth, in standard errors",
            "at most",
            STANDARD_ERRORS_BAR,
            widest,
            widest <= STANDARD_ERRORS_BAR,
        ),
    ]
    if worst is not None:
        ratio = worst[1]["ratio"]
        what = f"lowest approval ratio of a group ({worst[0]}: {worst[1]['group']})"
        found.append(("fairness", what, "at least", RATIO_BAR, ratio, ratio >= RATIO_BAR))
    indices = [
        report["stability"]["train_to_test"],
        (report["stability"]["baseline"] or {}).get("index", 0.0),
    ]
    highest = max(indices)
    found.append(
        (
            "stability",
            "population stability index",
            "below",
            STABILITY_ALARM,
            highest,
            highest < STABILITY_ALARM,
        )
    )
    keys = ("bar", "what", "must_be", "limit", "figure", "met")
    return [dict(zip(keys, each, strict=True)) for each in found]
