"""The words of a scorecard, in English and Simplified Chinese: what the pages, letters and receipts say.

    criterion_name("utilisation", "en")           "Credit in use"
    criterion_sentence("utilisation", "en")       what it looks at, a sentence
    bin_label(criterion, 2, "en")                 "30% to 49%", from the card's own edges
    reason_sentence(criterion, 2, "en")           why it cost points, a sentence to the citizen
    insufficient_sentence("too_young", "en")      why there is no score, and what would change that

Languages are `en` and `zh-Hans`; any other gets English. Every measure of `app.core.scoring.measures` has its words in both.

Source: docs/scorecard.md; rules R30, R35.
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.scoring.card_words import EN, ZH, Words
from app.core.scoring.measures import MEASURES
from app.core.scoring.scorecard import TOGETHER

if TYPE_CHECKING:
    from app.core.scoring.scorecard import CardCriterion, CardMeasure

LANGUAGES: Final = ("en", "zh-Hans")
CHINESE: Final = "zh-Hans"

_WORDS: Final = {"en": EN, CHINESE: ZH}
_DAYS_LATE: Final = {1: 1, 2: 30, 3: 60, 4: 90, 5: 120}
_SHARES: Final = frozenset({"utilisation", "utilisation_peak", "paid_share"})
_COUNTS: Final = frozenset(
    {"late_months", "unpaid_months", "below_minimum", "on_time_months", "inquiries", "opened"}
)

_INSUFFICIENT: Final[dict[str, dict[str, str]]] = {
    "en": {
        "too_young": (
            "No account is 6 months old yet, and fewer than 6 months of rent, utilities or telecom were on time."
        ),
        "nothing_reported": "Neither a lender nor a utility has reported anything for 6 months.",
    },
    CHINESE: {
        "too_young": "没有开立满 6 个月的账户，且按时缴纳房租、水电或通信费的月份不足 6 个月。",
        "nothing_reported": "已有 6 个月没有任何机构报送信息。",
    },
}


def is_known(criterion: str) -> bool:
    """Whether there are words for the name of a criterion."""
    return all(measure in EN for measure in criterion.split(TOGETHER))


def criterion_name(criterion: str, language: str) -> str:
    """A few words for a heading."""
    first, *second = [_words(measure, language).name for measure in criterion.split(TOGETHER)]
    if not second:
        return first
    return f"{first}（按{second[0]}）" if language == CHINESE else f"{first}, by {_lower(second[0])}"


def criterion_sentence(criterion: str, language: str) -> str:
    """What the criterion looks at."""
    between = "" if language == CHINESE else " "
    return between.join([_words(measure, language).sentence for measure in criterion.split(TOGETHER)])


def reason_sentence(criterion: CardCriterion, place: int, language: str) -> str:
    """Why the criterion cost points: of two measures, the one that would gain more if it alone were at its best."""
    places = criterion.places(place)

    def gain(which: int) -> int:
        others = [
            (*places[:which], other, *places[which + 1 :]) for other in range(criterion.measures[which].bins)
        ]
        return max(criterion.points[criterion.place(*other)] for other in others) - criterion.points[place]

    most = max(range(len(places)), key=gain)
    return _words(criterion.measures[most].id, language).reason


def bin_label(criterion: CardCriterion, place: int, language: str) -> str:
    """A bin of a card's criterion, in a few words."""
    parts = zip(criterion.measures, criterion.places(place), strict=True)
    return ("；" if language == CHINESE else "; ").join([measure_label(m, at, language) for m, at in parts])


def measure_label(measure: CardMeasure, place: int, language: str) -> str:
    """A bin of one measure, in a few words."""
    special, edges, zh = _words(measure.id, language).special, measure.edges, language == CHINESE
    if measure.id in {"since_late", "records"}:
        if place in {0, len(edges) + 2}:
            return special[min(place, 1)]
        ages = (None, *edges)[place - 1], edges[place - 1] if place <= len(edges) else None
        return _ago(ages[1], ages[0], settled=measure.id == "records", zh=zh)
    if place == len(edges) + 1:
        return special[0]
    if MEASURES[measure.id].falling_edges:
        above, low = (None, *edges)[place], edges[place] if place < len(edges) else None
    else:
        low, above = (None, *edges)[place], edges[place] if place < len(edges) else None
    if measure.id in _SHARES:
        return _share(low, above, zh=zh)
    if measure.id in _COUNTS:
        return _count(low, above, zh=zh)
    return _age(low, above, zh=zh) if measure.id == "oldest_age" else _delay(low, above, zh=zh)


