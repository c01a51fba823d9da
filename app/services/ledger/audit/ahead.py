"""Transitions, the next one asked for while one is checked: a service makes it meanwhile, where each would wait for the other
otherwise.

    ahead = Ahead(source.transition)
    lines = ahead.transition(17)      # and 18 is on its way

Of the next one a beginning is read before its turn, its first line with it; what is behind that waits in the network. A block
that is not there yet is asked for once a turn: ahead it was, so its turn gets that answer, and the turn after it asks anew.
"""

from __future__ import annotations

from concurrent.futures import Future
from itertools import chain
from threading import Thread
from typing import TYPE_CHECKING

from app.core.errors import CredenceError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Ahead:
    """Reads transitions of one service."""

    def __init__(self, read: Callable[[int], Iterator[bytes]]) -> None:
        self._read = read
        self._asked: dict[int, Future[Iterable[bytes]]] = {}

    def transition(self, block: int) -> Iterable[bytes]:
        """The lines of the transition to a block. CredenceError as `read` gives it."""
        asked = self._asked.pop(block, None)
        lines = None if asked is None else _begun(asked)
        if lines is None:
            lines = self._begin(block)
        self._ask(block + 1)
        return lines

    def _ask(self, block: int) -> None:
        asked: Future[Iterable[bytes]] = Future()
        self._asked = {block: asked}

        def begin() -> None:
            try:
                asked.set_result(self._begin(block))
            except BaseException as error:  # noqa: BLE001 - told to whoever waits
                asked.set_exception(error)

        Thread(target=begin, daemon=True, name="credence-ahead").start()

    def _begin(self, block: int) -> Iterable[bytes]:
        lines = self._read(block)
        return chain([next(lines, b"")], lines)


def _begun(asked: Future[Iterable[bytes]]) -> Iterable[bytes] | None:
    """What was asked for ahead. NotFoundError when there was no such block; None when something came between, so that it is
    asked for again.
    """
    try:
        return asked.result()
    except NotFoundError:
        raise
    except CredenceError:
        return None
