"""What left the building, beside what the ledger says did (R44): a journal of answers and looks as they are given.

An answer's event id is written the moment its bytes are handed over, a look's once its transaction has committed and before
anything is shown, to `log/given/YYYY-MM-DD` under the bureau's folder (`services.organisations.journal`): apart from the
database, by code that stores nothing there.

    2026-11-22T15:24:00Z answer 019ab6a4-...

`compare`, an hourly job, takes the ids of each day (an id of version 7 begins with its time) and asks the ledger:

    missing     given, and no such entry: a finding
    unplaced    given, and an hour later in no block: a finding
    unsent      recorded, and never handed over: the bank went away first, or the journal of that machine is not here

Where several machines serve, their journals are put into one folder, or `unsent` counts what the others gave. A journal has
ids and times alone, no names.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from app.core.reporting import event_types as types
from app.db import monitoring as rows
from app.services.one_by_one import OneByOne
from app.services.scoring import kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.services.bureau import Bureau

KIND: Final = "answers"
DAYS_COMPARED: Final = 3
NAMED_MAX: Final = 20
PLACED_WITHIN: Final = dt.timedelta(hours=1)
_LINE = re.compile(r"[0-9TZ:-]{20} (answer|look) ([0-9a-f-]{36})")


def compare(bureau: Bureau) -> int:
    """Compare the last days, and keep a report for each; how many findings there are. PartlyDoneError behind it when an event
    could not be opened: it counts like one that was destroyed.
    """
    noted = _noted(bureau)
    today = bureau.now().date()
    findings, many = 0, OneByOne()
    for ago in range(DAYS_COMPARED):
        day = (today - dt.timedelta(days=ago)).isoformat()
        found = _day(bureau, day, noted.get(day, {}), many)
        findings += found["missing"] + found["unplaced"]
        if any(found["given"].values()) or any(found["recorded"].values()):
            kept.put(bureau, KIND, day, found)
    many.raise_failed(findings)
    return findings


def _noted(bureau: Bureau) -> dict[str, dict[str, str]]:
    """Day of the event -> event id -> kind, of what the journal of the last days has."""
    noted: dict[str, dict[str, str]] = defaultdict(dict)
    first = (bureau.now().date() - dt.timedelta(days=DAYS_COMPARED)).isoformat()
    folder = bureau.given.folder
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        if path.name >= first:
            with path.open(encoding="ascii", errors="replace") as lines:
                for kind, event_id in (match.groups() for line in lines if (match := _LINE.match(line))):
                    noted[_day_of(event_id)][event_id] = kind
    return noted


def _day(bureau: Bureau, day: str, noted: dict[str, str], many: OneByOne) -> dict[str, Any]:
    low, high = _bounds(day)
    recorded: dict[str, str] = {}
    waiting: set[str] = set()
    with bureau.transaction() as connection:
        own = rows.own_events(connection, bureau.signer.name, low, high)
        for row, event in kept.opened(bureau, own, many):
            event_id = str(row.event_id)
            if event is None:
                recorded[event_id] = noted.get(event_id, "destroyed")
            elif isinstance(event, types.Answer | types.Look):
                recorded[event_id] = "look" if isinstance(event, types.Look) else "answer"
            if row.block is None and bureau.now() - _time_of(event_id) > PLACED_WITHIN:
                waiting.add(event_id)
    missing = sorted(noted.keys() - recorded.keys())
    unplaced = sorted(noted.keys() & waiting)
    return {
        "given": _by_kind(noted.values()),
        "recorded": _by_kind(kind for kind in recorded.values() if kind != "destroyed"),
        "missing": len(missing),
        "unplaced": len(unplaced),
        "unsent": len([each for each in recorded.keys() - noted.keys() if recorded[each] != "destroyed"]),
        "named": (missing + unplaced)[:NAMED_MAX],
    }


def _by_kind(kinds: Iterable[str]) -> dict[str, int]:
    every = list(kinds)
    return {kind: every.count(kind) for kind in ("answer", "look")}


def _time_of(event_id: str) -> dt.datetime:
    return dt.datetime.fromtimestamp((UUID(event_id).int >> 80) / 1000, dt.UTC)


def _day_of(event_id: str) -> str:
    return _time_of(event_id).date().isoformat()


def _bounds(day: str) -> tuple[UUID, UUID]:
    """The lowest and the highest id of a day, in UTC."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    first_ms, last_ms = (int(each.timestamp() * 1000) for each in (start, start + dt.timedelta(days=1)))
    return UUID(int=first_ms << 80), UUID(int=(last_ms << 80) - 1)
