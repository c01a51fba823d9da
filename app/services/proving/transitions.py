"""Transition proofs, made from the database: how a block follows from the one before, for an auditor who keeps nothing else.

What a block wrote is all there while nobody destroys it: old account versions, the tiles of the trie as of every block,
bodies, salts by their keys. A later block that destroys something of a citizen takes the citizen's older versions with it
(R11), and then no transition that they are in can be made any more; whoever follows block by block has had it by then.

    for line in transition(bureau, 17): ...

Source: docs/formats.md, section 17.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.core.errors import DamagedError, NotFoundError
from app.core.fields import format_hex32
from app.core.log import entries, merkle, notices
from app.core.log.block import Block
from app.core.proving.transition import form
from app.core.reporting.events import decode_stored
from app.core.scoring.repairs import touches_repair
from app.core.state import account, account_state, sealing, trie_multiproof, trie_tiles
from app.core.state.trie import EMPTY
from app.db import auditing, ledger, state, transitions
from app.services.ledger.audit.records import AdmissionRecord
from app.services.proving.trie_reader import depth_max

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.db.session import Connection
    from app.db.state import LoadedEvent
    from app.services.bureau import Bureau

CITIZENS_AT_ONCE = 500
_NO_TRIE = trie_multiproof.StoredTrie([], {})


class _At(NamedTuple):
    """A block in the making of its transition; `first_indices`: batch -> log index of its first event."""

    number: int
    first_indices: dict[int, int]
    doomed: frozenset[int]
    wrap_key: bytes


class _Opened(NamedTuple):
    """An account of the block, opened."""

    row: transitions.Rewritten
    keys: sealing.CitizenKeys
    new: account_state.AccountState
    events: list[tuple[int, bytes]]

    @property
    def needs_history(self) -> bool:
        """Whether the account is folded from the start: something of it is destroyed, or repaired."""
        if self.new.replaced is not None:
            return True
        if self.row.old_block is None:
            return False
        return any(touches_repair(decode_stored(line)) for _, line in self.events)


def transition(bureau: Bureau, number: int) -> Iterator[bytes]:
    """The lines of the transition to a published block.

    NotFoundError when there is no such block yet, and with code `destroyed` when it cannot be opened any more; both
    before the first line.
    """
    with bureau.moment() as connection:
        block = ledger.block_by_number(connection, number)
        checkpoint = ledger.publication(connection, number)
        if block is None or checkpoint is None:
            raise NotFoundError(f"block {number} was not published yet", code="not-yet")
        if transitions.is_destroyed(connection, number):
            message = (
                f"a later block destroyed what accounts of block {number} were (R11), so how they came about cannot be"
                " shown any more: follow the blocks as they are made"
            )
            raise NotFoundError(message, code="destroyed")
        admitted = [AdmissionRecord(*row) for row in auditing.placed(connection, number)]
        at = _place(bureau, number, admitted)
        keys = transitions.written_keys(connection, number)
        yield form.encode(_head(connection, block, checkpoint, admitted, keys))
        events = _events(connection, at)
        rows = transitions.rewritten(connection, number)
        while page := list(islice(rows, CITIZENS_AT_ONCE)):
            yield from _lines(connection, at, [_open(at, row, events.pop(row.citizen, [])) for row in page])


def _place(bureau: Bureau, number: int, admitted: Sequence[AdmissionRecord]) -> _At:
    first_indices: dict[int, int] = {}
    doomed: set[int] = set()
    for record in admitted:
        if record.payload is None:
            assert record.first_index is not None, "what a block took in has its place"
            first_indices[record.admission] = record.first_index + 1
            continue
        notice = notices.decode(record.payload)
        doomed.update(notice.entries if isinstance(notice, notices.Destroyed) else ())
    return _At(number, first_indices, frozenset(doomed), bureau.people.wrap_key)


# ---- the head


def _head(
    connection: Connection,
    block: ledger.StoredBlock,
    checkpoint: str,
    admitted: Sequence[AdmissionRecord],
    keys: Sequence[bytes],
) -> form.Head:
    stored = ledger.block_by_number(connection, block.number - 1)
    before, parsed = None if stored is None else Block.parse(stored.entry), Block.parse(block.entry)
    card = b""
    if before is None or before.scorecard != parsed.scorecard:
        card = ledger.document(connection, parsed.scorecard) or b""
    return form.Head(
        v=1,
        block=block.number,
        admissions=_admissions(connection, admitted),
        entry=block.entry,
        checkpoint=checkpoint,
        trie=_multiproof(connection, before, keys),
        accounts=len(keys),
        card=card,
    )


def _admissions(connection: Connection, admitted: Sequence[AdmissionRecord]) -> list[form.Admission]:
    commitments: dict[int, list[bytes]] = defaultdict(list)
    batches = [record.admission for record in admitted if record.payload is None]
    for batch, commitment in ledger.commitments(connection, batches):
        commitments[batch].append(commitment)
    made = []
    for record in admitted:
        if record.payload is not None:
            made.append(form.Admission(notice=record.payload))
        else:
            assert record.note is not None and record.receipt is not None, "a batch has both"  # noqa: PT018
            joined = b"".join(commitments[record.admission])
            made.append(form.Admission(note=record.note, receipt=record.receipt, commitments=joined))
    return made


def _multiproof(connection: Connection, before: Block | None, keys: Sequence[bytes]) -> bytes:
    """The keys' ways in the trie of a block, from its tiles and the leaves of the pages that they lead to."""
    if before is None or not keys:
        root = EMPTY if before is None else before.state
        return trie_multiproof.build_untouched(root) if not keys else trie_multiproof.build(_NO_TRIE, keys)
    block, deepest = before.number, depth_max(before.accounts)
    wanted = list({tile for key in keys for tile in trie_tiles.tile_ids(key, deepest)})
    tiles = {tile: data for tile, (_, data) in state.trie_tiles(connection, wanted, block).items()}
    ways = [trie_tiles.descend(tiles, key) for key in keys]
    pages = sorted({(way.first_key, way.last_key) for way in ways if not way.is_empty})
    leaves = [leaf for page in state.page_leaves(connection, pages, block) for leaf in page]
    return trie_multiproof.build(trie_multiproof.StoredTrie(leaves, tiles), keys)


