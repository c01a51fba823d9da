"""What would help, and what was supposed, in sentences of English and Simplified Chinese, for pages, letters and terminals.

    Pay CNY 50.01 on the account c-1 at bank.example: that would be 14 points more in all, once the next statement shows it.
    Be on time with everything for 3 months (this one included) and apply for nothing new: that would be 12 points more in
    all by 2027-01-31.

A `Voice` says in which language, and how amounts and days are written: `plain_voice` writes them as above, the pages as
their readers do. Every sentence says what would be; none promises, and `caution` says why not.

Languages are `en` and `zh-Hans`; any other gets English.

Source: rules R31, R35; docs/scorecard.md.
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.money import money_text
from app.core.scoring.card_texts import CHINESE

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.scoring.advice import Advice, Months
    from app.core.scoring.scenario import Step

_RECORD_EN: Final = {
    "arrears": "Pay the arrears {case} at {at}",
    "collection": "Settle the collection {case} at {at}",
    "court_debt": "Settle the court-ordered debt {case} at {at}",
    "insolvency": "Have the insolvency {case} at {at} discharged",
}
_RECORD_ZH: Final = {
    "arrears": "缴清 {at} 的欠缴款项 {case}",
    "collection": "结清 {at} 的催收款项 {case}",
    "court_debt": "结清 {at} 的法院判决债务 {case}",
    "insolvency": "使 {at} 的破产案件 {case} 终结并获免责",
}
_SETTLED_EN: Final = {
    "arrears": "The arrears {case} at {at} are paid today.",
    "collection": "The collection {case} at {at} is settled today.",
    "court_debt": "The court-ordered debt {case} at {at} is settled today.",
    "insolvency": "The insolvency {case} at {at} is discharged today.",
}
_SETTLED_ZH: Final = {
    "arrears": "{at} 的欠缴款项 {case} 于当日缴清。",
    "collection": "{at} 的催收款项 {case} 于当日结清。",
    "court_debt": "{at} 的法院判决债务 {case} 于当日结清。",
    "insolvency": "{at} 的破产案件 {case} 于当日终结并获免责。",
}


class Voice(NamedTuple):
    """How sentences are written: the language, amounts of (minor units, currency), and days YYYY-MM-DD."""

    language: str
    money: Callable[[int, str], str]
    day: Callable[[str], str]

    @property
    def zh(self) -> bool:
        return self.language == CHINESE


def plain_voice(language: str) -> Voice:
    """CNY 50.01 and 2027-01-31, which mean the same to everybody."""
    return Voice(language, money_text, str)


# ---- what would help
# --------------------------------------------------------------------------------------------------


def advice_sentence(advice: Advice, voice: Voice) -> str:
    """What to do, what it would gain, and when that would show."""
    asks = [_imperative(step, voice) for step in advice.steps]
    kind = advice.steps[-1].action
    if voice.zh:
        when = {"pay": "待下期账单体现后", "settle": "待报送后"}.get(
            kind, f"到{_spaced(voice.day(advice.day)).rstrip()}"
        )
        return f"{'，并'.join(asks)}，{when}，信用分总共将增加 {advice.gain} 分。"
    points = "1 point" if advice.gain == 1 else f"{advice.gain} points"
    when = {"pay": ", once the next statement shows it", "settle": ", once it is reported"}.get(
        kind, f" by {voice.day(advice.day)}"
    )
    said = ", and ".join([asks[0], *(ask[:1].lower() + ask[1:] for ask in asks[1:])])
    return f"{said}: that would be {points} more in all{when}."


def _imperative(step: Step, voice: Voice) -> str:
    at, name = _place(step)
    if step.action == "pay":
        amount = voice.money(step.amount_minor, step.currency)
        return (
            f"向 {at} 的账户 {name} 还款 {amount}"
            if voice.zh
            else f"Pay {amount} on the account {name} at {at}"
        )
    if step.action == "settle":
        group, case = name.split(":", 1)
        return (_RECORD_ZH if voice.zh else _RECORD_EN)[group].format(case=case, at=at)
    assert step.action == "on_time", "nobody is advised to miss a payment or to open a card"
    if voice.zh:
        return f"{_how_long(step, voice)}所有款项按时还清，且不新申请信贷"
    return f"Be on time with everything {_how_long(step, voice)} and apply for nothing new"


def number_sentence(first: Months | None, voice: Voice) -> str:
    """When a file without a score would have one."""
    if first is None:
        if voice.zh:
            return "首个账户开立满 6 个月，或有 6 个月按时缴纳房租、水电或通信费后，才会有信用分。"
        return (
            "A score would come once a first account is 6 months old, or rent, utilities or telecom were on time "
            "for 6 months."
        )
    if voice.zh:
        return f"若所有款项按时还清并照常报送，自{_spaced(voice.day(first.day))}起将有信用分。"
    return f"If everything is on time and reported as before, there would be a score from {voice.day(first.day)} on."


def caution(language: str) -> str:
    """Why none of this is a promise."""
    if language == CHINESE:
        return "按今天的评分卡并假设其他情况不变计算得出，不构成承诺。"
    return "Worked out with today's scorecard, as if nothing else changed. It is not a promise."


# ---- what was supposed
# --------------------------------------------------------------------------------------------------


def supposition(step: Step, voice: Voice) -> str:
    """What a step supposes, a sentence."""
    at, name = _place(step)
    amount = voice.money(step.amount_minor, step.currency) if step.currency else ""
    if step.action == "settle":
        group, case = name.split(":", 1)
        return (_SETTLED_ZH if voice.zh else _SETTLED_EN)[group].format(case=case, at=at)
    if voice.zh:
        return {
            "pay": f"当日向 {at} 的账户 {name} 还款 {amount}，并体现在账单中。",
            "miss": f"{at} 的账户 {name} 在本月底被报送为逾期 30 天。",
            "open_card": f"当日申请并开立一张额度为 {amount} 的信用卡，首期账单没有欠款。",
            "on_time": f"{_how_long(step, voice)}所有款项按时还清，余额不变，也不新申请信贷。",
        }[step.action]
    return {
        "pay": f"{amount} is paid on the account {name} at {at} today, and a statement shows it.",
        "miss": f"The account {name} at {at} is reported 30 days late at the end of this month.",
        "open_card": (
            f"A card with a limit of {amount} is applied for and opened today; its first statement owes nothing."
        ),
        "on_time": f"Everything is paid on time {_how_long(step, voice)}, balances stay, and nothing new is applied for.",
    }[step.action]


def result_sentence(now: int | None, then: int | None, day: str, voice: Voice) -> str:
    """The score before and after, and on which day."""
    on, zh_on = voice.day(day), _spaced(voice.day(day)).lstrip()
    if then is None:
        return f"{zh_on}不会有信用分。" if voice.zh else f"On {on} there would be no score."
    if now is None:
        return f"{zh_on}的信用分将为 {then} 分。" if voice.zh else f"On {on} there would be a score: {then}."
    change = then - now
    if voice.zh:
        how = (
            f"比现在的 {now} 分{'增加' if change > 0 else '减少'} {abs(change)} 分"
            if change
            else "与现在相同"
        )
        return f"{zh_on}的信用分将为 {then} 分，{how}。"
    if not change:
        return f"On {on} the score would be {then}, the same as now."
    points = "1 point" if abs(change) == 1 else f"{abs(change)} points"
    return f"On {on} the score would be {then}, {points} {'more' if change > 0 else 'less'} than {now} now."


def _spaced(text: str) -> str:
    """Figures and Latin letters have a space between them and Chinese ones; `2027年1月31日` ends in one."""
    before, after = (" " if text[end].isascii() else "" for end in (0, -1))
    return f"{before}{text}{after}"


def _how_long(step: Step, voice: Voice) -> str:
    """The running month is the first, and ends before 30 days are over."""
    if step.months == 1:
        return "到本月底" if voice.zh else "to the end of this month"
    return f"{step.months} 个月内（含本月）" if voice.zh else f"for {step.months} months (this one included)"


def _place(step: Step) -> tuple[str, str]:
    """(furnisher, name) of an account or record."""
    furnisher, _, name = step.account.partition(":")
    return furnisher, name
