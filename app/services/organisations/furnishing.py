"""What a furnisher does beside sending batches: it sees what became of them, and mends what it reported.

    standing(bureau, name)               keys, newest batches with their blocks, lines refused lately, disputes that are open
    own_entry(bureau, name, index)       an entry that it reported, as it stands now
    prepared(bureau, name, events)       plain events, checked as the ledger would, to be signed by the furnisher's own key

Plain events are those of `credence furnish`: without the paperwork that the signer fills in. The bureau prepares them and
cannot sign them: a correction, a retraction, the answer to a dispute are the furnisher's word.

    {"citizen":"uci:17","day":"2026-10-31","reason":"reported_in_error","target":4711,"type":"retraction"}

A refused batch leaves a summary for its furnisher (time, batch id, line, rule, detail): of the detail only our own words, for
what stands in quotation marks or has a digit came from the batch.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.core import canon, fields
from app.core.errors import NotFoundError, RuleError
from app.core.reporting import batch as batches
from app.core.reporting import events as event_formats
from app.core.reporting.event_base import COMMON_FIELDS, Header
from app.core.scoring import repairs
from app.db import disputing, state
from app.db import furnishing as rows
from app.services.citizens.disputes import ROLES
from app.services.citizens.links import person_by_id
from app.services.ledger import history, intake
from app.services.organisations import quality

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.core.log.register import KeyRecord
    from app.db.disputing import Dispute
    from app.db.furnishing import RefusalRow
    from app.db.session import Connection
    from app.services.bureau import Bureau

    Plain = dict[str, Any]

BATCHES_SHOWN: Final = 20
REFUSALS_KEPT: Final = 100
DISPUTES_SHOWN: Final = 1_000
_FROM_THE_BATCH: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\S*\d\S*")


@dataclass(frozen=True, slots=True)
class Sent:
    """An admitted batch."""

    batch_id: str
    event_count: int
    admitted_at: dt.datetime
    block: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a furnisher; `disputes` has those that are open, the next to end first."""

    keys: list[KeyRecord]
    batches: list[Sent]
    refusals: list[RefusalRow]
    disputes: list[Dispute]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that a furnisher reported, as it stands now. `fields` are those of its type and `day`."""

    index: int
    furnisher: str
    citizen: str
    type: str
    event_id: str
    fields: dict[str, Any]
    retracted: bool
    disputed: bool
    taken_out: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """Plain events that the ledger would take, and the id of the batch in which they are signed."""

    events: list[Plain]
    batch_id: str

    @property
    def lines(self) -> bytes:
        """As a file for `credence furnish --key`."""
        return b"".join(orjson.dumps(event, option=orjson.OPT_SORT_KEYS) + b"\n" for event in self.events)


def admit(bureau: Bureau, body: bytes) -> intake.Admission:
    """`intake.admit`; lines that rules refuse are remembered for their furnisher."""
    try:
        return intake.admit(bureau, body)
    except RuleError as error:
        if error.code == intake.REFUSED:  # only what a valid key has signed comes so far
            _remember(bureau, body, error)
        raise


def _remember(bureau: Bureau, body: bytes, error: RuleError) -> None:
    header = batches.parse_batch(body).header
    now = bureau.now()
    refused = [
        rows.RefusalRow(now, header.batch_id, each.line, each.rule, own_words(each.detail))
        for each in error.problems
    ]
    with bureau.transaction() as connection:
        rows.add_refusals(connection, header.furnisher, refused, REFUSALS_KEPT)
        quality.refused(connection, header.furnisher, bureau.today(), len({each.line for each in refused}))


def own_words(detail: str) -> str:
    """A detail without anything that the batch said."""
    return _FROM_THE_BATCH.sub("…", detail)


def standing(bureau: Bureau, furnisher: str) -> Standing:
    """How it stands with a furnisher."""
    with bureau.transaction() as connection:
        return Standing(
            [record for record in bureau.register(connection).current(furnisher) if record.role in ROLES],
            [
                Sent(row.batch_id, row.event_count, quality.admitted_at(row.receipt), row.block)
                for row in rows.newest_batches(connection, furnisher, BATCHES_SHOWN)
            ],
            rows.refusals(connection, furnisher),
            sorted(
                disputing.open_of_furnisher(connection, furnisher, 0, DISPUTES_SHOWN),
                key=lambda dispute: (dispute.due_on, dispute.number),
            ),
        )


def own_entry(bureau: Bureau, furnisher: str, index: int) -> Entry:
    """An entry that this furnisher reported. Raises NotFoundError, also when somebody else did, or its plaintext is gone."""
    with bureau.moment() as connection:
        return entry_in(bureau, connection, furnisher, index)


def entry_in(bureau: Bureau, connection: Connection, furnisher: str, index: int) -> Entry:
    """The same within a transaction."""
    found = state.event_at(connection, index)
    if found is None or found[1] != furnisher or found[0].sealed is None:
        raise NotFoundError("you reported no such entry, or its text was destroyed", code="no-entry")
    past = history.whole_history(connection, person_by_id(bureau, connection, found[0].citizen))
    entries = reports_in(past)
    if index not in entries:
        raise NotFoundError("this entry is none that can be mended", code="no-entry")
    return entries[index]


def reports_in(past: Sequence[tuple[int, event_formats.Event]]) -> dict[int, Entry]:
    """Every report in a citizen's history as it stands there, by log index."""
    made = repairs.repairs_of(past)
    retracted = {e.target for _, e in past if isinstance(e, event_formats.Retraction)}
    found = {}
    for index, event in past:
        if event_formats.type_of(event) in event_formats.REPORTS:
            stands = orjson.loads(event_formats.encode_event(made.standing(index, event)))
            found[index] = Entry(
                index=index,
                furnisher=event.furnisher,
                citizen=event.citizen,
                type=event_formats.type_of(event),
                event_id=event.id,
                fields={n: v for n, v in stands.items() if n not in COMMON_FIELDS} | {"day": stands["day"]},
                retracted=index in retracted,
                disputed=index in made.disputed,
                taken_out=index in made.taken_out,
            )
    return found


