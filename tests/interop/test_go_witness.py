"""A log that is not ours, cosigned by `credence witness`: Tessera, a log server by transparency-dev, asks over HTTP."""

from __future__ import annotations

import datetime as dt
import shutil

import pytest

from app.core.log.note import Signer
from app.core.log.policy import Policy, verify_checkpoint
from app.core.log.witness import origin_hash
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from tests.interop.conftest import refused
from tests.witnesses import WitnessProcess

LOG = Signer("log.example/tessera", b"t" * 32)


@pytest.fixture
def witnesses(tmp_path):
    """One with each kind of key."""
    kinds = ("ed25519", "ml-dsa-44")
    made = [WitnessProcess(tmp_path / kind, f"{kind}.example/w", [LOG.verifier], kind) for kind in kinds]
    with made[0], made[1]:
        yield made


def test_it_grows_and_is_not_cosigned_when_it_forks(witnesses, foreign, tmp_path):
    text = f"log {LOG.verifier.encode()}\n"
    for number, each in enumerate(witnesses):
        text += f"witness w{number} {each.vkeys[0]} {each.url}\n"
    policy = tmp_path / "policy"
    policy.write_text(text + "group both all w0 w1\nquorum both\n")
    entries = []
    for more in (["one", "two", "three"], ["four", "five"]):
        seen = foreign("witnessed", "50", tmp_path / "log", LOG.encode(), policy, *more)
        assert seen.code == 0, seen.said
        entries += more
        head = verify_checkpoint(Policy.parse(policy.read_bytes()), seen.said.encode()).checkpoint
        assert head.size == len(entries)
        if len(entries) == 3:
            shutil.copytree(tmp_path / "log", tmp_path / "fork")
    fork = foreign("witnessed", "8", tmp_path / "fork", LOG.encode(), policy, "4", "5")
    assert "no cosigned checkpoint" in refused(fork)
    for witness in witnesses:
        assert witness.get(f"{origin_hash(LOG.name)}/checkpoint").content.startswith(head.text())
        proof = tmp_path / "contradiction.proof"
        proof.write_bytes(witness.get(f"{origin_hash(LOG.name)}/contradiction").content)
        verify_claim(proof.read_bytes(), Asked(Policy.parse(policy.read_bytes()), dt.datetime.now(dt.UTC)))
        seen = foreign("proof", policy, proof)
        assert seen.said == f"contradiction: {LOG.name} has signed two histories\n"
