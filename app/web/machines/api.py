"""The JSON API for furnishers and banks, described by itself at /v1/openapi.json.

    POST /v1/batches                          a .batch in, a signed receipt out: 201, or 200 the next time
    GET  /v1/receipts/<furnisher>/<batch id>  the same receipt again
    POST /v1/inquiries                        a .batch of one inquiry in; answer, receipts, proof out
    POST /v1/inquiries/bulk                   a .batch of many in; the same for each, a line each, while they are answered
    GET  /v1/corrections                      for a bank: whose items were repaired since it was told their score
    GET  /v1/disputes                         for a furnisher: what is disputed of its items, with the evidence
    GET  /v1/filed                            for a furnisher: where the events of its batch were filed
    GET  /v1/figures                          what the ledger holds

There are no accounts, keys or cookies here: what comes in is signed by a registered key, and that signature
is the permission. Bodies are read up to a limit, also when they come in chunks without a length, and go to
the services as bytes.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import ExitStack
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import orjson
from flask import Response, g
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint
from werkzeug.exceptions import TooManyRequests
from werkzeug.routing import BaseConverter

from app.services.banks import bulk, inquiries, recipients
from app.services.banks.replies import Answer, Outcome
from app.services.citizens import disputes
from app.services.ledger import figures, intake
from app.services.organisations import furnishing
from app.services.proving import filing
from app.web import errors, logs
from app.web.limits import BATCHES_A_MINUTE, limited
from app.web.machines import schemas
from app.web.machines.answers import A_MOMENT, JSON, NDJSON, PLAIN, answer
from app.web.machines.bodies import UNAVAILABLE, note_problems, read_body, signed_note
from app.web.machines.described import endpoint
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from app.services.bureau import Bureau

BATCH_BYTES_MAX = 128 * 1024 * 1024
INQUIRY_BYTES_MAX = 64 * 1024
BULK_BYTES_MAX = 16 * 1024 * 1024
BULKS_AT_ONCE, BULK_RETRY_AFTER_S = 2, 5
_BULKS = BoundedSemaphore(BULKS_AT_ONCE)
"""How many files a worker answers at the same time: a file takes a thread for seconds, and others are to be served too."""
INQUIRIES_PATH = "/inquiries"
JSON_HEADERS = [("Content-Type", JSON)]


blueprint = Blueprint(
    "api", __name__, url_prefix="/v1", description="Signed batches in, signed receipts and proofs out."
)


class Api(SmorestApi):  # type: ignore[misc]
    """flask-smorest without its own error answers: `app.web.errors` gives all of them."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Nothing: the table in `app.web.errors` is registered for the whole application."""


class NameConverter(BaseConverter):
    """The name of a key, which may hold slashes (formats.md, section 1)."""

    regex = r"[a-z0-9.\-/]{1,100}"
    part_isolating = False


class RefConverter(BaseConverter):
    """A batch id (formats.md, section 1)."""

    regex = r"[A-Za-z0-9._\-]{1,64}"


class HashConverter(BaseConverter):
    """A hash (formats.md, section 1)."""

    regex = r"[0-9a-f]{64}"


@endpoint(
    blueprint,
    "POST",
    "/batches",
    summary="Submit a batch of events",
    takes=NDJSON,
    good={
        201: (PLAIN, "Durable: the signed receipt."),
        200: (PLAIN, "It was here before: the same receipt."),
    },
    problems={
        400: "The bytes are not a batch.",
        403: "The signature is wrong, or its key is unknown or revoked.",
        409: "The batch id stands for another batch.",
        413: "More than 128 MiB.",
        415: "The body is compressed.",
        422: "A rule refuses it; `problems` names the first lines.",
        429: "Too many requests; see Retry-After.",
        503: UNAVAILABLE,
    },
)
@limited(BATCHES_A_MINUTE)
def post_batch() -> Response:
    admission = furnishing.admit(bureau(), read_body(BATCH_BYTES_MAX))
    return Response(admission.receipt, 201 if admission.fresh else 200, content_type=PLAIN)


@endpoint(
    blueprint,
    "GET",
    "/receipts/<name:furnisher>/<ref:batch_id>",
    summary="The receipt of a batch, again",
    good={200: (PLAIN, "The signed receipt.")},
    problems={404: "No such batch was admitted."},
)
def get_receipt(furnisher: str, batch_id: str) -> Response:
    return Response(intake.receipt_of(bureau(), furnisher, batch_id), content_type=PLAIN)


@endpoint(
    blueprint,
    "POST",
    INQUIRIES_PATH,
    summary="Ask for a citizen's score",
    takes=NDJSON,
    good={200: (schemas.Answer, "The answer; it and the inquiry are durable.")},
    problems={
        400: "The bytes are not a batch of one inquiry.",
        403: "No consent or no file (with the refusal's receipt), or the key is not accepted.",
        409: "Not in a block yet: see Retry-After. Or the batch id stands for another batch.",
        413: "More than 64 KiB.",
        415: "The body is compressed.",
        422: "A rule refuses it.",
        423: "The citizen has frozen the file (with the refusal's receipt).",
        503: UNAVAILABLE,
    },
)
def post_inquiry() -> Response:
    """`front` answers; what it leaves comes here."""
    logs.raise_failed()
    answer = inquiries.inquire(bureau(), read_body(INQUIRY_BYTES_MAX))
    response = Response(inquiry_body(bureau(), answer), headers=JSON_HEADERS)
    response.headers["Cache-Control"] = "no-store"
    return response


