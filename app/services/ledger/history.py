"""What a citizen's file says right now, block or no block, and what the ledger's past forbids in a new batch.

The newest folded file stands in a sealed account version; events that were admitted since are folded on top. So a
withdrawn consent or a freeze counts from the moment its receipt was given, without waiting for a block (R17, R18).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import FormatError, LineProblem, RuleError
from app.core.months import month_of
from app.core.reporting import events as event_formats
from app.core.scoring import fold, folded, repairs
from app.core.state import account_state, sealing
from app.db import state
from app.services.citizens import dispute_clock
from app.services.ledger import delinquency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

FIRST_EVENT_LINE = 2
UNPLACED_INDEX = 2**52
"""Stands for the log index of events that no block holds yet; they come after all that have one."""


@dataclass(frozen=True, slots=True)
class Current:
    """A file with everything admitted since it was written; `mended` when a repair waits that the next block applies."""

    file: folded.File
    mended: bool = False


def brought_up_to_date(
    connection: Connection,
    persons: Mapping[int, Person],
    written: Mapping[int, tuple[int, account_state.AccountState | None]],
) -> dict[int, Current]:
    """The files of accounts as written at a block (-1 and None for none), with everything admitted since."""
    behind = state.events_behind(connection, {citizen: block for citizen, (block, _) in written.items()})
    return with_events(persons, {citizen: opened for citizen, (_, opened) in written.items()}, behind)


def with_events(
    persons: Mapping[int, Person],
    written: Mapping[int, account_state.AccountState | None],
    behind: Iterable[state.LoadedEvent],
) -> dict[int, Current]:
    """The same, of accounts and events that are at hand."""
    files = {
        citizen: folded.File() if opened is None else folded.reopen_file(bytes(opened.file))
        for citizen, opened in written.items()
    }
    waiting = defaultdict(list)
    for number, row in enumerate(behind):
        if row.sealed is not None:
            event = sealing.read(persons[row.citizen].data_key, row.sealed, event_formats.decode_stored)
            waiting[row.citizen].append((UNPLACED_INDEX + number, event))
    current = {citizen: Current(file) for citizen, file in files.items()}
    for citizen, events in waiting.items():
        # a repair changes the score at the next block; access does not wait for it
        plain = [pair for pair in events if not repairs.touches_repair(pair[1])]
        current[citizen] = Current(fold.fold(files[citizen], plain), mended=len(plain) < len(events))
    return current


def whole_history(connection: Connection, person: Person) -> list[tuple[int, event_formats.Event]]:
    """All events of a citizen that a block holds: (log index, event), ascending; destroyed bodies left out."""
    return [
        (index, sealing.read(person.data_key, row.sealed, event_formats.decode_stored))
        for row, index, _ in state.events_of_citizens(connection, [person.id])
        if index is not None and row.sealed is not None
    ]


def with_waiting(connection: Connection, person: Person) -> list[tuple[int, event_formats.Event]]:
    """`whole_history`, and behind it what no block holds yet, at indices from `UNPLACED_INDEX` on."""
    return [
        (
            UNPLACED_INDEX + number if index is None else index,
            sealing.read(person.data_key, row.sealed, event_formats.decode_stored),
        )
        for number, (row, index, _) in enumerate(state.events_of_citizens(connection, [person.id]))
        if row.sealed is not None
    ]


def check(
    bureau: Bureau, connection: Connection, furnisher: str, events: Sequence[event_formats.Event]
) -> list[LineProblem]:
    """What in a batch contradicts the ledger's past (R8, targets of repairs, R25, R28)."""
    return (
        delinquency.check(bureau, connection, furnisher, events)
        + _check_targets(bureau, connection, furnisher, events)
        + dispute_clock.check(bureau, connection, furnisher, events)
    )


def _check_targets(
    bureau: Bureau, connection: Connection, furnisher: str, events: Sequence[event_formats.Event]
) -> list[LineProblem]:
    """Repairs name an event that is in the log, of the same citizen, and (but for the bureau) of the same furnisher."""
    if not any(hasattr(cls, "target") for cls in set(map(type, events))):
        return []
    problems = []
    for line, event in enumerate(events, FIRST_EVENT_LINE):
        target = getattr(event, "target", None)
        if target is None:
            continue
        detail = _target_problem(bureau, connection, furnisher, event, target)
        if detail:
            problems.append(LineProblem(line, "R27", detail))
    return problems


def _target_problem(
    bureau: Bureau, connection: Connection, furnisher: str, event: event_formats.Event, target: int
) -> str:
    found = state.event_at(connection, target)
    person = bureau.people.find(connection, [event.citizen]).get(event.citizen)
    if found is None or person is None or found[0].citizen != person.id:
        return f"target {target} is no event of this citizen in the ledger"
    row, owner = found
    if isinstance(event, event_formats.Correction | event_formats.Retraction) and owner != furnisher:
        return f"target {target} was reported by another furnisher, who alone can change it"
    if isinstance(event, event_formats.DisputeClosed) and furnisher not in (owner, bureau.signer.name):
        return (
            f"target {target} was reported by another furnisher; a dispute is closed by it or by the bureau"
        )
    if isinstance(event, event_formats.CitizenStatement):
        return ""
    if row.sealed is None:
        return f"target {target} was destroyed and is in no score or report any more"
    original = sealing.read(person.data_key, row.sealed, event_formats.decode_stored)
    kind = event_formats.type_of(original)
    if kind not in event_formats.DISPUTABLE:
        return f"target {target} is a {kind}, which only the citizen's own further word changes"
    if isinstance(event, event_formats.Correction):
        try:
            corrected = event_formats.decode_corrected(original, event, admission_day=bureau.today())
        except (FormatError, RuleError) as error:
            return f"the corrected fields do not make an event: {error.detail}"
        return _reageing(original, corrected)
    return ""


def _reageing(original: event_formats.Event, corrected: event_formats.Event) -> str:
    """R8 for corrections: a status stays with its account and month, and its first delinquency never gets later."""
    if not isinstance(original, event_formats.Status) or not isinstance(corrected, event_formats.Status):
        return ""
    if corrected.account != original.account:
        return "a correction cannot move a status to another account (R8): retract it and report anew"
    if month_of(corrected.day) != month_of(original.day):
        return "a correction cannot move a status to another month (R8): retract it and report anew"
    before, after = original.first_delinquent_on, corrected.first_delinquent_on
    if before and after and after > before:
        return f"first_delinquent_on is {before} and cannot be corrected to a later day (R8)"
    return ""
