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
13, step 2 of the next start finishes it by the same code.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from app.core import fields
from app.core.errors import FormatError, RefusedError, SignatureError
from app.core.log import checkpoint, entries, log_edge, merkle, notices, tiles
from app.core.log.block import NO_PREVIOUS, Block
from app.core.log.note import open_note, split
from app.core.log.register import Register
from app.core.scoring.profiles import PROFILES, rules_hash
from app.core.state.account import leaf as trie_leaf
from app.core.state.trie_store import Changed, Trie
from app.db import admission, ledger, state
from app.db.ledger import StoredBlock
from app.db.session import DatabaseError, UniqueViolation
from app.services.ledger import cosigning, destruction, publishing
from app.services.ledger.cards import card_in_force
from app.services.ledger.folding import IN_PROCESS_EVENTS_MAX, FoldingPool, Share, Task, fold_share

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence

    from app.core.log.note import Signer, Verifier
    from app.db.admission import Pending
    from app.db.session import Connection
    from app.services.bureau import Bureau

BLOCK_EVENTS_MAX = 65_536
BLOCK_INTERVAL_S = 1.0
POLL_S = 0.05
LOCK_POLL_S = 0.1
ADMISSIONS_MAX = 8_192
FEEDING_SWITCH_S = 0.001
"""How long the trie's thread keeps the interpreter from the one that feeds the database, which empties a socket's buffer in
about as long.
"""

log = structlog.get_logger()


@dataclass(slots=True)
class Memory:
    """What the sequencer keeps between blocks; all of it can be loaded again from the rows."""

    tree_size: int
    frontier: merkle.Frontier
    edge: dict[int, tuple[int, bytes]]
    trie: Trie
    block: Block | None
    notices: list[tuple[int, notices.Notice]]
    placed_below: int = 0  # every admission up to this id is placed or will never be there
    placed_upto: int = 0  # the highest id that is placed
    horizon: tuple[int, set[str]] | None = None  # `admission.horizon` of a while ago


