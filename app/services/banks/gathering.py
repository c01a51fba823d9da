"""Requests that come at the same time are served together: by one of the threads that brought them, for all of them.

A thread that finds nobody serving leads: it takes whoever waits, itself included, and serves them as one list. Who comes
meanwhile waits, and when the leader is done, the first of those leads the next group. So a quiet server works at once, and
a busy one makes one transaction, with one commit, of many requests.

A client that got its answer often asks again, and the first of a group to be back would lead a group of one. So after a
group of several, or one that others came during, the next leader gives as many the time to come: at most half as long as
the last group took, and at most PATIENCE_MAX_S.

    gathering = Gathering()
    answer = gathering.ask(question, serve)     # serve: list of questions -> list of answers or errors, in step

`serve` gives an error of one request as its value. What it raises everybody in the group gets, so it raises only what
concerns them all. A leader that is torn away (KeyboardInterrupt) fails its group and still hands on the lead.

This is the group commit of databases (DeWitt et al. 1984, "Implementation techniques for main memory database systems"), and
the wait is PostgreSQL's commit_delay with commit_siblings.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP_MAX = 32
PATIENCE_MAX_S = 0.01
Asked = TypeVar("Asked")
Got = TypeVar("Got")


def _held_lock() -> threading.Lock:
    """For its owner to wait on until another thread releases it: an Event, which is made of three locks, takes far longer."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Turn(Generic[Asked, Got]):
    """One waiting request. Its thread wakes up when it has an outcome, or when it is to lead."""

    asked: Asked
    outcome: Got | Exception | None = None
    wake: threading.Lock = field(default_factory=_held_lock)


class Gathering(Generic[Asked, Got]):
    """Those who wait, and whether somebody leads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: list[_Turn[Asked, Got]] = []
        self._is_led = False
        self._expected = 1  # how many the last group lets expect
        self._patience_s = 0.0
        self._lacking = 0
        self._enough: threading.Lock | None = None  # what a leader waits on for company

    def ask(self, asked: Asked, serve: Callable[[list[Asked]], list[Got | Exception]]) -> Got:
        turn: _Turn[Asked, Got] = _Turn(asked)
        with self._mutex:
            self._waiting.append(turn)
            leads, self._is_led = not self._is_led, True
            if self._enough is not None:
                self._lacking -= 1
                if self._lacking == 0:
                    self._enough.release()
        if not leads:
            turn.wake.acquire()
        if turn.outcome is None:
            self._lead(serve)
        assert turn.outcome is not None, "whoever leads serves itself"
        if isinstance(turn.outcome, Exception):
            raise turn.outcome
        return turn.outcome

    def _lead(self, serve: Callable[[list[Asked]], list[Got | Exception]]) -> None:
        with self._mutex:
            group = self._take(GROUP_MAX)
        outcomes: list[Got | Exception] = []
        began = time.perf_counter()
        try:
            group += self._company(len(group))
            began = time.perf_counter()
            outcomes = serve([turn.asked for turn in group])
        except Exception as error:  # noqa: BLE001 - raised again, by each of them
            outcomes = [error] * len(group)
        finally:
            outcomes = outcomes or [RuntimeError("who served this request was stopped")] * len(group)
            for turn, outcome in zip(group, outcomes, strict=True):
                turn.outcome = outcome
            with self._mutex:
                self._expected = min(GROUP_MAX, len(group) + len(self._waiting))
                self._patience_s = min(PATIENCE_MAX_S, (time.perf_counter() - began) / 2)
                if self._waiting:
                    self._waiting[0].wake.release()
                else:
                    self._is_led = False
            for turn in group:
                turn.wake.release()

    def _take(self, most: int) -> list[_Turn[Asked, Got]]:
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    def _company(self, here: int) -> list[_Turn[Asked, Got]]:
        """Who comes within a moment, if more than who is here can be expected."""
        with self._mutex:
            self._lacking = self._expected - here
            if self._lacking <= 0:
                return []
            enough = self._enough = _held_lock()
        enough.acquire(timeout=self._patience_s)
        with self._mutex:
            self._enough = None
            return self._take(GROUP_MAX - here)
