"""The research data folded without a database, for the tests of fitting and validating."""

from __future__ import annotations

from app.core.reporting import events
from app.core.scoring import folded
from app.core.scoring.fold import fold_owned
from app.services.scoring.research import Calendar, Research, clients


def research_files(month, rows):
    """The folded files of the first clients, as an import in the month after `month` gives them."""
    maker = Research.__new__(Research)
    maker.origin, maker.seed, maker.calendar = "credence.example/test", bytes(32), Calendar.ending(month)
    for client, _ in zip(clients(), range(rows), strict=False):
        lines = maker._reports(client)
        yield fold_owned(folded.File(), [(n, events.decode_stored(line)) for n, line in enumerate(lines)])
