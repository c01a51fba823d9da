"""What two officers do together: proposals, and the second person's approval (services.organisations.approvals).

GET  /staff/approvals                      what is open, what was decided
GET  /staff/approvals/new/<kind>           a form; POST proposes
GET  /staff/approvals/<number>             one proposal, in words, with its hash
POST /staff/approvals/<number>/approve     as the second person: it happens
POST /staff/approvals/<number>/look        of an erasure: how much would go, once the identifier on the paper was typed
POST /staff/approvals/<number>/turn-down   withdrawn by its proposer, refused by anybody else
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext

from app.core import canon
from app.core.errors import CredenceError
from app.core.log.note import split
from app.core.log.register import STILL_VALID
from app.services.ledger import cards
from app.services.ledger.register import OPEN_ROLES, list_keys
from app.services.organisations import approvals, paper_erasure
from app.web import words
from app.web.forms import written
from app.web.headers import keep_private
from app.web.language import N_
from app.web.limits import limited
from app.web.organisations import seats
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("approvals", __name__, url_prefix="/staff/approvals")
blueprint.after_request(keep_private)
ROLE = "officer"
UPLOAD_BYTES_MAX = 5 << 20  # a scorecard's document and its validation report

KINDS = {
    "key_registration": N_("Register an organisation's key"),
    "key_revocation": N_("Revoke a key"),
    "scorecard": N_("Publish or switch a scorecard"),
    "erasure": N_("Erase what rests on consent, asked for on paper"),
}
STATES = {
    "open": N_("waits for a second person"),
    "expired": N_("expired"),
    "executed": N_("approved and done"),
    "refused": N_("refused"),
    "withdrawn": N_("withdrawn"),
}
KEY_ROLES = {
    "lender": N_("Lender"),
    "utility": N_("Utility"),
    "public_body": N_("Public body"),
    "bank": N_("Bank"),
    "enrolment": N_("Enrolment office"),
    "regulator": N_("Regulator"),
}
CARD_ROLES = {
    "champion": N_("in use: scores everybody from that day on"),
    "challenger": N_("beside the one in use, for comparison"),
}
# What a detail is called; the rest (documents, notes) is shown as it is, behind "verify".
LABELS = {
    "name": N_("Organisation"),
    "role": N_("Role"),
    "reason": N_("Reason, public"),
    "from": N_("First day of use"),
    "scorecard": N_("Scorecard"),
    "citizen": N_("Citizen key"),
    "ref": N_("Number of the paper"),
}


@blueprint.get("")
def show() -> str:
    seats.require(ROLE)
    newest = approvals.newest(bureau())
    return render_template(
        "approvals.html",
        waiting=[each for each in newest if each.state == "open"],
        over=[each for each in newest if each.state != "open"],
        kinds=KINDS,
        states=STATES,
    )


@blueprint.route("/new/<kind>", methods=["GET", "POST"])
def new(kind: str) -> AnyResponse | str | tuple[str, int]:
    seat = seats.require(ROLE)
    if kind not in FORMS:
        abort(404)
    if request.method == "GET":
        return _form(kind)
    try:
        number = approvals.propose(bureau(), seat, kind, FORMS[kind]())
    except CredenceError as error:
        return _form(kind, error), 422
    return redirect(url_for("approvals.one", number=number), 303)


def _form(kind: str, error: CredenceError | None = None) -> str:
    return render_template(
        "approval_new.html",
        kind=kind,
        heading=KINDS[kind],
        error=error,
        given=request.form,
        roles={role: KEY_ROLES[role] for role in OPEN_ROLES},
        card_roles=CARD_ROLES,
        keys=_keys() if kind == "key_revocation" else [],
        cards=_cards() if kind == "scorecard" else [],
        today=bureau().today(),
    )


def _keys() -> list[dict[str, str]]:
    valid = [r for r in list_keys(bureau()) if r.role in OPEN_ROLES and r.to_index == STILL_VALID]
    return [
        {
            "value": f"{record.name} {record.role}",
            "text": f"{record.name} · {gettext(KEY_ROLES[record.role])}",
        }
        for record in valid
    ]


def _cards() -> list[dict[str, str]]:
    names = {each.scorecard: each.name for each in cards.list_cards(bureau())}
    return [{"value": "", "text": ""}] + [
        {"value": scorecard, "text": f"{name} · {scorecard[:8]}"} for scorecard, name in names.items()
    ]


def _file(name: str) -> str:
    upload = request.files.get(name)
    return upload.read().decode(errors="replace") if upload else ""


def _registration() -> dict[str, Any]:
    note = _file("file") or written("possession") + "\n"
    return {"possession": note, "role": written("role")}


def _revocation() -> dict[str, Any]:
    name, _, role = written("key").rpartition(" ")
    return {"name": name, "reason": written("reason"), "role": role}


def _scorecard() -> dict[str, Any]:
    details = {"from": written("from"), "role": written("role")}
    document, report = _file("document"), _file("report")
    if not document:
        return details | {"scorecard": written("scorecard")}
    return details | {"document": document} | ({"report": report} if report else {})


def _erasure() -> dict[str, Any]:
    """The form has the identifier; the proposal has the citizen key, and so nothing personal."""
    return paper_erasure.details(bureau(), written("identifier"), written("ref"))


FORMS: dict[str, Callable[[], dict[str, Any]]] = {
    "key_registration": _registration,
    "key_revocation": _revocation,
    "scorecard": _scorecard,
    "erasure": _erasure,
}


@blueprint.get("/<int:number>")
def one(number: int) -> str:
    return _one(number, seats.require(ROLE).id)


def _one(
    number: int,
    seat_id: int,
    error: CredenceError | None = None,
    preview: paper_erasure.Preview | None = None,
) -> str:
    proposal = approvals.proposal(bureau(), number)
    details = proposal.details | _read(proposal.details)
    return render_template(
        "approval.html",
        proposal=proposal,
        heading=KINDS[proposal.kind],
        state=STATES[proposal.state],
        mine=proposal.proposed_by == seat_id,
        facts=[(LABELS[name], _value(name, details[name])) for name in LABELS if name in details],
        verbatim=[(name, text) for name, text in details.items() if name not in LABELS],
        error=error,
        asks_for_person=proposal.kind == paper_erasure.KIND,
        preview=preview,
        words=words,
    )


def _read(details: dict[str, Any]) -> dict[str, str]:
    """What stands in a possession note or a card's document, for a person to read."""
    if "possession" in details:
        lines = split(details["possession"].encode())[0].decode().split("\n")
        return {"name": lines[2], "key": lines[4]}
    if "document" in details:
        name = canon.decode_object(details["document"].encode()).get("name")
        return {"scorecard": str(name)}
    if "scorecard" in details:
        names = {each.scorecard: each.name for each in cards.list_cards(bureau())}
        return {"scorecard": f"{names.get(details['scorecard'], '')} {details['scorecard']}"}
    return {}


