"""The next transition is on its way while one is checked, and a block that was not there yet is asked for again."""

from __future__ import annotations

import threading

import pytest

from app.core.errors import NotFoundError
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
    for _ in range(2):
        with pytest.raises(NotFoundError):
            ahead.transition(2)
    ledger.report(4, first=9)
    ledger.step()
    state = check(state, ahead.transition(2))
    assert state.next_block == 3
    assert asked.count(0) == asked.count(1) == 1
    until(3)
