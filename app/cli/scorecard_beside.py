"""`credence scorecard challenge` and `compare`: a challenger beside the card in use."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.files import write_whole
from app.cli.opening import open_bureau
from app.cli.params import FILE
from app.cli.scorecard import find
from app.core.errors import NotFoundError
from app.core.scoring.scorecard import parse_card

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.core.scoring.scorecard import Card
    from app.services.bureau import Bureau

FOLLOW_PAUSE_S = 1.0


@click.command()
@click.option("--follow", is_flag=True, help="Go on until stopped, scoring what changes.")
def challenge(follow: bool) -> None:
    """Score everybody by the challenger.

    It is scored beside the card in use, and nobody is shown these scores. Scores what changed since the last run,
    so it may be stopped and started at any time. What earlier challengers made is deleted. `credence scorecard
    compare` then says how the two cards differ.

    \b
        credence scorecard challenge
        credence scorecard challenge --follow
    """
    stop = threading.Event()
    if follow:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with open_bureau() as bureau:
        _challenge(bureau, say=True)
        while follow and not stop.wait(FOLLOW_PAUSE_S):
            _challenge(bureau, say=False)


def _challenge(bureau: Bureau, *, say: bool) -> None:
    from app.services.scoring import challenger  # noqa: PLC0415 - loads the database

    _, card = challenger.cards_in_force(bureau)
    challenger.forget_others(bureau, card)
    if card is None:
        if say:
            message = "no challenger is in force today: `credence scorecard publish FILE --role challenger`"
            raise NotFoundError(message, code="no-challenger")
        return
    waiting = challenger.count_stale(bureau, card)
    with _bar("Accounts", waiting) as advance:
        scored = challenger.score_all(bureau, card, advance)
    if scored or say:
        click.echo(f"{card.name}: accounts scored: {scored:,}")


@contextmanager
def _bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, silence elsewhere or when there is nothing to do."""
    from rich.console import Console  # noqa: PLC0415 - other commands of the group need no bar
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (total and console.is_terminal)) as progress:
        bar = progress.add_task(text, total=total)
        yield lambda count: progress.advance(bar, count)


@click.command()
@click.option(
    "--challenger",
    "digest",
    default="",
    metavar="HASH",
    help="Which card; the challenger in force if not given.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for comparison.json and comparison.html; this one if not given.",
)
@click.option(
    "--labels",
    type=FILE,
    help="A table of labels (CSV) as for `fit`: for AUC, Gini and KS of both cards.",
)
def compare(digest: str, out: Path, labels: Path | None) -> None:
    """Compare the challenger with the card in use.

    Writes a report over everybody, as JSON and as a page: distributions, means, correlation, stability index, who
    would be approved by which card at several cut-offs, and which criteria move the scores that move most. Sums
    only: nothing in it is about anybody.

    \b
        credence scorecard compare --out comparison/
        credence scorecard compare --labels labels.csv
    """
    from app.services.scoring import challenger  # noqa: PLC0415 - loads the database
    from app.services.scoring.comparison_page import page  # noqa: PLC0415
    from app.services.scoring.labels import read_labels  # noqa: PLC0415

    known = None
    if labels is not None:
        known = {account: label.bad for account, label in read_labels(labels).items()}
    with open_bureau() as bureau:
        report = challenger.comparison(bureau, _challenger(bureau, digest), known)
    counts = report["accounts"]
    if counts["not_scored_by_challenger_yet"] == sum(counts.values()):
        message = "the challenger has scored nobody yet: run `credence scorecard challenge`"
        raise NotFoundError(message, code="no-scores")
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "comparison.json", (json.dumps(report, indent=1) + "\n").encode())
    write_whole(out / "comparison.html", page(report).encode())
    click.echo(f"{counts['scored_by_both']:,} accounts are scored by both cards.")
    if counts["not_scored_by_challenger_yet"]:
        click.echo(
            f"{counts['not_scored_by_challenger_yet']:,} are not: run `credence scorecard challenge` again."
        )
    click.echo(f"{out / 'comparison.json'}\n{out / 'comparison.html'}")


def _challenger(bureau: Bureau, digest: str) -> Card:
    from app.services.ledger import cards  # noqa: PLC0415 - loads the database
    from app.services.scoring import challenger  # noqa: PLC0415 - loads the database

    if digest:
        found = find(cards.list_cards(bureau), digest)
        return parse_card(cards.published_document(bureau, found.scorecard))
    _, card = challenger.cards_in_force(bureau)
    if card is None:
        raise NotFoundError(
            "no challenger is in force today: give its HASH with --challenger", code="no-challenger"
        )
    return card
