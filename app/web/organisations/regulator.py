"""Supervision: pages for a regulator's seat, and what everybody may see of them.

GET  /transparency              figures and notices for everybody; /v1/transparency the same for programs
GET  /regulator                 where everything is
GET  /regulator/figures[.json]  whole figures: furnishers (R43), the card (R42), looks = answers (R44)
GET  /regulator/quality.csv     R43 as a table
GET  /regulator/notices         every notice in plain words, with its log index
GET  /regulator/blocks          the newest checkpoints and who cosigned them
GET  /regulator/audits          audits opened from here, and the form; POST the signed note
POST /regulator/audits/again    one that failed is tried again at once
GET  /regulator/look            the form; POST shows one file under a case, and every POST is a look (R21)
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_smorest import Blueprint as MachineBlueprint
from marshmallow import Schema, fields

from app.core.errors import CredenceError, DamagedError
from app.core.fields import parse_instant
from app.services.organisations import audits as opened_audits
from app.services.organisations import given, quality, supervision, transparency
from app.services.scoring import counted, kept, monitoring
from app.web import words
from app.web.forms import signed_note
from app.web.headers import attachment, keep_private
from app.web.language import N_, instant
from app.web.machines.answers import answer
from app.web.machines.bodies import UNAVAILABLE
from app.web.machines.described import endpoint
from app.web.organisations import notice_words, seats
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.organisations.supervision import Announced

NOTICES_A_PAGE = 50
ROLE = "regulator"
QUALITY = {
    "reported": N_("Reported"),
    "late": N_("Late"),
    "disputed": N_("Disputed"),
    "corrected": N_("Corrected"),
    "closed_deadline": N_("Unanswered"),
    "refused": N_("Refused"),
}
PLACES = (
    (
        "/regulator/figures",
        N_("Figures"),
        N_("how furnishers report, how the card does, whether looks are answers"),
    ),
    ("/regulator/notices", N_("Notices"), N_("what the ledger has announced, in plain words")),
    ("/regulator/blocks", N_("Checkpoints"), N_("the newest heads, and who cosigned them")),
    ("/regulator/audits", N_("Audits"), N_("replay everything, and read what was found")),
    ("/regulator/look", N_("One file"), N_("look at a citizen's file under a case")),
)
blueprint = Blueprint("regulator", __name__)
machine = MachineBlueprint("transparency", __name__, url_prefix="/v1", description="Figures for everybody.")


class Transparency(Schema):
    """What everybody may read (docs/figures.md)."""

    origin = fields.String(required=True)
    cell_min = fields.Integer(required=True)
    quality = fields.List(fields.Dict(), required=True)
    monitoring = fields.List(fields.Dict(), required=True)
    fairness = fields.List(fields.Dict(), required=True)
    answers = fields.List(fields.Dict(), required=True)
    destroyed = fields.Dict(required=True)
    audits = fields.Integer(required=True)


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    return keep_private(response) if request.path.startswith("/regulator") else response


# ---- for everybody
# --------------------------------------------------------------------------------------------------


@endpoint(
    machine,
    "GET",
    "/transparency",
    summary="How furnishers report, how the card does, whether looks are answers",
    good={200: (Transparency, "Figures by quarter and by day; counts below 10 are null.")},
    problems={503: UNAVAILABLE},
)
def get_transparency() -> Response:
    return answer(orjson.dumps(transparency.public(bureau())), keep="public, max-age=60")


@blueprint.get("/transparency")
def everybody() -> str:
    return render_template("transparency.html", **_figures(), **_notices(None))


def _figures() -> dict[str, Any]:
    figures = quality.figures(bureau())
    return {
        "columns": QUALITY,
        "quality": figures,
        "monitoring": kept.reports(bureau(), monitoring.KIND),
        "fairness": kept.reports(bureau(), monitoring.FAIRNESS),
        "answers": kept.reports(bureau(), given.KIND),
        "announced": transparency.announced(bureau()),
        "public": counted.public,
        "public_groups": counted.public_groups,
        "cell": kept.cell,
    }


def _notices(page: int | None) -> dict[str, Any]:
    """The notices of a page, or the newest ten."""
    count = sum(supervision.counted(bureau())[0].values())
    pages = max(1, -(-count // NOTICES_A_PAGE))
    if page is not None and not 1 <= page <= pages:
        abort(404)
    size, first = (10, 0) if page is None else (NOTICES_A_PAGE, (page - 1) * NOTICES_A_PAGE)
    shown = [_said(each) for each in supervision.announced(bureau(), size, first)]
    return {"notices": shown, "page": page, "page_count": pages, "count": count}


def _said(each: Announced) -> tuple[int | None, str, str]:
    """(log index, when, the sentence)."""
    return each.log_index, instant(notice_words.moment(each.notice)), notice_words.sentence(each.notice)


# ---- for a regulator
# --------------------------------------------------------------------------------------------------


@blueprint.get("/regulator")
def show() -> str:
    seats.require(ROLE)
    return render_template("regulator.html", places=PLACES)


@blueprint.get("/regulator/figures")
def figures() -> str:
    seats.require(ROLE)
    return render_template("regulator_figures.html", **_figures())


@blueprint.get("/regulator/figures.json")
def figures_json() -> Response:
    seats.require(ROLE)
    kinds = (monitoring.KIND, monitoring.FAIRNESS, given.KIND)
    whole = {kind: {each.period: each.body for each in kept.reports(bureau(), kind)} for kind in kinds}
    whole["quality"] = {
        f"{each.furnisher} {each.quarter}": dict(each.counts) for each in quality.figures(bureau())
    }
    body = orjson.dumps(whole, option=orjson.OPT_INDENT_2)
    return Response(body, headers=attachment("figures.json", "application/json"))


@blueprint.get("/regulator/quality.csv")
def quality_csv() -> Response:
    seats.require(ROLE)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["furnisher", "quarter", *quality.NAMES])
    for each in quality.figures(bureau()):
        writer.writerow([each.furnisher, each.quarter, *(each.counts.get(name, 0) for name in quality.NAMES)])
    return Response(table.getvalue(), headers=attachment("quality.csv", "text/csv; charset=utf-8"))


@blueprint.get("/regulator/notices")
def notices() -> str:
    seats.require(ROLE)
    return render_template("regulator_notices.html", **_notices(request.args.get("page", 1, type=int)))


@blueprint.get("/regulator/blocks")
def blocks() -> str:
    seats.require(ROLE)
    return render_template("regulator_blocks.html", heads=supervision.heads(bureau()))


@blueprint.get("/regulator/audits")
def audits() -> str:
    return _audits()


def _audits(error: CredenceError | None = None) -> str:
    seat = seats.require(ROLE)
    found = opened_audits.of(bureau(), seat.organisation)
    return render_template(
        "regulator_audits.html",
        audits=found,
        origin=bureau().origin,
        error=error,
        ended=opened_audits.ENDED,
        parse_instant=parse_instant,
    )


@blueprint.post("/regulator/audits")
def open_audit() -> AnyResponse | tuple[str, int]:
    seat = seats.require(ROLE)
    note = signed_note()
    try:
        opened_audits.open_audit(bureau(), seat.organisation, note)
    except CredenceError as error:
        return _audits(error), 400
    return redirect(url_for("regulator.audits"), 303)


@blueprint.post("/regulator/audits/again")
def try_again() -> AnyResponse:
    seat = seats.require(ROLE)
    opened_audits.try_again(bureau(), seat.organisation, request.form.get("audit", ""))
    return redirect(url_for("regulator.audits"), 303)


@blueprint.get("/regulator/look")
def ask_to_look() -> str:
    seats.require(ROLE)
    return render_template("regulator_look.html", error=None, given={})


@blueprint.post("/regulator/look")
def look() -> str | tuple[str, int]:
    """Shown at once and not under an address of its own: who comes back looks again, which is another entry."""
    seat = seats.require(ROLE)
    given_now = {name: request.form.get(name, "").strip() for name in ("citizen", "case")}
    try:
        seen, entries = supervision.look(bureau(), seat.organisation, given_now["citizen"], given_now["case"])
    except DamagedError:  # nothing that the form could say right
        raise
    except CredenceError as error:
        return render_template("regulator_look.html", error=error, given=given_now), 422
    return render_template(
        "regulator_file.html", seen=seen, entries=entries, case=given_now["case"], words=words
    )
