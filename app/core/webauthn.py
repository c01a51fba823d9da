"""What a passkey signed, whatever it was about: the two parts of a WebAuthn assertion, read.

    authenticator data    SHA-256 of the relying party's id (32 bytes) || flags || counter (4) || ...
    client data           {"type":"webauthn.get","challenge":"<base64url>","origin":"https://bureau.example",...}
    signature             over authenticator data || SHA-256(client data)

A citizen's events (`app.core.reporting.assertions`) and the holders of range credentials (`app.core.proving.holder`) judge
the challenge, the key and the rest.

Source: WebAuthn level 3 sections 5.8.1, 6.1, 7.2.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from app.core.errors import FormatError

_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04
_FLAGS_AT: Final = 32
_DATA_BYTES_MIN: Final = 37  # hash of the relying party, flags, counter


class Made(NamedTuple):
    """What the parts of an assertion say. `said` is the client's object, of which nothing but the type is checked."""

    relying_party: bytes
    user_present: bool
    user_verified: bool
    said: dict[str, Any]


def read(authenticator_data: bytes, client_data: bytes) -> Made:
    """The parts of an assertion. FormatError."""
    if len(authenticator_data) < _DATA_BYTES_MIN:
        raise FormatError(f"authenticator data has at least {_DATA_BYTES_MIN} bytes")
    try:
        said = orjson.loads(client_data)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or said.get("type") != "webauthn.get":
        raise FormatError("the client data of an assertion is a JSON object of type webauthn.get")
    flags = authenticator_data[_FLAGS_AT]
    return Made(
        authenticator_data[:_FLAGS_AT], bool(flags & _USER_PRESENT), bool(flags & _USER_VERIFIED), said
    )


def signed_message(authenticator_data: bytes, client_data: bytes) -> bytes:
    """What the signature is over."""
    return authenticator_data + sha256(client_data).digest()
