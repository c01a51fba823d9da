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
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from app.core.errors import FormatError, SignatureError
from app.core.proving.holder import ES256_PREFIX, Holder, format_unpadded, unpadded
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
ERASURE: Final = "erasure"
"""The reason of a destruction that may take a registration with it; retention never does."""
USER_PRESENT: Final = 0x01
USER_VERIFIED: Final = 0x04
_DATA_BYTES_MIN: Final = 37  # hash of the relying party, flags, counter
_FLAGS_AT: Final = 32
_ORIGIN: Final = re.compile(
    r"(?:https://((?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63})|http://((?:[a-z0-9-]{1,63}\.)*localhost))(?::[0-9]{1,5})?"
)
_ES256: Final = re.compile(rb"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20(.{32})\x22\x58\x20(.{32})", re.DOTALL)
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
            assertion: Assertion | None = getattr(event, "assertion", None)
            return None if assertion is None else check(event, assertion, self.key(assertion.credential))
        finally:
            if isinstance(event, PasskeyAdded | PasskeyRemoved):
                fold_owned(self._file, [(0, event)])


def challenge_of(event: Event) -> bytes:
    """What a passkey has to sign for this event, with its assertion or still without."""
    return sha256(encode_event(msgspec.structs.replace(event, assertion=None))).digest()


def check(event: Event, assertion: Assertion, public_key: str) -> Signing:
    """The key signed this event, with its user present. FormatError, SignatureError."""
    data = unpadded(assertion.authenticator_data, "authenticator_data")
    client = unpadded(assertion.client_data, "client_data")
    signing = check_binding(event, data, client)
    verify_signature(public_key, unpadded(assertion.signature, "signature"), data + sha256(client).digest())
    return signing


def check_binding(event: Event, data: bytes, client: bytes) -> Signing:
    """The parts of an assertion are about this event and agree with each other; whose key it was remains open."""
    if len(data) < _DATA_BYTES_MIN:
        raise FormatError(f"authenticator data has at least {_DATA_BYTES_MIN} bytes")
    if not data[_FLAGS_AT] & USER_PRESENT:
        raise SignatureError("the assertion was made without its user")
    try:
        said = orjson.loads(client)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or said.get("type") != "webauthn.get":
        raise FormatError("the client data of an assertion is a JSON object of type webauthn.get")
    if said.get("challenge") != format_unpadded(challenge_of(event)):
        raise SignatureError("the assertion is about something else than this event")
    origin, relying_party = said.get("origin"), data[:_FLAGS_AT]
    if said.get("crossOrigin", False) is not False or not isinstance(origin, str):
        raise SignatureError("the assertion was made in a frame of another site")
    if relying_party not in _relying_parties(origin):
        raise SignatureError("the assertion's relying party is not that of its origin")
    return Signing(origin, relying_party, bool(data[_FLAGS_AT] & USER_VERIFIED))


def verify_signature(public_key: str, signature: bytes, message: bytes) -> None:
    """FormatError when it is no key of ours, SignatureError when it did not sign."""
    key = unpadded(public_key, "public_key")
    try:
        if (point := _ES256.fullmatch(key)) is not None:
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


def holder_of(public_key: str) -> Holder | None:
    """The passkey as the holder of a range credential; None for one that is not ES256, which cannot be one."""
    found = _ES256.fullmatch(unpadded(public_key, "public_key"))
    if found is None:
        return None
    point = bytes([2 + (found[2][-1] & 1)]) + found[1]  # SEC 1 section 2.3.3, compressed
    return Holder.parse(ES256_PREFIX + format_unpadded(point))


def _relying_parties(origin: str) -> set[bytes]:
    """The hashes of the domains for which a page of this origin may use passkeys."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return set()
    labels = (found[1] or found[2]).split(".")
    return {sha256(".".join(labels[n:]).encode()).digest() for n in range(len(labels))}
