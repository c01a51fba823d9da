"""A crew: processes that work at the pieces of an audit, two of them where there are two cores.

    with crew_of(2) as in_order:
        check = Checker(in_order)
        state = check(state, lines)

Results come in the order of the pieces, and no more pieces are under way than keep everybody busy, so that memory stays
constant. What a piece raises is raised where its result would have come. A piece that is the only one is worked at here. The
processes end with the one that started them.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeVar

from app.core.errors import RefusedError
from app.services.lifeline import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from app.core.proving.transition.pieces import InOrder

Piece = TypeVar("Piece")
Result = TypeVar("Result")
AHEAD: Final = 3  # pieces a process: one it works at, the others so that it never waits


@contextmanager
def crew_of(processes: int) -> Iterator[InOrder]:
    """So many processes, or with 0 this one alone; they start when there is work."""
    if not processes:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _begin)
    try:
        yield partial(_in_order, pool, AHEAD * processes)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, ahead: int, function: Callable[[Piece], Result], pieces: Iterable[Piece], /
) -> Iterator[Result]:
    first = list(islice(pieces := iter(pieces), 2))
    if len(first) < 2:
        yield from map(function, first)
        return
    under_way: deque[Future[Result]] = deque()
    try:
        for piece in chain(first, pieces):
            under_way.append(pool.submit(function, piece))
            if len(under_way) == ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        message = "a process that helps to check has ended: start the audit again"
        raise RefusedError(message, code="crew-ended") from error
    finally:
        for each in under_way:
            each.cancel()


def _begin() -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
