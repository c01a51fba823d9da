"""How well each furnisher reports (R43): counted once from each block, kept a furnisher and quarter.

    reported     events of the types that furnishers report; `late` of them came more than LATE_DAYS after their day
    disputed     disputes opened about its entries; `closed_corrected`, `closed_upheld`, `closed_unverifiable`,
                 `closed_deadline` how they ended (`deadline`: it did not answer in time)
    corrected    corrections and retractions of its entries, by whomever
    refused      lines of its batches that a rule refused, counted when they were refused

A quarter is that of the report's admission. In a furnisher's first FIRST_DAYS it loads its past, which is late by nature
and not counted as such. What was destroyed before it was counted (which takes a day), or cannot be opened, is in
`unreadable`. The public sees counts from CELL_MIN on.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.fields import parse_instant
from app.core.log.note import split
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.reporting.event_types import REPORTS
from app.db import cosignatures, state
from app.db import monitoring as rows
from app.services.one_by_one import OneByOne
from app.services.scoring.kept import cell, opened, quarter_of

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.bureau import Bureau

    Counts = Counter[tuple[str, str, str]]

LATE_DAYS: Final = 45
FIRST_DAYS: Final = 31
NAMES: Final = (
    "reported", "late", "disputed", "closed_corrected", "closed_upheld", "closed_unverifiable", "closed_deadline",
    "corrected", "refused", "unreadable",
)  # fmt: skip
_CURSOR: Final = ("", "", "blocks")
_BLOCKS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Quality:
    """A furnisher's counts in one quarter, by name; absent ones are 0."""

    furnisher: str
    quarter: str
    counts: dict[str, int]

    def share(self, name: str) -> float | None:
        """Of what was reported; of what was sent for `refused`. None without any, or when cells are small."""
        whole = self.counts.get("reported", 0) + (self.counts.get("refused", 0) if name == "refused" else 0)
        count = cell(self.counts.get(name, 0))
        return None if count is None or not cell(whole) else count / whole

    def public(self) -> dict[str, int | None]:
        """Every name with its count, None where it is too small to be told."""
        return {name: cell(self.counts.get(name, 0)) for name in NAMES}


def count(bureau: Bureau) -> int:
    """Count what published blocks brought since last time; how many blocks that were. PartlyDoneError behind it when an event
    could not be opened: it is counted as unreadable, once and for all.
    """
    done, many = 0, OneByOne()
    while True:
        with bureau.transaction() as connection:
            known = {tuple(row[:3]): row[3] for row in rows.counts(connection)}
            after = known.get(_CURSOR, 0) - 1
            upto = min(cosignatures.newest_shown(connection), after + _BLOCKS_AT_ONCE)
            if upto <= after:
                break
            found = _counted(bureau, connection, after, upto, many)
            found[_CURSOR] = upto - after
            rows.add_counts(connection, found)
        done += upto - after
    many.raise_failed(done)
    return done


def refused(connection: Connection, furnisher: str, day: str, lines: int) -> None:
    """Lines of a batch, signed by this furnisher, that a rule refused."""
    rows.add_counts(connection, {(furnisher, quarter_of(day), "refused"): lines})


def figures(bureau: Bureau, furnisher: str | None = None) -> list[Quality]:
    """Every furnisher's quarters, or those of one; the newest first."""
    with bureau.transaction() as connection:
        stored = rows.counts(connection)
    by_place: dict[tuple[str, str], dict[str, int]] = {}
    for name, quarter, what, number in stored:
        if name and furnisher in (None, name):
            by_place.setdefault((name, quarter), {})[what] = number
    found = [Quality(*place, counts) for place, counts in by_place.items()]
    return sorted(found, key=lambda each: (each.quarter, each.furnisher), reverse=True)


def _counted(bureau: Bureau, connection: Connection, after: int, upto: int, many: OneByOne) -> Counts:
    counts: Counts = Counter()
    began = {
        name: bureau.local_day(admitted_at(receipt))
        for name, receipt in rows.first_receipts(connection).items()
    }
    targets: list[tuple[int, str, str]] = []
    for row, event in opened(bureau, rows.events_of_blocks(connection, after, upto), many):
        day = bureau.local_day(admitted_at(row.receipt))
        quarter = quarter_of(day.isoformat())
        if event is None:
            counts[row.furnisher, quarter, "unreadable"] += 1
        elif event_formats.type_of(event) in REPORTS:
            counts[row.furnisher, quarter, "reported"] += 1
            is_first = day < began[row.furnisher] + dt.timedelta(days=FIRST_DAYS)
            if not is_first and (day - dt.date.fromisoformat(event.day)).days > LATE_DAYS:
                counts[row.furnisher, quarter, "late"] += 1
        elif isinstance(event, types.DisputeOpened):
            targets.append((event.target, quarter, "disputed"))
        elif isinstance(event, types.DisputeClosed):
            targets.append((event.target, quarter, f"closed_{event.outcome}"))
        elif isinstance(event, types.Correction | types.Retraction):
            targets.append((event.target, quarter, "corrected"))
    for target, quarter, name in targets:
        found = state.event_at(connection, target)
        if found is not None and found[1] != bureau.signer.name:
            counts[found[1], quarter, name] += 1
    return counts


def admitted_at(receipt: str) -> dt.datetime:
    """Of a receipt of our own, whose signature needs no second look: its fifth line."""
    text, _ = split(receipt.encode())
    return parse_instant(text.decode().split("\n")[4])
