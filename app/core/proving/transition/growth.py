"""What a block adds to the log, checked: its notices, its batches under the key register, its entry, its checkpoint.

The events of the batches are not here but with the accounts that they are folded into; what is known of each is its
commitment, at its log index. `Grown.events` says so, and whoever takes an event takes it out, so that each is taken once
and none is left over.

Notices are taken in their order, for they say which keys hold from there on. What is left of a batch then, its signatures
and its hashes, needs nothing but the register at its log index: `check_batches` is a piece of work for any process.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from app.core import fields
from app.core.errors import FormatError, ProofError
from app.core.log import block_rules, checkpoint, entries, merkle, notices
from app.core.log.block import Block
from app.core.log.note import Verifier, open_note
from app.core.log.register import Register
from app.core.proving.transition.auditor import KEPT, AuditorState
from app.core.proving.transition.pieces import gathered
from app.core.reporting import events
from app.core.reporting.batch import BatchNote
from app.core.reporting.receipt import Receipt
from app.core.scoring.scorecard import parse_card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.notices import Genesis, ScorecardPublished
    from app.core.proving.transition.form import Admission, Head
    from app.core.proving.transition.pieces import InOrder


class Reported(NamedTuple):
    """Where an event stands: its leaf hash in the log, how its batch's events are read, the roles of the key that signed."""

    leaf_hash: bytes
    header: events.Header
    roles: frozenset[str]


class Batch(NamedTuple):
    """A batch as a block admits it: at which log index, and under which keys."""

    log_index: int
    register: Register
    genesis: Genesis
    admission: Admission


class Entered(NamedTuple):
    """A batch that was checked: its entries' leaf hashes, its receipt, and how its events are read."""

    leaf_hashes: list[bytes]
    receipt: Receipt
    header: events.Header
    roles: frozenset[str]


@dataclass(slots=True)
class Grown:
    """The log after a block, and what the block's accounts have to account for."""

    state: AuditorState
    events: dict[int, Reported] = field(default_factory=dict)
    doomed: dict[int, str] = field(default_factory=dict)
    admitted: list[Receipt] = field(default_factory=list)

    @property
    def block(self) -> Block:
        assert self.state.block is not None, "grown by a block"
        return self.state.block


def grow(previous: AuditorState, head: Head, in_order: InOrder) -> Grown:
    """The log with this block. FormatError, SignatureError, RuleError or ProofError say what does not hold."""
    if head.block != previous.next_block:
        raise ProofError(f"this is the transition to block {head.block}, wanted is {previous.next_block}")
    grown = Grown(previous)
    leaf_hashes = _entries(grown, head.admissions, in_order)
    block = Block.parse(head.entry)
    _check_block(previous, grown, block)
    leaf_hashes.append(block.leaf_hash())
    card = previous.card
    if previous.block is None or previous.block.scorecard != block.scorecard:
        card = parse_card(head.card)
    if card is None or card.hash != block.scorecard:
        raise ProofError("the scorecard shown is not the one that the block names")
    frontier = previous.frontier.append_many(leaf_hashes)
    grown.state = replace(grown.state, frontier=frontier, block=block, card=card)
    signed = checkpoint.open_checkpoint(head.checkpoint.encode(), previous.ledger).checkpoint
    if signed != grown.state.head:
        raise ProofError(f"the checkpoint signs {signed.size:,} entries that are not the ones shown")
    return grown


