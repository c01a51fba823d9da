"""Who may ask about a citizen: consents, and the freeze. Every change is signed with the passkey (app.web.citizens.signing).

    GET  /record/consents                    what holds, what is over
    GET  /record/consents/new                a form; POST asks for the signature of a new consent
    GET  /record/consents/<id>/limit         a form; POST asks for a narrower one in its place
    POST /record/consents/<id>/withdraw      asks for the signature of its end
    GET  /record/freeze                      is the file frozen, and for whom not
    POST /record/freeze, /record/freeze/thaw ask for the signature

`<id>` is the consent's own id, which the bank has too. What is signed counts at once (R15, R17, R18).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, render_template, request, session, url_for
from flask_babel import gettext

from app.core.errors import RuleError
from app.services.citizens import consents
from app.web import words
from app.web.citizens.record import TOKEN, session_citizen
from app.web.citizens.signing import ask, ask_all
from app.web.headers import keep_private
from app.web.language import N_, format_day
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.citizens.consents import Access, ConsentView

blueprint = Blueprint("consents", __name__, url_prefix="/record")
blueprint.after_request(keep_private)

TERMS = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("a year")}
# The field at fault -> what is wrong with it.
WRONG = {
    "grantee": N_("Choose a bank."),
    "purposes": N_("Choose at least one purpose."),
    "until": N_("Choose a day ahead, at most three years from now."),
}
WRONG_LIMIT = {
    "purposes": N_("Leave at least one purpose, and change something."),
    "until": N_("Choose a day ahead, and no later than now agreed."),
}


# ---- consents


@blueprint.get("/consents")
def show() -> str:
    return render_template("consents.html", access=_read(), words=words)


@blueprint.get("/consents/new")
def ask_new() -> Response:
    return _form(_read())


@blueprint.post("/consents/new")
def give() -> AnyResponse:
    access = _read()
    grantee, purposes = request.form.get("grantee", ""), request.form.getlist("purposes")
    until = _until()
    try:
        kind, fields = consents.given(bureau(), access.banks, grantee, purposes, until)
    except RuleError as wrong:
        return _form(access, wrong=(wrong.code, gettext(WRONG[wrong.code])), status=422)
    return ask(kind, fields, _sentence(grantee, fields["purposes"], until), url_for("consents.show"))


@blueprint.get("/consents/<uuid:consent>/limit")
def ask_limit(consent: object) -> Response:
    return _form(_read(), _one(consent))


@blueprint.post("/consents/<uuid:consent>/limit")
def limit(consent: object) -> AnyResponse:
    access, one = _read(), _one(consent)
    purposes, until = request.form.getlist("purposes"), _until()
    try:
        wanted = consents.limited(bureau(), one, purposes, until)
    except RuleError as wrong:
        return _form(access, one, wrong=(wrong.code, gettext(WRONG_LIMIT[wrong.code])), status=422)
    narrower = _sentence(one.grantee, wanted[0][1]["purposes"], until)
    sentence = gettext(
        "%(narrower)s This takes the place of the consent that you gave before.", narrower=narrower
    )
    return ask_all(wanted, sentence, url_for("consents.show"))


@blueprint.post("/consents/<uuid:consent>/withdraw")
def withdraw(consent: object) -> AnyResponse:
    one = _one(consent)
    kind, fields = consents.withdrawn(one)
    sentence = gettext("%(bank)s may no longer look at my file.", bank=one.grantee)
    return ask(kind, fields, sentence, url_for("consents.show"))


def _sentence(bank: str, purposes: list[str], until: str) -> str:
    last = dt.date.fromisoformat(until) - dt.timedelta(days=1)
    named = gettext(", ").join(words.word(each) for each in purposes)
    return str(
        gettext(
            "%(bank)s may ask for my score and the reasons for it, for: %(purposes)s. The last day is %(day)s.",
            bank=bank,
            purposes=named,
            day=format_day(last),
        )
    )


def _form(
    access: Access,
    one: ConsentView | None = None,
    *,
    wrong: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The form for a new consent, or for a narrower one in the place of `one`."""
    chosen = request.form.getlist("purposes") if request.method == "POST" else (one.purposes if one else ())
    html = render_template(
        "consent_form.html",
        access=access,
        chosen=chosen,
        one=one,
        purposes=one.purposes if one else consents.PURPOSES,
        terms=_terms(one),
        words=words,
        wrong=wrong,
    )
    return Response(html, status)


def _terms(one: ConsentView | None) -> list[tuple[str, str]]:
    """(value, text) of the ends that are offered as they are; of a consent none that is later than its own."""
    today = dt.date.fromisoformat(bureau().today())
    ends = {days: (today + dt.timedelta(days=int(days))).isoformat() for days in TERMS}
    offered = [
        (ends[days], gettext(text)) for days, text in TERMS.items() if not one or ends[days] < one.until
    ]
    if one is not None:
        offered.insert(0, (one.until, gettext("as until now, through %(day)s", day=format_day(one.last_day))))
    return offered


def _until() -> str:
    """The first day on which it no longer holds: one that was offered, or the day behind the last one that was typed."""
    chosen = request.form.get("term", "")
    if chosen != "other":
        return chosen
    try:
        last = dt.date.fromisoformat(request.form.get("last", ""))
        return (last + dt.timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def _one(consent: object) -> ConsentView:
    return _read().consent(str(consent)) or abort(404)


def _read() -> Access:
    session_citizen()
    return consents.read(bureau(), session[TOKEN])


# ---- freeze


@blueprint.get("/freeze")
def show_freeze() -> Response:
    return _freeze_page()


@blueprint.post("/freeze")
def freeze() -> AnyResponse:
    sentence = gettext("Freeze my file: no bank gets an answer about new credit in my name until I thaw it.")
    return ask("freeze", {}, sentence, url_for("consents.show_freeze"))


@blueprint.post("/freeze/thaw")
def thaw() -> AnyResponse:
    access = _read()
    bank = request.form.get("grantee", "")
    until = "" if request.form.get("term", "") == "always" else _until() or "-"
    try:
        kind, fields = consents.thawed(bureau(), access.banks, bank, until)
    except RuleError as wrong:
        return _freeze_page(wrong=(wrong.code, gettext(WRONG[wrong.code])), status=422)
    return ask(kind, fields, _thaw_sentence(bank, until), url_for("consents.show_freeze"))


def _thaw_sentence(bank: str, until: str) -> str:
    if not until:
        if bank:
            return str(gettext("Thaw my file for %(bank)s; for all others it stays frozen.", bank=bank))
        return str(gettext("Thaw my file: banks that have my consent may ask about new credit again."))
    day = format_day(dt.date.fromisoformat(until) - dt.timedelta(days=1))
    if bank:
        return str(gettext("Thaw my file for %(bank)s alone, through %(day)s.", bank=bank, day=day))
    return str(gettext("Thaw my file through %(day)s; after that it is frozen again.", day=day))


def _freeze_page(*, wrong: tuple[str, str] | None = None, status: int = 200) -> Response:
    access = _read()
    html = render_template("freeze.html", access=access, terms=_terms(None)[:2], wrong=wrong)
    return Response(html, status)
