"""Signing in, and the first time: enrolment.

    GET  /sign-in                 with a passkey; with a one-time code; by the identity provider, when one is set up
    POST /sign-in                 the passkey's answer: a session begins
    GET  /enrol                   where a one-time code is typed
    POST /enrol                   uses the code: a session begins, which may register one passkey
    GET  /sign-in/identity        to the identity provider
    GET  /sign-in/identity/back   and back from it

A new session has a new token, and whatever the browser's cookie held before is forgotten. Guesses are slowed down by address;
a code has 80 bits. Where an answer is wrong the words are the same, whatever was wrong with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

from app.core.errors import FormatError, NotFoundError, SignatureError
from app.services.citizens import links, sign_in
from app.services.citizens.identity import Provider
from app.web.citizens.record import begin_session, browser
from app.web.citizens.signing import elsewhere, read_answer
from app.web.headers import keep_private
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("signin", __name__)
blueprint.after_request(keep_private)
IDENTITY = "identity"


@blueprint.get("/sign-in")
@limited("60 per minute")
def show() -> Response:
    return _page()


@blueprint.post("/sign-in")
@limited("20 per minute")
def enter() -> AnyResponse:
    try:
        answer = read_answer(request.form.get("answer", ""), dict)
        begin_session(sign_in.with_passkey(bureau(), answer, browser()))
    except (FormatError, SignatureError):
        return _page(wrong=True, status=422)
    return redirect(url_for("record.show"), 303)


@blueprint.get("/enrol")
def ask_code() -> str:
    return render_template("enrol.html", wrong=False)


@blueprint.post("/enrol")
@limited("10 per minute")
def use_code() -> AnyResponse:
    try:
        begin_session(links.open_link(bureau(), request.form.get("code", "")[:64], browser()))
    except NotFoundError:
        # The same words whether the code was used, has expired or never was: a guesser learns nothing.
        return Response(render_template("enrol.html", wrong=True), 422)
    return redirect(url_for("security.show"), 303)


# ---- the identity provider


def provider() -> Provider | None:
    """The one that is set up; read once."""
    if "credence_identity" not in current_app.extensions:
        current_app.extensions["credence_identity"] = Provider.load(bureau().home)
    found: Provider | None = current_app.extensions["credence_identity"]
    return found


def _redirect_uri() -> str:
    return bureau().address.origin + url_for("signin.back_from_provider")


@blueprint.get("/sign-in/identity")
@limited("20 per minute")
def to_provider() -> AnyResponse:
    chosen = provider() or abort(404)
    kept, url = chosen.start(_redirect_uri())
    session[IDENTITY] = kept
    return redirect(url, 303)


@blueprint.get("/sign-in/identity/back")
@limited("20 per minute")
def back_from_provider() -> AnyResponse:
    chosen = provider() or abort(404)
    kept = session.pop(IDENTITY, None)
    if kept is None:
        return _page(wrong=True, status=422)
    try:
        identifier, ground = chosen.finish(_redirect_uri(), kept, request.args, bureau().scheme)
        begin_session(sign_in.with_identity(bureau(), identifier, ground, browser()))
    except SignatureError:
        return _page(wrong=True, status=422)
    except NotFoundError:
        return Response(render_template("no_file.html"), 404)
    return redirect(url_for("record.show"), 303)


def _page(*, wrong: bool = False, status: int = 200) -> Response:
    html = render_template(
        "sign_in.html",
        challenge=sign_in.challenge(bureau()),
        elsewhere=elsewhere(),
        provider=provider(),
        relying_party=bureau().address.relying_party,
        wrong=wrong,
    )
    return Response(html, status)
