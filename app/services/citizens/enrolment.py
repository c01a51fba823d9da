"""Enrolment: a passkey is bound to a citizen, and from then on the citizen signs in and signs events with it.

    issue_code(bureau, "uci:17", "form-17")        somebody saw who that is: a one-time code (services.citizens.links)
    options, draft = begin(bureau, token, "uci:***17")      what the browser's authenticator is asked
    fields = finish(bureau, token, draft, answer)           the new passkey, verified: credential and public_key
    register(bureau, token, fields, replaced)               `passkey_added` on the ground of the code, once; or else
    web.citizens.signing.ask("passkey_added", fields, ...)           signed by a passkey that is there already

A lost passkey is replaced in the same way: with a new code, which also removes the lost one. Whoever still has the old one
sees it: it is an event on the record, an alert comes of it, and all other sessions end.

The user handle that authenticators keep is opaque: the citizen's number under a key of the bureau's, 24 bytes, the same each
time, so that an authenticator that enrols again puts the new passkey in the old one's place.

    tag = HMAC(key, number)[:16];  handle = tag || number XOR HMAC(key, tag)[:8]

Source: WebAuthn level 3 sections 7.1, 14.6.1.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

import msgspec
from webauthn import generate_registration_options, options_to_json, verify_registration_response
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.core import canon
from app.core.errors import ConflictError, FormatError, NotFoundError, SignatureError
from app.core.fields import format_unpadded, unpadded
from app.core.reporting.assertions import is_public_key
from app.core.reporting.batch import make_batch
from app.db import access
from app.services.citizens import acts, links, passkeys, sessions
from app.services.citizens.links import Began, Ground
from app.services.ledger import intake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.services.bureau import Bureau

REGISTRATION: Final = dt.timedelta(minutes=10)
_ALGORITHMS: Final = [COSEAlgorithmIdentifier.ECDSA_SHA_256, COSEAlgorithmIdentifier.EDDSA]
_NUMBER_BYTES, _TAG_BYTES = 8, 16


class _Registration(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of one that has begun: the challenge, base64url."""

    challenge: str


def issue_code(
    bureau: Bureau, identifier: str, ref: str, *, basis: str = "paper", valid_s: int = links.CODE_S
) -> str:
    """A code for this citizen, whose identity was seen; `ref` is the number of the paper that says so.

    FormatError, or NotFoundError when there is no file.
    """
    try:
        ground_of_code = msgspec.convert({"basis": basis, "ref": ref}, Ground)
    except msgspec.ValidationError as error:
        raise FormatError(f"a code rests on `paper` or `legal` and a reference: {error}") from None
    return links.create_link(bureau, identifier, valid_s, ground=ground_of_code)


