"""One block: steps 5 to 12 of `app.services.ledger.sequencer`, in one transaction.

    maker = BlockMaker(bureau, signer, pool, check_lock)
    block = maker.make(memory, taken)        # or an error, and nothing happened

`Memory` is what the sequencer keeps between blocks, `Draft` what one takes in and the log entries that this gives. Only
`make` changes the memory; whoever gets an error throws it away and loads it again from the rows.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from app.core import fields
from app.core.errors import FormatError, RefusedError, SignatureError
from app.core.log import checkpoint, entries, log_edge, merkle, notices, tiles
from app.core.log.block import NO_PREVIOUS, Block
from app.core.log.note import join, open_note, split
from app.core.log.register import Register
from app.core.reporting.receipt import RECEIPT_MAGIC
from app.core.scoring.profiles import PROFILES, rules_hash
from app.db import ledger, state
from app.db.ledger import StoredBlock
from app.db.session import UniqueViolation
from app.services.ledger import destruction
from app.services.ledger.cards import card_in_force
from app.services.ledger.folding import IN_PROCESS_EVENTS_MAX, FoldingPool, Share, Task, fold_share

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from app.core.log.note import Signer, Verifier
    from app.core.state.trie_store import Changed, Trie
    from app.db.admission import Pending
    from app.db.session import Connection
    from app.services.bureau import Bureau

FEEDING_SWITCH_S = 0.001
"""How long the computing thread keeps the interpreter from the one that feeds the database, which empties a socket's buffer
in about as long.
"""


@dataclass(slots=True)
class Memory:
    """What the sequencer keeps between blocks; all of it can be loaded again from the rows."""

    tree_size: int
    frontier: merkle.Frontier
    edge: dict[int, tuple[int, bytes]]
    trie: Trie
    block: Block | None
    notices: list[tuple[int, notices.Notice]]
    placed_below: int  # every admission up to this id is placed or will never be there
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


class _Keys(NamedTuple):
    """What is valid at a batch's index: the furnisher's keys, and whether the key is that makes receipts here."""

    known: list[Verifier]
    is_service_valid: bool


@dataclass(frozen=True, slots=True)
class BlockMaker:
    """Makes blocks, in the processes of `pool` when they are large. `check_lock` raises once somebody else may be writing."""

    bureau: Bureau
    signer: Signer
    pool: FoldingPool | None
    check_lock: Callable[[], None]

    def make(self, memory: Memory, taken: list[Pending]) -> StoredBlock:
        """A block of what was taken, committed; the memory is what it is behind it."""
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
            self.check_lock()
            head = checkpoint.Checkpoint(bureau.origin, memory.tree_size + len(draft.entries), root)
            note = checkpoint.sign_checkpoint(self.signer, head).decode()
            stored = StoredBlock(draft.number, head.size, root, block.encode(), note)
            ledger.insert_block(connection, stored)
            ledger.settle(connection, stored.number, memory.placed_below)
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
        keys: dict[str, _Keys] = {}  # of furnishers: the same at every index until there is a notice
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
                keys[pending.furnisher] = self._keys_at(register, pending.furnisher, index)
            self._check_note(pending, keys[pending.furnisher], index)
            draft.entries.append(entries.batch_entry(pending.hash))
            draft.first_indices[pending.admission] = index + 1
            for _ in range(pending.event_count):
                batch, commitment = next(commitments)
                assert batch == pending.admission, "commitments come in the order of the batches"
                draft.entries.append(entries.event_entry(commitment))

    def _keys_at(self, register: Register, furnisher: str, index: int) -> _Keys:
        known = [verifier for verifier, _ in register.verifiers(furnisher, index)]
        return _Keys(known, self.bureau.service.verifier in register.verifiers_in("service", index))

    def _check_note(self, pending: Pending, keys: _Keys, index: int) -> None:
        """Step 5: the batch's note is the one that its entry names, signed by one of these keys. RefusedError, for intake had
        seen to that.

        That it had, its receipt says, if it is ours to the byte and our key holds: signing it again costs a third of that.
        """
        batch = f"batch {pending.hash.hex()}"
        try:
            text, signatures = split(pending.note.encode())
        except FormatError as error:
            message = f"{batch} is stored with a damaged note: run `credence audit` ({error.detail})"
            raise RefusedError(message) from error
        if sha256(text).digest() != pending.hash:
            raise RefusedError(f"{batch} is stored with the note of another: run `credence audit`")
        key = signatures[0].name, signatures[0].key_id
        is_known = (
            [(verifier.name, verifier.key_id) for verifier in keys.known].count(key) == len(signatures) == 1
        )
        if not (is_known and keys.is_service_valid and self._is_our_receipt(pending)):
            _check_signature(pending, keys.known, index)

    def _is_our_receipt(self, pending: Pending) -> bool:
        """Whether we have signed this receipt of the batch."""
        receipt = pending.receipt.encode()
        about = f"{RECEIPT_MAGIC}\n{self.bureau.origin}\n{pending.hash.hex()}\n".encode()
        text = receipt[: receipt.rfind(b"\n\n") + 1]
        return text.startswith(about) and receipt == join(text, [self.bureau.service.sign_text(text)])

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
        tiles_of_trie = ((depth, prefix, data) for (depth, prefix), data in trie_tiles.items())
        with _feeder() as feeder:
            stored = feeder.submit(state.copy_trie_tiles, connection, draft.number, tiles_of_trie)
            hashes = [merkle.leaf_hash(entry) for entry in draft.entries]
            full, edge = log_edge.grow(memory.edge, memory.tree_size, draft.entries, hashes)
            stored.result()
        ledger.insert_tiles(connection, full)
        ledger.replace_edge(connection, edge)
        ledger.place(connection, draft.placed, draft.number)

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
    with _feeder() as feeder:
        stored = feeder.submit(_copy_accounts, connection, shares)
        changed = trie.update({key: leaf for share in shares for key, leaf in share.leaves.items()})
        stored.result()
    return changed


@contextmanager
def _feeder() -> Iterator[ThreadPoolExecutor]:
    """A thread that gives rows to the database while this one computes; the database takes them on another core."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(FEEDING_SWITCH_S)
    try:
        with ThreadPoolExecutor(1) as feeder:
            yield feeder
    finally:
        sys.setswitchinterval(interval_s)


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


def _check_signature(pending: Pending, known: list[Verifier], index: int) -> None:
    """That one of these keys has signed the batch's note."""
    try:
        open_note(pending.note.encode(), known)
    except SignatureError as error:
        message = (
            f"batch {pending.hash.hex()} is not signed by a key valid at index {index}: run `credence audit`"
        )
        raise RefusedError(message) from error
