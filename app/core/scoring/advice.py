"""What would help next: for each reason of a score, something to do or a time to wait for, and what it would gain (R31).

    Advice(criterion="utilisation", steps=(Step("pay", "bank.example:c-1", "CNY", 5001),), day="2026-11-22", gain=14)

Every gain is the whole score after the supposed events (`app.core.scoring.scenario`) minus the score now, by the real scorer:
other criteria may move along. A reason gets the first of these that betters its own points and the score:

1. paying one card down to the next better bin, the smallest payment first;
2. settling one open record, then all of them;
3. being on time with everything for one more month, for two, up to sixty: which also lets old marks fade and inquiries go;
   where the highest balances of six statements count, paying one card down first is tried behind the sixth month.

A reason that nothing of that improves gets none.

Source: rules R29, R30, R31; docs/scorecard.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from app.core.scoring import scenario
from app.core.scoring.fold import fold_owned
from app.core.scoring.folded import copy_file
from app.core.scoring.measures.view import PAID_STATEMENTS, view
from app.core.scoring.scenario import Step
from app.core.scoring.score import score_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.scoring.folded import File
    from app.core.scoring.measures.view import Revolving
    from app.core.scoring.profiles import Profile
    from app.core.scoring.score import Scored
    from app.core.scoring.scorecard import Card, CardCriterion, CardMeasure

_WHOLE: Final = 1000  # shares are permille
_CARDS_MAX: Final = (
    12  # so many debts are looked at, the largest: nobody has more, and a crowded file would take seconds
)


class Advice(Struct, frozen=True):
    """Steps that would raise the score by `gain` on `day`, named after the reason that they answer."""

    criterion: str
    steps: tuple[Step, ...]
    day: str
    gain: int


class Months(NamedTuple):
    """So many months on time, their last day, and the score on it."""

    months: int
    day: str
    scored: Scored


def advice_for(file: File, day: str, card: Card, profile: Profile) -> tuple[Advice, ...]:
    """`advice` for a file on a day, scored here."""
    return advice(file, day, score_file(file, day, card, profile), card, profile)


def advice(file: File, day: str, scored: Scored, card: Card, profile: Profile) -> tuple[Advice, ...]:
    """What would help, in the order of the reasons; a score that is none has no reasons and gets none."""
    criteria = {criterion.id: criterion for criterion in card.contents.criteria}
    waits = Waits(file, day, card, profile)
    found = (_first_gain(waits, scored, criteria[reason]) for reason in scored.reasons)
    return tuple([each for each in found if each is not None])


def _first_gain(waits: Waits, scored: Scored, criterion: CardCriterion) -> Advice | None:
    """The first step that improves this criterion and the whole score."""
    points = _points(scored, criterion.id)
    for steps, day, after in _outcomes(waits, criterion):
        assert scored.score is not None, "only a score has reasons"
        if after.score is not None and after.score > scored.score and _points(after, criterion.id) > points:
            return Advice(criterion.id, steps, day, after.score - scored.score)
    return None


def _points(scored: Scored, criterion: str) -> int:
    return next((points for name, _, points, _ in scored.criteria if name == criterion), 0)


def _outcomes(waits: Waits, criterion: CardCriterion) -> Iterator[tuple[tuple[Step, ...], str, Scored]]:
    """What could be done about a criterion, the least first, and the score on the day when it is done."""
    for steps in _actions(waits, criterion):
        made = scenario.plan(waits.file, waits.day, steps)
        yield steps, made.day, scenario.outcome(waits.file, made, waits.card, waits.profile)
    lasting = any(measure.id == "utilisation_peak" for measure in criterion.measures)
    for wait in waits:
        if lasting and wait.months == PAID_STATEMENTS + 1:
            yield from _lasting_payments(waits, criterion)
        yield (Step("on_time", months=wait.months),), wait.day, wait.scored


def _lasting_payments(
    waits: Waits, criterion: CardCriterion
) -> Iterator[tuple[tuple[Step, ...], str, Scored]]:
    """A payment, and then months with the lower balance, until the higher ones have left the newest six statements."""
    for months in range(1, PAID_STATEMENTS + 1):
        for payment in _actions(waits, criterion):
            if len(payment) == 1 and payment[0].action == "pay":
                steps = (*payment, Step("on_time", months=months))
                made = scenario.plan(waits.file, waits.day, steps)
                yield steps, made.day, scenario.outcome(waits.file, made, waits.card, waits.profile)


class Waits:
    """Months on time, one after the other: each is worked out once, when it is first asked for."""

    def __init__(self, file: File, day: str, card: Card, profile: Profile) -> None:
        self.file, self.day, self.card, self.profile = file, day, card, profile
        self._known: list[Months] = []
        self._more = self._work_out()

    def __iter__(self) -> Iterator[Months]:
        for place in range(scenario.MONTHS_MAX):
            if place == len(self._known):
                self._known.append(next(self._more))
            yield self._known[place]

    def _work_out(self) -> Iterator[Months]:
        grown, index = copy_file(self.file), scenario.FIRST_INDEX
        for count, (events, day) in enumerate(scenario.months_on_time(self.file, self.day), 1):
            fold_owned(grown, enumerate(events, index))
            index += len(events)
            yield Months(count, day, score_file(grown, day, self.card, self.profile))


def first_score(file: File, day: str, card: Card, profile: Profile) -> Months | None:
    """For a file without a score: the fewest months on time with which there is one; None when sixty are not enough (R35).

    Its day is the first with a score when time alone brings it, and the end of the month when a report does.
    """
    before, made = score_file(file, day, card, profile), scenario.nothing(day)
    for wait in Waits(file, day, card, profile):
        if wait.scored.score is not None:
            if before.until <= wait.day:
                early = score_file(scenario.supposed(file, made), before.until, card, profile)
                if early.score is not None:
                    return Months(wait.months, before.until, early)
            return wait
        before, made = wait.scored, scenario.keep_on_time(file, day, wait.months)
    return None


# ---- what could be done
# --------------------------------------------------------------------------------------------------


def _actions(waits: Waits, criterion: CardCriterion) -> Iterator[tuple[Step, ...]]:
    for measure in criterion.measures:
        if measure.id in _TO_PAY:
            yield from [(step,) for step in _payments(waits, measure)]
        if measure.id == "records":
            steps = [Step("settle", key) for key in scenario.open_records(waits.file)]
            yield from [(step,) for step in steps]
            if len(steps) > 1:
                yield tuple(steps)


def _payments(waits: Waits, measure: CardMeasure) -> list[Step]:
    """Payments on one card that reach a better bin of its currency's share, or pay it off, the smallest first."""
    found = set()
    debts = [(scenario.owed_minor(account), key) for key, account in waits.file.accounts.items()]
    for owed, key in sorted(debts, reverse=True)[:_CARDS_MAX]:
        if not owed:
            break
        tried = scenario.supposed(waits.file, scenario.pay(waits.file, waits.day, key, 1))
        currency = waits.file.accounts[key].currency or ""
        fresh = [each for each in view(tried, waits.day, waits.profile).fresh if each.currency == currency]
        more = [_TO_PAY[measure.id](fresh, edge) for edge in measure.edges]
        found |= {
            (amount, key, currency) for amount in (*(1 + each for each in more), owed) if 0 < amount <= owed
        }
    return [Step("pay", key, currency, amount) for amount, key, currency in sorted(found)]


def _owed_above(fresh: list[Revolving], edge: int) -> int:
    """By how much what is owed has to fall for its share of the limits to be below an edge."""
    known = [each for each in fresh if each.limit_minor is not None]
    return _above(sum(each.owed_minor for each in known), known, edge)


def _peak_above(fresh: list[Revolving], edge: int) -> int:
    """The same for the highest balances; a payment lowers a peak of this month only, which the scorer will see."""
    known = [each for each in fresh if each.limit_minor is not None]
    return _above(sum(each.peak_minor for each in known), known, edge)


def _above(used_minor: int, known: list[Revolving], edge: int) -> int:
    limit = sum(each.limit_minor or 0 for each in known)
    return used_minor - max(-(-limit * edge // _WHOLE) - 1, 0)


def _unpaid_below(fresh: list[Revolving], edge: int) -> int:
    """How much more has to be paid for the share paid to reach an edge: what is paid is billed no longer."""
    billed, paid = sum(each.billed_minor for each in fresh), sum(each.paid_minor for each in fresh)
    return -(-(billed * edge - paid * _WHOLE) // (_WHOLE + edge))


_TO_PAY: Final = {"utilisation": _owed_above, "utilisation_peak": _peak_above, "paid_share": _unpaid_below}
