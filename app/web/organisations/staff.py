"""What clerks do: the queue of cases, the record for a case, the answer.

GET  /staff                           cases that wait, mine, and those that I answered
GET  /staff/cases/new                 a citizen asked on paper or at the counter; POST enters it
GET  /staff/cases/<number>            one case; what was written only for who took it
POST /staff/cases/<number>/take       give-back, look, answer likewise
GET  /staff/cases/<number>/record     the citizen's record, for a quarter of an hour after a look was recorded (R16)
GET  /staff/cases/<number>/split      which entries are another person's; POST gives the furnishers their orders
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for

from app.core.errors import CredenceError, NotFoundError
from app.core.reporting.event_types import REPORTS
from app.services.citizens import overview, records
from app.services.organisations import cases, splitting
from app.web import words
from app.web.citizens.cases import ABOUT, STATES
from app.web.citizens.record import not_yet
from app.web.forms import written
from app.web.headers import keep_private
from app.web.language import text_language
from app.web.organisations import seats
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from app.services.organisations.seats import Seat

blueprint = Blueprint("staff", __name__, url_prefix="/staff")
blueprint.after_request(keep_private)
ROLE = "clerk"


@blueprint.get("")
def queue() -> str:
    waiting, answered = cases.queue(bureau(), seats.require(ROLE))
    return render_template("staff_queue.html", waiting=waiting, answered=answered, about=ABOUT)


@blueprint.route("/cases/new", methods=["GET", "POST"])
def new() -> AnyResponse | str | tuple[str, int]:
    seat = seats.require(ROLE)
    error = None
    if request.method == "POST":
        try:
            number = cases.ask_on_paper(
                bureau(), seat, written("identifier"), written("about"), written("text")
            )
        except CredenceError as refused:
            error = refused
        else:
            return redirect(url_for("staff.case", number=number), 303)
    page = render_template(
        "staff_new.html", about=ABOUT, error=error, given=request.form, chars_max=cases.TEXT_CHARS_MAX
    )
    return (page, 422) if error else page


@blueprint.get("/cases/<int:number>")
def case(number: int) -> str:
    return _page(seats.require(ROLE), number)


def _page(seat: Seat, number: int, error: CredenceError | None = None) -> str:
    return render_template(
        "staff_case.html",
        desk=cases.desk(bureau(), seat, number),
        splits=splitting.of_case(bureau(), seat, number),
        about=ABOUT,
        states=STATES,
        words=words,
        error=error,
        given=request.form,
        chars_max=cases.TEXT_CHARS_MAX,
    )


def _then(number: int, act: Callable[[Seat], None], done: str) -> AnyResponse | tuple[str, int]:
    """Do it and go on to `done`; the case's page says why not."""
    seat = seats.require(ROLE)
    try:
        act(seat)
    except NotFoundError:
        raise
    except CredenceError as error:
        return _page(seat, number, error), 422
    return redirect(done, 303)


@blueprint.post("/cases/<int:number>/take")
def take(number: int) -> AnyResponse | tuple[str, int]:
    done = url_for("staff.case", number=number)
    return _then(number, lambda seat: cases.take(bureau(), seat, number), done)


@blueprint.post("/cases/<int:number>/give-back")
def give_back(number: int) -> AnyResponse | tuple[str, int]:
    return _then(number, lambda seat: cases.give_back(bureau(), seat, number), url_for("staff.queue"))


@blueprint.post("/cases/<int:number>/look")
def look(number: int) -> AnyResponse | tuple[str, int]:
    done = url_for("staff.record", number=number)
    return _then(number, lambda seat: cases.look(bureau(), seat, number), done)


@blueprint.post("/cases/<int:number>/answer")
def answer(number: int) -> AnyResponse | tuple[str, int]:
    done = url_for("staff.case", number=number)
    return _then(number, lambda seat: cases.answer(bureau(), seat, number, written("text")), done)


@blueprint.get("/cases/<int:number>/record")
def record(number: int) -> AnyResponse | str:
    desk = cases.desk(bureau(), seats.require(ROLE), number)
    if not desk.is_open:
        return _closed(number)
    try:
        seen = overview.overview(bureau(), desk.citizen, text_language())
    except NotFoundError:
        return not_yet()
    return render_template(
        "staff_record.html",
        desk=desk,
        seen=seen,
        entries=records.entries(bureau(), desk.citizen),
        words=words,
    )


def _closed(number: int) -> AnyResponse:
    return redirect(url_for("staff.case", number=number), 303)


@blueprint.route("/cases/<int:number>/split", methods=["GET", "POST"])
def split(number: int) -> AnyResponse | str | tuple[str, int]:
    seat = seats.require(ROLE)
    desk = cases.desk(bureau(), seat, number)
    if not desk.is_open:
        return _closed(number)
    error = None
    if request.method == "POST":
        items = [int(each) for each in request.form.getlist("item") if each.isdecimal() and len(each) < 18]
        try:
            splitting.open_split(bureau(), seat, number, items, written("other"))
        except CredenceError as refused:
            error = refused
        else:
            return _closed(number)
    entries = records.entries(bureau(), desk.citizen)
    page = render_template(
        "staff_split.html",
        desk=desk,
        entries=[
            each
            for each in entries.items
            if each.type in REPORTS and each.log_index and each.state != "retracted"
        ],
        identifier=entries.identifier,
        chosen=set(request.form.getlist("item")),
        words=words,
        error=error,
        given=request.form,
    )
    return (page, 422) if error else page
