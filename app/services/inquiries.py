"""A bank asks, and gets an answer with a proof; the question and the answer are in the ledger before it leaves.

    1. the inquiry is a batch of one event, checked like any batch          services.intake
    2. may this bank look? consent, purpose, freeze, as of this second      core.access
    3. no: the refusal is an event too (R15), and the bank gets its receipt
    4. yes: a proof from the newest block, and an answer event by the bureau
    5. inquiry and answer (or refusal) are stored in one transaction; then it is sent

The same inquiry again gets the same bytes, as long as the consent holds.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from app.core import access, canon, fields, sealing
from app.core import batch as batches
from app.core import event_types as types
from app.core import events as event_formats
from app.core.errors import CredenceError, LineProblem, RefusedError
from app.core.folded import File
from app.db import admission
from app.db.session import UniqueViolation
from app.services import history, intake, proofs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.account_state import AccountState
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.people import Person

ADVICE = (
    "This score is advisory. Credence never declines anybody: a decision is the bank's own and must not rest on this"
    " number alone. The citizen can ask the bureau for a person to look at the case, see every look at their file, and"
    " dispute what is wrong."
)
RETRY_AFTER_S = 2
TIME_OFF_S_MAX = 3600


class ConsentError(CredenceError):
    """The look is refused; `receipt` shows that the refusal is in the ledger. `reason` as in the `refusal` event."""

    code = "no-consent"

    def __init__(self, detail: str, *, reason: str, receipt: bytes) -> None:
        super().__init__(detail, code=reason.replace("_", "-"))
        self.reason = reason
        self.receipt = receipt


class NotYetError(CredenceError):
    """The citizen's file, or its repair, is admitted, but no block holds it yet."""

    code = "not-yet"
    retry_after_s = RETRY_AFTER_S


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer event as an object, the receipts of inquiry and answer, and the proof (canonical JSON)."""

    answer: dict[str, Any]
    receipts: tuple[bytes, bytes]
    proof: bytes
    advice: str = ADVICE


def inquire(bureau: Bureau, body: bytes) -> Answer:
    """Answer a signed batch of exactly one `inquiry`.

    Raises what `intake.admit` raises, ConsentError when the look is refused, NotYetError while the citizen, or a repair
    of their file, is in no block.
    """
    file = batches.parse_batch(body)
    try:
        return _inquire(bureau, file)
    except UniqueViolation:
        intake.explain_collision(
            bureau, file
        )  # goes on when another request stored this very inquiry just now
        return _inquire(bureau, file)


def _inquire(bureau: Bureau, file: batches.BatchFile) -> Answer:
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        known = intake.known_receipt(bureau, connection, file)
        if known is not None:
            outcome = _again(bureau, connection, file, known)
        else:
            outcome = _first(bureau, connection, intake.check(bureau, connection, file))
    if isinstance(outcome, ConsentError):  # raised behind the commit: the refusal stays in the ledger
        raise outcome
    return outcome


def _first(bureau: Bureau, connection: Connection, checked: intake.CheckedBatch) -> Answer | ConsentError:
    event = _the_inquiry(checked.events)
    _check_time(bureau, event)
    admission.lock_access(connection, [event.citizen])
    person = bureau.people.find(connection, [event.citizen]).get(event.citizen)
    number, version = (-1, None) if person is None else proofs.newest_version(connection, person)
    current = _current(connection, person, version)
    reason = access.reason_to_refuse(current.file, event, bureau.today())
    if reason is not None:
        reply = _refusal(bureau, checked.file, event, reason)
        receipts = intake.store(bureau, connection, [checked, reply])
        return ConsentError(access.REASONS[reason], reason=reason, receipt=receipts[1])
    assert person is not None, "no consent without a file"
    if version is None:
        raise NotYetError("the citizen's file is admitted and will be in the next block: ask again")
    if current.mended:  # R23: what is disputed, or was wrong, is in no answer from its receipt on
        raise NotYetError("the citizen's file is being mended and will be in the next block: ask again")
    proof = proofs.build(
        connection, person, proofs.snapshot(bureau, connection, number), version, proofs.SHOWN_TO_BANKS
    )
    more = _said(version[1]) | {"block": number, "shown": sorted(proofs.SHOWN_TO_BANKS)}
    if event.class_ is not None:
        more["class"] = event.class_
    answer, reply = _reply(bureau, checked.file, event, "answer", more)
    receipts = intake.store(bureau, connection, [checked, reply])
    return Answer(answer, (receipts[0], receipts[1]), proof)


def _check_time(bureau: Bureau, event: types.Inquiry) -> None:
    """A look is recorded with the hour at which it was asked for, and not with one of the bank's choice (R16)."""
    if abs((fields.parse_instant(event.time) - bureau.now()).total_seconds()) > TIME_OFF_S_MAX:
        detail = (
            f"`time` is more than {TIME_OFF_S_MAX // 60} minutes from now: sign the inquiry when you send it"
        )
        raise intake.refusal([LineProblem(intake.FIRST_EVENT_LINE, "time", detail)])


