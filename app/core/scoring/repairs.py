"""Repairs: what corrections, retractions and disputes make of a citizen's other events.

    target corrected             its corrected fields, at the target's place (its log index)
    target retracted             left out for good; a retracted correction gives way to the one before it
    target with an open dispute  in doubt until the dispute is closed; it may be opened again
    its dispute closed as        the item stands, as it was or as it was corrected meanwhile
      upheld, corrected
    its dispute closed as        taken out, in doubt for good: nobody could or would show that it is right (R25); only a later
      unverifiable, deadline     correction by which it was certified, and of which the citizen was told, puts it back (R28)

**In doubt** is an item of which what it says is left out, and only that something was reported stays: of which account,
rent or case, and of which month; of an opening also its day, for the age of the file alone. An open dispute takes away what
the item can do to the citizen (R23), and no more. Without that rest it could take away the score itself: of six months that
a file needs one would be missing (R35), and the citizen who asks, or whom nobody answers, would be worse off than before.

What can only help stays in the file whole: a payment, an on-time report, a settlement. To leave those out would punish
whoever asks, too: the debt whose day of settlement is disputed would stand as open, and two late months beside a disputed
on-time one as one long delinquency.

Putting back (R28): the correction has every field of the item as it is to stand, signed by its furnisher, and a `notified_on`
that is not before the day on which the item was taken out: so only what is negative, and told, can come back. What can only
help is never taken out.

Of several corrections of one event the last in the log stands. A repair whose target is not in the history (its
plaintext was destroyed) changes nothing. Example: an event at 7, corrected at 9, disputed at 12:

    made = repairs_of([(7, status), (9, correction), (12, dispute)])
    made.disputed, made.standing(7, status)         # {7}, the corrected status

Source: formats.md sections 2 (repair) and 8; docs/decisions/0025; rules R23, R27, R28, R35.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.errors import CredenceError
from app.core.reporting import event_types as et
from app.core.reporting.events import decode_corrected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.reporting.event_base import Event

_REPAIRS: Final = (et.Correction, et.Retraction, et.DisputeOpened, et.DisputeClosed)
REPAIRS: Final[tuple[type[Event], ...]] = _REPAIRS
SETTLEMENTS: Final = (et.ArrearsPaid, et.CollectionSettled, et.CourtDebtSettled, et.InsolvencyDischarged)


FOR_THE_CITIZEN: Final = ("deadline", "unverifiable")
"""Outcomes of a dispute by which the item is taken out."""


def touches_repair(event: Event) -> bool:
    """Whether the event changes what earlier ones said."""
    return isinstance(event, _REPAIRS)


def only_helps(event: Event) -> bool:
    """Whether no file gets a lower score by this event: it stays while it is disputed."""
    return isinstance(event, (*SETTLEMENTS, et.Payment)) or getattr(event, "status", None) == "on_time"


class Repairs(NamedTuple):
    """Of a history: the log indices that are retracted, those and what was taken out, those in an open dispute, and the
    correction of each.
    """

    retracted: set[int]
    void: set[int]
    disputed: set[int]
    corrections: dict[int, et.Correction]
    taken_out: dict[int, str]
    """Since which day, of what a dispute took out; those that can only help are here and not in `void`."""

    def in_doubt(self, index: int, event: Event) -> bool:
        """Whether of this event, as it stands, only that there was a report is left; of a retracted one not even that."""
        return index in self.void or (index in self.disputed and not only_helps(event))

    def standing(self, index: int, event: Event) -> Event:
        """The event as it stands, corrected or as it came. A correction that does not make one is no correction."""
        correction = self.corrections.get(index)
        if correction is None:
            return event
        try:
            return decode_corrected(event, correction)
        except CredenceError:
            return event


def repairs_of(history: Sequence[tuple[int, Event]]) -> Repairs:
    """The repairs in a history, which is ascending by log index."""
    by_index = dict(history)
    retracted = _retracted(history)
    corrections: dict[int, et.Correction] = {}
    disputed: set[int] = set()
    taken_out: dict[int, str] = {}
    for index, event in history:
        if index in retracted:
            continue
        if isinstance(event, et.Correction):
            corrections[event.target] = event
            if event.target in taken_out and certifies(event, taken_out[event.target]):
                del taken_out[event.target]
        elif isinstance(event, et.DisputeOpened):
            disputed.add(_item(by_index, event.target))
        elif isinstance(event, et.DisputeClosed):
            item = _item(by_index, event.target)
            if item in disputed and event.outcome in FOR_THE_CITIZEN:
                taken_out.setdefault(item, event.day)
            disputed.discard(item)
    made = Repairs(retracted, retracted, disputed, corrections, taken_out)
    out = {i for i in taken_out if i in by_index and not only_helps(made.standing(i, by_index[i]))}
    return made._replace(void=retracted | out, disputed=(disputed - retracted - out) & by_index.keys())


def certifies(correction: et.Correction, since: str) -> bool:
    """R28: whether a correction may put back what a dispute took out on day `since`: the citizen was told then or later."""
    notified_on = correction.fields.get("notified_on")
    return isinstance(notified_on, str) and notified_on >= since


def _retracted(history: Sequence[tuple[int, Event]]) -> set[int]:
    """The log indices that a retraction names; a retraction itself cannot be taken back (R28)."""
    retractions = {index for index, event in history if isinstance(event, et.Retraction)}
    return {event.target for _, event in history if isinstance(event, et.Retraction)} - retractions


def _item(by_index: dict[int, Event], target: int) -> int:
    """The event in dispute: of a disputed correction, the one that it corrects."""
    event = by_index.get(target)
    return event.target if isinstance(event, et.Correction) else target
