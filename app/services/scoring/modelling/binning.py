"""Where the bins of a measure end: optbinning's best monotone bins, each with at least 2 % of the rows.

The measure is asked with a fine grid of candidate edges; the optimiser merges neighbours. What has no number (no open
card, nothing billed) keeps the bin of its own that every measure gives it.
"""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import numpy as np

with (
    redirect_stderr(io.StringIO()),
    redirect_stdout(io.StringIO()),
):  # it names solvers that are not there
    from optbinning import OptimalBinning

if TYPE_CHECKING:
    from app.services.scoring.modelling.sample import Sample

BIN_SHARE_MIN = 0.02


def choose_edges(sample: Sample, measure: str, grid: tuple[int, ...], bins_max: int) -> tuple[int, ...]:
    """The edges, a part of `grid` (both in the measure's own order); the share of bad rows rises from bin to bin."""
    train = ~sample.test
    bins = sample.bins(measure, grid)[train]
    bad = sample.bad[train]
    numbered = _numbered(measure, len(grid))
    kept = (bins >= numbered[0]) & (bins <= numbered[1])
    binning = OptimalBinning(
        dtype="numerical",
        solver="cp",
        prebinning_method="quantile" if len(grid) > bins_max else "uniform",
        max_n_prebins=min(len(grid) + 1, 24),
        min_prebin_size=BIN_SHARE_MIN,
        min_bin_size=BIN_SHARE_MIN * len(bins) / max(int(kept.sum()), 1),
        max_n_bins=bins_max,
        monotonic_trend="ascending",
    )
    if len(grid) <= bins_max:
        binning.set_params(user_splits=np.arange(numbered[0], numbered[1]) + 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # whole numbers have fewer quantiles than were asked for
        binning.fit(bins[kept].astype(float), bad[kept].astype(int))
    # A split at x lies between the bins floor(x) and above: edge number i ends bin i - 1 of those with a number.
    return tuple(
        sorted({grid[int(np.ceil(split)) - numbered[0] - 1] for split in binning.splits}, key=grid.index)
    )


def _numbered(measure: str, edges: int) -> tuple[int, int]:
    """First and last bin that stand for numbers: `since_late` and `records` begin with a bin for never."""
    first = 1 if measure in {"since_late", "records"} else 0
    return first, first + edges
