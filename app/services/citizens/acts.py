"""What citizens will: drafted here, signed in their browser with a passkey, admitted as a batch of the bureau's.

    id = draft(bureau, token, [("freeze", {})], "Freeze your file.", "/record/freeze")     ten minutes, sealed
    open_draft(bureau, token, id).challenges                                               what the passkey signs
    sign(bureau, token, id, [{"credential": ..., ...}])                                    -> "/record/freeze"

    on_paper(bureau, "uci:17", "freeze", {}, "form-17")                                    who has no device: staff enters it

A draft belongs to the session that made it. Its events have id, nonce and day already, so that they are the bytes which are
signed; each of several has an assertion of its own. The user has to be verified (a finger, a PIN), not only present: that is
the bureau's own demand, beside those of the format.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from app.core import canon
from app.core.errors import FormatError, NotFoundError, SignatureError
from app.core.fields import format_unpadded, unpadded
from app.core.reporting import events as event_formats
from app.core.reporting.assertions import challenge_of, check_binding
from app.core.reporting.batch import make_batch
from app.core.reporting.event_base import Assertion
from app.core.state import sealing
from app.db import access
from app.services.citizens import links, passkeys, sessions
from app.services.ledger import intake
from app.services.ledger.own_events import own_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.services.bureau import Bureau
    from app.services.ledger.intake import Admission

Act = tuple[str, dict[str, Any]]
"""A type of event, and the fields of that type without `assertion` and `basis`."""

DRAFT: Final = dt.timedelta(minutes=10)
_STAND_IN: Final = {
    "authenticator_data": "A" * 700,
    "client_data": "A" * 700,
    "credential": "AAAA",
    "signature": "A" * 100,
}
"""An assertion's room on the line, so that what cannot be admitted is refused before it is signed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Events to be signed, in order; the sentence that says what they are; the page to go to afterwards.

    `credentials` are the citizen's passkeys (base64url), none when there are none.
    """

    lines: tuple[bytes, ...]
    sentence: str
    done: str
    credentials: list[str]

    @property
    def challenges(self) -> list[str]:
        """What a passkey signs for each, base64url."""
        return [format_unpadded(challenge_of(event_formats.decode_stored(line))) for line in self.lines]


def event_line(bureau: Bureau, citizen: str, kind: str, more: dict[str, Any]) -> bytes:
    """An event in a citizen's name, of today, still without a ground. FormatError, RuleError."""
    line = own_event(bureau, kind, citizen, more, timed=False)
    offset = bureau.genesis.utc_offset_minutes
    header = event_formats.Header(bureau.origin, bureau.signer.name, bureau.scheme, bureau.today(), offset)
    event_formats.decode_event(canon.encode(canon.decode_object(line) | {"assertion": _STAND_IN}), header)
    return line


def draft(bureau: Bureau, session_token: str, acts: Sequence[Act], sentence: str, done: str) -> str:
    """Keep events to be signed; the draft's name. NotFoundError when the session is over; FormatError, RuleError."""
    draft_id = secrets.token_bytes(16)
    with bureau.transaction() as connection:
        row, person = sessions.own(bureau, connection, session_token)
        citizen = links.identifier_of(connection, person)
        lines = [event_line(bureau, citizen, kind, more).decode() for kind, more in acts]
        kept = orjson.dumps({"lines": lines, "sentence": sentence, "done": done})
        sealed = sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), kept)
        access.add_draft(connection, draft_id, row.token_hash, person.id, bureau.now() + DRAFT, sealed)
    return format_unpadded(draft_id)


def open_draft(bureau: Bureau, session_token: str, draft_id: str) -> Draft:
    """A draft of this session. NotFoundError when it is another's, was signed, or is too old."""
    with bureau.transaction() as connection:
        session, person = sessions.own(bureau, connection, session_token)
        row = access.draft(connection, bytes_of(draft_id), session.token_hash, bureau.now())
        if row is None:
            raise NotFoundError("there is nothing to sign here", code="no-draft")
        kept = orjson.loads(sealing.unseal(person.data_key, row.sealed))
        file = passkeys.file_now(connection, person)
    if "lines" not in kept:  # a passkey that is being registered
        raise NotFoundError("there is nothing to sign here", code="no-draft")
    lines = tuple(line.encode() for line in kept["lines"])
    return Draft(lines, kept["sentence"], kept["done"], passkeys.standing(file))


def sign(bureau: Bureau, session_token: str, draft_id: str, assertions: Sequence[dict[str, str]]) -> str:
    """Admit a draft with an assertion for each of its events; where to go then.

    NotFoundError, FormatError, SignatureError, RuleError: nothing happened, and the draft is still there.
    """
    opened = open_draft(bureau, session_token, draft_id)
    if len(assertions) != len(opened.lines):
        raise FormatError("a draft is signed with one assertion for each of its events")
    lines = [_signed(line, each) for line, each in zip(opened.lines, assertions, strict=True)]
    intake.admit(bureau, make_batch(bureau.signer, bureau.origin, f"act-{bytes_of(draft_id).hex()}", lines))
    with bureau.transaction() as connection:
        access.drop_draft(connection, bytes_of(draft_id))
    return opened.done


def on_paper(
    bureau: Bureau, identifier: str, kind: str, more: dict[str, Any], ref: str, *, basis: str = "paper"
) -> Admission:
    """Admit what a citizen wills on paper, or by a legal ground; `ref` is the paper's number. FormatError, RuleError."""
    line = canon.decode_object(event_line(bureau, identifier, kind, more))
    grounded = canon.encode(line | {"basis": basis, "basis_ref": ref})
    return intake.admit(
        bureau, make_batch(bureau.signer, bureau.origin, f"paper-{secrets.token_hex(16)}", [grounded])
    )


def _signed(line: bytes, given: dict[str, str]) -> bytes:
    """The event with its assertion, which a verified user gave. FormatError, SignatureError."""
    try:
        assertion = msgspec.convert(given, Assertion)
    except msgspec.ValidationError as error:
        raise FormatError(f"not an assertion: {error}") from None
    if not check_binding(event_formats.decode_stored(line), assertion).user_verified:
        raise SignatureError("the passkey did not ask who is there: set up a PIN, a fingerprint or a face")
    return canon.encode(canon.decode_object(line) | {"assertion": msgspec.to_builtins(assertion)})


def bytes_of(draft_id: str) -> bytes:
    """The name of a draft as bytes; none for what is no name, which is no draft either."""
    try:
        return unpadded(draft_id, "a draft's name")
    except FormatError:
        return b""
