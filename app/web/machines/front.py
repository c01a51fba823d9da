"""The front door: the two busiest answers of the service, given without going through Flask.

    app.wsgi_app = Front(app, app.wsgi_app, https=False)

`GET /record/score.proof` and `POST /v1/inquiries` take less work than what a framework does around them: a request object,
routing, a session, hooks before and after, a response object. So what every good answer of theirs needs is done here, and
Flask is handed whatever is not plain: no session, a query, chunks, a refusal, a fault. Errors have one place that way, and
this one knows none.

    a plain request -> served -> 200                       here
                    -> not served (no cookie, ...)         Flask, as if nothing had been
                    -> an error                            Flask; its view raises that error and does not serve again
    any other request                                      Flask

An answer is what Flask's own would have been, to the header and to the line in the log, for it is put together from the same
parts; a test compares them. Decision 16 (docs/decisions) has what it saves, and what it costs.
"""

from __future__ import annotations

import time
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from app.services.banks import inquiries
from app.services.proving import proofs
from app.web import headers, logs
from app.web.citizens import record
from app.web.machines import api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication

    from flask import Flask

    from app.services.bureau import Bureau
    from app.web.cookies import PeopleSessions

    Environ = dict[str, Any]


class _Served(NamedTuple):
    """One of the two: its route, what gives the body of its answer (None: let Flask see), and its headers' two ends."""

    route: str
    body: Callable[[Environ], bytes | None]
    first: list[tuple[str, str]]
    last: list[tuple[str, str]]


class Front:
    """WSGI around the WSGI of Flask."""

    def __init__(
        self,
        app: Flask,
        inner: WSGIApplication,
        sessions: PeopleSessions,
        write_line: logs.Writer,
        *,
        https: bool,
    ) -> None:
        self.inner = inner
        self._app, self._sessions = app, sessions
        self._bureau: Bureau = app.extensions["credence"]
        self._log = write_line
        self._common = [("Cache-Control", "no-store"), *headers.for_machines(https=https)]
        proof, inquiry = record.PROOF_PATH, f"{api.blueprint.url_prefix}{api.INQUIRIES_PATH}"
        self._served = {
            ("GET", proof): _Served(
                proof,
                self._score_proof,
                headers.attachment(record.PROOF_NAME, "application/json"),
                [("Vary", "Cookie")],
            ),
            ("POST", inquiry): _Served(inquiry, self._inquiry, api.JSON_HEADERS, []),
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        served = self._served.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if served is None or environ.get("QUERY_STRING"):
            return self.inner(environ, start_response)
        began = environ[logs.BEGAN] = time.perf_counter()
        try:
            body = served.body(environ)
        except Exception as error:  # noqa: BLE001 - raised again where errors become answers
            environ[logs.FAILED] = error
            body = None
        if body is None:
            return self.inner(environ, start_response)
        request_id = logs.request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        size, received = len(body), int(environ.get("CONTENT_LENGTH") or 0)
        lines = [*served.first, ("Content-Length", str(size)), *self._common]
        lines += [("X-Request-Id", request_id), *served.last]
        self._log(environ["REQUEST_METHOD"], served.route, 200, request_id, began, received, size)
        start_response("200 OK", lines)
        return [body]

    def _score_proof(self, environ: Environ) -> bytes | None:
        cookie = environ.get("HTTP_COOKIE")
        if not cookie or environ.get("CONTENT_LENGTH"):
            return None
        token = self._sessions.read(self._app, cookie).get(record.TOKEN)
        return proofs.score_proof_of_session(self._bureau, token) if token else None

    def _inquiry(self, environ: Environ) -> bytes | None:
        length = environ.get("CONTENT_LENGTH", "")
        is_plain = length.isdecimal() and length.isascii() and int(length) <= api.INQUIRY_BYTES_MAX
        if not is_plain or "HTTP_CONTENT_ENCODING" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            return None
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(body)  # for Flask, should it come to that
        if len(body) != int(length):
            return None
        return api.inquiry_body(self._bureau, inquiries.inquire(self._bureau, body))
