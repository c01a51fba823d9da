"""Blocks: the entry that ends each run of the sequencer and says what everything before it adds up to.

    {"accounts":2,"as_of":"2026-11-22","block":17,"keys":"1f..","previous":"9a..","rules":"40..",
     "scorecard":"77..","state":"c0..","time":"2026-11-22T15:24:00Z","v":1,"vrf":"5d.."}   (on one line)

`previous` is the leaf hash of the previous block's entry, 64 zeros for block 0, so that blocks are a chain
inside the Merkle tree. `state` is the root of the state trie with its `accounts` leaves, `keys` the root of
the key register, `scorecard` and `rules` the hashes of what the scores were made by, `vrf` the public key of
the citizens' keys. `as_of` is the local day of `time`. The entry in the log is 0x03 and this JSON.

Source: formats.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import format_day, format_hex32, format_instant, hex32, parse_day, parse_instant
from app.core.log import merkle
from app.core.log.entries import block_entry

if TYPE_CHECKING:
    import datetime as dt

BLOCK_BYTES_MAX: Final = 2048
NO_PREVIOUS: Final = bytes(32)

_FIELDS: Final = frozenset(
    {"accounts", "as_of", "block", "keys", "previous", "rules", "scorecard", "state", "time", "v", "vrf"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block. Hashes and `vrf` have 32 bytes; `number` and `accounts` 0..2**53-1; `time` is aware UTC."""

    number: int
    previous: bytes
    state: bytes
    accounts: int
    as_of: dt.date
    time: dt.datetime
    scorecard: bytes
    rules: bytes
    keys: bytes
    vrf: bytes

    def encode(self) -> bytes:
        """The canonical JSON of the block, without the kind byte."""
        return canon.encode(
            {
                "accounts": self.accounts,
                "as_of": format_day(self.as_of),
                "block": self.number,
                "keys": format_hex32(self.keys),
                "previous": format_hex32(self.previous),
                "rules": format_hex32(self.rules),
                "scorecard": format_hex32(self.scorecard),
                "state": format_hex32(self.state),
                "time": format_instant(self.time),
                "v": 1,
                "vrf": format_hex32(self.vrf),
            }
        )

    @classmethod
    def parse(cls, document: bytes) -> Block:
        """The block of its canonical JSON; FormatError for any other bytes."""
        value = canon.decode_object(document, bytes_max=BLOCK_BYTES_MAX)
        if value.keys() != _FIELDS:
            raise FormatError("a block has other fields than formats.md section 6 says")
        if type(value["v"]) is not int or value["v"] != 1:
            raise FormatError("a block is not of version 1")
        block = cls(
            number=_count(value["block"], "block"),
            previous=hex32(value["previous"]),
            state=hex32(value["state"]),
            accounts=_count(value["accounts"], "accounts"),
            as_of=parse_day(value["as_of"]),
            time=parse_instant(value["time"]),
            scorecard=hex32(value["scorecard"]),
            rules=hex32(value["rules"]),
            keys=hex32(value["keys"]),
            vrf=hex32(value["vrf"]),
        )
        if (block.number == 0) != (block.previous == NO_PREVIOUS):
            raise FormatError("only block 0 has no previous block, and it has none")
        return block

    def entry(self) -> bytes:
        """The block's entry in the log: the kind byte and the JSON."""
        return block_entry(self.encode())

    def leaf_hash(self) -> bytes:
        """The leaf hash of its entry: `previous` of the next block."""
        return merkle.leaf_hash(self.entry())


def _count(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise FormatError(f"`{name}` of a block is not a count")
    return value
