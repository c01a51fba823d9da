"""`credence enrol`: a one-time code for a citizen whose identity was seen."""

from __future__ import annotations

import click

from app.cli.opening import open_bureau
from app.services.citizens.enrolment import issue_code


@click.command()
@click.argument("citizen")
@click.option("--ref", required=True, help="Number of the paper that says who it was: form-17.")
@click.option(
    "--basis", type=click.Choice(["paper", "legal"]), default="paper", show_default=True, help="What REF is."
)
def enrol(citizen: str, ref: str, basis: str) -> None:
    """Print a code that opens the record of CITIZEN once, within a day, and can register one passkey.

    For the bureau's staff, once they have seen who the citizen is: works on the bureau's own database. Whoever has the
    code sees everything, so hand it to the citizen alone.

    \b
        credence enrol uci:17 --ref form-17
    """
    with open_bureau() as bureau:
        code = issue_code(bureau, citizen, ref, basis=basis)
        click.echo(f"{code}\n{bureau.address.origin}/open/{code}")
