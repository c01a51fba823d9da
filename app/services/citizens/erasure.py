"""Erasure on a citizen's wish (R40): asked for, called off, carried out by the clock.

    of_citizen(bureau, citizen)                  what stands, what would go, what would stay
    ask_on_paper(bureau, connection, key, ref)   for staff, two of whom decided so; online it is the citizen's signed event
    carry_out(bureau)                            what is due: consents end, notices name what goes, blocks destroy it

What goes is said in `core.state.erasure`. From `COOLING_OFF_DAYS` behind the day it was asked for, the scheduler carries it
out in two steps: the bureau withdraws what consents were given before (`basis` `legal`, `basis_ref` `erasure-<log index>`);
once that is in a block, notices `destroyed` of reason `erasure` name the entries, and one `erasure` the event that asked, and
what reaches or shows the citizen by itself ends: address for mail, links to a range of the score, banks' watches. The blocks
that take the notices in give the citizen new keys (`services.ledger.destruction`). Whoever has something waiting for a block
is left to the next run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.errors import NotFoundError
from app.core.log import notices
from app.core.reporting import event_types as types
from app.core.scoring import fold, folded
from app.core.scoring.profiles import PROFILES
from app.core.state import erasure
from app.db import admission, alerting, erasing, people, sharing, watches
from app.services.citizens.links import hold, identifier_of, person_by_id
from app.services.ledger import history, intake
from app.services.ledger.own_events import own_event, store
from app.services.one_by_one import OneByOne

if TYPE_CHECKING:
    import datetime as dt

    from app.core.reporting.event_base import Event
    from app.db.session import Connection
    from app.services.bureau import Bureau

AT_ONCE: Final = 100
ON_PAPER: Final = "paper"


@dataclass(frozen=True, slots=True)
class View:
    """How an erasure stands. `asked_at` is its log index (of an unplaced one none), None without one that stands."""

    asked_on: str | None
    asked_at: int | None
    due_on: dt.date | None
    last_day: str | None
    going: int
    staying: int
    carried_out_on: str | None


def of_citizen(bureau: Bureau, citizen_id: int) -> View:
    """What an erasure would take, and how the last one stands."""
    days = PROFILES[bureau.genesis.profile].erasure_days
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        events = history.with_waiting(connection, person)
        row = erasing.newest(connection, person.id)
    going = erasure.consent_based(events)
    done = str(row.ended_on) if row is not None and row.outcome == "carried_out" else None
    asked = erasure.standing(events)
    if row is None or row.ended_on is not None or not asked:
        return View(None, None, None, None, len(going), len(events) - len(going), done)
    index, event = asked[-1]
    placed = index if index < history.UNPLACED_INDEX else None
    last = erasure.last_day(event.day, days)
    return View(
        event.day, placed, erasure.due_on(event.day), last, len(going), len(events) - len(going), done
    )


def ask_on_paper(bureau: Bureau, connection: Connection, citizen_key: bytes, ref: str) -> None:
    """Admit the erasure that a citizen asked for on paper number `ref`. FormatError; NotFoundError without a file, and
    before the first block of one.
    """
    found = people.citizen_by_key(connection, citizen_key)
    if found is None or found.wrapped is None:
        raise NotFoundError("no block holds a file under this citizen key", code="no-file")
    person = hold(bureau, connection, found.id)
    more = {"scope": "consent_based", "basis": ON_PAPER, "basis_ref": ref}
    line = own_event(bureau, "erasure", identifier_of(connection, person), more, timed=False)
    store(bureau, connection, f"erasure-{ref}", line)


# ---- the clock
# --------------------------------------------------------------------------------------------------


def carry_out(bureau: Bureau) -> int:
    """Take the next step of every erasure that is due; how many steps that were. One that cannot be carried out does not
    hold up the others: PartlyDoneError comes behind them.
    """
    steps, after, many = 0, 0, OneByOne()
    while True:
        with bureau.transaction() as connection:
            rows = erasing.waiting(connection, bureau.local_day(bureau.now()), AT_ONCE, after)
        if not rows:
            break
        for number, citizen in rows:
            after = number
            with many.one():
                steps += _step(bureau, citizen)
    many.raise_failed(steps)
    return steps


def _step(bureau: Bureau, citizen: int) -> bool:
    """One step; False when the citizen has something waiting for a block."""
    with bureau.transaction() as connection:
        person = hold(bureau, connection, citizen)
        admission.lock_access(connection, [identifier_of(connection, person)])
        admission.lock_out_admissions(connection)  # nothing comes in between looking and naming
        events = history.with_waiting(connection, person)
        if any(index >= history.UNPLACED_INDEX for index, _ in events):
            return False
        today = bureau.local_day(bureau.now())
        asked = erasure.standing(events)
        if not asked:
            return bool(erasing.end(connection, citizen, today, "called_off"))
        withdrawn = _withdrawals(bureau, events, asked[-1][0])
        if withdrawn:
            _withdraw(bureau, connection, withdrawn, asked[-1][0])
            return True
        _announce(bureau, connection, erasure.consent_based(events), asked[-1][0])
        _end_reach(bureau, connection, citizen)
        erasing.end(connection, citizen, today, "carried_out")
    return True


def _withdrawals(bureau: Bureau, events: list[tuple[int, Event]], asked_at: int) -> list[tuple[str, str]]:
    """(citizen, consent id) of consents from before the erasure that still hold."""
    today = bureau.today()
    file = fold.fold_history(events)
    return [
        (event.citizen, event.id)
        for index, event in events
        if isinstance(event, types.ConsentGiven) and index < asked_at and _holds(file, event.id, today)
    ]


def _holds(file: folded.File, consent: str, today: str) -> bool:
    kept = file.consents.get(consent)
    return kept is not None and kept.withdrawn is None and (kept.until or "") > today


def _withdraw(bureau: Bureau, connection: Connection, consents: list[tuple[str, str]], asked_at: int) -> None:
    ref = f"erasure-{asked_at}"
    lines = [
        own_event(
            bureau,
            "consent_withdrawn",
            citizen,
            {"consent": consent, "basis": "legal", "basis_ref": ref},
            timed=False,
        )
        for citizen, consent in consents[: intake.NAMES_PER_BATCH_MAX]
    ]
    store(bureau, connection, f"{ref}-{consents[0][1]}", *lines)


def _end_reach(bureau: Bureau, connection: Connection, citizen: int) -> None:
    """Nothing is left that reaches or shows the citizen by itself, also where there is nothing for a block to destroy: the
    address for mail, links to a range of the score, banks' watches with what they still had to tell.
    """
    alerting.forget_address(connection, citizen)
    sharing.end_all(connection, citizen)
    for watch in watches.of_citizen(connection, citizen):
        watches.end(connection, watch.number, "erased", bureau.now())


def _announce(bureau: Bureau, connection: Connection, going: list[int], asked_at: int) -> None:
    """The notices, in an order in which each may be carried out before the next."""
    now, most = bureau.now(), notices.DESTROYED_MAX
    for start in range(0, len(going), most):
        notice = notices.destroyed(going[start : start + most], erasure.REASON, now)
        admission.insert_notice(connection, notices.encode(notice))
    admission.insert_notice(connection, notices.encode(notices.erasure_done(asked_at, now)))
