"""The figures as everybody may read them: `/transparency` and `/v1/transparency`, small cells left out.

quality      a furnisher and quarter: counts by name (R43)
monitoring   the card's report of each quarter (R42), and fairness by tables from outside
answers      a day: answers and looks given and recorded, and what did not agree (R44)
destroyed    entries whose plaintext was destroyed, by reason; `audits` how many were opened
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.services.organisations import given, quality, supervision
from app.services.scoring import counted, kept, monitoring

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
            {"quarter": each.period, "scorecard": each.scorecard, **counted.public(each.body)}
            for each in kept.reports(bureau, monitoring.KIND)
        ],
        "fairness": [
            {"quarter": each.period, "attributes": counted.public_groups(each.body["attributes"])}
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
    kinds, destroyed = supervision.counted(bureau)
    return {"destroyed": destroyed, "audits": kinds.get("audit_opened", 0)}
