"""`consistency`: the newer ledger holds the older one. `contradiction`: the bureau signed two histories (R41).

Both are about two signed checkpoints and need no block.

Source: docs/formats.md section 15; RFC 6962 section 2.1.2; C2SP tlog-checkpoint, tlog-policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon, merkle
from app.core.checkpoint import open_with_any
from app.core.claims import head as h
from app.core.claims.words import Claimed
from app.core.errors import FormatError, ProofError
from app.core.policy import verify_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.checkpoint import Checkpoint
    from app.core.claims.head import Asked

CONSISTENCY: Final = "consistency"
CONTRADICTION: Final = "contradiction"


def build_consistency(old: bytes, new: bytes, hashes: Sequence[bytes]) -> bytes:
    """The file; `old` and `new` are signed checkpoints."""
    fields: dict[str, canon.JSON] = {
        "hashes": h.format_hashes(hashes),
        "kind": CONSISTENCY,
        "new": new.decode(),
        "old": old.decode(),
        "v": 1,
    }
    return canon.encode(fields)


def verify_consistency(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, CONSISTENCY, frozenset({"old", "new", "hashes"}))
        old_note, new_note = (h.text_of(claim[name], name).encode() for name in ("old", "new"))
        hashes = h.hashes_of(claim["hashes"], "hashes")
    with h.step(2, "the signed heads"):
        old, new = _signed(old_note, asked), verify_checkpoint(asked.policy, new_note).checkpoint
        if old.origin != new.origin:
            raise ProofError("the two heads are of different ledgers")
    with h.step(3, "the way from the older to the newer"):
        merkle.verify_consistency(old.size, old.root, new.size, new.root, hashes)
    said = Claimed(
        CONSISTENCY,
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


def build_contradiction(
    first: bytes,
    second: bytes,
    *,
    index: int = 0,
    leaves: Sequence[bytes] = (),
    paths: Sequence[Sequence[bytes]] = (),
) -> bytes:
    """The file. Heads of one size need nothing else; others two different leaves at one index, with their paths."""
    fields: dict[str, canon.JSON] = {
        "first": first.decode(),
        "kind": CONTRADICTION,
        "second": second.decode(),
        "v": 1,
    }
    if leaves:
        fields |= {
            "index": index,
            "leaves": [leaf.hex() for leaf in leaves],
            "paths": [h.format_hashes(path) for path in paths],
        }
    return canon.encode(fields)


def verify_contradiction(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(
            data,
            CONTRADICTION,
            frozenset({"first", "second"}),
            optional=frozenset({"index", "leaves", "paths"}),
        )
        notes = [h.text_of(claim[name], name).encode() for name in ("first", "second")]
        if len(claim.keys() & {"index", "leaves", "paths"}) not in (0, 3):
            raise FormatError("The fields index, leaves and paths are there together or not at all.")
    with h.step(2, "the signed heads"):
        first, second = (_signed(note, asked) for note in notes)
        if first.origin != second.origin:
            raise ProofError("the two heads are of different ledgers, and do not contradict each other")
    with h.step(3, "the contradiction"):
        if "index" in claim:
            _check_leaves(claim, first, second)
        elif first.size != second.size or first.root == second.root:
            raise ProofError(
                "two heads of different sizes, or with the same root, do not contradict each other by themselves"
            )
    said = Claimed(
        CONTRADICTION,
        {
            "origin": first.origin,
            "sizes": [first.size, second.size],
            "roots": [first.root.hex(), second.root.hex()],
        },
    )
    said.proves(
        f"The ledger {first.origin} has signed two heads that cannot both be of one ledger that only grows: "
        "somebody was shown another history.",
        f"账本 {first.origin} 签署了两个不可能同属一个只增不改的账本的账本头：有人看到的是另一份历史。",
    )
    said.proves_not("Not proved: which of the two is the true one.", "未证明：两者之中哪一个属实。")
    return said


def _signed(note: bytes, asked: Asked) -> Checkpoint:
    """A checkpoint that a log of the policy has signed; witnesses are not asked for."""
    _, opened = open_with_any(note, [log.verifier for log in asked.policy.logs], {})
    return opened.checkpoint


def _check_leaves(claim: dict[str, canon.JSON], first: Checkpoint, second: Checkpoint) -> None:
    index = h.integer_of(claim["index"], "index", 0, merkle.SIZE_MAX)
    leaves = [h.hash_of(each, "leaves") for each in h.list_of(claim["leaves"], "leaves", 2)]
    paths = [h.hashes_of(each, "paths") for each in h.list_of(claim["paths"], "paths", 2)]
    if len(leaves) != 2 or len(paths) != 2 or leaves[0] == leaves[1]:
        raise ProofError("a contradiction has two leaves that differ, and a path for each")
    for leaf, path, head in zip(leaves, paths, (first, second), strict=True):
        merkle.verify_inclusion(leaf, index, head.size, path, head.root)
