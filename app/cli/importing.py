"""The research data through the front door: batches over HTTP, with a progress bar; interrupted, it goes on.

Two requests are under way at once while the next batch is put together, so that both of the server's workers are busy.
What the ledger has already answered for is asked for by name and not made again. A server that does not answer is given
time to come back: sending the same batch again does no harm.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from app.cli.opening import open_bureau
from app.client.transport import Service, Submitted
from app.core.errors import CredenceError, NotFoundError, RefusedError
from app.services.ledger import cards
from app.services.ledger.figures import figures
from app.services.scoring.research import EVENTS, Research

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from app.services.bureau import Bureau
    from app.services.home import Home

REQUESTS_UNDER_WAY_MAX = 2
SETTLE_TIMEOUT_S = 300
PATIENCE_S = 60
RETRY_PAUSE_S = 0.5
Answer = TypeVar("Answer")


def wants_research(bureau: Bureau) -> bool:
    """Whether the data belongs into this ledger: it takes row numbers as citizens, and is empty or was begun by us."""
    if bureau.scheme != "uci":
        return False
    return figures(bureau).events == 0 or (bureau.home.path / "research.json").exists()


def import_research(
    home: Home, database_url: str, url: str, console: Console, stop: threading.Event | None = None
) -> int:
    """Send every batch that the ledger does not hold yet, until `stop` is set; how many events that were."""
    with open_bureau(home, database_url) as bureau:
        if not wants_research(bureau):
            return 0
        research = Research(home, bureau.origin, bureau.local_day(bureau.now()))
        research.register_keys(bureau)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(REQUESTS_UNDER_WAY_MAX) as pool:
        bar = progress.add_task("Events", total=EVENTS)
        sender = Sender(url, pool, lambda count: progress.advance(bar, count), stop or threading.Event())
        sent = sender.send_all(research)
    settle(url, stop)
    return sent


class Sender:
    """Sends the batches of one import."""

    def __init__(
        self,
        url: str,
        pool: ThreadPoolExecutor,
        advance: Callable[[int], None],
        stop: threading.Event,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`advance` is told how many events were acknowledged; `patience_s` is for a server that does not answer."""
        self._url, self._pool, self._advance, self._stop = url, pool, advance, stop
        self._patience_s = patience_s
        self._waiting: deque[tuple[Future[Submitted], int]] = deque()

    def send_all(self, research: Research) -> int:
        """Send what is not there yet; how many events were sent."""
        sent = 0
        known = Service(self._url, patience_s=self._patience_s)
        for signer, batch_id, group in research.batches():
            if self._stop.is_set():
                break
            try:
                note = self._persist(partial(known.receipt, signer.name, batch_id))
            except NotFoundError:
                body, count = research.body(signer, batch_id, group)
                service = Service(self._url, patience_s=self._patience_s)
                self._waiting.append((self._pool.submit(self._persist, partial(service.submit, body)), count))
                sent += count
            else:
                self._advance(int(note.split(b"\n")[3]))
            while len(self._waiting) >= REQUESTS_UNDER_WAY_MAX:
                self._finish()
        while self._waiting:
            self._finish()
        return sent

    def _finish(self) -> None:
        future, count = self._waiting.popleft()
        future.result()
        self._advance(count)

    def _persist(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer, be it a refusal."""
        deadline_s = time.monotonic() + self._patience_s
        while True:
            try:
                return ask()
            except CredenceError as error:
                if error.code != "unreachable" or time.monotonic() > deadline_s or self._stop.is_set():
                    raise
            self._stop.wait(RETRY_PAUSE_S)


def settle(url: str, stop: threading.Event | None = None) -> None:
    """Wait until all of the research data is in a published block, or `stop`. RefusedError when that takes too long."""
    service, deadline = Service(url, patience_s=PATIENCE_S), time.monotonic() + SETTLE_TIMEOUT_S
    while not (stop is not None and stop.is_set()) and service.figures()["events"] < EVENTS:
        if time.monotonic() > deadline:
            raise RefusedError(
                f"not all {EVENTS:,} events were in a block after {SETTLE_TIMEOUT_S} s: see log/ in the home"
            )
        time.sleep(0.1)


def adopt_fitted_card(home: Home, database_url: str, stop: threading.Event | None = None) -> bool:
    """Publish the shipped fitted card in a research ledger that has only its founding card, and wait for the block that
    scores everybody anew; whether that was done.
    """
    with open_bureau(home, database_url) as bureau:
        if (
            bureau.scheme != "uci"
            or not (home.path / "research.json").exists()
            or len(cards.list_cards(bureau)) > 1
        ):
            return False
        document, report = cards.fitted_card()
        with bureau.transaction() as connection:
            today = bureau.local_day(bureau.now())
            cards.publish_card(
                connection, cards.Publication(document, "champion", today, report), bureau.now()
            )
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while not cards.list_cards(bureau)[-1].in_force and not (stop is not None and stop.is_set()):
            if time.monotonic() > deadline:
                message = f"no block used the fitted card within {SETTLE_TIMEOUT_S} s: see log/ in the home"
                raise RefusedError(message)
            time.sleep(0.1)
    return True
