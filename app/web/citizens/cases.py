"""A citizen asks for a person (R36), and sees how it stands.

GET  /record/cases    one's cases with their answers, and the form for a new one, about what `?about=` chooses
POST /record/cases    asks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for

from app.core.errors import CredenceError
from app.services.organisations import cases
from app.web.citizens.record import session_citizen
from app.web.forms import written
from app.web.headers import keep_private
from app.web.language import N_
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("cases", __name__, url_prefix="/record/cases")
blueprint.after_request(keep_private)

ABOUT = {
    "decision": N_("A bank's decision, or my score"),
    "entry": N_("Something that was reported about me"),
    "mixed": N_("Entries of somebody else are in my record"),
    "look": N_("Somebody looked who should not have"),
    "other": N_("Something else"),
}
STATES = {
    "waiting": N_("waits for somebody to take it"),
    "taken": N_("somebody is working on it"),
    "answered": N_("answered"),
}


@blueprint.get("")
def show() -> str:
    return _page(session_citizen())


def _page(citizen_id: int, error: CredenceError | None = None) -> str:
    return render_template(
        "cases.html",
        cases=cases.of_citizen(bureau(), citizen_id),
        about=ABOUT,
        states=STATES,
        error=error,
        given=request.form or {"about": request.args.get("about", "")},
        chars_max=cases.TEXT_CHARS_MAX,
    )


@blueprint.post("")
def ask() -> AnyResponse | tuple[str, int]:
    citizen_id = session_citizen()
    try:
        cases.ask(bureau(), citizen_id, request.form.get("about", ""), written("text"))
    except CredenceError as error:
        return _page(citizen_id, error), 422
    return redirect(url_for("cases.show"), 303)
