"""Events of the bureau's own: looks at a file, deadlines that passed, what an erasure ends, replies to inquiries.

    line = own_event(bureau, "dispute_closed", "uci:17", {"target": 42, ...}, timed=False)
    receipt = store(bureau, connection, "dispute-7", line)

A look is in the ledger, and in the journal of what leaves the building (R44), before anything is shown (R16).
"""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING, Any

import orjson

from app.core import canon, fields
from app.core.reporting import batch as batches
from app.core.reporting import events as event_formats
from app.services.ledger import intake

if TYPE_CHECKING:
    from app.core.log.register import Register
    from app.db.session import Connection
    from app.services.bureau import Bureau


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
    return intake.CheckedBatch(file, events, batches.commitments_of(lines), roles, register)


def store(bureau: Bureau, connection: Connection, batch_id: str, *lines: bytes) -> bytes:
    """Admit events of the bureau's own in this transaction; their receipt."""
    checked = own_batch(bureau, bureau.register(connection), batch_id, *lines)
    (receipt,) = intake.store(bureau, connection, [checked])
    return receipt


def look(
    bureau: Bureau, connection: Connection, citizen: str, said: dict[str, Any], batch_id: str = ""
) -> None:
    """Somebody looks at a file: `said` is who, why, and what they are shown. `people.hold` comes before."""
    line = own_event(bureau, "look", citizen, said)
    bureau.will_give(connection, "look", orjson.loads(line)["id"])
    store(bureau, connection, batch_id or f"look-{secrets.token_hex(16)}", line)
