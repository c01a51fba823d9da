"""`credence link`: a one-time link to one citizen's record, for whoever has no passkey at hand."""

from __future__ import annotations

import click

from app.cli.opening import open_bureau
from app.services.citizens.links import create_link


@click.command()
@click.argument("citizen")
def link(citizen: str) -> None:
    """Print a link that opens the record of CITIZEN once, within a day.

    For the bureau's staff: works on the bureau's own database. Whoever has the link sees everything, so hand it to the
    citizen alone. It begins with CREDENCE_ADDRESS, the address at which passkeys work.

    \b
        credence link uci:17
    """
    with open_bureau() as bureau:
        click.echo(f"{bureau.address.origin}/open/{create_link(bureau, citizen)}")
