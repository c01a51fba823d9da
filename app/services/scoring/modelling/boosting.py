"""What a machine that may do anything would reach: scikit-learn's gradient boosting beside the card.

On the same measures it sees finer bins than the card, no points and no order to keep; on the raw columns (`raw:` of the
labels) it sees what the card does not look at as well, the credit limit among them. How far a card stays behind is the
price of being read by people. The settings are fixed, and so is the random state; nothing is tuned on the test rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from app.core.scoring.measures import MEASURES
from app.services.scoring.modelling.weights import NUMBERLESS_LAST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.core.scoring.scorecard import Card
    from app.services.scoring.modelling.sample import Sample
    from app.services.scoring.modelling.weights import Floats

SETTINGS: Final = {
    "l2_regularization": 1.0,
    "learning_rate": 0.06,
    "max_iter": 120,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 60,
    "random_state": 0,
}
_PERMILLE: Final = (*range(10, 1010, 10), *range(1025, 1525, 25), *range(1600, 3100, 100))
_SHARES: Final = frozenset({"utilisation", "utilisation_peak", "paid_share"})


def fitted_measures(card: Card) -> list[str]:
    """The measures of the criteria whose points are fitted, in the card's order."""
    criteria = [criterion for criterion in card.contents.criteria if criterion.source == "fitted"]
    return list(dict.fromkeys(measure.id for criterion in criteria for measure in criterion.measures))


def measured(sample: Sample, measures: list[str]) -> Floats:
    """Fine bins as numbers, a column for each measure; no number is NaN."""
    columns = []
    for name in measures:
        edges = fine_edges(name)
        column = sample.bins(name, edges).astype(float)
        if name in NUMBERLESS_LAST:
            column[column == len(edges) + 1] = np.nan
        columns.append(column)
    return np.column_stack(columns)


def raw_columns(sample: Sample) -> Floats | None:
    """The raw columns that every row has, or None when there are none."""
    names = [name for name in sample.labels[0].raw if all(name in label.raw for label in sample.labels)]
    return np.array([[label.raw[name] for name in names] for label in sample.labels]) if names else None


def fine_edges(measure: str) -> tuple[int, ...]:
    """Of each whole number up to 120, of a share each hundredth, in the measure's own order."""
    known = MEASURES[measure]
    edges = _PERMILLE if measure in _SHARES else tuple(range(known.edge_min, min(known.edge_max, 120) + 1))
    return edges[::-1] if known.falling_edges else edges


def safety(columns: Floats, sample: Sample) -> NDArray[Any]:
    """How safe the machine finds every row, fitted to those that are not for testing.

    Columns that tell nobody apart are left out, which the machine cannot take; without any other everybody is as safe.
    """
    train = ~sample.test
    telling = [len(np.unique(column[~np.isnan(column)])) > 1 for column in columns[train].T]
    if not any(telling):
        return np.zeros(len(columns))
    machine = HistGradientBoostingClassifier(**SETTINGS).fit(columns[train][:, telling], sample.bad[train])
    found: NDArray[Any] = machine.predict_proba(columns[:, telling])[:, 0]
    return found
