"""A citizen's sessions: where they are signed in, since when and with what kind of browser; each can be ended.

A session lasts an hour. One that a passkey began ends when that passkey is removed (services.citizens.passkeys). The kind of
browser is all that is kept of it, and sealed; no address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from app.core.errors import NotFoundError
from app.db import access
from app.services.citizens import links, passkeys
from app.services.citizens.links import Began

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from app.db.access import SessionRow
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

# The first that fits; several browsers name others that they are like.
_BROWSERS: Final = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrome|CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("HarmonyOS|OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "Mac"),
    ("Linux|CrOS", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Session:
    """`id` is its name on pages; `own` when it is the one that asks."""

    id: str
    begun_at: datetime
    began: Began
    own: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A passkey that can sign: its credential, the day on which it was added."""

    credential: str
    added: str


def browser_of(user_agent: str) -> str:
    """What kind of browser that is, in two words at most: "Chrome, Android"; "" when it does not say."""
    kinds = (
        next((name for pattern, name in each if re.search(pattern, user_agent)), "")
        for each in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(kind for kind in kinds if kind)


def current(bureau: Bureau, session_token: str) -> Session:
    """The session of a token. NotFoundError when it is over."""
    with bureau.transaction() as connection:
        row, person = own(bureau, connection, session_token)
        return _session(row, person, row.token_hash)


def listed(bureau: Bureau, session_token: str) -> list[Session]:
    """All sessions of whose session this is, newest first. NotFoundError."""
    with bureau.transaction() as connection:
        row, person = own(bureau, connection, session_token)
        rows = access.sessions_of(connection, person.id, bureau.now())
        return [_session(each, person, row.token_hash) for each in rows]


def passkeys_of(bureau: Bureau, session_token: str) -> list[Standing]:
    """The passkeys of whose session this is, oldest first. NotFoundError when it is over."""
    with bureau.transaction() as connection:
        _, person = own(bureau, connection, session_token)
        file = passkeys.file_now(connection, person)
    there = [Standing(name, file.passkeys[name].added or "") for name in passkeys.standing(file)]
    return sorted(there, key=lambda each: (each.added, each.credential))


def end(bureau: Bureau, session_token: str, session: str) -> None:
    """End one of one's own sessions, by its name. NotFoundError."""
    try:
        wanted = UUID(session)
    except ValueError:
        raise NotFoundError("there is no such session", code="no-session") from None
    with bureau.transaction() as connection:
        _, person = own(bureau, connection, session_token)
        if not access.end_session(connection, person.id, wanted):
            raise NotFoundError("there is no such session", code="no-session")


def end_where(
    bureau: Bureau, connection: Connection, person: Person, ends: Callable[[SessionRow, Began], bool]
) -> None:
    """End those of a citizen's sessions of which `ends` is true."""
    for row in access.sessions_of(connection, person.id, bureau.now()):
        if ends(row, began_of(person, row)):
            access.end_session(connection, person.id, row.id)


def own(bureau: Bureau, connection: Connection, session_token: str) -> tuple[SessionRow, Person]:
    """The session of a token, and whose it is. NotFoundError when it is over, or nothing is left of whose it was."""
    bureau.people.hold(connection)
    row = access.session_by_token(connection, links.hash_of(session_token), bureau.now())
    if row is None:
        raise NotFoundError("the session is over", code="no-session")
    person = links.person_by_id(bureau, connection, row.citizen)
    if not person.data_key:
        raise NotFoundError("nothing is left of this citizen's file", code="no-session")
    return row, person


def began_of(person: Person, row: SessionRow) -> Began:
    """How a session began, as far as that can still be read."""
    if row.sealed is None or not person.data_key:
        return Began("code")
    return links.unseal(person, row.sealed, Began)


def _session(row: SessionRow, person: Person, own_hash: bytes) -> Session:
    return Session(str(row.id), row.begun_at, began_of(person, row), row.token_hash == own_hash)
