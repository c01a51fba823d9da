"""What whoever sends batches sees of its own: those that were admitted, and the lines that were refused lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.db.session import Connection


class BatchRow(NamedTuple):
    """An admitted batch; `block` is None while it waits for one."""

    batch_id: str
    event_count: int
    receipt: str
    block: int | None


class RefusalRow(NamedTuple):
    """A line of a batch that was refused; `detail` holds nothing that the batch said."""

    refused_at: datetime
    batch_id: str
    line: int
    rule: str
    detail: str


def newest_batches(connection: Connection, furnisher: str, limit: int) -> list[BatchRow]:
    """The newest admitted batches first."""
    rows = connection.execute(
        "SELECT b.batch_id, b.event_count, b.receipt, p.block FROM batches b"
        " LEFT JOIN placements p ON p.admission = b.id WHERE b.furnisher = %s ORDER BY b.id DESC LIMIT %s",
        (furnisher, limit),
    ).fetchall()
    return [BatchRow(*row) for row in rows]


def add_refusals(connection: Connection, furnisher: str, rows: Sequence[RefusalRow], kept: int) -> None:
    """Remember refused lines; of each furnisher the newest `kept` stay."""
    connection.cursor().executemany(
        "INSERT INTO refused_lines (furnisher, refused_at, batch_id, line, rule, detail) VALUES (%s, %s, %s, %s, %s, %s)",
        [(furnisher, *row) for row in rows],
    )
    connection.execute(
        "DELETE FROM refused_lines WHERE furnisher = %(name)s AND id <= (SELECT id FROM refused_lines"
        " WHERE furnisher = %(name)s ORDER BY id DESC OFFSET %(kept)s LIMIT 1)",
        {"name": furnisher, "kept": kept},
    )


def refusals(connection: Connection, furnisher: str) -> list[RefusalRow]:
    """What is remembered, the newest first."""
    rows = connection.execute(
        "SELECT refused_at, batch_id, line, rule, detail FROM refused_lines WHERE furnisher = %s ORDER BY id DESC",
        (furnisher,),
    ).fetchall()
    return [RefusalRow(*row) for row in rows]
