"""R42 and the bars: figures against other people's arithmetic, bars that fail when they should, the shipped card and report."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from app.core.errors import FormatError
from app.core.scoring.profiles import CN
from app.core.scoring.scorecard import BASE, TOP, DefaultProbability, expert_card, make_card, parse_card
from app.services.ledger import cards
from tests.services.research_sample import research_files

pytest.importorskip("optbinning", reason="the extra `fit` is not installed: pip install -e '.[fit]'")

from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from app.services.scoring.labels import read_labels
from app.services.scoring.modelling import metrics, report, research_labels
from app.services.scoring.modelling.fairness import cut_off, fairness, lowest
from app.services.scoring.modelling.fitting import Told, fit, scores_of
from app.services.scoring.modelling.sample import make_sample
from app.services.scoring.modelling.validation import _stability, bars, validate
from app.services.scoring.modelling.weak_spots import weak_spots

TOLD = Told(
    "Credence card 1",
    "Default of Credit Card Clients, UCI 350, as folded by the ledger",
    "default on the payment due in the month after the last report",
    1,
)
ODDS = DefaultProbability(600, 50_000, 1, 4_000)
DOCS = Path(__file__).parents[2] / "docs" / "scorecard"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_text(research_labels.table())
    return make_sample(research_files("2029-03", 30_000), read_labels(path), "2029-04-17", CN)


@pytest.fixture(scope="module")
def small(sample):
    """Every sixth row: for what needs a report but not its exact figures."""
    part = slice(None, None, 6)
    return replace(
        sample,
        accounts=sample.accounts[part],
        views=sample.views[part],
        bad=sample.bad[part],
        test=sample.test[part],
        labels=sample.labels[part],
    )


@pytest.fixture(scope="module")
def small_report(card, small):
    return validate(card, small)


@pytest.fixture(scope="module")
def card():
    return parse_card(cards.fitted_card()[0])


@pytest.fixture(scope="module")
def made(card, sample):
    return validate(card, sample)


def not_met(found):
    return {bar["bar"] for bar in found["bars"] if not bar["met"]}


# ---- the shipped card


def test_the_shipped_card_is_what_the_fit_gives_byte_for_byte_in_any_month(sample):
    assert fit(sample, TOLD, lambda _: None).document == cards.fitted_card()[0]


def test_the_shipped_report_is_what_validation_gives_byte_for_byte_and_its_page_too(made):
    shipped = cards.fitted_card()[1]
    assert report.to_json(made) == shipped
    assert (DOCS / "report.json").read_bytes() == shipped
    assert (DOCS / "index.html").read_text() == report.to_page(made)


def test_the_shipped_card_meets_every_bar(made):
    assert len(made["bars"]) == 5
    assert not_met(made) == set()
    assert made["rows"] == {
        "test": {"rows": 8_998, "bad": 1_933},
        "train": {"rows": 21_002, "bad": 4_703},
        "left_out": 0,
    }


def test_lower_use_of_credit_never_costs_points(card):
    """Along both measures of use, in every row, but for the bin of what has no number."""
    for criterion in card.contents.criteria:
        if criterion.measures[-1].id in {"utilisation", "utilisation_peak"}:
            table = np.array(criterion.points).reshape(-1, criterion.measures[-1].bins)[:, :-1]
            assert (np.diff(table, axis=1) <= 0).all(), criterion.id


def test_the_report_names_nobody(made, sample):
    text = report.to_json(made).decode() + report.to_page(made)
    assert "cards.research" not in text
    assert "uci:" not in text
    assert not any(account in text for account in sample.accounts[::100])


def test_who_may_be_what_changes_no_score_and_no_figure_but_theirs(card, small, small_report):
    """R34: attributes are beside the sample; turned round, everything but fairness stays byte for byte."""
    turned = [replace(own, groups=dict.fromkeys(own.groups, "x")) for own in small.labels]
    other = validate(card, replace(small, labels=turned))
    for part in ("quality", "gradient_boosting", "calibration", "distribution", "criteria", "stability"):
        assert other[part] == small_report[part]
    assert other["fairness"]["attributes"] != small_report["fairness"]["attributes"]


# ---- bars that fail


def test_a_card_with_its_points_turned_round_fails(card, small):
    """Ranking and calibration are lost when a worse file gets more points; only R33's own criteria cannot be turned."""
    contents = card.contents
    pair = contents.criteria[1]
    turned = msgspec.structs.replace(pair, points=tuple(max(pair.points) - points for points in pair.points))
    other = msgspec.structs.replace(contents, criteria=(contents.criteria[0], turned, *contents.criteria[2:]))
    found = validate(make_card(other), small)
    assert {"ranking", "machine", "calibration"} <= not_met(found)


