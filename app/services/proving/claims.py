"""The further claims, made from the newest published block: see `app.core.proving.claims` for what each of them proves.

    history_of(bureau, citizen_id)          the citizen's own export, with everything shown
    event_of(bureau, log_index)             one event with its furnisher's signature
    absence_of(bureau, identifier)          there is no file for this citizen
    consistency_from(bureau, old_size)      the newest head holds the one of that size
    erasure_at(bureau, log_index)           a notice of destruction

Whoever calls decides who may have it: a history and an event are the citizen's own, an absence tells that there is no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from app.core.errors import ConflictError, DamagedError, NotFoundError
from app.core.log import merkle, notices
from app.core.log.entries import event_entry
from app.core.log.note import open_note
from app.core.log.register import Register
from app.core.proving.claims.absent import build_absent
from app.core.proving.claims.erasure import build_erasure
from app.core.proving.claims.event import EventPlace, build_event
from app.core.proving.claims.filed import filed_fields
from app.core.proving.claims.growth import build_consistency
from app.core.proving.claims.history import Part, build_history
from app.core.proving.claims.signer import SignerPlace
from app.core.state import sealing, trie, trie_tiles
from app.core.state.account_state import tree_leaf
from app.db import admission, ledger, people, state
from app.services.ledger.public_log import log_reader
from app.services.proving import proofs

if TYPE_CHECKING:
    from app.core.canon import JSON
    from app.core.log.note import Verifier
    from app.core.state.account_state import AccountState, Opaque
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person
    from app.services.proving.proofs import Snapshot


def history_of(bureau: Bureau, citizen_id: int) -> bytes:
    """All events of a citizen up to the newest published block. Raises NotFoundError while they are in none."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        citizen = people.citizen_by_id(connection, citizen_id)
        if citizen is None:
            raise NotFoundError("no such citizen")
        person, at = bureau.people.unwrap(citizen), proofs.snapshot(bureau, connection)
        opened = proofs.account_at(connection, person, at)
        score = proofs.build(connection, person, at, opened, proofs.SHOWN_TO_CITIZENS)
        return build_history(score, _parts(connection, person, at, opened[1]))


def _parts(connection: Connection, person: Person, at: Snapshot, opened: AccountState) -> list[Part]:
    opaque: dict[int, Opaque] = {part.position: part for part in opened.opaque}
    parts: list[Part] = []
    for row, index, block in state.events_of_citizens(connection, [person.id]):
        if index is None or block is None or block > at.block.number:
            continue
        own = opened.event_salt(person.salt_key, len(parts), index)
        gone = opaque.get(len(parts))
        if gone is None:
            if row.sealed is None:
                raise DamagedError("A stored event has no body.")
            parts.append(Part(own, index, sealing.unseal(person.data_key, row.sealed)))
        else:
            leaf = merkle.leaf_hash(event_entry(row.commitment))
            parts.append(Part(own, index, b"", leaf, gone.reason, gone.day))
    return parts


def event_of(bureau: Bureau, log_index: int, citizen_id: int | None = None) -> bytes:
    """One event with its furnisher's signature and its place in its citizen's file. Raises NotFoundError when no readable
    event of a block stands there, or none of that citizen's, when one is named.
    """
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        at = proofs.snapshot(bureau, connection)
        found = state.event_at(connection, log_index)
        batch = None if found is None else BatchPlace.read(connection, log_index, found[1], at)
        if found is None or batch is None or log_index >= at.block.tree_size:
            raise NotFoundError(
                f"there is no event at log index {log_index} in a published block", code="no-event"
            )
        if citizen_id not in (None, found[0].citizen):
            raise NotFoundError(f"there is no event of yours at log index {log_index}", code="no-event")
        return EventClaims(bureau, connection, at, batch).of(log_index, found[0])


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """A batch in the log: its entry's index and path, its events' leaves, and whose key signed it."""

    first_index: int
    note: str
    count: int
    leaves: merkle.LeafReader
    entry_path: list[bytes]
    signer: SignerPlace

    @classmethod
    def read(cls, connection: Connection, log_index: int, furnisher: str, at: Snapshot) -> Self | None:
        """The batch around an event at a log index; None when there is none in a block."""
        batch = state.batch_around(connection, log_index)
        if batch is None or log_index >= at.block.tree_size:
            return None
        first_index, note, commitments = batch
        size = at.block.tree_size
        return cls(
            first_index,
            note,
            len(commitments),
            merkle.LeafReader([merkle.leaf_hash(event_entry(commitment)) for commitment in commitments]),
            merkle.inclusion_proof(first_index, size, log_reader(connection, size)),
            _signer(register_at(connection, size), furnisher, first_index, note),
        )


