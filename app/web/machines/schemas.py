"""The shapes of the JSON API, in marshmallow: they describe it in /v1/openapi.json, and the small answers are
made with them.

The big bodies (batches, inquiries) are not decoded here: their bytes go to the core's own strict parser,
which is fifty times as fast and the only judge of what a batch is.
"""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields

from app.core.fields import format_instant
from app.web.errors import PROBLEM_JSON


class Instant(fields.String):
    """A moment, in whole seconds of UTC: 2026-11-22T15:35:50Z."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time"}, **options)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> str | None:
        return super()._serialize(None if value is None else format_instant(value), attr, obj, **options)


class LineProblem(Schema):
    line = fields.Integer(
        strict=True, metadata={"description": "Line of the batch file, from 1; the note is line 1."}
    )
    rule = fields.String(metadata={"description": "The rule that refuses it, such as R5."})
    detail = fields.String(required=True)


class Problem(Schema):
    """RFC 9457 problem details."""

    type = fields.String(
        required=True, metadata={"description": "about:blank, or a page that explains the class of error."}
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True, strict=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "The error's stable kebab-case name."})
    request_id = fields.String(required=True)
    problems = fields.List(
        fields.Nested(LineProblem), metadata={"description": "The first ten lines refused."}
    )
    reason = fields.String(metadata={"description": "Of a refused inquiry: why."})
    receipt = fields.String(
        metadata={"description": "Of a refused inquiry: the receipt of the refusal in the ledger."}
    )


class Answer(Schema):
    """What a bank gets for an inquiry."""

    answer = fields.Dict(required=True, metadata={"description": "The answer event, as it is in the ledger."})
    receipts = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Two signed notes: the inquiry's receipt and the answer's."},
    )
    proof = fields.Dict(
        required=True, metadata={"description": "The score proof; its canonical JSON is a .proof file."}
    )
    advice = fields.String(
        required=True, metadata={"description": "That the answer is advisory, and how to reach a person."}
    )


class CorrectedItem(Schema):
    """An item of a citizen's file that was repaired. What it is and was is not said."""

    citizen = fields.String(required=True, metadata={"description": "The citizen key, as in a proof."})
    index = fields.Integer(required=True, metadata={"description": "The log index of the item."})


class Corrections(Schema):
    """Repairs behind answers that this bank got within six months before (R27)."""

    corrections = fields.List(fields.Nested(CorrectedItem), required=True)
    after = fields.Integer(metadata={"description": "For the next note; left out when there is nothing."})


class EvidenceFile(Schema):
    """A file as the citizen handed it in."""

    name = fields.String(required=True, metadata={"description": "What the citizen's machine called it."})
    type = fields.String(
        required=True, metadata={"description": "application/pdf, image/png, image/jpeg or text/plain."}
    )
    sha256 = fields.String(required=True)
    data = fields.String(required=True, metadata={"description": "Base64 with padding."})


class EvidenceBundle(Schema):
    """What was handed in with one event, by the hash in it."""

    hash = fields.String(required=True)
    files = fields.List(fields.Nested(EvidenceFile), required=True)


class Said(Schema):
    """What the citizen says is wrong; the first is from filing, further ones were added."""

    ground = fields.String(required=True)
    text = fields.String(required=True)


class OpenDispute(Schema):
    """A dispute about an event of this furnisher's (R24)."""

    number = fields.Integer(required=True)
    citizen = fields.String(required=True, metadata={"description": "The identifier, as in the event."})
    index = fields.Integer(
        required=True, metadata={"description": "The log index of the item: the `target`."}
    )
    event = fields.String(
        required=True, metadata={"description": "The id that the furnisher gave the event."}
    )
    filed_on = fields.String(required=True)
    due_on = fields.String(required=True, metadata={"description": "The last day on which to answer."})
    said = fields.List(fields.Nested(Said), required=True)
    evidence = fields.List(fields.Nested(EvidenceBundle), required=True)


class Disputes(Schema):
    """Open disputes about this furnisher's items."""

    disputes = fields.List(fields.Nested(OpenDispute), required=True)
    after = fields.Integer(metadata={"description": "For the next note; left out when there is nothing."})


class Applied(Schema):
    """An application for a key's registration."""

    reference = fields.String(required=True, metadata={"description": "A secret of the applicant's."})
    state = fields.String(
        required=True, metadata={"description": "`open`, `proposed`, `registered`, `refused` or `ended`."}
    )
    reason = fields.String(required=True, metadata={"description": "Of a refusal; else empty."})


class Figures(Schema):
    """The public figures of the ledger."""

    origin = fields.String(required=True)
    events = fields.Integer(required=True)
    citizens = fields.Integer(required=True)
    batches = fields.Integer(required=True)
    blocks = fields.Integer(required=True)
    furnishers = fields.Integer(required=True)
    tree_size = fields.Integer(required=True)
    root = fields.Function(lambda figures: figures.root.hex(), required=True)
    last_block_time = Instant(allow_none=True)
    as_of = fields.Date(allow_none=True)


class OpenedAudit(Schema):
    """What a regulator gets for the note of an audit."""

    token = fields.String(required=True, metadata={"description": "For `Authorization: Bearer`."})
    case = fields.String(required=True)
    from_ = fields.Integer(
        required=True,
        data_key="from",
        metadata={"description": "First log index, as announced in the ledger."},
    )
    to = fields.Integer(required=True, metadata={"description": "Last log index."})
    expires = Instant(required=True)


class PublishedCard(Schema):
    """One publication of a scorecard."""

    scorecard = fields.String(required=True, metadata={"description": "SHA-256 of the document, hex."})
    name = fields.String(required=True)
    role = fields.String(required=True, metadata={"description": "`champion` or `challenger`."})
    from_day = fields.String(
        required=True, data_key="from", metadata={"description": "First day of its use, local to the ledger."}
    )
    report = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of the validation report, if any."}
    )
    index = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Log index of the notice; null until a block has it."},
    )
    in_force = fields.Boolean(
        required=True, metadata={"description": "Whether it is the one of its role at the newest block."}
    )


class PublishedCards(Schema):
    """Every publication, in the order of the log."""

    scorecards = fields.List(fields.Nested(PublishedCard), required=True)


class Document(Schema):
    """A JSON object as it was published, byte for byte: its SHA-256 is in the ledger."""

    class Meta:
        unknown = INCLUDE


# What `alt_response` needs for an answer that is a problem.
PROBLEM_DOC: dict[str, Any] = {"schema": Problem, "content_type": PROBLEM_JSON}
