"""A ledger from before citizens were enrolled by a tag gets the tags of those it has, once, before anything else is done.

    tag_all(home, url)     how many that were; behind every migration

Migrations have no keys, and a tag is a keyed hash of an identifier that stands in sealed bodies alone: of each citizen one
event is opened, or what is kept of whom no event can be read. It is one transaction: either nobody or everybody has a tag,
and `services.bureau` opens no ledger whose citizens have none, for intake would enrol them a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import CredenceError, RefusedError
from app.core.reporting.events import decode_stored
from app.core.state import sealing
from app.core.state.enrolment import tag_of
from app.db import admission, people, session, state
from app.db.engine import make_engine

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.home import Home

_CITIZENS_AT_ONCE = 2_000


def tag_all(home: Home, url: str) -> int:
    """Give every citizen without a tag theirs. Raises RefusedError when somebody's identifier cannot be read."""
    engine = make_engine(url)
    try:
        with session.transaction(engine) as connection:
            if not people.any_untagged(connection):  # every start asks: locks are for the one time
                return 0
            people.hold_keys(connection)
            admission.lock_out_admissions(connection)
            return _tag(connection, home.secret("wrap.key")) if people.any_untagged(connection) else 0
    finally:
        engine.dispose()


def _tag(connection: Connection, wrap_key: bytes) -> int:
    after = count = 0
    while page := people.citizens_before_tags(connection, after, _CITIZENS_AT_ONCE):
        bodies = state.any_bodies_of(connection, [citizen.id for citizen in page])
        people.enrol_as(
            connection,
            {
                tag_of(
                    wrap_key, _identifier(connection, wrap_key, citizen, bodies.get(citizen.id))
                ): citizen.id
                for citizen in page
            },
        )
        after, count = page[-1].id, count + len(page)
    return count


def _identifier(connection: Connection, wrap_key: bytes, citizen: people.Citizen, body: bytes | None) -> str:
    kept = people.identifier(connection, citizen.id) if body is None else None
    try:
        keys = sealing.unwrap(wrap_key, citizen.id, citizen.key, citizen.wrapped)
        if body is not None:
            return sealing.read(keys.data_key, body, decode_stored).citizen
        return sealing.unseal(keys.data_key, kept or b"").decode()
    except CredenceError as error:
        message = (
            f"who citizen {citizen.id} is cannot be read, so there is no tag to give: restore the database from before the"
            f" upgrade and run `credence audit` with the version that it is of ({error})"
        )
        raise RefusedError(message, code="untagged") from error
