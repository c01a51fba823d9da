"""The log, replayed: entries against what was admitted, tiles against entries, blocks and signatures against both.

Block by block it puts together the entries that the admissions give (batch hash, commitments, notices, the block itself)
and compares them with the stored bundles, byte for byte; hashes them into tiles and compares those; and checks every
signature at its index. It holds one block at a time.
"""

from __future__ import annotations

import base64
import datetime as dt
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec import Struct

from app.core import batch as batches
from app.core import checkpoint, entries, fields, log_edge, merkle, notices, tiles
from app.core.block import NO_PREVIOUS, Block
from app.core.errors import CredenceError
from app.core.note import Verifier, open_note
from app.core.profiles import PROFILES, rules_hash
from app.core.receipt import Receipt
from app.core.register import Register
from app.services.audit.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.services.audit.source import AdmissionRecord, BlockRecord, Source


class BatchFacts(Struct, frozen=True):
    """What the replay of citizens has to know of a batch."""

    furnisher: str
    first_event_index: int
    block: int
    admission_day: str
    event_count: int
    roles: tuple[str, ...]


class BlockFacts(Struct, frozen=True):
    """What the replay of citizens and of the trie has to know of a block."""

    number: int
    day: str
    scorecard: bytes
    state: bytes
    accounts: int


