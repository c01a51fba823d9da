"""What if: events that have not happened, folded into a copy of a file, and the score that the real scorer gives then.

A scenario is events and the day on which they have all happened; nothing else is known of scores here, so what it says is
what the same events would do if furnishers reported them.

    pay(file, day, account, 50_000)     a payment today, and a statement today that is lower by as much
    miss(file, day, account)            the account is reported 30 days late at the end of this month
    open_card(file, day, limit_minor)   an application today, and a card opened today
    settle(file, day, record)           an open collection, court debt, insolvency or arrears is settled today
    keep_on_time(file, day, months)     at the end of each month every open account is reported on time, with the
                                        payment and balance of its newest months, and so is rent, utility and telecom

Source: rules R31; docs/scorecard.md.
"""

from __future__ import annotations

from calendar import monthrange
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.core import event_types as et
from app.core.errors import RuleError
from app.core.fold import fold
from app.core.measures.view import FRESH_MONTHS, REVOLVING
from app.core.months import first_day, month_of
from app.core.score import score_file

if TYPE_CHECKING:
    from app.core.event_base import Event
    from app.core.folded import Account, File
    from app.core.profiles import Profile
    from app.core.score import Scored
    from app.core.scorecard import Card

MONTHS_MAX: Final = 60
_FIRST_INDEX: Final = 1 << 50  # behind every event of a real log: of two on one day the supposed one stands
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


class Scenario(NamedTuple):
    """Supposed events, and the day on which the last of them has happened."""

    events: tuple[Event, ...]
    day: str

    def then(self, other: Scenario) -> Scenario:
        """Both, one after the other."""
        return Scenario(self.events + other.events, max(self.day, other.day))


def supposed(file: File, scenario: Scenario) -> File:
    """The file as it would be; `file` stays as it was."""
    return fold(file, list(enumerate(scenario.events, _FIRST_INDEX)))


def outcome(file: File, scenario: Scenario, card: Card, profile: Profile) -> Scored:
    """The score on the scenario's day, by the scorer that makes the real ones."""
    return score_file(supposed(file, scenario), scenario.day, card, profile)


def nothing(day: str) -> Scenario:
    """Today, as it is."""
    return Scenario((), day)


# ---- what a citizen can do, or fail to do
# --------------------------------------------------------------------------------------------------


def pay(file: File, day: str, account: str, amount_minor: int) -> Scenario:
    """Pay off an account, at most what is owed. Raises RuleError when there is no such debt."""
    found = _account(file, account)
    owed = found.statements[-1].balance_minor if found.statements else 0
    if found.closed_on is not None or owed <= 0 or amount_minor <= 0:
        raise RuleError(f"nothing is owed on the account {account}", code="nothing-owed")
    paid = min(amount_minor, owed)
    currency = found.currency or "XXX"
    return Scenario(
        (
            _event(et.Payment, account, day, currency=currency, amount_minor=paid),
            _event(et.Statement, account, day, currency=currency, balance_minor=owed - paid),
        ),
        day,
    )


def miss(file: File, day: str, account: str) -> Scenario:
    """Be 30 days late with an account. Raises RuleError when there is no such open account."""
    if _account(file, account).closed_on is not None:
        raise RuleError(f"the account {account} is closed", code="closed")
    end = _last_day(month_of(day))
    told = {"notified_on": end, "notified_by": "letter"}
    return Scenario(
        (_event(et.Status, account, end, status="late_30", first_delinquent_on=end, **told),), end
    )


def open_card(day: str, limit_minor: int, currency: str) -> Scenario:
    """Apply for a card and get it."""
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


def keep_on_time(file: File, day: str, months: int) -> Scenario:
    """Go on as now for 1 to 60 months, and be on time with everything."""
    assert 1 <= months <= MONTHS_MAX
    now = month_of(day)
    events: list[Event] = []
    for month in range(now, now + months):
        end = _last_day(month)
        for key, account in file.accounts.items():
            if account.closed_on is None:
                events += _month_on_time(key, account, end)
        for key, (first, codes) in file.community.items():
            if now - (first + len(codes) - 1) < FRESH_MONTHS:
                furnisher, kind, name = key.split(":", 2)
                events.append(_event(_COMMUNITY[kind], f"{furnisher}:{name}", end, status="on_time"))
    return Scenario(tuple(events), _last_day(now + months - 1))


def _month_on_time(key: str, account: Account, end: str) -> list[Event]:
    """A month like the newest one: the same balance and limit, the payment last made and no less than the minimum."""
    events = [_event(et.Status, key, end, status="on_time")]
    if account.class_ in REVOLVING and account.statements:
        newest, currency = account.statements[-1], account.currency or "XXX"
        events.append(_event(et.Statement, key, end, currency=currency, balance_minor=newest.balance_minor))
        least = min(max(newest.minimum_minor, 1), max(newest.balance_minor, 0))
        paid = max(least, account.paid[-1].sum_minor if account.paid and newest.balance_minor > 0 else 0)
        if paid > 0:
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


def _last_day(month: int) -> str:
    return f"{first_day(month)[:8]}{monthrange((month - 1) // 12, (month - 1) % 12 + 1)[1]:02d}"
