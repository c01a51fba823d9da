"""A proof that an entry is in a log, in one text file that needs nothing else but a policy to check.

    c2sp.org/tlog-proof@v1
    extra YWJj                                          (optional)
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        (inclusion proof, leaf's sibling first; may be empty)
    B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

    example.com/fancylog                                (the checkpoint, verbatim, to the end of the file)
    109482
    ...

The entry itself is not in the file: who verifies knows it from elsewhere. `extra` is not authenticated.

Source: C2SP tlog-proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import FormatError
from app.core.fields import U63_MAX, b64, decimal, format_b64
from app.core.log import merkle
from app.core.log.note import NOTE_BYTES_MAX
from app.core.log.policy import Policy, VerifiedCheckpoint, verify_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = "c2sp.org/tlog-proof@v1"
HASHES_MAX = 63  # the longest path in a tree of 2**63 - 1 leaves
EXTRA_BYTES_MAX = 1 << 16
PROOF_BYTES_MAX = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX


@dataclass(frozen=True, slots=True)
class TlogProof:
    """`index` in 0..2**63-1, at most 63 `hashes`, `checkpoint` a note, `extra` None or 1 to 65,536 bytes."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file."""
        assert 0 <= self.index <= U63_MAX, self.index
        assert len(self.hashes) <= HASHES_MAX, len(self.hashes)
        assert all(len(digest) == merkle.HASH_BYTES for digest in self.hashes), "hashes have 32 bytes"
        assert 0 < len(self.checkpoint) <= NOTE_BYTES_MAX, len(self.checkpoint)
        assert self.extra is None or 0 < len(self.extra) <= EXTRA_BYTES_MAX, "no extra data is no line"
        extra = [] if self.extra is None else [f"extra {format_b64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(format_b64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse(data: bytes) -> TlogProof:
    """The proof of a file; FormatError for any bytes but those of `TlogProof.encode`.

    The checkpoint is taken as it is: `verify` opens it.
    """
    if len(data) > PROOF_BYTES_MAX:
        raise FormatError(f"a proof of inclusion is longer than {PROOF_BYTES_MAX} bytes")
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank or not 0 < len(checkpoint) <= NOTE_BYTES_MAX:
        raise FormatError("a proof of inclusion has no checkpoint, or one that is too long")
    if not head.isascii():
        raise FormatError("the lines before the checkpoint are not ASCII")
    lines = iter(head.decode().split("\n"))
    if next(lines) != HEADER:
        raise FormatError(f"a proof of inclusion starts with {HEADER}")
    line = next(lines, "")
    extra = None
    if line.startswith("extra "):
        extra = b64(line.removeprefix("extra "))
        if not 0 < len(extra) <= EXTRA_BYTES_MAX:
            raise FormatError(f"extra data has 1 to {EXTRA_BYTES_MAX} bytes")
        line = next(lines, "")
    if not line.startswith("index "):
        raise FormatError("a proof of inclusion has no index line where it should")
    index = decimal(line.removeprefix("index "))
    return TlogProof(index, _hashes(lines), checkpoint, extra)


def verify(proof: TlogProof, entry: bytes, policy: Policy) -> VerifiedCheckpoint:
    """The checkpoint under which `entry` (the bytes of the log entry) is at `proof.index`.

    FormatError, SignatureError or ProofError as in `verify_checkpoint`; ProofError too when it is not there.
    """
    verified = verify_checkpoint(policy, proof.checkpoint)
    checkpoint = verified.checkpoint
    leaf = merkle.leaf_hash(entry)
    merkle.verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return verified


def _hashes(lines: Iterable[str]) -> tuple[bytes, ...]:
    hashes = tuple(b64(line, length=merkle.HASH_BYTES) for line in lines)
    if len(hashes) > HASHES_MAX:
        raise FormatError(f"a proof of inclusion has more than {HASHES_MAX} hashes")
    return hashes
