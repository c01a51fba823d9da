"""Governance of scorecards: which card is in force, decided by nothing but the notices in the log (R37).

    index 3   scorecard_published  scorecard A  champion    from 2026-01-01
    index 40  scorecard_published  scorecard B  challenger  from 2026-03-01
    index 90  scorecard_published  scorecard B  champion    from 2026-04-01

    a block with as_of 2026-03-31 uses A, and B is scored beside it; a block with as_of 2026-04-01 uses B alone

In force at a block is, of the notices of a role that stand before it in the log and whose `from` is not after the
block's `as_of`, the one with the largest (`from`, log index). So the future may be announced and changed, a mistake
is repaired by publishing again for the same day, and nothing can change what an old block had to use: a notice
behind it does not count for it. The sequencer, the audits and the pages all ask here.

Source: formats.md section 5; rules.md R37; docs/decisions/0010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.log.notices import ScorecardPublished

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.log.notices import CardRole, Notice

    Placed = Iterable[tuple[int, Notice]]  # (log index, notice)


def in_force(placed: Placed, day: str, role: CardRole = "champion") -> ScorecardPublished | None:
    """The publication of the card that a block of this day (YYYY-MM-DD) behind these notices uses; None without any."""
    newest = _newest(placed, day, role)
    return None if newest is None else newest[2]


def challenger_in_force(placed: Placed, day: str) -> ScorecardPublished | None:
    """The publication of the card that is scored beside the champion; a challenger that became champion is none."""
    placed = list(placed)
    newest = _newest(placed, day, "challenger")
    if newest is None:
        return None
    from_day, index, published = newest
    for at, notice in placed:
        if isinstance(notice, ScorecardPublished) and notice.role == "champion":
            followed = (from_day, index) < (notice.from_, at) and notice.from_ <= day
            if followed and notice.scorecard == published.scorecard:
                return None
    return published


def _newest(placed: Placed, day: str, role: CardRole) -> tuple[str, int, ScorecardPublished] | None:
    candidates = [
        (notice.from_, index, notice)
        for index, notice in placed
        if isinstance(notice, ScorecardPublished) and notice.role == role and notice.from_ <= day
    ]
    return max(candidates, key=lambda candidate: candidate[:2], default=None)
