"""An answer that a bank was given, found again by its id: what letters and watches begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import NotFoundError
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.state import sealing
from app.db import admission
from app.services.citizens.links import person_by_id

if TYPE_CHECKING:
    from uuid import UUID

    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

_NONE = "this bank was given no such answer"


def answer(bureau: Bureau, connection: Connection, answer_id: UUID, bank: str) -> tuple[Person, types.Answer]:
    """(whose file, the answer). Raises NotFoundError, the same for what is not there and for another bank's; a range
    credential is none, for its audience never saw the score.
    """
    found = admission.event_by_id(connection, bureau.signer.name, answer_id)
    if found is None:
        raise NotFoundError(_NONE, code="no-answer")
    person = person_by_id(bureau, connection, found.citizen)
    if found.sealed is None:
        raise NotFoundError("this answer's time is over: its text was destroyed", code="destroyed")
    event = sealing.read(person.data_key, found.sealed, event_formats.decode_stored)
    if not isinstance(event, types.Answer) or event.range is not None or event.recipient != bank:
        raise NotFoundError(_NONE, code="no-answer")
    return person, event
