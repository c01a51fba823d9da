"""The clock of disputes, their drafts and evidence, in tables beside the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime

    from app.db.session import Connection

_COLUMNS = "number, citizen, item, furnisher, filed_on, due_on, extended, closed_on, outcome, reinserted_on"


@dataclass(frozen=True, slots=True)
class Dispute:
    """`item` is the log index of the event in dispute; `due_on` the last day on which its furnisher may answer."""

    number: int
    citizen: int
    item: int
    furnisher: str
    filed_on: date
    due_on: date
    extended: bool
    closed_on: date | None
    outcome: str | None
    reinserted_on: date | None


def _found(connection: Connection, where: str, values: Sequence[object]) -> list[Dispute]:
    query = f"SELECT {_COLUMNS} FROM disputes {where}"  # noqa: S608 - of this module's own texts
    rows = connection.execute(query, values).fetchall()
    return [Dispute(*row) for row in rows]


def open_dispute(connection: Connection, citizen: int, item: int) -> Dispute | None:
    """The open dispute about an item, for this transaction alone."""
    where = "WHERE citizen = %s AND item = %s AND closed_on IS NULL FOR UPDATE"
    return next(iter(_found(connection, where, (citizen, item))), None)


def of_citizen(connection: Connection, citizen: int) -> list[Dispute]:
    """All disputes of a citizen, oldest first."""
    return _found(connection, "WHERE citizen = %s ORDER BY number", (citizen,))


def overdue(connection: Connection, today: date, limit: int, after: int = 0) -> list[Dispute]:
    """Open disputes with numbers above `after` whose last day is over, ascending."""
    where = "WHERE closed_on IS NULL AND due_on < %s AND number > %s ORDER BY number LIMIT %s"
    return _found(connection, where, (today, after, limit))


def open_of_furnisher(connection: Connection, furnisher: str, after: int, limit: int) -> list[Dispute]:
    """Open disputes about a furnisher's items with numbers above `after`, ascending."""
    where = "WHERE furnisher = %s AND closed_on IS NULL AND number > %s ORDER BY number LIMIT %s"
    return _found(connection, where, (furnisher, after, limit))


def open_items(connection: Connection, citizens: Collection[int]) -> set[tuple[int, int | None]]:
    """(citizen, item) of these citizens' open disputes."""
    query = "SELECT citizen, item FROM disputes WHERE citizen = ANY(%s) AND closed_on IS NULL"
    return set(connection.execute(query, (list(citizens),)).fetchall())


def taken_out(connection: Connection, citizens: Collection[int], outcomes: Sequence[str]) -> list[Dispute]:
    """Of these citizens: what disputes with one of these outcomes took out, and nobody put back."""
    where = "WHERE citizen = ANY(%s) AND outcome = ANY(%s) AND reinserted_on IS NULL ORDER BY number"
    return _found(connection, where, (list(citizens), list(outcomes)))


def file(  # noqa: PLR0917 - a row
    connection: Connection, citizen: int, item: int, furnisher: str, filed_on: date, due_on: date
) -> None:
    """A dispute begins, unless one about the item is open."""
    connection.execute(
        "INSERT INTO disputes (citizen, item, furnisher, filed_on, due_on, extended) VALUES (%s, %s, %s, %s, %s, false)"
        " ON CONFLICT DO NOTHING",
        (citizen, item, furnisher, filed_on, due_on),
    )


def extend(connection: Connection, number: int, due_on: date) -> None:
    """The clock gets its one extension."""
    connection.execute("UPDATE disputes SET due_on = %s, extended = true WHERE number = %s", (due_on, number))


def close(connection: Connection, number: int, closed_on: date, outcome: str) -> None:
    """A dispute ends."""
    query = "UPDATE disputes SET closed_on = %s, outcome = %s WHERE number = %s"
    connection.execute(query, (closed_on, outcome, number))


def reinsert(connection: Connection, numbers: Sequence[int], day: date) -> None:
    """What these disputes took out is back."""
    connection.execute("UPDATE disputes SET reinserted_on = %s WHERE number = ANY(%s)", (day, list(numbers)))