# ---- ranges: from `low` (None: from the least) to below `above` (None: without end)
# --------------------------------------------------------------------------------------------------


def _range(low: int | str, high: int | str, unit: str, *, zh: bool) -> str:
    """Both ends included."""
    if low == high:
        return f"{low}{unit}"
    return f"{low} 至 {high}{unit}" if zh else f"{low} to {high}{unit}"


def _under(limit: int | str, unit: str, *, zh: bool) -> str:
    return f"不足 {limit}{unit}" if zh else f"Under {limit}{unit}"


def _from(limit: int | str, unit: str, *, zh: bool) -> str:
    return f"{limit}{unit}及以上" if zh else f"{limit}{unit} or more"


def _count(low: int | None, above: int | None, *, zh: bool) -> str:
    if above is None:
        assert low is not None, "there is at least one edge"
        return _from(low, " 个" if zh else "", zh=zh)
    if low is None and above <= 2:
        return ("无" if zh else "None") if above == 1 else ("不超过 1 个" if zh else "1 or none")
    unit = " 个" if zh else ""
    return _under(above, unit, zh=zh) if low is None else _range(low, above - 1, unit, zh=zh)


def _share(low: int | None, above: int | None, *, zh: bool) -> str:
    if low is None:
        assert above is not None, "there is at least one edge"
        return f"低于 {_percent(above)}%" if zh else f"Under {_percent(above)}%"
    if above is None:
        return f"{_percent(low)}% 及以上" if zh else f"{_percent(low)}% or more"
    high = _percent(above - 10 if low % 10 == above % 10 == 0 else above - 1)
    return _range(f"{_percent(low)}%", f"{high}%", "", zh=zh)


def _percent(permille: int) -> str:
    return f"{permille // 10}" if permille % 10 == 0 else f"{permille // 10}.{permille % 10}"


def _delay(low: int | None, above: int | None, *, zh: bool) -> str:
    """Of codes of status: 1 to 5 are days late, 6 is charged off."""
    if low is None:
        if above == 1:
            return "全部按时" if zh else "All on time"
        days = _DAYS_LATE.get(above or 0, 180)
        return f"未达 {days} 天" if zh else f"None of {days} days"
    if low not in _DAYS_LATE:
        return "已核销" if zh else "Charged off"
    if above is None and low == 1:
        return "逾期" if zh else "Late"
    if above is None:
        return f"逾期 {_DAYS_LATE[low]} 天及以上" if zh else f"{_DAYS_LATE[low]} days late or more"
    if above not in _DAYS_LATE:
        return (
            f"逾期 {_DAYS_LATE[low]} 天以上，未核销"
            if zh
            else f"{_DAYS_LATE[low]} days late or more, not charged off"
        )
    span = _range(_DAYS_LATE[low], _DAYS_LATE[above] - 1, " 天" if zh else " days", zh=zh)
    return f"逾期 {span}" if zh else f"{span} late"


def _ago(low: int | None, above: int | None, *, settled: bool, zh: bool) -> str:
    unit = " 个月" if zh else " months"
    if low is None:
        assert above is not None, "there is at least one edge"
        said = f"不满 {above} 个月" if zh else f"within {above} months"
        if above == 1:
            said = "本月" if zh else "this month"
    else:
        said = _from(low, unit, zh=zh) if above is None else _range(low, above - 1, unit, zh=zh)
        said = said if zh or not settled else f"{said} ago"
    if settled:
        return f"结清{said}" if zh else f"Settled {said}"
    return said[:1].upper() + said[1:]


def _age(low: int | None, above: int | None, *, zh: bool) -> str:
    """Months, or years where both ends are whole years of two or more."""
    ends = [end for end in (low, above) if end is not None]
    if low is not None and low >= 24 and all(end % 12 == 0 for end in ends):
        unit = " 年" if zh else " years"
        if above is None:
            return _from(low // 12, unit, zh=zh)
        return _range(low // 12, above // 12 - 1, unit, zh=zh)
    unit = " 个月" if zh else " months"
    if low is None:
        assert above is not None, "there is at least one edge"
        return _under(above, unit, zh=zh)
    return _from(low, unit, zh=zh) if above is None else _range(low, above - 1, unit, zh=zh)


def insufficient_sentence(why: str, language: str) -> str:
    """Why there is no score: of `too_young` or `nothing_reported`."""
    return _INSUFFICIENT.get(language, _INSUFFICIENT["en"])[why]


def _words(measure: str, language: str) -> Words:
    return _WORDS.get(language, EN)[measure]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


assert list(EN) == list(ZH) == list(MEASURES), "every measure has its words"