@dataclass(slots=True)
class Draft:
    """A block in the making: what it takes and the log entries that this gives."""

    taken: list[Pending]
    number: int
    time: dt.datetime
    day: dt.date
    entries: list[bytes] = field(default_factory=list)
    placed: list[tuple[int, int]] = field(default_factory=list)
    first_indices: dict[int, int] = field(default_factory=dict)
    notices: list[tuple[int, notices.Notice]] = field(default_factory=list)

    @property
    def event_count(self) -> int:
        """Events that the block takes in."""
        return sum(pending.event_count for pending in self.taken)


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
        self.signer: Signer = bureau.home.signer("ledger")
        self.pool = pool
        self.events_max = events_max
        self._published = published
        self._asked_witnesses = False
        self._memory: Memory | None = None
        self._last_block_at = 0.0
        self._holder = bureau.engine.raw_connection()
        self._lock(patience_s)

    @property
    def _lock_connection(self) -> Connection:
        connection: Connection = self._holder.driver_connection  # type: ignore[assignment]
        return connection

    def _lock(self, patience_s: float) -> None:
        """Step 1. A killed sequencer's connection keeps the lock until its server process has noticed."""
        self._lock_connection.autocommit = True
        deadline_s = time.monotonic() + patience_s
        while not ledger.try_sequencer_lock(self._lock_connection):
            if time.monotonic() >= deadline_s:
                self.close()
                message = "another sequencer is at work on this database; there can be only one"
                raise RefusedError(message, code="sequencer-running")
            time.sleep(LOCK_POLL_S)

    def _check_lock(self) -> None:
        """The lock lives as long as its connection. Without it somebody else may write, or the database be another."""
        try:
            ledger.ping(self._lock_connection)
        except DatabaseError as error:
            message = "the connection that held the sequencer's lock is gone: start the sequencer again"
            raise RefusedError(message, code="lock-lost") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock. May be called twice."""
        if self._holder.is_valid:
            with suppress(DatabaseError):
                ledger.release_sequencer_lock(self._lock_connection)  # closing alone lets go a moment later
            self._holder.invalidate()  # never back to the pool
        self._holder.close()

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
        block = self._make_block(memory, taken)
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
        frontier, block = _opened(newest, edge)
        if block and (trie.root, len(trie)) != (block.state, block.accounts):
            raise RefusedError(
                "the stored accounts do not give the newest block's state: run `credence audit`"
            )
        placed = [(index, notices.decode(payload)) for _, payload, index in stored if index is not None]
        return Memory(frontier.size, frontier, edge, trie, block, placed)

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

    def _make_block(self, memory: Memory, taken: list[Pending]) -> StoredBlock:
        """Steps 4 to 12, in one transaction."""
        bureau = self.bureau
        draft = self._draft(memory, taken)
        with bureau.transaction() as connection:
            self._append(connection, memory, draft)
            card_hash, card = card_in_force(connection, memory.notices + draft.notices, draft.day)
            shares = self._fold(connection, memory, draft, card_hash, card)
            changed = _update(connection, memory.trie, shares)
            block = self._block(memory, draft, card_hash)
            draft.entries.append(block.entry())
            self._store(connection, memory, draft, changed.tiles)
            root = self._reread(connection, memory, draft)
            self._check_lock()
            head = checkpoint.Checkpoint(bureau.origin, memory.tree_size + len(draft.entries), root)
            note = checkpoint.sign_checkpoint(self.signer, head).decode()
            stored = StoredBlock(draft.number, head.size, root, block.encode(), note)
            ledger.insert_block(connection, stored)
        memory.tree_size += len(draft.entries)
        memory.block = block
        memory.notices += draft.notices
        return stored

    def _draft(self, memory: Memory, taken: list[Pending]) -> Draft:
        admitted = max(
            (p.receipt.split("\n", 5)[4] for p in taken if p.receipt), default=""
        )  # instants sort as text
        # no block is older than what it takes in
        moment = max(self.bureau.now(), fields.parse_instant(admitted)) if admitted else self.bureau.now()
        day = self.bureau.local_day(moment)
        if memory.block is not None:  # neither ever decreases, whatever the clock does
            moment, day = max(moment, memory.block.time), max(day, memory.block.as_of)
        return Draft(taken, memory.block.number + 1 if memory.block else 0, moment, day)

    def _append(self, connection: Connection, memory: Memory, draft: Draft) -> None:
        """Step 5: the entries in order, and the key of each batch judged at its index."""
        batch_ids = [pending.admission for pending in draft.taken if pending.furnisher]
        commitments = iter(ledger.commitments(connection, batch_ids))
        register = Register.fold(memory.notices)
        keys: dict[str, list[Verifier]] = {}  # of furnishers: the same at every index until there is a notice
        for pending in draft.taken:
            index = memory.tree_size + len(draft.entries)
            draft.placed.append((pending.admission, index))
            if not pending.furnisher:
                draft.entries.append(entries.notice_entry(pending.payload))
                draft.notices.append((index, notices.decode(pending.payload)))
                register = Register.fold(memory.notices + draft.notices)
                keys.clear()
                continue
            if pending.furnisher not in keys:
                valid = register.verifiers(pending.furnisher, index)
                keys[pending.furnisher] = [verifier for verifier, _ in valid]
            known = keys[pending.furnisher]
            if not self._is_own(pending, known):
                _check_signature(pending, known, index)
            draft.entries.append(entries.batch_entry(pending.hash))
            draft.first_indices[pending.admission] = index + 1
            for _ in range(pending.event_count):
                batch, commitment = next(commitments)
                assert batch == pending.admission, "commitments come in the order of the batches"
                draft.entries.append(b"\x01" + commitment)

    def _is_own(self, pending: Pending, known: list[Verifier]) -> bool:
        """Whether the bureau signed this batch, by a key that is among `known`: signing again costs a third of verifying."""
        own, note = self.bureau.signer, pending.note.encode()
        return pending.furnisher == own.name and own.verifier in known and note == own.sign(split(note)[0])

    def _fold(
        self, connection: Connection, memory: Memory, draft: Draft, card_hash: bytes, card: bytes
    ) -> list[Share]:
        """Step 6: in this process for a small block, else one share a process of the pool; what is destroyed always here."""
        going = destruction.doomed(connection, [notice for _, notice in draft.notices])
        aged = self._aged(connection, memory, draft, card_hash)
        pool = None if draft.event_count + len(aged) <= IN_PROCESS_EVENTS_MAX else self.pool
        shares = 1 if pool is None else len(pool)
        tasks = [
            Task(
                block=draft.number,
                day=fields.format_day(draft.day),
                card=card,
                profile=self.bureau.genesis.profile,
                first_indices=draft.first_indices,
                aged=aged,
                share=share,
                shares=shares,
                apart=frozenset(going),
            )
            for share in range(shares)
        ]
        keyring = self.bureau.people.keyring
        folded = pool.fold(tasks) if pool else [fold_share(connection, keyring, task) for task in tasks]
        if going:
            folded.append(destruction.destroy(connection, keyring.wrap_key, tasks[0], going))
        return folded

    def _aged(self, connection: Connection, memory: Memory, draft: Draft, card_hash: bytes) -> list[int]:
        """Whom this block scores again without news: who is due on a new day; everybody under a new scorecard."""
        if memory.block is None:
            return []
        if memory.block.scorecard != card_hash:
            return state.scored(connection)
        return state.due(connection, draft.day) if draft.day > memory.block.as_of else []

    def _block(self, memory: Memory, draft: Draft, card_hash: bytes) -> Block:
        """Step 8."""
        return Block(
            number=draft.number,
            previous=memory.block.leaf_hash() if memory.block else NO_PREVIOUS,
            state=memory.trie.root,
            accounts=len(memory.trie),
            as_of=draft.day,
            time=draft.time,
            scorecard=card_hash,
            rules=rules_hash(PROFILES[self.bureau.genesis.profile]),
            keys=Register.fold(memory.notices + draft.notices).root(),
            vrf=self.bureau.vrf.public,
        )

    def _store(
        self,
        connection: Connection,
        memory: Memory,
        draft: Draft,
        trie_tiles: dict[tuple[int, bytes], bytes],
    ) -> None:
        """Step 9, but for the account versions."""
        hashes = [merkle.leaf_hash(entry) for entry in draft.entries]
        full, edge = log_edge.grow(memory.edge, memory.tree_size, draft.entries, hashes)
        ledger.insert_tiles(connection, full)
        ledger.replace_edge(connection, edge)
        ledger.place(connection, draft.placed, draft.number)
        state.copy_trie_tiles(connection, draft.number, ((d, p, data) for (d, p), data in trie_tiles.items()))

    def _reread(self, connection: Connection, memory: Memory, draft: Draft) -> bytes:
        """Step 10: the root of the new tree from what the database gives back, and from nothing else."""
        old_size, new_size = memory.tree_size, memory.tree_size + len(draft.entries)
        first, stop = old_size // tiles.TILE_WIDTH, -(-new_size // tiles.TILE_WIDTH)
        stored: list[bytes] = []
        for index, data in ledger.read_tiles(connection, tiles.ENTRIES, first, stop):
            width = min(tiles.TILE_WIDTH, new_size - index * tiles.TILE_WIDTH)
            stored += tiles.decode_bundle(data, width)
        hashes = [merkle.leaf_hash(entry) for entry in stored[old_size - first * tiles.TILE_WIDTH :]]
        grown = memory.frontier.append_many(hashes)
        edge = ledger.read_edge(connection)
        if grown.size != new_size or not log_edge.check_edge(edge, new_size):
            raise RefusedError(
                "what the database stored of the log is not what was written; nothing was signed"
            )
        if log_edge.frontier(edge, new_size) != grown:
            raise RefusedError(
                "the stored tiles do not give the root of the stored entries; nothing was signed"
            )
        memory.frontier, memory.edge = grown, edge
        return grown.root()


def _update(connection: Connection, trie: Trie, shares: Sequence[Share]) -> Changed:
    """Step 7, while a thread gives the account versions to the database: that takes as long, and on another core."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(FEEDING_SWITCH_S)
    try:
        with ThreadPoolExecutor(1) as feeder:
            stored = feeder.submit(_copy_accounts, connection, shares)
            changed = trie.update({key: leaf for share in shares for key, leaf in share.leaves.items()})
            stored.result()
    finally:
        sys.setswitchinterval(interval_s)
    return changed


def _copy_accounts(connection: Connection, shares: Iterable[Share]) -> None:
    for share in shares:
        state.copy_accounts(connection, share.accounts, share.bodies)
        try:
            state.copy_citizens(connection, share.citizens)
        except UniqueViolation as error:
            message = (
                "somebody was enrolled twice, so a tag in `enrolments` was changed: run `credence audit`"
            )
            raise RefusedError(message, code="enrolled-twice") from error


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


def _check_signature(pending: Pending, known: list[Verifier], index: int) -> None:
    """Step 5: the batch's note is signed by one of these keys; RefusedError, for intake had seen to that."""
    try:
        open_note(pending.note.encode(), known)
    except SignatureError as error:
        message = (
            f"batch {pending.hash.hex()} is not signed by a key valid at index {index}: run `credence audit`"
        )
        raise RefusedError(message) from error
