"""`credence sequencer`: the one writer, as a process of its own. `credence up` starts it; so can any supervisor."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import click

from app.cli.daemons import LOCK_PATIENCE_S, work_until_told
from app.cli.opening import open_bureau
from app.services.ledger.cosigning import Cosigner
from app.services.ledger.folding import FoldingPool
from app.services.ledger.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services.home import Home

FOLDING_PROCESSES = 2


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=FOLDING_PROCESSES,
    show_default=True,
    help="Folding processes.",
)
def sequencer(processes: int) -> None:
    """Run the one writer that makes blocks of what was admitted, until it is told to stop (SIGTERM).

    A second one on the same database is refused, and so is a database that was restored from an older backup.

    \b
        CREDENCE_HOME=/srv/credence DATABASE_URL=postgresql:///credence credence sequencer
    """
    work_until_told("sequencer", partial(_sequence, processes))


def _told(cosigner: Cosigner | None) -> bool:
    """Nothing more is signed once a witness has shown that we signed something else before."""
    if cosigner is not None and cosigner.alarm is not None:
        raise cosigner.alarm
    return False


def _sequence(processes: int, home: Home, stop: Callable[[], bool]) -> None:
    with open_bureau(home) as bureau:
        url = bureau.engine.url.render_as_string(hide_password=False)
        with (
            closing(FoldingPool(url, bureau.people.keyring, processes)) as pool,
            Cosigner.at_work(bureau) as cosigner,
        ):
            wake = cosigner.wake if cosigner else None
            with Sequencer(bureau, pool=pool, patience_s=LOCK_PATIENCE_S, published=wake) as writer:
                writer.run(lambda: _told(cosigner) or stop())
