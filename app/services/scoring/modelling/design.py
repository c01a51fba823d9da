"""What the fitted card looks at: an expert's choice of measures, made before the fit and open to all.

Each planned measure has a grid of possible edges; the fit chooses among them, unless they are given, and sets the points.
The criteria of `KEPT` cannot be fitted to the research data (it has no inquiries, no records, no openings and only six
months): they keep small points of the expert's, in bins of which the data knows only one.

Two pairs, because the data asks for them: the same delay means more where a limit is used up, and so does a month
without a payment. The share of bills that was paid is left out: beside the others it has the wrong sign (who pays
whole bills on a card that is hardly used defaults more often), and nobody shall lose points for paying more. The credit
limit is no measure: left out, it costs little and treats the young better (scoring.md).

The edges of the pairs were chosen by cross-validation within the rows to fit (docs/decisions/0017).

Source: scoring.md; docs/scorecard.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class PlannedMeasure(NamedTuple):
    """A measure and its possible edges; with `given` they are its edges.

    They are given where the optimiser, which sees one measure at a time, would merge what matters beside the others.
    """

    id: str
    grid: tuple[int, ...]
    bins_max: int = 6
    given: bool = False


class Kept(NamedTuple):
    """A criterion that keeps an expert's points, best first where there is an order."""

    measure: str
    edges: tuple[int, ...]
    points: tuple[int, ...]


# One measure, or two together; from bin to bin of each, defaults may only rise.
PLAN: Final[tuple[tuple[PlannedMeasure, ...], ...]] = (
    (
        PlannedMeasure("current", (1, 3, 4), given=True),
        PlannedMeasure("utilisation", (300, 750, 900, 1000), given=True),
    ),
    (
        PlannedMeasure("unpaid_months", (1, 2), given=True),
        PlannedMeasure("utilisation_peak", (500, 700, 850, 950, 1000), given=True),
    ),
    (PlannedMeasure("since_late", (6, 5, 4, 3, 2), given=True),),
    (PlannedMeasure("worst_24", (2, 3, 4, 5)),),
    (PlannedMeasure("late_months", (1, 2, 3, 4, 5, 6), bins_max=7),),
)

KEPT: Final = (
    Kept("records", (24, 12), (40, 30, 20, 10, 0)),
    Kept("below_minimum", (1, 2), (20, 10, 0)),
    Kept("oldest_age", (6, 12, 24, 60, 120), (0, 3, 7, 13, 17, 20, 0)),
    Kept("on_time_months", (12, 18, 24), (0, 6, 11, 16)),
    Kept("inquiries", (1, 2, 3, 5), (14, 13, 10, 4, 0)),
    Kept("opened", (2, 3, 4), (10, 7, 3, 0)),
)
