"""The scorecard's document, its parser, the words for it, the profiles and the hash of their numbers."""

from contextlib import suppress
from hashlib import sha256
from importlib import resources

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import FormatError
from app.core.reporting.event_types import Answer
from app.core.scoring import card_texts
from app.core.scoring.measures import MEASURES
from app.core.scoring.profiles import CN, FOLD_VERSION, PROFILES, US, fold_version, profile_of, rules_hash
from app.core.scoring.scorecard import (
    BASE,
    TOP,
    CardCriterion,
    CardMeasure,
    DefaultProbability,
    Provenance,
    expert_card,
    make_card,
    parse_card,
)

CARD = expert_card()
# scoring.md: maxima on a scale of 550, and the expert's points on a scale of 800
MAXIMA = [82, 55, 48, 34, 41, 76, 41, 28, 48, 35, 34, 28]


def test_the_expert_card_is_that_of_scoring_md():
    assert [max(criterion.points) for criterion in CARD.contents.criteria] == MAXIMA
    assert sum(MAXIMA) == TOP - BASE == 550
    points = {criterion.id: list(criterion.points) for criterion in CARD.contents.criteria}
    assert points == {
        "current": [82, 41, 21, 7, 0],
        "since_late": [55, 48, 41, 31, 21, 10, 0],
        "worst_24": [48, 31, 17, 7, 0],
        "late_months": [34, 24, 14, 5, 0],
        "records": [41, 31, 21, 10, 0],
        "utilisation": [76, 69, 52, 31, 14, 0, 48],
        "paid_share": [41, 31, 21, 10, 0, 21],
        "below_minimum": [28, 14, 0],
        "oldest_age": [0, 7, 17, 31, 41, 48, 0],
        "on_time_months": [0, 14, 25, 35],
        "inquiries": [34, 31, 24, 10, 0],
        "opened": [28, 18, 7, 0],
    }


def test_the_shipped_file_is_the_expert_card():
    shipped = resources.files("app.core").joinpath("cards", "expert-1.json").read_bytes()
    assert shipped == CARD.document  # so its hash is the card's, and it can be published as it is
    assert CARD.hash == sha256(CARD.document).digest()
    assert CARD.hash.hex() == "5c45fc90ccbba0fc9a7884087f95b62d79697b0fe6f6b4651ac8e69fda356d41"
    assert parse_card(CARD.document) == CARD
    canon.decode(CARD.document)


def document():
    return orjson.loads(CARD.document)


def moved(criterion, place, by):
    """The expert's document with some points moved from inquiries' best to another criterion, or back."""
    card = document()
    next(c for c in card["criteria"] if c["measures"][0]["id"] == criterion)["points"][place] += by
    return card


def without(key):
    card = document()
    del card[key]
    return card


def criteria(change):
    card = document()
    change(card["criteria"])
    return card


@pytest.mark.parametrize(
    "card",
    [
        without("v"),
        without("name"),
        document() | {"v": 2},
        document() | {"base": 0},
        document() | {"top": 1000},
        document() | {"name": ""},
        document() | {"author": "somebody"},
        moved("current", 0, 1),  # 551
        moved("current", 0, -1),  # 549
        moved("current", 4, -1),
        moved("late_months", 4, 6),  # more points for five late months than for three
        moved("on_time_months", 0, 15),
        criteria(list.clear),
        criteria(list.pop),
        criteria(lambda items: items.append(items[0] | {"points": [0] * 5})),
        criteria(lambda items: items[0]["measures"].clear()),
        criteria(lambda items: items[0]["measures"].extend(items[0]["measures"] * 2)),
        criteria(lambda items: items[0]["measures"][0].update(id="income")),
        criteria(lambda items: items[0]["measures"][0]["edges"].reverse()),
        criteria(lambda items: items[1]["measures"][0]["edges"].reverse()),
        criteria(lambda items: items[0]["measures"][0]["edges"].pop()),
        criteria(lambda items: items[0]["measures"][0].update(edges=[0, 1, 2, 3])),
        criteria(lambda items: items[0]["measures"][0].update(edges=[1, 2, 3, 7])),
        document() | {"provenance": None},
        document() | {"default_probability": {"anchor_score": 600}},
        criteria(lambda items: items[0]["points"].append(0)),
        criteria(lambda items: items[0].update(source="guess")),
        criteria(lambda items: items[0]["points"].__setitem__(1, 41.0)),
        criteria(lambda items: items[0]["points"].__setitem__(1, True)),
    ],
)
def test_what_is_not_a_card_is_refused(card):
    with pytest.raises(FormatError):
        parse_card(orjson.dumps(card, option=orjson.OPT_SORT_KEYS))


