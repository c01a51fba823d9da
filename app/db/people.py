"""Citizens as the database knows them: a number, a VRF output, and wrapped secrets; links and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from app.db.session import BINARY, TEXT, Question, ask, bytea_array, int8, integer, prepared_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from app.db.session import Connection, Rows


@dataclass(frozen=True, slots=True)
class Citizen:
    """`vrf_proof` shows that `key` is the VRF output of the identifier; `wrapped` is None once the keys were destroyed."""

    id: int
    key: bytes
    vrf_proof: bytes
    wrapped: bytes | None


@dataclass(frozen=True, slots=True)
class NewCitizen:
    """What a citizen is enrolled with."""

    key: bytes
    vrf_proof: bytes
    wrapped: bytes


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


_SELECT = (
    "SELECT c.id, c.key, c.vrf_proof, k.wrapped FROM citizens c LEFT JOIN citizen_keys k ON k.citizen = c.id "
)


def _citizen(row: tuple[int, bytes, bytes, bytes | None]) -> Citizen:
    return Citizen(row[0], bytes(row[1]), bytes(row[2]), None if row[3] is None else bytes(row[3]))


def citizens_by_key(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Citizen]:
    """Those of `keys` that have a file, by key."""
    rows = connection.execute(
        _SELECT + "WHERE c.key = ANY(%b::bytea[])", (list(keys),), binary=True
    ).fetchall()
    return {bytes(row[1]): _citizen(row) for row in rows}


def citizen_by_id(connection: Connection, citizen_id: int) -> Citizen | None:
    """One citizen."""
    row = connection.execute(_SELECT + "WHERE c.id = %s", (citizen_id,), binary=True).fetchone()
    return None if row is None else _citizen(row)


def citizens_after(connection: Connection, after: int, limit: int) -> list[Citizen]:
    """Citizens with numbers above `after`, ascending."""
    rows = connection.execute(
        _SELECT + "WHERE c.id > %s ORDER BY c.id LIMIT %s", (after, limit), binary=True
    ).fetchall()
    return [_citizen(row) for row in rows]


CitizenWithAccount: TypeAlias = tuple[Citizen, int, tuple[int, bytes | None] | None]
"""One citizen, the number of the block that readers are shown (-1 for none), and (block that wrote it, sealed body or None)
of the account as it stands there, if it does.
"""

_WITH_ACCOUNT = """
    SELECT c.id, c.key, c.vrf_proof, k.wrapped, n.number, a.block, b.sealed
    FROM (SELECT coalesce(max(block), -1) AS number FROM shown) AS n CROSS JOIN citizens c
    LEFT JOIN citizen_keys k ON k.citizen = c.id
    LEFT JOIN LATERAL (SELECT block FROM accounts WHERE citizen = c.id AND block <= n.number
        ORDER BY block DESC LIMIT 1) AS a ON true
    LEFT JOIN account_bodies b ON b.citizen = c.id AND b.block = a.block
    WHERE c.id = """

_OF_SESSIONS = """
    SELECT s.token_hash, c.id, c.key, c.vrf_proof, k.wrapped, n.number, a.block, b.sealed
    FROM (SELECT coalesce(max(block), -1) AS number FROM publications) AS n CROSS JOIN unnest($1::bytea[]) AS t (hash)
    CROSS JOIN LATERAL (SELECT token_hash, citizen FROM sessions WHERE token_hash = t.hash AND expires_at > $2 OFFSET 0) AS s
    CROSS JOIN LATERAL (SELECT id, key, vrf_proof FROM citizens WHERE id = s.citizen OFFSET 0) AS c
    LEFT JOIN LATERAL (SELECT wrapped FROM citizen_keys WHERE citizen = c.id OFFSET 0) AS k ON true
    LEFT JOIN LATERAL (SELECT block FROM accounts WHERE citizen = c.id AND block <= n.number
        ORDER BY block DESC LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (SELECT sealed FROM account_bodies WHERE citizen = c.id AND block = a.block OFFSET 0) AS b ON true"""


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
    row = connection.execute("SELECT count(*) FROM citizens").fetchone()
    assert row is not None
    return int(row[0])


def enrol(connection: Connection, citizens: Iterable[NewCitizen]) -> dict[bytes, Citizen]:
    """Give new citizens their numbers; who was enrolled by another transaction meanwhile keeps its first secrets.

    Keys go in sorted, so that two batches that bring the same new citizens wait for each other and never deadlock.
    """
    new = {citizen.key: citizen for citizen in sorted(citizens, key=lambda citizen: citizen.key)}
    rows = connection.execute(
        "INSERT INTO citizens (key, vrf_proof) SELECT * FROM unnest(%b::bytea[], %b::bytea[])"
        " ON CONFLICT (key) DO NOTHING RETURNING id, key",
        (list(new), [citizen.vrf_proof for citizen in new.values()]),
        binary=True,
    ).fetchall()
    numbers = {bytes(key): number for number, key in rows}
    connection.execute(
        "INSERT INTO citizen_keys (citizen, wrapped) SELECT * FROM unnest(%b::bigint[], %b::bytea[])",
        (list(numbers.values()), [new[key].wrapped for key in numbers]),
    )
    return citizens_by_key(connection, list(new))


def recall(connection: Connection, tags: Sequence[bytes]) -> dict[bytes, bytes]:
    """Tag -> sealed citizen key and proof, where they are remembered (app.core.state.recall)."""
    query = "SELECT tag, sealed FROM recalled_keys WHERE tag = ANY($1::bytea[])"
    (rows,) = ask(connection, Question(query, [bytea_array(tags)]))
    return {tag: sealed for tag, sealed in rows if tag is not None and sealed is not None}


def remember(connection: Connection, sealed: Mapping[bytes, bytes]) -> None:
    """Remember sealed citizen keys by tag."""
    ask(connection, _remembering(sealed))


def remember_at_once(connection: Connection, sealed: Mapping[bytes, bytes]) -> None:
    """The same for all to see, on a connection outside transactions. It waits for nobody (DatabaseError), and for no disk:
    what is lost is worked out again.
    """
    hasty = "SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '50ms', true)"
    ask(connection, Question(hasty), _remembering(sealed))  # one round trip is one transaction


def _remembering(sealed: Mapping[bytes, bytes]) -> Question:
    """In ascending order, so that two batches never wait for each other in a circle."""
    query = (
        "INSERT INTO recalled_keys (tag, sealed) SELECT * FROM unnest($1::bytea[], $2::bytea[])"
        " ON CONFLICT (tag) DO UPDATE SET sealed = excluded.sealed WHERE recalled_keys.sealed <> excluded.sealed"
    )
    return Question(
        query, [bytea_array(sorted(sealed)), bytea_array([sealed[tag] for tag in sorted(sealed)])]
    )


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
