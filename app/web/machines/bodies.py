"""What programs send: bodies as they come, up to a limit, and signed notes in a header.

note = read_body(4096)                   413 when more comes, 415 when it is compressed
note = signed_note("corrections", 14)    of `Authorization: Credence-Note <base64>`; 401 without one
"""

from __future__ import annotations

from base64 import b64decode

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import RequestEntityTooLarge, Unauthorized, UnsupportedMediaType

from app.core.errors import FormatError

NOTE_SCHEME = "credence-note"
UNAVAILABLE = "The ledger refuses to go on, or the database does not answer."


def read_body(bytes_max: int) -> bytes:
    """The request's body as it came, at most `bytes_max` bytes.

    Raises 413 as soon as more are announced or arrive, and 415 for a compressed body.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")
    # A body in chunks is cut silently at Werkzeug's limit, so the limit is one more and the last byte tells.
    request.max_content_length = bytes_max + 1
    if (request.content_length or 0) > bytes_max:
        raise RequestEntityTooLarge
    body = request.get_data(cache=False)
    if len(body) > bytes_max:
        raise RequestEntityTooLarge
    return body


def signed_note(realm: str, section: int) -> bytes:
    """The note in `Authorization: Credence-Note <base64>`, not looked at yet."""
    granted = request.authorization
    token = granted.token if granted is not None and granted.type == NOTE_SCHEME else None
    if not token:
        challenge = WWWAuthenticate(NOTE_SCHEME, {"realm": realm})
        raise Unauthorized(f"Sign a note (docs/formats.md, section {section}).", www_authenticate=challenge)
    try:
        return b64decode(token, validate=True)
    except ValueError:
        raise FormatError("the note in `Authorization` is not base64") from None


def note_problems(whose: str) -> dict[int, str]:
    """Of a request with a signed note in its header."""
    return {
        400: f"The note is not that of a {whose}.",
        401: "No `Authorization: Credence-Note <base64 of the signed note>`.",
        403: f"Not signed by a valid {whose}'s key, or not within the last five minutes.",
        503: UNAVAILABLE,
    }
