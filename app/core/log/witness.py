"""The witness protocol: what a log sends to a witness, how the witness judges it, and what it answers.

The body of `POST <prefix>/add-checkpoint`, each line ending in a newline:

    old 20852014                                        (the size that this witness cosigned last; 0 for none)
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=        (consistency proof, at most 63 hashes)
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=

    example.com/behind-the-sofa                         (the checkpoint, verbatim, to the end of the body)
    20852163
    ...

The answer of a witness that agrees is signature lines of its own, which the log puts behind its checkpoint. Each
refusal has a status of the specification, and here a class of the error tree:

    400 FormatError        malformed, or the old size is over the checkpoint's
    403 SignatureError     not signed by a key that the witness trusts for this origin
    404 NotFoundError      an origin that the witness does not know
    409 SizeConflictError  another size was cosigned last; the answer is that size in decimal and a newline
    422 ProofError         the trees are not consistent

Extension lines of other logs' checkpoints are read over; an Ed25519 cosignature covers them and vouches for nothing in
them. Everything here is a function of its arguments: the memory of a witness is `app.services.ledger.witnessing`.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.errors import ConflictError, FormatError, NotFoundError, ProofError
from app.core.fields import U63_MAX, b64, decimal, format_b64
from app.core.log import merkle
from app.core.log.checkpoint import Checkpoint, parse_extended
from app.core.log.note import NoteSignature, Verifier, open_note, parse_signature_line, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HASHES_MAX: Final = 63
REQUEST_BYTES_MAX: Final = 1 << 16
ANSWER_BYTES_MAX: Final = 1 << 16
ANSWER_LINES_MAX: Final = 16
SIZE_TYPE: Final = "text/x.tlog.size"
NEVER: Final = Checkpoint("?", 0, merkle.EMPTY_ROOT)
"""What a witness remembers of a log of which it cosigned nothing yet, but for the name."""


class SizeConflictError(ConflictError):
    """The witness cosigned another size last, `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the size that was cosigned last is {size:,}", code="old-size")
        self.size = size


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request. `old_size` in 0..2**63-1, at most 63 `hashes`, `note` the signed checkpoint."""

    old_size: int
    hashes: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The body."""
        assert 0 <= self.old_size <= U63_MAX, self.old_size
        assert len(self.hashes) <= HASHES_MAX, len(self.hashes)
        lines = [f"old {self.old_size}", *map(format_b64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.note


def parse_request(body: bytes) -> AddCheckpoint:
    """The request of a body; FormatError. The note is taken as it is: `open_request` reads it."""
    if len(body) > REQUEST_BYTES_MAX:
        raise FormatError(f"a request is longer than {REQUEST_BYTES_MAX} bytes")
    head, blank, note = body.partition(b"\n\n")
    if not blank or not head.isascii():
        raise FormatError("a request is an old size, a proof, an empty line and a checkpoint")
    first, *lines = head.decode().split("\n")
    if not first.startswith("old "):
        raise FormatError("a request starts with the old size")
    if len(lines) > HASHES_MAX:
        raise FormatError(f"a request has more than {HASHES_MAX} hashes")
    hashes = tuple(b64(line, length=merkle.HASH_BYTES) for line in lines)
    return AddCheckpoint(decimal(first.removeprefix("old ")), hashes, note)


def open_request(note: bytes, logs: Mapping[str, Sequence[Verifier]]) -> Checkpoint:
    """The checkpoint of a note that a log known by its origin has signed. FormatError, NotFoundError, SignatureError."""
    checkpoint, _ = parse_extended(split(note)[0])
    keys = logs.get(checkpoint.origin)
    if not keys:
        raise NotFoundError(f"the log {checkpoint.origin} is not known here", code="unknown-log")
    open_note(note, keys)
    return checkpoint


def judge(request: AddCheckpoint, checkpoint: Checkpoint, latest: Checkpoint) -> None:
    """Nothing when the checkpoint of the request may be cosigned by a witness that cosigned `latest` last (`NEVER` for
    nothing). FormatError, SizeConflictError, ProofError, in the specification's order.
    """
    if request.old_size > checkpoint.size:
        raise FormatError("the old size is over the checkpoint's size")
    if request.old_size != latest.size:
        raise SizeConflictError(latest.size)
    if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY_ROOT:
        raise ProofError("the root of an empty tree is not SHA-256 of nothing")
    merkle.verify_consistency(latest.size, latest.root, checkpoint.size, checkpoint.root, request.hashes)


def parse_answer(body: bytes) -> tuple[NoteSignature, ...]:
    """The signature lines of a witness that agrees, by whatever keys; FormatError."""
    if len(body) > ANSWER_BYTES_MAX or not body.endswith(b"\n"):
        raise FormatError("an answer is not lines of at most 64 KiB")
    lines = body[:-1].split(b"\n")
    if len(lines) > ANSWER_LINES_MAX:
        raise FormatError(f"an answer has more than {ANSWER_LINES_MAX} lines")
    return tuple(parse_signature_line(line) for line in lines)


def parse_size(body: bytes) -> int:
    """The size in the body of a 409; FormatError."""
    if not body.endswith(b"\n") or not body.isascii():
        raise FormatError("a size is a decimal number and a newline")
    return decimal(body[:-1].decode())


def format_size(size: int) -> bytes:
    """The body of a 409."""
    return b"%d\n" % size


def origin_hash(origin: str) -> str:
    """The name of a log in the addresses of what a witness serves about it: 64 hex digits."""
    return hashlib.sha256(origin.encode()).hexdigest()