def test_odds_that_are_twice_too_good_fail_the_calibration(card, small, small_report):
    odds = card.contents.default_probability
    better = msgspec.structs.replace(odds, odds_milli=2 * odds.odds_milli)
    found = validate(make_card(msgspec.structs.replace(card.contents, default_probability=better)), small)
    assert not_met(found) == not_met(small_report) | {"calibration"}
    assert "calibration" not in not_met(small_report)
    assert any("too optimistic" in told for told in found["weak_spots"])


def test_a_group_that_is_approved_less_often_fails_and_a_small_one_is_shown_but_not_judged():
    scores = np.repeat([700, 500, 700, 500, 500], [800, 100, 400, 100, 50])
    groups = [{"g": name} for name, count in (("a", 900), ("b", 500), ("few", 50)) for _ in range(count)]
    bad = np.arange(len(scores)) % 4 == 0
    found = fairness(scores, bad, groups, ODDS)
    rows = {row["group"]: row for row in found["attributes"][0]["groups"]}
    assert found["cut_off"] == 700
    assert rows["a"]["ratio"] == 1
    assert rows["b"]["ratio"] == pytest.approx((400 / 500) / (800 / 900), abs=1e-4)
    assert (rows["few"]["judged"], rows["few"]["approved"], rows["few"]["ratio"]) == (False, 0, 0)
    assert lowest(found) == ("g", rows["b"])


def test_groups_that_nobody_of_is_approved_are_no_ratio_and_no_crash(made):
    """Everybody who is approved is in a group too small to judge."""
    rows = [*[170] * 10, 210, 210]
    scores = np.repeat([*[700] * 10, 500, 500], rows)
    groups = [{"g": str(number)} for number, count in enumerate(rows) for _ in range(count)]
    found = fairness(scores, np.arange(len(scores)) % 4 == 0, groups, ODDS)
    assert found["cut_off"] == 700
    assert lowest(found) is None
    told = weak_spots({**made, "fairness": found})
    assert sum("too few to judge" in each for each in told) == 10


def test_labels_without_groups_leave_no_fairness_and_the_report_says_so(made):
    without = {**made, "fairness": {**made["fairness"], "attributes": []}}
    assert "fairness" not in {bar["bar"] for bar in bars(without)}
    assert any("nothing is known about fairness" in each for each in weak_spots(without))
    assert not any("nothing is known about fairness" in each for each in made["weak_spots"])
    assert "<svg" in report.to_page(without)


def test_a_pair_that_is_worth_nothing_has_a_table_too(made):
    pair = made["criteria"][0]
    nothing = {**pair, "points_max": 0, "bins": [{**each, "points": 0} for each in pair["bins"]]}
    assert report.to_page({**made, "criteria": [nothing]}).count("hsl(207 60% 96%)") == len(pair["bins"])


