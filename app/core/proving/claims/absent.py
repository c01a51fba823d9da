"""`absent`: at this block there is no file for this citizen.

    build_absent(key=..., vrf_proof=..., path=trie.NonMembership(...), block_json=..., tlog=...)

Source: docs/formats.md section 15; design.md, "State trie".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import format_unpadded
from app.core.proving.claims import head as h
from app.core.proving.claims.words import Claimed, claimed, say_head, say_identity
from app.core.reporting.identifiers import check_identifier
from app.core.state import trie

if TYPE_CHECKING:
    from app.core.proving.claims.head import Asked

KIND: Final = "absent"
_FIELDS: Final = frozenset({"block", "key", "tlog", "trie", "vrf"})


def build_absent(
    *, key: bytes, vrf_proof: bytes, way: trie.NonMembership, block_json: bytes, tlog: bytes
) -> bytes:
    """The file; `way` leads from the root of the block's state to where the key would be."""
    fields = h.block_fields(block_json, tlog) | {
        "key": key.hex(),
        "kind": KIND,
        "trie": h.format_hashes(way.siblings),
        "v": 1,
        "vrf": format_unpadded(vrf_proof),
    }
    if way.other is not None:
        fields["leaf"] = [way.other[0].hex(), way.other[1].hex()]
    return canon.encode(fields)


def verify_absent(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, KIND, _FIELDS, optional=frozenset({"leaf"}))
        part, key, vrf_proof = h.block_part(claim), h.hash_of(claim["key"], "key"), h.vrf_of(claim["vrf"])
        other = None
        if "leaf" in claim:
            pair = [h.hash_of(each, "leaf") for each in h.list_of(claim["leaf"], "leaf", 2)]
            if len(pair) != 2:
                raise FormatError("The field leaf is a key and a value.")
            other = (pair[0], pair[1])
        way = trie.NonMembership(h.hashes_of(claim["trie"], "trie"), other)
    with h.step(2, "the ledger's signed head"):
        found = h.check_head(part, asked)
    with h.step(3, "the way to where the file would be"):
        trie.verify_absence(part.block.state, key, way)
    if asked.identifier is not None:
        with h.step(4, "whose file it would be"):
            check_identifier(asked.identifier.partition(":")[0], asked.identifier)
            h.check_identity(part.block, found.origin, key, vrf_proof, asked.identifier)
    said = claimed(KIND, found, {"key": key.hex(), "identity_checked": asked.identifier is not None})
    said.proves(
        f"There is no file under this key on {part.block.as_of}: the ledger's state has an empty place where it would be.",
        f"在 {part.block.as_of}，该密钥下没有档案：账本状态中它应在的位置是空的。",
    )
    say_identity(said, asked)
    say_head(said, found, asked)
    said.proves_not(
        "Not proved: anything about events admitted after that block.", "未证明：该区块之后受理的任何事件。"
    )
    return said
