"""Reports that are kept: figures as they were when they were made, by kind, period and scorecard.

    put(bureau, "stability", "2026-Q4", scorecard, {...});   newest(bureau, "stability")

A figure about few people tells of them: `cell` hides counts below CELL_MIN in whatever is published.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.core.reporting import events as event_formats
from app.core.state import sealing
from app.db import monitoring as rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.reporting.events import Event
    from app.services.bureau import Bureau
    from app.services.one_by_one import OneByOne

CELL_MIN: Final = 10
"""Counts below this are not published."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, for a period such as `2026-Q4` or `2026-11-22`; `scorecard` is empty where none is concerned."""

    kind: str
    period: str
    scorecard: str
    made_at: dt.datetime
    body: dict[str, Any]


def put(bureau: Bureau, kind: str, period: str, body: dict[str, Any], scorecard: str = "") -> None:
    """Keep a report; an earlier one for the same period goes."""
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
    with bureau.transaction() as connection:
        rows.put_report(connection, kind, period, scorecard, text, bureau.now())


def reports(bureau: Bureau, kind: str) -> list[Report]:
    """All of a kind, the newest period first."""
    with bureau.transaction() as connection:
        found = rows.reports(connection, kind)
    return [Report(*row[:3], row.made_at.astimezone(dt.UTC), orjson.loads(row.body)) for row in found]


def cell(count: int) -> int | None:
    """A count for the public: None where it is small and not zero."""
    return count if count == 0 or count >= CELL_MIN else None


def quarter_of(day: str) -> str:
    """`2026-11-22` -> `2026-Q4`."""
    return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"


def opened(
    bureau: Bureau, found: Iterator[rows.EventRow] | Iterator[rows.OwnRow], many: OneByOne
) -> Iterator[tuple[Any, Event | None]]:
    """Rows with their events; None where the text was destroyed or cannot be opened. Keys are unwrapped once a citizen."""
    keys: dict[int, bytes] = {}
    for row in found:
        event = None
        if row.sealed is not None and row.wrapped is not None:
            with many.one():
                if row.citizen not in keys:
                    own = sealing.unwrap(bureau.people.wrap_key, row.citizen, row.key, row.wrapped)
                    keys[row.citizen] = own.data_key
                event = sealing.read(keys[row.citizen], row.sealed, event_formats.decode_stored)
        yield row, event
