"""The scorecard's document, its parser, the words for it, the profiles and the hash of their numbers."""

from contextlib import suppress
from hashlib import sha256
from importlib import resources

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import canon, card_texts
from app.core.errors import FormatError
from app.core.event_types import Answer
from app.core.profiles import CN, PROFILES, profile_of, rules_hash
from app.core.scorecard import BASE, BINS, TOP, expert_card, parse_card

CARD = expert_card()
# scoring.md: maxima on a scale of 550, and the expert's points on a scale of 800
MAXIMA = [82, 55, 48, 34, 41, 76, 41, 28, 48, 35, 34, 28]


def test_the_expert_card_is_that_of_scoring_md():
    assert [rows[0][3] for rows in CARD.rows] == MAXIMA
    assert sum(MAXIMA) == TOP - BASE == 550
    points = {rows[0][0]: [row[2] for row in rows] for rows in CARD.rows}
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
    assert shipped == CARD.document + b"\n"
    assert CARD.hash == sha256(CARD.document).digest()
    assert CARD.hash.hex() == "01c6604aa14d4e5d0514b94764d9b94722e1a8c70282c34240b1fbcb523c9bc0"
    assert parse_card(CARD.document) == CARD
    canon.decode(CARD.document)


def document():
    return orjson.loads(CARD.document)


def moved(criterion, place, by):
    """The expert's document with some points moved from inquiries' best to another criterion, or back."""
    card = document()
    next(c for c in card["criteria"] if c["id"] == criterion)["points"][place] += by
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
        criteria(list.reverse),
        criteria(list.pop),
        criteria(lambda items: items[0]["bins"].reverse()),
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
    by_id = {criterion["id"]: criterion for criterion in card["criteria"]}
    by_id["utilisation"] |= {"points": [40, 76, 52, 31, 14, 0, 48], "source": "fitted"}
    parsed = parse_card(canon.encode(card))
    assert parsed.rows[5][1] == ("utilisation", 1, 76, 76)
    assert [criterion.source for criterion in parsed.criteria].count("fitted") == 1
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


# ---- words


@pytest.mark.parametrize("language", card_texts.LANGUAGES)
def test_every_criterion_bin_and_reason_has_its_words(language):
    labels = []
    for criterion, bins in BINS.items():
        assert card_texts.criterion_name(criterion, language)
        assert card_texts.criterion_sentence(criterion, language)[-1] in ".。"
        assert card_texts.reason_sentence(criterion, language)[-1] in ".。"
        labels = [card_texts.bin_label(criterion, place, language) for place in range(len(bins))]
        assert len(set(labels)) == len(bins)
        with pytest.raises(IndexError):
            card_texts.bin_label(criterion, len(bins), language)
    for why in ("too_young", "nothing_reported"):
        assert why in str(Answer.__annotations__["insufficient"])
        assert card_texts.insufficient_sentence(why, language)


def test_the_languages_differ_and_an_unknown_one_gets_english():
    for criterion in BINS:
        english, chinese = (
            card_texts.criterion_name(criterion, language) for language in card_texts.LANGUAGES
        )
        assert english.isascii()
        assert not any(character.isascii() and character.isalpha() for character in chinese)
        assert card_texts.criterion_name(criterion, "fr") == english


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
        b'{"fold":1,"profile":{"dispute_days":20,"dispute_extension_days":0,"erasure_days":30,"inquiry_repeat_days":28,'
        b'"inquiry_score_months":12,"inquiry_shown_months":24,"insolvency_months":60,"negative_months":60,'
        b'"recipients_months":6}}'
    )
    assert rules_hash(CN) == sha256(expected).digest()
    assert len({rules_hash(profile) for profile in PROFILES.values()}) == 4
