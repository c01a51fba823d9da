"""What a bank may be told about citizens, as of this second: the files, the reasons against a look, and the proofs.

    scene = look_at(bureau, connection, citizens, lock)  # `admission.access_lock` of these citizens
    reason = scene.reason(inquiry)                       # None: the bank may look
    proofs = proofs_of(bureau, connection, scene, who)   # of those whom a block holds, and whose repairs it holds
    said = scene.said(inquiry)                           # what the answer event says

Nothing is stored here: `services.banks.inquiries` answers one by one, `services.banks.bulk` many of one bank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from app.core.scoring import access
from app.core.scoring.folded import File
from app.core.state import account_state, sealing
from app.db import standing
from app.services.ledger import history
from app.services.proving import proofs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from app.core.reporting import event_types as types
    from app.core.state.account_state import AccountState
    from app.db.session import Connection, Question
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

_NOBODY = history.Current(File())


@dataclass(frozen=True, slots=True)
class Scene:
    """Citizens by identifier, as far as there are any: their keys, their accounts at the newest block (by the citizen's
    number), and their files with everything admitted since.
    """

    persons: Mapping[str, Person]
    newest: int
    versions: Mapping[int, tuple[int, AccountState]]
    current: Mapping[str, history.Current]
    today: str

    def reason(self, inquiry: types.Inquiry) -> access.Reason | None:
        """Why this look must not be. Who has no file is refused for the same reasons, so that nobody learns of it."""
        file = self.current.get(inquiry.citizen, _NOBODY).file
        return access.reason_to_refuse(file, inquiry, self.today)

    def is_ready(self, citizen: str) -> bool:
        """Whether the newest block says what may be said: it holds the file, and (R23) every repair of it."""
        person = self.persons.get(citizen)
        return person is not None and person.id in self.versions and not self.current[citizen].mended

    def said(self, inquiry: types.Inquiry) -> dict[str, Any]:
        """What the answer says of who is ready: the score, or why there is none, and where it stands."""
        score = orjson.loads(bytes(self.versions[self.persons[inquiry.citizen].id][1].score))
        more = {name: score[name] for name in ("score", "insufficient") if name in score}
        if inquiry.class_ is not None:
            more["class"] = inquiry.class_
        return more | {"block": self.newest, "shown": sorted(proofs.SHOWN_TO_BANKS)}


def look_at(bureau: Bureau, connection: Connection, citizens: Collection[str], *locks: Question) -> Scene:
    """These citizens' files as of this second; `locks` are taken before they are looked at."""
    tags = bureau.people.tags_of(citizens)
    newest, stored = standing.look(connection, tags, *locks)
    found = {tags[tag]: each for tag, each in stored.items()}
    persons = bureau.people.met(connection, {citizen: each.citizen for citizen, each in found.items()})
    versions = {
        persons[citizen].id: (
            each.account[0],
            sealing.read(persons[citizen].data_key, each.account[1], account_state.decode),
        )
        for citizen, each in found.items()
        if each.account is not None
    }
    by_number = {person.id: person for person in persons.values()}
    files = {number: versions[number][1] if number in versions else None for number in by_number}
    behind = [event for each in found.values() for event in each.behind]
    now = history.with_events(by_number, files, behind)
    current = {citizen: now[person.id] for citizen, person in persons.items()}
    return Scene(persons, newest, versions, current, bureau.today())


def proofs_of(
    bureau: Bureau, connection: Connection, scene: Scene, citizens: Collection[str]
) -> dict[str, bytes]:
    """The proofs for banks, as of the newest block, of those of these citizens who are ready."""
    persons = {citizen: scene.persons[citizen] for citizen in citizens if scene.is_ready(citizen)}
    if not persons:
        return {}
    at = proofs.snapshot(bureau, connection, scene.newest)
    paths = at.trie.paths(connection, [person.key for person in persons.values()])
    return {
        citizen: proofs.assemble(person, at, scene.versions[person.id], proofs.SHOWN_TO_BANKS, paths)
        for citizen, person in persons.items()
    }
