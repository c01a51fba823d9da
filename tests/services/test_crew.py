"""Transitions checked by several processes: what they find is what one finds, in the same words."""

from __future__ import annotations

import os
import signal

import msgspec
import pytest

from app.core.errors import CredenceError, RefusedError
from app.core.proving.transition import AuditorState, Checker, check, form
from app.services.ledger.audit.crew import crew_of
from app.services.proving.transitions import transition


@pytest.fixture
def record(ledger):
    """(state before, lines) of a block of several pages of accounts and of batches."""
    ledger.report(150)
    ledger.step()
    state = check(AuditorState.start(ledger.bureau.verifier), transition(ledger.bureau, 0))
    ledger.admit(*(ledger.lender.batch([ledger.lender.status(f"uci:{n}")]) for n in range(1, 151)))
    ledger.step()
    return state, list(transition(ledger.bureau, state.next_block))


def lied(lines, at, **fields):
    parsed = form.decode_account(lines[at]) if at else form.decode_head(lines[at])
    return [*lines[:at], form.encode(msgspec.structs.replace(parsed, **fields)), *lines[at + 1 :]]


def said(checked, state, lines):
    with pytest.raises(CredenceError) as refused:
        checked(state, lines)
    return type(refused.value), refused.value.code, str(refused.value)


def test_several_processes_find_what_one_finds(record):
    state, lines = record
    head, account = form.decode_head(lines[0]), form.decode_account(lines[100])
    other = form.decode_account(lines[101])
    swapped = [head.admissions[1], head.admissions[0], *head.admissions[2:]]
    forged = [*head.admissions[:-1], msgspec.structs.replace(head.admissions[-1], receipt="")]
    with crew_of(2) as in_order:
        shared = Checker(in_order)
        assert shared(state, lines) == check(state, lines)
        for wrong in (
            lied(lines, 100, vrf=other.vrf),
            lied(lines, 100, salts=other.salts),
            lied(lines, 100, events=[]),
            lied(lines, 100, events=[*account.events, *other.events]),
            lied(lines, 0, admissions=swapped),
            lied(lines, 0, admissions=forged),
            [*lines[:100], b"{}", *lines[101:]],
            lines[:-1],
            [*lines, lines[-1]],
        ):
            assert said(shared, state, wrong) == said(check, state, wrong)
        assert shared(state, lines) == check(state, lines), "a lie leaves nothing behind"


def test_a_key_is_held_against_its_proof_again_when_the_proof_is_another(record):
    """That a key was shown to be the citizen's before is no reason to take any proof for it."""
    state, lines = record
    checked = Checker()
    checked(state, lines)
    other = form.decode_account(lines[101])
    assert "key is not shown" in said(checked, state, lied(lines, 100, vrf=other.vrf))[2]
    assert "key is not shown" in said(checked, state, lied(lines, 100, vrf=b""))[2]


def test_a_process_that_ends_is_not_taken_for_a_wrong_block(record):
    state, lines = record
    with crew_of(1) as in_order, pytest.raises(RefusedError, match="has ended"):
        Checker(_ending(in_order))(state, lines)


def _ending(in_order):
    """Work is handed out, and the one who got it is killed."""

    def ended(function, pieces):
        return in_order(function, _and_kill(in_order, pieces))

    return ended


def _and_kill(in_order, pieces):
    for piece in pieces:
        yield piece
        helpers = set(in_order(_own_pid, [(), ()]))  # a single piece would be done here
        os.kill(helpers.pop(), signal.SIGKILL)


def _own_pid(_piece):
    return os.getpid()
