"""A furnisher is shown where the events of its own batches were filed: event proofs with `filed`, a page at a time.

    {"batch_entry_path":...,"event":"...","filed":{...},"kind":"event",...}       one line for each event, in their order
    {"destroyed":4711,"v":1}                                                      its plaintext was destroyed (R11, R40)

Who asks signs a note with the furnisher's key (docs/formats.md section 22). What is shown beside the furnisher's own events
is how many events each of their citizens has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import NotFoundError
from app.core.exchange.request_note import FiledNote
from app.db import admission, state
from app.services import requests
from app.services.proving import proofs
from app.services.proving.claims import BatchPlace, EventClaims

if TYPE_CHECKING:
    from app.services.bureau import Bureau

EVENTS_AT_ONCE: Final = 100
ROLES: Final = ("lender", "utility", "public_body", "bank", "enrolment")


def filed_events(bureau: Bureau, note: bytes) -> list[bytes]:
    """Canonical JSON for each of the next events that this note asks for; none behind the last. FormatError, SignatureError,
    NotFoundError (code `no-batch`, or `not-in-block`).
    """
    request = FiledNote.parse(note)
    requests.check_origin(bureau, request.origin)
    with bureau.transaction() as connection:
        requests.check_signature(
            bureau, connection, ROLES[0], request.furnisher, request.time, note, *ROLES[1:]
        )
        bureau.people.hold(connection)
        at = proofs.snapshot(bureau, connection)
        placed = admission.place_of(connection, request.furnisher, request.batch_id)
        if placed is None:
            raise NotFoundError("this furnisher has no such batch here", code="no-batch")
        first_index, count = placed
        if first_index is None or first_index >= at.block.tree_size:
            raise NotFoundError("this batch is in no published block yet", code="not-in-block")
        batch = BatchPlace.read(connection, first_index + 1, request.furnisher, at)
        assert batch is not None, "a batch in a block has a place"
        claims = EventClaims(bureau, connection, at, batch)
        answers = []
        for position in range(request.first, min(request.first + EVENTS_AT_ONCE, count)):
            index = first_index + 1 + position
            found = state.event_at(connection, index)
            assert found is not None, "a batch has all of its events"
            answers.append(_answer(claims, index, found[0]))
    return answers


def _answer(claims: EventClaims, index: int, event: state.LoadedEvent) -> bytes:
    try:
        return claims.of(index, event)
    except NotFoundError as error:
        if error.code != "destroyed":
            raise
        return canon.encode({"destroyed": index, "v": 1})
