"""`credence corrections`: whose items were repaired since this bank was told their score (R27).

    3a7bd3e2... 4711         citizen key, and the log index of the item that was wrong
    ask with --after 17 the next time

What it was is not told, nor what it is now: for the score, the bank inquires again, with the citizen's consent. The citizen
key is the one that stands in the bank's own proofs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from app.cli.params import KeyFile, url_option
from app.client import Bank
from app.core.exchange.request_note import NUMBER_MAX

if TYPE_CHECKING:
    from app.core.log.note import Signer


@click.command()
@click.option(
    "--key", type=KeyFile(), required=True, help="The bank's private key, registered with the role bank."
)
@click.option(
    "--after",
    type=click.IntRange(0, NUMBER_MAX),
    default=0,
    show_default=True,
    help="The number that was printed the last time.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@url_option
def corrections(*, key: Signer, after: int, as_json: bool, url: str) -> None:
    """List whose data was corrected after this bank was told a score with it.

    \b
        credence corrections --key bank.key --after 17
    """
    found, newest = Bank(url, key, b"").corrections(after)
    if as_json:
        items = [{"citizen": each.citizen.hex(), "index": each.index} for each in found]
        click.echo(orjson.dumps({"after": newest, "corrections": items}))
        return
    for each in found:
        click.echo(f"{each.citizen.hex()} {each.index}")
    click.echo(f"{len(found)} corrections. Ask with --after {newest} the next time.")
