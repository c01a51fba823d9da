"""Plaintext that is destroyed: a citizen's sealed rows make room for what is left, sealed under a new key.

Only the retention role may delete sealed rows; it deletes, and the application stores again, in one transaction. The user
that connects must be a member of `credence_retention` for that (docs/operations.md).
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any, cast

import psycopg

from app.core.errors import RefusedError
from app.db.engine import APP_ROLE, make_engine
from app.db.pgcopy import copy_rows
from app.db.schema import WORKING, metadata
from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.db.session import Connection

RETENTION_ROLE = "credence_retention"
_BODY_ROW = Struct("!hiqiii")
_BESIDE = [
    table
    for table in WORKING
    if {"citizen", "sealed"} <= set(table.columns.keys()) and table.name != "challenger_scores"  # made again
]

Place = tuple[int, int]  # (batch, position) of an event


def may_destroy(connection: Connection) -> bool:
    """Whether this connection's user is a member of the retention role."""
    return bool(single(connection, "SELECT pg_has_role(session_user, %s, 'MEMBER')", (RETENTION_ROLE,)))


def owners(connection: Connection, log_indices: Sequence[int]) -> list[tuple[int, int]]:
    """(log index, citizen) of those of these entries that are events in a block and still have their bodies."""
    query = """
        SELECT i.log_index, e.citizen FROM unnest(%s::bigint[]) AS i (log_index)
        CROSS JOIN LATERAL (SELECT admission, first_index FROM placements WHERE first_index < i.log_index
            ORDER BY first_index DESC LIMIT 1) AS p
        JOIN LATERAL (SELECT citizen, batch, position FROM events
            WHERE batch = p.admission AND position = i.log_index - p.first_index - 1 OFFSET 0) AS e ON true
        WHERE EXISTS (SELECT FROM event_bodies b WHERE b.batch = e.batch AND b.position = e.position)"""
    rows = connection.execute(query, (list(log_indices),), binary=True).fetchall()
    return [(row[0], row[1]) for row in rows]


def seal_anew(
    connection: Connection,
    old_bodies: Sequence[Place],
    new_bodies: Mapping[Place, bytes],
    wrapped: Mapping[int, bytes],
) -> None:
    """For the citizens in `wrapped`: their old keys, event bodies and account bodies go, new keys and event bodies come.

    `old_bodies` are all event bodies that they have. Raises RefusedError when the user may not.
    """
    citizens = list(wrapped)
    batches, positions = [place[0] for place in old_bodies], [place[1] for place in old_bodies]
    with _as_retention(connection):
        gone = connection.execute(
            "DELETE FROM event_bodies b USING unnest(%s::bigint[], %s::integer[]) AS old (batch, position)"
            " WHERE b.batch = old.batch AND b.position = old.position",
            (batches, positions),
        ).rowcount
        assert gone == len(old_bodies), f"{gone} bodies of {len(old_bodies)} were there"
        connection.execute("DELETE FROM account_bodies WHERE citizen = ANY(%s)", (citizens,))
        connection.execute("DELETE FROM citizen_keys WHERE citizen = ANY(%s)", (citizens,))
    connection.execute("DELETE FROM challenger_scores WHERE citizen = ANY(%s)", (citizens,))
    pack = _BODY_ROW.pack
    rows = (pack(3, 8, b, 4, p, len(sealed)) + sealed for (b, p), sealed in new_bodies.items())
    copy_rows(connection, "event_bodies (batch, position, sealed)", rows)
    connection.execute(
        "INSERT INTO citizen_keys (citizen, wrapped) SELECT * FROM unnest(%b::bigint[], %b::bytea[])",
        (citizens, list(wrapped.values())),
    )


STAY_AFTER_ERASURE = frozenset({"case_texts", "identifiers", "links", "sessions"})
"""Tables whose rows are no data that rest on consent: what was written to a person of the bureau, and how one signs in."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A row of a working table with something that is sealed under its citizen's data key; `item` is a log index, or None."""

    table: str
    key: tuple[Any, ...]
    citizen: int
    item: int | None
    sealed: bytes


def sealed_beside(connection: Connection, citizens: Sequence[int]) -> list[Beside]:
    """Every such row of these citizens, whichever table it is in: those that have columns `citizen` and `sealed`."""
    found: list[Beside] = []
    for table in _BESIDE:
        keys = ", ".join(column.name for column in table.primary_key)
        item = "item" if "item" in table.columns else "NULL::bigint"
        where = "citizen = ANY(%s) AND sealed IS NOT NULL"
        query = f"SELECT citizen, {item}, sealed, {keys} FROM {table.name} WHERE {where}"  # noqa: S608 - our own names
        rows = connection.execute(query, (list(citizens),), binary=True).fetchall()
        found += [Beside(table.name, row[3:], row[0], row[1], bytes(row[2])) for row in rows]
    return found


def keep_identifier(connection: Connection, citizen: int, sealed: bytes) -> None:
    """Who a citizen is of whom no event can be read any more."""
    connection.execute(
        "INSERT INTO identifiers (citizen, sealed) VALUES (%s, %b)"
        " ON CONFLICT (citizen) DO UPDATE SET sealed = excluded.sealed",
        (citizen, sealed),
    )


def replace_beside(connection: Connection, row: Beside, sealed: bytes | None) -> None:
    """Store what such a row holds, sealed anew; None: the row goes."""
    table = metadata.tables[row.table]
    where = " AND ".join(f"{column.name} = %s" for column in table.primary_key)
    if sealed is None:
        connection.execute(f"DELETE FROM {row.table} WHERE {where}", row.key)  # noqa: S608 - our own names
    else:
        connection.execute(f"UPDATE {row.table} SET sealed = %b WHERE {where}", (sealed, *row.key))  # noqa: S608


def scrub(url: str) -> bool:
    """Rewrite the tables of keys without the deleted ones, which PostgreSQL leaves in its files, and let used WAL go.

    As the URL's own user, who has to own the tables and may checkpoint: RefusedError otherwise. They are locked
    meanwhile. False when the server keeps used WAL files to write over them (`wal_recycle`).
    """
    engine = make_engine(url, role=None, pool_size=1, application_name="credence-scrub")
    try:
        with closing(engine.raw_connection()) as pooled:
            connection = cast("Connection", pooled.driver_connection)
            connection.autocommit = True
            connection.execute("VACUUM (FULL) citizen_keys")
            connection.execute("VACUUM (FULL) evidence_keys")
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CHECKPOINT")
            row = connection.execute("SHOW wal_recycle").fetchone()
            connection.autocommit = False
            return row == ("off",)
    except psycopg.errors.InsufficientPrivilege as error:
        message = "the tables of keys can only be rewritten by their owner (docs/operations.md, 'Retention')"
        raise RefusedError(message, code="may-not-scrub") from error
    finally:
        engine.dispose()


@contextmanager
def _as_retention(connection: Connection) -> Iterator[None]:
    """Act as the retention role for some statements of this transaction."""
    try:
        connection.execute(f"SET LOCAL ROLE {RETENTION_ROLE}")
    except psycopg.errors.InsufficientPrivilege as error:
        user = connection.info.user
        message = (
            f"the ledger has to destroy plaintext whose time is over, and the database's user {user!r} may not:"
            f" GRANT {RETENTION_ROLE} TO {user} (docs/operations.md, 'Retention'); until then no block is made"
        )
        raise RefusedError(message, code="may-not-destroy") from error
    yield
    connection.execute(f"SET LOCAL ROLE {APP_ROLE}")
