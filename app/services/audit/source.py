"""Where an audit reads: the rows of a ledger as records, opened where the reader has the keys.

`DatabaseSource` reads a database with the keys of its home. `app.services.audit.remote` reads the same records from a
running service, with a regulator's key. The audit itself does not know which of them it is looking at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from app.core import notices, sealing
from app.core.errors import CredenceError
from app.db import auditing, ledger

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from uuid import UUID

    from app.services.bureau import Bureau


class BlockRecord(Struct, frozen=True):
    """A block as stored; `published` is the checkpoint that readers get, None while unpublished."""

    number: int
    tree_size: int
    root: bytes
    entry: bytes
    checkpoint: str
    published: str | None


class AdmissionRecord(Struct, frozen=True):
    """A placed batch or notice. A row that is missing leaves `hash` and `payload` None."""

    admission: int
    first_index: int
    furnisher: str | None
    batch_id: str | None
    hash: bytes | None
    event_count: int | None
    note: str | None
    receipt: str | None
    payload: bytes | None


class EventRecord(Struct, frozen=True):
    """One event; `line` is None when its body is missing or does not open (`why` says which)."""

    batch: int
    position: int
    furnisher: str
    event_id: str
    commitment: bytes
    line: bytes | None
    why: str = ""


class VersionRecord(Struct, frozen=True):
    """One account version; `state` is None when its body is missing or does not open."""

    block: int
    value: bytes
    until: str
    state: bytes | None
    why: str = ""


class CitizenRecord(Struct, frozen=True):
    """One citizen with everything of theirs; `salt_key` is None when the wrapped keys are missing or do not open."""

    id: int
    key: bytes
    vrf_proof: bytes
    salt_key: bytes | None
    why: str
    events: list[EventRecord]
    versions: list[VersionRecord]


class Source(Protocol):
    """What an audit needs to read. Pages are ascending; an empty one is the end."""

    def genesis(self) -> notices.Genesis:
        """The ledger's genesis, as its keeper holds it."""

    def head(self) -> bytes | None:
        """The copy of the last signed head outside the database, where the reader can see it."""

    def orphans(self) -> list[tuple[str, str, str]]:
        """Rows that nothing accounts for: (table, place, what)."""

    def page_starts(self, size: int) -> list[int]:
        """The `after` of each page of citizens."""

    def blocks(self, after: int) -> list[BlockRecord]:
        """Blocks with numbers above `after`."""

    def admissions(self, block: int) -> list[AdmissionRecord]:
        """What a block took in, in log order."""

    def commitments(self, batch: int) -> list[tuple[int, bytes]]:
        """(position, commitment) of a batch."""

    def tiles(self, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
        """Full tiles and, behind them, the partial one."""

    def edge(self) -> dict[int, tuple[int, bytes]]:
        """The partial tile of each level."""

    def documents(self) -> list[tuple[bytes, bytes]]:
        """(hash, body)."""

    def trie_tiles(self, block: int) -> list[tuple[int, bytes, bytes]]:
        """(depth, prefix, data) that a block wrote."""

    def citizens(self, after: int, limit: int) -> list[CitizenRecord]:
        """Citizens with numbers above `after`."""


BLOCKS_PER_PAGE = 200


class DatabaseSource:
    """Reads the database of a bureau, with its keys."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau

    def genesis(self) -> notices.Genesis:
        return self.bureau.genesis

    def head(self) -> bytes | None:
        try:
            return self.bureau.home.head.read_bytes()
        except FileNotFoundError:
            return None

    def orphans(self) -> list[tuple[str, str, str]]:
        with self.bureau.transaction() as connection:
            return auditing.orphans(connection)

    def page_starts(self, size: int) -> list[int]:
        with self.bureau.transaction() as connection:
            return auditing.page_starts(connection, size)

    def blocks(self, after: int) -> list[BlockRecord]:
        with self.bureau.transaction() as connection:
            stored = ledger.blocks_after(connection, after, BLOCKS_PER_PAGE)
            return [
                BlockRecord(
                    b.number,
                    b.tree_size,
                    b.root,
                    b.entry,
                    b.checkpoint,
                    ledger.publication(connection, b.number),
                )
                for b in stored
            ]

    def admissions(self, block: int) -> list[AdmissionRecord]:
        with self.bureau.transaction() as connection:
            return [AdmissionRecord(*row) for row in auditing.placed(connection, block)]

    def commitments(self, batch: int) -> list[tuple[int, bytes]]:
        with self.bureau.transaction() as connection:
            return auditing.batch_commitments(connection, batch)

    def tiles(self, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
        with self.bureau.transaction() as connection:
            return ledger.read_tiles(connection, level, first, stop)

    def edge(self) -> dict[int, tuple[int, bytes]]:
        with self.bureau.transaction() as connection:
            return ledger.read_edge(connection)

    def documents(self) -> list[tuple[bytes, bytes]]:
        with self.bureau.transaction() as connection:
            return ledger.documents(connection)

    def trie_tiles(self, block: int) -> list[tuple[int, bytes, bytes]]:
        with self.bureau.transaction() as connection:
            return auditing.trie_tiles(connection, block)

    def citizens(self, after: int, limit: int) -> list[CitizenRecord]:
        with self.bureau.transaction() as connection:
            people = auditing.citizens(connection, after, limit)
            ids = [row[0] for row in people]
            names = auditing.furnishers(connection)
            events = auditing.events(connection, ids)
            versions = auditing.versions(connection, ids)
        return _open_citizens(self.bureau.people.wrap_key, people, names, events, versions)


def _open_citizens(
    wrap_key: bytes,
    people: Sequence[tuple[int, bytes, bytes, bytes | None]],
    names: dict[int, str],
    events: Sequence[tuple[int, int, int, int, UUID, bytes, bytes | None]],
    versions: Sequence[tuple[int, int, bytes, dt.date, bytes | None]],
) -> list[CitizenRecord]:
    keys: dict[int, sealing.CitizenKeys | None] = {}
    records: dict[int, CitizenRecord] = {}
    for number, key, proof, wrapped in people:
        opened, why = _unwrap(wrap_key, key, wrapped)
        keys[number] = opened
        records[number] = CitizenRecord(number, key, proof, opened.salt_key if opened else None, why, [], [])
    for number, batch, position, furnisher, event_id, commitment, sealed in events:
        line, why = _unseal(keys[number], sealed)
        name = names.get(furnisher, f"number {furnisher}")
        records[number].events.append(
            EventRecord(batch, position, name, str(event_id), commitment, line, why)
        )
    for number, block, value, until, sealed in versions:
        state, why = _unseal(keys[number], sealed)
        records[number].versions.append(VersionRecord(block, value, until.isoformat(), state, why))
    return list(records.values())


def _unwrap(wrap_key: bytes, key: bytes, wrapped: bytes | None) -> tuple[sealing.CitizenKeys | None, str]:
    if wrapped is None:
        return None, "the wrapped keys are missing"
    try:
        return sealing.unwrap(wrap_key, key, wrapped), ""
    except CredenceError as error:
        return None, error.detail


def _unseal(keys: sealing.CitizenKeys | None, sealed: bytes | None) -> tuple[bytes | None, str]:
    if sealed is None:
        return None, "the sealed body is missing"
    if keys is None:
        return None, "its citizen's keys do not open"
    try:
        return sealing.unseal(keys.data_key, sealed), ""
    except CredenceError as error:
        return None, error.detail