def _value(name: str, value: str) -> str:
    return KEY_ROLES.get(value) or CARD_ROLES.get(value) or value if name == "role" else value


@blueprint.post("/<int:number>/approve")
def approve(number: int) -> AnyResponse | tuple[str, int]:
    seat = seats.require(ROLE)
    try:
        approvals.approve(bureau(), seat, number, written("digest"), written("identifier"))
    except CredenceError as error:
        return _one(number, seat.id, error), 422
    return redirect(url_for("approvals.one", number=number), 303)


@blueprint.post("/<int:number>/look")
@limited("20 per minute")
def look(number: int) -> str | tuple[str, int]:
    seat = seats.require(ROLE)
    proposal = approvals.proposal(bureau(), number)
    if proposal.kind != paper_erasure.KIND or proposal.state != "open":
        abort(404)
    try:
        preview = paper_erasure.preview(bureau(), number, proposal.details, written("identifier"))
    except CredenceError as error:
        return _one(number, seat.id, error), 422
    return _one(number, seat.id, preview=preview)


@blueprint.post("/<int:number>/turn-down")
def turn_down(number: int) -> AnyResponse | tuple[str, int]:
    seat = seats.require(ROLE)
    try:
        approvals.turn_down(bureau(), seat, number)
    except CredenceError as error:
        return _one(number, seat.id, error), 422
    return redirect(url_for("approvals.show"), 303)
