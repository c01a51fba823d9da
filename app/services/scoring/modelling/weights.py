"""What each bin adds to the log odds of a default: one logistic regression over all planned criteria together.

Each bin of each criterion has a weight. Along a measure whose bins are in an order no weight may fall (late more often,
less paid, more of a limit in use: never better), in a pair along both of its measures. What the data would have the other
way round comes out with equal weights. A bin for what has no number stands in no order.

Two penalties keep the weights where few rows speak: a small one on every step from a bin to the next, so that an ordered
bin without rows follows its neighbour, and in a pair a larger one that draws the steps from one row of its table to the
next towards their mean. A cell for "no number" that no row fell into gets a mean over the rows: no evidence, no judgement.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.core.scoring.scorecard import CardMeasure
    from app.services.scoring.modelling.sample import Bools, Ints

    Floats = NDArray[np.float64]

NUMBERLESS_LAST: Final = frozenset(
    {"utilisation", "utilisation_peak", "paid_share", "unpaid_months", "oldest_age"}
)
_PENALTY: Final = 1e-5
_PENALTY_OF_PAIRS: Final = 4e-3
_PRECISE: Final = {"maxiter": 2_000, "ftol": 1e-13}


class _Table(NamedTuple):
    """A criterion as a table: a row for each bin of its first measure, a column for each of its second (or one).

    `ordered` says how many rows and columns are in an order; what is behind them has no number. `at` is the place of its
    first weight among all.
    """

    at: int
    shape: tuple[int, int]
    ordered: tuple[int, int]

    def place(self, row: int, column: int) -> int:
        return self.at + row * self.shape[1] + column


def weights_of(measures: list[tuple[CardMeasure, ...]], places: list[Ints], bad: Bools) -> list[Floats]:
    """The weights of each criterion's bins; `places` are the bins that the rows to fit fell into."""
    tables = _tables(measures)
    found = _most_likely(tables, np.column_stack(places), bad.astype(float))
    weights = []
    for table, bins in zip(tables, places, strict=True):
        own = found[table.at : table.at + table.shape[0] * table.shape[1]]
        weights.append(_settled(table, own, np.bincount(bins, minlength=len(own))))
    return weights


def _tables(measures: list[tuple[CardMeasure, ...]]) -> list[_Table]:
    """The place of the constant is 0."""
    tables, at = [], 1
    for own in measures:
        bins = [measure.bins for measure in own]
        ordered = [measure.bins - (measure.id in NUMBERLESS_LAST) for measure in own]
        rows, columns = (*bins, 1)[:2]
        tables.append(_Table(at, (rows, columns), (ordered[0], (*ordered, 1)[1])))
        at += rows * columns
    return tables


def _most_likely(tables: list[_Table], places: Ints, bad: Floats) -> Floats:
    """Sequential quadratic programming: the likelihood is smooth and has one optimum, the order is linear."""
    last = tables[-1]
    width = last.at + last.shape[0] * last.shape[1]
    kinds, kind_of = np.unique(places, axis=0, return_inverse=True)
    times = np.bincount(kind_of.ravel())
    share, bad_share = times / len(bad), np.bincount(kind_of.ravel(), weights=bad) / times
    x = np.zeros((len(kinds), width))
    x[:, 0] = 1
    for number, table in enumerate(tables):
        x[np.arange(len(kinds)), table.at + kinds[:, number]] = 1
    penalty = sum((_penalty(table, width) for table in tables), np.zeros((width, width)))
    order = np.array([_step(width, *pair) for table in tables for pair in _order(table)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds, pull = x @ weights, penalty @ weights
        value = float(share @ (np.logaddexp(0, odds) - bad_share * odds) + weights @ pull / 2)
        return value, x.T @ (share * (1 / (1 + np.exp(-odds)) - bad_share)) + pull

    rising = {"type": "ineq", "fun": lambda weights: order @ weights, "jac": lambda _: order}
    found = minimize(loss, np.zeros(width), jac=True, constraints=[rising], method="SLSQP", options=_PRECISE)
    assert found.success, found.message
    weights: Floats = found.x
    return weights


def _order(table: _Table) -> list[tuple[int, int]]:
    """Pairs of weights of which the second may not be the smaller one."""
    (rows, columns), (rows_ordered, columns_ordered) = table.shape, table.ordered
    down = [
        (table.place(upper, column), table.place(lower, column))
        for column in range(columns)
        for upper, lower in pairwise(range(rows_ordered))
    ]
    across = [
        (table.place(row, left), table.place(row, right))
        for row in range(rows)
        for left, right in pairwise(range(columns_ordered))
    ]
    return down + across


def _penalty(table: _Table, width: int) -> Floats:
    """The quadratic form of both penalties; the first weight of a criterion is held at 0, the constant is elsewhere."""
    (rows, columns), (rows_ordered, _) = table.shape, table.ordered
    penalty = np.outer(*[_unit(width, table.at)] * 2)
    for row in range(1, rows):
        before = row - 1 if row < rows_ordered else 0
        steps = [
            _step(width, table.place(before, column), table.place(row, column)) for column in range(columns)
        ]
        mean = sum(steps, np.zeros(width)) / columns
        for step in steps:
            penalty += _PENALTY * np.outer(step, step)
            penalty += _PENALTY_OF_PAIRS * np.outer(step - mean, step - mean)
    for left, right in pairwise(range(columns)):
        step = _step(width, table.place(0, left), table.place(0, right))
        penalty += _PENALTY * np.outer(step, step)
    return penalty


def _step(width: int, before: int, after: int) -> Floats:
    return _unit(width, after) - _unit(width, before)


def _unit(width: int, place: int) -> Floats:
    unit = np.zeros(width)
    unit[place] = 1
    return unit


def _settled(table: _Table, weights: Floats, rows_in: Ints) -> Floats:
    """The order to the last digit, which the optimiser keeps but for a hair; and empty cells where there is no number.

    In a column for no number they get the mean of their row, each cell weighing as much as its column does, so that
    means of rows in an order are in that order too; a row for no number the mean over all rows. Within a row for no number,
    they follow their neighbours.
    """
    cells, counts = weights.reshape(table.shape).copy(), rows_in.reshape(table.shape)
    rows, columns = table.ordered
    cells[:rows] = np.maximum.accumulate(cells[:rows], axis=0)
    cells[:, :columns] = np.maximum.accumulate(cells[:, :columns], axis=1)
    overall, by_column = np.average(cells, weights=counts), counts[:, :columns].sum(axis=0)
    for row, column in product(*map(range, table.shape)):
        filled = np.flatnonzero(counts[row, :columns])
        if counts[row, column] or (row < rows and column < columns):
            continue
        if row < rows:
            cells[row, column] = np.average(cells[row, :columns], weights=by_column)
        elif column < columns and len(filled):
            cells[row, column] = np.interp(column, filled, cells[row, filled])
        else:
            cells[row, column] = overall
    return cells.ravel()
