"""Floors: what the primitives cost on this machine, in one process."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

from benchmarks.report import Report, Row, median

if TYPE_CHECKING:
    from collections.abc import Callable

SECTION = "Floors"
ROUNDS = 7


def measure(report: Report) -> None:
    key = SigningKey.generate()
    message = os.urandom(150)
    signature = key.sign(message).signature
    verify = key.verify_key.verify
    report.verifications = rate(lambda: verify(message, signature), 500)
    report.hashes = hashes()
    report.add(
        SECTION,
        Row("Ed25519 verification (PyNaCl), one process", f"{report.verifications:,.0f}/s"),
        Row("SHA-256 of 65 bytes (an inner node), one process", f"{report.hashes:,.0f}/s"),
    )


def hashes(count: int = 50_000) -> float:
    """SHA-256 of 65 bytes a second: the median of several rounds of `count`."""
    inner = os.urandom(65)
    return rate(lambda: sha256(inner).digest(), count)


def rate(call: Callable[[], object], count: int) -> float:
    """Calls a second: the median of several rounds of `count`."""
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(count):
            call()
        rates.append(count / (time.perf_counter() - began))
    return median(rates)


def seconds_each(calls: list[Callable[[], object]]) -> list[float]:
    """How long each call took."""
    taken = []
    for call in calls:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return taken
