"""A credential's holder: a public key as text, and whether its owner has signed a text.

    ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo      32 bytes; the signature is Ed25519 over the text
    es256:A2CQ2sL...                                          a compressed P-256 point: a passkey's public key

A passkey signs no texts. It signs an assertion, whose challenge is the SHA-256 of the text:

    signature over  authenticator_data || SHA-256(client_data)
    client_data     {"type":"webauthn.get","challenge":"<base64url of the SHA-256>", ...}

Source: docs/formats.md section 16; WebAuthn level 3 sections 6.1, 7.2; RFC 8032; SEC 1 section 2.3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.core import webauthn
from app.core.errors import FormatError, SignatureError
from app.core.fields import format_unpadded, unpadded
from app.core.log.note import ED25519, Verifier
from app.core.reporting.assertions import ES256_KEY

ED25519_PREFIX: Final = "ed25519:"
ES256_PREFIX: Final = "es256:"
ASSERTION_FIELDS: Final = ("authenticator_data", "client_data", "signature")


@dataclass(frozen=True, slots=True)
class Holder:
    """A public key: 32 bytes of Ed25519, or the 33 of a compressed point of P-256."""

    text: str
    key: bytes

    @classmethod
    def parse(cls, text: str) -> Holder:
        """The key of its text. FormatError."""
        prefix, size = (ED25519_PREFIX, 32) if text.startswith(ED25519_PREFIX) else (ES256_PREFIX, 33)
        key = unpadded(text.removeprefix(prefix), "a holder key")
        if not text.startswith(prefix) or len(key) != size:
            raise FormatError("A holder key is `ed25519:` or `es256:` and a public key in base64url.")
        if size == 33:
            _point(key)
        return cls(text, key)

    @classmethod
    def of(cls, verifier: Verifier) -> Holder:
        """The holder of a note key; the key's name plays no part. FormatError when it is none for texts."""
        if verifier.algorithm != ED25519:
            raise FormatError("A holder's key is an Ed25519 key for notes.")
        return cls(ED25519_PREFIX + format_unpadded(verifier.public_key), verifier.public_key)

    @classmethod
    def of_passkey(cls, public_key: str) -> Holder | None:
        """The holder of a passkey, of which the public key is as an event registered it; None unless it is ES256."""
        found = ES256_KEY.fullmatch(unpadded(public_key, "public_key"))
        if found is None:
            return None
        point = bytes([2 + (found[2][-1] & 1)]) + found[1]  # SEC 1 section 2.3.3, compressed
        return cls.parse(ES256_PREFIX + format_unpadded(point))

    @property
    def is_passkey(self) -> bool:
        """Whether it signs by assertions."""
        return self.text.startswith(ES256_PREFIX)

    def check_signature(self, text: bytes, signature: bytes) -> None:
        """SignatureError unless this Ed25519 key has signed the text."""
        if self.is_passkey or not Verifier("holder", ED25519, self.key).verify(text, signature):
            raise SignatureError("the holder's signature is wrong")

    def check_assertion(self, text: bytes, assertion: Assertion) -> None:
        """SignatureError unless this passkey has signed an assertion about the text, with its user present."""
        if not self.is_passkey:
            raise SignatureError("the holder's key is none of a passkey")
        made = webauthn.read(assertion.authenticator_data, assertion.client_data)
        if made.said.get("challenge") != format_unpadded(sha256(text).digest()):
            raise SignatureError("the passkey's assertion is about something else")
        if not made.user_present:
            raise SignatureError("the passkey's assertion was made without its user")
        message = webauthn.signed_message(assertion.authenticator_data, assertion.client_data)
        try:
            _point(self.key).verify(assertion.signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise SignatureError("the signature of the passkey's assertion is wrong") from None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A WebAuthn assertion."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @classmethod
    def parse(cls, value: object) -> Assertion:
        """The assertion of its three texts. FormatError."""
        if not isinstance(value, dict) or value.keys() != set(ASSERTION_FIELDS):
            raise FormatError(f"An assertion has exactly {', '.join(ASSERTION_FIELDS)}.")
        data, client, signature = (unpadded(value[name], name) for name in ASSERTION_FIELDS)
        webauthn.read(data, client)
        return cls(data, client, signature)

    def as_json(self) -> dict[str, str]:
        """The three texts."""
        parts = (self.authenticator_data, self.client_data, self.signature)
        return dict(zip(ASSERTION_FIELDS, map(format_unpadded, parts), strict=True))


def _point(key: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    except ValueError:
        raise FormatError("A holder key of kind es256 is not a point of P-256.") from None
