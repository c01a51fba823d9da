"""`credence witness`: cosign the heads of transparency logs, as a process of its own beside nobody's database."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from app.cli.server import become
from app.cli.witness_http import HOME_VARIABLE
from app.core.errors import FormatError
from app.core.log.note import Verifier
from app.services.ledger.witnessing import ALGORITHMS, Witness, prepare

THREADS = 8


@click.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of its keys and its memory; made if it is not there.",
)
@click.option("--key", "name", metavar="NAME", help="Name of a new witness, like witness.example/one.")
@click.option(
    "--algorithm",
    "algorithms",
    type=click.Choice(list(ALGORITHMS)),
    multiple=True,
    default=["ed25519"],
    show_default=True,
    help="Kind of key that --key makes; may be given twice.",
)
@click.option("--log", "logs", metavar="VKEY", multiple=True, help="A log to cosign from now on; remembered.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to listen on; without it nothing is served."
)
def witness(
    *,
    home: Path,
    name: str | None,
    algorithms: tuple[str, ...],
    logs: tuple[str, ...],
    host: str,
    port: int | None,
) -> None:
    """Witness transparency logs (C2SP tlog-witness): cosign each head that is consistent with the one before.

    Prints its vkeys, for the policies of those who trust it, and serves until it is told to stop (SIGTERM). Works beside
    any log that follows C2SP, not only Credence. Keep DIR on a disk that is never put back to an earlier state.

    \b
        credence witness --home w1 --key witness.example/one --log "$(cat ledger.vkey)" --port 8091
    """
    try:
        keys = [Verifier.parse(log) for log in logs]
    except FormatError as error:
        raise click.BadParameter(error.detail, param_hint="--log") from None
    prepare(home.resolve(), name, algorithms, keys)
    opened = Witness.open(home.resolve(), lambda: int(time.time()))
    for signer in opened.signers:
        click.echo(signer.verifier.encode())
    if port is None:
        return
    become(
        "app.cli.witness_http:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=1,
        threads=THREADS,
        kill_timeout_s=10,
        environment=os.environ | {HOME_VARIABLE: str(home.resolve())},
    )
