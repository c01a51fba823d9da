"""Staff look at a file, and the citizen sees it (R16): the look is an event of the bureau's own before anything is shown.

{"case":"case-12","purpose":"account_review","recipient":"bureau","shown":["file","flags",...],"type":"look",...}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.services.citizens.links import identifier_of
from app.services.ledger import own_events
from app.services.proving.proofs import SHOWN_TO_CITIZENS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

PURPOSE = "account_review"


def record_look(
    bureau: Bureau,
    connection: Connection,
    person: Person,
    case: str,
    shown: Iterable[str] = SHOWN_TO_CITIZENS,
) -> None:
    """Somebody at the bureau opens the file, the whole of it or what is `shown`, for a case. `people.hold` comes before."""
    said = {"case": case, "purpose": PURPOSE, "recipient": bureau.signer.name, "shown": sorted(shown)}
    own_events.look(bureau, connection, identifier_of(connection, person), said)