# ---- what citizens hand in
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a draft (`bundle` None or not filed yet) or of a dispute: sealed under its own key, and that, sealed."""

    number: int
    bundle: bytes | None
    filed: bool
    sealed_key: bytes
    body: bytes


def save_draft(connection: Connection, citizen: int, item: int, now: datetime, sealed: bytes) -> None:
    """Remember what the citizen has written so far, in place of what was there."""
    connection.execute(
        "INSERT INTO dispute_drafts (citizen, item, changed_at, sealed) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (citizen, item) DO UPDATE SET changed_at = excluded.changed_at, sealed = excluded.sealed",
        (citizen, item, now, sealed),
    )


def draft(connection: Connection, citizen: int, item: int) -> bytes | None:
    """The sealed draft about an item."""
    query = "SELECT sealed FROM dispute_drafts WHERE citizen = %s AND item = %s"
    row = connection.execute(query, (citizen, item), binary=True).fetchone()
    return None if row is None else bytes(row[0])


def add_file(  # noqa: PLR0917 - a row
    connection: Connection, citizen: int, item: int, now: datetime, sealed_key: bytes, body: bytes
) -> None:
    """One more file for the draft about an item."""
    query = """
        WITH k AS (INSERT INTO evidence_keys (citizen, item, sealed) VALUES (%s, %s, %s) RETURNING number)
        INSERT INTO evidence (number, citizen, item, stored_at, filed, body)
        SELECT number, %s, %s, %s, false, %s FROM k"""
    connection.execute(query, (citizen, item, sealed_key, citizen, item, now, body))


def count_unfiled(connection: Connection, citizen: int) -> int:
    """How many files all drafts of a citizen have."""
    query = "SELECT count(*) FROM evidence WHERE citizen = %s AND NOT filed"
    return int(single(connection, query, (citizen,)))


def remove_file(connection: Connection, citizen: int, item: int, number: int) -> None:
    """A file of a draft goes; one that was handed in stays."""
    _delete_files(
        connection, "e.citizen = %s AND e.item = %s AND e.number = %s AND NOT filed", citizen, item, number
    )


def files(connection: Connection, citizen: int, item: int) -> list[StoredFile]:
    """All files about an item, in the order in which they came."""
    query = """
        SELECT number, bundle, filed, k.sealed, body FROM evidence e JOIN evidence_keys k USING (number)
        WHERE e.citizen = %s AND e.item = %s ORDER BY number"""
    rows = connection.execute(query, (citizen, item), binary=True).fetchall()
    return [
        StoredFile(row[0], row[1] and bytes(row[1]), row[2], bytes(row[3]), bytes(row[4])) for row in rows
    ]


def bundle_files(connection: Connection, citizen: int, item: int, bundle: bytes) -> None:
    """The files of a draft as they are now are what an event that is being signed names."""
    query = "UPDATE evidence SET bundle = %s WHERE citizen = %s AND item = %s AND NOT filed"
    connection.execute(query, (bundle, citizen, item))


def sweep_drafts(connection: Connection, before: datetime) -> int:
    """Drafts and their files that were not touched since; how many that were."""
    files_gone = _delete_files(connection, "NOT filed AND stored_at < %s", before)
    return (
        files_gone
        + connection.execute("DELETE FROM dispute_drafts WHERE changed_at < %s", (before,)).rowcount
    )


def file_evidence(connection: Connection, citizen: int, item: int, bundle: bytes) -> None:
    """The files of a bundle were handed in with an event: they stay."""
    connection.execute(
        "UPDATE evidence SET filed = true WHERE citizen = %s AND item = %s AND bundle = %s",
        (citizen, item, bundle),
    )


def forget_draft(connection: Connection, citizen: int, item: int) -> None:
    """What was written is in an event now."""
    connection.execute("DELETE FROM dispute_drafts WHERE citizen = %s AND item = %s", (citizen, item))


def sweep_evidence(connection: Connection, closed_before: date) -> int:
    """Files of items whose disputes are all closed, the last before a day; how many that were."""
    where = """filed AND NOT EXISTS (SELECT FROM disputes d WHERE d.citizen = e.citizen
        AND d.item = e.item AND (d.closed_on IS NULL OR d.closed_on >= %s))"""
    return _delete_files(connection, where, closed_before)


def _delete_files(connection: Connection, where: str, *values: object) -> int:
    """Destroy the keys of files, and with them the files; how many that were."""
    query = "DELETE FROM evidence_keys k USING evidence e WHERE e.number = k.number AND "
    return connection.execute(query + where, values).rowcount
