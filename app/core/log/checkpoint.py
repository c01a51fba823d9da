"""Checkpoints: a log's signed statement of its size and root, and the witnesses' cosignatures on it.

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URY...
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZC...

The text has three lines: origin, tree size in decimal, root in base64. The specification discourages
extension lines because nobody can audit them; a Credence ledger has none, and `parse` takes none. A witness of
other logs reads them with `parse_extended`. The log's signature line carries the origin as its key name. A log
signs with Ed25519 (or with ML-DSA-44 as its own cosigner), a witness cosigns with a time (`app.core.log.cosignature`).

Source: C2SP tlog-checkpoint and tlog-cosignature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.core.errors import FormatError, SignatureError
from app.core.fields import b64, decimal, format_b64
from app.core.log import cosignature, merkle
from app.core.log.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_MLDSA44,
    ED25519,
    Signer,
    Verifier,
    open_note,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG_KEY_TYPES = (ED25519, COSIGNATURE_MLDSA44)
WITNESS_KEY_TYPES = (COSIGNATURE_ED25519, COSIGNATURE_MLDSA44)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`origin` without newline, `size` in 0..2**63-1 leaves, `root` of 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """The note text, three lines."""
        assert self.origin, "an origin is not empty"
        assert "\n" not in self.origin, "an origin is one line"
        assert 0 <= self.size <= merkle.SIZE_MAX, self.size
        assert len(self.root) == merkle.HASH_BYTES, len(self.root)
        return f"{self.origin}\n{self.size}\n{format_b64(self.root)}\n".encode()


class Cosignature(NamedTuple):
    """A cosignature that holds. `time_s` is POSIX seconds; 0 by an ML-DSA-44 key says nothing about time."""

    verifier: Verifier
    time_s: int


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint signed by the log, with the cosignatures of known witnesses."""

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]


def parse(text: bytes) -> Checkpoint:
    """The checkpoint of a note's text; FormatError for extension lines and for any other spelling."""
    checkpoint, extensions = parse_extended(text)
    if extensions:
        raise FormatError("a checkpoint is three lines: origin, size, root")
    if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY_ROOT:
        raise FormatError("a checkpoint of an empty tree has another root than SHA-256 of nothing")
    return checkpoint


def parse_extended(text: bytes) -> tuple[Checkpoint, tuple[str, ...]]:
    """(checkpoint, extension lines) of any log's note text. The root of an empty tree is not looked at: a witness has an
    answer of its own for a wrong one.
    """
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise FormatError("a checkpoint is not UTF-8") from None
    if len(lines) < 4 or lines[-1]:
        raise FormatError("a checkpoint is at least three lines: origin, size, root")
    origin, size, root, *extensions = lines[:-1]
    if not origin or any(char < " " for char in origin):
        raise FormatError("the origin of a checkpoint is empty or has a control character")
    if "" in extensions:
        raise FormatError("an extension line of a checkpoint is empty")
    return Checkpoint(origin, decimal(size), b64(root, length=merkle.HASH_BYTES)), tuple(extensions)


def parse_note(note: bytes) -> Checkpoint:
    """The checkpoint of a note whose signatures the caller does not trust yet."""
    return parse(split(note)[0])


def sign_checkpoint(signer: Signer, checkpoint: Checkpoint) -> bytes:
    """The checkpoint as a note with the log's signature. The key name is the origin."""
    assert signer.name == checkpoint.origin, (signer.name, checkpoint.origin)
    assert signer.algorithm == ED25519, "the ledger key signs with plain Ed25519"
    return signer.sign(checkpoint.text())


def cosign(signer: Signer, note: bytes, time_s: int) -> bytes:
    """One cosignature line for a checkpoint note; `note + line` is the cosigned checkpoint.

    The witness has verified the log's signature and the consistency with what it saw before (C2SP
    tlog-witness) before it calls this. `time_s` is POSIX seconds, at least 1.
    """
    assert time_s > 0, time_s
    text, _ = split(note)
    parse_extended(text)
    return signer.sign_text(text, time_s=time_s).line()


def open_checkpoint(note: bytes, log: Verifier, witnesses: Iterable[Verifier] = ()) -> OpenedCheckpoint:
    """Check a checkpoint note against the log's key and the keys of known witnesses, as many as have signed.

    FormatError when it is no checkpoint. SignatureError when the log has not signed it, its key name is not
    the origin, or any signature by one of these keys is wrong. How many cosignatures are enough is up to a
    policy.
    """
    return open_with_any(note, [log], witnesses)[1]


def open_with_any(
    note: bytes, logs: Iterable[Verifier], witnesses: Iterable[Verifier]
) -> tuple[Verifier, OpenedCheckpoint]:
    """Like `open_checkpoint`, for a log with several keys: also gives the (first) key that signed."""
    checkpoint = parse_note(note)
    log_keys = [log for log in logs if log.name == checkpoint.origin]
    if not log_keys:
        raise SignatureError(f"no key of a log {checkpoint.origin} is known", code="unknown-log")
    witness_keys = frozenset(witnesses)
    _check_types(log_keys, witness_keys)
    verified = open_note(note, [*log_keys, *witness_keys]).verified
    signed_by = [good.verifier for good in verified if good.verifier in log_keys]
    if not signed_by:
        raise SignatureError(f"the log {checkpoint.origin} has not signed the checkpoint", code="unknown-log")
    cosignatures = tuple(
        Cosignature(good.verifier, cosignature.split_time(good.signature.signature)[0])
        for good in verified
        if good.verifier in witness_keys
    )
    return signed_by[0], OpenedCheckpoint(checkpoint, cosignatures)


def _check_types(logs: Iterable[Verifier], witnesses: Iterable[Verifier]) -> None:
    for allowed, keys in ((LOG_KEY_TYPES, logs), (WITNESS_KEY_TYPES, witnesses)):
        for key in keys:
            if key.algorithm not in allowed:
                raise FormatError(f"key {key.name} of type {key.algorithm:#04x} cannot sign in this role")
