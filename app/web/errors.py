"""Every error that leaves over HTTP, in one shape and from one table.

Machines get `application/problem+json` (RFC 9457):

    {"type":"/problems#rule","title":"Refused by a rule","status":422,"detail":"...","code":"sensitive-field",
     "problems":[{"line":3,"rule":"R2","detail":"..."}]}

`type` names the class of the error and leads to a page that explains it, `code` is the error's own stable
name. `problems` is there for batches only. Errors of HTTP itself (no such path, wrong method, too large) have
`type` "about:blank" and the code of their status. People get a page that says what happened and what to do;
who asks under a path for machines never gets HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog
from flask import Flask, Response, g, render_template, request
from sqlalchemy import exc as sql_errors
from werkzeug.exceptions import HTTPException

from app.core.errors import (
    ConflictError,
    CredenceError,
    DamagedError,
    FormatError,
    NotFoundError,
    ProofError,
    RefusedError,
    RuleError,
    SignatureError,
)
from app.services.banks.inquiries import NotYetError
from app.services.banks.replies import ConsentError
from app.web.citizens import menu
from app.web.language import N_
from app.web.plain_words import plain

if TYPE_CHECKING:
    from sqlalchemy import Engine

PROBLEM_JSON = "application/problem+json"
MACHINE_PATHS = ("/v1/", "/tile/", "/checkpoint", "/policy", "/livez", "/readyz", "/metrics", "/static/")
PROBLEMS_MAX = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """What one class of our errors is on HTTP. `name` is the last part of the problem's type.

    The title of a type is the same in every answer (RFC 9457), so machines get it in English; pages translate
    title and advice.
    """

    error: type[CredenceError]
    status: int
    name: str
    title: str
    advice: str


# First match wins, so that a subclass stands before its parent.
KINDS = (
    Kind(
        ConsentError,
        403,
        "no-consent",
        N_("No consent"),
        N_("The citizen has not agreed to it, or the file is frozen (423). The refusal is in the ledger."),
    ),
    Kind(
        NotYetError,
        409,
        "not-yet",
        N_("Not yet"),
        N_("The file is not in a block yet. Ask again after the seconds in Retry-After."),
    ),
    Kind(
        FormatError,
        400,
        "malformed",
        N_("Malformed"),
        N_("The bytes are not what the format says. Compare them with docs/formats.md; nothing was stored."),
    ),
    Kind(
        SignatureError,
        403,
        "bad-signature",
        N_("Signature not accepted"),
        N_("No valid key made this signature. Check the key's name and role, and that it is not revoked."),
    ),
    Kind(
        ProofError,
        422,
        "proof-failed",
        N_("The proof does not hold"),
        N_("Do not rely on what it says. Ask whoever gave it to you for a fresh one."),
    ),
    Kind(
        RuleError,
        422,
        "rule",
        N_("Refused by a rule"),
        N_("The batch was refused whole. The list of problems names the first lines and the rule of each."),
    ),
    Kind(
        ConflictError,
        409,
        "conflict",
        N_("Conflict"),
        N_("This name stands for other content. Use a new batch id, or send the first content again."),
    ),
    Kind(
        NotFoundError,
        404,
        "not-found",
        N_("Not found"),
        N_("There is nothing under this name."),
    ),
    Kind(
        DamagedError,
        500,
        "damaged",
        N_("What the bureau stores was damaged"),
        N_(
            "What is stored of this record was changed or damaged. Nothing that you sent is wrong, and trying again does not"
            " help: the operators have to run `credence audit`, which names the place."
        ),
    ),
    Kind(
        RefusedError,
        503,
        "refused",
        N_("The ledger refuses to go on"),
        N_("An operator has to look at it. Nothing that was acknowledged is lost."),
    ),
    Kind(
        CredenceError,
        400,
        "error",
        N_("Refused"),
        N_("The detail says why."),
    ),
)

# What an error page tells people: the heading, and what to do.
PAGES: dict[int, tuple[str, str]] = {
    400: (N_("This request could not be read"), N_("Go back, load the page again and repeat what you did.")),
    403: (
        N_("Sign in first"),
        N_(
            "This page is part of somebody's own credit record, and opens only for whoever is signed in to it. Sign in with"
            " your passkey or, without one, with a one-time code that the bureau gives you. If you were signed in before:"
            " that ends by itself after an hour."
        ),
    ),
    404: (N_("Page not found"), N_("Check the address, or begin at the home page.")),
    405: (N_("This page cannot be used in that way"), N_("Begin at the home page.")),
    409: (
        N_("Your record is not ready yet"),
        N_("It will be in the next block. Load the page again in a few seconds."),
    ),
    410: (
        N_("This link no longer works"),
        N_("A link opens your record once and only for a limited time. Ask for a new link."),
    ),
    413: (
        N_("This file is too large"),
        N_(
            "Choose a smaller one. Of a proof, choose the .proof file itself; an export is checked on your own computer."
        ),
    ),
    429: (N_("Too many tries"), N_("Wait a minute, then try again.")),
    500: (
        N_("Something went wrong on our side"),
        N_("Your data is safe. Try again in a few minutes; if it happens again, tell us the number below."),
    ),
    503: (N_("The service is not available now"), N_("Try again in a few minutes.")),
}


def kind_of(error: CredenceError) -> Kind:
    """The row of the table that speaks for this error."""
    return next(kind for kind in KINDS if isinstance(error, kind.error))


def wants_page() -> bool:
    """Whether whoever asked should get HTML: never under a path for machines."""
    if request.path.startswith(MACHINE_PATHS):
        return False
    accepted = request.accept_mimetypes
    return not accepted or accepted.best_match(["text/html", PROBLEM_JSON]) == "text/html"


def members(error: CredenceError) -> tuple[int, dict[str, Any]]:
    """(status, members of the problem) of one of our errors."""
    kind = kind_of(error)
    status = kind.status
    more: dict[str, Any] = {}
    if isinstance(error, ConsentError):
        more = {"reason": error.reason, "receipt": error.receipt.decode()}
        status = HTTPStatus.LOCKED if error.reason == "frozen" else status
    if error.problems:
        more["problems"] = [
            {"line": each.line, "rule": each.rule, "detail": each.detail}
            for each in error.problems[:PROBLEMS_MAX]
        ]
    about = {"type": f"/problems#{kind.name}", "title": kind.title, "status": int(status)}
    return status, about | {"detail": error.detail, "code": error.code} | more


def problem(status: int, *, title: str, detail: str, code: str, **more: Any) -> Response:
    """One RFC 9457 answer about an error that is not one of ours; `more` are further members."""
    about = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return _problem(about | more)


def _problem(about: dict[str, Any]) -> Response:
    body = orjson.dumps(about | {"request_id": g.get("request_id", "")})
    response = Response(body, about["status"], content_type=PROBLEM_JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def page(status: int, error: CredenceError | None = None) -> Response:
    """The error page for people; an error that has no plain words is shown in those that it was written in, English."""
    heading, advice = PAGES.get(status, PAGES[500] if status >= 500 else PAGES[400])
    if isinstance(error, SignatureError | DamagedError):  # signing in, or trying again, would not help
        heading, advice = kind_of(error).title, kind_of(error).advice
    menu.ask_nothing()
    html = render_template(
        "error.html",
        heading=heading,
        advice=advice,
        said=None if error is None else plain(error),
        detail=None if error is None else error.detail,
        status=status,
        request_id=g.get("request_id", ""),
        ways=_ways_on(status, again=not isinstance(error, DamagedError)),
    )
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


AGAIN = frozenset({409, 429, 500, 503})


def _ways_on(status: int, *, again: bool) -> list[tuple[str, str]]:
    """(address, text) of what somebody can do next, the best first; the home page comes behind them. `again`: whether trying
    again may help.
    """
    is_record = request.path.startswith("/record")
    if status == HTTPStatus.FORBIDDEN:
        return [("/sign-in", N_("Sign in")), ("/enrol", N_("Use a one-time code"))] if is_record else []
    if status == HTTPStatus.NOT_FOUND and is_record:
        return [("/record", N_("Your record"))]
    ways = []
    if again and status in AGAIN and request.method == "GET":
        ways.append((request.path, N_("Load the page again")))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and is_record:
        ways.append(("/record/cases", N_("Tell the bureau")))
    return ways


def note_damage(error: DamagedError, request_id: str) -> None:
    """A line for the operators. Whose it is, the log does not say: the audit finds the place."""
    structlog.get_logger().error("damaged", code=error.code, request_id=request_id)


def on_credence_error(error: CredenceError) -> Response:
    if isinstance(error, DamagedError):
        note_damage(error, g.get("request_id", ""))
    status, about = members(error)
    response = page(status, error) if wants_page() else _problem(about)
    if isinstance(error, NotYetError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def on_http_error(error: HTTPException) -> Response:
    """Errors of HTTP itself. The headers that belong to them (Allow, Retry-After) are kept."""
    if error.response is not None:
        return cast("Response", error.response)  # a redirect, and the like
    status = error.code or 500
    if wants_page():
        response = page(status)
    else:
        phrase = HTTPStatus(status).phrase
        code = phrase.lower().replace(" ", "-")
        response = problem(status, title=phrase, detail=error.description or phrase, code=code)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def on_database_error(error: Exception) -> Response:
    """The database does not answer, or not in time: not our caller's fault, and worth another try."""
    structlog.get_logger().error("database", kind=type(error).__name__, request_id=g.get("request_id", ""))
    if wants_page():
        response = page(503)
    else:
        response = problem(
            503,
            title="Service Unavailable",
            detail="The database does not answer.",
            code="database-unavailable",
        )
    response.headers["Retry-After"] = "5"
    return response


def on_unexpected_error(error: Exception) -> Response:
    """A fault of ours. The log names the place; never the message, which may quote what somebody sent."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    structlog.get_logger().error(
        "fault", kind=type(error).__name__, places=places[-12:], request_id=g.get("request_id", "")
    )
    if wants_page():
        return page(500)
    return problem(
        500,
        title="Internal Server Error",
        detail="A fault on our side; it was recorded.",
        code="internal-server-error",
    )


def register(app: Flask, engine: Engine) -> None:
    """All handlers. The database's own errors come from its driver, which only `engine` knows by name."""
    driver = cast("Any", engine.dialect).loaded_dbapi
    app.register_error_handler(CredenceError, on_credence_error)
    app.register_error_handler(HTTPException, on_http_error)
    for each in (
        driver.OperationalError,
        driver.InterfaceError,
        sql_errors.DBAPIError,
        sql_errors.TimeoutError,
    ):
        app.register_error_handler(each, on_database_error)
    app.register_error_handler(Exception, on_unexpected_error)
