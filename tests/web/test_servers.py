"""wsgi.py under the servers that it is meant for: several workers answer, count together and end cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
# A worker that is told to stop while it is still starting may not hear it (granian), hence the kill timeout.
GRANIAN = "-m granian --interface wsgi --workers 2 --blocking-threads 2 --backpressure 32 --workers-kill-timeout 5 --host 127.0.0.1 --port {port}"
GUNICORN = (
    "-m gunicorn --worker-class gthread --workers 2 --threads 2 --no-control-socket --bind 127.0.0.1:{port}"
)
SERVERS = {"granian": f"{GRANIAN} wsgi:app".split(), "gunicorn": f"{GUNICORN} wsgi:app".split()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_live(address, process):
    for _ in range(200):
        assert process.poll() is None, "the server ended"
        try:
            return requests.get(f"{address}/livez", timeout=1)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
    raise AssertionError("the server did not answer within 20 seconds")


@pytest.mark.parametrize("server", list(SERVERS))
def test_two_workers_serve_and_end(world, tmp_path, server):
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, *(part.format(port=port) for part in SERVERS[server])]
    environ = {**os.environ, "CREDENCE_HOME": str(world.home.path), "DATABASE_URL": world.url}
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        assert wait_until_live(address, process).text == "alive\n"
        for _ in range(30):
            assert requests.get(f"{address}/v1/figures", timeout=5).json()["origin"] == world.bureau.origin
        counted = [
            line
            for line in requests.get(f"{address}/metrics", timeout=5).text.splitlines()
            if 'route="/v1/figures",status="200"' in line
        ]
        assert [line.rpartition(" ")[2] for line in counted] == ["30.0"]
        body = world.batch(
            "lender.example",
            [
                world.line(
                    "lender.example", "payment", "uci:1", account="card-1", currency="TWD", amount_minor=7
                )
            ],
        )
        pieces = (body[at : at + 100] for at in range(0, len(body), 100))  # in chunks, without a length
        assert requests.post(f"{address}/v1/batches", data=pieces, timeout=5).status_code == 201
        too_large = (b"x" * 8192 for _ in range(9))
        assert requests.post(f"{address}/v1/inquiries", data=too_large, timeout=5).status_code == 413
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            ended = process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its own group: nothing else is in it
            raise
    assert ended == 0, (tmp_path / "output").read_text()
