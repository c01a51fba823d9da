"""What people at furnishers do: batches and what became of them, disputes and their clock, mending what was reported.

    GET  /furnisher                                      how it stands
    GET  /furnisher/batches                              send a batch; POST takes it
    GET  /furnisher/receipts/<batch id>                  a receipt again
    GET  /furnisher/disputes                             the open ones, the next to end first
    GET  /furnisher/disputes/<number>                    one with its evidence; POST prepares the answer
    GET  /furnisher/disputes/<number>/evidence/<file>    a file, whole (R24)
    GET  /furnisher/entries                              find an entry that one reported
    GET  /furnisher/entries/<index>                      as it stands now; POST prepares a correction or a retraction
    GET  /furnisher/orders                               entries that belong to another citizen (a mixed file)
    GET  /furnisher/orders/<number>                      one order; POST prepares what it asks for
    GET  /furnisher/quality                              one's own figures, quarter by quarter (R43)
    POST /furnisher/plain                                prepared events as a file for `credence furnish`

Everything that changes the ledger is a batch by the furnisher's own key. A page prepares plain events and shows them, to be
signed in the browser with the key file, which goes nowhere (static/furnisher.js), or on the furnisher's own machine with
`credence furnish`, and come back as a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from app.core.errors import CredenceError, FormatError, NotFoundError
from app.core.fields import U63_MAX
from app.core.reporting.batch import parse_batch
from app.core.reporting.event_base import NotifiedBy
from app.services.citizens import disputes
from app.services.ledger import intake
from app.services.organisations import furnishing, splitting
from app.services.organisations import quality as figures
from app.web import words
from app.web.forms import typed, written
from app.web.headers import attachment, keep_private
from app.web.language import N_
from app.web.organisations import seats
from app.web.organisations.approvals import KEY_ROLES
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.organisations.furnishing import Entry, Prepared

blueprint = Blueprint("furnisher", __name__, url_prefix="/furnisher")
blueprint.after_request(keep_private)
ROLE = "furnisher"
UPLOAD_BYTES_MAX = 16 << 20  # larger batches go to /v1/batches
TOLD_BY = tuple(each for each in get_args(NotifiedBy) if each != "synthetic")
REASONS = ("wrong_person", "reported_in_error", "not_verifiable", "ordered")

FIGURES = {
    "reported": N_("Reported"),
    "late": N_("Late"),
    "corrected": N_("Corrected or taken back"),
    "refused": N_("Lines refused"),
    "disputed": N_("Disputed"),
    "closed_corrected": N_("You put right"),
    "closed_upheld": N_("You upheld"),
    "closed_unverifiable": N_("You could not verify"),
    "closed_deadline": N_("You did not answer"),
}


@blueprint.get("")
def show() -> str:
    seat = seats.require(ROLE)
    return render_template(
        "furnisher.html",
        standing=furnishing.standing(bureau(), seat.organisation),
        orders=[each for each in splitting.for_furnisher(bureau(), seat.organisation) if not each.done],
        today=_today(),
        key_roles=KEY_ROLES,
    )


def _today() -> Any:
    return bureau().local_day(bureau().now())


# ---- batches
# --------------------------------------------------------------------------------------------------


@blueprint.route("/batches", methods=["GET", "POST"])
def batches() -> AnyResponse | str | tuple[str, int]:
    seat = seats.require(ROLE)
    if request.method == "GET":
        return render_template("furnisher_batches.html", given=_given(seat.organisation), error=None)
    upload = request.files.get("batch")
    try:
        receipt = _admitted(upload.read() if upload else b"", seat.organisation)
    except CredenceError as error:
        page = render_template("furnisher_batches.html", given=_given(seat.organisation), error=error)
        return page, 422
    return redirect(url_for("furnisher.receipt", batch_id=receipt), 303)


def _admitted(body: bytes, furnisher: str) -> str:
    """The id of the batch, which is this furnisher's own and is admitted now."""
    header = parse_batch(body).header
    if header.furnisher != furnisher:
        raise FormatError(f"this batch is by {header.furnisher!r}; here {furnisher!r} reports")
    furnishing.admit(bureau(), body)
    return header.batch_id


def _given(furnisher: str, prepared: Prepared | None = None) -> dict[str, object]:
    """What a browser needs to sign."""
    genesis = bureau().genesis
    given: dict[str, object] = {
        "furnisher": furnisher,
        "ledger": {"origin": genesis.origin, "utcOffsetMinutes": genesis.utc_offset_minutes},
    }
    if prepared is not None:
        given |= {"batchId": prepared.batch_id, "events": prepared.events}
    return given


@blueprint.get("/receipts/<ref:batch_id>")
def receipt(batch_id: str) -> str:
    seat = seats.require(ROLE)
    note = intake.receipt_of(bureau(), seat.organisation, batch_id).decode()
    return render_template("furnisher_receipt.html", batch_id=batch_id, note=note)


# ---- disputes
# --------------------------------------------------------------------------------------------------


@blueprint.get("/disputes")
def inbox() -> str:
    seat = seats.require(ROLE)
    standing = furnishing.standing(bureau(), seat.organisation)
    return render_template("furnisher_disputes.html", disputes=standing.disputes, today=_today())


