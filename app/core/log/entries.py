"""The entries of the log: a kind byte, then the payload. Public, and free of personal data.

    0x01 event    commitment: SHA-256 of the event's bytes, 32 bytes
    0x02 batch    batch hash: SHA-256 of the batch note's text, 32 bytes, just before the batch's events
    0x03 block    canonical JSON (app.core.log.block)
    0x04 notice   canonical JSON (app.core.log.notices)

For example `0x01 || e3b0c442...` is the entry of an event. C2SP tlog-tiles puts 16 bits of length before each
entry of a bundle, so no entry may have more than 65,535 bytes.

Source: formats.md section 4.
"""

from __future__ import annotations

from typing import Final

from app.core.errors import FormatError

EVENT: Final = 0x01
BATCH: Final = 0x02
BLOCK: Final = 0x03
NOTICE: Final = 0x04
HASH_BYTES: Final = 32
ENTRY_BYTES_MAX: Final = 65_535

_HASHES: Final = frozenset({EVENT, BATCH})
_DOCUMENTS: Final = frozenset({BLOCK, NOTICE})


def event_entry(commitment: bytes) -> bytes:
    """The 33 bytes of an event's entry."""
    assert len(commitment) == HASH_BYTES, len(commitment)
    return b"\x01" + commitment


def batch_entry(batch_hash: bytes) -> bytes:
    """The 33 bytes of a batch's entry."""
    assert len(batch_hash) == HASH_BYTES, len(batch_hash)
    return b"\x02" + batch_hash


def block_entry(document: bytes) -> bytes:
    """The entry of a block's canonical JSON."""
    return _document_entry(BLOCK, document)


def notice_entry(document: bytes) -> bytes:
    """The entry of a notice's canonical JSON."""
    return _document_entry(NOTICE, document)


def parse_entry(entry: bytes) -> tuple[int, bytes]:
    """(kind, payload) of an entry. FormatError for another kind or length; a document is not looked into."""
    if not entry or len(entry) > ENTRY_BYTES_MAX:
        raise FormatError(f"a log entry has 1 to {ENTRY_BYTES_MAX} bytes, not {len(entry)}")
    kind, payload = entry[0], entry[1:]
    if kind in _HASHES:
        if len(payload) != HASH_BYTES:
            raise FormatError(
                f"a log entry of kind {kind:#04x} has a payload of 32 bytes, not {len(payload)}"
            )
    elif kind not in _DOCUMENTS:
        raise FormatError(f"a log entry of unknown kind {kind:#04x}")
    elif not payload:
        raise FormatError(f"a log entry of kind {kind:#04x} is empty")
    return kind, payload


def _document_entry(kind: int, document: bytes) -> bytes:
    if len(document) >= ENTRY_BYTES_MAX:
        raise FormatError(f"a document of {len(document)} bytes is too long for a log entry")
    return bytes([kind]) + document
