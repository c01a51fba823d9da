"""From labelled files to a scorecard: whole points, monotone, adding up to 550, and what a score means.

1. Edges: optbinning, on the rows to fit alone (`binning`).
2. Weights: one logistic regression over all planned criteria. Each is written as steps ("in this bin or a
   worse one"), so that each weight is the rise from one bin to the next; none may be below 0. What would have the
   wrong sign stays at 0 and leaves two bins with equal points.
3. Points: the weights turned round and scaled so that the best bins of all criteria add up to 550, then rounded.
4. Odds: a logistic regression on the score itself gives the constants of the default probability.

The same sample gives the same bytes: there is no chance in any step.

Source: scoring.md (last but one paragraph); docs/scorecard.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import exp, log
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from app.core import canon
from app.core.scorecard import (
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
from app.services.modelling.binning import choose_edges
from app.services.modelling.design import KEPT, PLAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from app.services.modelling.sample import Ints, Sample

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

VERSION: Final = "credence scorecard fit 1"
ANCHOR_SCORE: Final = 600
NUMBERLESS_LAST: Final = frozenset(
    {"utilisation", "utilisation_peak", "paid_share", "unpaid_months", "oldest_age"}
)
_PENALTY: Final = 1e-4
_PENALTY_OF_PAIRS: Final = 2e-3
_PRECISE: Final = {"maxiter": 5_000, "maxfun": 50_000, "ftol": 1e-14, "gtol": 1e-9}


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
        chosen = [choose_edges(sample, *measure) for measure in planned]
        measures.append(
            tuple(
                CardMeasure(edges or measure.grid[:1], measure.id)
                for measure, edges in zip(planned, chosen, strict=True)
            )
        )
    bins = [[sample.bins(m.id, m.edges) for m in own] for own in measures]
    say("weights of all bins together")
    weights = _weights(sample, measures, bins)
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
        rows_train=int((~sample.test).sum()),
        sample_sha256=_digest(sample, measures, bins),
        split="test: sha256 of the account's name begins below 77, or as the table of labels says",
    )
    say("what a score means")
    plain = make_card(CardDocument(BASE, tuple(criteria), told.name, TOP, 1))
    odds = _odds(sample, scores_of(sample, plain), told.horizon_months)
    return make_card(CardDocument(BASE, tuple(criteria), told.name, TOP, 1, odds, provenance))


def scores_of(sample: Sample, card: Card) -> Ints:
    """The score of every file under a card."""
    total = np.full(len(sample.views), BASE, dtype=np.int64)
    for criterion in card.contents.criteria:
        total += np.array(criterion.points)[bins_of(sample, criterion)]
    return total


def bins_of(sample: Sample, criterion: CardCriterion) -> Ints:
    """The bin of every file in a criterion."""
    place = np.zeros(len(sample.views), dtype=np.int64)
    for measure in criterion.measures:
        place = place * measure.bins + sample.bins(measure.id, measure.edges)
    return place


# ---- weights
# --------------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """One weight: what it means to be in some bins of a criterion.

    `row` numbers the steps of a pair that differ in the second measure only: they are drawn to each other.
    """

    criterion: int
    has: Bools
    rising: bool
    row: int


def _weights(sample: Sample, measures: list[tuple[CardMeasure, ...]], bins: list[list[Ints]]) -> list[Floats]:
    """For each criterion, what each of its bins adds to the log odds of a default."""
    steps: list[_Step] = []
    for number, own in enumerate(measures):
        steps += _steps(number, own)
    places = [
        rows[0] if len(rows) == 1 else rows[0] * own[1].bins + rows[1]
        for rows, own in zip(bins, measures, strict=True)
    ]
    train = ~sample.test
    table = np.column_stack([step.has[places[step.criterion]][train] for step in steps]).astype(float)
    found = _bounded_logistic(table, sample.bad[train].astype(float), steps)
    weights = [np.zeros(int(np.prod([measure.bins for measure in own]))) for own in measures]
    for weight, step in zip(found, steps, strict=True):
        weights[step.criterion] += weight * step.has
    return weights


def _steps(number: int, own: tuple[CardMeasure, ...]) -> list[_Step]:
    """The steps of a criterion: bin i of its first measure or a worse one, for each bin of a second measure.

    A last bin that stands for no number is in no order, and alone.
    """
    fast = own[1].bins if len(own) > 1 else 1
    slow_of, fast_of = np.divmod(np.arange(own[0].bins * fast), fast)
    unordered = own[0].bins - 1 if own[0].id in NUMBERLESS_LAST else own[0].bins
    made = [_Step(number, fast_of == place, rising=False, row=-1) for place in range(1, fast)]
    for step in range(1, own[0].bins):
        ordered = step < unordered
        here = (slow_of >= step) & (slow_of < unordered) if ordered else slow_of == step
        row = 100 * number + step if fast > 1 else -1
        made += [_Step(number, here & (fast_of == place), ordered, row) for place in range(fast)]
    return made


def _bounded_logistic(table: Floats, bad: Floats, steps: list[_Step]) -> Floats:
    """The most likely weights, rising ones at least 0.

    A small penalty on each keeps what no row speaks of at 0; a larger one draws the steps of a pair's row towards their
    mean, so that a cell with few rows follows its neighbours. The first column is the constant; behind the steps there are
    the rows' means.
    """
    means = sorted({step.row for step in steps if step.row >= 0})
    width = 1 + len(steps) + len(means)
    penalty = np.diag([0.0] + [_PENALTY] * len(steps) + [0.0] * len(means))
    for place, step in enumerate(steps, 1):
        if step.row >= 0:
            difference = np.zeros(width)
            difference[place], difference[1 + len(steps) + means.index(step.row)] = 1, -1
            penalty += _PENALTY_OF_PAIRS * np.outer(difference, difference)
    rows, times = np.unique(np.column_stack([table, bad]), axis=0, return_counts=True)
    x = np.column_stack([np.ones(len(rows)), rows[:, :-1], np.zeros((len(rows), len(means)))])
    y, share = rows[:, -1], times / len(bad)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds, pull = x @ weights, penalty @ weights
        value = float(share @ (np.logaddexp(0, odds) - y * odds) + weights @ pull / 2)
        return value, x.T @ (share * (1 / (1 + np.exp(-odds)) - y)) + pull

    bounds = [
        (None, None),
        *[(0.0 if step.rising else None, None) for step in steps],
        *[(None, None)] * len(means),
    ]
    found = minimize(loss, np.zeros(width), jac=True, bounds=bounds, method="L-BFGS-B", options=_PRECISE)
    assert found.success, found.message
    weights: Floats = found.x[1 : 1 + len(steps)]
    return weights


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
