"""What one running process knows of the bureau: its database, its keys, the ledger it serves, and its caches.

    bureau = Bureau.open(Home.from_environment())
    with bureau.transaction() as connection: ...

The clock is read here and nowhere below; services pass days and instants down.
"""

from __future__ import annotations

import datetime as dt
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.core import fields
from app.core.errors import RefusedError
from app.core.log import note, notices
from app.core.log.register import Register
from app.core.state.vrf import VrfKey
from app.db import admission, session
from app.db.engine import database_url, make_engine
from app.db.people import any_untagged
from app.services.address import Address
from app.services.banks.gathering import Gathering
from app.services.citizens.people import Keyring, People
from app.services.organisations.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine

    from app.db.session import Connection
    from app.services.home import Home
    from app.services.ledger.figures import Counted
    from app.services.organisations.journal import Kind
    from app.services.proving.proofs import Snapshot

UNPLACED = 2**53 - 2
"""The log index that stands for "not in the log yet" where a key is judged."""


def utc_now() -> dt.datetime:
    """The wall clock, UTC, whole seconds."""
    return dt.datetime.fromtimestamp(int(time.time()), dt.UTC)


@dataclass(slots=True)
class Bureau:
    """One process's view of one ledger."""

    home: Home
    engine: Engine
    readers: session.Readers
    genesis: notices.Genesis
    service: note.Signer
    signer: note.Signer
    vrf: VrfKey
    people: People
    given: Journal
    now: Callable[[], dt.datetime] = utc_now
    _register: Register | None = None
    _register_id: int = -1
    furnisher_numbers: dict[str, int] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    inquiries: Gathering[Any, Any] = field(default_factory=Gathering)
    sessions: Gathering[Any, Any] = field(default_factory=Gathering)
    counted: Counted | None = None
    _promised: dict[int, list[tuple[Kind, str]]] = field(default_factory=dict)
    address: Address = field(default_factory=Address.from_environment)

    @classmethod
    def open(cls, home: Home, url: str | None = None, *, now: Callable[[], dt.datetime] = utc_now) -> Bureau:
        """Open the ledger that was founded from `home`. Raises RefusedError when there is none, or another."""
        home.require_ledger()
        engine = make_engine(url or database_url(home.path))
        with session.transaction(engine) as connection:
            stored = admission.all_notices(connection)
            untagged = any_untagged(connection)
        if not stored:
            raise RefusedError(
                "this database holds no ledger yet: run `credence up` or `credence migrate`", code="no-ledger"
            )
        if untagged:
            raise RefusedError(
                "this ledger is from an earlier version, and its citizens have no tags yet: run `credence up` or"
                " `credence migrate`",
                code="untagged",
            )
        genesis = notices.decode(stored[0][1])
        assert isinstance(genesis, notices.Genesis)
        vrf = VrfKey.from_seed(home.secret("vrf.seed"))
        if vrf.public.hex() != genesis.vrf:
            message = (
                f"this database holds the ledger {genesis.origin}, but the keys in {home.keys} belong to another one:"
                " point CREDENCE_HOME or DATABASE_URL at what belongs together"
            )
            raise RefusedError(message, code="other-ledger")
        readers = session.Readers(engine)
        people = People(Keyring(genesis.origin, vrf, home.secret("wrap.key")))
        signers = home.signer("service"), home.signer("bureau")
        journal = Journal(home.path / "log" / "given")
        return cls(home, engine, readers, genesis, *signers, vrf, people, journal, now)

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return self.genesis.origin

    @property
    def scheme(self) -> str:
        """The ledger's identifier scheme, `cn` or `uci`."""
        return self.genesis.scheme

    @property
    def verifier(self) -> note.Verifier:
        """The key that signs checkpoints."""
        return note.Verifier.parse(self.genesis.vkey)

    def local_day(self, instant: dt.datetime) -> dt.date:
        """The ledger's local day of an instant."""
        return (instant + dt.timedelta(minutes=self.genesis.utc_offset_minutes)).date()

    def today(self) -> str:
        """The ledger's local day now."""
        return fields.format_day(self.local_day(self.now()))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One database transaction: commits at the end, rolls back on any error."""
        with session.transaction(self.engine) as connection:
            promised = self._promised[id(connection)] = []
            try:
                yield connection
            finally:
                del self._promised[id(connection)]
                self.people.let_go(connection)
        for kind, event_id in promised:
            self.given.note(kind, event_id, self.now())

    def will_give(self, connection: Connection, kind: Kind, event_id: str) -> None:
        """Note in the journal that this answer or look leaves, once the transaction has committed (R44)."""
        self._promised[id(connection)].append((kind, event_id))

    @contextmanager
    def moment(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees the database of one moment."""
        with session.moment(self.engine) as connection:
            yield connection

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection to read from, without a transaction."""
        return self.readers.reading()

    def register(self, connection: Connection, newest: int | None = None) -> Register:
        """The key register as of every notice admitted so far, in a block or not; `newest` when that is known."""
        if newest is None:
            newest = admission.newest_notice(connection)
        if self._register is None or newest != self._register_id:
            self._register = load_register(connection)
            self._register_id = newest
        return self._register

    def furnisher_number(self, connection: Connection, name: str) -> int:
        """The number that stands for a furnisher in `events`; kept once it is committed."""
        number = self.furnisher_numbers.get(name)
        if number is None:
            number = admission.committed_furnisher(connection, name)
            if number is not None:
                self.furnisher_numbers[name] = number
            else:
                number = admission.new_furnisher(connection, name)
        return number

    def close(self) -> None:
        """Give the connections back."""
        self.readers.close()
        self.engine.dispose()


def load_register(connection: Connection) -> Register:
    """Fold every admitted notice; one that has no log index yet counts as if it stood right behind those that have."""
    indexed = []
    following = 0
    for _, payload, index in admission.all_notices(connection):
        place = following if index is None else index
        indexed.append((place, notices.decode(payload)))
        following = place + 1
    return Register.fold(indexed)
