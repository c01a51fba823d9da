"""`credence up`: everything on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import click

from app.cli.importing import adopt_fitted_card, import_research
from app.cli.opening import open_bureau
from app.cli.processes import Running
from app.cli.terminal import Terminal
from app.services import address
from app.services.citizens.links import create_link
from app.services.home import Home
from app.services.ledger.figures import Figures, figures
from app.services.ledger.register import register_key
from app.services.organisations import seats
from app.services.scoring.research import BANK, LENDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.services.bureau import Bureau

DEMO_CITIZEN = "uci:17"
REGULATOR = "regulator.demo"
OWN = ""  # the bureau itself
DEMO_SEATS = (
    (BANK, "bank", "Bank clerk"),
    (LENDER, "furnisher", "Furnisher"),
    (REGULATOR, "regulator", "Regulator"),
    (OWN, "clerk", "Clerk"),
    (OWN, "officer", "Officer 1"),
    (OWN, "officer", "Officer 2"),
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port to listen on."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Web server processes."
)
@click.option(
    "--research/--no-research",
    default=True,
    help="Load the research data into an empty ledger (the default).",
)
def up(host: str, port: int, workers: int, research: bool) -> None:
    """Start everything: database, tables, ledger, sequencer, scheduler, web server. Serves until Ctrl-C.

    State is in CREDENCE_HOME (default ./var). DATABASE_URL names another PostgreSQL than the embedded one. An empty ledger
    of the research scheme is filled with the data of 30,000 real card holders; an interrupted import goes on.

    \b
        credence up --port 8080
    """
    os.environ.setdefault(address.VARIABLE, f"http://localhost:{port}")  # passkeys are for names, not numbers
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    home, console = Home.from_environment(), Terminal()
    try:
        with Running(home, host=host, port=port, workers=workers, scheduler=True) as running:
            running.wait_until_ready()
            if research:
                running.watch_while(
                    lambda stop: import_research(home, running.database_url, running.url, console, stop)
                )
                running.watch_while(lambda stop: adopt_fitted_card(home, running.database_url, stop))
            for line in _summary(home, running):
                console.print(line, highlight=False, soft_wrap=True)
            running.watch(lambda: False)
    except KeyboardInterrupt:
        console.print("Stopped.")


def _summary(home: Home, running: Running) -> list[str]:
    with open_bureau(home, running.database_url) as bureau:
        now = figures(bureau)
        lines = [*_counts(now), f"[bold]Credence is at {running.url}[/bold]  (Ctrl-C stops it)"]
        if now.events and bureau.scheme == "uci":
            token = create_link(bureau, DEMO_CITIZEN)
            lines.append(f"The record of citizen {DEMO_CITIZEN}, once: {bureau.address.origin}/open/{token}")
            lines += [
                f"{label} of {name}, once: {running.url}/seat/open/{link}"
                for name, label, link in _demo_links(bureau)
            ]
            lines.append(
                "A browser sits in one seat at a time: open each of them in a private window of its own."
                " `credence link` and `credence seat link` print further links."
            )
            key = home.keys / f"{BANK}.key"
            if key.exists():
                lines.append(
                    f"Ask about any citizen, {DEMO_CITIZEN} for one, at {running.url}/bank with the key file {key}"
                )
            register_key(bureau, home.create_signer(REGULATOR, REGULATOR), "regulator")
            key = home.keys / f"{REGULATOR}.key"
            lines.append(f"Audit everything at {running.url}/regulator/audits with the key file {key}")
        return lines


def _demo_links(bureau: Bureau) -> Iterator[tuple[str, str, str]]:
    """(organisation, label, a fresh link's token) of each demo seat. The seats are made by the first start."""
    for organisation, role, label in DEMO_SEATS:
        name = organisation or bureau.signer.name
        seat = seats.find(bureau, name, role, label) or seats.add(bureau, name, role, label)
        yield name, label, seats.create_link(bureau, seat.id)


def _counts(now: Figures) -> list[str]:
    return [
        (
            f"Ledger {now.origin}: {now.events:,} events of {now.citizens:,} citizens in {now.batches:,} batches and"
            f" {now.blocks:,} blocks"
        ),
        f"Tree of {now.tree_size:,} entries, root {now.root.hex()}",
    ]
