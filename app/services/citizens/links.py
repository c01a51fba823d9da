"""One-time codes, by which a citizen opens their own record and registers a passkey; and the session that follows.

    7KQ2-M4XD-9TNA-WH5C          typed at /enrol, or behind /open/ as a link: it is the same code

80 random bits in Crockford's base 32, which has no letter that looks like a digit. A code is good once and for a day. It was
handed over by somebody who saw who the citizen is; on that ground, `basis` and its number, the session that it begins may
register one passkey. Only hashes of codes and of sessions' tokens are stored. Beginning a session is a look like any other,
so it becomes a `look` event that the citizen sees (R16); it is free and unlimited, and never counts (R22).
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from app.core.errors import NotFoundError
from app.core.field_types import Ref  # noqa: TC001 - msgspec reads it
from app.core.reporting import events as event_formats
from app.core.reporting.identifiers import check_identifier
from app.core.state import sealing
from app.db import people as rows
from app.db import state
from app.services.ledger import own_events
from app.services.proving.proofs import SHOWN_TO_CITIZENS

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

SESSION_S = 3600
CODE_S: Final = 86_400
Value = TypeVar("Value", bound=Struct)
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("OIL", "011", "- \t\r\n")


class Ground(Struct, frozen=True):
    """On what an event rests that no passkey signs: `paper` or `legal`, and its number."""

    basis: Literal["legal", "paper"]
    ref: Ref


class Began(Struct, frozen=True, omit_defaults=True):
    """How a session began, sealed in it: `code`, `passkey` or `identity`; the kind of browser; by which passkey.

    `ground` is there as long as the session may register a passkey on it.
    """

    how: str
    browser: str = ""
    credential: str = ""
    ground: Ground | None = None


def create_link(
    bureau: Bureau, identifier: str, valid_s: int = CODE_S, *, ground: Ground | None = None
) -> str:
    """A code that opens this citizen's record once. Raises FormatError, or NotFoundError when there is no file."""
    check_identifier(bureau.scheme, identifier)
    code = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    ground = ground or Ground("paper", f"code-{secrets.token_hex(6)}")
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
        expires_at = bureau.now() + dt.timedelta(seconds=valid_s)
        rows.add_link(connection, _hash_of_code(code), person.id, expires_at, seal(person, ground))
    return code


def open_link(bureau: Bureau, code: str, browser: str = "") -> str:
    """Use a code up and start a session: the session's token. Raises NotFoundError when the code does not work."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        used = rows.use_link(connection, _hash_of_code(code), bureau.now())
        if used is None:
            raise NotFoundError("this link was used before, has expired, or never was", code="link-used")
        person = person_by_id(bureau, connection, used[0])
        ground = None if used[1] is None else unseal(person, used[1], Ground)
        return begin(bureau, connection, person, Began("code", browser, ground=ground))


def begin(bureau: Bureau, connection: Connection, person: Person, began: Began) -> str:
    """Start a session, which is a look: its token. `people.hold` comes before."""
    token = secrets.token_urlsafe(32)
    expires_at = bureau.now() + dt.timedelta(seconds=SESSION_S)
    sealed = seal(person, began)
    passkey = hash_of(began.credential) if began.how == "passkey" else None
    rows.add_session(connection, hash_of(token), person.id, expires_at, bureau.now(), sealed, passkey)
    look = {"purpose": "self", "recipient": "citizen", "shown": sorted(SHOWN_TO_CITIZENS)}
    if began.how == "code" and began.ground is not None:  # somebody else had the code in hand, so it is news
        look["case"] = began.ground.ref
    own_events.look(bureau, connection, identifier_of(connection, person), look)
    return token


def seal(person: Person, value: Struct) -> bytes:
    """Something small about a citizen, under their data key."""
    return sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), msgspec.json.encode(value))


def unseal(person: Person, sealed: bytes, kind: type[Value]) -> Value:
    """The inverse of `seal`."""
    return msgspec.json.decode(sealing.unseal(person.data_key, sealed), type=kind)


def person_by_id(bureau: Bureau, connection: Connection, citizen_id: int) -> Person:
    """A citizen with opened keys. Raises NotFoundError."""
    row = rows.citizen_by_id(connection, citizen_id)
    if row is None:
        raise NotFoundError("no such citizen")
    return bureau.people.unwrap(row)


def hold(bureau: Bureau, connection: Connection, citizen_id: int) -> Person:
    """The same, and their keys stay as they are until the transaction ends."""
    bureau.people.hold(connection)
    return person_by_id(bureau, connection, citizen_id)


def identifier_of(connection: Connection, person: Person) -> str:
    """Who a citizen is: it stands in each of their sealed events, and sealed beside them once none is left."""
    sealed = state.any_bodies_of(connection, [person.id]).get(person.id)
    if sealed is not None:
        return sealing.read(person.data_key, sealed, event_formats.decode_stored).citizen
    kept = rows.identifier(connection, person.id)
    if kept is None:
        raise NotFoundError("nothing is left of this citizen's events")
    return sealing.unseal(person.data_key, kept).decode()


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


def _hash_of_code(code: str) -> bytes:
    """However it was typed."""
    return hash_of(code.upper().translate(_MISREAD))
