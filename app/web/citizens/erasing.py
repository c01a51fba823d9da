"""Erase what rests on consent (R40): what goes, what stays and why; asked for with the passkey, called off within a week.

GET  /record/erase        how it stands, or the form
POST /record/erase        to the passkey: the event `erasure`
POST /record/erase/stop   to the passkey: the statement that calls it off
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext

from app.core.state import erasure as rules
from app.services.citizens import erasure
from app.web import language
from app.web.citizens import signing
from app.web.citizens.record import session_citizen
from app.web.headers import keep_private
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("erasing", __name__, url_prefix="/record/erase")
blueprint.after_request(keep_private)


@blueprint.get("")
def show() -> Response:
    return _page()


def _page(problem: str = "") -> Response:
    view = erasure.of_citizen(bureau(), session_citizen())
    html = render_template("erase.html", view=view, days=rules.COOLING_OFF_DAYS, problem=problem)
    return Response(html, 422 if problem else 200)


@blueprint.post("")
def ask() -> AnyResponse:
    view = erasure.of_citizen(bureau(), session_citizen())
    if view.asked_on is not None:
        return redirect(url_for("erasing.show"), 303)
    if request.form.get("sure") != "yes":
        return _page(gettext("Say that you have read what goes."))
    due_on = rules.due_on(bureau().today())
    sentence = gettext(
        "Erase from your record what rests on your consent, from %(day)s on.", day=language.format_day(due_on)
    )
    return signing.ask("erasure", {"scope": "consent_based"}, sentence, url_for("erasing.show"))


@blueprint.post("/stop")
def stop() -> AnyResponse:
    view = erasure.of_citizen(bureau(), session_citizen())
    if view.asked_at is None:
        return redirect(url_for("erasing.show"), 303)
    sentence = gettext(
        "Call off the erasure that you asked for on %(day)s.", day=language.format_day(view.asked_on or "")
    )
    fields = {"target": view.asked_at, "text": f"I call off the erasure that I asked for on {view.asked_on}."}
    return signing.ask("citizen_statement", fields, sentence, url_for("erasing.show"))
