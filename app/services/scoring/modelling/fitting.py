"""From labelled files to a scorecard: whole points, monotone, adding up to 550, and what a score means.

1. Edges: optbinning, on the rows to fit alone (`binning`).
2. Weights: one logistic regression over all planned criteria, in which no worse bin may be the better one (`weights`).
3. Points: the weights turned round and scaled so that the best bins of all criteria add up to 550, then rounded.
4. Odds: a logistic regression on the score itself gives the constants of the default probability.

The same sample gives the same bytes: there is no chance in any step.

Source: scoring.md (last but one paragraph); docs/scorecard.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import exp, log
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.core import canon
from app.core.scoring.scorecard import (
    BASE,
    TOP,
    Card,
    CardCriterion,
    CardDocument,
    CardMeasure,
    DefaultProbability,
    Provenance,
    make_card,
)
from app.services.scoring.modelling.binning import choose_edges
from app.services.scoring.modelling.design import KEPT, PLAN
from app.services.scoring.modelling.weights import weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from app.services.scoring.modelling.design import PlannedMeasure
    from app.services.scoring.modelling.sample import Ints, Sample

    Floats = NDArray[np.float64]

VERSION: Final = "credence scorecard fit 1"
ANCHOR_SCORE: Final = 600


@dataclass(frozen=True, slots=True)
class Told:
    """What nobody can read off the sample: the card's name, what the data is, what bad means and within how many months."""

    name: str
    data: str
    label: str
    horizon_months: int


def fit(sample: Sample, told: Told, say: Callable[[str], None]) -> Card:
    """The card fitted to the rows that are not for testing. `say` is told what is being done."""
    measures: list[tuple[CardMeasure, ...]] = []
    for planned in PLAN:
        say(f"bins of {' by '.join(measure.id for measure in planned)}")
        measures.append(tuple(CardMeasure(_edges(sample, measure), measure.id) for measure in planned))
    bins = [[sample.bins(m.id, m.edges) for m in own] for own in measures]
    say("weights of all bins together")
    train = ~sample.test
    places = [_together(own, columns)[train] for own, columns in zip(measures, bins, strict=True)]
    weights = weights_of(measures, places, sample.bad[train])
    budget = TOP - BASE - sum(max(kept.points) for kept in KEPT)
    criteria = [
        CardCriterion(own, points, "fitted")
        for own, points in zip(measures, _points(weights, budget), strict=True)
    ]
    criteria += [CardCriterion((CardMeasure(k.edges, k.measure),), k.points, "expert") for k in KEPT]
    provenance = Provenance(
        data=told.data,
        fit=VERSION,
        label=told.label,
        rows_test=int(sample.test.sum()),
        rows_train=int(train.sum()),
        sample_sha256=_digest(sample, measures, bins),
        split="test: sha256 of the account's name begins below 77, or as the table of labels says",
    )
    say("what a score means")
    plain = make_card(CardDocument(BASE, tuple(criteria), told.name, TOP, 1))
    odds = _odds(sample, scores_of(sample, plain), told.horizon_months)
    return make_card(CardDocument(BASE, tuple(criteria), told.name, TOP, 1, odds, provenance))


def _edges(sample: Sample, planned: PlannedMeasure) -> tuple[int, ...]:
    if planned.given:
        return planned.grid
    return choose_edges(sample, planned.id, planned.grid, planned.bins_max) or planned.grid[:1]


def scores_of(sample: Sample, card: Card) -> Ints:
    """The score of every file under a card."""
    total = np.full(len(sample.views), BASE, dtype=np.int64)
    for criterion in card.contents.criteria:
        total += np.array(criterion.points)[bins_of(sample, criterion)]
    return total


def bins_of(sample: Sample, criterion: CardCriterion) -> Ints:
    """The bin of every file in a criterion."""
    return _together(criterion.measures, [sample.bins(m.id, m.edges) for m in criterion.measures])


def _together(measures: tuple[CardMeasure, ...], bins: list[Ints]) -> Ints:
    """The bins of a criterion, of the bins of its measures: the second's run faster."""
    return bins[0] if len(bins) == 1 else bins[0] * measures[1].bins + bins[1]


# ---- points
# --------------------------------------------------------------------------------------------------


def _points(weights: list[Floats], budget: int) -> list[tuple[int, ...]]:
    """Whole points: 0 for the worst bin of each criterion, the best bins adding up to the budget.

    The largest remainders get what rounding down leaves; within a criterion points are in proportion to its best.
    """
    spans = [float(weight.max() - weight.min()) for weight in weights]
    exact = [budget * span / sum(spans) for span in spans]
    best = [int(share) for share in exact]
    by_remainder = sorted(range(len(best)), key=lambda number: (best[number] - exact[number], number))
    for number in by_remainder[: budget - sum(best)]:
        best[number] += 1
    return [
        tuple(int(value) for value in np.floor((weight.max() - weight) / (span or 1) * most + 0.5))
        for weight, span, most in zip(weights, spans, best, strict=True)
    ]


def _odds(sample: Sample, scores: Ints, horizon_months: int) -> DefaultProbability:
    train = ~sample.test
    model = LogisticRegression(C=1e6, tol=1e-10, max_iter=2_000)
    centred = (scores[train] - ANCHOR_SCORE) / 100
    model.fit(centred.reshape(-1, 1), ~sample.bad[train])
    return DefaultProbability(
        anchor_score=ANCHOR_SCORE,
        doubling_points_milli=round(1000 * 100 * log(2) / float(model.coef_[0][0])),
        horizon_months=horizon_months,
        odds_milli=round(1000 * exp(float(model.intercept_[0]))),
    )


def _digest(sample: Sample, measures: list[tuple[CardMeasure, ...]], bins: list[list[Ints]]) -> str:
    """SHA-256 over the names of the accounts, their labels and the bins they fell into: the same on any day of any import."""
    rows = zip(
        sample.accounts, sample.bad, sample.test, *[column for own in bins for column in own], strict=True
    )
    heading = [measure.id for own in measures for measure in own]
    table = [heading, *[[str(account), *(int(value) for value in values)] for account, *values in rows]]
    return sha256(canon.encode(table)).hexdigest()
