"""The audit: everything that the ledger says of itself, worked out again from what it stores.

    1. the log        entries, tiles, roots, blocks, checkpoints; batches, receipts, notices     log_audit, admission_audit
    2. the citizens   commitments, rules, citizen keys; folds, scores, account values            citizen_audit, account_audit
    3. the trie       the root and the stored tiles of every block's state                       trie_audit
    4. the rest       no table has rows that nothing accounts for                                db.auditing

What is wrong comes out as findings (values with an exact place); damage never ends an audit. The replay knows only
`core` and the rows, whether they come from a database or over the network (`source`, `remote`).
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from msgspec import Struct

from app.core.errors import CredenceError
from app.core.log import notices
from app.core.log.note import Verifier
from app.services.ledger.audit.account_audit import Facts
from app.services.ledger.audit.citizen_audit import CitizenReplay, Replayed, Unexplained
from app.services.ledger.audit.crew import crew_of
from app.services.ledger.audit.destroyed import destroyed_since
from app.services.ledger.audit.findings import Finding, in_order
from app.services.ledger.audit.log_audit import LogReplay
from app.services.ledger.audit.trie_audit import replay_trie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.services.ledger.audit.source import Source

__all__ = ["Finding", "Report", "audit"]

CITIZENS_PER_PAGE = 250


class Opaque(Struct, frozen=True):
    """What could not be replayed because its plaintext was destroyed, as notices say: stored hashes stand in for it."""

    events: int
    versions: int
    citizens: int
    since_block: int
    since_day: str


class Report(Struct):
    """What was replayed, and what was found; clean when `findings` is empty. `size`, `root`: of the tree replayed."""

    events: int
    batches: int
    blocks: int
    citizens: int
    versions: int
    findings: list[Finding]
    size: int = 0
    root: bytes = b""
    waiting: int = 0
    opaque: Opaque | None = None


def audit(
    open_source: Callable[[], Source],
    advance: Callable[[str, int], None],
    *,
    ledger_key: Verifier | None = None,
    witnesses: Iterable[Verifier] = (),
    processes: int = 2,
) -> Report:
    """Replay a whole ledger. `open_source` is called here and in each process; `advance(stage, n)` reports progress.

    `ledger_key` is the key that checkpoints must be signed with; without it the genesis says, which is only the
    ledger's own word. With `processes` 0 everything happens in this process.
    """
    source = open_source()
    genesis = _genesis(source, ledger_key)
    if genesis is None:
        what = "no genesis can be read that goes with the ledger's key, so nothing can be replayed"
        return Report(0, 0, 0, 0, 0, [Finding("notices", "the first notice", what)])
    with crew_of(processes) as crew:
        log = LogReplay(source, genesis, witnesses, crew)
        log.run(lambda events: advance("log", events))
    findings = log.findings + [Finding(*orphan) for orphan in source.orphans()]
    destroyed = log.destroyed
    facts = Facts(genesis, log.batches, log.blocks, log.documents, destroyed.done, destroyed.announced)
    leaves: list[tuple[int, bytes, bytes]] = []
    seen: Counter[int] = Counter()
    keys: Counter[bytes] = Counter()
    citizens = versions = 0
    opaque = Counter[str]()
    unexplained: list[Unexplained] = []
    for page in _replay_citizens(source, open_source, facts, processes):
        findings += page.findings
        leaves += page.leaves
        seen.update(page.events_by_batch)
        keys.update(page.keys)
        citizens, versions = citizens + page.citizens, versions + page.versions
        opaque.update(events=page.opaque_events, versions=page.opaque_versions, citizens=page.opaque_citizens)
        unexplained += page.unexplained
        advance("citizens", page.citizens)
    findings += _check_one_file_a_key(keys)
    findings += _check_batches_whole(log, seen)
    if unexplained:
        later = destroyed_since(source, len(log.blocks))
        for each in unexplained:
            findings += [] if later.issuperset(each.log_indices) else each.findings
    findings += replay_trie(source, log.blocks, leaves)
    placed = log.placed
    return Report(
        events=sum(batch.event_count for batch in placed),
        batches=len(placed),
        blocks=len(log.blocks),
        citizens=citizens,
        versions=versions,
        findings=in_order(findings),
        size=log.size,
        root=log.root,
        waiting=len(log.batches) - len(placed),
        opaque=_opaque(log, opaque),
    )


def _check_one_file_a_key(keys: Counter[bytes]) -> list[Finding]:
    several = "files stand under one key, so one citizen has several"
    return [
        Finding("citizens", f"key {key.hex()}", f"{files} {several}")
        for key, files in keys.items()
        if files > 1 and key
    ]


def _opaque(log: LogReplay, counted: Counter[str]) -> Opaque | None:
    if not counted["events"]:
        return None
    first = min(destruction.block for destruction in log.destroyed.done.values())
    return Opaque(counted["events"], counted["versions"], counted["citizens"], first, log.blocks[first].day)


def _genesis(source: Source, ledger_key: Verifier | None) -> notices.Genesis | None:
    for payload in source.founding():
        try:
            notice = notices.decode(payload)
            if isinstance(notice, notices.Genesis) and ledger_key in (None, Verifier.parse(notice.vkey)):
                return notice
        except CredenceError:
            continue
    return None


_replays: dict[str, tuple[Source, Facts]] = {}


def _open_worker(open_source: Callable[[], Source], facts: Facts) -> None:
    _replays["this"] = open_source(), facts


def _replay_page(page: tuple[int, int]) -> Replayed:
    source, facts = _replays["this"]
    return CitizenReplay(facts).page(source.citizens(*page))


def _replay_citizens(
    source: Source, open_source: Callable[[], Source], facts: Facts, processes: int
) -> Iterator[Replayed]:
    pages = source.citizen_pages(CITIZENS_PER_PAGE)
    if processes == 0:
        for page in pages:
            yield CitizenReplay(facts).page(source.citizens(*page))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _open_worker, (open_source, facts)) as pool:
        yield from pool.map(_replay_page, pages)


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
