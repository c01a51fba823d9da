"""The state trie, replayed: the root and the number of accounts in every block, and the tiles that readers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.state.trie_store import Trie
from app.services.ledger.audit.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.services.ledger.audit.block_audit import BlockFacts
    from app.services.ledger.audit.source import Source


def replay_trie(
    source: Source, blocks: Sequence[BlockFacts], leaves: Iterable[tuple[int, bytes, bytes]]
) -> list[Finding]:
    """What is wrong with states and trie tiles, given all leaves as (block, citizen key, leaf hash)."""
    by_block: dict[int, dict[bytes, bytes]] = {}
    for block, key, leaf in leaves:
        by_block.setdefault(block, {})[key] = leaf
    trie, findings = Trie(), []
    for facts in blocks:
        changed = trie.update(by_block.get(facts.number, {}))
        place = f"block {facts.number}"
        if facts.state is not None and changed.root != facts.state:
            what = f"state is {facts.state.hex()}, and {changed.root.hex()} by the replay"
            findings.append(Finding("blocks", place, what))
        if facts.state is not None and len(trie) != facts.accounts:
            what = f"accounts is {facts.accounts:,}, and {len(trie):,} by the replay"
            findings.append(Finding("blocks", place, what))
        stored = {(depth, prefix): data for depth, prefix, data in source.trie_tiles(facts.number)}
        for depth, prefix in sorted(stored.keys() | changed.tiles.keys()):
            if stored.get((depth, prefix)) != changed.tiles.get((depth, prefix)):
                where = f"{place} depth {depth} prefix {prefix.hex() or '-'}"
                findings.append(Finding("trie_tiles", where, "is not what the leaves give"))
    return findings
