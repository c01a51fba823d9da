"""`credence prove`: the further claims, made from the bureau's own database; see docs/formats.md section 15.

What is personal (a history, an event) is written to a file for the citizen and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli.files import write_whole
from app.cli.opening import open_bureau
from app.cli.params import NEW_FILE
from app.core.errors import NotFoundError
from app.core.reporting.identifiers import check_identifier

if TYPE_CHECKING:
    from pathlib import Path

    from app.services.bureau import Bureau

_OUT = click.option("--out", type=NEW_FILE, required=True, help="Where to write the proof.")


@click.group()
def prove() -> None:
    """Make proofs beside the score's, from the newest published block.

    `credence verify` checks each of them offline.

    \b
        credence prove history uci:17 --out history.proof
        credence prove event 1234 --out event.proof
        credence prove absent uci:99999 --out absent.proof
        credence prove consistency 5000 --out consistency.proof
        credence prove erasure 7001 --out erasure.proof
    """


@prove.command()
@click.argument("citizen")
@_OUT
def history(citizen: str, out: Path) -> None:
    """All events of CITIZEN, none left out; with the scorecard the score can be worked out again from them."""
    from app.services.proving import claims  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        _write(out, claims.history_of(bureau, _number(bureau, citizen)))


def _number(bureau: Bureau, citizen: str) -> int:
    check_identifier(bureau.scheme, citizen)
    with bureau.transaction() as connection:
        found = bureau.people.find(connection, [citizen])
    if citizen not in found:
        raise NotFoundError("this citizen has no file; `credence prove absent` proves that", code="no-file")
    return found[citizen].id


@prove.command()
@click.argument("log_index", type=click.IntRange(0))
@_OUT
def event(log_index: int, out: Path) -> None:
    """The event at LOG_INDEX, with its furnisher's signature and its place in the ledger."""
    from app.services.proving import claims  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        _write(out, claims.event_of(bureau, log_index))


@prove.command()
@click.argument("citizen")
@_OUT
def absent(citizen: str, out: Path) -> None:
    """That there is no file for CITIZEN."""
    from app.services.proving import claims  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        check_identifier(bureau.scheme, citizen)
        _write(out, claims.absence_of(bureau, citizen))


@prove.command()
@click.argument("old_size", type=click.IntRange(1))
@_OUT
def consistency(old_size: int, out: Path) -> None:
    """That the newest ledger holds the published one of OLD_SIZE entries, entry for entry."""
    from app.services.proving import claims  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        _write(out, claims.consistency_from(bureau, old_size))


@prove.command()
@click.argument("log_index", type=click.IntRange(0))
@_OUT
def erasure(log_index: int, out: Path) -> None:
    """The notice at LOG_INDEX by which the bureau announced a destruction."""
    from app.services.proving import claims  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        _write(out, claims.erasure_at(bureau, log_index))


def _write(out: Path, proof: bytes) -> None:
    write_whole(out, proof)
    click.echo(f"{out}: {len(proof):,} bytes")
