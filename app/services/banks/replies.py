"""What the bureau says about an inquiry, its answer or its refusal: the event, and what the bank is told once that is stored.

    draft = Draft(reply_line(bureau, asked_line, inquiry, "answer", {"score": 640, ...}), proof=proof)
    batch = reply_batch(bureau, register, [draft, ...])         # replies of one moment are one batch of the bureau's
    outcome = draft.outcome(asked_receipt, replied_receipt)     # an Answer or a ConsentError

What was said before is found among what the bureau has reported of the citizen behind the inquiry: the bodies are sealed, and
nothing outside them says which reply belongs to which inquiry.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from app.core.errors import CredenceError, NotFoundError
from app.core.scoring import access
from app.core.state import sealing
from app.db import admission
from app.services.ledger.own_events import own_batch, own_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.register import Register
    from app.core.reporting import batch as batches
    from app.core.reporting import event_types as types
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person
    from app.services.ledger.intake import CheckedBatch

ADVICE = (
    "This score is advisory. Credence never declines anybody: a decision is the bank's own and must not rest on this"
    " number alone. The citizen can ask the bureau for a person to look at the case (signed in, under /record/cases, or on"
    " paper), see every look at their file, and dispute what is wrong."
)


OF_WATCH = "refusal-watch-"
"""How batches begin that refuse a watch: such a refusal names the inquiry of the watch's answer, and is no reply to it."""


class ConsentError(CredenceError):
    """The look is refused; `receipt` shows that the refusal is in the ledger. `reason` as in the `refusal` event."""

    code = "no-consent"

    def __init__(self, reason: access.Reason, *, receipt: bytes) -> None:
        super().__init__(access.REASONS[reason], code=reason.replace("_", "-"))
        self.reason = reason
        self.receipt = receipt


class DestroyedError(NotFoundError):
    """What was said about the inquiry is no longer there to be said again."""

    code = "destroyed"

    def __init__(self) -> None:
        super().__init__("the answer to this inquiry was destroyed when its retention was over")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer event as an object, the receipts of inquiry and answer, and the proof (canonical JSON)."""

    answer: dict[str, Any]
    receipts: tuple[bytes, bytes]
    proof: bytes
    advice: str = ADVICE


Outcome: TypeAlias = Answer | CredenceError
"""What the bank gets: an answer, or why there is none."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The bureau's word about an inquiry before it is stored: an answer with its proof, or a refusal with its reason."""

    line: bytes
    reason: access.Reason | None = None
    proof: bytes = b""

    def outcome(self, asked: bytes, replied: bytes) -> Outcome:
        """What the bank is told, with the receipts of the inquiry's batch and of the reply's."""
        if self.reason is not None:
            return ConsentError(self.reason, receipt=replied)
        return Answer(orjson.loads(self.line), (asked, replied), self.proof)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A reply that is in the ledger: the event and its receipt."""

    event: dict[str, Any]
    receipt: bytes


def reply_line(
    bureau: Bureau, asked_line: bytes, event: types.Inquiry, kind: str, more: dict[str, Any]
) -> bytes:
    """The bureau's word about an inquiry, as an event."""
    about = {
        "inquiry": sha256(asked_line).hexdigest(),
        "purpose": event.purpose,
        "recipient": event.furnisher,
        **more,
    }
    return own_event(bureau, kind, event.citizen, about)


def reply_batch(bureau: Bureau, register: Register, drafts: Sequence[Draft]) -> CheckedBatch:
    """Replies to single inquiries of one moment, as one batch. Its id is drawn: it says nothing of who asked."""
    return own_batch(bureau, register, f"replies-{secrets.token_hex(16)}", *(draft.line for draft in drafts))


def recorded(
    bureau: Bureau, connection: Connection, person: Person, asked: batches.BatchFile
) -> tuple[Recorded | None, bool]:
    """The bureau's last word about an admitted batch of one inquiry, and whether on the way to it there was something about
    this citizen whose plaintext is destroyed.
    """
    number = bureau.furnisher_number(connection, bureau.signer.name)
    name = asked.header.furnisher, asked.header.batch_id
    inquiry, destroyed = sha256(asked.lines[0]).hexdigest(), False
    for batch_id, receipt, sealed in admission.reported_behind(connection, name, person.id, number):
        if batch_id.startswith(OF_WATCH):
            continue
        if sealed is None:
            destroyed = True
            continue
        event = orjson.loads(sealing.unseal(person.data_key, sealed))
        if event["type"] in {"answer", "refusal"} and event["inquiry"] == inquiry:
            return Recorded(event, receipt.encode()), destroyed
    return None, destroyed
