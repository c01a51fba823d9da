"""Disputes as a citizen's events tell them: when filed, until when answerable, how they ended.

    dispute_opened   while none about the item is open: a dispute begins, with its clock (R25)
                     while one is: the citizen adds to it; with evidence that extends the clock, once, where the law says so
    dispute_closed   it ends

    filed on 2026-11-03 + 20 days = 2026-11-23

The item is an event; a dispute about a correction is one about what it corrects. What was handed in with it is known here by
its hash alone (`app.core.reporting.evidence`).

Source: formats.md section 2 (repair); rules R23-R26.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.reporting import event_types as et

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.reporting.event_base import Event
    from app.core.scoring.profiles import Profile


@dataclass(slots=True)
class Dispute:
    """One dispute; `opened` are the events by which it was filed and added to, `closed` is how it ended, if it has."""

    item: int
    opened: list[et.DisputeOpened]
    filed_on: dt.date
    due_on: dt.date
    closed: et.DisputeClosed | None = None
    evidence: list[str] = field(default_factory=list)
    extended: bool = False


def due_on(filed_on: dt.date, profile: Profile, *, extended: bool) -> dt.date:
    """The last day on which the furnisher may answer."""
    days = profile.dispute_days + (profile.dispute_extension_days if extended else 0)
    return filed_on + dt.timedelta(days=days)


def disputes_of(history: Iterable[tuple[int, Event]], profile: Profile) -> list[Dispute]:
    """All disputes in a history, ascending by log index; in the order in which they were filed."""
    corrected: dict[int, int] = {}
    current: dict[int, Dispute] = {}
    found: list[Dispute] = []
    for index, event in history:
        if isinstance(event, et.Correction):
            corrected[index] = event.target
        elif isinstance(event, et.DisputeOpened):
            item = corrected.get(event.target, event.target)
            known = current.get(item)
            if known is None:
                filed_on = dt.date.fromisoformat(event.day)
                known = current[item] = Dispute(item, [], filed_on, due_on(filed_on, profile, extended=False))
                found.append(known)
            elif event.evidence is not None and profile.dispute_extension_days:
                known.extended, known.due_on = True, due_on(known.filed_on, profile, extended=True)
            known.opened.append(event)
            known.evidence += [event.evidence] if event.evidence is not None else []
        elif isinstance(event, et.DisputeClosed):
            ended = current.pop(corrected.get(event.target, event.target), None)
            if ended is not None:
                ended.closed = event
    return found
