"""Applications for a key's registration, by programs: what `/bank/apply` is for people.

POST /v1/applications               {"possession": note, "organisation": text, "contact": text} in, a reference out
GET  /v1/applications/<reference>   what became of it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from flask_smorest import Blueprint

from app.core.errors import FormatError
from app.services.organisations import applications
from app.web.limits import limited
from app.web.machines import schemas
from app.web.machines.answers import answer
from app.web.machines.bodies import UNAVAILABLE, read_body
from app.web.machines.described import endpoint
from app.web.state import bureau

if TYPE_CHECKING:
    from flask import Response

BODY_BYTES_MAX = 16 * 1024
FIELDS = ("possession", "organisation", "contact")

blueprint = Blueprint(
    "applications",
    __name__,
    url_prefix="/v1/applications",
    description="Applications for a key's registration.",
)


@endpoint(
    blueprint,
    "POST",
    "",
    summary="Apply for a key's registration",
    takes="application/json",
    good={201: (schemas.Applied, "Taken: two people of the bureau look at it.")},
    problems={
        400: "Not an object of three texts, or no possession note.",
        403: "The note is not signed by the key that it names.",
        409: "The key is registered, has ended, or was applied for already.",
        413: "More than 16 KiB.",
        415: "The body is compressed.",
        422: "Another ledger, a role that is not applied for here, or a text that is too long.",
        429: "Too many requests; see Retry-After.",
        503: UNAVAILABLE,
    },
)
@limited("10 per minute")
def post_application() -> Response:
    try:
        given = orjson.loads(read_body(BODY_BYTES_MAX))
    except orjson.JSONDecodeError:
        raise FormatError("an application is a JSON object") from None
    if not isinstance(given, dict) or set(given) != set(FIELDS):
        raise FormatError(f"an application has the fields {', '.join(FIELDS)}")
    if not all(isinstance(value, str) for value in given.values()):
        raise FormatError("the fields of an application are texts")
    note, organisation, contact = (given[name] for name in FIELDS)
    reference = applications.apply(bureau(), note.encode(), organisation=organisation, contact=contact)
    return _said(reference, 201)


@endpoint(
    blueprint,
    "GET",
    "/<string:reference>",
    summary="What became of an application",
    good={200: (schemas.Applied, "Its state.")},
    problems={404: "There is none with this reference.", 503: UNAVAILABLE},
)
def get_application(reference: str) -> Response:
    return _said(reference, 200)


def _said(reference: str, status: int) -> Response:
    found = applications.of_reference(bureau(), reference)
    body = {"reference": reference, "state": found.state, "reason": found.reason}
    return answer(orjson.dumps(body), status=status)