# ---- what is to be signed
# --------------------------------------------------------------------------------------------------


def fields_of(entry: Entry) -> list[str]:
    """The names of what a correction of this entry may say, those first that it has."""
    own = event_formats.FIELDS_BY_TYPE[entry.type] - frozenset(COMMON_FIELDS)
    return [*entry.fields, *sorted(own - entry.fields.keys())]


def retraction(entry: Entry, reason: str) -> Plain:
    """The entry is taken back."""
    return {
        "type": "retraction",
        "citizen": entry.citizen,
        "target": entry.index,
        "reason": reason,
        "day": entry.fields["day"],
    }


def correction(entry: Entry, corrected: dict[str, Any]) -> Plain:
    """The entry as it should have been: every field of its type, with `day`."""
    return {
        "type": "correction",
        "citizen": entry.citizen,
        "target": entry.index,
        "fields": corrected,
        "day": corrected.get("day", ""),
    }


def closing(entry: Entry, outcome: str, reason: str, today: str) -> Plain:
    """The dispute about the entry ends."""
    return {
        "type": "dispute_closed",
        "citizen": entry.citizen,
        "target": entry.index,
        "outcome": outcome,
        "reason": reason,
        "day": today,
    }


def prepared(bureau: Bureau, furnisher: str, events: Sequence[Plain]) -> Prepared:
    """Events that the ledger would take if they came now, for the furnisher to sign. Raises RuleError with what is wrong."""
    lines = [canon.encode(_completed(bureau, furnisher, event)) for event in events]
    header = Header(
        bureau.origin, furnisher, bureau.scheme, bureau.today(), bureau.genesis.utc_offset_minutes
    )
    decoded, problems = event_formats.decode_events(lines, header)
    if not problems:
        with bureau.transaction() as connection:
            problems = history.check(bureau, connection, furnisher, decoded)
    if problems:
        raise RuleError("the ledger would refuse this", code=intake.REFUSED, problems=tuple(problems))
    made = Prepared(list(events), "")
    return Prepared(made.events, f"{hashlib.sha256(made.lines).hexdigest()[:32]}.1-of-1")


def _completed(bureau: Bureau, furnisher: str, event: Plain) -> Plain:
    paperwork = {
        "v": 1,
        "ledger": bureau.origin,
        "furnisher": furnisher,
        "id": fields.uuid7(time.time_ns() // 1_000_000, os.urandom(10)),
        "nonce": fields.format_b64url32(os.urandom(32)),
    }
    return event | paperwork
