"""The console of banks without programs: what a program signs, the browser signs here, with the bank's key file.

    GET  /bank                     ask about one citizen; POST: the signed inquiry, and the answer in words
    GET  /bank/many                ask about many, from a list: the browser talks to /v1/inquiries/bulk
    GET  /bank/corrections         whose data was corrected; POST: the signed note
    GET  /bank/inquiries           what this bank has sent, for its seats: no names, no scores
    GET  /bank/apply               apply for a key's registration; POST: the note that it is held
    GET  /bank/apply/<reference>   what became of it

The key file is read in the browser and stays there. A signature is the permission: no seat is needed to ask, and a seat alone
can ask nothing. What is answered is in the page and in no address; the page may fetch from this server alone, so that the key
need not be chosen anew for each question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import orjson
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext

from app.core.errors import CredenceError, DamagedError, FormatError
from app.core.reporting.event_base import AccountClass
from app.core.scoring.card_texts import criterion_name, insufficient_sentence, reason_sentence
from app.services.banks import asked, inquiries, recipients
from app.services.banks.inquiries import NotYetError
from app.services.banks.replies import Answer, ConsentError
from app.services.ledger import cards
from app.services.organisations import applications
from app.web import chart, headers, words
from app.web.forms import typed
from app.web.headers import keep_private
from app.web.language import N_, instant, text_language
from app.web.limits import limited
from app.web.machines.api import inquiry_body
from app.web.machines.public_log import own_policy_of
from app.web.organisations import seats
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response as AnyResponse

blueprint = Blueprint("bank", __name__, url_prefix="/bank")
blueprint.after_request(keep_private)
BATCH_CHARS_MAX = 65_536

PURPOSES = {
    "credit_application": N_("They apply for credit"),
    "account_review": N_("Review of an account that they have with us"),
    "collection": N_("Collection of a debt that they owe us"),
}
CLASSES = {name: words.VALUES[name] for name in get_args(AccountClass)}
REFUSED = {
    "no_consent": (
        N_("The citizen has not agreed to it"),
        N_("Ask them to give your bank their consent, on their own pages or on paper. Then ask again."),
    ),
    "consent_expired": (
        N_("The consent does not hold today"),
        N_("It has ended, or has not begun. Ask the citizen for a new one."),
    ),
    "consent_withdrawn": (
        N_("The citizen has taken the consent back"),
        N_("Respect that. Ask again only if they give you a new consent."),
    ),
    "wrong_purpose": (
        N_("The consent does not cover this purpose"),
        N_("Ask for what the consent is for, or ask the citizen for another one."),
    ),
    "frozen": (
        N_("The citizen has frozen the file against new credit"),
        N_("Only they can lift that, for your bank alone if they like. Do not count it against them."),
    ),
}
ROLES = {
    "bank": N_("Bank: asks for scores"),
    "lender": N_("Lender: reports accounts"),
    "utility": N_("Utility or landlord: reports bills that were paid"),
    "public_body": N_("Public body: reports court-ordered debts and arrears"),
}
STATES = {
    "open": (N_("Waits to be looked at"), N_("The bureau finds out who you are, and calls back.")),
    "proposed": (N_("One officer has agreed"), N_("A second one has to. Then the key is registered.")),
    "registered": (N_("Registered"), N_("What the key signs from now on is taken.")),
    "refused": (N_("Refused"), N_("You may apply again once the reason is gone.")),
    "ended": (N_("Ended"), N_("The key was registered and is valid no more. Make a new one.")),
}
NAVIGATION = (
    ("bank.one", N_("Ask about one")),
    ("bank.many", N_("About many")),
    ("bank.corrections", N_("Corrections")),
    ("letters.of_bank", N_("Letters")),
    ("bank.sent", N_("What was sent")),
    ("bank.apply_for", N_("Apply")),
)


@blueprint.route("", methods=["GET", "POST"])
def one() -> str | tuple[str, int]:
    """POST: the answer's page has the part `#answer`, which the script puts in the place of the last one."""
    if request.method == "GET":
        return _one()
    batch = _posted("batch", BATCH_CHARS_MAX)
    try:
        answer = inquiries.inquire(bureau(), batch)
    except ConsentError as error:
        heading, advice = REFUSED[error.reason]
        shown = {"heading": heading, "advice": advice, "receipt": error.receipt.decode()}
        return _one(refused_look=shown), 403
    except NotYetError:
        return _one(waits=True), 409
    except DamagedError:  # nothing that a form could say right
        raise
    except CredenceError as error:
        return _one(error=error), 422
    return _one(answer=_in_words(answer))


