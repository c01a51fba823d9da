"""Whose key signed: its record in the key register, and that record's place under a block's `keys`.

    signer         {"from":3,"name":"bank.example/cards","role":"lender","to":9007199254740991,"vkey":"..."}
    signer_path    the hashes from that record to the root over all; `signer_sides` says on which side each is

Source: docs/formats.md sections 5 and 15; RFC 6962 section 2.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from app.core.errors import FormatError, ProofError
from app.core.log import merkle
from app.core.log.register import KeyRecord
from app.core.proving.claims import head as h

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core import canon
    from app.core.log.block import Block
    from app.core.log.register import Register

SIGNER_FIELDS: Final = ("signer", "signer_path", "signer_sides")
_RECORD: Final = frozenset({"from", "name", "role", "to", "vkey"})


@dataclass(frozen=True, slots=True)
class SignerPlace:
    """The record of the key that signed, and where it is in the register."""

    record: KeyRecord
    path: Sequence[bytes]
    sides: Sequence[bool]

    @classmethod
    def of(cls, register: Register, record: KeyRecord) -> SignerPlace:
        """A record of a register with its place among all."""
        records = sorted(each.encode() for each in register.records())
        place = records.index(record.encode())
        leaves = merkle.LeafReader([merkle.leaf_hash(each) for each in records])
        path = merkle.inclusion_proof(place, len(records), leaves)
        return cls(record, path, merkle.inclusion_sides(place, len(records)))

    @classmethod
    def read(cls, claim: dict[str, canon.JSON]) -> SignerPlace:
        """The place in a claim's fields. FormatError."""
        record = claim["signer"]
        if not isinstance(record, dict) or record.keys() != _RECORD:
            raise FormatError(f"The field signer has exactly {', '.join(sorted(_RECORD))}.")
        path = h.hashes_of(claim["signer_path"], "signer_path")
        sides = h.text_of(claim["signer_sides"], "signer_sides")
        if len(sides) != len(path) or set(sides) - {"l", "r"}:
            raise FormatError("The field signer_sides says l or r for each hash of signer_path.")
        return cls(
            KeyRecord(
                h.text_of(record["name"], "signer.name"),
                h.text_of(record["role"], "signer.role"),
                h.text_of(record["vkey"], "signer.vkey"),
                h.integer_of(record["from"], "signer.from"),
                h.integer_of(record["to"], "signer.to"),
            ),
            path,
            [side == "l" for side in sides],
        )

    def fields(self) -> dict[str, canon.JSON]:
        """The same for building."""
        return {
            "signer": msgspec.json.decode(self.record.encode()),
            "signer_path": h.format_hashes(self.path),
            "signer_sides": "".join("rl"[is_left] for is_left in self.sides),
        }

    def check(self, block: Block, at_index: int) -> None:
        """The record is in the block's register, and its key was valid at a log index. ProofError."""
        self.check_member(block)
        if not self.record.holds_at(at_index):
            raise ProofError("the key was not valid where its signature stands in the log")

    def check_member(self, block: Block) -> None:
        """The record is in the block's register: the key is or was one. ProofError."""
        leaf = merkle.leaf_hash(self.record.encode())
        if merkle.root_from_sides(leaf, self.path, self.sides) != block.keys:
            raise ProofError("the key is not in the block's register")
