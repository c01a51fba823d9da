"""The counter: clerks hand out enrolment codes and enter what citizens will on paper; officers read the journal of it.

GET  /staff/codes      a form; POST shows a one-time code, once
GET  /staff/paper      a form; POST enters the act
GET  /staff/journal    who did what, by the number of the paper (officers)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for

from app.core.errors import CredenceError, FormatError
from app.core.fields import U63_MAX
from app.services.citizens import consents
from app.services.organisations import counter
from app.web import words
from app.web.citizens.disputes import GROUNDS
from app.web.forms import written
from app.web.headers import keep_private
from app.web.language import N_
from app.web.organisations import seats
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("counter", __name__, url_prefix="/staff")
blueprint.after_request(keep_private)
KINDS = {
    "freeze": N_("Freeze the file"),
    "thaw": N_("Thaw the file"),
    "consent_given": N_("Give a bank consent"),
    "consent_withdrawn": N_("Withdraw a bank's consent"),
    "dispute_opened": N_("Dispute an entry"),
    "citizen_statement": N_("The citizen's own words, on the record"),
}
ACTS = KINDS | {counter.CODE: N_("Enrolment code handed out")}


@blueprint.route("/codes", methods=["GET", "POST"])
def codes() -> str | tuple[str, int]:
    seat = seats.require(counter.ROLE)
    error, code = None, ""
    if request.method == "POST":
        try:
            code = counter.code(bureau(), seat, written("identifier"), written("ref"))
        except CredenceError as refused:
            error = refused
    page = render_template(
        "counter_codes.html", code=code, error=error, given=request.form, origin=bureau().address.origin
    )
    return (page, 422) if error else page


@blueprint.route("/paper", methods=["GET", "POST"])
def paper() -> AnyResponse | str | tuple[str, int]:
    seat = seats.require(counter.ROLE)
    error = None
    kind = request.values.get("kind", "")
    if request.method == "POST":
        try:
            counter.enter(bureau(), seat, written("identifier"), kind, _fields(kind), written("ref"))
        except CredenceError as refused:
            error = refused
        else:
            return redirect(url_for("counter.paper", done=kind), 303)
    page = render_template(
        "counter_paper.html",
        kinds=KINDS,
        kind=kind if kind in KINDS else "",
        done=KINDS.get(request.args.get("done", "")),
        grounds=GROUNDS,
        purposes=consents.PURPOSES,
        words=words,
        error=error,
        given=request.form,
    )
    return (page, 422) if error else page


def _fields(kind: str) -> dict[str, Any]:
    """What the form of a kind says; what is empty is left out."""
    texts = {name: written(name) for name in ("grantee", "until", "ground", "text")}
    target = written("target")
    if target:
        if not target.isdecimal() or not target.isascii() or int(target) > U63_MAX:
            raise FormatError("the number of an entry is a whole number")
        texts["target"] = target
    of_kind = {
        "thaw": ("grantee", "until"),
        "consent_given": ("grantee", "until"),
        "consent_withdrawn": ("grantee",),
        "dispute_opened": ("target", "ground", "text"),
        "citizen_statement": ("target", "text"),
    }.get(kind, ())
    more: dict[str, Any] = {name: texts[name] for name in of_kind if texts.get(name)}
    if "target" in more:
        more["target"] = int(more["target"])
    if kind == "consent_given":
        more["purposes"] = sorted(set(request.form.getlist("purposes")))
    if kind == "consent_withdrawn":
        more.setdefault("grantee", "")
    return more


@blueprint.get("/journal")
def journal() -> str:
    seats.require("officer")
    return render_template("counter_journal.html", acted=counter.acted(bureau()), acts=ACTS)
