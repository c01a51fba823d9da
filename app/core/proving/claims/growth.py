"""`consistency`: the newer ledger holds the older one. It is about two signed checkpoints and needs no block.

Source: docs/formats.md section 15; RFC 6962 section 2.1.2; C2SP tlog-checkpoint, tlog-policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import ProofError
from app.core.log import merkle
from app.core.log.checkpoint import open_with_any
from app.core.log.policy import verify_checkpoint
from app.core.proving.claims import head as h
from app.core.proving.claims.words import Claimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.checkpoint import Checkpoint
    from app.core.proving.claims.head import Asked

KIND: Final = "consistency"


def build_consistency(old: bytes, new: bytes, hashes: Sequence[bytes]) -> bytes:
    """The file; `old` and `new` are signed checkpoints."""
    fields: dict[str, canon.JSON] = {
        "hashes": h.format_hashes(hashes),
        "kind": KIND,
        "new": new.decode(),
        "old": old.decode(),
        "v": 1,
    }
    return canon.encode(fields)


def verify_consistency(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, KIND, frozenset({"old", "new", "hashes"}))
        old_note, new_note = (h.text_of(claim[name], name).encode() for name in ("old", "new"))
        hashes = h.hashes_of(claim["hashes"], "hashes")
    with h.step(2, "the signed heads"):
        old, new = signed_head(old_note, asked), verify_checkpoint(asked.policy, new_note).checkpoint
        if old.origin != new.origin:
            raise ProofError("the two heads are of different ledgers")
    with h.step(3, "the way from the older to the newer"):
        merkle.verify_consistency(old.size, old.root, new.size, new.root, hashes)
    said = Claimed(
        KIND,
        {
            "origin": new.origin,
            "old_size": old.size,
            "new_size": new.size,
            "old_root": old.root.hex(),
            "new_root": new.root.hex(),
        },
    )
    said.proves(
        f"The ledger {new.origin} with {new.size:,} entries holds the one with {old.size:,} entries, entry for entry: "
        "nothing was changed, removed or put in between.",
        f"含 {new.size:,} 个条目的账本 {new.origin} 逐条包含了当时的 {old.size:,} 个条目：没有任何更改、删除或插入。",
    )
    said.proves_not(
        "Not proved: when the heads were signed, and what the entries say.",
        "未证明：账本头的签署时间以及条目的内容。",
    )
    return said


def signed_head(note: bytes, asked: Asked) -> Checkpoint:
    """A checkpoint that a log of the policy has signed; witnesses are not asked for."""
    _, opened = open_with_any(note, [log.verifier for log in asked.policy.logs], {})
    return opened.checkpoint
