"""Proofs in one process: how long one takes to build and to verify, and how large it is."""

from __future__ import annotations

import datetime as dt
import random
from itertools import islice
from typing import TYPE_CHECKING

from app.cli.opening import open_bureau
from app.core.log.policy import LogKey, Policy
from app.core.proving.proof import verify_score_proof
from app.services.proving import proofs
from app.services.scoring.research import clients
from benchmarks import ranges
from benchmarks.cosigning import cosigning_policy, with_cosignatures
from benchmarks.floors import seconds_each
from benchmarks.report import Report, Row, at_most, median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.processes import Running
    from app.services.bureau import Bureau
    from benchmarks.importing import Part

SECTION = "Score proofs"
BUILD_MS_MAX = 5
VERIFY_MS_MAX = 5
BYTES_MAX = 4096


def measure_running(report: Report, running: Running, research: Part, count: int) -> None:
    """On the ledger of a running bureau, about `count` research citizens."""
    with open_bureau(running.home, running.database_url) as bureau:
        known = [client.identifier for client in islice(clients(), research.citizens)]
        measure(report, bureau, random.sample(known, count))
        ranges.measure(report, bureau, random.sample(known, min(count, 100)))


def measure(report: Report, bureau: Bureau, identifiers: Sequence[str]) -> None:
    """As a bank gets them: score and receipt shown."""
    with bureau.transaction() as connection:
        persons = bureau.people.find(connection, identifiers)
    bureau.snapshot = None
    built: list[bytes] = []
    took = seconds_each(
        [
            lambda p=p: built.append(proofs.score_proof(bureau, p.id, proofs.SHOWN_TO_BANKS))
            for p in persons.values()
        ]
    )
    kept = bureau.snapshot
    assert kept is not None
    plain = Policy((LogKey(bureau.verifier),), (), (), b"none").encode()
    cosigned, signers = cosigning_policy(bureau)
    witnessed = [with_cosignatures(proof, signers) for proof in built]
    floor, floor_ms = f"{1000 / report.verifications:.2f} ms", 1000 / report.verifications
    build_ms, at = 1000 * median(took), f"at {kept.trie.accounts:,} citizens"
    report.add(
        SECTION,
        Row(f"building one {at}", f"{build_ms:.2f} ms", **at_most(build_ms, BUILD_MS_MAX, "ms")),
        _size(f"size {at}, median and largest", built),
        _size(f"size {at} with three Ed25519 cosignatures", witnessed),
    )
    for what, made, policy in (("", built, plain), (", three cosignatures", witnessed, cosigned)):
        verify_ms = 1000 * median(_verify_all(made, list(persons), policy))
        row = Row(
            f"verifying one {at}{what}",
            f"{verify_ms:.2f} ms",
            floor,
            f"{verify_ms / floor_ms:.0f} verifications",
            **at_most(verify_ms, VERIFY_MS_MAX, "ms"),
        )
        report.add(SECTION, row)


def _size(what: str, made: list[bytes]) -> Row:
    sizes = [len(proof) for proof in made]
    return Row(
        what, f"{median(sizes):,.0f} and {max(sizes):,} bytes", **at_most(max(sizes), BYTES_MAX, "bytes")
    )


def _verify_all(made: list[bytes], identifiers: list[str], policy: bytes) -> list[float]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return seconds_each(
        [
            lambda proof=proof, who=who: verify_score_proof(proof, policy, at=now, identifier=who)
            for proof, who in zip(made, identifiers, strict=True)
        ]
    )
