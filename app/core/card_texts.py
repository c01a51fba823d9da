"""The words of the scorecard, in English and Simplified Chinese: what the pages, letters and receipts say.

    criterion_name("utilisation", "en")           "Credit in use"
    criterion_sentence("utilisation", "en")       what it looks at, a sentence
    bin_label("utilisation", 2, "en")             "30% to 49%"
    reason_sentence("utilisation", "en")          why it cost points, a sentence to the citizen
    insufficient_sentence("too_young", "en")      why there is no score, and what would change that

Languages are `en` and `zh-Hans`; any other gets English. The ids are those of `app.core.scorecard.BINS`, and
every criterion and every bin has its words in both.

Source: docs/scorecard.md; rules R30, R35.
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from __future__ import annotations

from typing import Final, NamedTuple

from app.core.scorecard import BINS

LANGUAGES: Final = ("en", "zh-Hans")


class Words(NamedTuple):
    """Of one criterion in one language; `bins` in the order of the card."""

    name: str
    sentence: str
    reason: str
    bins: tuple[str, ...]


_EN: Final[dict[str, Words]] = {
    "current": Words(
        "Payments now",
        "The worst status of open accounts since they were last on time.",
        "An open account is behind with its payments.",
        (
            "All on time",
            "1 to 29 days late",
            "30 to 59 days late",
            "60 to 89 days late",
            "90 days late or more",
        ),
    ),
    "since_late": Words(
        "Time since the last late payment",
        "Months since an account was last 30 days late or more.",
        "A payment was 30 days late or more, and not long enough ago.",
        (
            "None on file",
            "25 months or more",
            "13 to 24 months",
            "7 to 12 months",
            "4 to 6 months",
            "1 to 3 months",
            "This month",
        ),
    ),
    "worst_24": Words(
        "Worst delay in two years",
        "The longest delay of a payment in the last 24 months.",
        "A payment of the last 24 months was very late.",
        ("None of 30 days", "30 to 59 days", "60 to 89 days", "90 to 119 days", "120 days or more"),
    ),
    "late_months": Words(
        "Late months in one year",
        "In how many of the last 12 months any account was late.",
        "Accounts were late in several of the last 12 months.",
        ("None", "1", "2", "3 or 4", "5 or more"),
    ),
    "records": Words(
        "Collections and public records",
        "Collections, charge-offs, court-ordered debts, insolvencies, and tax or fee arrears.",
        "There is a collection, a charge-off or a public record, open or settled not long ago.",
        (
            "None",
            "Settled 24 months ago or more",
            "Settled 12 to 23 months ago",
            "Settled within 12 months",
            "Open",
        ),
    ),
    "utilisation": Words(
        "Credit in use",
        "What is owed on cards and overdrafts, as a share of their limits.",
        "Much of the limits of cards and overdrafts is in use.",
        ("Under 10%", "10% to 29%", "30% to 49%", "50% to 74%", "75% to 89%", "90% or more", "No open card"),
    ),
    "paid_share": Words(
        "Share of bills paid",
        "What was paid on cards and overdrafts, as a share of their newest six statements.",
        "A small share of the bills of cards and overdrafts was paid.",
        ("90% or more", "20% to 89%", "8% to 19%", "4% to 7%", "Under 4%", "Nothing was billed"),
    ),
    "below_minimum": Words(
        "Minimum payments missed",
        "Statements of one year whose minimum was not paid by the end of the next month.",
        "Less than the minimum was paid on a statement.",
        ("None", "1", "2 or more"),
    ),
    "oldest_age": Words(
        "Length of history",
        "Months since the oldest account was opened.",
        "The oldest account is young, or its opening day is not known.",
        (
            "Under 6 months",
            "6 to 11 months",
            "12 to 23 months",
            "2 to 4 years",
            "5 to 9 years",
            "10 years or more",
            "Not known",
        ),
    ),
    "on_time_months": Words(
        "Months on time",
        "In how many of the last 24 months anything was reported on time, rent and utilities too.",
        "Few months were reported on time in the last 24.",
        ("Under 6", "6 to 11", "12 to 17", "18 or more"),
    ),
    "inquiries": Words(
        "Applications for credit",
        "Inquiries for new credit in 12 months; those for one kind within 28 days count once.",
        "There were applications for new credit in the last 12 months.",
        ("None", "1", "2", "3 or 4", "5 or more"),
    ),
    "opened": Words(
        "New accounts",
        "Accounts opened in the last 12 months.",
        "Several accounts were opened in the last 12 months.",
        ("1 or none", "2", "3", "4 or more"),
    ),
}

_ZH: Final[dict[str, Words]] = {
    "current": Words(
        "当前还款状态",
        "未结清账户自上次按时还款以来最严重的状态。",
        "有未结清账户目前逾期。",
        ("全部按时", "逾期 1 至 29 天", "逾期 30 至 59 天", "逾期 60 至 89 天", "逾期 90 天及以上"),
    ),
    "since_late": Words(
        "距上次逾期的时间",
        "距任一账户上次逾期 30 天及以上的月数。",
        "曾有还款逾期 30 天及以上，且距今时间不够长。",
        ("无记录", "25 个月及以上", "13 至 24 个月", "7 至 12 个月", "4 至 6 个月", "1 至 3 个月", "本月"),
    ),
    "worst_24": Words(
        "两年内最严重逾期",
        "最近 24 个月内最长的逾期天数。",
        "最近 24 个月内有严重逾期。",
        ("未达 30 天", "30 至 59 天", "60 至 89 天", "90 至 119 天", "120 天及以上"),
    ),
    "late_months": Words(
        "一年内逾期月数",
        "最近 12 个月中有账户逾期的月数。",
        "最近 12 个月中有多个月份逾期。",
        ("无", "1 个月", "2 个月", "3 或 4 个月", "5 个月及以上"),
    ),
    "records": Words(
        "催收与公共记录",
        "催收、呆账核销、法院判决债务、破产以及欠税欠费记录。",
        "有未结清或近期才结清的催收、核销或公共记录。",
        ("无", "结清满 24 个月", "结清 12 至 23 个月", "结清不满 12 个月", "未结清"),
    ),
    "utilisation": Words(
        "额度使用率",
        "信用卡和透支账户的欠款占额度的比例。",
        "信用卡和透支账户的额度使用较多。",
        ("低于 10%", "10% 至 29%", "30% 至 49%", "50% 至 74%", "75% 至 89%", "90% 及以上", "无可用账户"),
    ),
    "paid_share": Words(
        "账单还款比例",
        "信用卡和透支账户最近六期账单的还款比例。",
        "信用卡和透支账户的账单还款比例较低。",
        ("90% 及以上", "20% 至 89%", "8% 至 19%", "4% 至 7%", "低于 4%", "无账单金额"),
    ),
    "below_minimum": Words(
        "未还足最低还款额",
        "一年内到次月月底仍未还足最低还款额的账单数。",
        "有账单未还足最低还款额。",
        ("无", "1 期", "2 期及以上"),
    ),
    "oldest_age": Words(
        "信用历史长度",
        "最早账户开立至今的月数。",
        "最早的账户开立时间较短或未知。",
        (
            "不满 6 个月",
            "6 至 11 个月",
            "12 至 23 个月",
            "2 至 4 年",
            "5 至 9 年",
            "10 年及以上",
            "未知",
        ),
    ),
    "on_time_months": Words(
        "按时还款月数",
        "最近 24 个月中有按时报告的月数，包括房租和水电通信费。",
        "最近 24 个月中按时报告的月份较少。",
        ("不足 6 个月", "6 至 11 个月", "12 至 17 个月", "18 个月及以上"),
    ),
    "inquiries": Words(
        "信贷申请",
        "12 个月内的信贷申请查询；同类查询 28 天内只计一次。",
        "最近 12 个月内有信贷申请查询。",
        ("无", "1 次", "2 次", "3 或 4 次", "5 次及以上"),
    ),
    "opened": Words(
        "新开账户",
        "最近 12 个月内开立的账户数。",
        "最近 12 个月内新开了多个账户。",
        ("不超过 1 个", "2 个", "3 个", "4 个及以上"),
    ),
}

_WORDS: Final = {"en": _EN, "zh-Hans": _ZH}

_INSUFFICIENT: Final[dict[str, dict[str, str]]] = {
    "en": {
        "too_young": (
            "No account is 6 months old yet, and fewer than 6 months of rent, utilities or telecom were on time."
        ),
        "nothing_reported": "Neither a lender nor a utility has reported anything for 6 months.",
    },
    "zh-Hans": {
        "too_young": "没有开立满 6 个月的账户，且按时缴纳房租、水电或通信费的月份不足 6 个月。",
        "nothing_reported": "已有 6 个月没有任何机构报送信息。",
    },
}


def criterion_name(criterion: str, language: str) -> str:
    """A few words for a heading."""
    return _words(criterion, language).name


def criterion_sentence(criterion: str, language: str) -> str:
    """What the criterion looks at."""
    return _words(criterion, language).sentence


def reason_sentence(criterion: str, language: str) -> str:
    """Why the criterion cost points."""
    return _words(criterion, language).reason


def bin_label(criterion: str, place: int, language: str) -> str:
    """The bin with this place in the card, in a few words."""
    return _words(criterion, language).bins[place]


def insufficient_sentence(why: str, language: str) -> str:
    """Why there is no score: of `too_young` or `nothing_reported`."""
    return _INSUFFICIENT.get(language, _INSUFFICIENT["en"])[why]


def _words(criterion: str, language: str) -> Words:
    return _WORDS.get(language, _EN)[criterion]


assert all(
    list(words) == list(BINS) and all(len(words[name].bins) == len(bins) for name, bins in BINS.items())
    for words in _WORDS.values()
)
