"""A citizen's keys: passkeys that can sign, and browsers that are signed in.

    GET  /record/security                     both lists; a new passkey
    POST /record/security/passkeys            what the authenticator made: recorded on the ground of the one-time code with
                                              which this session began, or else signed by a passkey that is there already
    POST /record/security/passkeys/remove     asks for the signature of its removal
    POST /record/security/sessions/<id>/end   ends a session

A passkey is named by its place in the list, never by its credential, so nothing of it is in an address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, redirect, render_template, request, session, url_for
from flask_babel import gettext

from app.core.errors import FormatError, NotFoundError, SignatureError
from app.services.citizens import enrolment, sessions
from app.web import words
from app.web.citizens.record import TOKEN, session_citizen
from app.web.citizens.signing import ask, elsewhere, read_answer
from app.web.headers import keep_private
from app.web.language import N_, format_day, instant
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("security", __name__, url_prefix="/record/security")
blueprint.after_request(keep_private)
HOW = {
    "code": N_("with a one-time code"),
    "passkey": N_("with a passkey"),
    "identity": N_("by the identity provider"),
}


@blueprint.get("")
def show() -> Response:
    return _page()


@blueprint.post("/passkeys")
@limited("20 per minute")
def add() -> AnyResponse:
    session_citizen()
    token = session[TOKEN]
    try:
        answer = read_answer(request.form.get("answer", ""), dict)
        fields = enrolment.finish(bureau(), token, request.form.get("registration", ""), answer)
    except (FormatError, SignatureError, NotFoundError):
        return _page(wrong=True, status=422)
    if enrolment.ground(bureau(), token) is None:
        return ask(
            "passkey_added", fields, gettext("Add a new passkey to my record."), url_for("security.show")
        )
    lost = (
        [each.credential for each in sessions.passkeys_of(bureau(), token)]
        if request.form.get("lost")
        else []
    )
    enrolment.register(bureau(), token, fields, lost)
    return redirect(url_for("security.show"), 303)


@blueprint.post("/passkeys/remove")
def remove() -> AnyResponse:
    session_citizen()
    there = sessions.passkeys_of(bureau(), session[TOKEN])
    place = request.form.get("place", -1, type=int)
    if not 0 <= place < len(there):
        abort(404)
    sentence = gettext(
        "Remove the passkey of %(day)s from my record. It can no longer sign in or sign anything.",
        day=format_day(there[place].added),
    )
    fields = {"credential": there[place].credential}
    return ask("passkey_removed", fields, sentence, url_for("security.show"))


@blueprint.post("/sessions/<session_id>/end")
def end_session(session_id: str) -> AnyResponse:
    session_citizen()
    sessions.end(bureau(), session[TOKEN], session_id)
    return redirect(url_for("security.show"), 303)


def _page(*, wrong: bool = False, status: int = 200) -> Response:
    session_citizen()
    token = session[TOKEN]
    there = sessions.passkeys_of(bureau(), token)
    own = sessions.current(bureau(), token)
    options, registration = enrolment.begin(bureau(), token, words.mask)
    html = render_template(
        "security.html",
        passkeys=there,
        sessions=sessions.listed(bureau(), token),
        own=own,
        may_add=own.began.ground is not None or bool(there),
        on_ground=own.began.ground is not None,
        options=options,
        registration=registration,
        elsewhere=elsewhere(),
        how=HOW,
        instant=instant,
        wrong=wrong,
    )
    return Response(html, status)
