"""Everything about a citizen to take along (R39).

GET /record/export        what there is, and the command that checks it
GET /record/export.zip    everything, with proofs: services.citizens.exports
GET /record/export.pdf    the record on paper, in the language of the page
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template
from flask_babel import gettext

from app.core.errors import NotFoundError
from app.services import pdf
from app.services.citizens import exports, overview, records
from app.web import errors, words
from app.web.citizens.record import not_yet, reasons_in_words, session_citizen
from app.web.headers import attachment, keep_private
from app.web.language import instant, text_language
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from app.services.citizens.records import EventView

blueprint = Blueprint("export", __name__)
blueprint.after_request(keep_private)
NAME = "credence-export.zip"
ON_PAPER_MAX = 400


@blueprint.get("/record/export")
def show() -> Response | str:
    session_citizen()
    return render_template("export.html", name=NAME)


@blueprint.get("/record/export.zip")
@limited("10 per minute")
def archive() -> Response:
    try:
        data = exports.export(bureau(), session_citizen(), NAME)
    except NotFoundError:
        return not_yet()
    return Response(data, headers=attachment(NAME, "application/zip"))


@blueprint.get("/record/export.pdf")
@limited("6 per minute")
def paper() -> Response:
    citizen = session_citizen()
    try:
        seen = overview.overview(bureau(), citizen, text_language())
        read = records.entries(bureau(), citizen)
    except NotFoundError:
        return not_yet()
    shown = [*read.items[:ON_PAPER_MAX], *read.looks[:ON_PAPER_MAX]]
    blocks = {each.block for each in shown if each.block is not None}
    html = render_template(
        "export_paper.html",
        record=seen,
        reasons=reasons_in_words(seen),
        items=read.items[:ON_PAPER_MAX],
        looks=read.looks[:ON_PAPER_MAX],
        left_out=max(len(read.items) - ON_PAPER_MAX, 0) + max(len(read.looks) - ON_PAPER_MAX, 0),
        removed=read.removed,
        sealed_at={number: instant(at) for number, at in records.block_times(bureau(), blocks).items()},
        block_time=instant(seen.block_time),
        facts=_facts,
        words=words,
        origin=bureau().origin,
    )
    try:
        data = pdf.render(html, PAPER_CSS)
    except pdf.PdfUnavailableError:
        return errors.page(503)
    return Response(data, headers=attachment("credence-record.pdf", "application/pdf"))


PAPER_CSS = "td.place, td.day { white-space: nowrap } td.number, th.number { text-align: right }"


def _facts(event: EventView) -> str:
    """What an entry says, in one line."""
    said = words.describe(event.fields)
    return " · ".join(gettext("%(kind)s: %(item)s", kind=label, item=text) for label, text in said)
