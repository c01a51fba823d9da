"""Disputes, from a citizen's side: one thing per page, and a list of how each stands (R23-R26).

    GET /record/disputes                            all, with state, last day, outcome
    /record/disputes/new/<log_index>                which entry, and what is wrong with it
    /record/disputes/new/<log_index>/words          in the citizen's own words
    /record/disputes/new/<log_index>/evidence       files, one at a time (`add`), taken away again (`remove`)
    /record/disputes/new/<log_index>/check          all answers and the last day; then the passkey (`web.citizens.signing`)
    GET /record/disputes/new/<log_index>/done       filed, and until when it has to be answered

Each page is a form that goes on to the next. What was written is kept sealed for a day (`services.citizens.evidence`), so
every page can be left and come back to. While a dispute about the entry is open, the same pages add words and files to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext

from app.core.errors import CredenceError, NotFoundError
from app.core.reporting.events import type_of
from app.core.reporting.evidence import FILE_BYTES_MAX, FILES_MAX
from app.core.scoring.profiles import PROFILES
from app.services.citizens import disputes, evidence
from app.services.citizens.evidence import Draft
from app.web import language, words
from app.web.citizens import signing
from app.web.citizens.record import session_citizen
from app.web.forms import printable
from app.web.headers import keep_private
from app.web.language import N_
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.citizens.disputes import Item

blueprint = Blueprint("disputes", __name__, url_prefix="/record/disputes")
blueprint.after_request(keep_private)
TEXT_CHARS_MAX: Final = 1_000
UPLOAD_BYTES_MAX: Final = FILE_BYTES_MAX + (64 << 10)

GROUNDS: Final = {
    "not_mine": (N_("This is not mine"), N_("somebody else's account or debt, or one I never had")),
    "wrong_amount": (N_("The amount is wrong"), ""),
    "wrong_day": (N_("The day is wrong"), ""),
    "wrong_status": (N_("The status is wrong"), N_("for example: I was not late, or not that late")),
    "paid": (N_("I have paid it"), ""),
    "too_old": (N_("It is too old"), ""),
    "not_told": (N_("Nobody told me before it was reported"), ""),
    "other": (N_("Something else"), N_("say what on the next page")),
}
PROBLEMS: Final = {
    "evidence-size": N_("Choose a file that is not empty and not larger than 5 MB."),
    "evidence-type": N_("Choose a PDF, a PNG or JPEG picture, or a plain text file."),
    "evidence-count": N_("Five files are all that can be handed in. Take one away first."),
    "evidence-many": N_(
        "Your drafts together have as many files as can be kept. Finish one, or take files away, first."
    ),
    "evidence-twice": N_("This file is there already."),
}


@blueprint.get("")
def show() -> str:
    views = disputes.of_citizen(bureau(), session_citizen())
    return render_template("disputes.html", disputes=views, words=words, grounds=GROUNDS, type_of=type_of)


def _item(log_index: int) -> tuple[int, Item]:
    """The citizen and the entry; 404 when it is not theirs, or nothing to dispute."""
    citizen = session_citizen()
    try:
        return citizen, disputes.item_of(bureau(), citizen, log_index)
    except NotFoundError:
        abort(404)


def _lowered(citizen: int, item: Item) -> disputes.Lowered | None:
    return disputes.lowered(bureau(), citizen, item.index) if item.open_ is None else None


def _page(name: str, item: Item, problem: str = "", **more: Any) -> AnyResponse:
    profile = PROFILES[bureau().genesis.profile]
    html = render_template(
        f"dispute_{name}.html",
        item=item,
        kind=type_of(item.event),
        facts=words.facts_of(item.event),
        words=words,
        grounds=GROUNDS,
        problem=problem,
        profile=profile,
        **more,
    )
    return Response(html, 422 if problem else 200)


@blueprint.route("/new/<int:log_index>", methods=["GET", "POST"])
def begin(log_index: int) -> AnyResponse:
    citizen, item = _item(log_index)
    draft = evidence.draft(bureau(), citizen, log_index)
    if request.method == "GET":
        return _page(
            "ground",
            item,
            given=draft.ground or (item.open_.opened[0].ground if item.open_ else ""),
            lowered=_lowered(citizen, item),
        )
    ground = request.form.get("ground", "")
    if ground not in GROUNDS:
        problem = gettext("Choose what is wrong.")
        return _page("ground", item, problem, given="", lowered=_lowered(citizen, item))
    evidence.save(bureau(), citizen, log_index, Draft(ground, draft.text))
    return redirect(url_for("disputes.own_words", log_index=log_index), 303)


@blueprint.route("/new/<int:log_index>/words", methods=["GET", "POST"])
def own_words(log_index: int) -> AnyResponse:
    citizen, item = _item(log_index)
    draft = evidence.draft(bureau(), citizen, log_index)
    if not draft.ground:
        return redirect(url_for("disputes.begin", log_index=log_index), 303)
    if request.method == "GET":
        return _page("words", item, given=draft.text, chars_max=TEXT_CHARS_MAX)
    text = printable("text")
    if len(text) > TEXT_CHARS_MAX:
        message = gettext("Write at most %(count)s characters.", count=language.format_number(TEXT_CHARS_MAX))
        return _page("words", item, message, given=text, chars_max=TEXT_CHARS_MAX)
    if draft.ground == "other" and not text:
        return _page("words", item, gettext("Say what is wrong."), given=text, chars_max=TEXT_CHARS_MAX)
    evidence.save(bureau(), citizen, log_index, Draft(draft.ground, text))
    return redirect(url_for("disputes.evidence", log_index=log_index), 303)


@blueprint.route("/new/<int:log_index>/evidence", methods=["GET", "POST"], endpoint="evidence")
@limited("60 per minute")
def hand_in(log_index: int) -> AnyResponse:
    citizen, item = _item(log_index)
    if request.method == "GET":
        return _evidence(citizen, item)
    here = redirect(url_for("disputes.evidence", log_index=log_index), 303)
    if request.form.get("remove", "").isdecimal():
        evidence.remove_file(bureau(), citizen, log_index, int(request.form["remove"][:18]))
        return here
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        try:
            data = upload.read(FILE_BYTES_MAX + 1)
            evidence.add_file(bureau(), citizen, log_index, upload.filename, data)
        except CredenceError as error:
            if error.code not in PROBLEMS:
                raise
            return _evidence(citizen, item, gettext(PROBLEMS[error.code]))
        return here
    if "add" in request.form:
        return _evidence(citizen, item, gettext("Choose a file first."))
    return redirect(url_for("disputes.check", log_index=log_index), 303)


def _evidence(citizen: int, item: Item, problem: str = "") -> AnyResponse:
    files = evidence.files_of_draft(bureau(), citizen, item.index)
    return _page("evidence", item, problem, files=files, files_max=FILES_MAX)


@blueprint.route("/new/<int:log_index>/check", methods=["GET", "POST"])
def check(log_index: int) -> AnyResponse:
    citizen, item = _item(log_index)
    draft = evidence.draft(bureau(), citizen, log_index)
    if not draft.ground:
        return redirect(url_for("disputes.begin", log_index=log_index), 303)
    if request.method == "GET":
        files = evidence.files_of_draft(bureau(), citizen, log_index)
        today, lowered = bureau().local_day(bureau().now()), _lowered(citizen, item)
        return _page("check", item, draft=draft, files=files, today=today, lowered=lowered)
    fields: dict[str, Any] = {"target": log_index, "ground": draft.ground}
    bundle = evidence.bundle(bureau(), citizen, log_index)
    fields |= {"text": draft.text} if draft.text else {}
    fields |= {"evidence": bundle.hex()} if bundle else {}
    sentence = gettext(
        "Dispute %(what)s of %(day)s, reported by %(furnisher)s: %(ground)s.",
        what=words.type_name(type_of(item.event), {}),
        day=language.format_day(item.event.day),
        furnisher=item.event.furnisher,
        ground=gettext(GROUNDS[draft.ground][0]),
    )
    return signing.ask("dispute_opened", fields, sentence, url_for("disputes.done", log_index=log_index))


@blueprint.get("/new/<int:log_index>/done")
def done(log_index: int) -> AnyResponse:
    citizen, item = _item(log_index)
    if (
        item.open_ is None or evidence.draft(bureau(), citizen, log_index).ground
    ):  # called off before it was signed
        return redirect(url_for("disputes.check", log_index=log_index), 303)
    return _page("done", item)
