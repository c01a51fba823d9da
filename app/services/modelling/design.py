"""What the fitted card looks at: an expert's choice of measures, made before the fit and open to all.

Each planned measure has a grid of possible edges; the fit chooses among them and sets the points. The criteria of `KEPT`
cannot be fitted to the research data (it has no inquiries, no records, no openings and only six months): they keep small
points of the expert's.

Utilisation's peak stands beside the present status because the same delay means more on a card that is full: the one pair
that the data asks for. The credit limit is no measure: left out, it costs little and treats the young better (scoring.md).

Source: scoring.md; docs/scorecard.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_SHARES: Final = (*range(25, 1000, 25), 1000, 1050, 1100, 1200)


class PlannedMeasure(NamedTuple):
    """A measure and its possible edges; `trend` as optbinning names it."""

    id: str
    grid: tuple[int, ...]
    trend: str = "auto"
    bins_max: int = 6


class Kept(NamedTuple):
    """A criterion that keeps an expert's points, best first where there is an order."""

    measure: str
    edges: tuple[int, ...]
    points: tuple[int, ...]


# One measure, or two together; from bin to bin of the first, defaults may only rise.
PLAN: Final[tuple[tuple[PlannedMeasure, ...], ...]] = (
    (
        PlannedMeasure("current", (1, 2, 3, 4), "ascending"),
        PlannedMeasure("utilisation_peak", (100, 300, 500, 750, 900, 1000), bins_max=5),
    ),
    (PlannedMeasure("since_late", (25, 13, 7, 5, 3, 1), "ascending"),),
    (PlannedMeasure("worst_24", (2, 3, 4, 5), "ascending"),),
    (PlannedMeasure("late_months", (1, 2, 3, 4, 5, 6), "ascending"),),
    (PlannedMeasure("utilisation", _SHARES, "ascending"),),
    (PlannedMeasure("paid_share", (*range(1500, 200, -100), *range(200, 0, -20)), "ascending"),),
    (PlannedMeasure("unpaid_months", (1, 2, 3, 4, 5, 6), "ascending", bins_max=7),),
)

KEPT: Final = (
    Kept("records", (24, 12), (40, 30, 20, 10, 0)),
    Kept("below_minimum", (1, 2), (20, 10, 0)),
    Kept("oldest_age", (6, 12, 24, 60, 120), (0, 3, 7, 13, 17, 20, 0)),
    Kept("on_time_months", (6, 12, 18), (0, 6, 11, 16)),
    Kept("inquiries", (1, 2, 3, 5), (14, 13, 10, 4, 0)),
    Kept("opened", (2, 3, 4), (10, 7, 3, 0)),
)
