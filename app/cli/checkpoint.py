"""`credence checkpoint`: the newest signed head, from a running bureau or from this machine's own database.

Exit codes: 0 printed (and accepted by the policy, when one was given), 1 not accepted or no answer, 2 wrong
use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli.opening import open_bureau
from app.cli.params import FILE, policy_option, read_limited, url_option
from app.client.transport import Service
from app.core.log.checkpoint import parse_note

if TYPE_CHECKING:
    from pathlib import Path

NOTE_BYTES_MAX = 1 << 16


@click.command()
@url_option
@click.option(
    "--local", is_flag=True, help="Read it from the database of CREDENCE_HOME instead of asking --url."
)
@policy_option()
@click.option(
    "--adopt-head",
    type=FILE,
    help="Repair: make the copy of the signed head in CREDENCE_HOME anew, if the database has the tree of this"
    " checkpoint, which somebody outside has kept (docs/operations.md).",
)
def checkpoint(url: str, local: bool, policy: bytes | None, adopt_head: Path | None) -> None:
    """Print the ledger's newest checkpoint: its name, its number of entries, their root, and who has signed
    that.

    With --policy its signatures are checked first. What goes to standard output is the checkpoint itself,
    byte for byte.

    \b
        credence checkpoint --url https://bureau.example --policy policy > checkpoint
    """
    if adopt_head is not None:
        _adopt(read_limited(adopt_head, NOTE_BYTES_MAX))
        return
    note = _local_checkpoint() if local else Service(url).checkpoint()
    if policy is None:
        parse_note(note)
        click.echo("not verified: give --policy to have the signatures checked", err=True)
    else:
        from app.core.log.policy import Policy, verify_checkpoint  # noqa: PLC0415 - only with a policy

        head = verify_checkpoint(Policy.parse(policy), note)
        witnesses = len(head.cosignatures)
        click.echo(
            f"verified: signed by {head.log.name}, cosigned by {witnesses} of the policy's witnesses",
            err=True,
        )
    click.echo(note, nl=False)


def _adopt(outside: bytes) -> None:
    from app.services.ledger import publishing  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        head = publishing.adopt_head(bureau, outside)
    click.echo(f"{bureau.home.head} is now the head of {head.size:,} entries. Start the sequencer.")


def _local_checkpoint() -> bytes:
    from app.services.ledger import public_log  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        return public_log.checkpoint(bureau)
