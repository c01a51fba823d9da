"""A mixed file is split: entries of two people stand under one citizen, and those that are another's go where they belong.

The bureau cannot move them, for it signs for no furnisher. A clerk, with the case and the record open, names the entries
and, if it is known, the citizen whose they are; each furnisher gets an order with its own entries in it, and signs:

    a retraction of each, reason `wrong_person`
    the same report anew, for the right citizen; if it speaks against somebody, with the day on which *they* were told (R5)

How far it is, the ledger says: an entry is done when it is retracted and the same report stands in the right file. The order
of the reports is kept, so both files become what they had been if everything had been right from the start (R27).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from app.core.errors import NotFoundError, RuleError
from app.core.reporting.identifiers import check_identifier
from app.core.state import sealing
from app.db import splitting as rows
from app.services.citizens.links import identifier_of, person_by_id
from app.services.ledger import history
from app.services.organisations import cases, furnishing

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.db.session import Connection
    from app.db.splitting import SplitRow
    from app.services.bureau import Bureau
    from app.services.organisations.seats import Seat

ITEMS_MAX: Final = 1_000
SHOWN_MAX: Final = 100
NOTICE_FIELDS: Final = frozenset({"notified_on", "notified_by"})


class Step(NamedTuple):
    """How far it is with one entry; `reported_anew` is None when nobody said for whom."""

    entry: furnishing.Entry
    retracted: bool
    reported_anew: bool | None

    @property
    def done(self) -> bool:
        return self.retracted and self.reported_anew is not False


@dataclass(frozen=True, slots=True)
class Split:
    """A split, or a furnisher's part of it; `other` is whose the entries are, "" when that is not known."""

    id: int
    opened_at: dt.datetime
    other: str
    steps: list[Step]

    @property
    def done(self) -> bool:
        return all(step.done for step in self.steps)

    @property
    def needs_telling(self) -> bool:
        """Whether something is to be reported anew that speaks against somebody."""
        return any(
            step.reported_anew is False and not NOTICE_FIELDS.isdisjoint(step.entry.fields)
            for step in self.steps
        )


def open_split(bureau: Bureau, seat: Seat, case: int, items: Sequence[int], other: str) -> int:
    """Name the entries that are another's; the split's number. Raises RuleError, NotFoundError, ConflictError."""
    if not 1 <= len(set(items)) <= ITEMS_MAX:
        raise RuleError(f"choose 1 to {ITEMS_MAX:,} entries", code="no-items")
    if other:
        check_identifier(bureau.scheme, other)
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        citizen = cases.open_record(bureau, connection, seat, case)
        person = person_by_id(bureau, connection, citizen)
        if identifier_of(connection, person) == other:
            raise RuleError("that is the citizen whose file it is", code="same-citizen")
        entries = furnishing.reports_in(history.whole_history(connection, person))
        chosen: dict[int, str] = {}
        for item in sorted(set(items)):
            if item not in entries or entries[item].retracted:
                raise RuleError(f"entry {item} is no report that stands in this file", code="no-entry")
            chosen[item] = entries[item].furnisher
        sealed = sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), other.encode())
        return rows.add(connection, case, citizen, bureau.now(), sealed, chosen)


def of_case(bureau: Bureau, seat: Seat, case: int) -> list[Split]:
    """The splits of a case, for the clerk who has it."""
    if not cases.desk(bureau, seat, case).mine:
        return []
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        return [_split(bureau, connection, row) for row in rows.of_case(connection, case)]


def for_furnisher(bureau: Bureau, furnisher: str) -> list[Split]:
    """A furnisher's parts of all splits, the newest first."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        return [
            _split(bureau, connection, row) for row in rows.of_furnisher(connection, furnisher, SHOWN_MAX)
        ]


def order(bureau: Bureau, furnisher: str, number: int) -> Split:
    """A furnisher's part of one split. Raises NotFoundError."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        row = rows.of_both(connection, furnisher, number)
        if row is None:
            raise NotFoundError("there is no such order for you", code="no-order")
        return _split(bureau, connection, row)


def to_do(split: Split, told: dict[str, str]) -> list[dict[str, Any]]:
    """The plain events that are missing; `told` is how the right person was told of what speaks against them (R5)."""
    retractions = [
        furnishing.retraction(step.entry, "wrong_person") for step in split.steps if not step.retracted
    ]
    anew = [_anew(step.entry, split.other, told) for step in split.steps if step.reported_anew is False]
    return [*retractions, *anew]


def _anew(entry: furnishing.Entry, citizen: str, told: dict[str, str]) -> dict[str, Any]:
    negative = not NOTICE_FIELDS.isdisjoint(entry.fields)
    return entry.fields | (told if negative else {}) | {"type": entry.type, "citizen": citizen}


def _split(bureau: Bureau, connection: Connection, row: SplitRow) -> Split:
    person = person_by_id(bureau, connection, row.citizen)
    other = sealing.unseal(person.data_key, row.sealed).decode() if person.data_key else ""
    entries = furnishing.reports_in(history.with_waiting(connection, person))
    there = _reports(bureau, connection, other)
    steps = []
    for entry in (entries[item] for item in row.items if item in entries):  # else destroyed meanwhile
        anew = there[_mark(entry)] > 0 if other else None
        if anew:
            there[_mark(entry)] -= 1
        steps.append(Step(entry, entry.retracted, anew))
    return Split(row.id, row.opened_at, other, steps)


def _reports(bureau: Bureau, connection: Connection, citizen: str) -> Counter[bytes]:
    """What stands in a citizen's file."""
    person = bureau.people.find(connection, [citizen]).get(citizen) if citizen else None
    if person is None:
        return Counter()
    entries = furnishing.reports_in(history.with_waiting(connection, person))
    return Counter(_mark(entry) for entry in entries.values() if not entry.retracted)


def _mark(entry: furnishing.Entry) -> bytes:
    """What is the same in two reports of one thing about two people; when they were told of it may differ."""
    told = {name: value for name, value in entry.fields.items() if name not in NOTICE_FIELDS}
    return orjson.dumps([entry.furnisher, entry.type, told], option=orjson.OPT_SORT_KEYS)