def _entries(grown: Grown, admissions: Sequence[Admission], in_order: InOrder) -> list[bytes]:
    """The leaf hashes of everything admitted, in the order of the log."""
    index = grown.state.frontier.size
    leaf_hashes: dict[int, list[bytes]] = {}
    batches: list[Batch] = []
    for admission in admissions:
        if admission.notice:
            leaf_hashes[index] = [_take_notice(grown, admission.notice, index)]
            index += 1
        else:
            batches.append(Batch(index, grown.state.register, grown.state.genesis, admission))
            index += 1 + len(admission.commitments) // entries.HASH_BYTES
    pieces = gathered(batches, lambda batch: 1 + len(batch.admission.commitments) // entries.HASH_BYTES)
    entered = chain.from_iterable(in_order(check_batches, pieces))
    for batch, each in zip(batches, entered, strict=True):
        leaf_hashes[batch.log_index] = each.leaf_hashes
        grown.admitted.append(each.receipt)
        for at, leaf in enumerate(each.leaf_hashes[1:], batch.log_index + 1):
            grown.events[at] = Reported(leaf, each.header, each.roles)
    return [leaf for at in sorted(leaf_hashes) for leaf in leaf_hashes[at]]


# ---- notices


def _take_notice(grown: Grown, payload: bytes, index: int) -> bytes:
    """The notice's leaf hash; what it says holds from here on."""
    notice = notices.decode(payload)
    if isinstance(notice, notices.Genesis) and Verifier.parse(notice.vkey) != grown.state.ledger:
        raise ProofError("the ledger begins with another key than the one that is trusted")
    if isinstance(notice, KEPT):
        register = Register.fold([(index, notice)], after=grown.state.register)
        grown.state = replace(grown.state, placed=(*grown.state.placed, (index, notice)), register=register)
    elif isinstance(notice, notices.Destroyed):
        _take_destroyed(grown, notice, index)
    return merkle.leaf_hash(entries.notice_entry(payload))


def _take_destroyed(grown: Grown, notice: notices.Destroyed, index: int) -> None:
    for entry in notice.entries:
        if entry >= grown.state.frontier.size or entry in grown.doomed:
            raise ProofError(
                f"the notice at log index {index:,} destroys {entry:,}, which is in no earlier block, or twice"
            )
        grown.doomed[entry] = notice.reason


# ---- batches


def check_batches(batches: Sequence[Batch]) -> list[Entered]:
    """Each batch's note and receipt under the register at its index (R4), and its entries."""
    return [_check_batch(batch) for batch in batches]


def _check_batch(batch: Batch) -> Entered:
    index, genesis, data = batch.log_index, batch.genesis, batch.admission.commitments
    text, header, roles = _opened(batch)
    if len(data) != entries.HASH_BYTES * header.count:
        raise FormatError(
            f"the batch at log index {index:,} has {header.count} events and not as many commitments"
        )
    commitments = [data[at : at + 32] for at in range(0, len(data), 32)]
    leaves = [merkle.leaf_hash(entries.event_entry(commitment)) for commitment in commitments]
    if merkle.root(leaves) != header.root or header.origin != genesis.origin:
        raise ProofError(
            f"the batch at log index {index:,} is of other events, or for another ledger, than its furnisher signed"
        )
    batch_hash = sha256(text).digest()
    receipt = _receipt(batch, batch_hash, header.count)
    offset = dt.timedelta(minutes=genesis.utc_offset_minutes)
    reader = events.Header(
        genesis.origin,
        header.furnisher,
        genesis.scheme,
        fields.format_day((receipt.admitted_at + offset).date()),
        genesis.utc_offset_minutes,
    )
    return Entered([merkle.leaf_hash(entries.batch_entry(batch_hash)), *leaves], receipt, reader, roles)


def _opened(batch: Batch) -> tuple[bytes, BatchNote, frozenset[str]]:
    """The note's text, its fields, and the roles of the keys that signed it."""
    signed = batch.admission.note.encode()
    text = signed.partition(b"\n\n")[0] + b"\n"
    header = BatchNote.parse(text)
    known = batch.register.verifiers(header.furnisher, batch.log_index)
    if not known:
        raise ProofError(f"no key of {header.furnisher} is valid at log index {batch.log_index:,} (R4)")
    opened = open_note(signed, [verifier for verifier, _ in known])
    if opened.unverified or opened.text != text:
        raise ProofError(
            f"the batch at log index {batch.log_index:,} carries more than its furnisher's signature"
        )
    used = {signature.verifier for signature in opened.verified}
    return text, header, frozenset(r for verifier, roles in known if verifier in used for r in roles)


def _receipt(batch: Batch, batch_hash: bytes, count: int) -> Receipt:
    services = batch.register.verifiers_in("service", batch.log_index)
    receipt = Receipt.parse(open_note(batch.admission.receipt.encode(), services).text)
    if (receipt.origin, receipt.batch_hash, receipt.count) != (batch.genesis.origin, batch_hash, count):
        raise ProofError(f"the receipt of the batch at log index {batch.log_index:,} is for another one")
    return receipt


# ---- the block


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
