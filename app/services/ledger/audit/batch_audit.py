"""One batch, audited: its note, signature, root and receipt against the rows and the key register (R4).

`judge` says what holds and what is wrong; each check gives what it establishes or raises one of our errors, whose sentence
becomes a finding.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from app.core.errors import CredenceError, FormatError
from app.core.log import entries, merkle
from app.core.log.note import open_note
from app.core.reporting import batch as batches
from app.core.reporting.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.note import OpenedNote, Verifier
    from app.core.log.register import Register
    from app.services.ledger.audit.records import AdmissionRecord

WAITING = 2**62
"""The block of what no block holds yet."""


class BatchFacts(Struct, frozen=True):
    """What the replay of citizens has to know of a batch; what is unknown because of damage is None or empty."""

    furnisher: str | None
    first_event_index: int
    block: int
    admission_day: str
    event_count: int
    roles: tuple[str, ...]


class Claimed(NamedTuple):
    """A batch to be judged at a log index, under the keys that are valid there."""

    record: AdmissionRecord
    commitments: list[bytes]
    register: Register
    log_index: int


class Judged(NamedTuple):
    """The roles of the key that signed the note, none when it does not hold; the receipt; what is wrong with them."""

    roles: frozenset[str]
    receipt: Receipt | None
    problems: list[str]


def judge(claims: Sequence[Claimed]) -> list[Judged]:
    """The notes and receipts of batches, each at its index: a piece of work for any process."""
    return [_judge(claimed) for claimed in claims]


def _judge(claimed: Claimed) -> Judged:
    roles, receipt, problems = frozenset[str](), None, []
    try:
        roles = check_note(claimed.record, claimed.commitments, claimed.register, claimed.log_index)
    except CredenceError as error:
        problems.append(error.detail)
    try:
        receipt = check_receipt(claimed.record, claimed.register, claimed.log_index)
    except (CredenceError, OverflowError) as error:
        problems.append(f"the receipt: {error}")
    return Judged(roles, receipt, problems)


def check_note(
    record: AdmissionRecord, commitments: Sequence[bytes], register: Register, index: int
) -> frozenset[str]:
    """The roles of the key that signed the note, judged at `index`, when note and rows agree."""
    known = register.verifiers(record.furnisher or "", index)
    if not known:
        raise CredenceError(f"no key of {record.furnisher!r} is valid at log index {index:,} (R4)")
    opened = open_alone((record.note or "").encode(), [verifier for verifier, _ in known])
    header = batches.BatchNote.parse(opened.text)
    if any(len(commitment) != entries.HASH_BYTES for commitment in commitments):
        raise FormatError("a commitment does not have 32 bytes")
    root = merkle.root([merkle.leaf_hash(entries.event_entry(commitment)) for commitment in commitments])
    for name, in_note, in_rows in (
        ("origin", header.origin, register.origin),
        ("furnisher", header.furnisher, record.furnisher),
        ("batch_id", header.batch_id, record.batch_id),
        ("event_count", header.count, record.event_count),
        ("number of events", header.count, len(commitments)),
        ("root over the commitments", header.root.hex(), root.hex()),
    ):
        if in_note != in_rows:
            raise CredenceError(f"{name} is {in_rows} in the rows and {in_note} in the signed note")
    if sha256(opened.text).digest() != record.hash:
        raise CredenceError("hash is not that of the note's text")
    used = {signature.verifier.encode() for signature in opened.verified}
    return frozenset(role for verifier, roles in known if verifier.encode() in used for role in roles)


def check_receipt(record: AdmissionRecord, register: Register, index: int) -> Receipt:
    """The receipt of a batch, signed by a service key that is valid at `index`."""
    services = register.verifiers_in("service", index)
    receipt = Receipt.parse(open_alone((record.receipt or "").encode(), services).text)
    if (receipt.origin, receipt.batch_hash, receipt.count) != (
        register.origin,
        record.hash,
        record.event_count,
    ):
        raise CredenceError("it is for another batch")
    return receipt


def open_alone(note: bytes, verifiers: Sequence[Verifier]) -> OpenedNote:
    """A note with signatures by `verifiers` and by nobody else: a line that nobody can check may say anything."""
    opened = open_note(note, verifiers)
    if opened.unverified:
        raise FormatError("it carries a signature line that nobody can check")
    if note != opened.text + b"\n" + b"".join(line.signature.line() for line in opened.verified):
        raise FormatError("it carries a signature line twice")
    return opened
