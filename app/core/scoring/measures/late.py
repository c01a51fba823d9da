"""What late payments, collections and public records say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.months import NEVER, add_months, first_day, month_of
from app.core.scoring.measures.view import fading, steps_reached, worst

if TYPE_CHECKING:
    from app.core.scoring.measures.view import Binned, Edges, View

CHARGED_OFF: Final = 6


def current(v: View, edges: Edges) -> Binned:
    """Worst status of the running episodes of open accounts."""
    if not v.marks:
        return 0, NEVER
    return worst(
        (steps_reached(mark.code, edges), mark.leaves_on)
        for mark in v.marks
        if mark.running and mark.open_account
    )


def since_late(v: View, edges: Edges) -> Binned:
    """Months since the last month that was 30 days late or more; the first bin is for never."""
    if not v.marks:
        return 0, NEVER
    return worst(_aged(v, mark.month, edges, mark.leaves_on) for mark in v.marks if mark.code > 1)


def _aged(v: View, month: int, edges: Edges, leaves_on: str) -> Binned:
    """The bin, from 1, of something that happened in `month` by its age, and the day on which it moves on."""
    age = v.now - month
    place = 1
    for edge in edges:
        if age >= edge:
            break
        place += 1
    return place, (leaves_on if place == 1 else min(first_day(month + edges[place - 2]), leaves_on))


def worst_24(v: View, edges: Edges) -> Binned:
    """Worst severity in the last 24 months."""
    if not v.marks:
        return 0, NEVER
    return worst(
        (steps_reached(mark.code, edges), min(first_day(mark.month + 24), mark.leaves_on))
        for mark in v.marks
        if v.now - mark.month < 24
    )


def late_months(v: View, edges: Edges) -> Binned:
    """Calendar months of the last 12 in which any account was late, if only by a day."""
    if not v.marks:
        return 0, NEVER
    months = {mark.month for mark in v.marks if v.now - mark.month < 12}
    return fading(sorted(months, reverse=True), 12, edges)


def records(v: View, edges: Edges) -> Binned:
    """Collections, charge-offs and public records: none in the first bin, open in the last, else months since settled."""
    if not v.marks and not v.file.records:
        return 0, NEVER
    items: list[Binned] = []
    for mark in v.marks:
        if mark.code == CHARGED_OFF:
            settled = None if mark.running else mark.last_month
            items.append(_record(v, settled, edges, mark.leaves_on))
    for record in v.file.records.values():
        if record.placed is None:
            continue  # only the settlement is known: nothing speaks against the citizen
        if record.settled is None:
            items.append(_record(v, None, edges, NEVER))
            continue
        kept = v.profile.insolvency_months if record.kind == "insolvency" else v.profile.negative_months
        leaves_on = add_months(record.settled, kept)
        if leaves_on > v.day:
            items.append(_record(v, month_of(record.settled), edges, leaves_on))
    return worst(items)


def _record(v: View, settled_month: int | None, edges: Edges, leaves_on: str) -> Binned:
    return (len(edges) + 2, leaves_on) if settled_month is None else _aged(v, settled_month, edges, leaves_on)
