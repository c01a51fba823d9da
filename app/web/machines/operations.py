"""What the people and programs who run the service ask: /livez, /readyz, /metrics.

`/livez` answers while the process can answer. `/readyz` answers 200 when requests should be sent here, else
503 with what is missing. `/metrics` is Prometheus' text format. None of the three says anything about a
citizen; a proxy in front should still keep /metrics inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import CredenceError
from app.db.session import DatabaseError
from app.services import scheduler
from app.services.ledger import figures
from app.web.errors import problem
from app.web.machines.answers import PLAIN, answer
from app.web.state import bureau

if TYPE_CHECKING:
    from app.web.machines.metrics import Metrics

blueprint = Blueprint("operations", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    return answer(b"alive\n", PLAIN)


@blueprint.get("/readyz")
def readyz() -> Response:
    try:
        problems = figures.ready(bureau())
    except SQLAlchemyError as error:  # no connection at all
        problems = [f"the database does not answer: {type(error).__name__}"]
    if not problems:
        return answer(b"ready\n", PLAIN)
    return problem(
        503,
        title="Not ready",
        detail="; ".join(problems),
        code="not-ready",
        problems=[{"detail": each} for each in problems],
    )


@blueprint.get("/metrics")
def metrics() -> Response:
    counters: Metrics = current_app.extensions["metrics"]
    try:
        ledger, jobs = figures.figures(bureau()), list(scheduler.last_runs(bureau()).values())
    except (CredenceError, DatabaseError, SQLAlchemyError):
        ledger, jobs = None, []  # the counters matter most when the database is away
    return answer(counters.render(ledger, jobs), CONTENT_TYPE_LATEST)
