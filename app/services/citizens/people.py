"""Who a citizen is to the database: identifier -> VRF output -> number and secrets.

The identifier itself is never stored outside sealed bodies. A VRF output costs a few scalar multiplications, so the
database remembers it, sealed (`app.core.state.recall`), and each process the ones it met; secrets are remembered too, and the
caches are simply emptied when full. The database is asked even about a single one: an evaluation takes three times as long.

Who meets many new citizens at once remembers them a part at a time, before its own transaction ends: another process that
meets the same ones, as a second batch about them comes with the first, takes what is there and does another part.

Secrets change when plaintext is destroyed (`services.ledger.destruction`). So whoever uses remembered ones holds them first:
until the transaction ends nobody gets others, and what was remembered from before a change is forgotten.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import SystemRandom
from typing import TYPE_CHECKING

from app.core.state import sealing, vrf
from app.core.state.recall import Recall
from app.db import people as rows
from app.db.session import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from app.db.session import Connection, Readers

_CACHE_MAX = 100_000
_SHARED_FROM = 64  # so many new citizens are worth telling others about at once
_SHARED_AT_ONCE = 128  # 40 ms of work


@dataclass(frozen=True, slots=True)
class Person:
    """A citizen's number and keys; the secrets are empty once they were destroyed."""

    id: int
    key: bytes
    vrf_proof: bytes
    data_key: bytes
    salt_key: bytes