@blueprint.route("/disputes/<int:number>", methods=["GET", "POST"])
def dispute(number: int) -> str | tuple[str, int]:
    seat = seats.require(ROLE)
    case = disputes.case_of(bureau(), seat.organisation, number)
    entry = furnishing.own_entry(bureau(), seat.organisation, case.item)
    error = None
    if request.method == "POST":
        try:
            return _to_sign(seat.organisation, _answer(entry))
        except CredenceError as refused:
            error = refused
    page = render_template(
        "furnisher_dispute.html",
        case=case,
        today=_today(),
        **_about(entry, error),
    )
    return (page, 422) if error else page


@blueprint.get("/disputes/<int:number>/evidence/<int:file>")
def evidence(number: int, file: int) -> Response:
    seat = seats.require(ROLE)
    case = disputes.case_of(bureau(), seat.organisation, number)
    found = next((each for _, files in case.evidence for each in files if each.number == file), None)
    if found is None:
        abort(404)
    suffix = found.known.media_type.partition("/")[2].replace("plain", "txt")
    name = f"evidence-{number}-{file}.{suffix}"
    return Response(found.data, headers=attachment(name, found.known.media_type))


def _answer(entry: Entry) -> list[dict[str, Any]]:
    """The events that answer a dispute: what puts it right, if anything, and the closing."""
    how, today = request.form.get("how", ""), bureau().today()
    outcome = "corrected" if how in ("correct", "retract") else how
    mended = [_mended(entry, how)] if outcome == "corrected" else []
    return [*mended, furnishing.closing(entry, outcome, written("said"), today)]


# ---- entries
# --------------------------------------------------------------------------------------------------


@blueprint.get("/entries")
def find() -> AnyResponse | str | tuple[str, int]:
    seat = seats.require(ROLE)
    number = request.args.get("entry", "").strip()
    if not number:
        return render_template("furnisher_find.html", wrong=False)
    try:
        index = int(number) if number.isdecimal() and number.isascii() else -1
        furnishing.own_entry(bureau(), seat.organisation, min(index, U63_MAX))
    except NotFoundError:
        return render_template("furnisher_find.html", wrong=True), 404
    return redirect(url_for("furnisher.entry", index=index), 303)


@blueprint.route("/entries/<int:index>", methods=["GET", "POST"])
def entry(index: int) -> str | tuple[str, int]:
    seat = seats.require(ROLE)
    if index > U63_MAX:
        abort(404)
    found = furnishing.own_entry(bureau(), seat.organisation, index)
    error = None
    if request.method == "POST":
        try:
            return _to_sign(seat.organisation, [_mended(found, request.form.get("how", ""))])
        except CredenceError as refused:
            error = refused
    page = render_template("furnisher_entry.html", **_about(found, error))
    return (page, 422) if error else page


def _mended(entry: Entry, how: str) -> dict[str, Any]:
    if how == "retract":
        return furnishing.retraction(entry, request.form.get("reason", ""))
    if how == "correct":
        return furnishing.correction(entry, _corrected(entry))
    raise FormatError("choose what is to be done")


def _corrected(entry: Entry) -> dict[str, Any]:
    """What the form says: amounts are integers, what is empty is left out."""
    corrected: dict[str, Any] = {}
    for name in furnishing.fields_of(entry):
        value = request.form.get(f"field-{name}", "").strip()
        if value:
            whole = name.endswith("_minor") and value.removeprefix("-").isdecimal() and value.isascii()
            corrected[name] = int(value) if whole and len(value) < 18 else value
    return corrected


def _about(entry: Entry, error: CredenceError | None) -> dict[str, Any]:
    """What the pages about one entry show."""
    return {
        "entry": entry,
        "names": furnishing.fields_of(entry),
        "reasons": REASONS,
        "words": words,
        "error": error,
        "form": request.form,
    }


def _to_sign(furnisher: str, events: list[dict[str, Any]]) -> str:
    """The page on which prepared events are signed; nothing has happened yet."""
    prepared = furnishing.prepared(bureau(), furnisher, events)
    return render_template(
        "furnisher_sign.html", prepared=prepared, words=words, given=_given(furnisher, prepared)
    )


# ---- orders
# --------------------------------------------------------------------------------------------------


@blueprint.get("/orders")
def orders() -> str:
    seat = seats.require(ROLE)
    return render_template(
        "furnisher_orders.html", orders=splitting.for_furnisher(bureau(), seat.organisation)
    )


@blueprint.route("/orders/<int:number>", methods=["GET", "POST"])
def order(number: int) -> str | tuple[str, int]:
    seat = seats.require(ROLE)
    part = splitting.order(bureau(), seat.organisation, min(number, U63_MAX))
    error = None
    if request.method == "POST":
        told = {name: written(name) for name in sorted(splitting.NOTICE_FIELDS)}
        try:
            return _to_sign(seat.organisation, splitting.to_do(part, told))
        except CredenceError as refused:
            error = refused
    page = render_template(
        "furnisher_order.html", order=part, words=words, error=error, form=request.form, told_by=TOLD_BY
    )
    return (page, 422) if error else page


@blueprint.get("/quality")
def quality() -> str:
    seat = seats.require(ROLE)
    return render_template(
        "furnisher_quality.html",
        quarters=figures.figures(bureau(), seat.organisation),
        columns=FIGURES,
        late_days=figures.LATE_DAYS,
    )


@blueprint.post("/plain")
def plain() -> Response:
    seats.require(ROLE)
    lines = typed("lines").strip("\n") + "\n"
    return Response(lines, headers=attachment("credence.ndjson", "application/x-ndjson"))