def begin(bureau: Bureau, session_token: str, mask: Callable[[str], str]) -> tuple[str, str]:
    """(creation options as JSON, the registration's name) for a new passkey; the device calls it by the masked identifier."""
    challenge, draft = secrets.token_bytes(32), secrets.token_bytes(16)
    with bureau.transaction() as connection:
        row, person = sessions.own(bureau, connection, session_token)
        file = passkeys.file_now(connection, person)
        name = mask(links.identifier_of(connection, person))
        sealed = links.seal(person, _Registration(format_unpadded(challenge)))
        expires_at = bureau.now() + REGISTRATION
        access.add_draft(connection, draft, row.token_hash, person.id, expires_at, sealed)
    known = [unpadded(each, "credential") for each in passkeys.standing(file)]
    options = generate_registration_options(
        rp_id=bureau.address.relying_party,
        rp_name="Credence",
        user_name=name,
        user_id=handle_of(bureau, person.id),
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json(options), format_unpadded(draft)


def finish(bureau: Bureau, session_token: str, draft: str, answer: dict[str, Any]) -> dict[str, str]:
    """The fields of the `passkey_added` for what the authenticator answered. The registration is used up.

    NotFoundError when it is another session's, was used, or is too old; SignatureError.
    """
    with bureau.transaction() as connection:
        row, person = sessions.own(bureau, connection, session_token)
        kept = access.draft(connection, acts.bytes_of(draft), row.token_hash, bureau.now())
        if kept is None:
            raise NotFoundError("there is no registration to finish", code="no-draft")
        access.drop_draft(connection, acts.bytes_of(draft))
        try:
            challenge = unpadded(links.unseal(person, kept.sealed, _Registration).challenge, "challenge")
        except msgspec.DecodeError:  # something else that waits to be signed
            raise NotFoundError("there is no registration to finish", code="no-draft") from None
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=bureau.address.relying_party,
            expected_origin=list(bureau.address.origins),
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        credential, public_key = made.credential_id, format_unpadded(made.credential_public_key)
    except Exception:  # noqa: BLE001 - the library names many, and any bytes may come
        raise SignatureError("the authenticator's answer does not hold") from None
    if not is_public_key(public_key):
        raise SignatureError("the passkey has a key of a kind that this ledger does not take")
    return {"credential": format_unpadded(credential), "public_key": public_key}


def ground(bureau: Bureau, session_token: str) -> Ground | None:
    """On what this session may register a passkey without another one; None when it may not, or has done so."""
    return sessions.current(bureau, session_token).began.ground


def register(
    bureau: Bureau, session_token: str, fields: dict[str, str], replaced: Sequence[str] = ()
) -> None:
    """Record the passkey on the session's ground, which is used up; remove those that it replaces.

    All other sessions of the citizen end. ConflictError when the ground was used up.
    """
    used, identifier, token_hash, began = _use_ground(bureau, session_token, fields["credential"])
    wanted = [("passkey_added", fields), *(("passkey_removed", {"credential": each}) for each in replaced)]
    basis = {"basis": used.basis, "basis_ref": used.ref}
    lines = [
        canon.encode(canon.decode_object(acts.event_line(bureau, identifier, kind, dict(more))) | basis)
        for kind, more in wanted
    ]
    try:
        batch = make_batch(bureau.signer, bureau.origin, f"enrol-{secrets.token_hex(16)}", lines)
        intake.admit(bureau, batch)
    except Exception:
        _put_back(bureau, session_token, began)
        raise
    with bureau.transaction() as connection:
        _, person = sessions.own(bureau, connection, session_token)
        sessions.end_where(bureau, connection, person, lambda row, _: row.token_hash != token_hash)


def _use_ground(bureau: Bureau, session_token: str, credential: str) -> tuple[Ground, str, bytes, Began]:
    """(the ground, whose session, its hash, how it began until now); from here on the session has none."""
    with bureau.transaction() as connection:
        row, person = sessions.own(bureau, connection, session_token)
        began = sessions.began_of(person, row)
        now = Began(began.how, began.browser, credential)
        if began.ground is None or row.sealed is None:
            raise ConflictError(
                "the code has registered a passkey already: ask for another one", code="code-used"
            )
        if not access.reseal_session(connection, row.token_hash, row.sealed, links.seal(person, now)):
            raise ConflictError("the code is being used at this moment", code="code-used")
        return began.ground, links.identifier_of(connection, person), row.token_hash, began


def _put_back(bureau: Bureau, session_token: str, began: Began) -> None:
    with bureau.transaction() as connection:
        row, person = sessions.own(bureau, connection, session_token)
        if row.sealed is not None:
            access.reseal_session(connection, row.token_hash, row.sealed, links.seal(person, began))


# ---- the user handle


def handle_of(bureau: Bureau, citizen_id: int) -> bytes:
    """What authenticators keep of a citizen: 24 bytes that mean nothing to anybody else."""
    number = citizen_id.to_bytes(_NUMBER_BYTES, "big")
    tag = _mac(bureau, number)[:_TAG_BYTES]
    return tag + _masked(bureau, tag, number)


def citizen_of(bureau: Bureau, handle: bytes) -> int | None:
    """Whose handle it is, or None when it is none of ours."""
    tag, masked = handle[:_TAG_BYTES], handle[_TAG_BYTES:]
    if len(masked) != _NUMBER_BYTES:
        return None
    number = _masked(bureau, tag, masked)
    good = hmac.compare_digest(tag, _mac(bureau, number)[:_TAG_BYTES])
    return int.from_bytes(number, "big") if good else None


def _masked(bureau: Bureau, tag: bytes, number: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(number, _mac(bureau, tag), strict=False))


def _mac(bureau: Bureau, data: bytes) -> bytes:
    key = hmac.digest(bureau.people.wrap_key, b"credence/user-handle@v1", "sha256")
    return hmac.digest(key, data, "sha256")
