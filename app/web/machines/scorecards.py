"""The published scorecards over HTTP, for everybody (R37): what scores are made with, and how well it was found to work.

    GET /v1/scorecards                  every publication: hash, role, first day, log index, whether it is in force
    GET /v1/scorecards/<hash>           the document, byte for byte
    GET /v1/scorecards/<hash>/report    the newest validation report that was published with it

Whoever has a score's `scorecard` reads here what it stands for, and finds the same hash in the log's notices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from flask_smorest import Blueprint

from app.services.ledger import cards
from app.web.machines import schemas
from app.web.machines.answers import A_MOMENT, IMMUTABLE, answer
from app.web.machines.described import endpoint
from app.web.state import bureau

if TYPE_CHECKING:
    from flask import Response

blueprint = Blueprint(
    "scorecards", __name__, url_prefix="/v1/scorecards", description="What scores are made with."
)


@endpoint(
    blueprint,
    "GET",
    "",
    summary="The published scorecards",
    good={200: (schemas.PublishedCards, "Every publication, in the order of the log.")},
    problems={},
)
def get_scorecards() -> Response:
    body = orjson.dumps(schemas.PublishedCards().dump({"scorecards": cards.list_cards(bureau())}))
    return answer(body, keep=A_MOMENT)


@endpoint(
    blueprint,
    "GET",
    "/<hash:scorecard>",
    summary="A scorecard",
    good={200: (schemas.Document, "The document (formats.md section 9).")},
    problems={404: "No such card was published in this ledger."},
)
def get_scorecard(scorecard: str) -> Response:
    return answer(cards.published_document(bureau(), scorecard), keep=IMMUTABLE)


@endpoint(
    blueprint,
    "GET",
    "/<hash:scorecard>/report",
    summary="The validation report of a scorecard",
    good={200: (schemas.Document, "The newest report that was published with it.")},
    problems={404: "No such card, or none of its publications has a report."},
)
def get_report(scorecard: str) -> Response:
    return answer(cards.published_report(bureau(), scorecard), keep="public, max-age=60")
