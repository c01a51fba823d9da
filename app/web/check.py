"""A page that checks a proof file: what it proves, for which day, and what was not checked.

The file is read, verified by `app.core.proof` and forgotten; nothing is stored and nothing is logged. The
page works without JavaScript; with it, a file can be dropped. Checking here means trusting this server: the
page says so, and names the command that needs no server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template
from flask_babel import gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import StringField, TextAreaField

from app.core.errors import CredenceError, FormatError
from app.core.identifiers import check_identifier
from app.core.policy import Policy
from app.core.proof import PROOF_BYTES_MAX, verify_score_proof
from app.web import language
from app.web.errors import kind_of
from app.web.limits import limiter
from app.web.public_log import own_policy_of
from app.web.state import bureau

if TYPE_CHECKING:
    from app.core.proof import Verified

blueprint = Blueprint("check", __name__)
REQUEST_BYTES_MAX = 160 * 1024  # a proof, a policy and the form around them
POLICY_CHARACTERS_MAX = 16_384
IDENTIFIER_CHARACTERS_MAX = 64
EXAMPLES = {"cn": "cn:11010519491231002X", "uci": "uci:17"}
NOT_PROVED = ("Not ", "未")  # how the sentences of app.core.proof_words say what they do not prove


class CheckForm(FlaskForm):  # type: ignore[misc]
    """What is to be checked, and against what."""

    proof = FileField()
    identifier = StringField()
    policy = TextAreaField()


@blueprint.get("/check")
def ask() -> str:
    return _page(CheckForm())


@blueprint.post("/check")
@limiter.limit("60 per minute")
def check() -> tuple[str, int] | str:
    form = CheckForm()
    upload = form.proof.data
    data = upload.read(PROOF_BYTES_MAX + 1) if upload else b""
    problem = _problem_before(form, data)
    if problem is not None:
        return _page(form, problem=problem), 400
    identifier = (form.identifier.data or "").strip() or None
    own_policy = not (form.policy.data or "").strip()
    policy = own_policy_of(bureau()) if own_policy else _policy_bytes(form.policy.data or "")
    problem = _problem_beside(identifier, policy)
    if problem is not None:
        return _page(form, problem=problem), 400
    try:
        verified = verify_score_proof(data, policy, at=bureau().now(), identifier=identifier)
    except CredenceError as error:
        return _page(form, failed=error), 422
    return _page(form, verified=verified, own_policy=own_policy)


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
    if len(data) > PROOF_BYTES_MAX:
        return (
            "proof",
            gettext("This file is larger than 64 KiB, so it is not a proof. Choose the .proof file itself."),
        )
    if len(form.identifier.data or "") > IDENTIFIER_CHARACTERS_MAX:
        return ("identifier", gettext("An identifier is shorter than this."))
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
                example=EXAMPLES[bureau().scheme],
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
    verified: Verified | None = None,
    own_policy: bool = True,
) -> str:
    sentences = [] if verified is None else verified.sentences(language.LANGUAGES[language.code()][1])
    return render_template(
        "check.html",
        form=form,
        problem=problem,
        failed=failed,
        failed_kind=None if failed is None else kind_of(failed),
        verified=verified,
        proved=[each for each in sentences if not each.startswith(NOT_PROVED)],
        not_proved=[each for each in sentences if each.startswith(NOT_PROVED)],
        own_policy=own_policy,
        example=EXAMPLES[bureau().scheme],
    )
