"""Webhooks to banks: the message, its signature, and which addresses one may be sent to.

A message is JSON, `{"data":{...},"timestamp":instant,"type":name}`, sent by POST with three headers (Standard Webhooks):

    webhook-id: msg_7_1204                       the same for every attempt: a receiver takes it once
    webhook-timestamp: 1795431840                seconds since 1970, when this attempt was signed
    webhook-signature: v1a,<base64>              Ed25519 over `<id>.<timestamp>.<body>`

The public key is written `whpk_<base64 of 32 bytes>`. A body has a citizen key, never an identifier.

Source: the Standard Webhooks specification (asymmetric signatures); docs/webhooks.md; docs/formats.md section 20.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from app.core import canon
from app.core.errors import FormatError, SignatureError
from app.core.fields import b64, format_b64, format_instant

if TYPE_CHECKING:
    import datetime as dt

    from app.core.log.note import Signer

PUBLIC_PREFIX: Final = "whpk_"
SIGNATURE_PREFIX: Final = "v1a,"
TOLERANCE_S: Final = 300
URL_CHARS_MAX: Final = 500
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_URL_CHARS = re.compile(r"[!-~]+")


def body(kind: str, data: dict[str, Any], time: dt.datetime) -> bytes:
    """The bytes that are sent."""
    return canon.encode({"data": data, "timestamp": format_instant(time), "type": kind})


def headers(signer: Signer, message_id: str, time_s: int, payload: bytes) -> dict[str, str]:
    """The three headers of one attempt."""
    signature = signer.sign_text(_signed(message_id, time_s, payload)).signature
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(time_s),
        "webhook-signature": SIGNATURE_PREFIX + format_b64(signature),
    }


def public_key(signer: Signer) -> str:
    """The key that receivers check with."""
    return PUBLIC_PREFIX + format_b64(signer.verifier.public_key)


def key_text(origin: str, key: str) -> bytes:
    """The note text by which the service says that this is the key: three lines."""
    return f"credence/webhooks@v1\n{origin}\n{key}\n".encode()


def verify(key: str, received: dict[str, str], payload: bytes, now_s: int) -> str:
    """The id of a message that is by this key and of the last minutes; `received` has its headers in lower case.

    Raises FormatError, SignatureError.
    """
    if not key.startswith(PUBLIC_PREFIX):
        raise FormatError(f"a webhook's public key starts with {PUBLIC_PREFIX}")
    public = b64(key.removeprefix(PUBLIC_PREFIX), length=32)
    message_id, time = received.get("webhook-id", ""), received.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", time) or abs(now_s - int(time)) > TOLERANCE_S:
        raise SignatureError("the message was not signed within the last five minutes", code="stale")
    signed = _signed(message_id, int(time), payload)
    for each in received.get("webhook-signature", "").split(" "):
        if each.startswith(SIGNATURE_PREFIX) and _is_by(public, each.removeprefix(SIGNATURE_PREFIX), signed):
            return message_id
    raise SignatureError("the message is not signed by this key")


def _signed(message_id: str, time_s: int, payload: bytes) -> bytes:
    return f"{message_id}.{time_s}.".encode() + payload


def _is_by(public: bytes, signature: str, signed: bytes) -> bool:
    try:
        crypto_sign_open(b64(signature, length=64) + signed, public)
    except (BadSignatureError, FormatError):
        return False
    return True


def check_url(url: str) -> str:
    """An address that messages may be sent to, by its form alone: https, or http on this very machine. Raises FormatError."""
    message = "a webhook's address is https://host[:port]/path, without user, password or fragment"
    if len(url) > URL_CHARS_MAX or _URL_CHARS.fullmatch(url) is None:
        raise FormatError(message)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FormatError(message) from None
    if (
        not parts.hostname
        or "@" in parts.netloc
        or parts.fragment
        or port == 0
        or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
    ):
        raise FormatError(message)
    return url