def _the_inquiry(events: Sequence[event_formats.Event]) -> types.Inquiry:
    event = events[0]
    if len(events) != 1 or not isinstance(event, types.Inquiry):
        line = intake.FIRST_EVENT_LINE
        raise intake.refusal(
            [LineProblem(line, "format", "an inquiry comes as a batch of exactly one inquiry")]
        )
    return event


def _current(
    connection: Connection, person: Person | None, version: tuple[int, AccountState] | None
) -> history.Current:
    """The file as of this second; who has none is refused for the same reasons, so that nobody learns of it."""
    if person is None:
        return history.Current(File())
    written = {person.id: version or (-1, None)}
    return history.brought_up_to_date(connection, {person.id: person}, written)[person.id]


def _said(state: AccountState) -> dict[str, Any]:
    """The score, or why there is none, as the answer event repeats it."""
    score = orjson.loads(bytes(state.score))
    return {name: score[name] for name in ("score", "insufficient") if name in score}


def _refusal(
    bureau: Bureau, asked: batches.BatchFile, event: types.Inquiry, reason: access.Reason
) -> intake.CheckedBatch:
    return _reply(bureau, asked, event, "refusal", {"reason": reason})[1]


def _reply(
    bureau: Bureau, asked: batches.BatchFile, event: types.Inquiry, kind: str, more: dict[str, Any]
) -> tuple[dict[str, Any], intake.CheckedBatch]:
    """The bureau's own batch of one event about an inquiry: (the event, the batch)."""
    reply = {
        "inquiry": sha256(asked.lines[0]).hexdigest(),
        "purpose": event.purpose,
        "recipient": event.furnisher,
        **more,
    }
    line = own_event(bureau, kind, event.citizen, reply)
    body = batches.make_batch(bureau.signer, bureau.origin, _reply_id(asked, kind), [line])
    file = batches.parse_batch(body)
    decoded = event_formats.decode_stored(line)
    return orjson.loads(line), intake.CheckedBatch(file, [decoded], batches.check_root(file))


def own_event(bureau: Bureau, kind: str, citizen: str, more: dict[str, Any]) -> bytes:
    """The canonical line of an event of the bureau's own, about now."""
    moment = bureau.now()
    return canon.encode(
        {
            "citizen": citizen,
            "day": fields.format_day(bureau.local_day(moment)),
            "furnisher": bureau.signer.name,
            "id": fields.uuid7(time.time_ns() // 1_000_000, os.urandom(10)),
            "ledger": bureau.origin,
            "nonce": fields.format_b64url32(os.urandom(32)),
            "time": fields.format_instant(moment),
            "type": kind,
            "v": 1,
            **more,
        }
    )


def _reply_id(asked: batches.BatchFile, kind: str) -> str:
    """The batch id of the bureau's answer to, or refusal of, an inquiry."""
    return f"{kind}-{asked.batch_hash.hex()[:40]}"


def _again(
    bureau: Bureau, connection: Connection, file: batches.BatchFile, receipt: bytes
) -> Answer | ConsentError:
    """The same inquiry again: what was recorded, to the byte, and never a newer block's proof.

    A consent that has ended since, or a freeze, ends this too (R17, R18): then the refusal is recorded as well.
    """
    event = _the_inquiry([event_formats.decode_stored(line) for line in file.lines])
    person = bureau.people.find(connection, [event.citizen]).get(event.citizen)
    refused, answered = (_recorded(bureau, connection, person, file, kind) for kind in ("refusal", "answer"))
    if person is None or (refused is None and answered is None):
        raise RefusedError("an inquiry is recorded without its answer: run `credence audit`")
    if refused is not None:
        reason: access.Reason = refused[0]["reason"]
        return ConsentError(access.REASONS[reason], reason=reason, receipt=refused[1])
    assert answered is not None
    version = proofs.newest_version(connection, person)[1]
    ended = access.reason_to_refuse(_current(connection, person, version).file, event, bureau.today())
    if ended is not None:
        (reply_receipt,) = intake.store(bureau, connection, [_refusal(bureau, file, event, ended)])
        return ConsentError(access.REASONS[ended], reason=ended, receipt=reply_receipt)
    answer, reply_receipt = answered
    at = proofs.snapshot_at(bureau, connection, answer["block"])
    proof = proofs.build(
        connection, person, at, proofs.account_at(connection, person, at), proofs.SHOWN_TO_BANKS
    )
    return Answer(answer, (receipt, reply_receipt), proof)


def _recorded(
    bureau: Bureau, connection: Connection, person: Person | None, asked: batches.BatchFile, kind: str
) -> tuple[dict[str, Any], bytes] | None:
    """(the bureau's event, its receipt) about an inquiry, when there is one of this kind."""
    stored = admission.body_by_name(connection, bureau.signer.name, _reply_id(asked, kind))
    if stored is None or person is None:
        return None
    return orjson.loads(sealing.unseal(person.data_key, stored[1])), stored[0].encode()