@dataclass(slots=True)
class People:
    """Citizens of one ledger, as one process knows them."""

    origin: str
    vrf_key: vrf.VrfKey
    wrap_key: bytes
    readers: Readers | None = None  # connections apart, by which evaluations are shared
    _keys: dict[str, bytes] = field(default_factory=dict)
    _persons: dict[bytes, Person] = field(default_factory=dict)
    _begun: dict[str, vrf.Evaluation] = field(
        default_factory=dict
    )  # evaluated here, and not in the database yet
    _proofs: dict[str, bytes] = field(
        default_factory=dict
    )  # made or recalled, and perhaps nobody enrolled by them yet
    _persons_of: int = -1  # the number of `rows.hold_keys` for which `_persons` are right
    _holding: set[int] = field(default_factory=set)  # connections whose transaction holds the keys

    def key_of(self, identifier: str) -> bytes:
        """The citizen key of an identifier."""
        key = self._keys.get(identifier)
        if key is None:
            evaluation = self.vrf_key.begin(vrf.citizen_alpha(self.origin, identifier))
            key = vrf.citizen_key(evaluation.output())
            self._remember_key(identifier, key)
            if len(self._begun) >= _CACHE_MAX:
                self._begun.clear()
            self._begun[identifier] = evaluation
        return key

    def _remember_key(self, identifier: str, key: bytes) -> None:
        if len(self._keys) >= _CACHE_MAX:
            self._keys.clear()
        self._keys[identifier] = key

    def hold(self, connection: Connection) -> None:
        """Keep everybody's secrets as they are until this transaction of the bureau ends. `find` and `enrol` do it too;
        do it first where other locks are taken before them, and where secrets are read past them.
        """
        if id(connection) not in self._holding:
            self.held(connection, rows.hold_keys(connection))

    def held(self, connection: Connection, number: int) -> None:
        """They are held: `rows.hold_keys` gave this number."""
        if number != self._persons_of:
            self._persons.clear()
            self._persons_of = number
        self._holding.add(id(connection))

    def let_go(self, connection: Connection) -> None:
        """The transaction ends."""
        self._holding.discard(id(connection))

    def _recall(self, connection: Connection, identifiers: Collection[str]) -> None:
        """Learn from the database the keys of identifiers that this process has not met, and when many are missing there
        work them out, together with whoever is at it too.
        """
        places = {i: Recall.of(self.wrap_key, i) for i in identifiers if i not in self._keys}
        if not places:
            return
        self._learn(connection, places)
        if self.readers is None or len(places) < _SHARED_FROM:
            return
        order = list(places)
        SystemRandom().shuffle(order)  # others begin elsewhere
        while places:
            made = self._evaluate([i for i in order if i in places][:_SHARED_AT_ONCE])
            sealed = {p.tag: p.seal(*made[i]) for i in made if (p := places.pop(i))}
            with self.readers.reading() as apart, suppress(DatabaseError):
                rows.remember_at_once(apart, sealed)
            if places:
                self._learn(connection, places)

    def _learn(self, connection: Connection, places: dict[str, Recall]) -> None:
        """Take what the database remembers of these identifiers, out of `places` too."""
        stored = rows.recall(connection, [place.tag for place in places.values()])
        for identifier, place in list(places.items()):
            opened = place.open(stored[place.tag]) if place.tag in stored else None
            if opened is not None:
                self._remember_pair(identifier, *opened)
                del places[identifier]

    def _evaluate(self, identifiers: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
        """Citizen keys with their proofs."""
        made = {}
        for identifier in identifiers:
            evaluation = self.vrf_key.begin(vrf.citizen_alpha(self.origin, identifier))
            made[identifier] = vrf.citizen_key(evaluation.output()), evaluation.prove()
            self._remember_pair(identifier, *made[identifier])
        return made

    def _remember_pair(self, identifier: str, key: bytes, vrf_proof: bytes) -> None:
        self._remember_key(identifier, key)
        if len(self._proofs) >= _CACHE_MAX:
            self._proofs.clear()
        self._proofs[identifier] = vrf_proof

    def keys_of(self, connection: Connection, identifiers: Collection[str]) -> dict[str, bytes]:
        """The citizen keys of these identifiers."""
        self._recall(connection, identifiers)
        return {identifier: self.key_of(identifier) for identifier in identifiers}

    def find(self, connection: Connection, identifiers: Collection[str]) -> dict[str, Person]:
        """Those of these citizens that have a file."""
        self.hold(connection)
        keys = self.keys_of(connection, identifiers)
        known = {key: person for key in keys.values() if (person := self._persons.get(key)) is not None}
        missing = [key for key in keys.values() if key not in known]
        if missing:
            known |= self.met(connection, rows.citizens_by_key(connection, missing).values())
        return {i: known[key] for i, key in keys.items() if key in known}

    def met(self, connection: Connection, citizens: Iterable[rows.Citizen]) -> dict[bytes, Person]:
        """Citizens by key as they are stored, their secrets opened; remembered from now on."""
        self.hold(connection)
        kept = self._persons
        met = {row.key: kept.get(row.key) or self.unwrap(row) for row in citizens}
        if len(kept) + len(met) > _CACHE_MAX:
            kept.clear()  # other threads look into it too: what is asked for is in `met`
        kept.update(met)
        return met

    def enrol(self, connection: Connection, identifiers: Collection[str]) -> dict[str, Person]:
        """All of these citizens, new ones with fresh secrets in this transaction (so not remembered before it commits)."""
        found = self.find(connection, identifiers)
        new = {self.key_of(i): i for i in identifiers if i not in found}
        begun = {i: e for i in identifiers if (e := self._begun.pop(i, None)) is not None}
        proofs = {i: p for i in identifiers if (p := self._proofs.pop(i, None)) is not None}
        proofs |= {i: evaluation.prove() for i, evaluation in begun.items() if i not in found}
        if new:
            enrolled = rows.enrol(connection, [self._new_citizen(i, proofs.get(i)) for i in new.values()])
            for key, row in enrolled.items():
                found[new[key]] = self.unwrap(row)
        if begun:
            places = {i: Recall.of(self.wrap_key, i) for i in begun}
            sealed = {p.tag: p.seal(found[i].key, found[i].vrf_proof) for i, p in places.items()}
            rows.remember(connection, sealed)
        return found

    def _new_citizen(self, identifier: str, vrf_proof: bytes | None) -> rows.NewCitizen:
        key = self.key_of(identifier)
        random = secrets.token_bytes(64 + sealing.NONCE_SIZE)
        keys = sealing.CitizenKeys(random[:32], random[32:64])
        vrf_proof = vrf_proof or self.vrf_key.prove(vrf.citizen_alpha(self.origin, identifier))
        return rows.NewCitizen(key, vrf_proof, sealing.wrap(self.wrap_key, random[64:], key, keys))

    def unwrap(self, row: rows.Citizen) -> Person:
        """A citizen with the secrets opened; raises SignatureError when the row was tampered with."""
        if row.wrapped is None:
            return Person(row.id, row.key, row.vrf_proof, b"", b"")
        keys = sealing.unwrap(self.wrap_key, row.key, row.wrapped)
        return Person(row.id, row.key, row.vrf_proof, keys.data_key, keys.salt_key)
