"""Mixed files that are being split: which entries of a citizen's file are another's, and whose they are (sealed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.db.session import single

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from app.db.session import Connection


class SplitRow(NamedTuple):
    """`sealed` is the other citizen's identifier, under the data key of `citizen`; `items` are log indices, ascending."""

    id: int
    case: int
    citizen: int
    opened_at: datetime
    sealed: bytes
    items: list[int]


_SELECT = """
    SELECT s.id, s."case", s.citizen, s.opened_at, s.sealed, array_agg(i.item ORDER BY i.item)
    FROM splits s JOIN split_items i ON i.split = s.id """


def add(  # noqa: PLR0917 - a row and its items
    connection: Connection, case: int, citizen: int, now: datetime, sealed: bytes, items: Mapping[int, str]
) -> int:
    """A new split of these items (log index -> furnisher); its number."""
    query = 'INSERT INTO splits ("case", citizen, opened_at, sealed) VALUES (%s, %s, %s, %s) RETURNING id'
    number = int(single(connection, query, (case, citizen, now, sealed)))
    connection.cursor().executemany(
        "INSERT INTO split_items (split, item, furnisher) VALUES (%s, %s, %s)",
        [(number, item, furnisher) for item, furnisher in items.items()],
    )
    return number


def by_id(connection: Connection, split: int) -> SplitRow | None:
    """One split."""
    row = connection.execute(_SELECT + "WHERE s.id = %s GROUP BY s.id", (split,)).fetchone()
    return None if row is None else SplitRow(*row)


def of_case(connection: Connection, case: int) -> list[SplitRow]:
    """The splits that a case led to."""
    rows = connection.execute(_SELECT + 'WHERE s."case" = %s GROUP BY s.id ORDER BY s.id', (case,)).fetchall()
    return [SplitRow(*row) for row in rows]


def of_furnisher(connection: Connection, furnisher: str, limit: int) -> list[SplitRow]:
    """The newest splits with items of a furnisher; `items` are that furnisher's alone."""
    rows = connection.execute(
        _SELECT + "WHERE i.furnisher = %s GROUP BY s.id ORDER BY s.id DESC LIMIT %s", (furnisher, limit)
    ).fetchall()
    return [SplitRow(*row) for row in rows]


def of_both(connection: Connection, furnisher: str, split: int) -> SplitRow | None:
    """A split with the items of one furnisher in it, if it has any."""
    row = connection.execute(
        _SELECT + "WHERE i.furnisher = %s AND s.id = %s GROUP BY s.id", (furnisher, split)
    ).fetchone()
    return None if row is None else SplitRow(*row)
