"""Transition proofs of real ledgers: followed from the genesis, nothing is wrong; and every lie of the bureau is caught."""

from __future__ import annotations

import os

import pytest

from app.core.errors import NotFoundError
from app.core.transition import AuditorState, check
from app.db import ledger as log_rows
from app.services.transitions import transition
from tests.conftest import url_of
from tests.services import audited
from tests.services.builders import Ledger


@pytest.fixture(scope="module")
def filled(template_database, administer, server_url, tmp_path_factory):
    """Every type of event, aging, another scorecard, repairs: read only."""
    name = f"credence_transitions_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("transitions"), url_of(server_url, name))
    audited.fill(made)
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


def newest(ledger):
    with ledger.bureau.transaction() as connection:
        return log_rows.newest_block(connection)


def lines_of(ledger, number):
    return list(transition(ledger.bureau, number))


def follow(ledger, state=None):
    """The auditor's state at the newest block."""
    state = state or AuditorState.start(ledger.bureau.verifier)
    while state.next_block <= newest(ledger).number:
        state = check(state, transition(ledger.bureau, state.next_block))
        assert AuditorState.decode(state.encode()) == state, "what is kept between blocks says all"
    return state


def test_a_ledger_is_followed_from_its_genesis(filled):
    state, block = follow(filled), newest(filled)
    assert (state.head.size, state.head.root) == (block.tree_size, block.root)
    assert sum(state.until.values()) == state.block.accounts
    with pytest.raises(NotFoundError, match="not published"):
        lines_of(filled, state.next_block)
