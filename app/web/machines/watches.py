"""Portfolio watch over HTTP, for banks' programs; every request is a note by a bank's key.

    POST /v1/watches         watch whom an answer was about: 201, or 200 when this bank's watch on them is changed
    GET  /v1/watches         the bank's watches, with `Authorization: Credence-Note <base64 of the note>`
    POST /v1/watches/end     one of them ends
    GET  /v1/webhooks/key    the key that messages are signed with, itself signed by the service

What is sent, and how to check it, is in docs/webhooks.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from app.core.exchange import webhook
from app.core.exchange.request_note import REQUEST_BYTES_MAX
from app.core.fields import format_instant
from app.services.banks import watching, webhooks
from app.web.machines.answers import answer
from app.web.machines.bodies import UNAVAILABLE, note_problems, read_body, signed_note
from app.web.machines.described import endpoint
from app.web.state import bureau

if TYPE_CHECKING:
    from flask import Response

    from app.db.watches import WatchRow

blueprint = Blueprint(
    "watches", __name__, url_prefix="/v1", description="Banks watch scores they may review."
)
SIGNED = {
    400: "The bytes are not such a note.",
    403: "Not signed by a valid bank's key, or not within the last five minutes.",
    413: "More than 4 KiB.",
    415: "The body is compressed.",
    503: UNAVAILABLE,
}


class Watch(Schema):
    """Lines that a bank wants to hear of."""

    watch = fields.Integer(required=True)
    citizen = fields.String(required=True, metadata={"description": "The citizen key, as in a proof."})
    lines = fields.List(fields.Integer(), required=True)
    url = fields.String(required=True)
    since = fields.String(required=True)
    ended = fields.String(metadata={"description": "Why it watches no more; it is listed for 30 days."})


class Watches(Schema):
    """A bank's watches, ascending; up to 1,000."""

    watches = fields.List(fields.Nested(Watch), required=True)
    after = fields.Integer(metadata={"description": "For the next note; left out when there is nothing."})


class EndedWatch(Schema):
    """The watch that has ended."""

    watch = fields.Integer(required=True)


class WebhookKey(Schema):
    """With what messages are signed."""

    key = fields.String(required=True, metadata={"description": "`whpk_` and the Ed25519 key in base64."})
    note = fields.String(
        required=True, metadata={"description": "The same, signed by a key of role `service`."}
    )


@endpoint(
    blueprint,
    "POST",
    "/watches",
    summary="Be told when a score crosses a line",
    takes="text/plain",
    good={201: (Watch, "It watches."), 200: (Watch, "This bank's watch on them has these lines now.")},
    problems=SIGNED
    | {
        403: "Not signed by a valid bank's key; or no consent for account_review, with the refusal's receipt.",
        404: "This bank was given no such answer.",
        422: "The answer was for another purpose, or its host is not known.",
    },
)
def post_watch() -> Response:
    watch, fresh = watching.put(bureau(), read_body(REQUEST_BYTES_MAX))
    return answer(orjson.dumps(_said(watch)), status=201 if fresh else 200)


@endpoint(
    blueprint,
    "GET",
    "/watches",
    summary="What this bank watches",
    good={200: (Watches, "The next ones. Ask again with `after`.")},
    problems=note_problems("bank"),
)
def get_watches() -> Response:
    found = watching.listed(bureau(), signed_note("watches", 20))
    after = {"after": found[-1].number} if found else {}
    return answer(orjson.dumps({"watches": [_said(watch) for watch in found], **after}))


@endpoint(
    blueprint,
    "POST",
    "/watches/end",
    summary="Stop watching",
    takes="text/plain",
    good={200: (EndedWatch, "It has ended; what it had to tell is dropped.")},
    problems=SIGNED | {404: "This bank has no such watch."},
)
def end_watch() -> Response:
    return answer(orjson.dumps({"watch": watching.end(bureau(), read_body(REQUEST_BYTES_MAX))}))


@endpoint(
    blueprint,
    "GET",
    "/webhooks/key",
    summary="The key that webhooks are signed with",
    good={200: (WebhookKey, "It does not change as long as the bureau's keys do not.")},
    problems={503: UNAVAILABLE},
)
def get_key() -> Response:
    key = webhook.public_key(webhooks.signer_of(bureau()))
    note = bureau().service.sign(webhook.key_text(bureau().origin, key))
    return answer(orjson.dumps({"key": key, "note": note.decode()}), keep="public, max-age=3600")


def _said(watch: WatchRow) -> dict[str, Any]:
    ended = {"ended": watch.ended_why} if watch.ended_at is not None else {}
    return {
        "watch": watch.number,
        "citizen": watch.key.hex(),
        "lines": list(watch.lines),
        "url": watch.url,
        "since": format_instant(watch.since),
        **ended,
    }
