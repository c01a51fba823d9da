r"""Batches: what a furnisher hands in, admitted whole or refused whole.

A `.batch` file is NDJSON of at most 128 MiB. Line 1 is canonical JSON with the whole signed note; each
further line is one event; every line ends in a newline:

    {"note":"credence/batch@v1\ncredence.example/ledger\nbank.example/cards\n2026-11\n2\nq1w2...=\n\n— b..."}
    {"account":"c-1",...,"type":"payment","v":1}
    {"account":"c-2",...,"type":"payment","v":1}

The note's text is six lines: `credence/batch@v1`, origin, furnisher, batch id, number of events, base64 of
the RFC 6962 root over the events' log entries (0x01 and the SHA-256 of the line) in order. It has exactly one
signature line, whose key name is the furnisher's. A batch is known by the SHA-256 of the note's text.

Nothing here judges events or keys: `app.core.reporting.events` and the key register do.

Source: formats.md section 3; C2SP signed-note; RFC 6962 section 2.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError, LineProblem
from app.core.fields import b64, decimal, format_b64
from app.core.log import merkle
from app.core.log.note import ED25519, NoteSignature, split
from app.core.reporting.events import LINE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.log.note import Signer

BATCH_MAGIC: Final = "credence/batch@v1"
BATCH_BYTES_MAX: Final = 128 << 20
EVENTS_MAX: Final = 65_536
NOTE_LINE_BYTES_MAX: Final = 8192
SIGNATURE_BYTES: Final = 64  # Ed25519

_NAME = re.compile(r"[a-z0-9.\-/]{1,100}")
_REF = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_EVENT_LEAF: Final = b"\x00\x01"  # RFC 6962's byte for leaves, then the kind of entry


@dataclass(frozen=True, slots=True)
class BatchNote:
    """What the furnisher signs. `count` is 1..65536, `root` 32 bytes."""

    origin: str
    furnisher: str
    batch_id: str
    count: int
    root: bytes

    def text(self) -> bytes:
        """The note text, six lines; FormatError when a field is none of its format."""
        check_name(self.origin, "the origin of a batch")
        check_name(self.furnisher, "the furnisher of a batch")
        _check_ref(self.batch_id)
        assert 1 <= self.count <= EVENTS_MAX, self.count
        assert len(self.root) == merkle.HASH_BYTES, len(self.root)
        lines = (
            BATCH_MAGIC,
            self.origin,
            self.furnisher,
            self.batch_id,
            str(self.count),
            format_b64(self.root),
        )
        return "".join(line + "\n" for line in lines).encode()

    @classmethod
    def parse(cls, text: bytes) -> BatchNote:
        """The fields of a note's text; FormatError for any other spelling."""
        magic, origin, furnisher, batch_id, count, root = text_lines(text, 6, "a batch note")
        if magic != BATCH_MAGIC:
            raise FormatError(f"a batch note does not start with {BATCH_MAGIC}")
        note = cls(
            check_name(origin, "the origin of a batch"),
            check_name(furnisher, "the furnisher of a batch"),
            _check_ref(batch_id),
            decimal(count, maximum=EVENTS_MAX),
            b64(root, length=merkle.HASH_BYTES),
        )
        if note.count == 0:
            raise FormatError("a batch has at least one event")
        return note


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A well-formed file: the signed note, its text and one signature, its fields, the unjudged lines without newlines."""

    note: bytes
    text: bytes
    signature: NoteSignature
    header: BatchNote
    batch_hash: bytes
    lines: list[bytes]

    @classmethod
    def of(cls, note: bytes, lines: list[bytes]) -> BatchFile:
        """The file of a note and its lines; FormatError unless it is a batch note with its furnisher's signature line."""
        text, signatures = split(note)
        header = BatchNote.parse(text)
        if len(signatures) != 1 or signatures[0].name != header.furnisher:
            raise FormatError("a batch note has exactly one signature line, by the furnisher's name")
        if len(signatures[0].signature) != SIGNATURE_BYTES:
            raise FormatError("a batch note is signed with Ed25519, 64 bytes")
        return cls(note, text, signatures[0], header, sha256(text).digest(), lines)


def parse_batch(body: bytes) -> BatchFile:
    """The parts of a `.batch` file, or FormatError. Signature, root and events are not checked.

    The number of lines is the note's count; each has 1 to 8,192 bytes of UTF-8 and no carriage return. The
    error's `problems` name the line.
    """
    if len(body) > BATCH_BYTES_MAX:
        raise FormatError(
            f"a batch file of {len(body)} bytes is over the limit of {BATCH_BYTES_MAX}", code="too-large"
        )
    if not body.endswith(b"\n"):
        raise _bad(1 + body.count(b"\n"), "a batch file does not end in a newline: was it cut short?")
    if body.count(b"\n") > EVENTS_MAX + 1:
        raise _bad(EVENTS_MAX + 2, f"a batch file has more than {EVENTS_MAX} events", "too-large")
    first, *lines = body[:-1].split(b"\n")
    try:
        file = BatchFile.of(_note_of(first), lines)
    except FormatError as error:
        raise _bad(1, error.detail) from None
    if len(lines) != file.header.count:
        raise _bad(1, f"the batch note says {file.header.count} events, but the file has {len(lines)}")
    _check_lines(lines, body)
    return file


