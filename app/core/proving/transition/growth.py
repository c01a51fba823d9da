"""What a block adds to the log, checked: its notices, its batches under the key register, its entry, its checkpoint.

The events of the batches are not here but with the accounts that they are folded into; what is known of each is its
commitment, at its log index. `Grown.events` says so, and whoever takes an event takes it out, so that each is taken once
and none is left over.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from app.core import fields
from app.core.errors import FormatError, ProofError
from app.core.log import block_rules, checkpoint, entries, merkle, notices
from app.core.log.block import Block
from app.core.log.note import OpenedNote, Verifier, open_note
from app.core.log.register import Register
from app.core.proving.transition.auditor import KEPT, AuditorState
from app.core.reporting import events
from app.core.reporting.batch import BatchNote
from app.core.reporting.receipt import Receipt
from app.core.scoring.scorecard import parse_card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.notices import ScorecardPublished
    from app.core.proving.transition.form import Admission, Head


class Reported(NamedTuple):
    """Where an event stands: its leaf hash in the log, how its batch's events are read, the roles of the key that signed."""

    leaf_hash: bytes
    header: events.Header
    roles: frozenset[str]


@dataclass(slots=True)
class Grown:
    """The log after a block, and what the block's accounts have to account for."""

    state: AuditorState
    events: dict[int, Reported] = field(default_factory=dict)
    doomed: dict[int, str] = field(default_factory=dict)
    admitted: list[Receipt] = field(default_factory=list)
    leaf_hashes: list[bytes] = field(default_factory=list)

    @property
    def block(self) -> Block:
        assert self.state.block is not None, "grown by a block"
        return self.state.block


def grow(previous: AuditorState, head: Head) -> Grown:
    """The log with this block. FormatError, SignatureError, RuleError or ProofError say what does not hold."""
    if head.block != previous.next_block:
        raise ProofError(f"this is the transition to block {head.block}, wanted is {previous.next_block}")
    grown = Grown(previous)
    for admission in head.admissions:
        if admission.notice:
            _take_notice(grown, admission.notice)
        else:
            _take_batch(grown, admission)
    block = Block.parse(head.entry)
    _check_block(previous, grown, block)
    grown.leaf_hashes.append(block.leaf_hash())
    card = previous.card
    if previous.block is None or previous.block.scorecard != block.scorecard:
        card = parse_card(head.card)
    if card is None or card.hash != block.scorecard:
        raise ProofError("the scorecard shown is not the one that the block names")
    frontier = previous.frontier.append_many(grown.leaf_hashes)
    grown.state = replace(grown.state, frontier=frontier, block=block, card=card)
    signed = checkpoint.open_checkpoint(head.checkpoint.encode(), previous.ledger).checkpoint
    if signed != grown.state.head:
        raise ProofError(f"the checkpoint signs {signed.size:,} entries that are not the ones shown")
    return grown


def _take_notice(grown: Grown, payload: bytes) -> None:
    index = grown.state.frontier.size + len(grown.leaf_hashes)
    notice = notices.decode(payload)
    if isinstance(notice, notices.Genesis) and Verifier.parse(notice.vkey) != grown.state.ledger:
        raise ProofError("the ledger begins with another key than the one that is trusted")
    if isinstance(notice, KEPT):
        register = Register.fold([(index, notice)], after=grown.state.register)
        grown.state = replace(grown.state, placed=(*grown.state.placed, (index, notice)), register=register)
    elif isinstance(notice, notices.Destroyed):
        _take_destroyed(grown, notice, index)
    grown.leaf_hashes.append(merkle.leaf_hash(entries.notice_entry(payload)))


def _take_destroyed(grown: Grown, notice: notices.Destroyed, index: int) -> None:
    for entry in notice.entries:
        if entry >= grown.state.frontier.size or entry in grown.doomed:
            raise ProofError(
                f"the notice at log index {index:,} destroys {entry:,}, which is in no earlier block, or twice"
            )
        grown.doomed[entry] = notice.reason


def _take_batch(grown: Grown, admission: Admission) -> None:
    """The batch's note and receipt under the register at its index (R4), and its entries."""
    state = grown.state
    index = state.frontier.size + len(grown.leaf_hashes)
    opened, header, roles = _opened(state, admission.note, index)
    data = admission.commitments
    if len(data) != entries.HASH_BYTES * header.count:
        raise FormatError(
            f"the batch at log index {index:,} has {header.count} events and not as many commitments"
        )
    commitments = [data[at : at + 32] for at in range(0, len(data), 32)]
    leaves = [merkle.leaf_hash(b"\x01" + commitment) for commitment in commitments]
    if merkle.root(leaves) != header.root or header.origin != state.genesis.origin:
        raise ProofError(
            f"the batch at log index {index:,} is of other events, or for another ledger, than its furnisher signed"
        )
    batch_hash = sha256(opened.text).digest()
    receipt = _receipt(state, admission.receipt, batch_hash, header.count, index)
    grown.admitted.append(receipt)
    reader = events.Header(
        state.genesis.origin,
        header.furnisher,
        state.genesis.scheme,
        fields.format_day((receipt.admitted_at + _offset(state)).date()),
        state.genesis.utc_offset_minutes,
    )
    grown.leaf_hashes.append(merkle.leaf_hash(entries.batch_entry(batch_hash)))
    grown.leaf_hashes += leaves
    for at, leaf in enumerate(leaves, index + 1):
        grown.events[at] = Reported(leaf, reader, roles)


def _opened(state: AuditorState, note: str, index: int) -> tuple[OpenedNote, BatchNote, frozenset[str]]:
    header = BatchNote.parse(note.encode().partition(b"\n\n")[0] + b"\n")
    known = state.register.verifiers(header.furnisher, index)
    if not known:
        raise ProofError(f"no key of {header.furnisher} is valid at log index {index:,} (R4)")
    opened = open_note(note.encode(), [verifier for verifier, _ in known])
    if opened.unverified or BatchNote.parse(opened.text) != header:
        raise ProofError(f"the batch at log index {index:,} carries more than its furnisher's signature")
    used = {signature.verifier.encode() for signature in opened.verified}
    return (
        opened,
        header,
        frozenset(r for verifier, roles in known if verifier.encode() in used for r in roles),
    )


def _receipt(state: AuditorState, note: str, batch_hash: bytes, count: int, index: int) -> Receipt:
    services = state.register.verifiers_in("service", index)
    receipt = Receipt.parse(open_note(note.encode(), services).text)
    if (receipt.origin, receipt.batch_hash, receipt.count) != (state.genesis.origin, batch_hash, count):
        raise ProofError(f"the receipt of the batch at log index {index:,} is for another one")
    return receipt


def _check_block(previous: AuditorState, grown: Grown, block: Block) -> None:
    published: Sequence[tuple[int, ScorecardPublished]] = [
        (index, notice)
        for index, notice in grown.state.placed
        if isinstance(notice, notices.ScorecardPublished)
    ]
    expected = block_rules.Expected(
        grown.state.genesis, previous.block, grown.state.register.root(), published
    )
    problems = block_rules.check_fields(block, previous.next_block, expected)
    problems += [
        "time is outside of what a receipt promised"
        for receipt in grown.admitted
        if not receipt.admitted_at <= block.time <= receipt.block_by
    ]
    if problems:
        raise ProofError(f"block {block.number}: {problems[0]}")


def _offset(state: AuditorState) -> dt.timedelta:
    return dt.timedelta(minutes=state.genesis.utc_offset_minutes)
