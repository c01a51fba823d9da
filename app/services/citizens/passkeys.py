"""Passkeys at admission: an event that a citizen signed has to carry an assertion by a passkey of theirs, as of now.

`core.reporting.assertions` says what an assertion is. Here comes what only the bureau can judge: which passkeys the citizen
has this second, block or no block; and that it was made on a page of ours (`services.address`), for our relying
party.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from app.core.errors import CredenceError, LineProblem, SignatureError
from app.core.reporting import events as event_formats
from app.core.reporting.assertions import Passkeys, assertion_of
from app.core.reporting.event_base import Signed
from app.db import access
from app.services.ledger import history
from app.services.proving import proofs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.core.reporting.assertions import Signing
    from app.core.scoring.folded import File
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

RULE = "assertion"
_PASSKEYS_CHANGE = (event_formats.PasskeyAdded, event_formats.PasskeyRemoved)
_SIGNED = frozenset(cls for cls in event_formats.CLASS_BY_TYPE.values() if issubclass(cls, Signed))


def concerned(events: Sequence[event_formats.Event]) -> list[str]:
    """Whose passkeys these events rely on or change: they are admitted one after the other, so that a removal counts."""
    if _SIGNED.isdisjoint(map(type, events)):
        return []
    return [
        event.citizen
        for event in events
        if isinstance(event, _PASSKEYS_CHANGE) or assertion_of(event) is not None
    ]


def check(bureau: Bureau, connection: Connection, events: Sequence[event_formats.Event]) -> list[LineProblem]:
    """The assertions in a batch that are not by a passkey of their citizen, or not made for this ledger."""
    signed = {event.citizen for event in events if assertion_of(event) is not None}
    if not signed:
        return []
    files = files_now(connection, bureau.people.find(connection, signed))
    passkeys = {
        citizen: Passkeys(files[citizen].passkeys if citizen in files else None) for citizen in signed
    }
    problems = []
    for line, event in enumerate(events, 2):
        if event.citizen not in signed or type(event) not in _SIGNED:
            continue
        try:
            signing = passkeys[event.citizen].follow(event)
            if signing is not None:
                check_place(bureau, signing)
        except CredenceError as error:
            problems.append(LineProblem(line, RULE, error.detail))
    return problems


def check_place(bureau: Bureau, signing: Signing) -> None:
    """The assertion was made on a page of ours. SignatureError."""
    address = bureau.address
    if signing.origin not in address.origins or signing.relying_party != address.relying_party_hash:
        raise SignatureError("the assertion was made on a page that is none of this ledger's")


def end_sessions(bureau: Bureau, connection: Connection, events: Sequence[event_formats.Event]) -> None:
    """A session that was begun by a passkey ends when that is removed."""
    gone = [event for event in events if isinstance(event, event_formats.PasskeyRemoved)]
    if not gone:
        return
    persons = bureau.people.find(connection, {event.citizen for event in gone})
    for event in gone:
        number = persons[event.citizen].id
        access.end_sessions_of_passkey(connection, number, sha256(event.credential.encode()).digest())


def files_now(connection: Connection, persons: Mapping[str, Person]) -> dict[str, File]:
    """The folded files of these citizens with everything admitted so far, by the names that they are given under."""
    kept = {name: person for name, person in persons.items() if person.data_key}
    by_id = {person.id: person for person in kept.values()}
    _, versions = proofs.newest_versions(connection, by_id.values())
    written = {number: versions.get(number, (-1, None)) for number in by_id}
    current = history.brought_up_to_date(connection, by_id, written)
    return {name: current[person.id].file for name, person in kept.items()}


def file_now(connection: Connection, person: Person) -> File:
    """The same of one citizen whose file is not erased."""
    return files_now(connection, {"": person})[""]


def standing(file: File) -> list[str]:
    """The credentials of a file that can sign."""
    return [
        name for name, each in file.passkeys.items() if each.public_key is not None and each.removed is None
    ]
