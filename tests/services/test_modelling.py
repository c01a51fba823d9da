"""The fit, on the research data folded without a database: the same card on any day, better than the expert's, monotone."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from app.core.errors import FormatError
from app.core.scoring.profiles import CN
from app.core.scoring.score import score_file
from app.core.scoring.scorecard import BASE, TOP, CardMeasure, expert_card
from app.services.scoring.statistics import auc
from tests.services.research_sample import research_files

pytest.importorskip("optbinning", reason="the extra `fit` is not installed: pip install -e '.[fit]'")

from app.services.scoring.labels import read_labels
from app.services.scoring.modelling import research_labels
from app.services.scoring.modelling.design import KEPT, PLAN
from app.services.scoring.modelling.fitting import Told, bins_of, fit, scores_of
from app.services.scoring.modelling.sample import Sample, make_sample
from app.services.scoring.modelling.weights import NUMBERLESS_LAST, weights_of

ROWS = 6_000
TOLD = Told("A card", "some rows", "a default", 1)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_text(research_labels.table())
    return read_labels(path)


@pytest.fixture(scope="module")
def sample(labels):
    return make_sample(research_files("2026-10", ROWS), labels, "2026-11-22", CN)


@pytest.fixture(scope="module")
def card(sample):
    return fit(sample, TOLD, lambda _: None)


def test_the_table_of_the_research_data(labels):
    assert len(labels) == 30_000
    assert sum(label.test for label in labels.values()) == 8_998
    assert round(sum(label.bad for label in labels.values()) / 30_000, 4) == 0.2212
    first = next(iter(labels.values()))
    assert set(first.groups) == {"sex", "age", "education"}
    assert len(first.raw) == 19
    assert first.raw["LIMIT_BAL"] == 20_000


def test_points_are_whole_and_their_best_add_up_to_550(card):
    best = [max(criterion.points) for criterion in card.contents.criteria]
    assert sum(best) == TOP - BASE
    assert all(min(criterion.points) == 0 for criterion in card.contents.criteria)
    assert {criterion.source for criterion in card.contents.criteria} == {"fitted", "expert"}


def test_defaults_may_only_rise_from_bin_to_bin_of_a_planned_measure(card):
    for criterion in card.contents.criteria:
        if criterion.source == "fitted":
            shape = [measure.bins for measure in criterion.measures]
            for axis, measure in enumerate(criterion.measures):
                ordered = range(measure.bins - (measure.id in NUMBERLESS_LAST))
                table = np.array(criterion.points).reshape(shape).take(ordered, axis=axis)
                assert (np.diff(table, axis=axis) <= 0).all(), criterion.id


def test_no_row_decides_a_bin_of_an_experts_criterion(card, sample):
    """What an expert set is not counted twice: all rows of the data stand in the same bin of it."""
    for criterion in card.contents.criteria:
        if criterion.source == "expert":
            assert len(set(bins_of(sample, criterion).tolist())) == 1, criterion.id
    assert {kept.measure for kept in KEPT}.isdisjoint(measure.id for own in PLAN for measure in own)


def test_every_chosen_bin_has_two_percent_of_the_rows_unless_it_stands_for_no_number(card, sample):
    train = ~sample.test
    given = {measure.id for own in PLAN for measure in own if measure.given}
    for criterion in card.contents.criteria:
        measure = criterion.measures[0]
        if criterion.source == "fitted" and measure.id not in given:
            counts = np.bincount(bins_of(sample, criterion)[train], minlength=measure.bins)
            special = {measure.bins - 1} if measure.id in NUMBERLESS_LAST else set()
            special |= {0} if measure.id == "since_late" else set()
            assert all(
                counts[n] >= 0.02 * train.sum() - 1 for n in range(measure.bins) if n not in special
            ), criterion.id


def test_the_vectors_of_the_fit_are_the_scores_of_the_engine(card, sample):
    scores = scores_of(sample, card)
    for number, v in enumerate(sample.views[:500]):
        assert score_file(v.file, sample.day, card, CN).score == scores[number]


def test_the_fitted_card_ranks_unseen_rows_better_than_the_experts(card, sample):
    def unseen(each):
        return auc(
            zip(scores_of(sample, each)[sample.test].tolist(), sample.bad[sample.test].tolist(), strict=True)
        )

    assert unseen(card) > unseen(expert_card()) + 0.01


def test_the_odds_say_what_share_of_the_rows_defaulted(card, sample):
    odds = card.contents.default_probability
    train = ~sample.test
    expected = np.mean([odds.of(int(score)) for score in scores_of(sample, card)[train]])
    assert expected == pytest.approx(sample.bad[train].mean(), abs=0.002)


def test_the_same_data_gives_the_same_card_in_any_month_and_order(card, labels):
    files = list(research_files("2031-01", ROWS))
    again = fit(make_sample(reversed(files), labels, "2031-02-09", CN), TOLD, lambda _: None)
    assert again.document == card.document


def test_the_labels_of_the_test_rows_have_no_part_in_the_fit(card, sample):
    turned = np.where(sample.test, ~sample.bad, sample.bad)
    other = Sample(sample.accounts, sample.views, sample.day, CN, turned, sample.test, sample.labels, 0)
    points = [criterion.points for criterion in fit(other, TOLD, lambda _: None).contents.criteria]
    assert points == [criterion.points for criterion in card.contents.criteria]


def test_weights_are_the_log_odds_where_they_are_in_order_and_equal_where_they_would_not_be():
    """Three bins of 1,000 rows: 100, 90 and 400 bad. The first two have the wrong order and come out as one."""
    places = np.repeat([0, 1, 2], 1_000)
    bad = np.concatenate([np.arange(1_000) < count for count in (100, 90, 400)])
    (weights,) = weights_of([(CardMeasure((1, 2), "late_months"),)], [places], bad)
    together = np.log(190 / 1_810)
    assert weights[1] == weights[0]
    assert weights[2] - weights[0] == pytest.approx(np.log(400 / 600) - together, abs=0.002)


def test_a_cell_for_no_number_without_rows_gets_the_mean_of_the_rows_beside_it():
    """`current` (one edge) by `utilisation` (one edge): nobody has no open card."""
    own = (CardMeasure((1,), "current"), CardMeasure((500,), "utilisation"))
    places = np.repeat([0, 1, 3, 4], 500)
    bad = np.concatenate([np.arange(500) < count for count in (50, 100, 200, 300)])
    (weights,) = weights_of([own], [places], bad)
    table = weights.reshape(2, 3)
    assert table[:, 2] == pytest.approx(table[:, :2].mean(axis=1), abs=1e-9)
    assert (np.diff(table, axis=0) > 0).all()


def test_too_few_labelled_files_are_refused(labels):
    with pytest.raises(FormatError, match="too few labelled files"):
        make_sample(research_files("2026-10", 300), labels, "2026-11-22", CN)


def test_the_packed_table_is_csv_with_nothing_of_it_in_the_ledger():
    names = csv.DictReader(io.StringIO(research_labels.table())).fieldnames
    assert names[:6] == ["account", "bad", "test", "group:sex", "group:age", "group:education"]
