"""`credence scorecard`: publishing the card that scores are made with, and running another one beside it.

These commands work on the bureau's own database. A card is known by the SHA-256 of its document; where a command takes
a HASH, the first characters of one will do, eight at least.

`ELSEWHERE` names commands of this group that live in modules of their own, which are imported when they are asked for:
fitting needs libraries that the service never loads.
"""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
from typing import TYPE_CHECKING, get_args

import click

from app.cli.opening import open_bureau
from app.cli.params import FILE, Day, read_limited
from app.core.errors import FormatError, NotFoundError
from app.core.log.notices import CardRole
from app.core.scoring.card_texts import bin_label
from app.core.scoring.scorecard import CARD_BYTES_MAX, parse_card

if TYPE_CHECKING:
    from pathlib import Path

    from app.services.ledger.cards import PublishedCard

ELSEWHERE = {
    "challenge": "app.cli.scorecard_beside",
    "compare": "app.cli.scorecard_beside",
    "fit": "app.cli.scorecard_fit",
    "labels": "app.cli.scorecard_fit",
    "validate": "app.cli.scorecard_fit",
}
HASH_CHARS_MIN = 8


class _Group(click.Group):
    """The commands of this module and, by name, those of others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *filter(_elsewhere, ELSEWHERE)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _elsewhere(cmd_name) or super().get_command(ctx, cmd_name)


def _elsewhere(name: str) -> click.Command | None:
    """A command of another module; None when that module, or the command in it, is not there."""
    module = ELSEWHERE.get(name)
    if module is None or importlib.util.find_spec(module) is None:
        return None
    command = getattr(importlib.import_module(module), name, None)
    return command if isinstance(command, click.Command) else None


@click.group(cls=_Group)
def scorecard() -> None:
    """Publish scorecards, and run one beside the one in use.

    A scorecard is the table of points that every score is made with. It is published in the ledger before a block may
    use it, with the day from which it is used; the first block of that day scores everybody anew. A challenger is
    published too, and scored beside the card in use without being shown to anybody.

    \b
        credence scorecard list
        credence scorecard publish card.json --report report.json --from 2027-01-01
        credence scorecard publish other.json --role challenger
        credence scorecard challenge
        credence scorecard compare --out comparison/
    """


# ---- what is published


@scorecard.command()
@click.argument("digest", metavar="[HASH]", default="")
@click.option("--document", is_flag=True, help="Print the published document itself, byte for byte.")
def show(digest: str, document: bool) -> None:
    """Show a card and when it was published.

    The card with this HASH, or without one the card in use: every criterion with its bins and points.

    \b
        credence scorecard show
        credence scorecard show 61fa4d0b --document > card.json
    """
    from app.services.ledger import cards  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        published = cards.list_cards(bureau)
        scorecard = find(published, digest).scorecard
        raw = cards.published_document(bureau, scorecard)
    if document:
        click.echo(raw, nl=False)
        return
    card = parse_card(raw)
    click.echo(f"{card.name}\n{scorecard}\n")
    for each in published:
        if each.scorecard == scorecard:
            click.echo(_line(each, with_name=False))
    click.echo("")
    for criterion in card.contents.criteria:
        click.echo(f"{criterion.id}  (up to {max(criterion.points)}, {criterion.source})")
        for place, points in enumerate(criterion.points):
            click.echo(f"    {points:>4}  {bin_label(criterion, place, 'en')}")


@scorecard.command(name="list")
def list_() -> None:
    """List what was published, in the order of the log.

    A star marks the champion and the challenger that are in force at the newest block.

    \b
        credence scorecard list
    """
    from app.services.ledger import cards  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        published = cards.list_cards(bureau)
    for each in published:
        click.echo(_line(each))


def _line(each: PublishedCard, *, with_name: bool = True) -> str:
    place = "waits for its block" if each.index is None else f"log index {each.index:,}"
    report = "no report" if each.report is None else f"report {each.report[:16]}"
    name = f"  {each.name}" if with_name else ""
    star = "*" if each.in_force else " "
    return f"{star} {each.scorecard[:16]}  {each.role:<10}  from {each.from_day}  {place}  {report}{name}"


def find(published: list[PublishedCard], digest: str) -> PublishedCard:
    """The publication that HASH means, or the champion's in force."""
    if not digest:
        for each in published:
            if each.in_force and each.role == "champion":
                return each
        raise NotFoundError("no block has used a scorecard yet: give its HASH", code="unknown-scorecard")
    if len(digest) < HASH_CHARS_MIN:
        raise click.BadParameter(f"give at least {HASH_CHARS_MIN} characters", param_hint="HASH")
    found = {each.scorecard: each for each in published if each.scorecard.startswith(digest.lower())}
    if len(found) != 1:
        which = "no published scorecard" if not found else "more than one published scorecard"
        message = f"{which} has a hash that begins with {digest!r}: see `credence scorecard list`"
        raise NotFoundError(message, code="unknown-scorecard")
    return next(iter(found.values()))


@scorecard.command()
@click.argument("file", type=FILE)
@click.option("--report", type=FILE, help="The JSON of its validation report, published with it.")
@click.option(
    "--from",
    "from_day",
    type=Day(),
    help="First day of its use, in the ledger's local time; tomorrow if not given.",
)
@click.option(
    "--role",
    type=click.Choice(get_args(CardRole)),
    default="champion",
    show_default=True,
    help="champion: blocks use it. challenger: it is scored beside the champion.",
)
def publish(file: Path, report: Path | None, from_day: dt.date | None, role: CardRole) -> None:
    """Publish a card, in use from a day on.

    From its day on, blocks use the card in FILE, or with --role challenger it is scored beside the card in use.
    Everybody can read the card and its report from the moment that a block has the notice, so publish some days
    ahead. Works while the sequencer runs. To take a publication back, publish the card that should be used
    instead, for the same day. A day that has its block already is refused: the past is not scored again.

    \b
        credence scorecard publish card.json --report report.json --from 2027-01-01
        credence scorecard publish other.json --role challenger
    """
    from app.services.ledger import cards  # noqa: PLC0415 - loads the database

    document = read_limited(file, CARD_BYTES_MAX)
    try:
        card = parse_card(document)
    except FormatError as error:
        raise FormatError(f"{file}: {error.detail}") from None
    with open_bureau() as bureau:
        now = bureau.now()
        day = from_day or bureau.local_day(now) + dt.timedelta(days=1)
        body = None if report is None else read_limited(report, cards.REPORT_BYTES_MAX)
        with bureau.transaction() as connection:
            cards.publish_card(connection, cards.Publication(document, role, day, body), now)
    click.echo(f"{card.name}\n{card.hash.hex()}")
    if role == "champion":
        click.echo(f"is published; blocks use it from {day} on, and the first of them scores everybody anew.")
    else:
        click.echo(f"is published as challenger from {day} on. Then: `credence scorecard challenge`.")
