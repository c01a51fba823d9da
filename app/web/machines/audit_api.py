"""A regulator's reading room: everything that an audit replays, for whoever opened one with a signed note.

    POST /v1/audits                      a note by a regulator's key in, a token out; the ledger announces the audit
    GET  /v1/audits/current/<what>?...   the records, with `Authorization: Bearer <token>`
    GET  /v1/audit/transitions/<block>   how a block follows from the one before, likewise
    POST /v1/audit/absences              an identifier in, the proof that it has no file out, likewise

The token is not a cookie and not in an address, so that no log and no other page ever has it. What can be asked for is
listed in `app.services.ledger.audit.wire`; nothing about a citizen stands in an address but a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from flask import Response, g, request
from flask_smorest import Blueprint
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Gone, Unauthorized

from app.core.errors import DamagedError, FormatError, NotFoundError
from app.core.exchange.audit_note import AUDIT_NOTE_BYTES_MAX
from app.core.fields import format_instant
from app.core.proving.transition.pieces import gathered
from app.core.reporting.identifiers import check_identifier
from app.services.ledger.audit import opening, wire
from app.services.ledger.audit.source import DatabaseSource
from app.services.proving import claims
from app.services.proving.transitions import transition
from app.web.errors import note_damage
from app.web.limits import AUDITS_A_MINUTE, limited
from app.web.machines import schemas
from app.web.machines.answers import JSON, NDJSON, answer
from app.web.machines.bodies import UNAVAILABLE, read_body
from app.web.machines.described import endpoint
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTIFIER_BYTES_MAX = 64
CHUNK_BYTES = 1 << 18
NOT_OPEN = "No token, or one that is unknown or expired."

blueprint = Blueprint("audits", __name__, url_prefix="/v1/audits", description="Full audits by regulators.")
transitions_blueprint = Blueprint(
    "audit", __name__, url_prefix="/v1/audit", description="Regulators follow block by block."
)


@endpoint(
    blueprint,
    "POST",
    "",
    summary="Open an audit",
    takes="text/plain",
    good={201: (schemas.OpenedAudit, "The audit is open, and announced in the ledger.")},
    problems={
        400: "The bytes are not the note of an audit.",
        403: "Not signed by a valid regulator's key, or not within the last five minutes.",
        409: "This note has opened an audit before.",
        413: "More than 4 KiB.",
        415: "The body is compressed.",
        429: "Too many requests; see Retry-After.",
        503: UNAVAILABLE,
    },
)
@limited(AUDITS_A_MINUTE)
def open_audit() -> Response:
    opened = opening.open_audit(bureau(), read_body(AUDIT_NOTE_BYTES_MAX))
    members = {
        "token": opened.token,
        "case": opened.case,
        "from": opened.first_index,
        "to": opened.last_index,
        "expires": format_instant(opened.expires_at),
    }
    return answer(orjson.dumps(members), status=201)


@endpoint(
    blueprint,
    "GET",
    "/current/<string:what>",
    summary="Read what an audit replays",
    good={200: (JSON, "Records as docs/formats.md section 13 lists them.")},
    problems={
        400: "The query is not what this reading takes.",
        401: NOT_OPEN,
        404: "There is no such reading.",
        422: "Too much at a time.",
        503: UNAVAILABLE,
    },
)
def read_audit(what: str) -> Response:
    _require_token()
    if len(request.args) != len(list(request.args.items(multi=True))):
        raise FormatError("the query names something twice")
    return answer(wire.answer(DatabaseSource.of_bureau(bureau()), what, request.args))


@endpoint(
    transitions_blueprint,
    "GET",
    "/transitions/<int:block>",
    summary="Read how a block follows from the one before",
    good={200: (NDJSON, "A transition proof, docs/formats.md section 17.")},
    problems={
        401: NOT_OPEN,
        404: "This block was not published yet.",
        410: "Part of what the block wrote was destroyed since, so the transition cannot be shown any more (R11).",
        503: UNAVAILABLE,
    },
)
def read_transition(block: int) -> Response:
    _require_token()
    lines, request_id = transition(bureau(), block), g.get("request_id", "")
    try:
        head = next(lines)  # what is wrong is said before the answer begins
    except NotFoundError as error:
        if error.code == "destroyed":
            raise Gone(error.detail) from None
        raise

    def body() -> Iterator[bytes]:
        yield head
        try:
            for some in gathered(lines, len, CHUNK_BYTES):  # a chunk has its price, for server and reader
                yield b"".join(some)
        except DamagedError as error:  # the stream breaks off here, and the reader has too few accounts
            note_damage(error, request_id)
            raise

    return answer(body(), NDJSON)


@endpoint(
    transitions_blueprint,
    "POST",
    "/absences",
    summary="Prove that somebody has no file",
    takes="text/plain",
    good={200: (JSON, "A proof file of kind absent, docs/formats.md section 15.")},
    problems={
        400: "The body is not an identifier of this ledger's scheme.",
        401: NOT_OPEN,
        409: "There is a file.",
        413: "More than an identifier has.",
        415: "The body is compressed.",
        503: UNAVAILABLE,
    },
)
def prove_absence() -> Response:
    """The identifier comes in a body, so that no address has it. Nobody but a regulator may ask: to whoever has no file the
    bureau's own desk gives the proof, and a bank's inquiry is refused alike without a file and without consent.
    """
    _require_token()
    try:
        identifier = read_body(IDENTIFIER_BYTES_MAX).decode("ascii")
    except UnicodeDecodeError:
        raise FormatError("the body is not an identifier") from None
    check_identifier(bureau().scheme, identifier)
    return answer(claims.absence_of(bureau(), identifier))


def _require_token() -> None:
    granted = request.authorization
    token = granted.token if granted is not None and granted.type == "bearer" else None
    if not token or not opening.is_open(bureau(), token):
        raise Unauthorized(
            "Open an audit first; a token is good for an hour, and as long as its regulator's key is valid.",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "audit"}),
        )
