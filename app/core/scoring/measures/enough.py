"""Is there enough in a file for a score? (R35)

What is in doubt was reported, and counts here: a dispute never takes a score away (R23, docs/decisions/0025).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.months import NEVER, first_day
from app.core.scoring.marks import MARK_MONTHS
from app.core.scoring.measures.view import ON_TIME, REPORTED, ages, nth_age

if TYPE_CHECKING:
    from app.core.scoring.measures.view import View

YOUNG_MONTHS: Final = 6
SILENT_MONTHS: Final = 6
_KEPT: Final = (1 << MARK_MONTHS) - 1


def too_young(v: View) -> tuple[bool, str]:
    """No account is 6 months old and fewer than 6 community months were on time; and when that changes."""
    old_from = None if v.oldest is None else v.oldest + YOUNG_MONTHS
    if old_from is not None and old_from <= v.now:
        return False, NEVER
    enough = []
    for account in v.accounts:
        if account.opened_on is None and account.status is not None:
            reported = ages(account.status, v.now, REPORTED) & _KEPT
            if reported.bit_count() >= YOUNG_MONTHS:
                enough.append(reported)
    if v.file.community:
        community = 0
        for codes in v.file.community.values():
            community |= ages(codes, v.now, ON_TIME) & _KEPT
        if community.bit_count() >= YOUNG_MONTHS:
            enough.append(community)
    if not enough:
        return True, (NEVER if old_from is None else first_day(old_from))
    until = v.now - min(nth_age(ages, YOUNG_MONTHS) for ages in enough) + MARK_MONTHS
    lasts = old_from is not None and old_from <= until
    return False, (NEVER if lasts else first_day(until))


def nothing_reported(v: View) -> tuple[bool, str]:
    """Neither a lender nor a utility reported anything for 6 months; and when that begins."""
    if v.file.reported is None:
        return True, NEVER
    silent_from = v.file.reported + SILENT_MONTHS
    return (True, NEVER) if silent_from <= v.now else (False, first_day(silent_from))
