"""Signing with a passkey: a page says in a sentence what will be signed, and the browser's passkey signs it.

    return signing.ask("freeze", {}, gettext("Freeze my file ..."), url_for("freeze.show"))      from a citizen's POST
    return signing.ask_all([("consent_given", {...}), ("consent_withdrawn", {...})], sentence, done)

    GET  /record/sign/<draft>   the sentence and a button
    POST /record/sign/<draft>   the passkey's answers, one for each event; then to `done`, once all of it is admitted

The draft is kept sealed for ten minutes, by `services.citizens.acts`, and only for the session that made it. Signing is one
of the three things that need JavaScript: the passkey is the browser's. Who has no passkey is told how to get one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, redirect, render_template, request, session, url_for

from app.core.errors import FormatError, NotFoundError, RuleError, SignatureError
from app.services.citizens import acts, passkeys
from app.web.citizens.record import TOKEN, session_citizen
from app.web.headers import keep_private
from app.web.limits import limited
from app.web.paths import own_path
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Response as AnyResponse

    from app.services.citizens.acts import Act

blueprint = Blueprint("signing", __name__)
blueprint.after_request(keep_private)
ANSWER_CHARS_MAX = 65_536


def ask(kind: str, fields: dict[str, Any], sentence: str, done: str) -> AnyResponse:
    """To the page where the citizen signs an event of this type, and from there to the path `done`.

    FormatError, RuleError when the event could never be admitted.
    """
    return ask_all([(kind, fields)], sentence, done)


def ask_all(wanted: Sequence[Act], sentence: str, done: str) -> AnyResponse:
    """`ask` for several events that are admitted together or not at all."""
    session_citizen()
    draft = acts.draft(bureau(), session[TOKEN], wanted, sentence, own_path(done, "/record"))
    return redirect(url_for("signing.show", draft=draft), 303)


@blueprint.get("/record/sign/<draft>")
def show(draft: str) -> Response:
    session_citizen()
    return _page(draft)


@blueprint.post("/record/sign/<draft>")
@limited("30 per minute")
def sign(draft: str) -> AnyResponse:
    session_citizen()
    try:
        answers = read_answer(request.form.get("answer", ""), list)
        done = acts.sign(bureau(), session[TOKEN], draft, answers)
    except (FormatError, SignatureError):
        return _page(draft, wrong=True, status=422)
    except RuleError as error:
        if any(each.rule != passkeys.RULE for each in error.problems):
            raise
        return _page(draft, wrong=True, status=422)
    except NotFoundError:
        return _over()
    return redirect(done, 303)


def read_answer(text: str, kind: type) -> Any:
    """What the page's script has sent. FormatError."""
    try:
        value = orjson.loads(text) if len(text) <= ANSWER_CHARS_MAX else None
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, kind):
        raise FormatError("the answer of the passkey could not be read")
    return value


def elsewhere() -> str | None:
    """The address at which passkeys work, when this page was reached at another."""
    address = bureau().address
    return None if request.host_url.rstrip("/") in address.origins else address.origin


def _over() -> Response:
    return Response(render_template("signing_over.html"), 410)


def _page(draft: str, *, wrong: bool = False, status: int = 200) -> Response:
    try:
        opened = acts.open_draft(bureau(), session[TOKEN], draft)
    except NotFoundError:
        return _over()
    html = render_template(
        "signing.html",
        draft=draft,
        opened=opened,
        elsewhere=elsewhere(),
        relying_party=bureau().address.relying_party,
        wrong=wrong,
    )
    return Response(html, status)
