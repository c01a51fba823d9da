"""`credence sequencer`: the one writer, as a process of its own. `credence up` starts it; so can any supervisor."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click
import structlog

from app.core.errors import RefusedError
from app.db.session import DATABASE_ERRORS
from app.services.bureau import Bureau
from app.services.home import Home
from app.services.ledger.cosigning import Cosigner
from app.services.ledger.folding import FoldingPool
from app.services.ledger.sequencer import Sequencer
from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDING_PROCESSES = 2
LOCK_PATIENCE_S = 20  # one that was told to stop, or killed, may still hold the lock


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
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    home = Home.from_environment()
    logs.configure(logs.open_log(home.path / "log" / "sequencer.jsonl"))
    try:
        _sequence(home, processes, lambda: stopping)
    except DATABASE_ERRORS as error:
        structlog.get_logger().error("database", kind=type(error).__name__)
        message = (
            f"the database does not answer as it should ({type(error).__name__}): start the sequencer again"
        )
        raise RefusedError(message, code="database") from error


def _told(cosigner: Cosigner | None) -> bool:
    """Nothing more is signed once a witness has shown that we signed something else before."""
    if cosigner is not None and cosigner.alarm is not None:
        raise cosigner.alarm
    return False


def _sequence(home: Home, processes: int, stop: Callable[[], bool]) -> None:
    bureau = Bureau.open(home)
    url = bureau.engine.url.render_as_string(hide_password=False)
    pool = FoldingPool(url, bureau.people.wrap_key, processes)
    try:
        with Cosigner.at_work(bureau) as cosigner:
            wake = cosigner.wake if cosigner else None
            with Sequencer(bureau, pool=pool, patience_s=LOCK_PATIENCE_S, published=wake) as writer:
                writer.run(lambda: _told(cosigner) or stop())
    finally:
        pool.close()
        bureau.close()
