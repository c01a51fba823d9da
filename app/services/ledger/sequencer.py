"""The sequencer: the one writer that turns admitted batches and notices into blocks.

    1. lock      one sequencer a database, by an advisory lock that dies with its connection
    2. compare   the database with the copy of the last signed head outside it, and with what witnesses remember; finish
                 what a crash left unpublished
    3. load      the log's right edge and the state trie, both checked against the newest block
  then, for every block:
    4. take      admitted batches and notices in admission order, up to 65,536 events
    5. append    their entries; judge each batch's key at the index of its entry
    6. fold      the events into the accounts; score again what has aged; destroy what a notice says
    7. trie      the changed leaves, a new root; account versions are stored meanwhile
    8. block     its entry ends the run
    9. store     tiles, placements, trie tiles
   10. re-read   the new entries and the right edge as stored, and recompute the root from them
   11. sign      the checkpoint; store the block
   12. commit    one transaction since 4, and the point of no return
   13. publish   copy the head outside the database, then let readers see the block

If anything fails before 12, nothing happened; the memory of 3 is thrown away and loaded again. If it fails between 12 and
13, step 2 of the next start finishes it by the same code. Steps 5 to 12 are in `services.ledger.block_maker`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import structlog

from app.core.errors import FormatError, RefusedError
from app.core.log import log_edge, merkle, notices, tiles
from app.core.log.block import Block
from app.core.state.account import leaf as trie_leaf
from app.core.state.trie_store import Trie
from app.db import admission, ledger, state
from app.db.session import DatabaseError
from app.db.sole import SoleLock
from app.services.ledger import cosigning, publishing
from app.services.ledger.block_maker import BlockMaker, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.db.admission import Pending
    from app.db.ledger import StoredBlock
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.ledger.folding import FoldingPool

BLOCK_EVENTS_MAX = 65_536
BLOCK_INTERVAL_S = 1.0
POLL_S = 0.05
ADMISSIONS_MAX = 8_192

log = structlog.get_logger()


class Sequencer:
    """One writer. Use as a context manager; `run` serves until told to stop, `step` makes at most one block."""

    def __init__(
        self,
        bureau: Bureau,
        *,
        pool: FoldingPool | None = None,
        events_max: int = BLOCK_EVENTS_MAX,
        patience_s: float = 0.0,
        published: Callable[[], None] | None = None,
    ) -> None:
        """Takes the lock, waiting up to `patience_s` for one that ends; RefusedError when another keeps it. `published` is
        called behind every block.
        """
        self.bureau = bureau
        self.events_max = events_max
        self._published = published
        self._asked_witnesses = False
        self._memory: Memory | None = None
        self._last_block_at = 0.0
        self._maker = BlockMaker(bureau, bureau.home.signer("ledger"), pool, self._check_lock)
        self._lock = SoleLock(bureau.engine, ledger.SEQUENCER_LOCK)
        if not self._lock.take(patience_s):  # step 1
            message = "another sequencer is at work on this database; there can be only one"
            raise RefusedError(message, code="sequencer-running")

    def _check_lock(self) -> None:
        """Without the lock somebody else may write, or the database be another."""
        try:
            self._lock.check()
        except DatabaseError as error:
            message = "the connection that held the sequencer's lock is gone: start the sequencer again"
            raise RefusedError(message, code="lock-lost") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock. May be called twice."""
        self._lock.close()

    def run(self, stop: Callable[[], bool]) -> None:
        """Make a block whenever one is due, until `stop()`."""
        while not stop():
            if not self.step():
                time.sleep(POLL_S)

    def step(self, *, now: bool = False) -> bool:
        """Make a block if one is due (`now`: if there is anything to put in); whether one was made."""
        self._check_lock()
        if self._memory is None:
            self._memory = self._load()
        memory = self._memory
        if not (now or self._is_time(memory)):
            return False
        taken = self._pending(memory)
        if not taken and not self._is_new_day(memory):
            return False
        started, grew_from = time.monotonic(), memory.tree_size
        self._memory = None  # loaded again unless the whole block succeeds
        block = self._maker.make(memory, taken)  # steps 5 to 12
        with self.bureau.transaction() as connection:  # step 13
            publishing.publish(self.bureau, connection, block, grew_from)
        if self._published is not None:
            self._published()
        self._memory = memory
        memory.placed_upto = max([memory.placed_upto, *(pending.admission for pending in taken)])
        self._last_block_at = time.monotonic()
        seconds = round(self._last_block_at - started, 3)
        events = sum(pending.event_count for pending in taken)
        log.info("block", number=block.number, tree_size=block.tree_size, events=events, seconds=seconds)
        return True

    def _load(self) -> Memory:
        """Steps 2 and 3."""
        bureau = self.bureau
        with bureau.transaction() as connection:
            publishing.compare(bureau, connection)
        if not self._asked_witnesses:
            cosigning.check_memories(bureau)
            self._asked_witnesses = True
        with bureau.transaction() as connection:
            publishing.finish_publishing(bureau, connection)
        with bureau.transaction() as connection:
            newest = ledger.newest_block(connection)
            edge = ledger.read_edge(connection)
            trie = Trie.from_items(
                (key, trie_leaf(key, value)) for key, value in state.all_leaves(connection)
            )
            stored = admission.all_notices(connection)
            settled = ledger.newest_settled(connection)
            waiting = admission.pending(connection, 0, 1)
        frontier, block = _opened(newest, edge)
        if block and (trie.root, len(trie)) != (block.state, block.accounts):
            raise RefusedError(
                "the stored accounts do not give the newest block's state: run `credence audit`"
            )
        if waiting and waiting[0].admission <= settled:
            message = (
                f"admission {waiting[0].admission} is called settled and is in no block: run `credence audit`"
            )
            raise RefusedError(message)
        placed = [(index, notices.decode(payload)) for _, payload, index in stored if index is not None]
        return Memory(frontier.size, frontier, edge, trie, block, placed, settled)

    def _is_time(self, memory: Memory) -> bool:
        """Something may be due a second after the last block, before that when there is enough for a full one, and on a new
        day at once.
        """
        if time.monotonic() - self._last_block_at >= BLOCK_INTERVAL_S or self._is_new_day(memory):
            return True
        with self.bureau.transaction() as connection:
            return admission.events_above(connection, memory.placed_upto) > self.events_max // 2

    def _is_new_day(self, memory: Memory) -> bool:
        """On a new day a block is due even when it is empty."""
        return memory.block is not None and self.bureau.local_day(self.bureau.now()) > memory.block.as_of

    def _pending(self, memory: Memory) -> list[Pending]:
        """Step 4: what the next block takes."""
        with self.bureau.transaction() as connection:
            settled = self._settled(connection, memory)
            waiting = admission.pending(connection, memory.placed_below, ADMISSIONS_MAX)
        taken: list[Pending] = []
        events = 0
        for pending in waiting:
            if taken and events + pending.event_count > self.events_max:
                break
            taken.append(pending)
            events += pending.event_count
            if _destroys(pending):  # one notice a block: nobody can seal or open while it is at work
                break
        whole = len(taken) == len(waiting) < ADMISSIONS_MAX
        memory.placed_below = settled if whole else min(settled, taken[-1].admission)
        return taken

    def _settled(self, connection: Connection, memory: Memory) -> int:
        """An id up to which every admission can be seen by the next statement, or will never be there.

        Without it a block would look through all that was admitted since the bureau was idle for the last time.
        """
        highest, admitting = admission.horizon(connection)
        before = memory.horizon
        if before is None or before[1].isdisjoint(admitting):
            memory.horizon = highest, admitting
            return memory.placed_below if before is None else before[0]
        return memory.placed_below


def _opened(newest: StoredBlock | None, edge: log_edge.Edge) -> tuple[merkle.Frontier, Block | None]:
    """The newest block and the tree that it closes, as the stored right edge of the log gives it (step 3)."""
    if newest is None:
        return merkle.Frontier(), None
    frontier = (
        log_edge.frontier(edge, newest.tree_size) if log_edge.check_edge(edge, newest.tree_size) else None
    )
    if frontier is None or frontier.root() != newest.root:
        raise RefusedError(
            "the stored right edge of the log does not give the newest block's root: run `credence audit`"
        )
    try:
        block = Block.parse(newest.entry)
    except FormatError as error:
        raise RefusedError(f"the newest block is damaged: run `credence audit` ({error.detail})") from error
    width = newest.tree_size % tiles.TILE_WIDTH
    if width and tiles.decode_bundle(edge[tiles.ENTRIES][1], width)[-1] != block.entry():
        raise RefusedError("the newest block is not the last entry of the log: run `credence audit`")
    return frontier, block


def _destroys(pending: Pending) -> bool:
    return not pending.furnisher and isinstance(notices.decode(pending.payload), notices.Destroyed)
