"""Officers and organisations that apply for a key's registration (services.organisations.applications).

GET  /staff/applications                    what was applied for, the newest first
GET  /staff/applications/<number>           one; what the two officers have to find out
POST /staff/applications/<number>/propose   it stands before the second officer
POST /staff/applications/<number>/refuse    with a reason, which the applicant reads
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for

from app.core.errors import CredenceError
from app.services.organisations import applications
from app.web.forms import written
from app.web.headers import keep_private
from app.web.language import N_
from app.web.organisations import seats
from app.web.organisations.approvals import KEY_ROLES
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("applying", __name__, url_prefix="/staff/applications")
blueprint.after_request(keep_private)
ROLE = "officer"
STATES = {
    "open": N_("waits for an officer"),
    "proposed": N_("proposed"),
    "registered": N_("registered"),
    "refused": N_("refused"),
    "ended": N_("ended"),
}


@blueprint.get("")
def show() -> str:
    seats.require(ROLE)
    return render_template(
        "applying.html", applications=applications.newest(bureau()), roles=KEY_ROLES, states=STATES
    )


@blueprint.get("/<int:number>")
def one(number: int) -> str:
    seats.require(ROLE)
    return _one(number)


def _one(number: int, error: CredenceError | None = None) -> str:
    return render_template(
        "applying_one.html",
        application=applications.application(bureau(), number),
        roles=KEY_ROLES,
        states=STATES,
        error=error,
        given=request.form,
    )


@blueprint.post("/<int:number>/propose")
def propose(number: int) -> AnyResponse | tuple[str, int]:
    seat = seats.require(ROLE)
    try:
        proposal = applications.propose(bureau(), seat, number)
    except CredenceError as error:
        return _one(number, error), 422
    return redirect(url_for("approvals.one", number=proposal), 303)


@blueprint.post("/<int:number>/refuse")
def refuse(number: int) -> AnyResponse | tuple[str, int]:
    seat = seats.require(ROLE)
    try:
        applications.refuse(bureau(), seat, number, written("reason"))
    except CredenceError as error:
        return _one(number, error), 422
    return redirect(url_for("applying.one", number=number), 303)
