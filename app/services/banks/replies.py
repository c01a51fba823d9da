"""What the bureau says itself: its own events, and its answer to, or refusal of, an inquiry as a batch of one event.

answer, batch = reply(bureau, register, asked, event, "answer", {"score": 640, ...})
"""

from __future__ import annotations

import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from app.core import canon, fields
from app.core.reporting import batch as batches
from app.core.reporting import events as event_formats
from app.core.state import sealing
from app.db import admission
from app.services.ledger import intake

if TYPE_CHECKING:
    from app.core.log.register import Register
    from app.core.reporting import event_types as types
    from app.core.scoring.access import Reason
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person


def own_event(bureau: Bureau, kind: str, citizen: str, more: dict[str, Any], *, timed: bool = True) -> bytes:
    """The canonical line of an event of the bureau's own, about now; `timed` is whether the type has a `time`."""
    moment = bureau.now()
    time_of_day = {"time": fields.format_instant(moment)} if timed else {}
    return canon.encode(
        {
            "citizen": citizen,
            "day": fields.format_day(bureau.local_day(moment)),
            "furnisher": bureau.signer.name,
            "id": fields.uuid7(time.time_ns() // 1_000_000, os.urandom(10)),
            "ledger": bureau.origin,
            "nonce": fields.format_b64url32(os.urandom(32)),
            "type": kind,
            "v": 1,
            **time_of_day,
            **more,
        }
    )


def own_batch(bureau: Bureau, register: Register, batch_id: str, *lines: bytes) -> intake.CheckedBatch:
    """A batch of the bureau's own events, judged by the register: SignatureError when our key is not in it."""
    file = batches.sign_batch(bureau.signer, bureau.origin, batch_id, list(lines))
    roles = intake.own_roles(bureau, register)
    events = [event_formats.decode_stored(line) for line in lines]
    return intake.CheckedBatch(file, events, batches.check_root(file), roles, register)


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
) -> tuple[dict[str, Any], intake.CheckedBatch]:
    """The same in a batch of its own: (the event, the batch)."""
    line = reply_line(bureau, asked.lines[0], event, kind, more)
    return orjson.loads(line), own_batch(bureau, register, _reply_id(asked, kind), line)


def refusal(
    bureau: Bureau, register: Register, asked: batches.BatchFile, event: types.Inquiry, reason: Reason
) -> intake.CheckedBatch:
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
