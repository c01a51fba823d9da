"""How well scores rank and how true their probabilities are, with how sure that is.

    auc, low, high = auc_of(tally(scores, bad))     area under the curve with its 95 % interval
    calibration(scores, bad, odds)                  predicted and observed defaults, tenth by tenth
    stability(before, after)                        population stability index of two distributions

A `tally` counts good and bad rows for each distinct score, the worst score first; whatever ranks only needs that. Ties
count half in the area. Tenths of equal scores are never torn apart: where many share a score there are fewer than ten.

Source: DeLong, DeLong, Clarke-Pearson (1988) for the area's variance; the interval of KS is that of 1,000 samples drawn
from the tally (bootstrap by outcome, from a fixed seed); scoring.md; rule R42.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from app.core.scoring.scorecard import BASE, TOP
from app.services.scoring.statistics import BAND_POINTS, stability_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from app.core.scoring.scorecard import DefaultProbability
    from app.services.scoring.modelling.sample import Bools, Ints

    Floats = NDArray[np.float64]

DIGITS: Final = 4
_Z95: Final = 1.959964
_DRAWS: Final = 1_000
_SEED: Final = 1


class Tally(NamedTuple):
    """Good and bad rows for each distinct score, the worst first."""

    good: Ints
    bad: Ints


class Estimate(NamedTuple):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def row(self) -> dict[str, float]:
        """As the report has it."""
        return {"value": rounded(self.value), "low": rounded(self.low), "high": rounded(self.high)}


def rounded(value: float) -> float:
    """To the digits that the report states."""
    return round(float(value), DIGITS) + 0.0


def tally(scores: NDArray[Any], bad: Bools) -> Tally:
    """The rows of a ranking in which a higher score is a safer one."""
    places = np.unique(scores, return_inverse=True)[1].ravel()
    width = int(places.max()) + 1
    return Tally(np.bincount(places[~bad], minlength=width), np.bincount(places[bad], minlength=width))


def auc_of(rows: Tally) -> Estimate:
    """How often a bad row has the lower score than a good one, ties as a half; the variance is DeLong's."""
    good, bad = rows.good.sum(), rows.bad.sum()
    above = (good - np.cumsum(rows.good) + rows.good / 2) / good  # of a bad row: share of good rows above it
    below = (np.cumsum(rows.bad) - rows.bad / 2) / bad
    area = float(above @ rows.bad / bad)
    of_bad = float(((above - area) ** 2) @ rows.bad / (bad - 1))
    of_good = float(((below - area) ** 2) @ rows.good / (good - 1))
    half = _Z95 * sqrt(of_bad / bad + of_good / good)
    return Estimate(area, area - half, min(area + half, 1.0))


def gini_of(rows: Tally) -> Estimate:
    """Twice the area, less one."""
    return Estimate(*(2 * value - 1 for value in auc_of(rows)))


def ks_of(rows: Tally) -> Estimate:
    """The largest distance between the distributions of the bad and of the good."""
    draw = np.random.default_rng(_SEED)
    drawn = [draw.multinomial(each.sum(), each / each.sum(), size=_DRAWS) for each in rows]
    low, high = np.quantile(_distance(drawn[0], drawn[1]), (0.025, 0.975))
    return Estimate(float(_distance(rows.good, rows.bad)), float(low), float(high))


def _distance(good: NDArray[Any], bad: NDArray[Any]) -> NDArray[Any]:
    shares = [np.cumsum(each, axis=-1) / each.sum(axis=-1, keepdims=True) for each in (good, bad)]
    largest: NDArray[Any] = np.abs(shares[1] - shares[0]).max(axis=-1)
    return largest


def quality(rows: Tally) -> dict[str, dict[str, float]]:
    """All three."""
    return {"auc": auc_of(rows).row(), "gini": gini_of(rows).row(), "ks": ks_of(rows).row()}


def roc(rows: Tally, steps: int = 100) -> list[list[float]]:
    """Points of the curve: share of the good declined, share of the bad declined."""
    x = np.concatenate([[0.0], np.cumsum(rows.good) / rows.good.sum()])
    y = np.concatenate([[0.0], np.cumsum(rows.bad) / rows.bad.sum()])
    kept = np.unique(np.searchsorted(x, np.linspace(0, 1, steps + 1), side="left").clip(max=len(x) - 1))
    return [[rounded(x[n]), rounded(y[n])] for n in kept]


def calibration(scores: Ints, bad: Bools, odds: DefaultProbability) -> list[dict[str, Any]]:
    """Predicted and observed defaults of the tenths, the lowest scores first."""
    bounds = np.unique(np.sort(scores)[np.arange(1, 10) * len(scores) // 10 - 1])
    tenth_of = np.searchsorted(bounds, scores, side="left")
    return [
        {
            "from": int(scores[tenth_of == tenth].min()),
            "to": int(scores[tenth_of == tenth].max()),
            **against(scores[tenth_of == tenth], bad[tenth_of == tenth], odds),
        }
        for tenth in np.unique(tenth_of)
    ]


def against(scores: Ints, bad: Bools, odds: DefaultProbability) -> dict[str, Any]:
    """Rows, predicted and observed share of defaults, and how many standard errors lie between."""
    values, of = np.unique(scores, return_inverse=True)
    predicted = float(np.array([odds.of(int(value)) for value in values])[of.ravel()].mean())
    observed = float(bad.mean())
    error = sqrt(predicted * (1 - predicted) / len(scores))
    return {
        "rows": len(scores),
        "predicted": rounded(predicted),
        "observed": rounded(observed),
        "standard_error": rounded(error),
        "z": round((observed - predicted) / error, 2) + 0.0,
    }


def bands(scores: Ints, bad: Bools) -> list[dict[str, int]]:
    """Good and bad rows in bands of points; the last one ends with the best score."""
    lows = np.arange(BASE, TOP, BAND_POINTS)
    band_of = np.minimum((scores - BASE) // BAND_POINTS, len(lows) - 1)
    good, lost = (np.bincount(band_of[rows], minlength=len(lows)) for rows in (~bad, bad))
    highs = [*(lows[1:] - 1), TOP]
    return [
        {"from": int(low), "to": int(high), "good": int(g), "bad": int(b)}
        for low, high, g, b in zip(lows, highs, good, lost, strict=True)
    ]


def stability(before: Sequence[dict[str, int]], after: Sequence[dict[str, int]]) -> float:
    """The population stability index of rows in `bands`."""
    counts = [[band["good"] + band["bad"] for band in each] for each in (before, after)]
    return stability_index(*counts)
