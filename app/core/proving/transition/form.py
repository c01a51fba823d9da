"""The record of a transition: lines of JSON, the block's head first, then each account that the block writes, by key.

    {"accounts":2,"admissions":[...],"block":17,"checkpoint":"...","entry":"...","trie":"...","v":1}
    {"digests":[...],"events":[[4711,"<salt>",{"account":"c-1",...}]],"key":"...","old":{...},"old_salts":[...],"salts":[...],"vrf":"..."}
    {"digests":[...],"key":"...","old":{...},"old_salts":[...],"salts":[...]}

Bytes are base64 with padding. Events and states stand in it as they are, so that their bytes are hashed as they come; what
a line says is checked against signed roots, so it need not be canonical. Any bytes are read or refused with a FormatError.

Source: docs/formats.md, section 17.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from app.core.errors import FormatError
from app.core.log.block import BLOCK_BYTES_MAX
from app.core.log.note import NOTE_BYTES_MAX
from app.core.log.notices import NOTICE_BYTES_MAX
from app.core.reporting.batch import EVENTS_MAX
from app.core.scoring.scorecard import CARD_BYTES_MAX
from app.core.state.account_state import Opaque, Replaced  # noqa: TC001 - decoded into
from app.core.state.vrf import PROOF_SIZE

LINE_BYTES_MAX: Final = 256 << 20
ADMISSIONS_MAX: Final = 65_536
PARTS_MAX: Final = 100_000
NOTE_CHARS_MAX: Final = 4_096

Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Index = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Note = Annotated[str, Meta(max_length=NOTE_CHARS_MAX)]
Five = Annotated[list[Bytes32], Meta(min_length=5, max_length=5)]
Part = tuple[Index, Bytes32, msgspec.Raw]
"""Log index, salt, and the event's line; or, where it was destroyed, its leaf hash as a string of hex."""
Parts = Annotated[list[Part], Meta(max_length=PARTS_MAX)]


class Admission(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A notice's payload; or a batch: its signed note, its receipt and the commitments of its events, joined."""

    notice: Annotated[bytes, Meta(max_length=NOTICE_BYTES_MAX)] = b""
    note: Note = ""
    receipt: Note = ""
    commitments: Annotated[bytes, Meta(max_length=32 * EVENTS_MAX)] = b""


class Head(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the block adds to the log, its entry and signed checkpoint, the multiproof of the state trie.

    `card` is the scorecard's document when the block before used another one.
    """

    v: Annotated[int, Meta(ge=1, le=1)]
    block: Index
    admissions: Annotated[list[Admission], Meta(max_length=ADMISSIONS_MAX)]
    entry: Annotated[bytes, Meta(max_length=BLOCK_BYTES_MAX)]
    checkpoint: Annotated[str, Meta(max_length=NOTE_BYTES_MAX)]
    trie: bytes
    accounts: Index
    card: Annotated[bytes, Meta(max_length=CARD_BYTES_MAX)] = b""


class Account(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One account that the block writes.

    `digests` and `salts` are those of the new version. `old` is the state before with its salts; of an account that the
    block destroys something of, `replaced` and `opaque` (what had been destroyed before) stand for it. `history` has every
    earlier event of the citizen, when it takes them all to fold; `vrf` is the proof for the key, when there are events.
    """

    key: Bytes32
    salts: Five
    digests: Five
    events: Parts = []
    old: msgspec.Raw = msgspec.Raw(b"")
    old_salts: Annotated[list[Bytes32], Meta(max_length=5)] = []
    replaced: Replaced | None = None
    opaque: Annotated[list[Opaque], Meta(max_length=PARTS_MAX)] = []
    history: Parts | None = None
    vrf: Annotated[bytes, Meta(max_length=PROOF_SIZE)] = b""


_Named = Annotated[list[tuple[Index, msgspec.Raw, msgspec.Raw]], Meta(max_length=PARTS_MAX)]


class Named(Struct, frozen=True):
    """What an account's line is about: its key, the log indices of its events. The rest is read where it is checked."""

    key: Bytes32
    events: _Named = []
    history: _Named | None = None


_T = TypeVar("_T")
_head = msgspec.json.Decoder(Head)
_account = msgspec.json.Decoder(Account)
_named = msgspec.json.Decoder(Named)
_encoder = msgspec.json.Encoder(order="sorted")


def encode(record: Head | Account) -> bytes:
    """A line, with its newline."""
    return _encoder.encode(record) + b"\n"


def decode_head(line: bytes) -> Head:
    """The first line. FormatError."""
    return _decoded(_head, line)


def decode_account(line: bytes) -> Account:
    """Any other line. FormatError."""
    return _decoded(_account, line)


def decode_named(line: bytes) -> Named:
    """What any other line is about, with little effort. FormatError."""
    return _decoded(_named, line)


def _decoded(decoder: msgspec.json.Decoder[_T], line: bytes) -> _T:
    if len(line) > LINE_BYTES_MAX:
        raise FormatError(f"a line of a transition has more than {LINE_BYTES_MAX:,} bytes")
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise FormatError(f"a line of a transition is not what it should be: {error}") from None
