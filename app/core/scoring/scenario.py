"""What if: events that have not happened, folded into a copy of a file, and the score that the real scorer gives then.

A scenario is events and the day on which they have all happened; nothing else is known of scores here, so what it says is
what the same events would do if furnishers reported them. A step names one thing that a citizen could do, or fail to do:

    Step("pay", account="bank.example:c-1", amount_minor=50_000)
        a payment today, and a statement today that is lower by as much
    Step("miss", account="bank.example:c-1")
        the account is reported 30 days late at the end of this month
    Step("open_card", currency="CNY", amount_minor=1_000_000)
        an application today, and a card with this limit opened today, with a first statement that owes nothing
    Step("settle", account="court.example:court_debt:k-9")
        an open collection, court debt, insolvency or arrears is settled today
    Step("on_time", months=6)
        at the end of each month every open account is reported on time, and so is rent, utility and telecom; cards have
        the balance of their newest statement and the payment of their newest month

`plan` makes the scenario of several steps, each on top of those before it.

Source: rules R31; docs/scorecard.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from msgspec import Struct

from app.core.errors import RuleError
from app.core.months import last_day, month_of
from app.core.reporting import event_types as et
from app.core.scoring.fold import fold
from app.core.scoring.measures.view import FRESH_MONTHS, REVOLVING
from app.core.scoring.score import score_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.core.reporting.event_base import Event
    from app.core.scoring.folded import Account, File
    from app.core.scoring.profiles import Profile
    from app.core.scoring.score import Scored
    from app.core.scoring.scorecard import Card

MONTHS_MAX: Final = 60
FIRST_INDEX: Final = 1 << 50  # behind every event of a real log: of two on one day the supposed one stands
_SETTLEMENTS: Final[dict[str, type[Event]]] = {
    "arrears": et.ArrearsPaid,
    "collection": et.CollectionSettled,
    "court_debt": et.CourtDebtSettled,
    "insolvency": et.InsolvencyDischarged,
}
_COMMUNITY: Final[dict[str, type[et.Community]]] = {
    "rent": et.Rent,
    "utility": et.Utility,
    "telecom": et.Telecom,
}


class Step(Struct, frozen=True, omit_defaults=True):
    """One thing to suppose. `account` is an account's or a record's key in the file, `amount_minor` a payment or a limit."""

    action: Literal["pay", "miss", "open_card", "settle", "on_time"]
    account: str = ""
    currency: str = ""
    amount_minor: int = 0
    months: int = 0


class Scenario(NamedTuple):
    """Supposed events, and the day on which the last of them has happened."""

    events: tuple[Event, ...]
    day: str

    def then(self, other: Scenario) -> Scenario:
        """Both, one after the other."""
        return Scenario(self.events + other.events, max(self.day, other.day))


def supposed(file: File, scenario: Scenario) -> File:
    """The file as it would be; `file` stays as it was."""
    return fold(file, list(enumerate(scenario.events, FIRST_INDEX)))


def outcome(file: File, scenario: Scenario, card: Card, profile: Profile) -> Scored:
    """The score on the scenario's day, by the scorer that makes the real ones."""
    return score_file(supposed(file, scenario), scenario.day, card, profile)


def nothing(day: str) -> Scenario:
    """Today, as it is."""
    return Scenario((), day)


def suppose(file: File, day: str, step: Step) -> Scenario:
    """The scenario of one step. Raises RuleError when the file does not allow it."""
    match step.action:
        case "pay":
            return pay(file, day, step.account, step.amount_minor)
        case "miss":
            return miss(file, day, step.account)
        case "open_card":
            return open_card(day, step.amount_minor, step.currency)
        case "settle":
            return settle(file, day, step.account)
        case "on_time":
            return keep_on_time(file, day, step.months)


def plan(file: File, day: str, steps: Iterable[Step]) -> Scenario:
    """The scenario of all steps, each on top of those before it. Raises RuleError as `suppose` does."""
    made = nothing(day)
    for step in steps:
        made = made.then(suppose(supposed(file, made), day, step))
    return made


# ---- what a citizen can do, or fail to do
# --------------------------------------------------------------------------------------------------


def pay(file: File, day: str, account: str, amount_minor: int) -> Scenario:
    """Pay off an account. Raises RuleError when there is no such debt, or not so much."""
    owed = owed_minor(_account(file, account))
    if owed <= 0:
        raise RuleError(f"nothing is owed on the account {account}", code="nothing-owed")
    if not 0 < amount_minor <= owed:
        message = f"an amount to pay on {account} is from 1 to {owed} minor units, what is owed there"
        raise RuleError(message, code="not-owed")
    currency = file.accounts[account].currency or "XXX"
    return Scenario(
        (
            _event(et.Payment, account, day, currency=currency, amount_minor=amount_minor),
            _event(et.Statement, account, day, currency=currency, balance_minor=owed - amount_minor),
        ),
        day,
    )


