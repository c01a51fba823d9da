"""Who a citizen is to the database: identifier -> tag -> number and secrets; and from the first block on a citizen key.

The identifier itself is never stored outside sealed bodies. Intake enrols a new citizen by a keyed hash of it
(`app.core.state.enrolment`) and by nothing else. What the public goes by, the VRF's output and its proof, costs a third of a
millisecond: the processes that fold work it out when a block takes the citizen in for the first time, and it is stored with
that block. Until then a citizen has no citizen key here, and nobody is shown anything that needs one.

Each process remembers those it met, once they are whole; it forgets all when it has met too many.

Secrets change when plaintext is destroyed (`services.ledger.destruction`). So whoever uses remembered ones holds them first:
until the transaction ends nobody gets others, and what was remembered from before a change is forgotten.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.errors import NotFoundError
from app.core.state import sealing, vrf
from app.core.state.enrolment import tag_of
from app.db import people as rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.db.session import Connection

_REMEMBERED_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Person:
    """A citizen's number and keys; citizen key and proof are empty before the first block, the secrets once they were
    destroyed.
    """

    id: int
    key: bytes
    vrf_proof: bytes
    data_key: bytes
    salt_key: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """What makes tags and citizen keys of identifiers and opens citizens' secrets; goes to other processes as it is."""

    origin: str
    vrf_key: vrf.VrfKey = field(repr=False)
    wrap_key: bytes = field(repr=False)

    def tag_of(self, identifier: str) -> bytes:
        """The tag that an identifier is enrolled under."""
        return tag_of(self.wrap_key, identifier)

    def key_of(self, identifier: str) -> bytes:
        """The citizen key of an identifier, whether there is a file or not."""
        return vrf.citizen_key(self.vrf_key.evaluate(vrf.citizen_alpha(self.origin, identifier)))

    def proven_key_of(self, identifier: str) -> tuple[bytes, bytes]:
        """The same with its VRF proof."""
        evaluation = self.vrf_key.begin(vrf.citizen_alpha(self.origin, identifier))
        return vrf.citizen_key(evaluation.output()), evaluation.prove()


@dataclass(slots=True)
class People:
    """Citizens of one ledger, as one process knows them."""

    keyring: Keyring
    _persons: dict[str, Person] = field(default_factory=dict)  # by identifier
    _persons_of: int = -1  # the number of `rows.hold_keys` for which `_persons` are right
    _holding: set[int] = field(default_factory=set)  # connections whose transaction holds the keys

    @property
    def wrap_key(self) -> bytes:
        """What citizens' secrets are wrapped under."""
        return self.keyring.wrap_key

    def key_of(self, identifier: str) -> bytes:
        """The citizen key of an identifier, whether there is a file or not."""
        return self.keyring.key_of(identifier)

    def tags_of(self, identifiers: Collection[str]) -> dict[bytes, str]:
        """Identifiers by their tags."""
        return {self.keyring.tag_of(identifier): identifier for identifier in identifiers}

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

    def find(self, connection: Connection, identifiers: Collection[str]) -> dict[str, Person]:
        """Those of these citizens that have a file."""
        self.hold(connection)
        kept = self._persons
        found = {each: person for each in identifiers if (person := kept.get(each)) is not None}
        if len(found) < len(identifiers):
            tags = self.tags_of([each for each in identifiers if each not in found])
            stored = rows.enrolled(connection, tags)
            found |= self.met(connection, {tags[tag]: row for tag, row in stored.items()})
        return found

    def with_file(self, connection: Connection, identifier: str) -> Person:
        """Who has a file that can be read. NotFoundError, also for somebody whose file was erased."""
        person = self.find(connection, [identifier]).get(identifier)
        if person is None or not person.data_key:
            raise NotFoundError("there is no file for this citizen", code="no-file")
        return person

    def met(self, connection: Connection, citizens: dict[str, rows.Citizen]) -> dict[str, Person]:
        """Citizens by identifier as they are stored, their secrets opened; from now on remembered, but for those whom no
        block has taken in yet: something of them is still to come.
        """
        self.hold(connection)
        kept = self._persons
        met = {each: kept.get(each) or self.unwrap(row) for each, row in citizens.items()}
        if len(kept) + len(met) > _REMEMBERED_MAX:
            kept.clear()  # other threads look into it too: what is asked for is in `met`
        kept.update((each, person) for each, person in met.items() if person.key)
        return met

    def enrol(self, connection: Connection, identifiers: Collection[str]) -> dict[str, Person]:
        """All of these citizens, new ones with fresh secrets in this transaction."""
        found = self.find(connection, identifiers)
        if len(found) < len(identifiers):
            tags = self.tags_of([each for each in identifiers if each not in found])
            numbers = rows.enrol(connection, tags)
            if numbers:
                found |= self._with_secrets(
                    connection, {tags[tag]: number for tag, number in numbers.items()}
                )
            if len(numbers) < len(tags):  # another transaction was quicker
                found |= self.find(connection, [tags[tag] for tag in tags if tag not in numbers])
        return found

    def _with_secrets(self, connection: Connection, numbers: dict[str, int]) -> dict[str, Person]:
        """Citizens who just got their numbers, and now their secrets."""
        each_size = 2 * sealing.KEY_SIZE + sealing.NONCE_SIZE
        random = secrets.token_bytes(each_size * len(numbers))
        new, wrapped = {}, {}
        for at, (identifier, number) in enumerate(numbers.items()):
            own = random[each_size * at : each_size * (at + 1)]
            keys = sealing.CitizenKeys(own[:32], own[32:64])
            wrapped[number] = sealing.wrap(self.wrap_key, own[64:], number, keys)
            new[identifier] = Person(number, b"", b"", keys.data_key, keys.salt_key)
        rows.keep_keys(connection, wrapped)
        return new

    def unwrap(self, row: rows.Citizen) -> Person:
        """A citizen with the secrets opened; raises DamagedError when the row was tampered with."""
        if row.wrapped is None:
            return Person(row.id, row.key, row.vrf_proof, b"", b"")
        keys = sealing.unwrap(self.wrap_key, row.id, row.key, row.wrapped)
        return Person(row.id, row.key, row.vrf_proof, keys.data_key, keys.salt_key)