class EventClaims:
    """Makes the claims of events of one batch; what a citizen's events share is worked out once."""

    def __init__(self, bureau: Bureau, connection: Connection, at: Snapshot, batch: BatchPlace) -> None:
        self._bureau, self._connection, self._at, self._batch = bureau, connection, at, batch
        self._files: dict[int, tuple[bytes, dict[int, bytes], merkle.LeafReader]] = {}

    def of(self, log_index: int, event: state.LoadedEvent) -> bytes:
        """The proof of one. NotFoundError when its plaintext was destroyed."""
        batch, at = self._batch, self._at
        citizen = people.citizen_by_id(self._connection, event.citizen)
        if citizen is None or event.sealed is None:
            raise NotFoundError(
                f"the plaintext of the event at log index {log_index} was destroyed", code="destroyed"
            )
        person = self._bureau.people.unwrap(citizen)
        size, position = at.block.tree_size, log_index - batch.first_index - 1
        place = EventPlace(
            line=sealing.unseal(person.data_key, event.sealed),
            index=log_index,
            note=batch.note.encode(),
            position=position,
            batch_path=merkle.inclusion_proof(position, batch.count, batch.leaves),
            path=merkle.inclusion_proof(log_index, size, log_reader(self._connection, size)),
            batch_entry_path=batch.entry_path,
        )
        filed = self._filed(person, log_index)
        return build_event(place, batch.signer, block_json=at.block.entry, tlog=at.tlog, filed=filed)

    def _filed(self, person: Person, log_index: int) -> dict[str, JSON]:
        if person.id not in self._files:
            self._files[person.id] = self._file(person)
        proof, salts, leaves = self._files[person.id]
        position = list(salts).index(log_index)
        path = merkle.inclusion_proof(position, len(salts), leaves)
        return filed_fields(proof, salts[log_index], position, path)

    def _file(self, person: Person) -> tuple[bytes, dict[int, bytes], merkle.LeafReader]:
        """(score proof that shows the history, log index -> salt of each event in order, the citizen tree's leaves)."""
        connection, at = self._connection, self._at
        opened = proofs.account_at(connection, person, at)
        proof = proofs.build(connection, person, at, opened, ("history", "score"))
        placed = [
            (index, merkle.leaf_hash(event_entry(row.commitment)))
            for row, index, block in state.events_of_citizens(connection, [person.id])
            if index is not None and block is not None and block <= at.block.number
        ]
        salts = {
            index: opened[1].event_salt(person.salt_key, position, index)
            for position, (index, _) in enumerate(placed)
        }
        leaves = [tree_leaf(salts[index], index, leaf) for index, leaf in placed]
        return proof, salts, merkle.LeafReader(leaves)


def register_at(connection: Connection, tree_size: int) -> Register:
    """The register as a block sees it: of the notices before it."""
    placed = [
        (index, notices.decode(payload))
        for _, payload, index in admission.all_notices(connection)
        if index is not None and index < tree_size
    ]
    return Register.fold(sorted(placed, key=lambda pair: pair[0]))


def _signer(register: Register, furnisher: str, batch_index: int, note: str) -> SignerPlace:
    """The record of the key that signed a batch, with its place among all."""
    for record in register.records():
        if record.name == furnisher and record.holds_at(batch_index) and _signed_by(note, record.verifier):
            return SignerPlace.of(register, record)
    raise DamagedError("No registered key signed this batch.")


def _signed_by(note: str, verifier: Verifier) -> bool:
    return any(good.verifier == verifier for good in open_note(note.encode(), [verifier]).verified)


def absence_of(bureau: Bureau, identifier: str) -> bytes:
    """There is no file for this citizen. Raises ConflictError when there is one."""
    key, vrf_proof = bureau.people.keyring.proven_key_of(identifier)
    with bureau.transaction() as connection:
        at = proofs.snapshot(bureau, connection)
        depth = 0
        while True:
            wanted = trie_tiles.tile_ids(key, depth)
            stored = state.trie_tiles(connection, wanted, at.block.number)
            if len(stored) < len(wanted):
                break
            depth += trie_tiles.LEVELS
        way = trie_tiles.descend({tile: data for tile, (_, data) in stored.items()}, key)
        values: dict[bytes, bytes] = {}
        if not way.is_empty:
            (rows,) = state.page_leaves(connection, [(way.first_key, way.last_key)], at.block.number)
            values = dict(rows)
        path = way.finish([(each, trie.leaf_hash(each, value)) for each, value in sorted(values.items())])
    if path.reaches(key):
        raise ConflictError("there is a file for this citizen", code="file-exists")
    other = None if path.end is None else (path.end[0], values[path.end[0]])
    return build_absent(
        key=key,
        vrf_proof=vrf_proof,
        way=trie.NonMembership(path.siblings, other),
        block_json=at.block.entry,
        tlog=at.tlog,
    )


def consistency_from(bureau: Bureau, old_size: int) -> bytes:
    """The newest head holds the one of `old_size`. Raises NotFoundError when no published block has that size."""
    with bureau.transaction() as connection:
        at = proofs.snapshot(bureau, connection)
        old = ledger.block_by_size(connection, old_size)
        published = None if old is None else ledger.publication(connection, old.number)
        newest = ledger.publication(connection, at.block.number)
        if published is None or newest is None or old_size > at.block.tree_size:
            raise NotFoundError(f"no published head has {old_size} entries", code="no-checkpoint")
        size = at.block.tree_size
        hashes = (
            merkle.consistency_proof(old_size, size, log_reader(connection, size)) if old_size < size else []
        )
        return build_consistency(published.encode(), newest.encode(), hashes)


def erasure_at(bureau: Bureau, log_index: int) -> bytes:
    """The notice of destruction at a log index. Raises NotFoundError when there is none in a published block."""
    with bureau.transaction() as connection:
        at = proofs.snapshot(bureau, connection)
        announced = admission.notices_with(connection, b'"notice":"destroyed"')
        found = next((payload for _, payload, index in announced if index == log_index), None)
        notice = None if found is None else notices.decode(found)
        if not isinstance(notice, notices.Destroyed) or log_index >= at.block.tree_size:
            raise NotFoundError(
                f"there is no notice of destruction at log index {log_index}", code="no-notice"
            )
        path = merkle.inclusion_proof(
            log_index, at.block.tree_size, log_reader(connection, at.block.tree_size)
        )
        return build_erasure(notice, log_index, path, block_json=at.block.entry, tlog=at.tlog)
