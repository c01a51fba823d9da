"""Erasure on a citizen's wish (R40): what of a history rests on consent, and when it goes.

What furnishers report of good conduct rests on the citizen's consent; what they report against somebody rests on the law and
on having told them before (Decree 631 art. 13, 15, 29; GDPR art. 17 (3)). So an erasure takes

    account_opened, statement, payment             all
    rent, utility, telecom                         all; they can only help
    status, account_closed                         of accounts of which no late report stands
    corrections, retractions, disputes and         of what goes
      statements
    statements about nothing in particular         all

and leaves what is reported against the citizen with all that speaks of its end (settlements; the on-time months behind the
late ones, without which the account would stand as late for ever), until that leaves by its own time (R10, R11); the record
of who looked (R16, R44); and the citizen's own acts: passkeys, consents, freezes, erasures. Those are no data about credit,
and without them nobody could say that a look was allowed, or sign in to see that the rest is gone.

An erasure is carried out `COOLING_OFF_DAYS` after the day it was asked for, and `erasure_days` of the profile after it at
the latest. Until it is, the citizen calls it off by a `citizen_statement` whose `target` it is.

Source: docs/formats.md, section 21; docs/decisions/0021.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from app.core.reporting import event_types as et
from app.core.scoring.repairs import repairs_of, touches_repair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.reporting.event_base import Event

    Placed = tuple[int, Event]

REASON: Final = "erasure"
COOLING_OFF_DAYS: Final = 7
_ACCOUNTS: Final = (et.Status, et.AccountClosed)
_CONSENT_BASED: Final = (et.AccountOpened, et.Statement, et.Payment, et.Community, *_ACCOUNTS)


def consent_based(history: Sequence[Placed]) -> list[int]:
    """The log indices of what an erasure takes; `history` is ascending by log index. Repairs come behind their targets."""
    made = repairs_of(history)
    late = {
        (event.furnisher, event.account)
        for index, event in history
        if isinstance(event, et.Status) and index not in made.void and made.standing(index, event).negative
    }
    going: set[int] = set()
    for index, event in history:
        if isinstance(event, _CONSENT_BASED):
            stays = isinstance(event, _ACCOUNTS) and (event.furnisher, event.account) in late
            if not stays:
                going.add(index)
        elif touches_repair(event) or isinstance(event, et.CitizenStatement):
            target = getattr(event, "target", None)
            if target in going or target is None:
                going.add(index)
    by_index = dict(history)
    return sorted(going, key=lambda index: (hasattr(by_index[index], "target"), index))


def due_on(asked_on: str) -> dt.date:
    """The day from which on an erasure that was asked for on a day is carried out."""
    return dt.date.fromisoformat(asked_on) + dt.timedelta(days=COOLING_OFF_DAYS)


def last_day(asked_on: str, erasure_days: int) -> str:
    """The last day on which it may be carried out."""
    return (dt.date.fromisoformat(asked_on) + dt.timedelta(days=erasure_days)).isoformat()


def standing(history: Sequence[Placed]) -> list[Placed]:
    """The erasures in a history that were not called off, oldest first."""
    called_off = {e.target for _, e in history if isinstance(e, et.CitizenStatement)}
    return [(i, e) for i, e in history if isinstance(e, et.Erasure) and i not in called_off]


def overdue(history: Sequence[Placed], today: str, erasure_days: int) -> list[int]:
    """The log indices of erasures whose time is over while something from before them is left."""
    left = consent_based(history)
    return [
        index
        for index, event in standing(history)
        if last_day(event.day, erasure_days) < today and any(each < index for each in left)
    ]