def test_a_card_with_other_points_and_sources_is_fine_also_where_the_order_of_bins_is_free():
    card = document()
    card["criteria"][5] |= {"points": [40, 76, 52, 31, 14, 0, 48], "source": "fitted"}
    parsed = parse_card(canon.encode(card))
    assert parsed.criteria[5].rows[1] == ("utilisation", 1, 76, 76)
    assert [criterion.source for criterion in parsed.contents.criteria].count("fitted") == 1
    assert parsed.hash != CARD.hash


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", CARD.document + b"\n", CARD.document.replace(b":1}", b": 1}")]
)
def test_other_bytes_are_refused(data):
    with pytest.raises(FormatError):
        parse_card(data)


@given(st.integers(0, len(CARD.document) - 1), st.binary(max_size=2))
def test_any_bytes_give_a_card_or_our_error(place, put):
    data = CARD.document[:place] + put + CARD.document[place + 1 :]
    with suppress(FormatError):
        assert parse_card(data).document == data


# ---- two measures together, data and odds


def together(points, edges=(2, 4), first="current"):
    """A card of one criterion of two measures: `current` in 3 bins by `on_time_months` in 2."""
    measures = (CardMeasure(edges, first), CardMeasure((6,), "on_time_months"))
    criterion = CardCriterion(measures, tuple(points), "fitted")
    return make_card(CARD.contents.__class__(BASE, (criterion,), "Two", TOP, 1))


def test_two_measures_have_points_for_each_pair():
    card = together([500, 550, 100, 120, 0, 10])
    (criterion,) = card.contents.criteria
    assert card.ids == ("current_by_on_time_months",)
    assert [criterion.places(place) for place in range(6)] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert [criterion.place(*criterion.places(place)) for place in range(6)] == list(range(6))
    assert card.criteria[0].rows[3] == ("current_by_on_time_months", 3, 120, 550)


@pytest.mark.parametrize(
    "points",
    [
        [500, 550, 501, 550, 0, 0],  # more for being late, with few months on time
        [500, 550, 500, 400, 0, 401],  # more for being later, with many
        [550, 500, 0, 0, 0, 0],  # less for more months on time
        [550, 550, 10, 9, 0, 0],
        [550] * 5,
        [550] * 7,
    ],
)
def test_r33_holds_along_each_of_two_measures(points):
    with pytest.raises(FormatError):
        together(points)


def test_points_may_fall_from_the_last_pair_of_a_row_to_the_first_of_the_next():
    assert together([500, 550, 400, 420, 0, 0]).hash != together([500, 550, 400, 421, 0, 0]).hash


def test_a_card_says_what_it_was_fitted_to_and_what_a_score_means():
    odds = DefaultProbability(600, 40_000, 12, 20_000)
    data = Provenance("some rows", "fit 1", "default within a year", 10, 20, "0" * 64, "by hash")
    contents = CARD.contents.__class__(BASE, CARD.contents.criteria, "Fitted", TOP, 1, odds, data)
    card = make_card(contents)
    assert parse_card(card.document).contents == contents
    assert odds.of(600) == pytest.approx(1 / 21)
    assert odds.of(640) == pytest.approx(1 / 41)
    assert odds.of(560) == pytest.approx(1 / 11)


# ---- words


def every_measure():
    """Each measure alone with some edges, as the expert has them where he has."""
    known = {c.measures[0].id: c.measures[0].edges for c in CARD.contents.criteria}
    known |= {"utilisation_peak": (125, 300, 1000), "unpaid_months": (1, 2, 3)}
    assert set(known) == set(MEASURES)
    return [CardMeasure(edges, name) for name, edges in known.items()]


@pytest.mark.parametrize("language", card_texts.LANGUAGES)
@pytest.mark.parametrize("measure", every_measure(), ids=lambda measure: measure.id)
def test_every_measure_bin_and_reason_has_its_words(measure, language):
    criterion = CardCriterion((measure,), (0,) * measure.bins, "expert")
    assert card_texts.criterion_name(measure.id, language)
    assert card_texts.criterion_sentence(measure.id, language)[-1] in ".。"
    labels = [card_texts.bin_label(criterion, place, language) for place in range(measure.bins)]
    assert len(set(labels)) == measure.bins
    assert card_texts.reason_sentence(criterion, 0, language)[-1] in ".。"
    with pytest.raises(IndexError):
        card_texts.bin_label(criterion, measure.bins + 2, language)


def labels(name, *edges, language="en"):
    measure = CardMeasure(edges, name)
    return [card_texts.measure_label(measure, place, language) for place in range(measure.bins)]


