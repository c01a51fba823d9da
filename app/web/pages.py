"""The pages that everybody may read: what this is, the language switch, what the errors mean.

No cookie is set here but the language's, and that only when somebody asks for it.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request

from app.services.ledger import figures
from app.web import errors, language
from app.web.paths import own_path
from app.web.state import bureau

blueprint = Blueprint("pages", __name__)
LANGUAGE_SECONDS = 365 * 24 * 3600


@blueprint.get("/")
def home() -> str:
    ledger = figures.figures(bureau())
    last_block = None
    if ledger.last_block_time is not None:
        last_block = language.instant(ledger.last_block_time)
    return render_template("home.html", ledger=ledger, last_block=last_block)


@blueprint.post("/language")
def choose_language() -> Response:
    """Remember a language and go back. No CSRF token: a stranger could at most change the language."""
    chosen = request.form.get("language", "")
    if chosen not in language.LANGUAGES:
        abort(400)
    response = redirect(own_path(request.form.get("next", "/")), 303)
    response.set_cookie(
        language.COOKIE,
        chosen,
        max_age=LANGUAGE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return Response(response.get_data(), response.status_code, dict(response.headers))


@blueprint.get("/problems")
def problems() -> str:
    return render_template("problems.html", kinds=errors.KINDS)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    response = redirect("/static/favicon.svg", 301)
    return Response(status=301, headers={"Location": response.location or ""})
