"""What the length of a history says, its months on time, applications and new accounts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from app.core.months import NEVER, add_months, first_day, month_of
from app.core.scoring.measures.view import ON_TIME, ages, fading, nth_age, steps_reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.scoring.measures.view import Binned, Edges, View


def oldest_age(v: View, edges: Edges) -> Binned:
    """Months since the oldest account was opened, closed ones too; the last bin is for not known."""
    opened = v.oldest
    if opened is None:
        return len(edges) + 1, NEVER
    place = steps_reached(v.now - opened, edges)
    return place, (first_day(opened + edges[place]) if place < len(edges) else NEVER)


def on_time_months(v: View, edges: Edges) -> Binned:
    """Calendar months of the last 24 in which anything was reported on time, rent and utilities too."""
    months = 0
    for account in v.accounts:
        if account.status is not None:
            months |= ages(account.status, v.now, ON_TIME)
    for codes in v.file.community.values():
        months |= ages(codes, v.now, ON_TIME)
    months &= (1 << 24) - 1
    place = steps_reached(months.bit_count(), edges)
    return (place, first_day(v.now - nth_age(months, edges[place - 1]) + 24)) if place else (0, NEVER)


def inquiries(v: View, edges: Edges) -> Binned:
    """Credit applications of 12 months; those for one class within 28 days are one."""
    if not v.file.inquiries:
        return 0, NEVER
    kept = [
        (add_months(entry.day, v.profile.inquiry_score_months), entry.class_, date.fromisoformat(entry.day))
        for entry in v.file.inquiries
    ]
    counting = [item for item in kept if item[0] > v.day]
    place = steps_reached(_counted(counting, v.profile.inquiry_repeat_days), edges)
    for edge in sorted({item[0] for item in counting}):
        left = [item for item in counting if item[0] > edge]
        if steps_reached(_counted(left, v.profile.inquiry_repeat_days), edges) != place:
            return place, edge
    return place, NEVER


def _counted(counting: Sequence[tuple[str, str, date]], repeat_days: int) -> int:
    count = 0
    counted: dict[str, date] = {}
    for _, class_, day in counting:  # ascending by day
        before = counted.get(class_)
        if before is None or (day - before).days >= repeat_days:
            counted[class_] = day
            count += 1
    return count


def opened(v: View, edges: Edges) -> Binned:
    """Accounts opened in the last 12 months; unknown days of opening, and those in doubt, do not count."""
    oldest = v.now - 12
    months = [
        month
        for account in v.accounts
        if account.opened_on is not None and (month := month_of(account.opened_on)) > oldest
    ]
    return fading(sorted(months, reverse=True), 12, edges)
