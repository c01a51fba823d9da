"""A fresh ledger a test: founded, a lender, a bank, an enrolment office and a utility registered, no block yet; and a server that
takes a bank's webhooks.
"""

from __future__ import annotations

import pytest


@pytest.fixture
def clock():
    """The ledger's clock; it stands at noon of 2 November 2026 until a test moves it."""
    from tests.services.builders import Clock

    return Clock()


@pytest.fixture
def ledger(database_url, tmp_path, clock):
    """`tests.services.builders.Ledger` in a database and a home folder of its own."""
    from tests.services.builders import Ledger

    made = Ledger(tmp_path / "home", database_url, clock=clock)
    yield made
    made.close()


@pytest.fixture
def bureau(ledger):
    """The bureau of `ledger`."""
    return ledger.bureau


@pytest.fixture
def home(ledger):
    """The home folder of `ledger`."""
    return ledger.home


@pytest.fixture(scope="module")
def bank_server():
    from tests.services.receiver import Receiver

    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def receiver(bank_server, monkeypatch):
    monkeypatch.setenv("CREDENCE_WEBHOOK_NETWORKS", "127.0.0.0/8")
    bank_server.came.clear()
    bank_server.statuses.clear()
    return bank_server
