"""Proofs in one process: how long one takes to build and to verify, and how large it is."""

from __future__ import annotations

import datetime as dt
import random
import secrets
import time
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from app.core import canon
from app.core.checkpoint import cosign
from app.core.note import COSIGNATURE_ED25519, Signer
from app.core.policy import Group, LogKey, Policy, Witness
from app.core.proof import verify_score_proof
from app.services import proofs
from app.services.bureau import Bureau
from app.services.research import clients
from benchmarks.floors import seconds_each
from benchmarks.report import Report, Row, at_most, median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.processes import Running
    from benchmarks.importing import Part

SECTION = "Score proofs"
BUILD_MS_MAX = 5
VERIFY_MS_MAX = 5
BYTES_MAX = 4096
WITNESSES = ("witness.one.example/w1", "witness.two.example/w2", "witness.three.example/w3")


def measure_running(report: Report, running: Running, research: Part, count: int) -> None:
    """On the ledger of a running bureau, about `count` research citizens."""
    bureau = Bureau.open(running.home, running.database_url)
    try:
        known = [client.identifier for client in islice(clients(), research.citizens)]
        measure(report, bureau, random.sample(known, count))
    finally:
        bureau.close()


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
    plain, cosigned = _policies(bureau)
    witnessed = [_with_cosignatures(proof, cosigned[1]) for proof in built]
    floor, floor_ms = f"{1000 / report.verifications:.2f} ms", 1000 / report.verifications
    build_ms, at = 1000 * median(took), f"at {kept.accounts:,} citizens"
    report.add(
        SECTION,
        Row(f"building one {at}", f"{build_ms:.2f} ms", **at_most(build_ms, BUILD_MS_MAX, "ms")),
        _size(f"size {at}, median and largest", built),
        _size(f"size {at} with three Ed25519 cosignatures", witnessed),
    )
    for what, made, policy in (("", built, plain), (", three cosignatures", witnessed, cosigned[0])):
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


def _policies(bureau: Bureau) -> tuple[bytes, tuple[bytes, list[Signer]]]:
    """One without witnesses; one that wants all three, with their keys."""
    log = LogKey(bureau.verifier)
    signers = [
        Signer.generate_from_seed(name, secrets.token_bytes(32), COSIGNATURE_ED25519) for name in WITNESSES
    ]
    names = [b"w%d" % number for number in range(len(signers))]
    witnesses = tuple(Witness(name, signer.verifier) for name, signer in zip(names, signers, strict=True))
    group = Group(b"all-of-them", len(names), tuple(names))
    return Policy((log,), (), (), b"none").encode(), (
        Policy((log,), witnesses, (group,), group.name).encode(),
        signers,
    )


def _with_cosignatures(proof: bytes, signers: list[Signer]) -> bytes:
    """The proof as it would be had these witnesses cosigned the checkpoint just now."""
    fields = orjson.loads(proof)
    checkpoint = fields["tlog"].split("\n\n", 1)[1].encode()
    fields["tlog"] += b"".join(cosign(signer, checkpoint, int(time.time())) for signer in signers).decode()
    return canon.encode(fields)


def _verify_all(made: list[bytes], identifiers: list[str], policy: bytes) -> list[float]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return seconds_each(
        [
            lambda proof=proof, who=who: verify_score_proof(proof, policy, at=now, identifier=who)
            for proof, who in zip(made, identifiers, strict=True)
        ]
    )
