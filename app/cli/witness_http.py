"""The witness over HTTP: the four addresses that it answers, and nothing else.

    POST /add-checkpoint                  200 signature lines, 400, 403, 404, 409 (text/x.tlog.size), 422
    GET  /<origin hash>/checkpoint        200 the head cosigned last, 404
    GET  /<origin hash>/contradiction     200 two heads that exclude each other, 404
    GET  /                                200 the witness's keys and the logs that it knows

Both the submission prefix and the monitoring prefix of the specification are the address of this server. It lives with
the command line, beside the one command that starts it, and loads nothing of the bureau's web or database.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.core.errors import CredenceError, FormatError, NotFoundError, ProofError, SignatureError
from app.core.log import witness
from app.core.log.witness import SizeConflictError
from app.services.ledger.witnessing import Witness

PLAIN = "text/plain; charset=utf-8"
HOME_VARIABLE = "CREDENCE_WITNESS_HOME"
STATUS = {FormatError: 400, SignatureError: 403, NotFoundError: 404, SizeConflictError: 409, ProofError: 422}


def from_environment() -> Flask:
    """What granian loads: the witness of CREDENCE_WITNESS_HOME."""
    return create(Witness.open(Path(os.environ[HOME_VARIABLE]), lambda: int(time.time())))


def create(cosigner: Witness) -> Flask:
    """The application around a witness."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = witness.REQUEST_BYTES_MAX
    app.register_error_handler(CredenceError, _refused)
    app.register_error_handler(HTTPException, _not_here)

    @app.post("/add-checkpoint")
    def add_checkpoint() -> Response:
        return Response(cosigner.add_checkpoint(request.get_data()), content_type=PLAIN)

    @app.get("/<origin_hash>/checkpoint")
    def checkpoint(origin_hash: str) -> Response:
        return _fresh(cosigner.checkpoint(origin_hash), PLAIN)

    @app.get("/<origin_hash>/contradiction")
    def contradiction(origin_hash: str) -> Response:
        return _fresh(cosigner.contradiction(origin_hash), "application/json")

    @app.get("/")
    def about() -> Response:
        lines = [f"witness {signer.name} {signer.verifier.encode()}" for signer in cosigner.signers]
        lines += [f"log {key.encode()}" for keys in cosigner.logs.values() for key in keys]
        return Response("\n".join([*lines, ""]), content_type=PLAIN)

    return app


def _fresh(body: bytes, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=1"
    return response


def _refused(error: CredenceError) -> Response:
    if isinstance(error, SizeConflictError):
        return Response(witness.format_size(error.size), 409, content_type=witness.SIZE_TYPE)
    return Response(f"{error.detail}\n", STATUS.get(type(error), 500), content_type=PLAIN)


def _not_here(error: HTTPException) -> Response:
    return Response(f"{error.name}\n", error.code, content_type=PLAIN)