def owed_minor(account: Account) -> int:
    """What the newest statement says is owed; 0 for a closed account and one without statements."""
    if account.closed_on is not None or not account.statements:
        return 0
    return max(account.statements[-1].balance_minor, 0)


def miss(file: File, day: str, account: str) -> Scenario:
    """Be 30 days late with an account. Raises RuleError when there is no such open account."""
    if _account(file, account).closed_on is not None:
        raise RuleError(f"the account {account} is closed", code="closed")
    end = last_day(month_of(day))
    told = {"notified_on": end, "notified_by": "letter"}
    return Scenario(
        (_event(et.Status, account, end, status="late_30", first_delinquent_on=end, **told),), end
    )


def open_card(day: str, limit_minor: int, currency: str) -> Scenario:
    """Apply for a card and get it; its first statement says that nothing is owed, and that is when a limit counts."""
    account = "example:new-card"
    inquiry = {"inquiry": "0" * 64, "recipient": "example", "purpose": "credit_application", "class_": "card"}
    return Scenario(
        (
            _event(et.Answer, account, day, time=f"{day}T00:00:00Z", block=0, shown=("score",), **inquiry),
            _event(
                et.AccountOpened,
                account,
                day,
                class_="card",
                currency=currency,
                opened_on=day,
                limit_minor=limit_minor,
            ),
            _event(et.Statement, account, day, currency=currency, balance_minor=0),
        ),
        day,
    )


def settle(file: File, day: str, record: str) -> Scenario:
    """Settle an open record. Raises RuleError when it is not open."""
    found = file.records.get(record)
    if found is None or found.placed is None or found.settled is not None:
        raise RuleError(f"there is no open record {record}", code="not-open")
    furnisher, group, case = record.split(":", 2)
    return Scenario((_event(_SETTLEMENTS[group], f"{furnisher}:", day, case=case),), day)


def open_records(file: File) -> list[str]:
    """The keys of what can be settled."""
    return sorted(
        key for key, record in file.records.items() if record.placed is not None and record.settled is None
    )


def keep_on_time(file: File, day: str, months: int) -> Scenario:
    """Go on as now for 1 to 60 months, and be on time with everything."""
    assert 1 <= months <= MONTHS_MAX
    made = nothing(day)
    for month, _ in zip(months_on_time(file, day), range(months), strict=False):
        made = made.then(month)
    return made


def months_on_time(file: File, day: str) -> Iterator[Scenario]:
    """What `keep_on_time` adds, month by month, the running month first; there are 60."""
    now = month_of(day)
    for month in range(now, now + MONTHS_MAX):
        end = last_day(month)
        events: list[Event] = []
        for key, account in file.accounts.items():
            if account.closed_on is None:
                events += _month_on_time(key, account, now, end)
        for key, (first, codes) in file.community.items():
            if now - (first + len(codes) - 1) < FRESH_MONTHS:
                furnisher, kind, name = key.split(":", 2)
                events.append(_event(_COMMUNITY[kind], f"{furnisher}:{name}", end, status="on_time"))
        yield Scenario(tuple(events), end)


def _month_on_time(key: str, account: Account, now: int, end: str) -> list[Event]:
    """On time; and a card as in its newest month: the same balance, the payment last made and no less than the minimum.

    What was paid in the running month is paid already, and a large payment of it is not taken for a habit.
    """
    events = [_event(et.Status, key, end, status="on_time")]
    if account.class_ not in REVOLVING or not account.statements:
        return events
    newest, currency = account.statements[-1], account.currency or "XXX"
    if now - newest.month >= FRESH_MONTHS:
        return events
    events.append(_event(et.Statement, key, end, currency=currency, balance_minor=newest.balance_minor))
    habit = [row.sum_minor for row in account.paid if row.month < now]
    least = min(max(newest.minimum_minor, 1), max(newest.balance_minor, 0))
    paid = max(least, habit[-1] if habit and newest.balance_minor > 0 else 0)
    paid_already = month_of(end) == now and bool(account.paid) and account.paid[-1].month == now
    if paid > 0 and not paid_already:
        events.append(_event(et.Payment, key, end, currency=currency, amount_minor=paid))
    return events


# ---- pieces
# --------------------------------------------------------------------------------------------------


def _account(file: File, account: str) -> Account:
    found = file.accounts.get(account)
    if found is None:
        raise RuleError(f"there is no account {account} in this file", code="no-account")
    return found


def _event(cls: type[Event], account: str, day: str, **fields: Any) -> Event:
    """An event as furnishers would report it; what identifies it does not matter to the fold."""
    furnisher, _, name = account.partition(":")
    if name and cls is not et.Answer:
        fields["account"] = name
    return cls(v=1, ledger="", id="", citizen="", nonce="", furnisher=furnisher, day=day, **fields)
