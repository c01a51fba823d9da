"""Signing in: with a passkey, by no name at all; or by a provider that knows who the citizen is (services.citizens.identity).

    challenge(bureau)                              -> base64url, good once, for five minutes
    with_passkey(bureau, answer, "Chrome, Mac")    -> a session's token

The passkey is discoverable: the authenticator says whose it is by the opaque user handle (services.citizens.enrolment), and
the citizen's file says which passkeys stand and what their keys are. Whatever is wrong, the words are the same.

Source: WebAuthn level 3 section 7.2.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import TYPE_CHECKING, Any, Final

import orjson
from webauthn import verify_authentication_response

from app.core.errors import FormatError, SignatureError
from app.core.fields import format_unpadded, unpadded
from app.db import access
from app.db import people as rows
from app.services.citizens import enrolment, links, passkeys
from app.services.citizens.links import Began

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.links import Ground
    from app.services.citizens.people import Person

CHALLENGE: Final = dt.timedelta(minutes=5)


def challenge(bureau: Bureau) -> str:
    """What a passkey signs to sign in, once."""
    drawn = secrets.token_bytes(32)
    with bureau.transaction() as connection:
        access.add_challenge(connection, drawn, bureau.now() + CHALLENGE)
    return format_unpadded(drawn)


def with_passkey(bureau: Bureau, answer: dict[str, Any], browser: str) -> str:
    """The token of a new session. SignatureError, in the same words for whatever is wrong."""
    try:
        response = answer["response"]
        said = orjson.loads(unpadded(response["clientDataJSON"], "client data"))
        expected = unpadded(said["challenge"], "challenge")
        handle = unpadded(response["userHandle"], "user handle")
        credential = format_unpadded(unpadded(answer["rawId"], "credential"))
    except (FormatError, KeyError, TypeError, orjson.JSONDecodeError):
        raise _refused() from None
    with bureau.transaction() as connection:
        known = access.use_challenge(connection, expected, bureau.now())  # used up, whatever comes of it
    if not known:
        raise _refused()
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        person = _person(bureau, connection, handle)
        file = passkeys.files_now(connection, {"": person}).get("")
        if file is None or credential not in passkeys.standing(file):
            raise _refused()
        _verify(bureau, answer, expected, file.passkeys[credential].public_key or "")
        return links.begin(bureau, connection, person, Began("passkey", browser, credential))


def with_identity(bureau: Bureau, identifier: str, ground: Ground, browser: str) -> str:
    """The token of a new session for whom a provider has named; it may register a passkey on that ground.

    NotFoundError when the ledger has no file of this citizen.
    """
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
        return links.begin(bureau, connection, person, Began("identity", browser, ground=ground))


def _person(bureau: Bureau, connection: Connection, handle: bytes) -> Person:
    number = enrolment.citizen_of(bureau, handle)
    row = None if number is None else rows.citizen_by_id(connection, number)
    if row is None or row.wrapped is None:
        raise _refused()
    return bureau.people.unwrap(row)


def _verify(bureau: Bureau, answer: dict[str, Any], expected: bytes, public_key: str) -> None:
    try:
        verify_authentication_response(
            credential=answer,
            expected_challenge=expected,
            expected_rp_id=bureau.address.relying_party,
            expected_origin=list(bureau.address.origins),
            credential_public_key=unpadded(public_key, "public key"),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - the library names many, and any bytes may come
        raise _refused() from None


def _refused() -> SignatureError:
    return SignatureError("the passkey was not accepted", code="not-signed-in")