def test_each_bar_fails_just_beyond_its_limit(made):
    def with_(**parts):
        return {bar["bar"] for bar in bars({**made, **parts}) if not bar["met"]}

    def area(value):
        return {**made["quality"], "test": {**made["quality"]["test"], "auc": {"value": value}}}

    machine = {**made["gradient_boosting"], "same_measures": {"auc": {"value": 0.78}}}
    assert with_() == set()
    assert with_(quality=area(0.7649), gradient_boosting={"same_measures": {"auc": {"value": 0.77}}}) == {
        "ranking"
    }
    assert with_(quality=area(0.77), gradient_boosting=machine) == set()
    assert with_(quality=area(0.7699), gradient_boosting=machine) == {"machine"}
    assert with_(calibration={"test": [{"z": 3.0}, {"z": -3.01}]}) == {"calibration"}
    assert with_(stability={"train_to_test": 0.01, "baseline": {"index": 0.25}}) == {"stability"}


def test_a_card_that_does_not_say_what_a_score_means_is_refused(sample):
    with pytest.raises(FormatError, match="what a score means"):
        validate(expert_card(), sample)


# ---- stability over time (R42)


def test_the_same_population_has_not_shifted_and_another_one_raises_the_alarm(card, small, small_report):
    earlier = report.from_json(report.to_json(small_report))
    again = validate(card, small, earlier)
    assert again["stability"]["baseline"] == {"scorecard": card.hash.hex(), "index": 0.0}
    assert {**again, "stability": 0, "weak_spots": 0} == {**small_report, "stability": 0, "weak_spots": 0}
    moved = {part: [*rows[3:], *rows[:3]] for part, rows in small_report["distribution"].items()}
    shifted = _stability(small_report["distribution"], {**small_report, "distribution": moved})
    other = {**small_report, "stability": shifted}
    assert {bar["bar"] for bar in bars(other) if not bar["met"]} - not_met(small_report) == {"stability"}
    assert any("since the earlier report" in told for told in weak_spots(other))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"kind":"scorecard-comparison"}', b"\xff"])
def test_what_is_no_report_is_no_baseline(text):
    with pytest.raises(FormatError):
        report.from_json(text)


@pytest.mark.parametrize("distribution", [None, {}, {"train": [], "test": []}, {"train": 1, "test": [{}]}])
def test_a_report_without_its_distribution_is_no_baseline(made, distribution):
    with pytest.raises(FormatError, match="no validation report"):
        _stability(made["distribution"], {**made, "distribution": distribution})


# ---- figures


@pytest.fixture(scope="module")
def drawn():
    draw = np.random.default_rng(7)
    bad = draw.random(4_000) < 0.3
    return (600 + 40 * draw.normal(size=4_000) - 30 * bad).astype(int).clip(BASE, TOP), bad


def test_area_and_distance_are_those_of_other_libraries(drawn):
    scores, bad = drawn
    rows = metrics.tally(scores, bad)
    assert metrics.auc_of(rows).value == pytest.approx(roc_auc_score(bad, -scores), abs=1e-12)
    assert metrics.ks_of(rows).value == pytest.approx(
        ks_2samp(scores[bad], scores[~bad]).statistic, abs=1e-12
    )
    assert metrics.gini_of(rows).value == pytest.approx(2 * roc_auc_score(bad, -scores) - 1, abs=1e-12)


def test_the_interval_of_the_area_is_delongs_of_all_pairs(drawn):
    """The definition, pair by pair, on a part of the rows."""
    scores, bad = drawn[0][:400], drawn[1][:400]
    wins = np.sign(scores[~bad][None, :] - scores[bad][:, None]) / 2 + 0.5
    variance = wins.mean(axis=1).var(ddof=1) / bad.sum() + wins.mean(axis=0).var(ddof=1) / (~bad).sum()
    found = metrics.auc_of(metrics.tally(scores, bad))
    assert found.high - found.low == pytest.approx(2 * 1.959964 * np.sqrt(variance), abs=1e-9)


def test_the_interval_of_the_distance_covers_it_and_is_the_same_every_time(drawn):
    rows = metrics.tally(*drawn)
    found = metrics.ks_of(rows)
    assert found.low < found.value < found.high
    assert metrics.ks_of(rows) == found


