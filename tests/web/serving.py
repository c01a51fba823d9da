"""`credence serve` over a ledger, on a free port of loopback, for as long as a `with` lasts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.builders import Ledger

ROOT = Path(__file__).parents[2]


@contextmanager
def served(ledger: Ledger, output: Path) -> Iterator[str]:
    """The address, once it answers; what the server prints goes to the file `output`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with output.open("wb") as printed:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "app.cli",
                "serve",
                "--port",
                str(port),
                "--workers",
                "2",
                "--threads",
                "2",
            ],
            cwd=ROOT,
            env=os.environ | {"CREDENCE_HOME": str(ledger.home.path), "DATABASE_URL": ledger.url},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(1200):
                assert process.poll() is None, "the server ended"
                try:
                    requests.get(f"{address}/livez", timeout=5)
                    break
                except requests.RequestException:
                    time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.wait(60)
