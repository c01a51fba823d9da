"""Disputes as a citizen's events tell them: when filed, until when answerable, how they ended.

    dispute_opened   while none about the item is open: a dispute begins, with its clock (R25)
                     while one is: the citizen adds to it; with evidence that extends the clock, once, where the law says so
    dispute_closed   it ends

    filed on 2026-11-03 + 20 days = 2026-11-23

The item is an event; a dispute about a correction is one about what it corrects. Evidence is known by one hash:

    SHA-256(canonical JSON [[SHA-256 of the file in hex, bytes, media type], ...])    in the order in which they came

Media types are found in the bytes and never taken from whoever sends them: a PDF, a PNG, a JPEG, or plain text in UTF-8.

Source: formats.md section 2 (repair); rules R23-R26.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core import canon
from app.core.errors import FormatError
from app.core.reporting import event_types as et

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.core.reporting.event_base import Event
    from app.core.scoring.profiles import Profile

FILES_MAX: Final = 5
FILE_BYTES_MAX: Final = 5 << 20
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
_TEXT_CONTROLS: Final = frozenset("\n\r\t")


class EvidenceFile(NamedTuple):
    """What of a file goes into the hash: its SHA-256 in hex, its size, its media type."""

    sha256: str
    size: int
    media_type: str


@dataclass(slots=True)
class Dispute:
    """One dispute; `opened` are the events by which it was filed and added to, `closed` is how it ended, if it has."""

    item: int
    opened: list[et.DisputeOpened]
    filed_on: dt.date
    due_on: dt.date
    closed: et.DisputeClosed | None = None
    evidence: list[str] = field(default_factory=list)
    extended: bool = False


def due_on(filed_on: dt.date, profile: Profile, *, extended: bool) -> dt.date:
    """The last day on which the furnisher may answer."""
    days = profile.dispute_days + (profile.dispute_extension_days if extended else 0)
    return filed_on + dt.timedelta(days=days)


def disputes_of(history: Iterable[tuple[int, Event]], profile: Profile) -> list[Dispute]:
    """All disputes in a history, ascending by log index; in the order in which they were filed."""
    corrected: dict[int, int] = {}
    current: dict[int, Dispute] = {}
    found: list[Dispute] = []
    for index, event in history:
        if isinstance(event, et.Correction):
            corrected[index] = event.target
        elif isinstance(event, et.DisputeOpened):
            item = corrected.get(event.target, event.target)
            known = current.get(item)
            if known is None:
                filed_on = dt.date.fromisoformat(event.day)
                known = current[item] = Dispute(item, [], filed_on, due_on(filed_on, profile, extended=False))
                found.append(known)
            elif event.evidence is not None and profile.dispute_extension_days:
                known.extended, known.due_on = True, due_on(known.filed_on, profile, extended=True)
            known.opened.append(event)
            known.evidence += [event.evidence] if event.evidence is not None else []
        elif isinstance(event, et.DisputeClosed):
            ended = current.pop(corrected.get(event.target, event.target), None)
            if ended is not None:
                ended.closed = event
    return found


def sniffed(data: bytes) -> EvidenceFile:
    """What a file is. Raises FormatError for one that is empty, too large, or of no type that can be shown to a furnisher."""
    if not 0 < len(data) <= FILE_BYTES_MAX:
        raise FormatError(
            f"a file of evidence has 1 to {FILE_BYTES_MAX} bytes, not {len(data)}", code="evidence-size"
        )
    media_type = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if media_type is None and _is_text(data):
        media_type = "text/plain"
    if media_type is None:
        raise FormatError("evidence is a PDF, a PNG or JPEG picture, or plain text", code="evidence-type")
    return EvidenceFile(sha256(data).hexdigest(), len(data), media_type)


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in _TEXT_CONTROLS for char in text)


def bundle_hash(files: Sequence[EvidenceFile]) -> bytes:
    """By which the event names what was handed in with it."""
    assert 0 < len(files) <= FILES_MAX, len(files)
    return sha256(canon.encode([list(file) for file in files])).digest()
