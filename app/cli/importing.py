"""The research data through the front door: batches over HTTP, with a progress bar; interrupted, it goes on.

Two requests are under way at once while the next batch is put together, so that both of the server's workers are busy.
What the ledger has already answered for is asked for by name and not made again.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from app.cli.client import Service, Submitted
from app.core.errors import NotFoundError
from app.services.bureau import Bureau
from app.services.figures import figures
from app.services.research import EVENTS, Research

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from app.services.home import Home

REQUESTS_UNDER_WAY_MAX = 2
PATIENCE_S = 60


def wants_research(bureau: Bureau) -> bool:
    """Whether the data belongs into this ledger: it takes row numbers as citizens, and is empty or was begun by us."""
    if bureau.scheme != "uci":
        return False
    return figures(bureau).events == 0 or (bureau.home.path / "research.json").exists()


def import_research(home: Home, database_url: str, url: str, console: Console) -> int:
    """Send every batch that the ledger does not hold yet; how many events that were."""
    bureau = Bureau.open(home, database_url)
    try:
        if not wants_research(bureau):
            return 0
        research = Research(home, bureau.origin, bureau.local_day(bureau.now()))
        research.register_keys(bureau)
    finally:
        bureau.close()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(REQUESTS_UNDER_WAY_MAX) as pool:
        bar = progress.add_task("Events", total=EVENTS)
        return _send_all(research, url, pool, lambda count: progress.advance(bar, count))


def _send_all(research: Research, url: str, pool: ThreadPoolExecutor, advance: Callable[[int], None]) -> int:
    waiting: deque[tuple[Future[Submitted], int]] = deque()
    sent = 0
    known = Service(url, patience_s=PATIENCE_S)
    for signer, batch_id, group in research.batches():
        try:
            note = known.receipt(signer.name, batch_id)
        except NotFoundError:
            body, count = research.body(signer, batch_id, group)
            waiting.append((pool.submit(Service(url, patience_s=PATIENCE_S).submit, body), count))
            sent += count
        else:
            advance(int(note.split(b"\n")[3]))
        while len(waiting) >= REQUESTS_UNDER_WAY_MAX:
            _finish(waiting, advance)
    while waiting:
        _finish(waiting, advance)
    return sent


def _finish(waiting: deque[tuple[Future[Submitted], int]], advance: Callable[[int], None]) -> None:
    future, count = waiting.popleft()
    future.result()
    advance(count)
