"""The figures as everybody may read them: `/transparency` and `/v1/transparency`, small cells left out.

quality      a furnisher and quarter: counts by name (R43)
monitoring   the card's report of each quarter (R42), and fairness by tables from outside
answers      a day: answers and looks given and recorded, and what did not agree (R44)
destroyed    entries whose plaintext was destroyed, by reason; `audits` how many were opened
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from app.core import notices
from app.services import given, kept, monitoring, quality, supervision

if TYPE_CHECKING:
    from app.services.bureau import Bureau


def public(bureau: Bureau) -> dict[str, Any]:
    """All of it."""
    return {
        "origin": bureau.origin,
        "cell_min": kept.CELL_MIN,
        "quality": [
            {"furnisher": each.furnisher, "quarter": each.quarter, **each.public()}
            for each in quality.figures(bureau)
        ],
        "monitoring": [
            {"quarter": each.period, "scorecard": each.scorecard, **monitoring.public(each.body)}
            for each in kept.reports(bureau, monitoring.KIND)
        ],
        "fairness": [
            {"quarter": each.period, "attributes": monitoring.public_groups(each.body["attributes"])}
            for each in kept.reports(bureau, monitoring.FAIRNESS)
        ],
        "answers": [
            {"day": each.period, **{name: value for name, value in each.body.items() if name != "named"}}
            for each in kept.reports(bureau, given.KIND)
        ],
        **announced(bureau),
    }


def announced(bureau: Bureau) -> dict[str, Any]:
    """What notices say of destroyed entries and of audits."""
    destroyed: Counter[str] = Counter()
    audits = 0
    for each in supervision.announced(bureau):
        if isinstance(each.notice, notices.Destroyed):
            destroyed[each.notice.reason] += len(each.notice.entries)
        audits += isinstance(each.notice, notices.AuditOpened)
    return {"destroyed": dict(destroyed), "audits": audits}
