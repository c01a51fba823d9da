"""`credence audit --follow` against a running service: block by block, resumed, cosigning, and refusing a wrong fold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import msgspec
import orjson
import pytest
import requests
from click.testing import CliRunner

from app.core import canon
from app.core.log import checkpoint
from app.core.log.note import COSIGNATURE_ED25519, Signer, split
from app.core.proving.transition import AuditorState
from app.core.state import account_state
from app.services.bureau import utc_now
from app.services.ledger import folding, witness_policy
from app.services.ledger.audit.remote import open_remote
from app.services.ledger.register import register_key
from tests.services.builders import Ledger
from tests.web.test_servers import ROOT, SERVERS, free_port, wait_until_live

REGULATOR = "regulator.example"


@pytest.fixture
def ledger(database_url, tmp_path):
    made = Ledger(tmp_path / "home", database_url)
    made.clock.moment = utc_now()
    made.signers[REGULATOR] = Signer.generate_from_seed(REGULATOR, bytes(range(32)))
    register_key(made.bureau, made.signers[REGULATOR], "regulator")
    made.report(5)
    made.step()
    yield made
    made.close()


@pytest.fixture
def address(ledger, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {**os.environ, "CREDENCE_HOME": str(ledger.home.path), "DATABASE_URL": ledger.url}
    command = [sys.executable, *(part.format(port=port) for part in SERVERS["granian"])]
    with (tmp_path / "server.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_live(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_block_by_block(ledger, address, tmp_path, monkeypatch):
    from app.cli import main

    cosigner = Signer("auditor.example", bytes(32), COSIGNATURE_ED25519)
    (tmp_path / "regulator.key").write_text(ledger.signers[REGULATOR].encode() + "\n")
    (tmp_path / "auditor.key").write_text(cosigner.encode() + "\n")
    file = f"log {ledger.bureau.genesis.vkey}\nwitness a {cosigner.verifier.encode()}\nquorum a\n"
    witness_policy.declare(ledger.bureau, file.encode())
    seen = tmp_path / "seen"

    def follow():
        options = ["--follow", address, "--key", str(tmp_path / "regulator.key"), "--case", "2026-18"]
        options += ["--state", str(seen), "--cosign", str(tmp_path / "auditor.key"), "--once"]
        result = CliRunner().invoke(main, ["audit", *options], prog_name="credence")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    def cosigned():
        note = (tmp_path / "seen.checkpoint").read_bytes()
        opened = checkpoint.open_checkpoint(note, ledger.bureau.verifier, [cosigner.verifier])
        assert len(opened.cosignatures) == 1
        return opened.checkpoint

    code, output = follow()
    assert (code, "block 0 is right" in output) == (0, True), output
    assert AuditorState.decode(seen.read_bytes()).head == cosigned()
    ledger.clock.moment = utc_now()
    ledger.settle()
    code, output = follow()
    assert (code, "block 0 " in output, "block 1 is right" in output) == (0, False, True), output
    published = requests.get(f"{address}/checkpoint", timeout=10).content
    assert split(published)[1][1].name == cosigner.name, "the ledger publishes what was sent"
    refused = requests.post(f"{address}/v1/cosignatures", data=published.rpartition(b"\xe2")[0], timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (403, "unknown-key")

    honest = folding.keep

    def better(share, task, loaded, keys, written, nonce):  # noqa: PLR0917 - as the one it stands for
        told = orjson.loads(bytes(written.state.score)) | {"disputed": 0, "until": "2100-01-01"}
        lied = msgspec.structs.replace(written.state, score=msgspec.Raw(canon.encode(told)))
        written = account_state.Written(lied, written.until, written.scored)
        return honest(share, task, loaded, keys, written, nonce)

    monkeypatch.setattr(folding, "keep", better)
    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:1", late=True)]))
    ledger.settle()
    before = seen.read_bytes(), cosigned()
    for _ in range(2):
        code, output = follow()
        key = ledger.bureau.people.key_of("uci:1").hex()
        assert (code, f"account {key}: score is not what its events fold to" in output) == (1, True), output
        assert (seen.read_bytes(), cosigned()) == before, "nothing of it was kept or cosigned"

    token = open_remote(address, ledger.signers[REGULATOR], ledger.bureau.origin, "2026-19", utc_now())
    good = {"Authorization": f"Bearer {token}"}
    path = f"{address}/v1/audit/transitions"
    assert requests.get(f"{path}/0", timeout=10).status_code == 401
    assert requests.get(f"{path}/99", headers=good, timeout=10).status_code == 404
    answer = requests.get(f"{path}/0", headers=good, timeout=10)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    state = AuditorState.start(ledger.bureau.verifier)
    from app.core.proving.transition import check

    assert check(state, answer.content.splitlines()).next_block == 1
