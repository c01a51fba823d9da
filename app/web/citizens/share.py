"""A citizen shows one bank that the score is at least so much; the bank opens a link.

    GET  /record/share            what is shared now, and a form for more
    POST /record/share            bank, least score, how long: a credential is recorded in the ledger
    GET  /record/share/<id>       to be signed with the passkey; then the link, as text and as a QR code
    POST /record/share/<id>       the passkey's answer
    POST /record/share/<id>/end   the link works no more
    GET  /shared/<token>          what the bank sees, verified in its browser
    GET  /shared/<token>.proof    the same as a file

The token of a link is 32 random bytes, which the database knows by its hash alone; it stands in the path, which neither our
log (it has routes) nor the next page (no referrer) gets to see. The page is the same for everybody who has the link: it says
for whom alone it proves something.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext
from markupsafe import Markup

from app.core.errors import CredenceError, FormatError, NotFoundError, RuleError, SignatureError
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.services.banks.inquiries import NotYetError
from app.services.citizens import overview, sharing
from app.web import errors, words
from app.web.citizens import signing
from app.web.citizens.record import not_yet, session_citizen
from app.web.headers import attachment, keep_private
from app.web.language import N_, instant, text_language
from app.web.limits import limited
from app.web.machines.public_log import own_policy_of
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse


blueprint = Blueprint("share", __name__)
LIFETIMES = {"1": N_("for a day"), "7": N_("for a week"), "30": N_("for 30 days")}
DAY_S = 86_400
STEP = 50
PATIENCE_S = 3.0
POLL_S = 0.2

# What a refusal of the service is on the page: the field, and a sentence.
REFUSALS = {
    "not-in-range": ("at_least", N_("Your score is not that high, so nobody can prove it.")),
    "bad-threshold": ("at_least", N_("Enter a whole number from 301 to 850.")),
    "no-score": ("at_least", N_("You have no score yet, so there is none to prove.")),
    "no-audience": ("audience", N_("Choose a bank.")),
    "no-passkey": ("audience", N_("You have no passkey that can sign this.")),
    "too-many": ("audience", N_("You share with many already. End some first.")),
    "not-yet": ("at_least", N_("Your score changes just now. Try again in a few seconds.")),
}


@blueprint.after_request
def _keep_out(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex"
    return keep_private(response)


# ---- the citizen's side


@blueprint.get("/record/share")
def show() -> Response:
    return _form()


@blueprint.post("/record/share")
@limited("20 per minute")
def begin() -> AnyResponse:
    citizen = session_citizen()
    days, least = request.form.get("days", ""), request.form.get("at_least", "").strip()
    if not (least.isascii() and least.isdecimal() and len(least) == 3):
        return _form("bad-threshold", 422)
    wanted = sharing.Wanted(
        request.form.get("audience", ""),
        int(least),
        DAY_S * int(days if days in LIFETIMES else "1"),
        request.form.get("passkey", ""),
    )
    try:
        share = sharing.begin(bureau(), citizen, wanted)
    except (RuleError, NotYetError) as error:
        if error.code not in REFUSALS:
            raise
        return _form(error.code, 422)
    return redirect(url_for("share.one", share=share), 303)


def _form(refused: str = "", status: int = 200) -> Response:
    citizen = session_citizen()
    try:
        score = overview.score(bureau(), citizen)
    except NotFoundError:
        return not_yet()
    problem = REFUSALS.get(refused)
    html = render_template(
        "share.html",
        shares=sharing.shares(bureau(), citizen),
        audiences=sharing.audiences(bureau()),
        passkeys=sharing.usable_passkeys(bureau(), citizen),
        lifetimes=LIFETIMES,
        score=score,
        suggested=None if score is None else max((score - 1) // STEP * STEP, SCORE_MIN + 1),
        limits=(SCORE_MIN + 1, SCORE_MAX),
        problem=None if problem is None else (problem[0], gettext(problem[1])),
        typed=request.form,
        instant=instant,
    )
    return Response(html, status)


@blueprint.get("/record/share/<share>")
def one(share: str) -> Response:
    return _one(share)


@blueprint.post("/record/share/<share>")
@limited("30 per minute")
def sign(share: str) -> AnyResponse:
    citizen = session_citizen()
    try:
        answers = signing.read_answer(request.form.get("answer", ""), list)
        given = answers[0] if answers and isinstance(answers[0], dict) else {}
        sharing.sign(bureau(), citizen, share, given)
    except (FormatError, SignatureError):
        return _one(share, wrong=True, status=422)
    return redirect(url_for("share.one", share=share), 303)


@blueprint.post("/record/share/<share>/end")
def end(share: str) -> AnyResponse:
    sharing.end(bureau(), session_citizen(), share)
    return redirect(url_for("share.show"), 303)


def _one(share: str, *, wrong: bool = False, status: int = 200) -> Response:
    citizen = session_citizen()
    found = sharing.share(bureau(), citizen, share)
    draft = None if found.token else _draft(citizen, share)
    link = f"{bureau().address.origin}{url_for('share.opened', token=found.token)}" if found.token else ""
    html = render_template(
        "share_one.html",
        share=found,
        draft=draft,
        wrong=wrong,
        link=link,
        code=_qr(link) if link else "",
        ends=instant(found.expires),
        elsewhere=signing.elsewhere(),
        relying_party=bureau().address.relying_party,
    )
    return Response(html, status)


def _draft(citizen: int, share: str) -> sharing.Draft | None:
    """What is to be signed; None when no block holds the credential after a moment's patience."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return sharing.draft(bureau(), citizen, share)
        except NotYetError:
            if time.monotonic() > deadline:
                return None
            time.sleep(POLL_S)


