"""Applications of organisations for a key's registration, and what became of them: the newest step counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.db.session import Connection


class ApplicationRow(NamedTuple):
    """An application with its newest step, whose parts are None when there is none."""

    id: int
    reference_hash: bytes
    name: str
    role: str
    vkey: str
    possession: str
    sealed: bytes
    received_at: datetime
    outcome: str | None
    reason: str | None
    proposal: int | None


_SELECT = """
    SELECT a.id, a.reference_hash, a.name, a.role, a.vkey, a.possession, a.sealed, a.received_at, s.outcome, s.reason,
        s.proposal
    FROM applications a LEFT JOIN LATERAL
        (SELECT * FROM application_steps WHERE application = a.id ORDER BY id DESC LIMIT 1) AS s ON true """
_COLUMNS = "reference_hash, name, role, vkey, possession, sealed, received_at"


def add(connection: Connection, values: Sequence[object]) -> int:
    """A new application: the values of the columns behind `id`, in order. Its number. Raises UniqueViolation."""
    query = f"INSERT INTO applications ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id"  # noqa: S608
    return int(single(connection, query, values))


def step(  # noqa: PLR0917 - one after the other as in the row
    connection: Connection,
    application: int,
    seat: int,
    now: datetime,
    outcome: str,
    reason: str,
    proposal: int | None = None,
) -> None:
    """What somebody of the staff did about it: `proposed` or `refused`."""
    connection.execute(
        "INSERT INTO application_steps (application, seat, at, outcome, reason, proposal) VALUES (%s, %s, %s, %s, %s, %s)",
        (application, seat, now, outcome, reason, proposal),
    )


def by_id(connection: Connection, number: int, *, lock: bool = False) -> ApplicationRow | None:
    """One application; locked until the transaction ends, if wanted."""
    query = _SELECT + "WHERE a.id = %s" + (" FOR UPDATE OF a" if lock else "")
    row = connection.execute(query, (number,), binary=True).fetchone()
    return None if row is None else _row(row)


def by_reference(connection: Connection, reference_hash: bytes) -> ApplicationRow | None:
    """The application that somebody holds the reference of."""
    row = connection.execute(
        _SELECT + "WHERE a.reference_hash = %s", (reference_hash,), binary=True
    ).fetchone()
    return None if row is None else _row(row)


def newest(connection: Connection, limit: int) -> list[ApplicationRow]:
    """The newest first."""
    rows = connection.execute(_SELECT + "ORDER BY a.id DESC LIMIT %s", (limit,), binary=True).fetchall()
    return [_row(row) for row in rows]


def of_name(connection: Connection, name: str) -> list[ApplicationRow]:
    """Those for keys of this name, the newest first."""
    query = _SELECT + "WHERE a.name = %s ORDER BY a.id DESC"
    return [_row(row) for row in connection.execute(query, (name,), binary=True).fetchall()]


def count_since(connection: Connection, moment: datetime) -> int:
    """How many came since."""
    return int(single(connection, "SELECT count(*) FROM applications WHERE received_at > %s", (moment,)))


def _row(row: tuple[object, ...]) -> ApplicationRow:
    number, reference, *texts, sealed, received_at, outcome, reason, proposal = row
    values = (number, bytes(reference), *texts, bytes(sealed), received_at, outcome, reason, proposal)  # type: ignore[call-overload]
    return ApplicationRow(*values)
