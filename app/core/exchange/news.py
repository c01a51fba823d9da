"""Which events are news to the citizen whom they are about, and what kind of news that is.

    looked         an answer to a bank, a look by staff or a regulator; not the citizen's own
    opened         the citizen's own look, begun with a code that somebody handed out: its paper's number is the look's `case`
    refused        a bank asked and was refused
    negative       something that speaks against the citizen was reported
    repaired       a dispute was closed, an entry corrected or taken back
    passkey        somebody can sign in who could not before, or no longer can
    in_your_name   a consent, freeze, thaw, dispute, statement or erasure on paper: the citizen's own passkey signed none

Everything else is either routine or the citizen's own doing a moment ago.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from app.core.reporting import event_types as types
from app.core.reporting.event_base import Signed

if TYPE_CHECKING:
    from app.core.reporting.event_base import Event

Kind = Literal["looked", "opened", "refused", "negative", "repaired", "passkey", "in_your_name"]
CITIZEN: Final = "citizen"
"""The recipient of a citizen's own look."""


def kind_of_news(event: Event) -> Kind | None:
    """What kind of news it is, or None."""
    match event:
        case types.Answer():
            return None if event.range is not None else "looked"
        case types.Look():
            if event.recipient == CITIZEN:
                return None if event.case is None else "opened"
            return "looked"
        case types.RefusalGiven():
            return "refused"
        case types.DisputeClosed() | types.Correction() | types.Retraction():
            return "repaired"
        case types.PasskeyAdded() | types.PasskeyRemoved():
            return "passkey"
        case Signed():
            return "in_your_name" if event.basis in ("paper", "legal") else None
    return "negative" if event.negative else None
