"""A page that checks a proof file: what it proves, for which day, and what was not checked.

With JavaScript the file is checked in the browser by `static/verify/` (written from docs/formats.md) and goes nowhere:
the page's own policy allows no request. Without JavaScript, or in a browser without Ed25519, the form is sent; then the
file is read, verified by `app.core` and forgotten: nothing is stored and nothing is logged. Checking here
means trusting this server: the page says so, and names the command that needs no server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, render_template
from flask_babel import gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import StringField, TextAreaField

from app.core.errors import CredenceError, FormatError
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import SCORE, kind_of, verify_claim
from app.core.proving.proof import verify_score_proof
from app.core.reporting.identifiers import check_identifier
from app.web import errors, words
from app.web.language import N_, text_language
from app.web.limits import limited
from app.web.machines.public_log import own_policy_of
from app.web.state import bureau

if TYPE_CHECKING:
    import datetime as dt

blueprint = Blueprint("check", __name__)
FILE_BYTES_MAX = 1 << 20  # sent to the server; a browser checks all that the formats allow
POLICY_CHARACTERS_MAX = 16_384
FORM_BYTES_MAX = 96 * 1024
REQUEST_BYTES_MAX = FILE_BYTES_MAX + FORM_BYTES_MAX  # a proof, a policy and the form around them
TEXT_CHARACTERS_MAX = 128  # identifier, audience, nonce
HEADINGS = {
    "score": N_("No score"),  # of a file that has none; else the score is the heading
    "history": N_("All events of one citizen"),
    "absent": N_("There is no file"),
    "event": N_("One event, signed by its furnisher"),
    "consistency": N_("The ledger has only grown"),
    "erasure": N_("Plaintext was announced as destroyed"),
    "contradiction": N_("The bureau signed two histories"),
    "overdue": N_("A promise to a furnisher is overdue"),
    "range": N_("The score is within bounds"),
}


class CheckForm(FlaskForm):  # type: ignore[misc]
    """What is to be checked, and against what."""

    proof = FileField()
    identifier = StringField()
    audience = StringField()
    nonce = StringField()
    policy = TextAreaField()


@dataclass(frozen=True, slots=True)
class Answer:
    """A proof that holds, as the page shows it. `facts` are hashes to compare: block, key, scorecard."""

    kind: str
    score: int | None
    day: dt.date | None
    proved: list[str]
    not_proved: list[str]
    facts: dict[str, str]


@blueprint.get("/check")
def ask() -> str:
    return _page(CheckForm())


@blueprint.post("/check")
@limited("60 per minute")
def check() -> tuple[str, int] | str:
    form = CheckForm()
    upload = form.proof.data
    data = upload.read(FILE_BYTES_MAX + 1) if upload else b""
    problem = _problem_before(form, data)
    if problem is not None:
        return _page(form, problem=problem), 400
    own_policy = not (form.policy.data or "").strip()
    policy = own_policy_of(bureau()) if own_policy else _policy_bytes(form.policy.data or "")
    identifier = _text(form.identifier.data)
    problem = _problem_beside(identifier, policy)
    if problem is not None:
        return _page(form, problem=problem), 400
    asked = Asked(
        Policy.parse(policy),
        bureau().now(),
        identifier=identifier,
        audience=_text(form.audience.data),
        nonce=_text(form.nonce.data),
    )
    try:
        answer = _answer(data, policy, asked)
    except CredenceError as error:
        return _page(form, failed=error), 422
    return _page(form, answer=answer, own_policy=own_policy)


def _answer(data: bytes, policy: bytes, asked: Asked) -> Answer:
    """What the file proves. FormatError, SignatureError, ProofError, RuleError."""
    kind = kind_of(data)
    score, day = None, None
    if kind == SCORE:
        verified = verify_score_proof(data, policy, at=asked.at, identifier=asked.identifier)
        said, score, day = verified.sentences(text_language()), verified.score, verified.day
        facts = verified.as_json()
    else:
        claimed = verify_claim(data, asked)
        said, facts = claimed.sentences(text_language()), dict(claimed.as_json())
    return Answer(
        kind,
        score,
        day,
        *words.parted(said),
        {name: str(facts[name]) for name in ("block_hash", "key", "scorecard") if name in facts},
    )


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _policy_bytes(text: str) -> bytes:
    """A policy as it was before a browser's form turned its line ends into CRLF."""
    lines = text.replace("\r\n", "\n").strip("\n")
    return f"{lines}\n".encode()


def _problem_before(form: CheckForm, data: bytes) -> tuple[str, str] | None:
    """(field, sentence) when the form itself cannot be used."""
    if not form.validate():
        return ("proof", gettext("The page was open for too long. Choose the file again and try once more."))
    if not data:
        return ("proof", gettext("Choose a .proof file."))
    if len(data) > FILE_BYTES_MAX:
        return (
            "proof",
            gettext("This file is larger than 1 MiB. Check it with JavaScript on, or with credence verify."),
        )
    for name in ("identifier", "audience", "nonce"):
        if len(form[name].data or "") > TEXT_CHARACTERS_MAX:
            return (name, gettext("What belongs here is shorter than this."))
    if len(form.policy.data or "") > POLICY_CHARACTERS_MAX:
        return ("policy", gettext("A policy is shorter than this."))
    return None


def _problem_beside(identifier: str | None, policy: bytes) -> tuple[str, str] | None:
    """(field, sentence) when what was given beside the file cannot be used: the file is not to blame for that."""
    if identifier is not None:
        try:
            check_identifier(bureau().scheme, identifier)
        except FormatError:
            said = gettext(
                "This is no identifier of this ledger. Write it like %(example)s.",
                example=words.example(),
            )
            return ("identifier", said)
    try:
        Policy.parse(policy)
    except FormatError:
        return ("policy", gettext("This is not a policy. Copy the whole text, or leave the field empty."))
    return None


def _page(
    form: CheckForm,
    *,
    problem: tuple[str, str] | None = None,
    failed: CredenceError | None = None,
    answer: Answer | None = None,
    own_policy: bool = True,
) -> str:
    return render_template(
        "check.html",
        form=form,
        problem=problem,
        failed=failed,
        failed_kind=None if failed is None else errors.kind_of(failed),
        answer=answer,
        headings={kind: gettext(text) for kind, text in HEADINGS.items()},
        own_policy=own_policy,
        example=words.example(),
        scheme=bureau().scheme,
        policy=own_policy_of(bureau()).decode(),
        measures=words.measures(),
    )
