"""A citizen's statements: their own words, beside an entry or beside the whole record (R26).

GET  /record/statements               all of them, and the form for one about nothing in particular
GET  /record/statements/new/<log_index>   the form for one about an entry
POST of both                          to the passkey
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext

from app.core.errors import NotFoundError
from app.core.reporting.events import type_of
from app.services.citizens import disputes
from app.web import language, words
from app.web.citizens import signing
from app.web.citizens.disputes import TEXT_CHARS_MAX
from app.web.citizens.record import session_citizen
from app.web.forms import printable
from app.web.headers import keep_private
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.citizens.disputes import Item

blueprint = Blueprint("statements", __name__, url_prefix="/record/statements")
blueprint.after_request(keep_private)
METHODS: Final = ["GET", "POST"]


@blueprint.route("", methods=METHODS)
def show() -> AnyResponse:
    return _page(session_citizen(), None)


@blueprint.route("/new/<int:log_index>", methods=METHODS)
def about(log_index: int) -> AnyResponse:
    citizen = session_citizen()
    try:
        return _page(citizen, disputes.item_of(bureau(), citizen, log_index))
    except NotFoundError:
        abort(404)


def _page(citizen: int, item: Item | None) -> AnyResponse:
    problem, text = "", ""
    if request.method == "POST":
        text = printable("text")
        if 0 < len(text) <= TEXT_CHARS_MAX:
            return _ask(item, text)
        most = language.format_number(TEXT_CHARS_MAX)
        problem = gettext("Write your statement, at most %(count)s characters.", count=most)
    html = render_template(
        "statements.html",
        statements=disputes.statements_of(bureau(), citizen) if item is None else [],
        item=item,
        words=words,
        type_of=type_of,
        facts=[] if item is None else words.facts_of(item.event),
        problem=problem,
        given=text,
        chars_max=TEXT_CHARS_MAX,
    )
    return Response(html, 422 if problem else 200)


def _ask(item: Item | None, text: str) -> AnyResponse:
    fields: dict[str, Any] = {"text": text}
    if item is not None:
        fields["target"] = item.index
    sentence = gettext("Add this statement to your record: %(text)s", text=text)
    return signing.ask("citizen_statement", fields, sentence, url_for("statements.show"))
