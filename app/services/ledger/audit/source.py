"""Where an audit reads. `DatabaseSource` reads a database with the keys of its home; `remote.RemoteSource` asks a running
service for the same records, with a regulator's key. The audit itself does not know which of them it is looking at.

A ledger may grow while it is read. Each method answers for one moment, and the audit asks in an order in which a later
answer never knows less than an earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from app.core.errors import CredenceError, DamagedError, RuleError
from app.core.log import tiles
from app.core.reporting.events import decode_stored
from app.core.state import sealing
from app.core.state.enrolment import tag_of
from app.core.state.vrf import VrfKey
from app.db import auditing, cosignatures, ledger, session
from app.db.engine import database_url, make_engine
from app.services.ledger.audit.records import (
    MISSING,
    AdmissionRecord,
    BlockRecord,
    CitizenRecord,
    Edge,
    EventRecord,
    Head,
    Totals,
    VersionRecord,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Engine

    from app.core.log.note import NoteSignature
    from app.services.bureau import Bureau
    from app.services.home import Home

BLOCKS_PER_PAGE = 200
CITIZENS_MAX = 2_000
STATEMENT_TIMEOUT_MS = 3_600_000


class Source(Protocol):
    """What an audit needs to read; `records` says what the answers are."""

    def totals(self) -> Totals:
        """How much there is."""

    def founding(self) -> list[bytes]:
        """Where the genesis may be read: the payload of the first notice, and of the log's first entry."""

    def head(self) -> Head:
        """The copy of the last signed head."""

    def blocks(self, first: int) -> list[BlockRecord]:
        """A page of the blocks from number `first` on, ascending; empty behind the last."""

    def publication(self, block: int) -> str | None:
        """The published checkpoint of a block, by now."""

    def admissions(self, block: int) -> list[AdmissionRecord]:
        """What a block took in, in log order."""

    def waiting(self) -> Waiting:
        """What no block took in yet."""

    def commitments(self, batch: int) -> list[tuple[int, bytes]]:
        """(position, commitment) of a batch, ascending."""

    def block_commitments(self, block: int) -> list[tuple[int, int, bytes]]:
        """(batch, position, commitment) of all batches that a block took in, ascending."""

    def tiles(self, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
        """Full tiles and, behind them, the partial one."""

    def edge(self) -> Edge:
        """The partial tiles."""

    def documents(self) -> list[tuple[bytes, bytes]]:
        """(hash, body)."""

    def orphans(self) -> list[tuple[str, str, str]]:
        """Rows that nothing accounts for: (table, place, what)."""

    def trie_tiles(self, block: int) -> list[tuple[int, bytes, bytes]]:
        """(depth, prefix, data) that a block wrote."""

    def citizen_pages(self, size: int) -> list[tuple[int, int]]:
        """(first number, last number) of pages of citizens."""

    def citizens(self, first: int, last: int) -> list[CitizenRecord]:
        """The citizens with these numbers."""


class DatabaseSource:
    """Reads a database, and opens what is sealed with the wrapping key."""

    def __init__(self, engine: Engine, home: Home, wrap_key: bytes) -> None:
        self.engine = engine
        self.home = home
        self.wrap_key = wrap_key

    @classmethod
    def open(cls, home: Home, url: str | None = None) -> DatabaseSource:
        """For an auditor where the bureau's keys are. Asks nothing of the rows, so it opens any damaged ledger."""
        engine = make_engine(
            url or database_url(home.path),
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            application_name="credence-audit",
        )
        VrfKey.from_seed(home.secret("vrf.seed"))  # the home is whole, or this says what is missing
        return cls(engine, home, home.secret("wrap.key"))

    @classmethod
    def of_bureau(cls, bureau: Bureau) -> DatabaseSource:
        """For a running service that reads on a regulator's behalf."""
        return cls(bureau.engine, bureau.home, bureau.people.wrap_key)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def totals(self) -> Totals:
        with session.transaction(self.engine) as connection:
            return Totals(*auditing.totals(connection))

    def founding(self) -> list[bytes]:
        with session.transaction(self.engine) as connection:
            notice = auditing.first_notice(connection)
            bundle = auditing.tiles(connection, tiles.ENTRIES, 0, 1)
        places = [] if notice is None else [notice]
        if bundle:
            data = bundle[0][1]
            places.append(data[3 : 2 + int.from_bytes(data[:2], "big")])
        return places

    def head(self) -> Head:
        with session.transaction(self.engine) as connection:
            published = ledger.newest_published_number(connection)
        try:
            note = self.home.head.read_bytes()
        except FileNotFoundError:
            note = None
        return Head(published, note, kept=self.home.has_keys())

    def blocks(self, first: int) -> list[BlockRecord]:
        with session.transaction(self.engine) as connection:
            found = [BlockRecord(*row) for row in auditing.blocks(connection, first, BLOCKS_PER_PAGE)]
            cosigned = cosignatures.of_blocks(connection, first, found[-1].number) if found else {}
        return [
            structs.replace(block, published=_published(block.published, cosigned.get(block.number, [])))
            for block in found
        ]

    def publication(self, block: int) -> str | None:
        with session.transaction(self.engine) as connection:
            return ledger.publication(connection, block)

    def admissions(self, block: int) -> list[AdmissionRecord]:
        with session.transaction(self.engine) as connection:
            return [AdmissionRecord(*row) for row in auditing.placed(connection, block)]

    def waiting(self) -> Waiting:
        with session.transaction(self.engine) as connection:
            rows = auditing.waiting(connection)
            return Waiting(auditing.drawn(connection), [AdmissionRecord(*row) for row in rows])

    def commitments(self, batch: int) -> list[tuple[int, bytes]]:
        with session.transaction(self.engine) as connection:
            return auditing.batch_commitments(connection, batch)

    def block_commitments(self, block: int) -> list[tuple[int, int, bytes]]:
        with session.transaction(self.engine) as connection:
            return auditing.block_commitments(connection, block)

    def tiles(self, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
        with session.transaction(self.engine) as connection:
            return auditing.tiles(connection, level, first, stop)

    def edge(self) -> Edge:
        with session.transaction(self.engine) as connection:
            return Edge(*auditing.edge(connection))

    def documents(self) -> list[tuple[bytes, bytes]]:
        with session.transaction(self.engine) as connection:
            return ledger.documents(connection)

    def orphans(self) -> list[tuple[str, str, str]]:
        with session.transaction(self.engine) as connection:
            return auditing.orphans(connection)

    def trie_tiles(self, block: int) -> list[tuple[int, bytes, bytes]]:
        with session.transaction(self.engine) as connection:
            return auditing.trie_tiles(connection, block)

    def citizen_pages(self, size: int) -> list[tuple[int, int]]:
        with session.transaction(self.engine) as connection:
            return auditing.citizen_pages(connection, size)

    def citizens(self, first: int, last: int) -> list[CitizenRecord]:
        with session.moment(self.engine) as connection:
            people = auditing.citizens(connection, first, last, CITIZENS_MAX + 1)
            if len(people) > CITIZENS_MAX:
                raise RuleError(f"at most {CITIZENS_MAX:,} citizens are read at a time", code="too-many")
            ids = [row[0] for row in people]
            events = auditing.events(connection, ids)
            versions = auditing.versions(connection, ids)
            names = auditing.furnishers(connection)  # after the events, so that none of theirs is missing
        return _open_citizens(self.wrap_key, people, names, events, versions)


def _published(signed: str | None, cosigned: Iterable[NoteSignature]) -> str | None:
    """A checkpoint as readers get it: with the cosignatures."""
    return None if signed is None else signed + "".join(each.line().decode() for each in cosigned)


def _open_citizens(
    wrap_key: bytes,
    people: Sequence[tuple[int, bytes, bytes, bytes | None, bytes | None, bytes | None]],
    names: dict[int, str],
    events: Sequence[tuple[int, int, int, int, UUID, bytes, bytes | None]],
    versions: Sequence[tuple[int, int, bytes, str, bytes | None]],
) -> list[CitizenRecord]:
    keys: dict[int, sealing.CitizenKeys | None] = {}
    records: dict[int, CitizenRecord] = {}
    for number, key, proof, wrapped, _, _ in people:
        opened, why = _unwrap(wrap_key, number, key, wrapped)
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
        records[number].versions.append(VersionRecord(block, value, until, state, why))
    return [
        structs.replace(
            records[number],
            misfiled=_misfiled(wrap_key, tag, records[number], _unseal(keys[number], sealed)[0]),
        )
        for number, _, _, _, tag, sealed in people
    ]


def _misfiled(wrap_key: bytes, tag: bytes | None, record: CitizenRecord, kept: bytes | None) -> str:
    """What is wrong with an enrolment, given what is kept of whom no event can be read."""
    if tag is None:
        return "is missing"
    line = next((event.line for event in record.events if event.line is not None), None)
    try:
        if line is not None:
            identifier = decode_stored(line).citizen
        elif kept is not None:
            identifier = kept.decode()
        else:
            return ""
    except (CredenceError, UnicodeDecodeError):  # found where events are judged
        return ""
    return (
        "" if tag_of(wrap_key, identifier) == tag else "tag is not that of the citizen whom the events name"
    )


def _unwrap(
    wrap_key: bytes, number: int, key: bytes, wrapped: bytes | None
) -> tuple[sealing.CitizenKeys | None, str]:
    if wrapped is None:
        return None, "the wrapped keys are missing"
    try:
        return sealing.unwrap(wrap_key, number, key, wrapped), ""
    except DamagedError as error:
        return None, f"{error} This row was changed."


def _unseal(keys: sealing.CitizenKeys | None, sealed: bytes | None) -> tuple[bytes | None, str]:
    if sealed is None:
        return None, MISSING
    if keys is None:
        return None, "its citizen's keys do not open"
    try:
        return sealing.unseal(keys.data_key, sealed), ""
    except DamagedError as error:
        return None, str(error)
