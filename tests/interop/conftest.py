"""A ledger that has grown in several blocks, served over HTTP, and the Go program that reads it.

The program is built once a session from `go/`, with the modules that its go.sum pins. Go is looked for on the PATH,
where its own archive puts it, and in the virtual environment, where `tests/tools.sh` puts it when there is none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from app.core.log import tiles
from app.core.log.note import Signer
from app.core.proving.holder import Holder
from app.services.ledger import retention
from app.services.proving import range_credentials
from tests.services.builders import Ledger
from tests.web.serving import served

GO_SOURCE = Path(__file__).parent / "go"
GO_MIN = (1, 25)
PLACES = ("go", "/usr/local/go/bin/go", Path(sys.executable).with_name("go"))
FULL = tiles.TILE_WIDTH
HOLDER = Signer("holder", b"h" * 32)
WISH = range_credentials.Wish(audience="landlord.example", holder=Holder.of(HOLDER.verifier).text)


class Seen(NamedTuple):
    """What a program said, and its exit code."""

    code: int
    said: str


def find_go():
    """The first `go` that is new enough, or None."""
    for place in PLACES:
        path = shutil.which(place)
        if path is not None:
            version = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=False)
            numbers = re.match(r"go(\d+)\.(\d+)", version.stdout)
            if numbers and (int(numbers[1]), int(numbers[2])) >= GO_MIN:
                return path
    return None


@pytest.fixture(scope="session")
def foreign(tmp_path_factory):
    """A function that runs `credence-interop` with some arguments."""
    go = find_go()
    if go is None:
        pytest.skip("no Go of at least {}.{}: `bash tests/tools.sh` installs one".format(*GO_MIN))
    program = tmp_path_factory.mktemp("go") / "credence-interop"
    # The module proxy and the caches are the environment's; no compiler of C is asked for, no other Go is fetched.
    environ = os.environ | {
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    built = subprocess.run(
        [go, "build", "-ldflags=-s -w", "-o", program, "."],
        cwd=GO_SOURCE,
        env=environ,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert built.returncode == 0, f"the Go program could not be built:\n{built.stderr}"

    def run(*args):
        done = subprocess.run([program, *args], capture_output=True, text=True, timeout=60, check=False)
        assert not done.stderr, done.stderr  # a panic of Go would be here
        return Seen(done.returncode, done.stdout)

    return run


class Grown:
    """A served ledger, every checkpoint that it has published, as files, and what a client needs."""

    def __init__(self, ledger, url, folder):
        self.ledger, self.url, self.folder = ledger, url, folder
        self.vkey = ledger.bureau.verifier.encode()
        self.heads = []

    def get(self, path):
        answer = requests.get(f"{self.url}/{path}", timeout=10)
        answer.raise_for_status()
        return answer.content

    @property
    def size(self):
        return size_of(self.heads[-1].read_bytes())

    def publish(self):
        """One block; its checkpoint, as anybody gets it, is kept."""
        assert self.ledger.step()
        checkpoint = self.folder / f"{len(self.heads)}.checkpoint"
        checkpoint.write_bytes(self.get("checkpoint"))
        self.heads.append(checkpoint)

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def published(self):
        """Everything in the newest tree: path -> bytes."""
        names = ["checkpoint"]
        for level in (tiles.ENTRIES, 0, 1, 2):
            names += [tile.path for tile in tiles.tiles_of(level, self.size)]
        for head in self.heads:
            size = size_of(head.read_bytes())
            names += [tile.path for level in (0, 1) for tile in tiles.tiles_of(level, size)]
        return {name: self.get(name) for name in names}


def refused(seen):
    """The one line with the reason that a program gave last, having refused."""
    assert seen.code == 1, seen.said
    reason = seen.said.splitlines()[-1]
    assert reason.startswith("refused: "), seen.said
    return reason


def size_of(checkpoint):
    return int(checkpoint.split(b"\n")[1])


@pytest.fixture(scope="session")
def grown(template_database, administer, server_url, tmp_path_factory):
    """Eight blocks: a few entries, exactly one full tile, a little more, more than three; something is destroyed."""
    from tests.conftest import url_of

    name = f"credence_interop_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    ledger = Ledger(tmp_path_factory.mktemp("home"), url_of(server_url, name))
    folder = tmp_path_factory.mktemp("interop")
    with served(ledger, folder / "output") as address:
        made = Grown(ledger, address, folder)
        ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:900", late_ago=6)))
        made.publish()
        ledger.report(5)
        made.publish()
        meters = range(FULL - made.size - 2)  # beside them the batch's own entry and the block's
        ledger.admit(ledger.utility.batch([ledger.utility.utility(f"uci:{1 + number}") for number in meters]))
        made.publish()
        assert made.size == FULL
        for citizens in (2, 20, 30):
            ledger.report(citizens)
            made.publish()
        ledger.clock.move(days=365 * 5 + 200)
        ledger.admit(ledger.lender.batch([ledger.lender.status("uci:900")]))
        ledger.report(40)
        ledger.report(1, first=800, months=24)
        made.publish()
        made.credential = range_credentials.issue(ledger.bureau, "uci:800", WISH).credential
        retention.run(ledger.bureau, lambda *_: None)  # what is too old is destroyed, and that is announced
        made.publish()
        assert 3 * FULL < made.size < 4 * FULL
        yield made
    ledger.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def lying(files):
    """The address of a server that gives these bytes and nothing else."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            body = files.get(self.path.removeprefix("/"))
            self.send_response(404 if body is None else 200)
            self.end_headers()
            with suppress(ConnectionError):  # who has found a lie leaves
                self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
