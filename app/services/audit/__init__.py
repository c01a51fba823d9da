"""The audit: everything that the ledger says of itself, worked out again from what it stores.

    1. the log        entries, tiles, roots, batches, receipts, notices, blocks, checkpoints     log_audit
    2. the citizens   commitments, rules, citizen keys, folds, scores, account values            citizen_audit
    3. the trie       the root and the stored tiles of every block's state                       here
    4. the counts     no table has rows that nothing accounts for                                here

What is wrong comes out as findings (values with an exact place). The replay knows only `core` and the rows.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from msgspec import Struct

from app.core.trie_store import Trie
from app.services.audit.citizen_audit import CitizenReplay, Facts, Replayed
from app.services.audit.findings import Finding
from app.services.audit.log_audit import LogReplay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.services.audit.source import Source

__all__ = ["Finding", "Report", "audit"]

CITIZENS_PER_PAGE = 500


class Report(Struct):
    """What was replayed, and what was found; clean when `findings` is empty."""

    events: int
    batches: int
    blocks: int
    citizens: int
    versions: int
    findings: list[Finding]


def audit(
    open_source: Callable[[], Source], advance: Callable[[str, int], None], *, processes: int = 2
) -> Report:
    """Replay a whole ledger. `open_source` is called here and in each process; `advance(stage, n)` reports progress."""
    source = open_source()
    log = LogReplay(source)
    log.run(lambda events: advance("log", events))
    findings = log.findings + [Finding(*orphan) for orphan in source.orphans()]
    facts = Facts(log.genesis, log.batches, log.blocks, log.documents)
    leaves: list[tuple[int, bytes, bytes]] = []
    events_by_batch: Counter[int] = Counter()
    citizens = versions = 0
    for page in _replay_citizens(open_source, source.page_starts(CITIZENS_PER_PAGE), facts, processes):
        findings += page.findings
        leaves += page.leaves
        events_by_batch.update(page.events_by_batch)
        citizens, versions = citizens + page.citizens, versions + page.versions
        advance("citizens", page.citizens)
    findings += _check_batches_whole(log, events_by_batch)
    findings += _replay_trie(source, log, leaves)
    events = sum(batch.event_count for batch in log.batches.values())
    return Report(events, len(log.batches), len(log.blocks), citizens, versions, sorted(set(findings)))


_replays: dict[str, tuple[Source, Facts]] = {}


def _open_worker(open_source: Callable[[], Source], facts: Facts) -> None:
    _replays["this"] = open_source(), facts


def _replay_page(after: int) -> Replayed:
    source, facts = _replays["this"]
    return CitizenReplay(facts).page(source.citizens(after, CITIZENS_PER_PAGE))


def _replay_citizens(
    open_source: Callable[[], Source], starts: list[int], facts: Facts, processes: int
) -> Iterator[Replayed]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _open_worker, (open_source, facts)) as pool:
        yield from pool.map(_replay_page, starts)


def _check_batches_whole(log: LogReplay, seen: Counter[int]) -> list[Finding]:
    """Every event of every batch is filed under exactly one citizen."""
    return [
        Finding(
            "events",
            f"batch {number}",
            f"{seen[number]:,} of its {batch.event_count:,} events are filed under a citizen",
        )
        for number, batch in log.batches.items()
        if seen[number] != batch.event_count
    ]


def _replay_trie(source: Source, log: LogReplay, leaves: list[tuple[int, bytes, bytes]]) -> list[Finding]:
    """The state of every block from the leaves, against what the block says and the tiles that readers use."""
    by_block: dict[int, dict[bytes, bytes]] = {}
    for block, key, leaf in leaves:
        by_block.setdefault(block, {})[key] = leaf
    trie, findings = Trie(), []
    for facts in log.blocks:
        changed = trie.update(by_block.get(facts.number, {}))
        place = f"block {facts.number}"
        if changed.root != facts.state:
            what = f"state is {facts.state.hex()}, and {changed.root.hex()} by the replay"
            findings.append(Finding("blocks", place, what))
        if len(trie) != facts.accounts:
            findings.append(
                Finding("blocks", place, f"accounts is {facts.accounts:,}, and {len(trie):,} by the replay")
            )
        stored = {
            (depth, bytes(prefix)): bytes(data) for depth, prefix, data in source.trie_tiles(facts.number)
        }
        for depth, prefix in sorted(stored.keys() | changed.tiles.keys()):
            if stored.get((depth, prefix)) != changed.tiles.get((depth, prefix)):
                where = f"{place} depth {depth} prefix {prefix.hex() or '-'}"
                findings.append(Finding("trie_tiles", where, "is not what the leaves give"))
    return findings
