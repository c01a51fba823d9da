"""What would help next: for each reason of a score, something to do or a day to wait for, and what it would gain (R31).

    Advice(criterion="utilisation", action="pay", account="bank.example:c-1", amount_minor=120000, day="2026-11-22", gain=24)

Every gain is the whole score after the supposed events (`app.core.scenario`) minus the score now, by the real scorer: other
criteria may move along. A reason gets the first of these that gains anything: paying an account down to the next better bin,
settling a record, one more month on time, then more of them up to five years (which also lets old marks fade and
inquiries go). A reason that nothing of that improves gets none.

Source: rules R29, R30, R31; docs/scorecard.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from app.core import scenario
from app.core.errors import RuleError
from app.core.measures.view import FRESH_MONTHS, REVOLVING
from app.core.months import month_of
from app.core.score import score_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.folded import Account, File
    from app.core.profiles import Profile
    from app.core.scenario import Scenario
    from app.core.score import Scored
    from app.core.scorecard import Card, CardCriterion

OWED: Final = frozenset({"utilisation", "utilisation_peak", "paid_share"})
_SHARE_UNIT: Final = 1000
_WAITS_MONTHS: Final = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 18, 24, 25, 36, 48, 60)


class Advice(Struct, frozen=True):
    """Something that would raise the score by `gain` on `day`, named after the reason that it answers.

    `pay`: `amount_minor` to `account`. `settle`: the record `account`. `on_time`: be on time with everything for `months`,
    and open and apply for nothing.
    """

    criterion: str
    action: Literal["pay", "settle", "on_time"]
    day: str
    gain: int
    account: str = ""
    currency: str = ""
    amount_minor: int = 0
    months: int = 0


def advice(file: File, day: str, scored: Scored, card: Card, profile: Profile) -> tuple[Advice, ...]:
    """What would help, in the order of the reasons; a score that is none has no reasons and gets none."""
    criteria = {criterion.id: criterion for criterion in card.contents.criteria}
    found = []
    for reason in scored.reasons:
        best = _first_gain(file, day, scored, criteria[reason], card, profile)
        if best is not None:
            found.append(best)
    return tuple(found)


def _first_gain(  # noqa: PLR0917 - a file, its score and what made it
    file: File, day: str, scored: Scored, criterion: CardCriterion, card: Card, profile: Profile
) -> Advice | None:
    """The first step that improves this criterion and the whole score."""
    assert scored.score is not None, "only a score has reasons"
    points = {name: own for name, _, own, _ in scored.criteria}
    for suggested, events in _steps(file, day, criterion):
        after = scenario.outcome(file, events, card, profile)
        better = {name: own for name, _, own, _ in after.criteria}.get(criterion.id, 0) > points[criterion.id]
        if after.score is not None and better and after.score > scored.score:
            gain = after.score - scored.score
            fields = {name: getattr(suggested, name) for name in suggested.__struct_fields__}
            return Advice(**fields | {"day": events.day, "gain": gain})
    return None


def _steps(file: File, day: str, criterion: CardCriterion) -> Iterator[tuple[Advice, Scenario]]:
    """What could be done about a criterion, the least first; days and gains are still to be found."""
    for measure in criterion.measures:
        if measure.id in OWED:
            edges = tuple(edge for edge in measure.edges if edge <= _SHARE_UNIT)
            for account, currency, amount in _payments(file, day, measure.id, edges):
                said = Advice(criterion.id, "pay", day, 0, account, currency, amount)
                yield said, scenario.pay(file, day, account, amount)
        if measure.id == "records":
            for record in sorted(file.records):
                try:
                    yield Advice(criterion.id, "settle", day, 0, record), scenario.settle(file, day, record)
                except RuleError:
                    continue  # settled already
    for months in _WAITS_MONTHS:
        said = Advice(criterion.id, "on_time", day, 0, months=months)
        yield said, scenario.keep_on_time(file, day, months)


def _payments(file: File, day: str, measure: str, edges: tuple[int, ...]) -> list[tuple[str, str, int]]:
    """(account, currency, amount) of payments that may reach a better bin, the smallest first.

    For shares of a limit: down to just below each edge. For the paid share: up to each edge of what was billed.
    """
    found = []
    for key, account in file.accounts.items():
        if not _is_owing(account, month_of(day)):
            continue
        owed, limit = account.statements[-1].balance_minor, account.limit_minor or 0
        if measure == "paid_share":
            billed = sum(max(row.balance_minor, 0) for row in account.statements[-6:])
            paid = sum(
                entry.sum_minor for entry in account.paid if entry.month >= account.statements[-6:][0].month
            )
            amounts = [-(-billed * edge // _SHARE_UNIT) - paid for edge in edges]
        else:
            amounts = [owed - max(-(-limit * edge // _SHARE_UNIT) - 1, 0) for edge in edges]
        found += [
            (amount, key, account.currency or "XXX") for amount in (*amounts, owed) if 0 < amount <= owed
        ]
    return [(key, currency, amount) for amount, key, currency in sorted(set(found))]


def _is_owing(account: Account, now: int) -> bool:
    return (
        account.class_ in REVOLVING
        and account.closed_on is None
        and bool(account.statements)
        and now - account.statements[-1].month < FRESH_MONTHS
        and account.statements[-1].balance_minor > 0
    )


def advice_for(file: File, day: str, card: Card, profile: Profile) -> tuple[Advice, ...]:
    """`advice` for a file on a day, scored here."""
    return advice(file, day, score_file(file, day, card, profile), card, profile)
