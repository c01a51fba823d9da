"""The next transition is on its way while one is checked, and a block that was not there yet is asked for again."""

from __future__ import annotations

import threading

import pytest

from app.core.errors import NotFoundError, SignatureError
from app.core.proving.transition import AuditorState, check
from app.services.ledger.audit.ahead import Ahead
from app.services.proving.transitions import transition


def test_a_ledger_is_followed_while_it_grows(ledger):
    asked = []
    begun = threading.Condition()

    def read(block):
        with begun:
            asked.append(block)
            begun.notify_all()
        yield from transition(ledger.bureau, block)

    def until(block):
        with begun:
            assert begun.wait_for(lambda: block in asked, timeout=30)

    for first in (1, 5):
        ledger.report(4, first=first)
        ledger.step()
    ahead, state = Ahead(read), AuditorState.start(ledger.bureau.verifier)
    first = ahead.transition(0)
    until(1)
    state = check(state, first)
    state = check(state, ahead.transition(1))
    for turn in (1, 2, 3):
        with pytest.raises(NotFoundError):
            ahead.transition(2)
        assert asked.count(2) == turn, "once a turn, whether ahead or not"
    ledger.report(4, first=9)
    ledger.step()
    state = check(state, ahead.transition(2))
    assert state.next_block == 3
    assert asked.count(0) == asked.count(1) == 1
    until(3)


def test_what_came_between_is_asked_for_again():
    asked = []

    def read(block):
        asked.append(block)
        if asked.count(1) == 1 and block == 1:
            raise SignatureError("the hour is over", code="unauthorized")
        yield b"block %d" % block

    ahead = Ahead(read)
    assert [list(ahead.transition(block)) for block in (0, 1)] == [[b"block 0"], [b"block 1"]]
    assert asked.count(1) == 2
