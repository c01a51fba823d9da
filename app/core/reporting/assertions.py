"""Whether a citizen's will is the citizen's: the WebAuthn assertion of an event, checked offline and without trust.

    challenge     base64url of the SHA-256 of the event's canonical line without `assertion`
    credential    a passkey that an earlier `passkey_added` of this citizen registered and no `passkey_removed` took away;
                  earlier in the log, whatever their days are
    signature     by its key over authenticator_data || SHA-256(client_data)
    flags         the user was present
    relying party the authenticator's hash is that of the host in the client's origin, or of a domain that the host is under

A passkey signs for one relying party only, so which address it was is as good as said by the key; that it is the ledger's
own web address is judged where that is known, at admission. Keys are COSE keys in the one encoding that authenticators
give (CTAP2 canonical CBOR), ES256 or Ed25519:

    a5 01 02 03 26 20 01 21 58 20 <x, 32 bytes> 22 58 20 <y, 32 bytes>
    a4 01 01 03 27 20 06 21 58 20 <32 bytes>

Source: docs/formats.md section 2; WebAuthn level 3 sections 6.1, 6.5.1, 7.2; RFC 9053 sections 2.1, 2.2, 7.1, 7.2.
"""

from __future__ import annotations

import re
from copy import copy
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from app.core import webauthn
from app.core.errors import FormatError, SignatureError
from app.core.fields import format_unpadded, unpadded
from app.core.reporting.event_base import Signed
from app.core.reporting.event_types import PasskeyAdded, PasskeyRemoved
from app.core.reporting.events import encode_event
from app.core.scoring.fold import fold_owned
from app.core.scoring.folded import File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.core.reporting.event_base import Assertion, Event
    from app.core.scoring.folded import Passkey

UNKNOWN_PASSKEY: Final = "unknown-passkey"
"""The code of an assertion by a passkey that is not, or no longer, the citizen's."""
_ORIGIN: Final = re.compile(
    r"(?:https://((?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63})|http://((?:[a-z0-9-]{1,63}\.)*localhost))(?::[0-9]{1,5})?"
)
ES256_KEY: Final = re.compile(
    rb"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20(.{32})\x22\x58\x20(.{32})", re.DOTALL
)
_ED25519: Final = re.compile(rb"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20(.{32})", re.DOTALL)


class Signing(NamedTuple):
    """Under which circumstances a passkey signed: `origin` is the page's, the relying party a SHA-256."""

    origin: str
    relying_party: bytes
    user_verified: bool


class Passkeys:
    """The passkeys of one citizen, followed event by event in the order of the log."""

    def __init__(self, known: Mapping[str, Passkey] | None = None) -> None:
        self._file = File(passkeys={name: copy(each) for name, each in (known or {}).items()})

    def key(self, credential: str) -> str:
        """The public key (COSE, base64url) of a passkey that stands. SignatureError."""
        passkey = self._file.passkeys.get(credential)
        if passkey is None or passkey.public_key is None or passkey.removed is not None:
            message = "the passkey was never registered for this citizen, or was removed"
            raise SignatureError(message, code=UNKNOWN_PASSKEY)
        return passkey.public_key

    def follow(self, event: Event) -> Signing | None:
        """The citizen's next event: its assertion is checked if it carries one. FormatError, SignatureError.

        What it says of passkeys counts from here on, whether it should have been admitted or not, as in the folded file.
        """
        try:
            assertion = assertion_of(event)
            return None if assertion is None else check(event, assertion, self.key(assertion.credential))
        finally:
            if isinstance(event, PasskeyAdded | PasskeyRemoved):
                fold_owned(self._file, [(0, event)])


def challenge_of(event: Event) -> bytes:
    """What a passkey has to sign for this event, with its assertion or still without."""
    return sha256(encode_event(msgspec.structs.replace(event, assertion=None))).digest()


def check(event: Event, assertion: Assertion, public_key: str) -> Signing:
    """The key signed this event, with its user present. FormatError, SignatureError."""
    signing = check_binding(event, assertion)
    signature = unpadded(assertion.signature, "signature")
    verify_signature(public_key, signature, webauthn.signed_message(*_parts(assertion)))
    return signing


def check_binding(event: Event, assertion: Assertion) -> Signing:
    """The parts of an assertion are about this event and agree with each other; whose key it was remains open."""
    made = webauthn.read(*_parts(assertion))
    if not made.user_present:
        raise SignatureError("the assertion was made without its user")
    if made.said.get("challenge") != format_unpadded(challenge_of(event)):
        raise SignatureError("the assertion is about something else than this event")
    origin = made.said.get("origin")
    if made.said.get("crossOrigin", False) is not False or not isinstance(origin, str):
        raise SignatureError("the assertion was made in a frame of another site")
    if made.relying_party not in _relying_parties(origin):
        raise SignatureError("the assertion's relying party is not that of its origin")
    return Signing(origin, made.relying_party, made.user_verified)


def assertion_of(event: Event) -> Assertion | None:
    """The assertion that an event carries, if its kind can and it does."""
    return event.assertion if isinstance(event, Signed) else None


def _parts(assertion: Assertion) -> tuple[bytes, bytes]:
    data = unpadded(assertion.authenticator_data, "authenticator_data")
    return data, unpadded(assertion.client_data, "client_data")


def verify_signature(public_key: str, signature: bytes, message: bytes) -> None:
    """FormatError when it is no key of ours, SignatureError when it did not sign."""
    key = unpadded(public_key, "public_key")
    try:
        if (point := ES256_KEY.fullmatch(key)) is not None:
            found = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), b"\x04" + b"".join(point.groups())
            )
            found.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif (edwards := _ED25519.fullmatch(key)) is not None:
            ed25519.Ed25519PublicKey.from_public_bytes(edwards[1]).verify(signature, message)
        else:
            raise FormatError(
                "the passkey's public key is neither ES256 nor Ed25519 as authenticators write them"
            )
    except ValueError:
        raise FormatError("the passkey's public key is not a point of P-256") from None
    except InvalidSignature:
        raise SignatureError("the signature of the assertion is wrong") from None


def is_public_key(public_key: str) -> bool:
    """Whether it can ever sign: ES256 or Ed25519, in the one encoding."""
    try:
        verify_signature(public_key, b"", b"")
    except FormatError:
        return False
    except SignatureError:
        return True
    raise AssertionError("nothing signs with nothing")


def _relying_parties(origin: str) -> set[bytes]:
    """The hashes of the domains for which a page of this origin may use passkeys."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return set()
    labels = (found[1] or found[2]).split(".")
    return {sha256(".".join(labels[n:]).encode()).digest() for n in range(len(labels))}
