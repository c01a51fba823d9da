"""A citizen's own record, behind a one-time link: the overview, and what can be taken along.

    GET  /open/<token>        a page with one button: a program that previews links does not use it up
    POST /open/<token>        uses the link: a session begins, and the look is an event
    GET  /record              the overview: the score, why it is so, and the three ways on
    GET  /record/score.proof  the score with its proof, to keep or to hand on
    GET  /record/history.proof           all events, none left out: the whole file, verified offline (R39)
    GET  /record/events/<index>.proof    one event with its furnisher's signature
    POST /record/sign-out     the session ends

The session is in PostgreSQL; the signed cookie holds nothing but its token. Addresses never carry an
identifier, and nothing here is cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, redirect, render_template, request, session, url_for

from app.core.errors import NotFoundError
from app.core.scoring import advice_words
from app.services.citizens import links, overview
from app.services.citizens.sessions import browser_of
from app.services.proving import claims, proofs
from app.web import chart, errors, language, logs, words
from app.web.citizens import menu
from app.web.headers import attachment, keep_private
from app.web.language import instant, text_language
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.citizens.overview import Overview

blueprint = Blueprint("record", __name__)
blueprint.after_request(keep_private)
TOKEN = menu.TOKEN
PROOF_NAME = "score.proof"
PROOF_PATH = f"/record/{PROOF_NAME}"


def session_citizen() -> int:
    """Whose session this is; 403 when it is nobody's."""
    citizen_id = menu.citizen()
    if citizen_id is None:
        abort(403)
    return citizen_id


def begin_session(token: str) -> None:
    """The browser's session is this one from now on, and nothing of an earlier one is left."""
    session.clear()
    session[TOKEN] = token


def browser() -> str:
    """What kind of browser asks."""
    return browser_of(request.headers.get("User-Agent", ""))


@blueprint.get("/open/<token>")
def ask_to_open(token: str) -> str:
    return render_template("open.html", token=token)


@blueprint.post("/open/<token>")
@limited("10 per minute")
def open_record(token: str) -> AnyResponse:
    try:
        begin_session(links.open_link(bureau(), token, browser()))
    except NotFoundError:
        # The same words whether the link was used, has expired or never was: a guesser learns nothing.
        return errors.page(410)
    return redirect(url_for("record.show"), 303)


@blueprint.get("/record")
def show() -> Response | str:
    try:
        seen = overview.overview(bureau(), session_citizen(), text_language())
    except NotFoundError:
        return not_yet()
    return render_template(
        "record.html",
        record=seen,
        masked=words.mask(seen.identifier) if seen.identifier else "",
        scale=None if seen.score is None else chart.scale(seen.score),
        curve=chart.curve([(point.day, point.score) for point in seen.past.points], seen.as_of),
        criteria=seen.criteria,
        reasons=reasons_in_words(seen),
        number=None if seen.score is not None else advice_words.number_sentence(seen.first_score, voice()),
        caution=advice_words.caution(text_language()),
        block_time=instant(seen.block_time),
        words=words,
    )


@blueprint.get(PROOF_PATH)
def score_proof() -> Response:
    """`front` gives the proof; what it leaves comes here."""
    logs.raise_failed()
    proof = proofs.score_proof_of_session(bureau(), session.get(TOKEN, ""))
    if proof is None:
        abort(403)
    return _download(proof, PROOF_NAME)


@blueprint.get("/record/history.proof")
def history_proof() -> Response:
    return _download(claims.history_of(bureau(), session_citizen()), "history.proof")


@blueprint.get("/record/events/<int:log_index>.proof")
def event_proof(log_index: int) -> Response:
    return _download(claims.event_of(bureau(), log_index, session_citizen()), f"event-{log_index}.proof")


def _download(proof: bytes, name: str) -> Response:
    return Response(proof, headers=attachment(name, "application/json"))


@blueprint.post("/record/sign-out")
def sign_out() -> AnyResponse:
    token = session.pop(TOKEN, "")
    if token:
        links.end_session(bureau(), token)
    session.clear()
    return redirect(url_for("pages.home"), 303)


def voice() -> advice_words.Voice:
    """How advice is written on a page."""
    return advice_words.Voice(text_language(), language.format_money, language.format_day)


def not_yet() -> Response:
    """The page for a citizen who is in no block yet."""
    response = errors.page(409)
    response.headers["Retry-After"] = "2"
    return response


def reasons_in_words(seen: Overview) -> list[tuple[str, str]]:
    """(why, what would help) in a sentence each, the most points first; the second is empty when nothing would."""
    said = {criterion.id: criterion.reason for criterion in seen.criteria}
    helps = {each.criterion: advice_words.advice_sentence(each, voice()) for each in seen.advice}
    return [(said[reason], helps.get(reason, "")) for reason in seen.reasons]
