"""`credence audit` as a process: what it prints of a clean and of a tampered ledger, and its exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.log import checkpoint
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.policy import LogKey, Policy
from app.core.proving.claims.contradiction import verify_contradiction
from app.core.proving.claims.head import Asked
from app.services.ledger import public_log
from app.services.ledger.audit.source import DatabaseSource
from tests.services.audited import Tamper

CREDENCE = Path(sys.executable).with_name("credence")
REPLAYED = """\
Replayed 28 events in 1 batches and 1 blocks, 4 account versions of 4 citizens.
The tree has 38 entries and the root <hash>.
Batches that are checked and in no block yet: 1.
"""


@pytest.fixture
def filled(ledger):
    ledger.report(4)
    ledger.step()
    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:1")]))
    return ledger


@pytest.fixture
def tamper(filled):
    made = Tamper(filled)
    yield made
    made.close()


def run(ledger, *args):
    environ = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environ |= {"CREDENCE_HOME": str(ledger.home.path), "DATABASE_URL": ledger.url}
    done = subprocess.run(
        [CREDENCE, "audit", *args], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == "", "bars are for terminals, and nothing went wrong"
    assert "\x1b" not in done.stdout
    return done.returncode, re.sub(r"\b[0-9a-f]{64}\b", "<hash>", done.stdout)


def test_clean_ledger(filled):
    assert run(filled) == (0, f"{REPLAYED}Nothing was found.\n")


@pytest.mark.parametrize("processes", [0, 2])
def test_tampered_ledger(filled, tamper, processes):
    account, event = tamper.rows("accounts")[2], tamper.rows("events")[3]
    event_found = f"FOUND  events: batch {event['batch']} position 3: furnisher is number 77, the batch says lender.example"
    account_found = (
        f"FOUND  accounts: citizen {account['citizen']} block 0: value is <hash>, and <hash> by the replay"
    )
    with (
        tamper.replaced("accounts", [account], [account | {"value": bytes(32)}]),
        tamper.replaced("events", [event], [event | {"furnisher": 77}]),
    ):
        found = run(filled, "--processes", str(processes))
    assert found == (1, f"{REPLAYED}{event_found}\n{account_found}\n2 findings.\n")


def test_many_findings_are_counted_and_the_first_shown(filled, tamper):
    events = tamper.rows("events")
    filled.report(10, first=20)
    filled.step()
    bodies = tamper.rows("event_bodies")
    with tamper.replaced("event_bodies", bodies, []):
        code, output = run(filled)
    lines = output.splitlines()
    shown = [line for line in lines if line.startswith("FOUND  event_bodies: batch ")]
    assert (code, len(shown)) == (1, 50)
    missing = len(events) + 70
    assert lines[-2:] == [f"... and {int(lines[-1].split()[0]) - 50:,} more", lines[-1]]
    assert int(lines[-1].split()[0]) >= missing


def test_genesis_that_was_changed_is_a_finding_and_not_a_crash(filled, tamper):
    """The bureau itself does not start with it; the audit says what was changed."""
    genesis = tamper.rows("notices")[0]
    with tamper.replaced("notices", [genesis], [genesis | {"payload": b"{}"}]):
        code, output = run(filled)
        assert DatabaseSource.open(filled.home, filled.url).totals().events == 29
    assert code == 1
    assert "FOUND  notices: notice 1: was changed: the log holds what was signed, at log index 0\n" in output


def test_markup_in_a_finding_is_text(filled, tamper):
    name = tamper.rows("furnishers")[0]
    with tamper.replaced("furnishers", [name], [name | {"name": "[red]x[/red]\x1b[31m"}]):
        code, output = run(filled)
    assert code == 1
    assert "furnisher is [red]x[/red] [31m, the batch says lender.example" in output


def test_a_head_that_was_kept_elsewhere(filled, tmp_path):
    """R41: the ledger still has it; or has another root there, which two signed heads prove; or was rolled back."""
    bureau, signer = filled.bureau, filled.home.signer("ledger")
    kept = tmp_path / "kept"
    kept.write_bytes(public_log.checkpoint(bureau))
    size = checkpoint.parse_note(kept.read_bytes()).size
    code, said = run(filled, "--head", kept)
    assert (code, said.splitlines()[-1]) == (0, f"The ledger still has the head in {kept}.")
    proof = tmp_path / "kept.contradiction.proof"
    for other, why in (
        (size + 5, "it was rolled back"),
        (size - 1, "no block of the ledger ends at"),
        (size, "has another root"),
    ):
        assert not proof.exists(), "neither of the first two can be proved"
        kept.write_bytes(sign_checkpoint(signer, Checkpoint(bureau.origin, other, bytes(32))))
        code, said = run(filled, "--head", kept)
        assert (code, why in said) == (1, True), said
    policy = Policy((LogKey(bureau.verifier),), (), (), b"none")
    assert verify_contradiction(proof.read_bytes(), Asked(policy, filled.clock.moment)).facts["sizes"] == [
        size,
        size,
    ]
