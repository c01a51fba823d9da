"""`credence audit`: replay a whole ledger and compare."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.db import engine
from app.services.audit import Report
from app.services.audit import audit as replay
from app.services.audit.source import DatabaseSource
from app.services.bureau import Bureau
from app.services.figures import figures
from app.services.home import Home

FINDINGS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """Opens the database source in whatever process needs it."""

    home: Home
    url: str

    def __call__(self) -> DatabaseSource:
        return DatabaseSource(Bureau.open(self.home, self.url))


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Processes that replay citizens.",
)
def audit(processes: int) -> None:
    """Replay everything that the ledger holds, and compare: signatures, roots, tiles, blocks, folds, scores, state.

    Reads the database of CREDENCE_HOME (or DATABASE_URL) with the keys of its home. Prints every finding with its exact
    place. Exit code 0 only when nothing was found, 1 when something was.

    \b
        credence audit
    """
    home, console = Home.from_environment(), Console()
    url = engine.database_url(home.path)
    bureau = Bureau.open(home, url)
    totals = figures(bureau)
    bureau.close()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bars = {
            "log": progress.add_task("Events in the log", total=totals.events),
            "citizens": progress.add_task("Citizens' files  ", total=totals.citizens),
        }
        report = replay(
            OpenDatabase(home, url), lambda stage, n: progress.advance(bars[stage], n), processes=processes
        )
    say(report, console)
    sys.exit(1 if report.findings else 0)


def say(report: Report, console: Console) -> None:
    """What was replayed, and every finding."""
    console.print(
        f"Replayed {report.events:,} events in {report.batches:,} batches and {report.blocks:,} blocks,"
        f" {report.versions:,} account versions of {report.citizens:,} citizens.",
        highlight=False,
    )
    for finding in report.findings[:FINDINGS_SHOWN]:
        console.print(f"FOUND  {finding}", highlight=False, markup=False)
    if len(report.findings) > FINDINGS_SHOWN:
        console.print(f"... and {len(report.findings) - FINDINGS_SHOWN:,} more")
    console.print(
        f"{len(report.findings):,} findings." if report.findings else "Nothing was found.", highlight=False
    )
