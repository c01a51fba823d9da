"""The journal of what leaves the building: a file a day that only grows, apart from the database
(`services.organisations.given`, R44).

2026-11-22T15:24:00Z answer 019ab6a4-...
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from app.core.fields import format_instant

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

Kind: TypeAlias = Literal["answer", "look"]


@dataclass(slots=True)
class Journal:
    """The journal in a folder. Lines are appended whole, so processes do not tear each other's apart."""

    folder: Path
    _day: str = ""
    _file: int = field(default=-1, repr=False)

    def note(self, kind: Kind, event_id: str, now: dt.datetime) -> None:
        """The answer or look of this event leaves now."""
        day = now.date().isoformat()
        if day != self._day:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.folder / day, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._day = day
        os.write(self._file, f"{format_instant(now)} {kind} {event_id}\n".encode())