class LogReplay:
    """Replays the log of a source. `findings`, `batches`, `blocks` and `documents` are what comes out."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.genesis = source.genesis()
        self.findings: list[Finding] = []
        self.batches: dict[int, BatchFacts] = {}
        self.blocks: list[BlockFacts] = []
        self.documents: dict[bytes, bytes] = {}
        self.notice_count = 0
        self.tile_count = 0
        self._ledger_key = Verifier.parse(self.genesis.vkey)
        self._notices: list[tuple[int, notices.Notice]] = []
        self._register: Register | None = None
        self._size = 0
        self._edge: dict[int, tuple[int, bytes]] = {}
        self._frontier = merkle.Frontier()
        self._previous: Block | None = None
        self._scorecard = b""
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    def run(self, advance: Callable[[int], None]) -> None:
        """Replay everything; `advance` is told how many events each step covered."""
        self._check_documents()
        last = -1
        while page := self.source.blocks(last):
            for block in page:
                if block.number != last + 1:
                    self._found(
                        "blocks", f"block {last + 1}", f"missing; block {block.number} follows block {last}"
                    )
                last = block.number
                advance(self._replay_block(block))
        self._check_edge()
        self._check_head()

    def _found(self, table: str, place: str, what: str) -> None:
        self.findings.append(Finding(table, place, what))

    def _replay_block(self, stored: BlockRecord) -> int:
        admissions = self.source.admissions(stored.number)
        expected: list[tuple[bytes, str, str]] = []
        events = 0
        for admission in admissions:
            events += self._expect(admission, stored, expected)
        expected.append((entries.block_entry(stored.entry), "blocks", f"block {stored.number}"))
        if self._size + len(expected) != stored.tree_size:
            what = f"tree_size is {stored.tree_size:,}, its entries end at {self._size + len(expected):,}"
            self._found("blocks", f"block {stored.number}", what)
        actual = self._compare_entries(expected)
        self._grow(actual)
        self._check_block(stored)
        return events

    def _expect(
        self, record: AdmissionRecord, block: BlockRecord, expected: list[tuple[bytes, str, str]]
    ) -> int:
        """The entries that an admission gives, appended to `expected`; how many events that were."""
        index = self._size + len(expected)
        place = f"admission {record.admission}"
        if record.first_index != index:
            self._found(
                "placements",
                place,
                f"first_index is {record.first_index:,}, its place in the log is {index:,}",
            )
        if record.payload is not None:
            expected.append((entries.notice_entry(record.payload), "notices", f"notice {record.admission}"))
            self._take_notice(record, index)
            return 0
        if record.hash is None:
            self._found("placements", place, "neither a batch nor a notice of this id is stored")
            return 0
        expected.append((entries.batch_entry(record.hash), "batches", f"batch {record.admission}"))
        commitments = self.source.commitments(record.admission)
        for position, commitment in commitments:
            expected.append((b"\x01" + commitment, "events", f"batch {record.admission} position {position}"))
        self._take_batch(record, block, index, [commitment for _, commitment in commitments])
        return len(commitments)

    def _take_notice(self, record: AdmissionRecord, index: int) -> None:
        self.notice_count += 1
        assert record.payload is not None
        try:
            notice = notices.decode(record.payload)
            self._register = Register.fold([(index, notice)], after=self._register)
        except CredenceError as error:
            self._found("notices", f"notice {record.admission}", error.detail)
            return
        self._notices.append((index, notice))
        if isinstance(notice, notices.ScorecardPublished):
            self._scorecard = fields.hex32(notice.scorecard)
        if isinstance(notice, notices.Genesis) and notice != self.genesis:
            self._found(
                "notices",
                f"notice {record.admission}",
                "the genesis is not the one this audit was started with",
            )

    def _take_batch(
        self, record: AdmissionRecord, block: BlockRecord, index: int, commitments: list[bytes]
    ) -> None:
        """The batch's note, signature, root, receipt (R4)."""
        place = f"batch {record.admission}"
        facts = BatchFacts(record.furnisher or "", index + 1, block.number, "", len(commitments), ())
        self.batches[record.admission] = facts
        try:
            roles = self._check_note(record, index, commitments)
        except CredenceError as error:
            self._found("batches", place, error.detail)
            return
        try:
            admitted_at = self._check_receipt(record, block, index)
        except CredenceError as error:
            self._found("batches", place, f"the receipt: {error.detail}")
            return
        local = admitted_at + dt.timedelta(minutes=self.genesis.utc_offset_minutes)
        day = fields.format_day(local.date())
        self.batches[record.admission] = BatchFacts(
            facts.furnisher, index + 1, block.number, day, len(commitments), tuple(sorted(roles))
        )

    def _check_note(self, record: AdmissionRecord, index: int, commitments: list[bytes]) -> set[str]:
        register = self._register
        known = register.verifiers(record.furnisher or "", index) if register is not None else []
        opened = open_note((record.note or "").encode(), [verifier for verifier, _ in known])
        if not opened.verified:
            raise CredenceError(
                f"not signed by a key of {record.furnisher!r} that was valid at index {index:,} (R4)"
            )
        header = batches.BatchNote.parse(opened.text)
        root = merkle.root([merkle.leaf_hash(b"\x01" + commitment) for commitment in commitments])
        said = (header.origin, header.furnisher, header.batch_id, header.count, header.root)
        stored = (self.genesis.origin, record.furnisher, record.batch_id, record.event_count, root)
        for name, in_note, in_rows in zip(
            ("origin", "furnisher", "batch_id", "event_count", "root"), said, stored, strict=True
        ):
            if in_note != in_rows:
                raise CredenceError(
                    f"{name} is {_shown(in_rows)} in the rows and {_shown(in_note)} in the signed note"
                )
        if header.count != len(commitments):
            raise CredenceError(f"the note speaks of {header.count} events, {len(commitments)} are stored")
        if sha256(opened.text).digest() != record.hash:
            raise CredenceError("hash is not that of the note's text")
        used = {signature.verifier.encode() for signature in opened.verified}
        return {role for verifier, roles in known if verifier.encode() in used for role in roles}

    def _check_receipt(self, record: AdmissionRecord, block: BlockRecord, index: int) -> dt.datetime:
        assert self._register is not None
        services = [v for v, roles in self._register.verifiers("service", index) if "service" in roles]
        note = (record.receipt or "").encode()
        if not open_note(note, services).verified:
            raise CredenceError("not signed by a valid service key")
        receipt = Receipt.verify(note, services)
        if (receipt.origin, receipt.batch_hash, receipt.count) != (
            self.genesis.origin,
            record.hash,
            record.event_count,
        ):
            raise CredenceError("it is for another batch")
        if Block.parse(block.entry).time > receipt.block_by:
            raise CredenceError(
                f"promised a block by {fields.format_instant(receipt.block_by)}, which came later"
            )
        return receipt.admitted_at

    def _compare_entries(self, expected: list[tuple[bytes, str, str]]) -> list[bytes]:
        """What the bundles hold where `expected` should stand; differences are findings, what is stored goes on."""
        actual = list(self._stored_entries(self._size, self._size + len(expected)))
        for offset, (wanted, stored) in enumerate(zip_longest(expected, actual)):
            index = self._size + offset
            if wanted is None or wanted[0] == stored:
                continue
            _, table, place = wanted
            if stored is None:
                self._found(
                    "tiles", f"entries, log index {index:,}", f"missing; {table} {place} should stand there"
                )
            else:
                bundle = f"entries {index // tiles.TILE_WIDTH}, log index {index:,}"
                self._found(
                    "tiles", bundle, f"is not what {table} ({place}) gives; one of the two was changed"
                )
        return actual

    def _stored_entries(self, first: int, stop: int) -> Iterator[bytes]:
        while first < stop:
            index, offset = divmod(first, tiles.TILE_WIDTH)
            if self._bundle[0] != index:
                self._bundle = (index, self._read_bundle(index))
            part = self._bundle[1][offset : offset + stop - first]
            if not part:
                return
            yield from part
            first += len(part)

    def _read_bundle(self, index: int) -> list[bytes]:
        rows = self.source.tiles(tiles.ENTRIES, index, index + 1)
        if not rows:
            return []
        data, parsed, at = rows[0][1], [], 0
        while at + 2 <= len(data):  # leniently: a damaged length is a finding, not the end of the audit
            length = int.from_bytes(data[at : at + 2], "big")
            parsed.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        return parsed

    def _grow(self, actual: list[bytes]) -> None:
        hashes = [merkle.leaf_hash(entry) for entry in actual]
        full, self._edge = log_edge.grow(self._edge, self._size, actual, hashes)
        by_level: dict[int, dict[int, bytes]] = {}
        for level, index, data in full:
            by_level.setdefault(level, {})[index] = data
        for level, wanted in sorted(by_level.items()):
            self.tile_count += len(wanted)
            stored = dict(self.source.tiles(level, min(wanted), max(wanted) + 1))
            for index, data in wanted.items():
                if stored.get(index) != data:
                    name = "entries" if level == tiles.ENTRIES else f"level {level}"
                    self._found(
                        "tiles",
                        f"{name}, tile {index}",
                        "is missing" if index not in stored else "does not follow from the entries",
                    )
        self._frontier = self._frontier.append_many(hashes)
        self._size += len(actual)

    def _check_block(self, stored: BlockRecord) -> None:
        place = f"block {stored.number}"
        try:
            block = Block.parse(stored.entry)
        except CredenceError as error:
            self._found("blocks", place, f"entry: {error.detail}")
            return
        self.blocks.append(
            BlockFacts(
                block.number, fields.format_day(block.as_of), block.scorecard, block.state, block.accounts
            )
        )
        previous, before = NO_PREVIOUS, self._previous
        if before is not None:
            previous = before.leaf_hash()
            if block.time < before.time or block.as_of < before.as_of:
                self._found("blocks", place, "time or as_of goes back")
        self._previous = block
        local = (block.time + dt.timedelta(minutes=self.genesis.utc_offset_minutes)).date()
        for name, said, should in (
            ("number", stored.number, block.number),
            ("previous", block.previous, previous),
            ("as_of", block.as_of, max(local, before.as_of) if before else local),
            ("root", stored.root, self._frontier.root()),
            ("keys", block.keys, self._register.root() if self._register else b""),
            ("rules", block.rules, rules_hash(PROFILES[self.genesis.profile])),
            ("scorecard", block.scorecard, self._scorecard),
            ("vrf", block.vrf.hex(), self.genesis.vrf),
        ):
            if said != should:
                self._found("blocks", place, f"{name} is {_shown(said)}, and {_shown(should)} by the replay")
        if block.scorecard not in self.documents:
            self._found("documents", place, f"the scorecard {block.scorecard.hex()} is not stored")
        self._check_checkpoint("blocks", place, stored.checkpoint)
        if stored.published is None:
            self._found("publications", place, "was never published")
        else:
            self._check_checkpoint("publications", place, stored.published)

    def _check_checkpoint(self, table: str, place: str, note: str) -> None:
        try:
            head = checkpoint.open_checkpoint(note.encode(), self._ledger_key).checkpoint
        except CredenceError as error:
            self._found(table, place, f"checkpoint: {error.detail}")
            return
        wanted = checkpoint.Checkpoint(self.genesis.origin, self._size, self._frontier.root())
        if head != wanted:
            signed = f"{head.size:,} entries with root {_shown(head.root)}"
            replayed = f"{wanted.size:,} with {_shown(wanted.root)}"
            self._found(table, place, f"checkpoint: signs {signed}, the replay gives {replayed}")

    def _check_documents(self) -> None:
        for digest, body in self.source.documents():
            if sha256(body).digest() != digest:
                self._found("documents", digest.hex(), "the body has another hash")
            self.documents[digest] = body

    def _check_edge(self) -> None:
        stored = self.source.edge()
        for level in sorted(stored.keys() | self._edge.keys()):
            if stored.get(level) != self._edge.get(level):
                name = "entries" if level == tiles.ENTRIES else f"level {level}"
                self._found("log_edge", name, "the partial tile does not follow from the entries")

    def _check_head(self) -> None:
        note = self.source.head()
        if note is None:
            return
        try:
            head = checkpoint.open_checkpoint(note, self._ledger_key).checkpoint
        except CredenceError as error:
            self._found("head", "the copy outside the database", error.detail)
            return
        if (head.size, head.root) != (self._size, self._frontier.root()):
            self._found(
                "head",
                "the copy outside the database",
                f"is of {head.size:,} entries, the database has {self._size:,}",
            )


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) == 32 else base64.b64encode(value).decode()
    return str(value)
