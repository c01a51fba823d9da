"""`kill -9` at random moments of an import over HTTP: nothing acknowledged is lost or doubled, and the audit is clean.

The seed is printed; CRASH_SEED=<number> repeats the order of the kills (the moments are the machine's).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests
from sqlalchemy import text

from app.cli.audit import OpenDatabase
from app.cli.importing import Sender
from app.cli.processes import ROOT, Running
from app.client import transport as client
from app.client.transport import Service
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.db import engine
from app.services.bureau import Bureau, utc_now
from app.services.home import Home
from app.services.ledger.audit import audit
from app.services.ledger.sequencer import Sequencer
from app.services.scoring import research as data
from tests.services import replay

CITIZENS_PER_BATCH = 20
PAUSE_S = 0.2
IMPORT_GOES_ON = 0.5  # the share of kills that wait until the import has recovered from the last one
LIVES = 3
READY_S = 60

# Each is a `kill -9` of one process, or of a process and all below it.
TARGETS = (
    ["web"] * 5 + ["sequencer"] * 6 + ["postmaster"] * 5
    + ["web worker", "web main", "folding process", "database connection"]
)  # fmt: skip


@pytest.fixture
def seed():
    number = int(os.environ.get("CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    print(f"CRASH_SEED={number}")  # noqa: T201 - for whom it fails
    return number


@pytest.fixture
def home(monkeypatch):
    """A home folder with nothing in it; whatever works for it is ended afterwards, by process id."""
    folder = Path(tempfile.mkdtemp(prefix="credence-crash-"))
    folder.chmod(0o711)  # so that the account that runs the server reaches its own folder in it
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("CREDENCE_HOME", str(folder))
    monkeypatch.setattr(engine, "_held", {})
    own = psutil.Process()
    yield Home(folder)
    try:
        for held in engine._held.values():
            held.stop()
    finally:
        helpers = [
            own,
            *(child for child in own.children() if "resource_tracker" in " ".join(child.cmdline())),
        ]
        left = [process for process in processes_of(folder) if process not in helpers]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def processes_of(folder):
    """Every living process that has this home in its environment, or its data directory as working directory."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("CREDENCE_HOME") == str(folder)
            if (
                ours or process.cwd() == str(folder / "postgres")
            ) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(process):
    return [process, *process.children(recursive=True)]


def postmaster(folder):
    return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]))


def victims(running, target):
    """The processes that a target stands for; empty, or an error of psutil's, when they are not there now."""
    if target == "postmaster":
        return [postmaster(running.home.path)]
    if target == "database connection":
        return [
            p
            for p in postmaster(running.home.path).children()
            if "idle" in " ".join(p.cmdline()) or "credence" in " ".join(p.cmdline())
        ][:1]
    child = psutil.Process(
        running._children[
            target if target in running._children else "web" if "web" in target else "sequencer"
        ].pid
    )
    if target == "web main":
        return [child]
    if target == "web worker":
        return child.children()[:1]
    if target == "folding process":
        return child.children()[-1:]
    return tree(child)


class Killer(threading.Thread):
    """Kills one target after the other, each some moments after the last, while an import is under way."""

    def __init__(self, running, rng, receipts):
        super().__init__(daemon=True)
        self.running, self.rng, self.receipts = running, rng, receipts
        self.killed = []
        self.done = threading.Event()

    def run(self):
        targets = list(TARGETS)
        self.rng.shuffle(targets)
        for target in targets:
            if self.rng.random() < IMPORT_GOES_ON:
                acknowledged = len(self.receipts)
                self._wait_until(lambda seen=acknowledged: len(self.receipts) > seen)
            time.sleep(self.rng.uniform(0.0, 1.5))
            self._wait_until(lambda which=target: self._kill(which))
        self.done.set()

    def _wait_until(self, happened):
        deadline_s = time.monotonic() + READY_S
        while time.monotonic() < deadline_s and not happened():
            time.sleep(0.02)

    def _kill(self, target):
        try:
            found = victims(self.running, target)
            for process in found:
                process.kill()
        except (psutil.Error, OSError, KeyError, ValueError):
            return False
        if found:
            self.killed.append(target)
        return bool(found)


class Paced:
    """The research data in small batches, as many as are wanted while the killer is at work, and ten more."""

    def __init__(self, research, done, stop_after=10):
        self.research, self.done, self.more = research, done, stop_after
        self.body = research.body
        self.ids = []

    def batches(self):
        for signer, batch_id, group in self.research.batches():
            if self.done.is_set():
                self.more -= 1
                if self.more < 0:
                    return
            else:
                time.sleep(PAUSE_S)
            self.ids.append((signer.name, batch_id, len(group)))
            yield signer, batch_id, group


@pytest.fixture
def receipts(monkeypatch):
    """Batch hash -> receipt, of every batch that was acknowledged to the importer."""
    acknowledged = {}
    submit = Service.submit

    def recording(service, body):
        submitted = submit(service, body)
        known = acknowledged.setdefault(parse_batch(body).batch_hash, submitted.receipt)
        assert known == submitted.receipt, "the same batch, the same receipt"
        return submitted

    monkeypatch.setattr(Service, "submit", recording)
    return acknowledged


