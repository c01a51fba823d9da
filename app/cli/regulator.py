"""`credence regulator`: what a regulator reads and signs, and what the bureau makes for one.

`note` needs a running bureau's address and the regulator's key; the others work on the bureau's own database.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click
import orjson

from app.cli.opening import open_bureau
from app.cli.params import FILE, KeyFile, url_option, utc_now

if TYPE_CHECKING:
    from pathlib import Path

    from app.core.log.note import Signer


@click.group()
def regulator() -> None:
    """Figures and audits for regulators.

    \b
        credence regulator figures
        credence regulator fairness --labels groups.csv
        credence regulator note --key regulator.key --case 2026-17
    """


@regulator.command()
def figures() -> None:
    """Print what /v1/transparency publishes (R42, R43, R44), as JSON, counted up to now.

    \b
        credence regulator figures > figures.json
    """
    from app.services.one_by_one import PartlyDoneError  # noqa: PLC0415
    from app.services.organisations import given, quality, transparency  # noqa: PLC0415 - loads the database
    from app.services.scoring import monitoring  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        for work in (quality.count, given.compare, monitoring.make):
            # what cannot be opened is in the figures as such; the scheduler's log has more
            with suppress(PartlyDoneError):
                work(bureau)
        click.echo(orjson.dumps(transparency.public(bureau), option=orjson.OPT_INDENT_2).decode())


@regulator.command()
@click.option("--labels", type=FILE, required=True, help="A table of accounts with columns group:NAME.")
def fairness(*, labels: Path) -> None:
    """Work out the four-fifths ratios of today's scores for groups that the ledger does not know (R42).

    LABELS is a CSV file as `credence scorecard validate` takes it: `account`, `bad` and columns `group:NAME`. Only shares
    of groups are kept.

    \b
        credence regulator fairness --labels groups.csv
    """
    from app.services.scoring import monitoring  # noqa: PLC0415
    from app.services.scoring.labels import read_labels  # noqa: PLC0415

    table = {account: label.groups for account, label in read_labels(labels).items()}
    with open_bureau() as bureau:
        body = monitoring.fairness_of(bureau, table)
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())


@regulator.command()
@click.option("--due", is_flag=True, help="Not those that failed and are to be tried again later.")
def audits(*, due: bool) -> None:
    """Run the audits that regulators opened on their pages, on the bureau's own database.

    The scheduler does it with --due; without, what failed before is tried again at once.

    \b
        credence regulator audits
    """
    from app.services.organisations import audits as service  # noqa: PLC0415

    with open_bureau() as bureau:
        click.echo(f"{service.run(bureau, due=due)} audits run")


@regulator.command()
@click.option("--key", type=KeyFile(), required=True, help="The regulator's private key.")
@click.option("--case", required=True, help="The case number, which will be public.")
@url_option
def note(*, key: Signer, case: str, url: str) -> None:
    """Print a signed note that opens an audit, for the page /regulator/audits; it is good for five minutes.

    \b
        credence regulator note --key regulator.key --case 2026-17
    """
    from app.client.transport import Service  # noqa: PLC0415
    from app.core.exchange.audit_note import AuditNote  # noqa: PLC0415

    signed = AuditNote(Service(url).genesis().origin, key.name, case, utc_now()).sign(key)
    click.echo(signed, nl=False)
