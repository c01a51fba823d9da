"""Audits: how large the trie part of a transition proof is, and how fast an auditor follows, or replays everything."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import psutil

from app.cli.demo import pss_bytes
from app.cli.opening import open_bureau
from app.core.log.note import Signer
from app.core.state import trie, trie_tiles
from app.core.state.trie_multiproof import Change, StoredTrie, apply, build
from app.core.state.trie_store import Trie
from app.db import ledger
from app.services.ledger.register import register_key
from app.services.lifeline import die_with_parent
from benchmarks.report import Report, Row, at_most

if TYPE_CHECKING:
    from app.cli.processes import Running

SECTION = "Following block by block"
BYTES_PER_ACCOUNT_MAX = 700
EVENTS_PER_SECOND_MIN = 15_000
SAMPLE_S = 1.0


def measure_trie(report: Report, accounts: int, touched: int = 1_000) -> None:
    """The multiproof of random accounts, and of as many new ones, in a trie of random keys."""
    values = {os.urandom(32): os.urandom(32) for _ in range(accounts)}
    keys = sorted(values)
    tiles = Trie.from_items((key, trie.leaf_hash(key, values[key])) for key in keys).tiles()
    for what, chosen in (
        ("written again", random.sample(keys, touched)),
        ("new", [os.urandom(32) for _ in range(touched)]),
    ):
        ways = [trie_tiles.descend(tiles, key) for key in chosen]
        pages = {
            key
            for way in ways
            for key in keys[bisect_left(keys, way.first_key) : bisect_right(keys, way.last_key)]
        }
        proof = build(StoredTrie([(key, values[key]) for key in sorted(pages)], tiles), chosen)
        applied = apply(proof, (Change(key, values.get(key), bytes(32)) for key in sorted(chosen)))
        assert applied.old_root == trie.root([(key, trie.leaf_hash(key, values[key])) for key in keys])
        each = len(proof) / touched
        label = f"trie part a touched account, {touched:,} {what} of {accounts:,}"
        report.add(SECTION, Row(label, f"{each:.0f} bytes", **at_most(each, BYTES_PER_ACCOUNT_MAX, "bytes")))


def measure_running(report: Report, running: Running) -> None:
    """A whole ledger by the very commands, which share two cores with the service and the database that they read."""
    regulator = Signer.generate_from_seed("auditor.bench.example", bytes(32))
    with open_bureau(running.home, running.database_url) as bureau:
        register_key(bureau, regulator, "regulator")
        with bureau.transaction() as connection:
            last = ledger.newest_published_number(connection)
            events, _ = ledger.count_between(connection, -1, last)
    key, state = running.home.path / "regulator.key", running.home.path / "followed"
    key.write_text(regulator.encode())
    follow = ["--follow", running.url, "--key", str(key), "--case", "bench", "--state", str(state), "--once"]
    for what, options in (
        ("followed from the genesis, over HTTP", follow),
        ("audited from the database", []),
    ):
        spent = _run(running, options)
        rate = events / spent.wall_s
        label = f"{events:,} events {what}, two cores (peak of the auditor's processes: {spent.peak_bytes >> 20:,} MiB)"
        report.add(
            SECTION,
            Row(
                label,
                f"{rate:,.0f}/s ({spent.cpu_s / events * 1e6:.0f} us of processor an event)",
                target=f">= {EVENTS_PER_SECOND_MIN:,}/s",
                met=rate >= EVENTS_PER_SECOND_MIN,
            ),
        )


class Spent(NamedTuple):
    """What a command took: processor time with that of service and database, memory (PSS) of its own processes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def _run(running: Running, options: list[str]) -> Spent:
    """`credence audit`, which has to find nothing wrong."""
    environment = os.environ | {"CREDENCE_HOME": str(running.home.path), "DATABASE_URL": running.database_url}
    command = [sys.executable, "-m", "app.cli", "audit", *options]
    others = {pid: _cpu_s(pid) for pid in running.pids()}
    began = time.monotonic()
    audit = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)  # noqa: PLW1509 - as processes.py does
    own: dict[int, float] = {}
    peak = 0
    while audit.poll() is None:
        pids = [audit.pid, *(child.pid for child in _children(audit.pid))]
        own |= {pid: max(own.get(pid, 0.0), _cpu_s(pid)) for pid in pids}
        peak = max(peak, sum(map(pss_bytes, pids)))
        with suppress(subprocess.TimeoutExpired):  # the end is seen at once, not with the next sample
            audit.wait(SAMPLE_S)
    wall_s = time.monotonic() - began
    assert audit.returncode == 0, "nothing is wrong with this ledger"
    served = sum(_cpu_s(pid) - others.get(pid, 0.0) for pid in running.pids() if pid != os.getpid())
    return Spent(wall_s, sum(own.values()) + served, peak)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _cpu_s(pid: int) -> float:
    try:
        return sum(psutil.Process(pid).cpu_times()[:2])
    except psutil.Error:
        return 0.0