def _qr(link: str) -> Markup:
    """The link as a picture of squares; the text beside it says the same."""
    code = segno.make(link, error="m", micro=False)
    picture = code.svg_inline(
        scale=4, border=4, svgclass="credence-qr", lineclass=None, omitsize=True, dark="#0b0c0c", light="#fff"
    )
    label = gettext("The link as a QR code")
    attributes = Markup('<svg role="img" aria-label="{}" ').format(label)
    return Markup(picture.replace("<svg ", attributes, 1))  # noqa: S704 - segno's own, of a link of ours


# ---- the bank's side


@blueprint.get("/shared/<token>")
@limited("60 per minute")
def opened(token: str) -> Response:
    found = _found(token)
    if found is None:
        return errors.page(410)
    said, failed = _judged(found)
    proved, not_proved = words.parted(said)
    html = render_template(
        "shared.html",
        shared=found,
        token=token,
        proved=proved,
        not_proved=not_proved,
        failed=failed,
        ends=instant(found.expires),
        given={
            "proof": found.proof.decode(),
            "policy": own_policy_of(bureau()).decode(),
            "audience": found.audience,
            "language": text_language(),
        },
    )
    return Response(html)


@blueprint.get("/shared/<token>.proof")
@limited("60 per minute")
def proof(token: str) -> Response:
    found = _found(token, count=False)
    if found is None:
        return errors.page(410)
    return Response(found.proof, headers=attachment("share.proof", "application/json"))


def _found(token: str, *, count: bool = True) -> sharing.Opened | None:
    """What the link shows; None when it does not work, or no more, whatever the reason."""
    try:
        return sharing.opened(bureau(), token, count=count)
    except (NotFoundError, NotYetError, RuleError):
        return None


def _judged(found: sharing.Opened) -> tuple[list[str], str]:
    """(what is proved and what is not, why it does not hold), by this server; a browser does it again for itself."""
    asked = Asked(Policy.parse(own_policy_of(bureau())), bureau().now(), audience=found.audience)
    try:
        return verify_claim(found.proof, asked).sentences(text_language()), ""
    except CredenceError as error:
        return [], error.detail
