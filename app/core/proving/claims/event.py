"""`event`: this furnisher signed this event, and it is in the ledger at this place.

The furnisher signed the root of a batch; a path leads from the event to that root. Two more lead from the event's and the
batch's log entries to the head, which binds the place. The key is one of the register under the block's `keys`, and was
valid there.

Source: docs/formats.md sections 3, 5 and 15; RFC 6962 section 2.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import ProofError
from app.core.log import merkle
from app.core.log.entries import batch_entry, event_entry
from app.core.log.note import open_single
from app.core.proving.claims import head as h
from app.core.proving.claims.filed import Filed
from app.core.proving.claims.signer import SIGNER_FIELDS, SignerPlace
from app.core.proving.claims.words import Claimed, claimed, say_head
from app.core.reporting.assertions import assertion_of, check_binding
from app.core.reporting.batch import EVENTS_MAX, BatchNote
from app.core.reporting.events import LINE_BYTES_MAX, decode_stored, type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.proving.claims.head import Asked, Head
    from app.core.reporting.event_base import Event

KIND: Final = "event"
_FIELDS: Final = frozenset(
    {
        "batch_entry_path",
        "batch_path",
        "block",
        "event",
        "index",
        "note",
        "path",
        "position",
        "tlog",
        *SIGNER_FIELDS,
    }
)


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where an event is: its line, its place in a signed batch, and the paths of both to the head."""

    line: bytes
    index: int
    note: bytes
    position: int
    batch_path: Sequence[bytes]
    path: Sequence[bytes]
    batch_entry_path: Sequence[bytes]


def build_event(
    place: EventPlace,
    signer: SignerPlace,
    *,
    block_json: bytes,
    tlog: bytes,
    filed: dict[str, canon.JSON] | None = None,
) -> bytes:
    """The file, with the event's place in its citizen's file or without (`app.core.proving.claims.filed`)."""
    return canon.encode(
        h.block_fields(block_json, tlog)
        | {
            "batch_entry_path": h.format_hashes(place.batch_entry_path),
            "batch_path": h.format_hashes(place.batch_path),
            "event": place.line.decode(),
            "index": place.index,
            "kind": KIND,
            "note": place.note.decode(),
            "path": h.format_hashes(place.path),
            "position": place.position,
            "v": 1,
        }
        | signer.fields()
        | ({} if filed is None else {"filed": filed})
    )


def verify_event(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError, RuleError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, KIND, _FIELDS, optional=frozenset({"filed"}))
        part = h.block_part(claim)
        place, signer = _place(claim), SignerPlace.read(claim)
        filed = Filed.read(claim["filed"]) if "filed" in claim else None
        event = decode_stored(place.line)
    with h.step(2, "the ledger's signed head"):
        found = h.check_head(part, asked)
    with h.step(3, "the furnisher's key"):
        batch_index = place.index - place.position - 1
        signer.check(part.block, batch_index)
    with h.step(4, "the furnisher's signature"):
        note = _signed_batch(place, signer, event, found)
        asserted = _check_assertion(event)
    with h.step(5, "the places in the log"):
        entry, batch = event_entry(sha256(place.line).digest()), batch_entry(sha256(note).digest())
        merkle.verify_inclusion(merkle.leaf_hash(entry), place.index, found.tree_size, place.path, found.root)
        merkle.verify_inclusion(
            merkle.leaf_hash(batch), batch_index, found.tree_size, place.batch_entry_path, found.root
        )
    with h.step(6, "the citizen's file"):
        if asked.identifier not in (None, event.citizen):
            raise ProofError("the event is about another citizen than the identifier that was given")
        if filed is not None:
            h.check_identity(part.block, found.origin, filed.key, filed.vrf_proof, event.citizen)
            filed.check(part.block, place.index, merkle.leaf_hash(entry))
    said = _said(event, place, found, asked)
    if asserted:
        said.proves_not(
            "Not proved: that the passkey which signed it is the citizen's. The whole history shows that.",
            "未证明：签署该事件的通行密钥属于该公民。完整事件历史可以证明这一点。",
        )
    _say_filed(said, filed)
    return said


def _place(claim: dict[str, canon.JSON]) -> EventPlace:
    index = h.integer_of(claim["index"], "index", 1)
    position = h.integer_of(claim["position"], "position", 0, min(index - 1, EVENTS_MAX - 1))
    return EventPlace(
        h.text_of(claim["event"], "event", LINE_BYTES_MAX).encode(),
        index,
        h.text_of(claim["note"], "note").encode(),
        position,
        h.hashes_of(claim["batch_path"], "batch_path"),
        h.hashes_of(claim["path"], "path"),
        h.hashes_of(claim["batch_entry_path"], "batch_entry_path"),
    )


def _signed_batch(place: EventPlace, signer: SignerPlace, event: Event, found: Head) -> bytes:
    """The note's text, signed by the key, of this ledger and furnisher, with the event at its position."""
    opened = open_single(place.note, signer.record.verifier)
    batch = BatchNote.parse(opened.text)
    if (batch.origin, batch.furnisher) != (found.origin, signer.record.name):
        raise ProofError("the batch is of another ledger, or of another furnisher than the key's")
    if (event.ledger, event.furnisher) != (batch.origin, batch.furnisher):
        raise ProofError("the event is of another ledger or furnisher than its batch")
    leaf = merkle.leaf_hash(event_entry(sha256(place.line).digest()))
    merkle.verify_inclusion(leaf, place.position, batch.count, place.batch_path, batch.root)
    return opened.text


def _check_assertion(event: Event) -> bool:
    """Whether there is an assertion; it is about this event. Whose passkey it was, other events say."""
    assertion = assertion_of(event)
    if assertion is not None:
        check_binding(event, assertion)
    return assertion is not None


def _say_filed(said: Claimed, filed: Filed | None) -> None:
    said.facts["filed"] = filed is not None
    if filed is None:
        said.proves_not(
            "Not shown, and so not proved: that the event is in the file of the citizen whom it names.",
            "未出示，因此未证明：该事件在其所指公民的档案中。",
        )
        return
    said.facts |= {"key": filed.key.hex(), "file_position": filed.position, "file_size": filed.size}
    said.proves(
        f"It is number {filed.position + 1:,} of the {filed.size:,} events in the file of the citizen whom it names, who has "
        "no other file here.",
        f"它是其所指公民档案中 {filed.size:,} 个事件的第 {filed.position + 1:,} 个，该公民在此没有其他档案。",
    )


def _said(event: Event, place: EventPlace, found: Head, asked: Asked) -> Claimed:
    kind = type_of(event)
    said = claimed(
        KIND,
        found,
        {"index": place.index, "event_day": event.day, "type": kind, "furnisher": event.furnisher},
    )
    said.proves(
        f"{event.furnisher} has signed an event of type {kind} for {event.day}, with a key that was registered and valid.",
        f"{event.furnisher} 以已登记的有效密钥签署了 {event.day} 的一个 {kind} 事件。",
    )
    said.proves(
        f"The event is in the ledger at log index {place.index:,}, right where its batch stands.",
        f"该事件位于账本第 {place.index:,} 号条目，即其批次所在之处。",
    )
    say_head(said, found, asked)
    said.proves_not(
        "Not proved: that the event still counts. A later correction, retraction or dispute may have changed what it means.",
        "未证明：该事件仍然有效。之后的更正、撤回或异议可能已改变其效力。",
    )
    said.proves_not("Not proved: that what the furnisher reported is true.", "未证明：报送机构所报内容属实。")
    return said
