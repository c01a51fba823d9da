"""Following block by block: how large the trie part of a transition proof is, and how fast an auditor checks."""

from __future__ import annotations

import os
import random
import time
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from app.core.proving.transition import AuditorState, check
from app.core.state import trie, trie_tiles
from app.core.state.trie_multiproof import Change, StoredTrie, apply, build
from app.core.state.trie_store import Trie
from app.db import ledger
from app.services.bureau import Bureau
from app.services.proving.transitions import transition
from benchmarks.report import Report, Row, at_most

if TYPE_CHECKING:
    from app.cli.processes import Running

SECTION = "Following block by block"
BYTES_PER_ACCOUNT_MAX = 700
EVENTS_PER_SECOND_MIN = 15_000


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
    """A whole ledger, by the CPU time of the auditor and of the service that makes the proofs: each has a core."""
    bureau = Bureau.open(running.home, running.database_url)
    try:
        with bureau.transaction() as connection:
            last = ledger.newest_published_number(connection)
        state = AuditorState.start(bureau.verifier)
        making = checking = 0.0
        while state.next_block <= last:
            began = time.process_time()
            lines = list(transition(bureau, state.next_block))
            made = time.process_time()
            state = check(state, lines)
            making, checking = making + made - began, checking + time.process_time() - made
        with bureau.transaction() as connection:
            events, _ = ledger.count_between(connection, -1, last)
    finally:
        bureau.close()
    rate = events / max(making, checking)
    report.add(
        SECTION,
        Row(
            f"{events:,} events followed from the genesis, two cores",
            f"{rate:,.0f}/s",
            target=f">= {EVENTS_PER_SECOND_MIN:,}/s",
            met=rate >= EVENTS_PER_SECOND_MIN,
        ),
    )
