"""What the ledger says it destroyed, audited: only what a notice names is missing, and nothing of it is still there (R11).

The plaintext being gone, the replay takes such events as opaque: their commitments stay in the log and in the citizen tree.
Account versions from before the block that destroyed something of theirs are sealed under a key that is gone too; their
stored values stand in, and must lead to the signed states. From that block on everything is worked out again. Whether what
is gone was past its retention, only who audited before can tell; of what is announced and still there, it is checked.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from typing import TYPE_CHECKING

from msgspec import Struct

from app.core import fields
from app.core.errors import CredenceError
from app.core.log import notices
from app.core.scoring.profiles import PROFILES
from app.core.state import retention
from app.core.state.account_state import Opaque
from app.services.ledger.audit.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.core.reporting.event_base import Event
    from app.core.scoring.scorecard import Card
    from app.services.ledger.audit.batch_audit import BatchFacts
    from app.services.ledger.audit.source import Source

NAMED_MAX = 20


class Destruction(Struct, frozen=True):
    """By which block an event's plaintext was destroyed, and why."""

    block: int
    reason: str


class Announced(Struct, frozen=True):
    """A notice that no block holds yet: its admission and the local day of its time."""

    admission: int
    day: str


class Destroyed:
    """What the notices name, by log index: `done` by a block, or `announced`."""

    def __init__(self, genesis: notices.Genesis) -> None:
        self.done: dict[int, Destruction] = {}
        self.announced: dict[int, Announced] = {}
        self._offset = dt.timedelta(minutes=genesis.utc_offset_minutes)
        self._places: dict[int, str] = {}

    def take(self, notice: notices.Destroyed, below: int, block: int, place: str) -> str:
        """A notice that `block` takes in, whose first entry is at `below`; what is wrong with it, or nothing."""
        known = self._take(notice, below, place)
        self.done |= {index: Destruction(block, notice.reason) for index in known}
        return _passed_over(notice, known)

    def announce(self, notice: notices.Destroyed, below: int, admission: int) -> str:
        """A notice that no block holds yet."""
        known = self._take(notice, below, f"notice {admission}")
        day = fields.format_day((fields.parse_instant(notice.time) + self._offset).date())
        self.announced |= {index: Announced(admission, day) for index in known}
        return _passed_over(notice, known)

    def _take(self, notice: notices.Destroyed, below: int, place: str) -> list[int]:
        known = [index for index in notice.entries if index < below and index not in self._places]
        self._places |= dict.fromkeys(known, place)
        return known

    def check(self, batches: Iterable[BatchFacts]) -> list[Finding]:
        """Whether each is an event. What is none counts for nothing."""
        spans = sorted((batch.first_event_index, batch.event_count) for batch in batches)
        starts = [start for start, _ in spans]
        findings = []
        for index, place in self._places.items():
            at = bisect_right(starts, index) - 1
            if at < 0 or index >= sum(spans[at]):
                findings.append(Finding("notices", place, f"destroys log index {index:,}, which is no event"))
                self.done.pop(index, None)
                self.announced.pop(index, None)
        return findings


def _passed_over(notice: notices.Destroyed, known: Sequence[int]) -> str:
    other = sorted(set(notice.entries) - set(known))
    named = ", ".join(f"{index:,}" for index in other[:NAMED_MAX])
    return (
        f"destroys what is in no earlier block, or was destroyed before: log index {named}" if other else ""
    )


def opaque_parts(
    log_indices: Sequence[int], done: Mapping[int, Destruction], days: Sequence[str]
) -> list[Opaque]:
    """What `history` says of a citizen with events at these log indices, ascending, once all of `done` is."""
    return [
        Opaque(position, done[index].reason, days[done[index].block])
        for position, index in enumerate(log_indices)
        if index in done
    ]


def check_announced(
    history: Sequence[tuple[int, int, Event]],
    announced: Mapping[int, Announced],
    card: Card,
    genesis: notices.Genesis,
) -> list[Finding]:
    """What notices will destroy of one citizen is past its retention. `history`: (admission, log index, event)."""
    findings = []
    named = {index for _, index, _ in history if index in announced}
    for notice in {announced[index] for index in named if announced[index].day}:
        before = [(index, event) for admission, index, event in history if admission < notice.admission]
        due = retention.due(before, notice.day, card, PROFILES[genesis.profile])
        for index in sorted(i for i in named if announced[i] == notice and i not in due):
            what = f"destroys log index {index:,}, which is not past its retention on {notice.day}"
            findings.append(Finding("notices", f"notice {notice.admission}", what))
    return findings


def destroyed_since(source: Source, first_block: int) -> set[int]:
    """What notices name that came while the audit was under way: in blocks from this one on, or in none."""
    payloads = [record.payload for record in source.waiting().admissions]
    while page := source.blocks(first_block):
        for block in page:
            payloads += [record.payload for record in source.admissions(block.number)]
        first_block = page[-1].number + 1
    named: set[int] = set()
    for payload in payloads:
        try:
            notice = notices.decode(payload or b"")
        except CredenceError:
            continue
        if isinstance(notice, notices.Destroyed):
            named.update(notice.entries)
    return named