def test_kill_at_random_moments_of_an_import_loses_and_doubles_nothing(home, seed, receipts, monkeypatch):
    monkeypatch.setattr(data, "CITIZENS_PER_BATCH", CITIZENS_PER_BATCH)
    monkeypatch.setattr(client, "_retry_after_s", lambda text: 0.5 if text else None)  # it says 5
    with Running(home, port=free_port()) as running:
        running.wait_until_ready()
        bureau = Bureau.open(home, running.database_url)
        research = data.Research(home, bureau.origin, bureau.local_day(utc_now()))
        research.register_keys(bureau)
        bureau.close()
        killer = Killer(running, random.Random(seed), receipts)
        paced = Paced(research, killer.done)
        counted = []

        def work(stop):
            killer.start()
            with ThreadPoolExecutor(2) as pool:
                sender = Sender(running.url, pool, counted.append, stop, patience_s=READY_S)
                sent = sender.send_all(paced)
                again = Few(research, paced.ids)
                assert sender.send_all(again) == 0, "everything is there"
            return sent

        sent = running.watch_while(work)
        print(dict(Counter(killer.killed)), f"{len(paced.ids)} batches, {sent} events")  # noqa: T201 - with -s
        wait_until_placed(running, running.database_url)
    assert len(killer.killed) >= 20
    assert sum(counted) == 2 * sent, "each batch was acknowledged to both imports"
    found = check(home, running.database_url, receipts)
    assert (found.batches, found.events) == (len(paced.ids), sent)
    assert len(receipts) == len(paced.ids)


class Few:
    """The first batches again."""

    def __init__(self, research, ids):
        self.research, self.ids, self.body = research, ids, research.body

    def batches(self):
        for (signer, batch_id, group), (name, known, size) in zip(
            self.research.batches(), self.ids, strict=False
        ):
            assert (signer.name, batch_id, len(group)) == (name, known, size)
            yield signer, batch_id, group


def wait_until_placed(running, url):
    """Everything that was admitted is in a published block; meanwhile what died is brought back."""
    database = engine.make_engine(url, role=None)
    deadline_s = time.monotonic() + READY_S
    query = text(
        "SELECT (SELECT count(*) FROM batches WHERE NOT EXISTS (SELECT FROM placements WHERE admission = id))"
        " + (SELECT count(*) FROM blocks WHERE NOT EXISTS (SELECT FROM publications WHERE block = number))"
    )

    def placed():
        assert time.monotonic() < deadline_s, "the sequencer did not take everything in"
        with database.connect() as connection:
            return connection.execute(query).scalar() == 0

    running.watch(placed)
    database.dispose()


def check(home, url, receipts, *, refold=True):
    """The whole ledger is in order, by the tests' replay and by the audit, and holds every acknowledged batch once."""
    found = replay.check(url, home, refold=refold)  # the audit folds everything too
    report = audit(OpenDatabase(home, url), lambda *_: None, processes=1)
    assert report.findings == []
    assert (report.events, report.batches, report.blocks) == (found.events, found.batches, found.blocks)
    rows = replay.Rows(url)
    placed = Counter(
        rows.batches[admission][0] for admission, _, _ in rows.placements if admission in rows.batches
    )
    verifier = home.signer("service").verifier
    for batch_hash, note in receipts.items():
        receipt = Receipt.verify(note, [verifier])
        assert receipt.batch_hash == batch_hash
        assert placed[batch_hash] == 1
    return found


def test_up_that_is_killed_is_started_again_and_goes_on(home, seed, tmp_path):
    rng = random.Random(seed)
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "up", "--port", str(port)]
    heights = []
    for life in range(LIVES):
        with (tmp_path / f"up{life}").open("wb") as output:
            up = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
        try:
            heights.append(
                wait_for_height(up, port, heights[-1] + 1 if heights else 1, tmp_path / f"up{life}")
            )
            time.sleep(rng.uniform(0.0, 2.0))
        finally:
            up.send_signal(signal.SIGTERM if life == LIVES - 1 else signal.SIGKILL)
            ended = up.wait(60)
    assert ended == 0, (tmp_path / f"up{LIVES - 1}").read_text()
    assert heights == sorted(set(heights))
    assert processes_of(home.path) == [], "told to stop, it takes the database and all others with it"
    url = engine.database_url(home.path)
    bureau = Bureau.open(home, url)
    with Sequencer(bureau) as sequencer:
        while sequencer.step(now=True):
            pass
    bureau.close()
    found = check(home, url, {}, refold=False)
    assert found.batches > 0
    assert found.blocks >= heights[-1]


def wait_for_height(up, port, height, output):
    """The bureau that `up` runs has published so many blocks that hold events."""
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        assert up.poll() is None, output.read_text()
        with suppress(requests.RequestException, KeyError):
            figures = requests.get(f"http://127.0.0.1:{port}/v1/figures", timeout=5).json()
            if figures["events"] and figures["blocks"] >= height:
                return figures["blocks"]
        time.sleep(0.05)
    raise AssertionError(f"no progress within {READY_S} s: {output.read_text()}")