def inquiry_body(teller: Bureau, answer: Answer, **more: int) -> bytes:
    """What a bank is told, noted in the journal (R44). The proof is put in as the canonical bytes that it is."""
    teller.given.note("answer", answer.answer["id"], teller.now())
    return orjson.dumps(
        {
            **more,
            "answer": answer.answer,
            "receipts": [receipt.decode() for receipt in answer.receipts],
            "proof": orjson.Fragment(answer.proof),
            "advice": answer.advice,
        }
    )


@endpoint(
    blueprint,
    "POST",
    f"{INQUIRIES_PATH}/bulk",
    summary="Ask for the scores of many citizens",
    takes=NDJSON,
    good={
        200: (
            NDJSON,
            "Per inquiry an object on a line, in order: what a single one is answered with, or the problem; and `line`.",
        )
    },
    problems={
        400: "The bytes are not a batch.",
        403: "The key is not accepted.",
        409: "The batch id stands for another batch.",
        413: "More than 16 MiB.",
        415: "The body is compressed.",
        422: "A rule refuses the batch; `problems` names the first lines.",
        429: "Other files are being answered right now; see Retry-After.",
        503: UNAVAILABLE,
    },
)
def post_inquiries() -> Response:
    """Once it streams there is no other status: a line that is a problem says so itself."""
    if not _BULKS.acquire(blocking=False):
        raise TooManyRequests("Other files are being answered right now.", retry_after=BULK_RETRY_AFTER_S)
    place = ExitStack()
    place.callback(_BULKS.release)  # once, whatever comes first: an error, the last line, a client that left
    try:
        outcomes = bulk.inquire_all(bureau(), read_body(BULK_BYTES_MAX))
    except BaseException:
        place.close()
        raise
    response = Response(_lines(bureau(), outcomes, g.request_id, place), content_type=NDJSON)
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(place.close)
    return response


def _lines(
    teller: Bureau, outcomes: Iterator[tuple[int, Outcome]], request_id: str, place: ExitStack
) -> Iterator[bytes]:
    with place:
        for line, outcome in outcomes:
            yield outcome_line(teller, line, outcome, request_id)


def outcome_line(teller: Bureau, line: int, outcome: Outcome, request_id: str) -> bytes:
    """One line of the answer to many inquiries, with its newline."""
    if isinstance(outcome, Answer):
        return inquiry_body(teller, outcome, line=line) + b"\n"
    _, about = errors.members(outcome)
    retry = {"retry_after": outcome.retry_after_s} if isinstance(outcome, inquiries.NotYetError) else {}
    return orjson.dumps({"line": line, **about, **retry, "request_id": request_id}) + b"\n"


@endpoint(
    blueprint,
    "GET",
    "/corrections",
    summary="What was repaired since this bank was answered",
    good={200: (schemas.Corrections, "Up to 1,000 items, the oldest first. Ask again with `after`.")},
    problems=note_problems("bank"),
)
def get_corrections() -> Response:
    """A signed GET: the note is short, and in a header, so that addresses and their logs hold nothing."""
    note = signed_note("corrections", 14)
    told = recipients.messages(bureau(), note)
    items = [{"citizen": message.citizen.hex(), "index": message.index} for message in told]
    after = {"after": told[-1].number} if told else {}
    return answer(orjson.dumps({"corrections": items, **after}))


@endpoint(
    blueprint,
    "GET",
    "/filed",
    summary="Where the events of a furnisher's batch were filed",
    good={
        200: (NDJSON, "For each of the next 100 events a proof of kind event that shows its citizen's file.")
    },
    problems=note_problems("furnisher")
    | {404: "This furnisher has no such batch, or it is in no block yet."},
)
def get_filed() -> Response:
    found = filing.filed_events(bureau(), signed_note("filed", 22))
    return answer(b"".join(each + b"\n" for each in found), NDJSON)


@endpoint(
    blueprint,
    "GET",
    "/disputes",
    summary="What citizens dispute of this furnisher's items",
    good={
        200: (schemas.Disputes, "Open disputes with all evidence, the oldest first. Ask again with `after`.")
    },
    problems=note_problems("furnisher"),
)
def get_disputes() -> Response:
    """The answer is a batch: `dispute_closed`, with a `correction` or `retraction` where the citizen is right."""
    cases = disputes.for_furnisher(bureau(), signed_note("disputes", 19))
    after = {"after": cases[-1].number} if cases else {}
    return answer(orjson.dumps({"disputes": [_case(case) for case in cases], **after}))


def _case(case: disputes.Case) -> dict[str, object]:
    return {
        "number": case.number,
        "citizen": case.citizen,
        "index": case.item,
        "event": case.event_id,
        "filed_on": case.filed_on.isoformat(),
        "due_on": case.due_on.isoformat(),
        "said": [{"ground": ground, "text": text} for ground, text in case.said],
        "evidence": [
            {
                "hash": name,
                "files": [
                    {
                        "name": each.name,
                        "type": each.known.media_type,
                        "sha256": each.known.sha256,
                        "data": b64encode(each.data).decode(),
                    }
                    for each in files
                ],
            }
            for name, files in case.evidence
        ],
    }


@endpoint(
    blueprint,
    "GET",
    "/figures",
    summary="What the ledger holds",
    good={200: (schemas.Figures, "Numbers as of the newest block.")},
    problems={503: UNAVAILABLE},
)
def get_figures() -> Response:
    return answer(orjson.dumps(schemas.Figures().dump(figures.figures(bureau()))), keep=A_MOMENT)


def register(app: Flask) -> Api:
    app.url_map.converters["name"] = NameConverter
    app.url_map.converters["ref"] = RefConverter
    app.url_map.converters["hash"] = HashConverter
    app.config.update(
        API_TITLE="Credence",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = Api(app)
    api.register_blueprint(blueprint)
    return api
