"""`contradiction`: the bureau signed two histories (R41).

Two checkpoints of one size with different roots say it by themselves. Of different sizes, the trees must have different
hashes at one place: the larger one holds every complete subtree of the smaller one, unless it is of another history. So a
path in each, to the same `level` and `index`, is proof; with level 0 that is a leaf. Whoever kept the complete subtrees of
one tree (an auditor's `Frontier`, a few hundred bytes) needs the tiles of the larger one only:

    contradiction(first, FrontierReader(frontier), second, TileReader(size, fetch))      the file, None when they agree

Source: docs/formats.md section 15; RFC 6962 section 2.1; C2SP tlog-checkpoint, tlog-policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError, ProofError
from app.core.log import merkle
from app.core.log.checkpoint import parse_note
from app.core.proving.claims import head as h
from app.core.proving.claims.growth import signed_head
from app.core.proving.claims.words import Claimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.checkpoint import Checkpoint
    from app.core.proving.claims.head import Asked

KIND: Final = "contradiction"
LEVEL_MAX: Final = 62
_PLACE: Final = frozenset({"index", "leaves", "paths"})


def build_contradiction(
    first: bytes,
    second: bytes,
    *,
    level: int = 0,
    index: int = 0,
    leaves: Sequence[bytes] = (),
    paths: Sequence[Sequence[bytes]] = (),
) -> bytes:
    """The file. Heads of one size need nothing else; others two different hashes at one place, with their paths."""
    fields: dict[str, canon.JSON] = {
        "first": first.decode(),
        "kind": KIND,
        "second": second.decode(),
        "v": 1,
    }
    if leaves:
        fields |= {
            "index": index,
            "leaves": [leaf.hex() for leaf in leaves],
            "paths": [h.format_hashes(path) for path in paths],
        }
    if level:
        fields["level"] = level
    return canon.encode(fields)


def contradiction(
    first: bytes, first_reader: merkle.HashReader, second: bytes, second_reader: merkle.HashReader
) -> bytes | None:
    """The file for two signed checkpoints of one log, whose trees the readers know; None when one continues the other."""
    heads = parse_note(first), parse_note(second)
    sizes = [head.size for head in heads]
    if sizes[0] == sizes[1]:
        return None if heads[0].root == heads[1].root else build_contradiction(first, second)
    readers = first_reader, second_reader
    places = list(merkle.subtrees(0, min(sizes)))
    for (level, index), *hashes in zip(
        places, *(reader.read_hashes(places) for reader in readers), strict=True
    ):
        if hashes[0] != hashes[1]:
            paths = [
                merkle.subtree_proof(level, index, size, reader)
                for size, reader in zip(sizes, readers, strict=True)
            ]
            return build_contradiction(first, second, level=level, index=index, leaves=hashes, paths=paths)
    return None


def verify_contradiction(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(
            data,
            KIND,
            frozenset({"first", "second"}),
            optional=_PLACE | {"level"},
        )
        notes = [h.text_of(claim[name], name).encode() for name in ("first", "second")]
        if len(claim.keys() & _PLACE) not in (0, 3) or ("level" in claim and "index" not in claim):
            raise FormatError(
                "The fields index, leaves and paths are there together or not at all; level with them."
            )
    with h.step(2, "the signed heads"):
        first, second = (signed_head(note, asked) for note in notes)
        if first.origin != second.origin:
            raise ProofError("the two heads are of different ledgers, and do not contradict each other")
    with h.step(3, "the contradiction"):
        if "index" in claim:
            _check_place(claim, first, second)
        elif first.size != second.size or first.root == second.root:
            raise ProofError(
                "two heads of different sizes, or with the same root, do not contradict each other by themselves"
            )
    said = Claimed(
        KIND,
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


def _check_place(claim: dict[str, canon.JSON], first: Checkpoint, second: Checkpoint) -> None:
    level = h.integer_of(claim["level"], "level", 1, LEVEL_MAX) if "level" in claim else 0
    index = h.integer_of(claim["index"], "index")
    leaves = [h.hash_of(each, "leaves") for each in h.list_of(claim["leaves"], "leaves", 2)]
    paths = [h.hashes_of(each, "paths") for each in h.list_of(claim["paths"], "paths", 2)]
    if len(leaves) != 2 or len(paths) != 2 or leaves[0] == leaves[1]:
        raise ProofError("a contradiction has two hashes that differ, and a path for each")
    for leaf, path, head in zip(leaves, paths, (first, second), strict=True):
        merkle.verify_subtree(leaf, level, index, head.size, path, head.root)
