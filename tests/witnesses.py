"""Real witnesses: processes of `credence witness` on loopback, and a log whose heads they may cosign.

with WitnessProcess(folder, "w.example/1", [log.verifier]) as one:
    one.post(history.request(0, 5))
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import requests

from app.core.log import merkle
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.note import Signer, Verifier
from app.core.log.witness import AddCheckpoint

CREDENCE = Path(sys.executable).with_name("credence")
START_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class WitnessProcess:
    """`credence witness` as a process; entering starts it, `kill` is SIGKILL."""

    def __init__(self, folder: Path, name: str, logs: list[Verifier], *algorithms: str) -> None:
        self.folder, self.port, self.process = folder, free_port(), None
        arguments = [f"--log={log.encode()}" for log in logs] + [f"--algorithm={each}" for each in algorithms]
        made = subprocess.run(
            [CREDENCE, "witness", "--home", folder, "--key", name, *arguments],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        self.vkeys = made.stdout.split()
        self.verifiers = [Verifier.parse(vkey) for vkey in self.vkeys]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [CREDENCE, "witness", "--home", self.folder, "--port", str(self.port)]
        with (self.folder / "stderr").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            try:
                requests.get(self.url, timeout=5)
            except requests.RequestException:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the witness did not start")

    def kill(self) -> None:
        """SIGKILL for the server and its worker: the session that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def post(self, body: bytes, timeout_s: float = 30) -> requests.Response:
        return requests.post(f"{self.url}/add-checkpoint", data=body, timeout=timeout_s)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}/{path}", timeout=30)


class History:
    """A log in memory; two histories of one key that begin alike are a fork."""

    def __init__(self, signer: Signer, leaves: list[bytes]) -> None:
        self.signer, self.leaves = signer, leaves

    def fork(self, at: int) -> History:
        """Another history with the same first `at` leaves."""
        changed = [merkle.leaf_hash(b"fork" + leaf) for leaf in self.leaves[at:]]
        return History(self.signer, [*self.leaves[:at], *changed])

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self.signer.name, size, merkle.root(self.leaves[:size]))

    def note(self, size: int) -> bytes:
        return sign_checkpoint(self.signer, self.head(size))

    def request(self, old: int, size: int) -> bytes:
        def read(ids):
            return [merkle.root(self.leaves[index << level : (index + 1) << level]) for level, index in ids]

        hashes = merkle.consistency_proof(old, size, SimpleNamespace(read_hashes=read))
        return AddCheckpoint(old, tuple(hashes), self.note(size)).encode()


def history(signer: Signer, size: int = 64) -> History:
    return History(signer, [merkle.leaf_hash(b"%d" % number) for number in range(size)])
