"""`credence seat`: seats for people at organisations. Works on the bureau's own database.

A seat is opened by a one-time link, good for a day; `link` makes another one for a seat that is there.
"""

from __future__ import annotations

import click

from app.cli.opening import open_bureau
from app.cli.params import url_option
from app.services.organisations import seats


@click.group()
def seat() -> None:
    """Seats for people at organisations.

    \b
        credence seat add bank.example bank "A. Chen"
        credence seat list
        credence seat end 7
    """


@seat.command()
@click.argument("organisation")
@click.argument("role", type=click.Choice(seats.ROLES))
@click.argument("label")
@url_option
def add(organisation: str, role: str, label: str, url: str) -> None:
    """Make a seat for LABEL at ORGANISATION, and print the link that opens it once, within a day.

    Whoever has the link sits there, so hand it to that person alone. Clerks and officers sit at `bureau`. A seat may be
    there before its organisation has a key; a name that no key is registered for is pointed out.

    \b
        credence seat add bureau officer "B. Wang"
    """
    with open_bureau() as bureau:
        made = seats.add(bureau, organisation, role, label)
        if not seats.known(bureau, made):
            roles = " or ".join(sorted(seats.KEY_ROLES[role]))
            click.echo(
                f"No key is registered for {organisation} as {roles}: seat {made.id} shows nothing of its own until one is."
                f" If the name is wrong: credence seat end {made.id}",
                err=True,
            )
        click.echo(f"{url}/seat/open/{seats.create_link(bureau, made.id)}")


@seat.command()
@click.argument("number", type=int)
@url_option
def link(number: int, url: str) -> None:
    """Print another link for the seat NUMBER.

    \b
        credence seat link 7
    """
    with open_bureau() as bureau:
        click.echo(f"{url}/seat/open/{seats.create_link(bureau, number)}")


@seat.command(name="list")
def list_() -> None:
    """Show every seat, ended ones too.

    \b
        credence seat list
    """
    with open_bureau() as bureau:
        for row in seats.all_seats(bureau):
            ended = "" if row.ended_at is None else f"  ended {row.ended_at:%Y-%m-%d}"
            click.echo(f"{row.id:>5}  {row.role:<10} {row.organisation}  {row.label}{ended}")


@seat.command()
@click.argument("number", type=int)
def end(number: int) -> None:
    """End the seat NUMBER at once: its links and sessions too.

    \b
        credence seat end 7
    """
    with open_bureau() as bureau:
        seats.end(bureau, number)
    click.echo(f"Seat {number} has ended.")
