"""Answers to programs: a body, what it is, and how long it may be kept.

return answer(orjson.dumps({"watch": 7}))                         JSON that nobody keeps
return answer(checkpoint, PLAIN, keep="public, max-age=1")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

JSON = "application/json"
NDJSON = "application/x-ndjson"
PLAIN = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"
NOBODY = "no-store"
A_MOMENT = "public, max-age=1"
IMMUTABLE = "public, max-age=31536000, immutable"


def answer(
    body: bytes | Iterable[bytes], content_type: str = JSON, status: int = 200, *, keep: str = NOBODY
) -> Response:
    """`keep` is what caches are told."""
    return Response(body, status, {"Cache-Control": keep}, content_type=content_type)
