"""Who got wrong data is told (R27): banks that were answered about a citizen before an item of theirs was repaired.

A correction, a retraction or a dispute closed otherwise than as `upheld` concerns every bank with an answer about this
citizen from a block that held the item, within the profile's `recipients_months` before. The messages are stored with the
repair, in one transaction; a bank fetches its own with a signed note. A message says that an item was repaired and nothing
else: to see the score as it is now, the bank asks again, with the citizen's consent.

    {"after": 17, "corrections": [{"citizen": "<citizen key>", "index": 42}]}
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.exchange.request_note import CorrectionsNote
from app.core.months import add_months
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.scoring.profiles import PROFILES
from app.core.state import sealing
from app.db import corrections, state
from app.services import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

ROLE = "bank"
MESSAGES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """One repair that a bank is told of: whose item (citizen key), at which log index."""

    number: int
    citizen: bytes
    index: int


def tell(bureau: Bureau, connection: Connection, events: Sequence[event_formats.Event]) -> None:
    """Store the messages that these events, just admitted, make necessary."""
    if not event_formats.any_of(events, (types.Correction, types.Retraction, types.DisputeClosed)):
        return
    targets: dict[str, set[int]] = defaultdict(set)
    for event in events:
        if isinstance(event, types.Correction | types.Retraction) or (
            isinstance(event, types.DisputeClosed) and event.outcome != "upheld"
        ):
            targets[event.citizen].add(event.target)
    if not targets:
        return
    people = bureau.people.find(connection, targets)
    messages = [
        (bank, person.id, item)
        for citizen, person in people.items()
        for bank, item in _concerned(bureau, connection, person, targets[citizen])
    ]
    if messages:
        corrections.add(connection, messages)


def _concerned(
    bureau: Bureau, connection: Connection, person: Person, targets: set[int]
) -> Iterator[tuple[str, int]]:
    """(bank, log index of the item), each once."""
    items: dict[int, int] = {}  # log index -> block that holds it
    answers: list[types.Answer] = []
    today, months = bureau.today(), PROFILES[bureau.genesis.profile].recipients_months
    for row, index, block in state.events_of_citizens(connection, [person.id]):
        if row.sealed is None:
            continue
        event = sealing.read(person.data_key, row.sealed, event_formats.decode_stored)
        if index is not None and block is not None:
            items[index] = block
            if isinstance(event, types.Correction) and index in targets:
                targets = targets - {index} | {event.target}  # what is repaired is the event itself
        if isinstance(event, types.Answer) and add_months(event.day, months) >= today:
            answers.append(event)
    for item in sorted(targets & items.keys()):
        for bank in sorted({answer.recipient for answer in answers if answer.block >= items[item]}):
            yield bank, item


def messages(bureau: Bureau, note: bytes) -> list[Message]:
    """The next messages for the bank that signed this note. Raises FormatError, SignatureError."""
    request = CorrectionsNote.parse(note)
    requests.check_origin(bureau, request.origin)
    with bureau.transaction() as connection:
        requests.check_signature(bureau, connection, ROLE, request.name, request.time, note)
        rows = corrections.after(connection, request.name, request.number, MESSAGES_AT_ONCE)
    return [Message(*row) for row in rows]
