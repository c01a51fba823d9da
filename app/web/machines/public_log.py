"""The public log over HTTP, to the letter of C2SP tlog-tiles.

    GET /checkpoint                     text/plain; charset=utf-8, cached for a second
    GET /tile/<L>/<N>[.p/<W>]           application/octet-stream, cached for ever
    GET /tile/entries/<N>[.p/<W>]       the same; gzip when the client takes it
    GET /v1/consistency/<size>          the newest head holds the one of that size (a `.proof` file of kind consistency)
    POST /v1/cosignatures               a cosigned checkpoint in, from witnesses that are not asked
    GET /v1/erasures/<log index>        the notice of destruction there (a `.proof` file of kind erasure)
    GET /policy                         this ledger's key, and the witnesses that it has declared (C2SP tlog-policy)

Anybody may read it from anywhere: CORS `*`, no cookies, no key, and nothing personal is in it. What is not
there is a 404 that nobody caches, because a tile that does not exist yet may exist a second later.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from flask import Response, request
from flask_smorest import Blueprint

from app.core.errors import FormatError, NotFoundError
from app.services.ledger import cosignature_intake, public_log, witness_policy
from app.services.proving import claims
from app.web.limits import COSIGNATURES_A_MINUTE, limited
from app.web.machines.answers import A_MOMENT, IMMUTABLE, JSON, OCTETS, PLAIN, answer
from app.web.machines.bodies import UNAVAILABLE, read_body
from app.web.machines.described import endpoint
from app.web.state import bureau

if TYPE_CHECKING:
    from app.services.bureau import Bureau

blueprint = Blueprint("log", __name__, description="The public log, as C2SP tlog-tiles says.")


def _open_to_all(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


blueprint.after_request(_open_to_all)


def own_policy_of(ledger: Bureau) -> bytes:
    """The policy that the ledger itself says; whoever is careful has theirs from elsewhere."""
    with ledger.reading() as connection:
        return witness_policy.own(ledger, connection)


@endpoint(
    blueprint,
    "GET",
    "/policy",
    summary="The policy",
    good={200: (PLAIN, "This ledger's own policy.")},
    problems={},
)
def policy() -> Response:
    return answer(own_policy_of(bureau()), PLAIN, keep="public, max-age=3600")


@endpoint(
    blueprint,
    "GET",
    "/checkpoint",
    summary="The checkpoint",
    good={200: (PLAIN, "The newest signed checkpoint.")},
    problems={404: "No block was published yet."},
)
def checkpoint() -> Response:
    return answer(public_log.checkpoint(bureau()), PLAIN, keep=A_MOMENT)


@endpoint(
    blueprint,
    "GET",
    "/tile/<path:rest>",
    summary="A tile or an entry bundle",
    good={200: (OCTETS, "Hashes, or entries; never changes.")},
    problems={404: "No such tile, or not yet."},
)
def tile(rest: str) -> Response:
    path = f"tile/{rest}"
    try:
        body = public_log.tile(bureau(), path)
    except FormatError as error:
        raise NotFoundError("This is not the path of a tile.", code="no-such-tile") from error
    response = answer(body, OCTETS, keep=IMMUTABLE)
    if rest.startswith("entries/"):
        response.headers["Vary"] = "Accept-Encoding"
        if request.accept_encodings["gzip"] > 0:
            response.set_data(gzip.compress(body, compresslevel=6, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response


@endpoint(
    blueprint,
    "GET",
    "/v1/consistency/<int:old_size>",
    summary="A proof that the log only grew",
    good={
        200: (
            JSON,
            "A proof file of kind consistency, from a published head to the newest one.",
        )
    },
    problems={404: "No published head has this size."},
)
def consistency(old_size: int) -> Response:
    return answer(claims.consistency_from(bureau(), old_size), keep=A_MOMENT)


@endpoint(
    blueprint,
    "GET",
    "/v1/erasures/<int:log_index>",
    summary="A proof that a destruction was announced",
    good={200: (JSON, "A proof file of kind erasure: the notice at this log index.")},
    problems={404: "No notice of destruction stands there in a published block."},
)
def erasure(log_index: int) -> Response:
    return answer(claims.erasure_at(bureau(), log_index), keep=A_MOMENT)


@endpoint(
    blueprint,
    "POST",
    "/v1/cosignatures",
    summary="Send a cosignature",
    takes="text/plain",
    good={200: (PLAIN, "Kept: the published checkpoint with all its cosignatures.")},
    problems={
        400: "The bytes are not a checkpoint.",
        403: "Not signed by this ledger, or by no witness of its policy, or at another time.",
        404: "No published head is like this, or the ledger had declared no witnesses for it.",
        413: "More than 64 KiB.",
        415: "The body is compressed.",
        429: "Too many requests; see Retry-After.",
        503: UNAVAILABLE,
    },
)
@limited(COSIGNATURES_A_MINUTE)
def take_cosignature() -> Response:
    note = read_body(cosignature_intake.NOTE_BYTES_MAX)
    return Response(cosignature_intake.receive(bureau(), note), content_type=PLAIN)