def test_a_hand_computed_ranking():
    """Scores 1 2 2 3 with outcomes bad, bad, good, good: of four pairs 3 right and one tie."""
    rows = metrics.tally(np.array([3, 2, 1, 2]), np.array([False, True, True, False]))
    assert [list(rows.good), list(rows.bad)] == [[0, 1, 1], [1, 1, 0]]
    assert metrics.auc_of(rows).value == 3.5 / 4
    assert metrics.ks_of(rows).value == 0.5
    assert metrics.roc(rows) == [[0, 0], [0.5, 1], [1, 1]]


def test_tenths_keep_equal_scores_together_and_lose_nobody():
    scores = np.array([500] * 35 + list(range(600, 665)))
    bad = np.arange(100) % 3 == 0
    found = metrics.calibration(scores, bad, ODDS)
    assert (found[0]["from"], found[0]["to"], found[0]["rows"]) == (500, 500, 35)
    assert sum(row["rows"] for row in found) == 100
    assert all(before["to"] < after["from"] for before, after in pairwise(found))


def test_a_hand_computed_miss():
    """At 600 points one in five defaults: of 100 rows 20 are expected, the standard error is 4, 28 came."""
    found = metrics.against(np.full(100, 600), np.arange(100) < 28, ODDS)
    assert found == {"rows": 100, "predicted": 0.2, "observed": 0.28, "standard_error": 0.04, "z": 2.0}


def test_a_hand_computed_index():
    before = [{"good": 50, "bad": 0}, {"good": 25, "bad": 25}, {"good": 0, "bad": 0}]
    after = [{"good": 20, "bad": 5}, {"good": 75, "bad": 0}, {"good": 0, "bad": 0}]
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert metrics.stability(before, after) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("score", "band"), [(300, 0), (349, 0), (350, 1), (799, 9), (800, 10), (850, 10)])
def test_the_last_band_ends_with_the_best_score(score, band):
    found = metrics.bands(np.array([score]), np.array([True]))
    assert [row["bad"] for row in found] == [int(n == band) for n in range(11)]


def test_the_line_declines_no_more_than_a_fifth_and_ties_at_it_are_approved():
    assert cut_off(np.array([1, 2, 2, 2, 3, 4, 5, 6, 7, 8])) == 2
    assert cut_off(np.arange(10)) == 2


# ---- the page


class _Page(html.parser.HTMLParser):
    """Counts what is open and keeps what was seen."""

    VOID = frozenset({"meta", "br", "line", "rect", "circle", "polyline"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, *attr) for attr in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_stands_alone_and_can_be_read_aloud(made):
    page = _Page()
    page.feed(report.to_page(made))
    assert page.open == []
    assert not {"script", "img", "link", "iframe", "object"} & set(page.seen)
    assert not [a for a in page.attributes if a[1] in {"src", "href", "onclick", "onload"}]
    assert page.seen.count("h1") == 1
    assert page.seen.count("caption") == page.seen.count("table")
    assert page.seen.count("svg") == page.seen.count("desc") == 4
    assert re.search(r'<html lang="en">', report.to_page(made))


def test_what_a_table_of_labels_says_is_text_on_the_page(made):
    attributes = [
        {
            "attribute": "<b>",
            "groups": [{**made["fairness"]["attributes"][0]["groups"][0], "group": "<script>"}],
        }
    ]
    page = report.to_page({**made, "fairness": {**made["fairness"], "attributes": attributes}})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_weak_spots_come_from_the_figures(made, card, sample):
    told = weak_spots(made)
    assert told == made["weak_spots"]
    assert sum("an expert's" in each for each in told) == 6
    assert any("132 rows are too few to judge" in each for each in told)
    assert any("Nothing was billed" in each and "stands alone" in each for each in told)
    calm = {**made, "calibration": {part: [] for part in ("test", "train")}, "criteria": []}
    assert len(weak_spots(calm)) < len(told)
    assert made["largest_tie"]["score"] == TOP - 36
    assert np.isclose(
        (scores_of(sample, card)[sample.test] == 814).mean(), made["largest_tie"]["rows_share"], atol=1e-4
    )