# ---- the accounts


def _events(connection: Connection, at: _At) -> dict[int, list[LoadedEvent]]:
    """The events that the block brings, by citizen, in the order of the log."""
    rows = state.events_of_batches(connection, list(at.first_indices), 0, 1)
    return {citizen: list(group) for citizen, group in groupby(rows, key=lambda row: row.citizen)}


def _open(at: _At, row: transitions.Rewritten, events: Sequence[LoadedEvent]) -> _Opened:
    if row.sealed is None:
        raise DamagedError(f"The account {row.key.hex()} is missing.")
    keys = sealing.unwrap(at.wrap_key, row.citizen, row.key, row.wrapped)
    new = sealing.read(keys.data_key, row.sealed, account_state.decode)
    lines = []
    for event in events:
        if event.sealed is None:
            raise DamagedError(f"An event of the account {row.key.hex()} is missing.")
        index = at.first_indices[event.batch] + event.position
        lines.append((index, sealing.unseal(keys.data_key, event.sealed)))
    return _Opened(row, keys, new, lines)


def _lines(connection: Connection, at: _At, page: Sequence[_Opened]) -> Iterator[bytes]:
    folded_anew = {opened.row.citizen: opened for opened in page if opened.needs_history}
    histories: dict[int, list[tuple[int, LoadedEvent]]] = {citizen: [] for citizen in folded_anew}
    if folded_anew:
        for row, index, block in state.events_of_citizens(connection, list(folded_anew)):
            if index is not None and block is not None and block < at.number:
                histories[row.citizen].append((index, row))
    for opened in page:
        history = histories.get(opened.row.citizen)
        yield form.encode(_account(at, opened, history))


def _account(at: _At, opened: _Opened, history: Sequence[tuple[int, LoadedEvent]] | None) -> form.Account:
    row, keys, new = opened.row, opened.keys, opened.new
    salts = account.salts(keys.salt_key, at.number)
    kept = bytes.fromhex(new.salts)
    disclosures = account.disclosures_of_json(salts, new.values())
    event_salts = account.event_salts(keys.salt_key, [index for index, _ in opened.events])
    record = form.Account(
        key=row.key,
        salts=salts,
        digests=[account.digest(each) for each in disclosures],
        events=[
            (index, salt, msgspec.Raw(line))
            for salt, (index, line) in zip(event_salts, opened.events, strict=True)
        ],
        old_salts=_old_salts(row, keys, new),
        history=None
        if history is None
        else [
            (index, account_state.event_salt(keys.salt_key, kept, position, index), _shown(keys, event))
            for position, (index, event) in enumerate(history)
        ],
        vrf=row.vrf_proof if opened.events else b"",
    )
    if new.replaced is not None:
        place = {position: index for position, (index, _) in enumerate(history or ())}
        before = [part for part in new.opaque if place[part.position] not in at.doomed]
        return msgspec.structs.replace(record, replaced=new.replaced, opaque=before)
    if row.old_block is None:
        return record
    if row.old_sealed is None:
        raise DamagedError(f"The account {row.key.hex()} before block {at.number} is missing.")
    return msgspec.structs.replace(record, old=msgspec.Raw(sealing.unseal(keys.data_key, row.old_sealed)))


def _old_salts(
    row: transitions.Rewritten, keys: sealing.CitizenKeys, new: account_state.AccountState
) -> list[bytes]:
    """The five salts of the version before. Of one that went with its salt key, the two that are needed, and zeros."""
    if row.old_block is None:
        return []
    if new.replaced is not None and new.replaced.salts:
        kept = bytes.fromhex(new.replaced.salts)
        return [kept[:32], kept[32:], bytes(32), bytes(32), bytes(32)]
    return account.salts(keys.salt_key, row.old_block)


def _shown(keys: sealing.CitizenKeys, event: LoadedEvent) -> msgspec.Raw:
    """An earlier event: its line, or the leaf hash of what was destroyed."""
    if event.sealed is not None:
        return msgspec.Raw(sealing.unseal(keys.data_key, event.sealed))
    leaf = merkle.leaf_hash(entries.event_entry(event.commitment))
    return msgspec.Raw(f'"{format_hex32(leaf)}"'.encode())
