"""What a citizen hands in with a dispute: which files are taken, and the one hash by which the event names them all.

    SHA-256(canonical JSON [[SHA-256 of the file in hex, bytes, media type], ...])    in the order in which they came

Media types are found in the bytes and never taken from whoever sends them: a PDF, a PNG, a JPEG, or plain text in UTF-8.

    [["9f86d081...", 4, "text/plain"]]    the file "test", alone

Source: formats.md section 19; rule R24.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core import canon
from app.core.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