def _one(**more: Any) -> str:
    nothing = {"answer": None, "refused_look": None, "waits": False}
    return _page("bank.html", **_choices() | nothing | more)


@blueprint.get("/many")
def many() -> str:
    return _page("bank_many.html", **_choices(), refusals=REFUSED)


@blueprint.route("/corrections", methods=["GET", "POST"])
def corrections() -> str | tuple[str, int]:
    if request.method == "GET":
        return _page("bank_corrections.html", told=None, after=0)
    try:
        told = recipients.messages(bureau(), _posted("note", BATCH_CHARS_MAX))
    except CredenceError as error:
        return _page("bank_corrections.html", told=None, after=0, error=error), 422
    after = told[-1].number if told else request.form.get("after", 0, type=int)
    return _page("bank_corrections.html", told=told, after=after)


@blueprint.get("/inquiries")
def sent() -> str:
    seat = seats.require("bank")
    return _page(
        "bank_sent.html",
        sent=asked.sent_by(bureau(), seat.organisation),
        applied=applications.of_organisation(bureau(), seat.organisation),
        states=STATES,
    )


@blueprint.route("/apply", methods=["GET", "POST"])
@limited("10 per minute", methods=["POST"])
def apply_for() -> AnyResponse | str | tuple[str, int]:
    if request.method == "GET":
        return _page("bank_apply.html", given=request.args, roles=ROLES)
    form = request.form
    note = _posted("possession", applications.NOTE_BYTES_MAX)
    about = {name: form.get(name, "") for name in ("organisation", "contact")}
    try:
        reference = applications.apply(bureau(), note, **about)
    except CredenceError as error:
        return _page("bank_apply.html", given=form, roles=ROLES, error=error), 422
    return redirect(url_for("bank.applied", reference=reference), 303)


@blueprint.get("/apply/<reference>")
def applied(reference: str) -> str:
    found = applications.of_reference(bureau(), reference)
    state, what_next = STATES[found.state]
    return _page(
        "bank_applied.html",
        found=found,
        state=state,
        what_next=what_next,
        received=instant(found.received_at),
        role=ROLES[found.role],
    )


def _posted(name: str, chars_max: int) -> bytes:
    """A text area's text with the line ends that were signed."""
    text = typed(name)
    if len(text) > chars_max:
        raise FormatError("this is longer than what belongs here")
    return f"{text.strip()}\n".encode() if text.strip() else b""


def _page(template: str, **more: Any) -> str:
    headers.allow_fetching()
    ledger = bureau().genesis
    given = {
        "origin": ledger.origin,
        "utcOffsetMinutes": ledger.utc_offset_minutes,
        "scheme": ledger.scheme,
        "language": text_language(),
        "policy": own_policy_of(bureau()).decode(),
        "measures": words.measures(),
    }
    seat = seats.current()
    navigation = [
        {"href": url_for(endpoint), "text": gettext(text), "current": request.path == url_for(endpoint)}
        for endpoint, text in NAVIGATION
        if (seat is not None and seat.role == "bank") or endpoint not in ("letters.of_bank", "bank.sent")
    ]
    return render_template(
        template,
        **{"error": None, "seat": seat, "given_to_script": given, "bank_navigation": navigation} | more,
    )


def _choices() -> dict[str, Any]:
    return {"purposes": PURPOSES, "classes": CLASSES, "example": words.example()}


def _in_words(answer: Answer) -> dict[str, Any]:
    """An answer as the page shows it: what the proof's receipt says, in the words of its card."""
    language = text_language()
    proof = orjson.loads(answer.proof)
    shown: Mapping[str, Any] = {name: value for _, name, value in proof["disclosures"]}
    with bureau().reading() as connection:
        card = cards.card(connection, shown["score"]["scorecard"])
    criteria = {each.id: each for each in card.contents.criteria}
    rows = {row[0]: row for row in shown["receipt"]["criteria"]}
    score = shown["score"].get("score")
    return {
        "score": score,
        "scale": None if score is None else chart.scale(score),
        "day": proof["block"]["as_of"],
        "reasons": [
            (criterion_name(name, language), reason_sentence(criteria[name], rows[name][1], language))
            for name in shown["receipt"]["reasons"]
        ],
        "insufficient": [
            insufficient_sentence(reason, language) for reason in shown["score"].get("insufficient", ())
        ],
        "id": answer.answer["id"],
        "whole": {
            "citizen": answer.answer["citizen"],
            "answer": inquiry_body(bureau(), answer).decode(),
            "proof": answer.proof.decode(),
        },
    }
