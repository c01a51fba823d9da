"""One-time links, by which a citizen opens their own record in this first version; and the session that follows.

Only hashes of tokens are stored. Opening is a look like any other, so it becomes a `look` event that the citizen sees.
"""

from __future__ import annotations

import datetime as dt
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from app.core import events as event_formats
from app.core import sealing
from app.core.errors import NotFoundError
from app.core.identifiers import check_identifier
from app.db import people as rows
from app.db import state
from app.services import intake
from app.services.proofs import SHOWN_TO_CITIZENS
from app.services.replies import own_batch, own_event

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.people import Person

SESSION_S = 3600


def create_link(bureau: Bureau, identifier: str, valid_s: int = 86_400) -> str:
    """A token that opens this citizen's record once. Raises FormatError, or NotFoundError when there is no file."""
    check_identifier(bureau.scheme, identifier)
    token = secrets.token_urlsafe(32)
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [identifier]).get(identifier)
        if person is None:
            raise NotFoundError("there is no file for this citizen")
        rows.add_link(connection, hash_of(token), person.id, bureau.now() + dt.timedelta(seconds=valid_s))
    return token


def open_link(bureau: Bureau, token: str) -> str:
    """Use a link up and start a session: the session's token. Raises NotFoundError when the link does not work."""
    session_token = secrets.token_urlsafe(32)
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        used = rows.use_link(connection, hash_of(token), bureau.now())
        if used is None:
            raise NotFoundError("this link was used before, has expired, or never was", code="link-used")
        citizen_id, _ = used
        expires_at = bureau.now() + dt.timedelta(seconds=SESSION_S)
        rows.add_session(connection, hash_of(session_token), citizen_id, expires_at)
        _record_look(bureau, connection, citizen_id)
    return session_token


def _record_look(bureau: Bureau, connection: Connection, citizen_id: int) -> None:
    person = person_by_id(bureau, connection, citizen_id)
    look = {"purpose": "self", "recipient": "citizen", "shown": sorted(SHOWN_TO_CITIZENS)}
    line = own_event(bureau, "look", identifier_of(connection, person), look)
    checked = own_batch(bureau, bureau.register(connection), f"look-{secrets.token_hex(16)}", line)
    intake.store(bureau, connection, [checked])


def person_by_id(bureau: Bureau, connection: Connection, citizen_id: int) -> Person:
    """A citizen with opened keys. Raises NotFoundError."""
    row = rows.citizen_by_id(connection, citizen_id)
    if row is None:
        raise NotFoundError("no such citizen")
    return bureau.people.unwrap(row)


def identifier_of(connection: Connection, person: Person) -> str:
    """Who a citizen is: it stands in each of their sealed events, and nowhere else."""
    for row, _, _ in state.events_of_citizens(connection, [person.id]):
        if row.sealed is not None:
            return event_formats.decode_stored(sealing.unseal(person.data_key, row.sealed)).citizen
    raise NotFoundError("nothing is left of this citizen's events")


def session_citizen(bureau: Bureau, session_token: str) -> int | None:
    """Whose session a token stands for, or None."""
    with bureau.reading() as connection:
        return rows.session_citizen(connection, hash_of(session_token), bureau.now())


def end_session(bureau: Bureau, session_token: str) -> None:
    """Sign out."""
    with bureau.transaction() as connection:
        rows.end_session(connection, hash_of(session_token))


def hash_of(token: str) -> bytes:
    """Under which a token is kept."""
    return sha256(token.encode()).digest()
