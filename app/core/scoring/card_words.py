"""The words for the measures of scorecards, in English and Simplified Chinese; `app.core.scoring.card_texts` puts them
together.
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """Of one measure in one language. `special` names the bins for what has no number."""

    name: str
    sentence: str
    reason: str
    special: tuple[str, ...] = ()


EN: Final[dict[str, Words]] = {
    "current": Words(
        "Payments now",
        "The worst status of open accounts since they were last on time.",
        "An open account is behind with its payments.",
    ),
    "since_late": Words(
        "Time since the last late payment",
        "Months since an account was last 30 days late or more.",
        "A payment was 30 days late or more, and not long enough ago.",
        ("None on file",),
    ),
    "worst_24": Words(
        "Worst delay in two years",
        "The longest delay of a payment in the last 24 months.",
        "A payment of the last 24 months was very late.",
    ),
    "late_months": Words(
        "Late months in one year",
        "In how many of the last 12 months any account was late.",
        "Accounts were late in several of the last 12 months.",
    ),
    "records": Words(
        "Collections and public records",
        "Collections, charge-offs, court-ordered debts, insolvencies, and tax or fee arrears.",
        "There is a collection, a charge-off or a public record, open or settled not long ago.",
        ("None", "Open"),
    ),
    "utilisation": Words(
        "Credit in use",
        "What is owed on cards and overdrafts, as a share of their limits.",
        "Much of the limits of cards and overdrafts is in use.",
        ("No open card",),
    ),
    "utilisation_peak": Words(
        "Highest credit in use",
        "The highest balances of the newest six statements of cards and overdrafts, as a share of their limits.",
        "Much of the limits of cards and overdrafts was in use in one of the newest six statements.",
        ("No open card",),
    ),
    "paid_share": Words(
        "Share of bills paid",
        "What was paid on cards and overdrafts, as a share of their newest six statements.",
        "A small share of the bills of cards and overdrafts was paid.",
        ("Nothing was billed",),
    ),
    "unpaid_months": Words(
        "Months without a payment",
        "Months of the newest six statements in which something was owed and nothing was paid.",
        "There were months in which something was owed and nothing was paid.",
        ("Nothing was billed",),
    ),
    "below_minimum": Words(
        "Minimum payments missed",
        "Statements of one year whose minimum was not paid by the end of the next month.",
        "Less than the minimum was paid on a statement.",
    ),
    "oldest_age": Words(
        "Length of history",
        "Months since the oldest account was opened.",
        "The oldest account is young, or its opening day is not known.",
        ("Not known",),
    ),
    "on_time_months": Words(
        "Months on time",
        "In how many of the last 24 months anything was reported on time, rent and utilities too.",
        "Few months were reported on time in the last 24.",
    ),
    "inquiries": Words(
        "Applications for credit",
        "Inquiries for new credit in 12 months; those for one kind within 28 days count once.",
        "There were applications for new credit in the last 12 months.",
    ),
    "opened": Words(
        "New accounts",
        "Accounts opened in the last 12 months.",
        "Several accounts were opened in the last 12 months.",
    ),
}

ZH: Final[dict[str, Words]] = {
    "current": Words("当前还款状态", "未结清账户自上次按时还款以来最严重的状态。", "有未结清账户目前逾期。"),
    "since_late": Words(
        "距上次逾期的时间",
        "距任一账户上次逾期 30 天及以上的月数。",
        "曾有还款逾期 30 天及以上，且距今时间不够长。",
        ("无记录",),
    ),
    "worst_24": Words("两年内最严重逾期", "最近 24 个月内最长的逾期天数。", "最近 24 个月内有严重逾期。"),
    "late_months": Words(
        "一年内逾期月数", "最近 12 个月中有账户逾期的月数。", "最近 12 个月中有多个月份逾期。"
    ),
    "records": Words(
        "催收与公共记录",
        "催收、呆账核销、法院判决债务、破产以及欠税欠费记录。",
        "有未结清或近期才结清的催收、核销或公共记录。",
        ("无", "未结清"),
    ),
    "utilisation": Words(
        "额度使用率",
        "信用卡和透支账户的欠款占额度的比例。",
        "信用卡和透支账户的额度使用较多。",
        ("无可用账户",),
    ),
    "utilisation_peak": Words(
        "最高额度使用率",
        "最近六期账单中信用卡和透支账户的最高欠款占额度的比例。",
        "最近六期账单中有一期额度使用较多。",
        ("无可用账户",),
    ),
    "paid_share": Words(
        "账单还款比例",
        "信用卡和透支账户最近六期账单的还款比例。",
        "信用卡和透支账户的账单还款比例较低。",
        ("无账单金额",),
    ),
    "unpaid_months": Words(
        "未还款的月数",
        "最近六期账单中有欠款却没有任何还款的月数。",
        "有的月份有欠款却没有任何还款。",
        ("无账单金额",),
    ),
    "below_minimum": Words(
        "未还足最低还款额", "一年内到次月月底仍未还足最低还款额的账单数。", "有账单未还足最低还款额。"
    ),
    "oldest_age": Words(
        "信用历史长度", "最早账户开立至今的月数。", "最早的账户开立时间较短或未知。", ("未知",)
    ),
    "on_time_months": Words(
        "按时还款月数",
        "最近 24 个月中有按时报告的月数，包括房租和水电通信费。",
        "最近 24 个月中按时报告的月份较少。",
    ),
    "inquiries": Words(
        "信贷申请",
        "12 个月内的信贷申请查询；同类查询 28 天内只计一次。",
        "最近 12 个月内有信贷申请查询。",
    ),
    "opened": Words("新开账户", "最近 12 个月内开立的账户数。", "最近 12 个月内新开了多个账户。"),
}
