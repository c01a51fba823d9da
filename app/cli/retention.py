"""`credence retention`: what is past its retention loses its plaintext; to be run every day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.opening import open_bureau
from app.services.ledger import retention as service
from app.services.one_by_one import PartlyDoneError

if TYPE_CHECKING:
    from app.services.bureau import Bureau


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count what is due.")
@click.option(
    "--thorough", is_flag=True, help="Open every event of everybody, not only where the file gives a reason."
)
@click.option("--scrub", is_flag=True, help="Then leave no destroyed key in the database's own files either.")
def retention(*, dry_run: bool, thorough: bool, scrub: bool) -> None:
    """Destroy the plaintext of negative events whose retention is over; run it every day.

    Works on the bureau's own database. It looks through all files and admits notices that name what is due; the sequencer,
    which may be at work or started later, destroys it with the blocks that take them in. Nothing in the log changes, proofs
    that were given out still verify, and no score changes. What was destroyed cannot be brought back.

    The database's user has to be a member of the role credence_retention, and for --scrub the owner of the tables
    (docs/operations.md, "Retention").

    \b
        credence retention --dry-run
        credence retention --scrub
    """
    if dry_run and scrub:
        raise click.UsageError("--dry-run changes nothing, so it goes without --scrub")
    console = Console(stderr=True)
    columns = (TextColumn("Citizens"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with open_bureau() as bureau:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("", total=service.count_citizens(bureau))
            done = service.run(bureau, lambda n: progress.advance(bar, n), dry=dry_run, thorough=thorough)
        _say(done)
        if scrub:
            _scrub(bureau)
        if done.failed:
            raise PartlyDoneError(done.events, done.failed)


def _say(done: service.Run) -> None:
    due = f"{done.events:,} events of {done.concerned:,} citizens are past their retention"
    click.echo(f"Looked at {done.citizens:,} citizens: {due}.")
    if done.notices:
        click.echo(f"The next blocks destroy their plaintext, as {done.notices:,} notices in the ledger say.")


def _scrub(bureau: Bureau) -> None:
    click.echo("Waiting for the sequencer ...", err=True)
    if service.scrub(bureau):
        click.echo("No destroyed key is left in the database's files.")
    else:
        message = "The tables of keys are rewritten. The server writes over used WAL files (wal_recycle): until then they"
        click.echo(f"{message} hold destroyed keys.")
