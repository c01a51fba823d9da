"""What the bureau says about an inquiry: its answer or its refusal, as a batch of one event of its own.

answer, batch = reply(bureau, register, asked, event, "answer", {"score": 640, ...})
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from app.core.state import sealing
from app.db import admission
from app.services.ledger.own_events import own_batch, own_event

if TYPE_CHECKING:
    from app.core.log.register import Register
    from app.core.reporting import batch as batches
    from app.core.reporting import event_types as types
    from app.core.scoring.access import Reason
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person
    from app.services.ledger.intake import CheckedBatch


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


def reply(  # noqa: PLR0917 - one after the other as in the event
    bureau: Bureau,
    register: Register,
    asked: batches.BatchFile,
    event: types.Inquiry,
    kind: str,
    more: dict[str, Any],
) -> tuple[dict[str, Any], CheckedBatch]:
    """The same in a batch of its own: (the event, the batch)."""
    line = reply_line(bureau, asked.lines[0], event, kind, more)
    return orjson.loads(line), own_batch(bureau, register, _reply_id(asked, kind), line)


def refusal(
    bureau: Bureau, register: Register, asked: batches.BatchFile, event: types.Inquiry, reason: Reason
) -> CheckedBatch:
    """The event that says why a look did not happen."""
    return reply(bureau, register, asked, event, "refusal", {"reason": reason})[1]


def _reply_id(asked: batches.BatchFile, kind: str) -> str:
    """The batch id of the bureau's answer to, or refusal of, an inquiry."""
    return f"{kind}-{asked.batch_hash.hex()[:40]}"


def recorded(
    bureau: Bureau, connection: Connection, person: Person | None, asked: batches.BatchFile, kind: str
) -> tuple[dict[str, Any], bytes] | None:
    """(the bureau's event, its receipt) about an inquiry, when there is one of this kind."""
    stored = admission.body_by_name(connection, bureau.signer.name, _reply_id(asked, kind))
    if stored is None or person is None:
        return None
    return orjson.loads(sealing.unseal(person.data_key, stored[1])), stored[0].encode()
