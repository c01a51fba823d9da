"""Citizens as the database knows them: a number and a tag from their enrolment, wrapped secrets, and from their first block
on a citizen key with its VRF proof; links and sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from app.db.session import (
    BINARY,
    TEXT,
    Question,
    ask,
    bytea_array,
    int8,
    int8_array,
    integer,
    prepared_rows,
    single,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from app.db.session import Connection, Rows


@dataclass(frozen=True, slots=True)
class Citizen:
    """`vrf_proof` shows that `key` is the VRF output of the identifier; both are empty until a block has taken the citizen
    in. `wrapped` is None once the keys were destroyed.
    """

    id: int
    key: bytes
    vrf_proof: bytes
    wrapped: bytes | None


_KEYS_LOCK = 4871170005
_KEYS_PATIENCE = "60s"  # the largest batch is stored within it


def hold_keys(connection: Connection) -> int:
    """Until this transaction ends no citizen gets another key. A number that was another one when one last did."""
    _, rows = ask(connection, *holding_keys())
    return keys_held(rows)


def holding_keys() -> tuple[Question, Question]:
    """The questions of `hold_keys`, a statement each: the second sees what the first has waited for.

    Keys change in blocks that take in a notice; the newest notice that a block holds is the number.
    """
    newest = (
        "SELECT n.id FROM notices n JOIN LATERAL (SELECT FROM placements WHERE admission = n.id OFFSET 0) AS p ON true"
        " ORDER BY n.id DESC LIMIT 1"
    )
    return Question("SELECT pg_advisory_xact_lock_shared($1)", [int8(_KEYS_LOCK)]), Question(newest)


def keys_held(rows: Rows) -> int:
    """What the second of them says."""
    return integer(rows[0][0]) if rows else 0


def lock_keys(connection: Connection) -> None:
    """Wait until nobody holds the keys, and keep them until this transaction ends: it will change some."""
    connection.execute(f"SET LOCAL lock_timeout = '{_KEYS_PATIENCE}'")
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_KEYS_LOCK,))


_COLUMNS = "e.citizen, coalesce(c.key, ''), coalesce(c.vrf_proof, ''), k.wrapped"
_BESIDE = " LEFT JOIN citizens c ON c.id = e.citizen LEFT JOIN citizen_keys k ON k.citizen = e.citizen "
_SELECT = f"SELECT {_COLUMNS} FROM enrolments e{_BESIDE}"  # noqa: S608 - our own text


def _citizen(row: tuple[int, bytes, bytes, bytes | None]) -> Citizen:
    return Citizen(row[0], bytes(row[1]), bytes(row[2]), None if row[3] is None else bytes(row[3]))


def enrolled(connection: Connection, tags: Collection[bytes]) -> dict[bytes, Citizen]:
    """Those of these tags under which somebody is enrolled, by tag."""
    query = f"""
        SELECT w.tag, {_COLUMNS} FROM unnest($1::bytea[]) AS w (tag)
        CROSS JOIN LATERAL (SELECT citizen FROM enrolments WHERE tag = w.tag OFFSET 0) AS e
        LEFT JOIN LATERAL (SELECT key, vrf_proof FROM citizens WHERE id = e.citizen OFFSET 0) AS c ON true
        LEFT JOIN LATERAL (SELECT wrapped FROM citizen_keys WHERE citizen = e.citizen OFFSET 0) AS k ON true"""  # noqa: S608
    (rows,) = ask(connection, Question(query, [bytea_array(tags)]))
    found = {}
    for tag, number, key, vrf_proof, wrapped in rows:
        assert tag is not None and key is not None and vrf_proof is not None, "never null"  # noqa: PT018
        found[tag] = Citizen(integer(number), key, vrf_proof, wrapped)
    return found


def citizen_by_key(connection: Connection, key: bytes) -> Citizen | None:
    """Who has this citizen key."""
    row = connection.execute(_SELECT + "WHERE c.key = %b", (key,), binary=True).fetchone()
    return None if row is None else _citizen(row)


def citizen_by_id(connection: Connection, citizen_id: int) -> Citizen | None:
    """One citizen."""
    row = connection.execute(_SELECT + "WHERE e.citizen = %s", (citizen_id,), binary=True).fetchone()
    return None if row is None else _citizen(row)


def citizens_after(connection: Connection, after: int, limit: int) -> list[Citizen]:
    """Citizens with numbers above `after`, ascending."""
    rows = connection.execute(
        _SELECT + "WHERE e.citizen > %s ORDER BY e.citizen LIMIT %s", (after, limit), binary=True
    ).fetchall()
    return [_citizen(row) for row in rows]


CitizenWithAccount: TypeAlias = tuple[Citizen, int, tuple[int, bytes | None] | None]
"""One citizen, the number of the block that readers are shown (-1 for none), and (block that wrote it, sealed body or None)
of the account as it stands there, if it does.
"""

_WITH_ACCOUNT = f"""
    SELECT {_COLUMNS}, n.number, a.block, b.sealed
    FROM (SELECT coalesce(max(block), -1) AS number FROM shown) AS n CROSS JOIN enrolments e {_BESIDE}
    LEFT JOIN LATERAL (SELECT block FROM accounts WHERE citizen = e.citizen AND block <= n.number
        ORDER BY block DESC LIMIT 1) AS a ON true
    LEFT JOIN account_bodies b ON b.citizen = e.citizen AND b.block = a.block
    WHERE e.citizen = """  # noqa: S608 - our own text

_OF_SESSIONS = f"""
    SELECT e.token_hash, {_COLUMNS}, n.number, a.block, b.sealed
    FROM (SELECT coalesce(max(block), -1) AS number FROM publications) AS n CROSS JOIN unnest($1::bytea[]) AS t (hash)
    CROSS JOIN LATERAL (SELECT token_hash, citizen FROM sessions WHERE token_hash = t.hash AND expires_at > $2 OFFSET 0) AS e
    LEFT JOIN LATERAL (SELECT key, vrf_proof FROM citizens WHERE id = e.citizen OFFSET 0) AS c ON true
    LEFT JOIN LATERAL (SELECT wrapped FROM citizen_keys WHERE citizen = e.citizen OFFSET 0) AS k ON true
    LEFT JOIN LATERAL (SELECT block FROM accounts WHERE citizen = e.citizen AND block <= n.number
        ORDER BY block DESC LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (SELECT sealed FROM account_bodies WHERE citizen = e.citizen AND block = a.block OFFSET 0) AS b
        ON true"""  # noqa: S608 - our own text


def _with_account(row: tuple[Any, ...]) -> CitizenWithAccount:
    return _citizen(row[:4]), row[4], None if row[5] is None else (row[5], row[6] and bytes(row[6]))


def accounts_of(connection: Connection, citizens: Sequence[int]) -> tuple[int, dict[int, tuple[int, bytes]]]:
    """The number of the block that readers are shown (-1 for none), and of these citizens (block that wrote it, sealed
    body) of the account as it stands there.
    """
    query = """
        SELECT n.number, a.citizen, a.block, a.sealed
        FROM (SELECT coalesce(max(block), -1) AS number FROM shown) AS n LEFT JOIN LATERAL (
            SELECT c.citizen, b.block, b.sealed FROM unnest(%s::bigint[]) AS c (citizen) CROSS JOIN LATERAL (
                SELECT block FROM accounts WHERE citizen = c.citizen AND block <= n.number
                ORDER BY block DESC LIMIT 1) AS a
            CROSS JOIN LATERAL (SELECT block, sealed FROM account_bodies
                WHERE citizen = c.citizen AND block = a.block OFFSET 0) AS b) AS a ON true"""
    rows = connection.execute(query, (list(citizens),), binary=True).fetchall()
    return rows[0][0], {row[1]: (row[2], bytes(row[3])) for row in rows if row[1] is not None}


def citizen_with_account(connection: Connection, citizen_id: int) -> CitizenWithAccount | None:
    """A citizen by number."""
    row = connection.execute(_WITH_ACCOUNT + "%s", (citizen_id,), binary=True).fetchone()
    return None if row is None else _with_account(row)


def sessions_with_accounts(
    connection: Connection, token_hashes: Collection[bytes], now: datetime
) -> dict[bytes, CitizenWithAccount]:
    """Whose sessions these are, by the hash of the token; unknown and expired ones are left out. All as of one moment."""
    values = (bytea_array(token_hashes), now.isoformat().encode())
    rows = prepared_rows(connection, _OF_SESSIONS, values, (BINARY, TEXT))
    found = {}
    for token_hash, citizen, key, vrf_proof, wrapped, newest, block, sealed in rows:
        assert token_hash is not None and citizen is not None and key is not None, "never null"  # noqa: PT018
        assert vrf_proof is not None and newest is not None, "never null"  # noqa: PT018 - for the type checker
        version = None if block is None else (integer(block), sealed)
        found[token_hash] = Citizen(integer(citizen), key, vrf_proof, wrapped), integer(newest), version
    return found


def count_citizens(connection: Connection) -> int:
    """How many have a file."""
    return int(single(connection, "SELECT count(*) FROM enrolments"))


def enrol(connection: Connection, tags: Collection[bytes]) -> dict[bytes, int]:
    """Numbers for those of these tags under which nobody is enrolled yet; `keep_keys` has to follow.

    Tags go in sorted, so that two batches that bring the same new citizens wait for each other and never deadlock. Whom
    another transaction enrolled meanwhile, `enrolled` finds now.
    """
    query = (
        "INSERT INTO enrolments (tag) SELECT * FROM unnest($1::bytea[])"
        " ON CONFLICT (tag) DO NOTHING RETURNING citizen, tag"
    )
    (rows,) = ask(connection, Question(query, [bytea_array(sorted(tags))]))
    return {tag: integer(number) for number, tag in rows if tag is not None}


def keep_keys(connection: Connection, wrapped: Mapping[int, bytes]) -> None:
    """The wrapped keys of new citizens."""
    query = "INSERT INTO citizen_keys (citizen, wrapped) SELECT * FROM unnest($1::bigint[], $2::bytea[])"
    ask(connection, Question(query, [int8_array(list(wrapped)), bytea_array(list(wrapped.values()))]))


def enrol_as(connection: Connection, numbers: Mapping[bytes, int]) -> None:
    """The tags of citizens who have their numbers from before there were tags."""
    query = (
        "INSERT INTO enrolments (tag, citizen) OVERRIDING SYSTEM VALUE"
        " SELECT * FROM unnest(%b::bytea[], %b::bigint[])"
    )
    connection.execute(query, (list(numbers), list(numbers.values())))


def any_untagged(connection: Connection) -> bool:
    """Whether citizens from before there were tags have none. All got theirs at once, so the first one tells."""
    query = """
        SELECT NOT EXISTS (SELECT FROM enrolments e WHERE e.citizen = c.id)
        FROM (SELECT id FROM citizens ORDER BY id LIMIT 1) AS c"""
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])


def citizens_before_tags(connection: Connection, after: int, limit: int) -> list[Citizen]:
    """Citizens with numbers above `after` by their citizen keys, ascending."""
    query = """
        SELECT c.id, c.key, c.vrf_proof, k.wrapped FROM citizens c LEFT JOIN citizen_keys k ON k.citizen = c.id
        WHERE c.id > %s ORDER BY c.id LIMIT %s"""
    return [_citizen(row) for row in connection.execute(query, (after, limit), binary=True).fetchall()]


def identifier(connection: Connection, citizen_id: int) -> bytes | None:
    """The sealed identifier of a citizen of whom no event can be read."""
    query = "SELECT sealed FROM identifiers WHERE citizen = %s"
    row = connection.execute(query, (citizen_id,), binary=True).fetchone()
    return None if row is None else bytes(row[0])


def add_link(
    connection: Connection,
    token_hash: bytes,
    citizen_id: int,
    expires_at: datetime,
    sealed: bytes | None = None,
) -> None:
    """Remember a one-time link by the hash of its token."""
    connection.execute(
        "INSERT INTO links (token_hash, citizen, expires_at, sealed) VALUES (%s, %s, %s, %s)",
        (token_hash, citizen_id, expires_at, sealed),
    )


def use_link(connection: Connection, token_hash: bytes, now: datetime) -> tuple[int, bytes | None] | None:
    """Use a link up; its citizen and what it was sealed with, or None when it is unknown, used or expired."""
    row = connection.execute(
        "UPDATE links SET used_at = %(now)s WHERE token_hash = %(hash)s AND used_at IS NULL AND expires_at > %(now)s"
        " RETURNING citizen, sealed",
        {"now": now, "hash": token_hash},
    ).fetchone()
    return None if row is None else (int(row[0]), row[1] and bytes(row[1]))


def add_session(  # noqa: PLR0917 - a row
    connection: Connection,
    token_hash: bytes,
    citizen_id: int,
    expires_at: datetime,
    begun_at: datetime | None = None,
    sealed: bytes | None = None,
    passkey: bytes | None = None,
) -> None:
    """Start a session; expired ones are swept out on the way. `passkey`: the hash of the one that it was begun by."""
    connection.execute("DELETE FROM sessions WHERE expires_at < %s - interval '1 day'", (expires_at,))
    connection.execute(
        "INSERT INTO sessions (token_hash, citizen, expires_at, begun_at, sealed, passkey)"
        " VALUES (%s, %s, %s, coalesce(%s, now()), %s, %s)",
        (token_hash, citizen_id, expires_at, begun_at, sealed, passkey),
    )


def session_citizen(connection: Connection, token_hash: bytes, now: datetime) -> int | None:
    """Whose session it is, or None when it is unknown or expired."""
    row = connection.execute(
        "SELECT citizen FROM sessions WHERE token_hash = %s AND expires_at > %s", (token_hash, now)
    ).fetchone()
    return None if row is None else int(row[0])


def end_session(connection: Connection, token_hash: bytes) -> None:
    """End a session, if it is there."""
    connection.execute("DELETE FROM sessions WHERE token_hash = %s", (token_hash,))
