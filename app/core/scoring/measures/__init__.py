"""The measures: each reads a folded file on a day, says into which bin it falls, and until when.

A scorecard chooses measures and where their bins end (`app.core.scoring.scorecard`); docs/scorecard.md defines them; this is
how they are computed. `MEASURES` lists all that there are. A measure is asked with its edges, whole numbers in its unit, and
gives (bin, day): the place of the bin, and the first later day on which it is another one if nothing more is reported
(`NEVER` when there is none).

    utilisation(v, (100, 300, 500, 750, 900))    (2, "2027-10-01")    300 to 499 permille, until its statements go stale

Late months come as marks from `app.core.scoring.marks`, which says when each of them is gone.

**Days.** Marks and records get better with time and never worse, so the worst bin is left on the day on
which the last of those in it moves on (`_worst`). Counts fall as the oldest of what counts leaves a window
(`_fading`). Where both directions are possible the candidates are tried in order (`first_change`).

Source: docs/scorecard.md; scoring.md; rules R12, R19, R33, R35.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.scoring.marks import MARK_MONTHS
from app.core.scoring.measures import credit, history, late
from app.core.scoring.measures.view import PAID_STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.scoring.measures.view import Binned, Edges, View


class Measure(NamedTuple):
    """A measure as a scorecard knows it.

    Its edges rise, or fall where the first bin is the largest value. There is one bin more than edges, and `extra` ones
    for what has no number. `better`: R33 asks that points do not rise (-1) or do not fall (1) from bin to bin; 0 for neither.
    """

    read: Callable[[View, Edges], Binned]
    edge_min: int
    edge_max: int
    falling_edges: bool = False
    extra: int = 0
    better: int = 0


MEASURES: Final[dict[str, Measure]] = {
    "current": Measure(late.current, 1, 6, better=-1),
    "since_late": Measure(late.since_late, 1, MARK_MONTHS, falling_edges=True, extra=1, better=-1),
    "worst_24": Measure(late.worst_24, 1, 6, better=-1),
    "late_months": Measure(late.late_months, 1, 12, better=-1),
    "records": Measure(late.records, 1, 240, falling_edges=True, extra=2, better=-1),
    "utilisation": Measure(credit.utilisation, 1, 10_000, extra=1),
    "utilisation_peak": Measure(credit.utilisation_peak, 1, 10_000, extra=1),
    "paid_share": Measure(credit.paid_share, 1, 10_000, falling_edges=True, extra=1),
    "unpaid_months": Measure(credit.unpaid_months, 1, PAID_STATEMENTS, extra=1),
    "below_minimum": Measure(credit.below_minimum, 1, 12, better=-1),
    "oldest_age": Measure(history.oldest_age, 1, 1_200, extra=1),
    "on_time_months": Measure(history.on_time_months, 1, 24, better=1),
    "inquiries": Measure(history.inquiries, 1, 100),
    "opened": Measure(history.opened, 1, 100),
}
