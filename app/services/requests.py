"""Signed requests of organisations: is the note for this ledger, by a valid key of its role, and fresh?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import SignatureError
from app.core.log.note import open_note
from app.services.bureau import UNPLACED

if TYPE_CHECKING:
    import datetime as dt

    from app.db.session import Connection
    from app.services.bureau import Bureau

NOTE_AGE_S_MAX = 300


def check_origin(bureau: Bureau, origin: str) -> None:
    """Raises SignatureError for a note to another ledger."""
    if origin != bureau.origin:
        message = f"this is the ledger {bureau.origin!r}; the note is signed for {origin!r}"
        raise SignatureError(message, code="other-ledger")


def check_signature(  # noqa: PLR0917 - what a note says, and the note
    bureau: Bureau,
    connection: Connection,
    role: str,
    name: str,
    time: dt.datetime,
    note: bytes,
    *more_roles: str,
) -> None:
    """Raises SignatureError when no valid key of this name in this role (or one of more) has signed the note within five
    minutes.
    """
    known = bureau.register(connection).verifiers(name, UNPLACED)
    keys = [verifier for verifier, roles in known if {role, *more_roles} & set(roles)]
    if not keys or not open_note(note, keys).verified:
        message = f"the note is not signed by a valid {role}'s key of {name!r}"
        raise SignatureError(message, code="unknown-key")
    if abs((bureau.now() - time).total_seconds()) > NOTE_AGE_S_MAX:
        message = "the note was not signed within the last five minutes: sign a new one, and check the clock"
        raise SignatureError(message, code="stale")
