"""`credence watch`: a bank is told when the score of somebody whose account it may review crosses a line.

A watch continues an answer that the bank was given for account_review, and lasts as long as the consent. Messages go to the
bank's own address as signed webhooks (docs/webhooks.md).

Exit codes: 0 done, 1 refused, 2 wrong use.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from app.cli import plain
from app.cli.params import KeyFile, url_option, utc_now
from app.client.transport import Service
from app.core.errors import FormatError
from app.core.exchange import webhook
from app.core.exchange.watch_note import SCORES, WatchEndNote, WatchesNote, WatchNote

if TYPE_CHECKING:
    from app.core.log.note import Signer

PAYLOAD_BYTES_MAX = 1 << 16
_key = click.option(
    "--key", type=KeyFile(), required=True, help="The bank's private key, registered as bank."
)


@click.group()
def watch() -> None:
    """Hear when a score that you may review crosses a line.

    \b
        credence watch add --key bank.key --answer 019ab6a4-... --line 600 --to https://bank.example/hooks
        credence watch list --key bank.key
        credence watch end 7 --key bank.key
    """


@watch.command()
@_key
@click.option("--answer", metavar="UUID", required=True, help="The id of an answer for account_review.")
@click.option(
    "--line",
    "lines",
    type=click.IntRange(SCORES[0], SCORES[-1]),
    multiple=True,
    required=True,
    help="A score; up to 10 of them.",
)
@click.option("--to", metavar="URL", required=True, help="Where messages go: https.")
@url_option
def add(*, key: Signer, answer: str, lines: tuple[int, ...], to: str, url: str) -> None:
    """Watch whom an answer was about. A line lies below its score: 600 is crossed between 599 and 600.

    \b
        credence watch add --key bank.key --answer 019ab6a4-... --line 600 --line 650 --to https://bank.example/hooks
    """
    service = Service(url)
    wanted = WatchNote(service.genesis().origin, key.name, answer, tuple(sorted(set(lines))), to, utc_now())
    made = service.watch(wanted.sign(key))
    click.echo(plain(f"watch {made.get('watch')} on the citizen {made.get('citizen')}"))


@watch.command(name="list")
@_key
@url_option
def list_(*, key: Signer, url: str) -> None:
    """What you watch: number, citizen key, lines, address.

    \b
        credence watch list --key bank.key
    """
    service = Service(url)
    origin, after = service.genesis().origin, 0
    while True:
        page = service.watches(WatchesNote(origin, key.name, after, utc_now()).sign(key))
        found, following = page.get("watches"), page.get("after")
        if not isinstance(found, list) or not isinstance(following, int) or following <= after:
            return
        for each in found:
            if isinstance(each, dict):
                row = [str(each.get(name, "")) for name in ("watch", "citizen", "lines", "url", "ended")]
                click.echo(plain("  ".join(row).rstrip()))
        after = following


@watch.command()
@click.argument("number", type=click.IntRange(1))
@_key
@url_option
def end(*, number: int, key: Signer, url: str) -> None:
    """Stop the watch NUMBER; what it had to tell is dropped.

    \b
        credence watch end 7 --key bank.key
    """
    service = Service(url)
    origin = service.genesis().origin
    service.end_watch(WatchEndNote(origin, key.name, number, utc_now()).sign(key))
    click.echo(f"watch {number} has ended")


@watch.command()
@click.option("--webhook-key", metavar="whpk_...", required=True, help="From GET /v1/webhooks/key.")
@click.option("--id", "id_", required=True, help="The header webhook-id.")
@click.option("--timestamp", required=True, help="The header webhook-timestamp.")
@click.option("--signature", required=True, help="The header webhook-signature.")
def check(*, webhook_key: str, id_: str, timestamp: str, signature: str) -> None:
    """Check a message, its body on standard input, against its three headers.

    \b
        credence watch check --webhook-key whpk_... --id msg_7_12 --timestamp 1795431840 --signature v1a,... < body
    """
    body = sys.stdin.buffer.read(PAYLOAD_BYTES_MAX + 1)
    if len(body) > PAYLOAD_BYTES_MAX:
        raise FormatError(f"a message has at most {PAYLOAD_BYTES_MAX} bytes")
    received = {"webhook-id": id_, "webhook-timestamp": timestamp, "webhook-signature": signature}
    webhook.verify(webhook_key, received, body, int(utc_now().timestamp()))
    click.echo("The message is by this key, and of the last five minutes.")
