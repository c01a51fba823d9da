"""The same for every group: who would be approved, how well the score ranks there, and whether its probabilities hold.

A bank that approves the best 80 % of all rows draws the line at the score that declines no more than 20 %; who has
exactly that score is approved, so a little more than 80 % may be. The approval ratio of a group is its share of approved rows
over that of the best group. Groups are attributes from outside the ledger (`group:` columns of the labels).

A group with fewer than 200 rows is shown and is neither the best group nor judged: its share says too little.

Source: the four-fifths rule (29 CFR 1607.4 D, which leaves out groups too small to judge as well); scoring.md; rule R42.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.services.scoring.modelling.metrics import against, auc_of, rounded, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.scoring.scorecard import DefaultProbability
    from app.services.scoring.modelling.sample import Bools, Ints

DECLINED_PERCENT: Final = 20
GROUP_ROWS_MIN: Final = 200
RATIO_BAR: Final = 0.85
FOUR_FIFTHS: Final = 0.8


def cut_off(scores: Ints) -> int:
    """The lowest score that is approved."""
    return int(np.sort(scores)[len(scores) * DECLINED_PERCENT // 100])


def fairness(
    scores: Ints, bad: Bools, groups: Sequence[dict[str, str]], odds: DefaultProbability
) -> dict[str, Any]:
    """Every attribute with its groups, in the order of their names."""
    least = cut_off(scores)
    names = sorted({name for own in groups for name in own})
    return {
        "cut_off": least,
        "approved": rounded((scores >= least).mean()),
        "rows_min": GROUP_ROWS_MIN,
        "attributes": [
            _attribute(name, np.array([own.get(name, "") for own in groups]), scores, bad, odds)
            for name in names
        ],
    }


def _attribute(
    name: str, group_of: np.ndarray[Any, Any], scores: Ints, bad: Bools, odds: DefaultProbability
) -> dict[str, Any]:
    least = cut_off(scores)
    rows = []
    for group in np.unique(group_of):
        own = group_of == group
        rows.append({"group": str(group), **_group(scores[own], bad[own], least, odds)})
    best = max((row["approved"] for row in rows if row["judged"]), default=0.0)
    for row in rows:
        row["ratio"] = rounded(row["approved"] / best) if best else None
    return {"attribute": name, "groups": rows}


def _group(scores: Ints, bad: Bools, least: int, odds: DefaultProbability) -> dict[str, Any]:
    both = 1 < int(bad.sum()) < len(bad) - 1
    return {
        "judged": len(scores) >= GROUP_ROWS_MIN,
        "approved": rounded((scores >= least).mean()),
        "ratio": None,
        "auc": auc_of(tally(scores, bad)).row() if both else None,
        **against(scores, bad, odds),
    }


def lowest(found: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """(attribute, group) with the lowest ratio among those that are judged; None when there is none."""
    judged = [
        (each["attribute"], group)
        for each in found["attributes"]
        for group in each["groups"]
        if group["judged"] and group["ratio"] is not None
    ]
    return min(judged, key=lambda pair: pair[1]["ratio"], default=None)
