"""Opening an audit over the network: a regulator's signed note comes in, the ledger remembers it, a token goes out (R21).

    1. the note       form, this ledger, signed by a valid key of role `regulator`, not older than five minutes
    2. the notice     `audit_opened` with case and range goes into the log, for everybody to see
    3. the token      32 random bytes, good for an hour; kept as a hash

A note opens one audit. The token stops being good when its regulator's key does.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from app.core.errors import ConflictError
from app.core.exchange.audit_note import AuditNote
from app.core.fields import format_b64url32
from app.core.log import notices
from app.db import admission, auditing, ledger
from app.db.session import UniqueViolation
from app.services import requests

if TYPE_CHECKING:
    from app.services.bureau import Bureau

ROLE = "regulator"
TOKEN_S = 3_600


@dataclass(frozen=True, slots=True)
class OpenedAudit:
    """`token` is 43 characters of base64url; the notice speaks of log indices `first_index` to `last_index`."""

    token: str
    case: str
    first_index: int
    last_index: int
    expires_at: dt.datetime


def open_audit(bureau: Bureau, note: bytes) -> OpenedAudit:
    """Open an audit of everything. Raises FormatError, SignatureError, ConflictError."""
    request = AuditNote.parse(note)
    requests.check_origin(bureau, request.origin)
    now = bureau.now()
    token = format_b64url32(secrets.token_bytes(32))
    expires_at = now + dt.timedelta(seconds=TOKEN_S)
    try:
        with bureau.transaction() as connection:
            admission.lock_out_admissions(connection)  # a revocation that is under way comes first
            requests.check_signature(bureau, connection, ROLE, request.regulator, request.time, note)
            newest = ledger.newest_block(connection)
            last_index = newest.tree_size - 1 if newest else 0
            auditing.add_audit(connection, _hash(token), sha256(note).digest(), request.regulator, expires_at)
            notice = notices.audit_opened(request.case, 0, last_index, now)
            admission.insert_notice(connection, notices.encode(notice))
    except UniqueViolation:
        raise ConflictError(
            "this note has opened an audit already: sign a new one", code="note-used"
        ) from None
    return OpenedAudit(token, request.case, 0, last_index, expires_at)


def is_open(bureau: Bureau, token: str) -> bool:
    """Whether a token stands for an audit that is still open, by a regulator whose key is still valid."""
    with bureau.transaction() as connection:
        regulator = auditing.audit_regulator(connection, _hash(token), bureau.now())
        if regulator is None:
            return False
        return any(record.role == ROLE for record in bureau.register(connection).current(regulator))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