def test_bins_are_named_after_the_cards_own_edges():
    assert labels("current", 1, 2, 5) == [
        "All on time",
        "1 to 29 days late",
        "30 to 119 days late",
        "120 days late or more",
    ]
    assert labels("worst_24", 2, 6) == [
        "None of 30 days",
        "30 days late or more, not charged off",
        "Charged off",
    ]
    assert labels("since_late", 13, 1) == [
        "None on file",
        "13 months or more",
        "1 to 12 months",
        "This month",
    ]
    assert labels("records", 24, 12) == [
        "None",
        "Settled 24 months or more ago",
        "Settled 12 to 23 months ago",
        "Settled within 12 months",
        "Open",
    ]
    assert labels("utilisation", 100, 125, 300) == [
        "Under 10%",
        "10% to 12.4%",
        "12.5% to 29.9%",
        "30% or more",
        "No open card",
    ]
    assert labels("paid_share", 900, 200) == ["90% or more", "20% to 89%", "Under 20%", "Nothing was billed"]
    assert labels("oldest_age", 6, 24, 60) == [
        "Under 6 months",
        "6 to 23 months",
        "2 to 4 years",
        "5 years or more",
        "Not known",
    ]
    assert labels("opened", 2, 3) == ["1 or none", "2", "3 or more"]
    assert labels("inquiries", 1, 3) == ["None", "1 to 2", "3 or more"]
    assert labels("late_months", 1, language="zh-Hans") == ["无", "1 个及以上"]


def test_a_pair_is_named_after_both_and_its_reason_after_the_one_that_would_gain_more():
    measures = (CardMeasure((1,), "current"), CardMeasure((500,), "utilisation"))
    pair = CardCriterion(measures, (550, 500, 550, 100, 90, 100), "fitted")
    assert card_texts.criterion_name(pair.id, "en") == "Payments now, by credit in use"
    assert card_texts.criterion_name(pair.id, "zh-Hans") == "当前还款状态（按额度使用率）"
    assert card_texts.bin_label(pair, 4, "en") == "Late; 50% or more"
    assert card_texts.reason_sentence(pair, 1, "en") == card_texts.EN["utilisation"].reason
    assert card_texts.reason_sentence(pair, 4, "en") == card_texts.EN["current"].reason
    assert card_texts.is_known(pair.id)
    assert not card_texts.is_known("current_by_income")
    for why in ("too_young", "nothing_reported"):
        assert why in str(Answer.__annotations__["insufficient"])
        assert all(card_texts.insufficient_sentence(why, language) for language in card_texts.LANGUAGES)


def test_the_languages_differ_and_an_unknown_one_gets_english():
    for measure in MEASURES:
        english, chinese = (card_texts.criterion_name(measure, language) for language in card_texts.LANGUAGES)
        assert english.isascii()
        assert not any(character.isascii() and character.isalpha() for character in chinese)
        assert card_texts.criterion_name(measure, "fr") == english


# ---- profiles


def test_profiles_have_the_numbers_of_rules_md():
    assert CN.numbers() == {
        "dispute_days": 20,
        "dispute_extension_days": 0,
        "erasure_days": 30,
        "inquiry_repeat_days": 28,
        "inquiry_score_months": 12,
        "inquiry_shown_months": 24,
        "insolvency_months": 60,
        "negative_months": 60,
        "recipients_months": 6,
    }
    us, eu, india = (PROFILES[name].numbers() for name in ("us", "eu", "in"))
    assert us == CN.numbers() | {
        "negative_months": 84,
        "insolvency_months": 120,
        "dispute_days": 30,
        "dispute_extension_days": 15,
    }
    assert eu == CN.numbers() | {"insolvency_months": 6}
    assert india == CN.numbers() | {"dispute_days": 30}


def test_marks_stay_long_enough_for_every_window_of_the_criteria_and_not_longer_than_the_file_keeps_them():
    assert all(25 <= profile.negative_months <= 120 for profile in PROFILES.values())


def test_profiles_by_name():
    assert [profile_of(name).name for name in ("cn", "us", "eu", "in")] == ["cn", "us", "eu", "in"]
    with pytest.raises(FormatError):
        profile_of("uk")


def test_the_hash_of_the_rules_covers_the_numbers_and_the_version_of_the_fold():
    expected = (
        b'{"fold":2,"profile":{"dispute_days":20,"dispute_extension_days":0,"erasure_days":30,"inquiry_repeat_days":28,'
        b'"inquiry_score_months":12,"inquiry_shown_months":24,"insolvency_months":60,"negative_months":60,'
        b'"recipients_months":6}}'
    )
    assert rules_hash(CN) == sha256(expected).digest()
    assert len({rules_hash(profile) for profile in PROFILES.values()}) == 4


def test_the_rules_of_a_block_tell_the_version_of_its_fold():
    versions = [1, FOLD_VERSION]
    assert [fold_version(rules_hash(US, each), US) for each in versions] == versions
    assert [fold_version(rules, US) for rules in (rules_hash(CN), rules_hash(US, FOLD_VERSION + 1), b"")] == [
        0,
        0,
        0,
    ]
