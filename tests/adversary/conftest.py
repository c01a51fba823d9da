"""A fresh ledger a test, as in tests/services."""

from tests.services.conftest import clock, ledger

__all__ = ["clock", "ledger"]
