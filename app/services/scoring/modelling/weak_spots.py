"""What is not good about a card, in plain sentences that are computed from the figures of its report.

Nothing here is hidden for being inconvenient, and nothing is said by hand: another sample or another card gives other
sentences. Limits that no figure shows (which people the data is about, and who was never in it) close the list.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

ROWS_MIN: Final = 50
STANDARD_ERRORS: Final = 2.0
_TIE_SHARE: Final = 0.1
_CLOSE_RATIO: Final = 0.9


def weak_spots(report: dict[str, Any]) -> list[str]:
    """A sentence for each."""
    return [
        *_ranking(report),
        *_calibration(report),
        *_groups(report),
        *[sentence for criterion in report["criteria"] for sentence in _criterion(criterion)],
        *_stability(report["stability"]),
        *_of_the_data(report),
    ]


def _ranking(report: dict[str, Any]) -> list[str]:
    area = report["quality"]["test"]["auc"]
    machines = report["gradient_boosting"]
    half = (area["high"] - area["low"]) / 2
    interval = f"{area['low']:.4f} and {area['high']:.4f} with 95 % confidence"
    told = [f"How well the card ranks is known to about {half:.3f} only: its area lies between {interval}."]
    for key, name in (("same_measures", "the same measures"), ("raw_columns", "the raw columns")):
        if machines[key] is not None:
            behind = machines[key]["auc"]["value"] - area["value"]
            told.append(
                f"Gradient boosting on {name} ranks better by {behind:.4f} of area: that is given up."
            )
    tie = report["largest_tie"]
    if tie["rows_share"] >= _TIE_SHARE:
        told.append(
            f"{tie['rows_share']:.0%} of the rows share the score {tie['score']}: the card does not tell them apart."
        )
    return told


def _calibration(report: dict[str, Any]) -> list[str]:
    return [
        f"Scores {tenth['from']} to {tenth['to']} ({part} rows): {_miss(tenth)}."
        for part in ("test", "train")
        for tenth in report["calibration"][part]
        if abs(tenth["z"]) >= STANDARD_ERRORS
    ]


def _miss(row: dict[str, Any]) -> str:
    side = "too pessimistic" if row["z"] < 0 else "too optimistic"
    return (
        f"{row['predicted']:.1%} defaults were predicted and {row['observed']:.1%} came, {abs(row['z']):.1f} standard errors"
        f" {side}"
    )


def _groups(report: dict[str, Any]) -> list[str]:
    attributes = report["fairness"]["attributes"]
    told = (
        []
        if attributes
        else ["The labels name no groups: nothing is known about fairness, and no bar judges it."]
    )
    for each in attributes:
        for group in each["groups"]:
            name = f"{each['attribute']} {group['group'] or 'not given'}"
            if not group["judged"]:
                against = (
                    ""
                    if group["ratio"] is None
                    else f" (its approval ratio would be {group['ratio']:.3f}, and others' against it lower)"
                )
                told.append(f"{name}: {group['rows']:,} rows are too few to judge{against}.")
            elif group["ratio"] is not None and group["ratio"] < _CLOSE_RATIO:
                told.append(f"{name}: approved {group['ratio']:.3f} times as often as the best group.")
            if group["judged"] and abs(group["z"]) >= STANDARD_ERRORS:
                told.append(f"{name}: {_miss(group)}.")
        areas = [group["auc"]["value"] for group in each["groups"] if group["judged"] and group["auc"]]
        if areas and max(areas) - min(areas) >= 0.02:
            span = f"{min(areas):.3f} to {max(areas):.3f}"
            told.append(f"{each['attribute']}: the card ranks some groups better than others, area {span}.")
    return told


def _criterion(criterion: dict[str, Any]) -> list[str]:
    name, bins = criterion["name"], criterion["bins"]
    if criterion["source"] == "expert":
        return [
            f"{name}: the points are an expert's, the data cannot fit them (up to {criterion['points_max']})."
        ]
    told = []
    filled = [each for each in bins if each["train"]["rows"]]
    empty = len(bins) - len(filled)
    if empty:
        told.append(
            f"{name}: {empty} of {len(bins)} bins had no row to fit; they follow their neighbours or the mean."
        )
    few = [each for each in filled if each["train"]["rows"] < ROWS_MIN]
    if few:
        named = "; ".join(f"{each['bin']} ({each['train']['rows']})" for each in few)
        told.append(f"{name}: fewer than {ROWS_MIN} rows to fit in {named}.")
    if criterion["columns"] == 1:
        flat = [
            f"{left['bin']} and {right['bin']}"
            for left, right in pairwise(bins)
            if left["points"] == right["points"]
        ]
        if flat:
            told.append(f"{name}: no difference in points between {', '.join(flat)}.")
    lowest = min(filled, key=lambda each: each["points"])
    others = sorted(each["points"] for each in filled if each is not lowest)
    if others and others[0] - lowest["points"] >= 50:
        told.append(
            f"{name}: {lowest['bin']} stands alone, {others[0] - lowest['points']} points below the next bin, on"
            f" {lowest['train']['rows']} rows of which {lowest['train']['bad_share']:.0%} defaulted."
        )
    return told


def _stability(found: dict[str, Any]) -> list[str]:
    told = []
    for index, what in (
        (found["train_to_test"], "between the rows to fit and to test"),
        ((found["baseline"] or {}).get("index"), "since the earlier report"),
    ):
        if index is not None and index >= found["alarm"]:
            told.append(f"The population has shifted {what}: index {index:.3f}, alarm at {found['alarm']}.")
    if found["baseline"] is None:
        told.append("There is no earlier report to compare with: nothing is known about stability over time.")
    return told


def _of_the_data(report: dict[str, Any]) -> list[str]:
    provenance, odds = report["card"]["provenance"], report["card"]["default_probability"]
    told = [
        f"A default is counted within {odds['horizon_months']} month(s) only: what a score says about a year is not known.",
        "The data is about people who were given a card; how those would have paid who were refused is not in it.",
        "The split is by chance within one period: no row is later than the rows that the card was fitted to.",
    ]
    if provenance is not None:
        told.append(
            f"One data set is behind the fitted points ({provenance['data']}); other places, times and products may differ."
        )
    if provenance is not None and "UCI 350" in provenance["data"]:
        told.append(
            "That data is of Taiwan in 2005, from one bank in a crisis of card debt, and six months long:"
            f" {report['rows']['train']['bad'] / report['rows']['train']['rows']:.0%} of the rows to fit defaulted."
        )
    return told
