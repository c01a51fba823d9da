"""The clock of erasures, beside the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from app.db.session import Connection


def ask(connection: Connection, citizen: int, asked_on: date, due_on: date) -> None:
    """An erasure was asked for."""
    query = "INSERT INTO erasures (citizen, asked_on, due_on) VALUES (%s, %s, %s)"
    connection.execute(query, (citizen, asked_on, due_on))


def waiting(connection: Connection, today: date, limit: int, after: int = 0) -> list[tuple[int, int]]:
    """(number, citizen) of erasures that are to be carried out by now, ascending."""
    query = """
        SELECT number, citizen FROM erasures WHERE ended_on IS NULL AND due_on <= %s AND number > %s
        ORDER BY number LIMIT %s"""
    return connection.execute(query, (today, after, limit)).fetchall()


def end(connection: Connection, citizen: int, today: date, outcome: str) -> int:
    """All open erasures of a citizen end; how many that were."""
    query = "UPDATE erasures SET ended_on = %s, outcome = %s WHERE citizen = %s AND ended_on IS NULL"
    return connection.execute(query, (today, outcome, citizen)).rowcount


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest erasure of a citizen; `outcome` is `carried_out` or `called_off` once it has ended."""

    ended_on: date | None
    outcome: str | None


def newest(connection: Connection, citizen: int) -> Asked | None:
    """The newest erasure of a citizen."""
    query = "SELECT ended_on, outcome FROM erasures WHERE citizen = %s ORDER BY number DESC LIMIT 1"
    row = connection.execute(query, (citizen,)).fetchone()
    return None if row is None else Asked(*row)
