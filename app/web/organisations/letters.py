"""Letters of adverse action (R38): asked for by a bank, read by the bank and by the citizen.

    POST /v1/letters                     a bank's signed note in, the letter out: 201, or 200 when there was one already
    GET  /bank/letters                   a bank's letters, and a form that signs for another one in the browser
    POST /bank/letters                   the signed note of that form
    GET  /bank/letters/<number>[.pdf]    one of them
    GET  /record/letters                 the citizen's: that there are any, and what they say
    GET  /record/letters/<number>[.pdf]

A letter comes in the language of the page; over the API in that of `Accept-Language`, as a PDF when `Accept` prefers one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_smorest import Blueprint as MachineBlueprint

from app.core.errors import CredenceError
from app.core.exchange import letter as papers
from app.core.exchange.request_note import REQUEST_BYTES_MAX
from app.core.scoring.card_texts import CHINESE
from app.services.banks import letters, watching
from app.web.citizens.record import session_citizen
from app.web.forms import signed_note
from app.web.headers import attachment, keep_private
from app.web.language import text_language
from app.web.limits import limited
from app.web.machines.answers import PLAIN
from app.web.machines.bodies import UNAVAILABLE, read_body
from app.web.machines.described import endpoint
from app.web.organisations import seats
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

PDF = "application/pdf"
PAPERS_A_MINUTE = "30 per minute"  # one is drawn at a time, for everybody
machine = MachineBlueprint(
    "letters_api", __name__, url_prefix="/v1/letters", description="Letters of adverse action."
)
blueprint = Blueprint("letters", __name__)
blueprint.after_request(keep_private)
machine.after_request(keep_private)


# ---- for programs
# --------------------------------------------------------------------------------------------------


@endpoint(
    machine,
    "POST",
    "",
    summary="Say that an answer led to a decision against the citizen, and get the letter",
    takes="text/plain",
    good={
        201: (PLAIN, "The letter; with `Accept: application/pdf` a PDF. Its citizen sees it too."),
        200: (PLAIN, "There was one for this answer already: the same letter."),
    },
    problems={
        400: "The bytes are not the note for a letter.",
        403: "Not signed by a valid bank's key, or not within the last five minutes.",
        404: "This bank was given no such answer.",
        413: "More than 4 KiB.",
        415: "The body is compressed.",
        503: UNAVAILABLE + " Or this machine cannot draw a PDF: take text.",
    },
)
def post_letter() -> Response:
    kept, fresh = letters.request(bureau(), read_body(REQUEST_BYTES_MAX))
    made = letters.letter(bureau(), kept.number, bank=kept.bank)
    asked = request.accept_languages.best_match(["en", "zh-Hans", "zh-CN", "zh"], default="en")
    language = CHINESE if asked.startswith("zh") else "en"
    if request.accept_mimetypes.best_match(["text/plain", PDF], default="text/plain") == PDF:
        response = _pdf(made, language)
    else:
        response = Response(letters.as_text(made, language), content_type=PLAIN)
    response.status_code = 201 if fresh else 200
    return response


def _pdf(made: papers.Letter, language: str) -> Response:
    return Response(letters.as_pdf(made, language), headers=attachment(f"letter-{made.reference}.pdf", PDF))


# ---- for people
# --------------------------------------------------------------------------------------------------


@blueprint.get("/bank/letters")
def of_bank() -> str:
    seat = seats.require("bank")
    kept = letters.of_bank(bureau(), seat.organisation)
    return render_template("letters_bank.html", letters=kept, seat=seat, origin=bureau().origin, error=None)


@blueprint.post("/bank/letters")
def ask_for_one() -> AnyResponse | tuple[str, int]:
    """The note may be of any bank: the signature is what counts. It is shown to the seat of that bank alone."""
    seat = seats.require("bank")
    note = signed_note()
    try:
        kept, _ = letters.request(bureau(), note)
    except CredenceError as error:
        shown = letters.of_bank(bureau(), seat.organisation)
        page = render_template(
            "letters_bank.html",
            letters=shown,
            seat=seat,
            origin=bureau().origin,
            error=error,
        )
        return page, 400
    return redirect(url_for("letters.for_bank", number=kept.number), 303)


@blueprint.get("/bank/letters/<int:number>")
def for_bank(number: int) -> str:
    made = letters.letter(bureau(), number, bank=seats.require("bank").organisation)
    return _page("letter_bank.html", made, url_for("letters.for_bank_pdf", number=number))


@blueprint.get("/bank/letters/<int:number>.pdf")
@limited(PAPERS_A_MINUTE)
def for_bank_pdf(number: int) -> Response:
    return _pdf(letters.letter(bureau(), number, bank=seats.require("bank").organisation), text_language())


@blueprint.get("/record/letters")
def of_citizen() -> str:
    citizen_id = session_citizen()
    kept, watches = letters.of_citizen(bureau(), citizen_id), watching.of_citizen(bureau(), citizen_id)
    return render_template("letters.html", letters=kept, watches=watches)


@blueprint.get("/record/letters/<int:number>")
def for_citizen(number: int) -> str:
    made = letters.letter(bureau(), number, citizen_id=session_citizen())
    return _page("letter.html", made, url_for("letters.for_citizen_pdf", number=number))


@blueprint.get("/record/letters/<int:number>.pdf")
@limited(PAPERS_A_MINUTE)
def for_citizen_pdf(number: int) -> Response:
    return _pdf(letters.letter(bureau(), number, citizen_id=session_citizen()), text_language())


def _page(template: str, made: papers.Letter, pdf: str) -> str:
    language = text_language()
    title, parts = papers.title(made, language), papers.parts(made, language)
    return render_template(template, letter=made, heading=title, parts=parts, pdf=pdf)
