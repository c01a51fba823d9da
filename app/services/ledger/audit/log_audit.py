"""The log, replayed: entries against what was admitted, tiles against entries, blocks and signatures against both.

Block by block, and one block in memory at a time: `layout` puts together the entries that the rows give and compares them
with the stored bundles; from the entries that were signed come what was admitted (`admission_audit`), and the tiles, the root
and the block's fields, each compared with what is stored.

The ledger may grow meanwhile. The replay ends with the block that the right edge of the log belongs to, read together with
it; what comes later is left to the next audit.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from app.core.errors import CredenceError, RefusedError
from app.core.log import block_rules, checkpoint, entries, log_edge, merkle, tiles
from app.core.log.note import Verifier
from app.services.ledger.audit import block_audit, layout
from app.services.ledger.audit.admission_audit import Admissions
from app.services.ledger.audit.batch_audit import WAITING, BatchFacts
from app.services.ledger.audit.findings import Finding
from app.services.ledger.audit.records import BlockRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.log import notices
    from app.core.log.block import Block
    from app.core.proving.transition.pieces import InOrder
    from app.services.ledger.audit.block_audit import BlockFacts
    from app.services.ledger.audit.destroyed import Destroyed
    from app.services.ledger.audit.layout import Run
    from app.services.ledger.audit.records import Head
    from app.services.ledger.audit.source import Source

FIRST_NUMBER = -(2**63)
LAST_NUMBER = 2**63 - 1
LOST_BLOCKS_MAX = 1_000
BLOCK_ENTRIES_MAX = 1 << 20
PUBLICATION_WAIT_S = 2.0


class LogReplay:
    """Replays the log of a source. `findings`, `batches`, `blocks`, `documents` and `destroyed` are what comes out."""

    def __init__(
        self,
        source: Source,
        genesis: notices.Genesis,
        witnesses: Iterable[Verifier] = (),
        in_order: InOrder = map,
    ) -> None:
        self.source = source
        self.genesis = genesis
        self.findings: list[Finding] = []
        self.blocks: list[BlockFacts] = []
        self._admissions = Admissions(source, genesis, witnesses, self.findings, in_order)
        self._declared = self._admissions.declared
        self._ledger_key = Verifier.parse(genesis.vkey)
        self._frontier = merkle.Frontier()
        self._edge: dict[int, tuple[int, bytes]] = {}
        self._before: Block | None = None
        self._signed: dict[int, tuple[int, bytes]] = {}  # tree size -> (block, root)
        self._unpublished: list[tuple[int, str, checkpoint.Checkpoint]] = []

    def run(self, advance: Callable[[int], None]) -> None:
        """Replay everything; `advance` is told how many events each step covered."""
        head = self.source.head()  # before the blocks: each was committed before its head was copied
        self._walk(advance)
        self._check_head(head)
        until = time.monotonic() + PUBLICATION_WAIT_S
        for number, signed, wanted in self._unpublished:
            self._check_late_publication(number, signed, wanted, until)
        self._admissions.take_waiting(self._frontier.size)
        self.findings += self.destroyed.check(self.batches.values())
        for digest in sorted(self._declared.damaged):
            self._found("documents", digest.hex(), "the body has another hash")

    @property
    def batches(self) -> dict[int, BatchFacts]:
        """What is known of each batch, by admission."""
        return self._admissions.batches

    @property
    def destroyed(self) -> Destroyed:
        """What notices destroy."""
        return self._admissions.destroyed

    @property
    def documents(self) -> dict[bytes, bytes]:
        """The documents whose bodies are what their hashes say."""
        return self._declared.documents

    @property
    def size(self) -> int:
        """The size of the tree that was replayed."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """Its root, 32 bytes."""
        return self._frontier.root()

    @property
    def placed(self) -> list[BatchFacts]:
        """The batches that are in a block."""
        return [batch for batch in self.batches.values() if batch.block != WAITING]

    def _found(self, table: str, place: str, what: str) -> None:
        self.findings.append(Finding(table, place, what))

    # ---- block after block

    def _walk(self, advance: Callable[[int], None]) -> None:
        first = FIRST_NUMBER
        while True:
            page = self.source.blocks(first)
            for block in page:
                self._recover(block.number)
                advance(self._replay_block(block))
            if page and page[-1].number < LAST_NUMBER:
                first = page[-1].number + 1
                continue
            edge = self.source.edge()
            if page or edge.block < max(first, 0):
                break
        if edge.tiles != self._edge:  # a block whose row is gone may still stand in the log
            self._recover(len(self.blocks) + LOST_BLOCKS_MAX)
        for level in sorted(edge.tiles.keys() | self._edge.keys()):
            if edge.tiles.get(level) != self._edge.get(level):
                self._found("log_edge", _level(level), "the partial tile does not follow from the entries")

    def _recover(self, number: int) -> None:
        """Replay the blocks before `number` whose rows are gone from what the log holds of them."""
        for lost in range(len(self.blocks), min(number, len(self.blocks) + LOST_BLOCKS_MAX)):
            size = self._frontier.size
            for offset, entry in enumerate(self._read(size, size + BLOCK_ENTRIES_MAX)):
                if entry is None:
                    return
                if entry[:1] == bytes([entries.BLOCK]):
                    self._found("blocks", f"block {lost}", "missing; its entry stands in the log")
                    self._replay_block(
                        BlockRecord(lost, size + offset + 1, b"", entry[1:], "", None), lost=True
                    )
                    break
            else:
                return

    def _read(self, first: int, stop: int) -> list[bytes | None]:
        return layout.read_bundles(lambda a, b: self.source.tiles(tiles.ENTRIES, a, b), first, stop)

    def _replay_block(self, stored: BlockRecord, *, lost: bool = False) -> int:
        """One block; how many events it holds. `lost`: there is no row, `stored` is made of what the log says."""
        place = f"block {stored.number}"
        said = block_audit.read_entry((stored.entry,), stored.number)
        if said is not None and said.number != stored.number and said.number < len(self.blocks):
            self._found(
                "blocks", place, f"number is {stored.number}, its entry is that of block {said.number}"
            )
            return 0
        if stored.number < len(self.blocks):
            self._found("blocks", place, "no block of this number belongs here")
            return 0
        if stored.number > len(self.blocks):
            self._found("blocks", place, f"block {len(self.blocks)} should stand here")
        known = len(self.blocks)
        try:
            return self._replay_entries(stored, lost=lost)
        except RefusedError:
            raise  # not the ledger's fault
        except Exception as error:  # noqa: BLE001 - whatever damage does to the replay is a finding
            self._found("blocks", place, f"cannot be replayed: {type(error).__name__}: {error}")
            if len(self.blocks) == known:
                self.blocks.append(
                    block_audit.facts_of(None, known, self.blocks[-1] if self.blocks else None)
                )
            return 0

    def _replay_entries(self, stored: BlockRecord, *, lost: bool) -> int:
        place, size = f"block {stored.number}", self._frontier.size
        admissions = self.source.admissions(stored.number)
        natural = size + 1 + sum(1 + min(a.event_count or 0, layout.BATCH_EVENTS_MAX) for a in admissions)
        stop, read = self._end_of(stored, natural)
        if stop != stored.tree_size:
            self._found(
                "blocks", place, f"tree_size is {stored.tree_size:,}, its entry ends the log at {stop:,}"
            )
        log = read[: stop - size]
        commitments: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        for batch, position, commitment in self.source.block_commitments(stored.number):
            commitments[batch].append((position, commitment))
        runs = layout.place(admissions, commitments, size, log)
        wanted = layout.expected(runs, stored, size, len(log))
        signed = {
            block_audit.signed_root(note, self._ledger_key, stop)
            for note in (stored.checkpoint, stored.published)
        } - {None}
        roots = {root for root in signed if root is not None} or {stored.root}
        chosen = layout.choose(
            wanted, log, self._frontier, roots, lambda index: _row_at(index, runs, stored, stop)
        )
        for problem in chosen.problems:
            self._found(*problem)
        block = block_audit.read_entry((chosen.entries[-1][1:], stored.entry), stored.number)
        self._admissions.take(chosen.entries, size, runs, len(self.blocks), block)
        self._grow(chosen.entries)
        self._close_block(stored, block, lost=lost)
        return sum(len(run.commitments) for run in runs)

    def _end_of(self, stored: BlockRecord, natural: int) -> tuple[int, list[bytes | None]]:
        """Where the block ends (a tree size), and the stored entries up to there or beyond.

        That is where its row says, if the log has its entry there; else where its admissions end, or where the log has
        its next block entry.
        """
        size = self._frontier.size
        limit = size + BLOCK_ENTRIES_MAX
        said = stored.tree_size if size < stored.tree_size <= limit else natural
        log = self._read(size, max(said, natural))
        entry = bytes([entries.BLOCK]) + stored.entry
        for stop in (said, natural):
            if log[stop - size - 1] == entry:
                return stop, log
        kind = bytes([entries.BLOCK])
        for offset, each in enumerate(log):
            if each is not None and each[:1] == kind:
                return size + offset + 1, log
        return said, log

    # ---- tiles, root, block

    def _grow(self, chosen: list[bytes]) -> None:
        hashes = [merkle.leaf_hash(entry) for entry in chosen]
        full, self._edge = log_edge.grow(self._edge, self._frontier.size, chosen, hashes)
        by_level: dict[int, dict[int, bytes]] = {}
        for level, index, data in full:
            by_level.setdefault(level, {})[index] = data
        for level, wanted in sorted(by_level.items()):
            stored = dict(self.source.tiles(level, min(wanted), max(wanted) + 1))
            for index, data in wanted.items():
                if stored.get(index) != data:
                    what = "is missing" if index not in stored else "does not follow from the entries"
                    self._found("tiles", f"{_level(level)}, tile {index}", what)
        self._frontier = self._frontier.append_many(hashes)

    def _close_block(self, stored: BlockRecord, block: Block | None, *, lost: bool) -> None:
        place, number = f"block {stored.number}", len(self.blocks)
        wanted = checkpoint.Checkpoint(self.genesis.origin, self._frontier.size, self._frontier.root())
        self._signed[wanted.size] = (stored.number, wanted.root)
        self.blocks.append(block_audit.facts_of(block, number, self.blocks[-1] if self.blocks else None))
        if block is None:
            self._found("blocks", place, "neither its row nor the log holds a block")
        else:
            expected = block_rules.Expected(
                self.genesis, self._before, self._declared.register.root(), self._declared.cards
            )
            for problem in block_rules.check_fields(block, number, expected):
                self._found("blocks", place, problem)
            if self._declared.document(block.scorecard) is None:
                self._found("documents", block.scorecard.hex(), f"the scorecard of {place} is not stored")
            self._before = block
        if lost:
            return
        if stored.root != wanted.root:
            what = f"root is {stored.root.hex()}, and {wanted.root.hex()} by the replay"
            self._found("blocks", place, what)
        for problem in block_audit.check_checkpoint(stored.checkpoint, wanted, self._ledger_key):
            self._found("blocks", place, problem)
        if stored.published is None:
            self._unpublished.append((stored.number, stored.checkpoint, wanted))
        else:
            self._check_published(place, stored.published, stored.checkpoint, wanted)

    def _check_published(self, place: str, note: str, signed: str, wanted: checkpoint.Checkpoint) -> None:
        for problem in block_audit.check_published(
            note, signed, wanted, self._ledger_key, self._declared.witnesses
        ):
            self._found("publications", place, problem)

    def _check_late_publication(
        self, number: int, signed: str, wanted: checkpoint.Checkpoint, until: float
    ) -> None:
        """A block that was just committed is published a moment later."""
        while (note := self.source.publication(number)) is None and time.monotonic() < until:
            time.sleep(0.05)
        if note is None:
            self._found(
                "publications", f"block {number}", "was never published; the sequencer does it when it starts"
            )
        else:
            self._check_published(f"block {number}", note, signed, wanted)

    # ---- what is beside the blocks

    def _check_head(self, copy: Head) -> None:
        place = "the copy outside the database"
        if copy.note is None:
            if copy.kept and copy.published >= 0:
                self._found("head", place, "is missing")
            return
        try:
            head = checkpoint.open_checkpoint(copy.note, self._ledger_key).checkpoint
        except CredenceError as error:
            self._found("head", place, error.detail)
            return
        number, root = self._signed.get(head.size, (-1, b""))
        if root != head.root:
            newest = self._frontier.size
            what = f"signs a tree of {head.size:,} entries that the database, with {newest:,}, does not have"
            self._found("head", place, what)
        elif number < copy.published:
            what = f"is of block {number}, and block {copy.published} was published: it was put in its place"
            self._found("head", place, what)


def _row_at(index: int, runs: list[Run], block: BlockRecord, stop: int) -> tuple[str, str]:
    """(table, place) of the row that gives the entry at a log index."""
    if index == stop - 1:
        return "blocks", f"block {block.number}"
    before = [run for run in runs if run.first_index <= index]
    if not before or (before[-1].record.payload is not None and before[-1].first_index != index):
        return "placements", f"log index {index}"
    run = before[-1]
    if run.first_index == index:
        return run.row
    return "events", f"batch {run.record.admission} position {index - run.first_index - 1}"


def _level(level: int) -> str:
    return "entries" if level == tiles.ENTRIES else f"level {level}"
