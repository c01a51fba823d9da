"""The public log read from its first entry, in constant memory, in search of one batch: for its furnisher, or for a bank that
has the receipt of an answer and wants to see that the ledger remembers it (its commitments are then that answer's alone).

    search = LogSearch(batch_hash, commitments)
    for bundle in bundles: search.take(bundle)
    search.root == checkpoint.root                 these are the entries that the head commits to
    search.index                                   where the batch stands, None when it is not in this log
    search.keys_beside(name, own)                  who else may sign for its furnisher
    search.overdue(receipt, note, checkpoint)      when it is not, and the receipt's time is over: a file that says so

Nothing here takes anybody's word: whoever holds the batch, its receipt and a signed head needs no answer of the bureau's but
the log itself.

Source: docs/formats.md sections 3, 4 and 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import FormatError, ProofError, SignatureError
from app.core.log import merkle, notices
from app.core.log.block import Block
from app.core.log.entries import BATCH, BLOCK, NOTICE, batch_entry, event_entry, parse_entry
from app.core.log.merkle import Frontier
from app.core.log.note import open_single
from app.core.log.register import Register
from app.core.log.tlogproof import TlogProof
from app.core.proving.claims.overdue import ROLE, build_overdue
from app.core.proving.claims.signer import SignerPlace
from app.core.reporting.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.note import Verifier
    from app.core.log.register import KeyRecord


class LogSearch:
    """What was found so far. `block` is the block that took the batch in; `destroyed` all entries that notices name."""

    def __init__(self, batch_hash: bytes, commitments: Sequence[bytes]) -> None:
        self.index: int | None = None
        self.block: Block | None = None
        self.newest: Block | None = None
        self.destroyed: set[int] = set()
        self._sought = batch_entry(batch_hash)
        self._events = [event_entry(each) for each in commitments]
        self._frontier = Frontier()
        self._before_last = Frontier()
        self._last = b""
        self._register = Register.fold(())

    @property
    def size(self) -> int:
        """How many entries were read."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """The root over them."""
        return self._frontier.root()

    def take(self, entries: Sequence[bytes]) -> None:
        """The next entries, one or more. FormatError, RuleError for what no log holds; ProofError when something else than
        its events follows the batch.
        """
        for index, entry in enumerate(entries, self.size):
            kind, payload = parse_entry(entry)
            if self.index is not None and self.index < index <= self.index + len(self._events):
                if entry != self._events[index - self.index - 1]:
                    raise ProofError(
                        f"the entry at log index {index:,} is not the event that the batch has there"
                    )
            elif kind == BATCH and entry == self._sought:
                self.index = index
            elif kind == BLOCK:
                self.newest = Block.parse(payload)
                if self.index is not None and self.block is None:
                    self.block = self.newest
            elif kind == NOTICE:
                self._notice(index, payload)
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        self._before_last = self._frontier.append_many(leaves[:-1])
        self._frontier = self._before_last.append_many(leaves[-1:])
        self._last = entries[-1]

    def _notice(self, index: int, payload: bytes) -> None:
        notice = notices.decode(payload)
        if isinstance(notice, notices.Destroyed):
            self.destroyed.update(notice.entries)
        self._register = Register.fold([(index, notice)], after=self._register if index else None)

    def receipt(self, note: bytes) -> tuple[Receipt, KeyRecord]:
        """A receipt with the record of the service key that signed it. FormatError, SignatureError."""
        for record in self._register.records():
            if record.role == ROLE:
                try:
                    opened = open_single(note, record.verifier)
                except SignatureError:
                    continue
                return Receipt.parse(opened.text), record
        raise SignatureError("no service key of this ledger has signed the receipt", code="unknown-key")

    def keys_beside(self, name: str, own: Verifier) -> list[KeyRecord]:
        """The keys that are valid for a name now, and are not the one that is known to be its own."""
        return [record for record in self._register.current(name) if record.verifier != own]

    def overdue(self, note: bytes, checkpoint: bytes) -> bytes | None:
        """The proof that the receipt's time is over at the newest block; None when the batch is there, or it is not.

        `checkpoint` is the signed head of the entries read.
        """
        receipt, record = self.receipt(note)
        if self.newest is None or parse_entry(self._last)[0] != BLOCK:
            raise FormatError("the last entry of this log is not a block")
        if self.index is not None or self.newest.time <= receipt.block_by:
            return None
        tlog = TlogProof(self.size - 1, tuple(self._before_last.next_leaf_proof()), checkpoint)
        signer = SignerPlace.of(self._register, record)
        return build_overdue(note, signer, block_json=self.newest.encode(), tlog=tlog.encode())
