"""Signing in for people at organisations, and what they may open.

    GET  /seat/open/<token>           a page with one button: a program that previews links does not use it up
    POST /seat/open/<token>           uses the link: a session begins
    GET  /seat                        who you are, where you may go, your sessions
    POST /seat/sessions/<number>/end  ends one of them
    POST /seat/sign-out               ends this one

Pages for organisations ask `require("bank")` first and extend `office.html`. The session is in PostgreSQL; the signed cookie
holds nothing but its token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext

from app.core.errors import NotFoundError
from app.services.organisations import seats
from app.web.headers import keep_private
from app.web.language import N_, instant
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.organisations.seats import Seat

blueprint = Blueprint("seats", __name__, url_prefix="/seat")
blueprint.after_request(keep_private)
TOKEN = "seat"  # noqa: S105 - the name of a member of the session, not a password

ROLES = {
    "bank": N_("Bank"),
    "furnisher": N_("Furnisher"),
    "regulator": N_("Regulator"),
    "clerk": N_("Clerk"),
    "officer": N_("Officer"),
}
# Where a role finds its pages.
PLACES = {
    "bank": (("/bank", N_("Bank")), ("/bank/letters", N_("Letters"))),
    "furnisher": (("/furnisher", N_("Reports and disputes")),),
    "regulator": (("/regulator", N_("Supervision")),),
    "clerk": (
        ("/staff", N_("Cases")),
        ("/staff/codes", N_("Enrolment codes")),
        ("/staff/paper", N_("From paper")),
    ),
    "officer": (
        ("/staff/approvals", N_("Approvals")),
        ("/staff/applications", N_("Applications")),
        ("/staff/journal", N_("Journal")),
    ),
}

# What a page says instead of what was asked for: status, heading, what to do.
NOTICES = {
    "nobody": (
        403,
        N_("Sign in first"),
        N_(
            "This page is for people at organisations. Open the one-time link that the bureau gave you, or ask for a new one."
            " A session ends by itself after half an hour without a click."
        ),
    ),
    "other": (
        403,
        N_("This page is for another role"),
        N_("What your seat may do is on its own page. Ask the bureau if it should be another one."),
    ),
    "closed": (
        410,
        N_("This link no longer works"),
        N_("A link opens a seat once and only for a day. Ask the bureau for a new one."),
    ),
}


def current() -> Seat | None:
    """Who sits there, if this browser has a session of a seat."""
    if "seat" not in g:
        token = session.get(TOKEN, "")
        found = seats.seat_of(bureau(), token) if token else None
        g.seat, g.seat_session = found or (None, None)
    seat: Seat | None = g.seat
    return seat


def require(*roles: str) -> Seat:
    """Who sits there, in one of these roles; else a page (403) that says how to get in."""
    seat = current()
    if seat is None:
        abort(_notice("nobody"))
    if seat.role not in roles:
        abort(_notice("other"))
    return seat


def navigation() -> list[dict[str, object]]:
    """What `office.html` shows above the page: the place with the longest path that leads to here is where one is."""
    here, seat = request.path, current()
    offered = () if seat is None else PLACES[seat.role]
    within = max((path for path, _ in offered if f"{here}/".startswith(f"{path}/")), key=len, default="")
    return [
        {
            "href": path,
            "text": gettext(name),
            "current": here == path,
            "active": path == within,
        }
        for path, name in [*offered, ("/seat", "Your seat")]
    ]


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {
        "seat_roles": ROLES,
        "seat_places": PLACES,
        "seat_navigation": navigation,
        "instant": instant,
    }


def _notice(name: str) -> Response:
    status, heading, advice = NOTICES[name]
    html = render_template("seat_notice.html", heading=heading, advice=advice)
    return Response(html, status, content_type="text/html; charset=utf-8")


@blueprint.get("/open/<token>")
def ask_to_open(token: str) -> str:
    return render_template("seat_open.html", token=token)


@blueprint.post("/open/<token>")
@limited("10 per minute")
def open_seat(token: str) -> AnyResponse:
    try:
        session_token = seats.open_link(bureau(), token)
    except NotFoundError:
        return _notice("closed")
    session.clear()
    session[TOKEN] = session_token
    return redirect(url_for("seats.show"), 303)


@blueprint.get("")
def show() -> str:
    seat = require(*seats.ROLES)
    return render_template(
        "seat.html", seat=seat, sessions=seats.sessions(bureau(), seat), this=g.seat_session
    )


@blueprint.post("/sessions/<int:number>/end")
def end_session(number: int) -> AnyResponse:
    seats.end_session(bureau(), require(*seats.ROLES), number)
    return redirect(url_for("seats.show"), 303)


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    seat = current()
    if seat is not None:
        seats.end_session(bureau(), seat, g.seat_session)
    session.clear()
    return redirect(url_for("pages.home"), 303)