def _bad(line: int, detail: str, code: str | None = None) -> FormatError:
    """What is wrong with a line of a file; the note's is line 1."""
    return FormatError(detail, code=code, problems=(LineProblem(line, "format", detail),))


def commitments_of(lines: Iterable[bytes]) -> list[bytes]:
    """The commitments of event lines, 32 bytes each."""
    return [sha256(line).digest() for line in lines]


def verify_root(lines: Iterable[bytes]) -> tuple[list[bytes], list[bytes], bytes]:
    """(commitments, leaf hashes of their log entries, RFC 6962 root) of event lines; 32 bytes each."""
    commitments = commitments_of(lines)
    leaf_hashes = [sha256(_EVENT_LEAF + commitment).digest() for commitment in commitments]
    return commitments, leaf_hashes, merkle.root(leaf_hashes)


def check_root(file: BatchFile) -> list[bytes]:
    """The commitments of a file's events, 32 bytes each; FormatError when the note's root is another."""
    commitments, _, root = verify_root(file.lines)
    if root != file.header.root:
        raise _bad(1, "the root in the batch note is not that of the file's events", "wrong-root")
    return commitments


def sign_batch(signer: Signer, origin: str, batch_id: str, lines: list[bytes]) -> BatchFile:
    """A batch of 1 to 65,536 event lines (without newlines) of the furnisher `signer.name`, for who needs no file."""
    assert signer.algorithm == ED25519, "furnishers sign with plain Ed25519"
    if not 1 <= len(lines) <= EVENTS_MAX:
        raise FormatError(f"a batch has 1 to {EVENTS_MAX} events, not {len(lines)}")
    _, _, root = verify_root(lines)
    header = BatchNote(origin, signer.name, batch_id, len(lines), root)
    return BatchFile.of(signer.sign(header.text()), lines)


def make_batch(signer: Signer, origin: str, batch_id: str, lines: list[bytes]) -> bytes:
    """The `.batch` file of the same."""
    note = sign_batch(signer, origin, batch_id, lines).note
    body = b"\n".join([canon.encode({"note": note.decode()}), *lines, b""])
    parse_batch(body)  # a file that intake would not read is refused here, at the furnisher's
    return body


def check_name(text: str, what: str) -> str:
    """The text itself when it is a name: 1 to 100 characters of a-z 0-9 . - /; else FormatError."""
    if _NAME.fullmatch(text) is None:
        raise FormatError(f"{what} is not a name: 1 to 100 characters of a-z 0-9 . - /")
    return text


def check_ref(text: str, what: str) -> str:
    """The text itself when it is a ref: 1 to 64 characters of A-Z a-z 0-9 . _ -; else FormatError."""
    if _REF.fullmatch(text) is None:
        raise FormatError(f"{what} is not a ref: 1 to 64 characters of A-Z a-z 0-9 . _ -")
    return text


def text_lines(text: bytes, count: int, what: str) -> list[str]:
    """The lines of a note's text, without their newlines; FormatError unless there are exactly `count`."""
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise FormatError(f"{what} is not UTF-8") from None
    if len(lines) != count + 1 or lines[-1]:
        raise FormatError(f"{what} is not of {count} lines, each with a newline")
    return lines[:-1]


def _check_ref(text: str) -> str:
    if _REF.fullmatch(text) is None:
        raise FormatError("a batch id is not a ref: 1 to 64 characters of A-Z a-z 0-9 . _ -")
    return text


def _note_of(line: bytes) -> bytes:
    """The signed note in the first line of a file."""
    value = canon.decode_object(line, bytes_max=NOTE_LINE_BYTES_MAX)
    note = value.get("note")
    if value.keys() != {"note"} or not isinstance(note, str):
        raise FormatError('the first line of a batch file is not {"note":"..."}')
    return note.encode()


def _check_lines(lines: list[bytes], body: bytes) -> None:
    at = body.find(b"\r")
    if at >= 0:
        raise _bad(1 + body.count(b"\n", 0, at), "a batch file has a carriage return")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise _bad(1 + body.count(b"\n", 0, error.start), "a batch file is not UTF-8") from None
    shortest, longest = min(map(len, lines)), max(map(len, lines))
    if shortest == 0:
        number = 2 + lines.index(b"")
        raise _bad(number, f"line {number} of the batch file is empty")
    if longest > LINE_BYTES_MAX:
        number = 2 + next(i for i, line in enumerate(lines) if len(line) > LINE_BYTES_MAX)
        raise _bad(number, f"line {number} of the batch file has more than {LINE_BYTES_MAX} bytes")
