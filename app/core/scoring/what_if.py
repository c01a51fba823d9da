"""What if, from a citizen's file to an answer: what the file allows to be tried, and what would be another score.

    standing = Standing(file, "2026-11-22", card, CN)
    choices(standing).debts                   [Debt(account="bank.example:c-1", currency="CNY", owed_minor=95000, ...)]
    tried = try_out(standing, [Step("pay", "bank.example:c-1", "CNY", 5001)])
    tried.now.score, tried.then.score, tried.day      641, 655, "2026-11-22"
    changes(tried, card, "en")                where each criterion stood and would stand, of those that change

Source: rules R31, R35; docs/scorecard.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from app.core.scoring import scenario
from app.core.scoring.card_texts import bin_label, criterion_name
from app.core.scoring.score import score_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.scoring.folded import File
    from app.core.scoring.profiles import Profile
    from app.core.scoring.scenario import Step
    from app.core.scoring.score import Scored
    from app.core.scoring.scorecard import Card

_USUAL_CURRENCY = {"cn": "CNY", "us": "USD", "eu": "EUR", "in": "INR"}


class Standing(NamedTuple):
    """A citizen's file on a day, and what it is scored with."""

    file: File
    day: str
    card: Card
    profile: Profile

    def scored(self) -> Scored:
        return score_file(self.file, self.day, self.card, self.profile)


class Debt(NamedTuple):
    """An account with something owed on its newest statement."""

    account: str
    currency: str
    owed_minor: int


class Choices(NamedTuple):
    """What can be tried with a file: an empty list says that there is nothing of the kind."""

    debts: list[Debt]
    accounts: list[str]  # open ones, which could be paid late
    records: list[str]  # open ones, which could be settled
    currency: str  # of a new card: that of most accounts
    on_time: bool  # whether anything is left to be on time with


class Tried(NamedTuple):
    """What was supposed, the day on which it has all happened, and the score now and then."""

    steps: tuple[Step, ...]
    day: str
    now: Scored
    then: Scored


class Change(NamedTuple):
    """A criterion that would stand elsewhere: its name, where (in words) and with how many points, before and after."""

    name: str
    where_now: str
    where_then: str
    points_now: int
    points_then: int


def choices(standing: Standing) -> Choices:
    """What the file allows."""
    file = standing.file
    used = Counter(account.currency for account in file.accounts.values() if account.currency)
    return Choices(
        debts=[
            Debt(key, account.currency or "XXX", owed)
            for key, account in sorted(file.accounts.items())
            if (owed := scenario.owed_minor(account)) > 0
        ],
        accounts=sorted(key for key, account in file.accounts.items() if account.closed_on is None),
        records=scenario.open_records(file),
        currency=min(
            used, key=lambda each: (-used[each], each), default=_USUAL_CURRENCY[standing.profile.name]
        ),
        on_time=bool(next(scenario.months_on_time(file, standing.day)).events),
    )


def try_out(standing: Standing, steps: Iterable[Step]) -> Tried:
    """The score if all this happened, one step on top of the other. Raises RuleError when the file does not allow one."""
    supposed = tuple(steps)
    made = scenario.plan(standing.file, standing.day, supposed)
    then = scenario.outcome(standing.file, made, standing.card, standing.profile)
    return Tried(supposed, made.day, standing.scored(), then)


def changes(tried: Tried, card: Card, language: str) -> list[Change]:
    """The criteria that would change, in the card's order; none when one of the two has no score."""
    return [
        Change(
            name=criterion_name(name, language),
            where_now=bin_label(criterion, place, language),
            where_then=bin_label(criterion, place_then, language),
            points_now=points,
            points_then=points_then,
        )
        for criterion, (name, place, points, _), (_, place_then, points_then, _) in zip(
            card.contents.criteria if tried.now.criteria and tried.then.criteria else (),
            tried.now.criteria,
            tried.then.criteria,
            strict=False,
        )
        if place != place_then
    ]
