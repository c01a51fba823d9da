"""Retention, run daily: what is past its time is found, and a notice admitted by which the next block destroys it (R11).

    1. files     everybody's folded file is opened; most say at once that nothing of theirs can be due
    2. events    of the others, every event: which are past their retention today?      core.state.retention
    3. notices   the log indices, whole citizens together, up to 1,500 a notice
    4. blocks    the sequencer destroys what the notice names                           services.ledger.destruction

Whoever has an event that no block holds yet is left to the next run, so that nothing is judged that is not in the log. A
notice names log indices alone: who it is about, only the bureau can tell.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.errors import RefusedError
from app.core.log import notices
from app.core.scoring import folded
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import parse_card
from app.core.state import account_state, retention, sealing
from app.db import admission, destruction, people, state
from app.services.ledger import history
from app.services.ledger.cards import card_in_force, published_cards
from app.services.one_by_one import OneByOne

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from app.core.scoring.folded import File
    from app.core.scoring.scorecard import Card
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

CITIZENS_AT_ONCE = 1_000
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did: citizens that were looked at, those with something due, how many events and notices that were, and for
    how many citizens it could not be said, by kind of error.
    """

    citizens: int = 0
    concerned: int = 0
    events: int = 0
    notices: int = 0
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Due:
    """One citizen's events that are past their time, in an order that may be cut anywhere; `seen`: the newest block then."""

    citizen: int
    log_indices: list[int]
    seen: int


def run(bureau: Bureau, advance: Callable[[int], None], *, dry: bool = False, thorough: bool = False) -> Run:
    """Admit the notices; with `dry` only count. `advance` is told how many citizens each step covered.

    `thorough` opens every event of everybody. Raises RefusedError when the database's user may not destroy.
    """
    with bureau.transaction() as connection:
        if not dry and not destruction.may_destroy(connection):
            message = (
                f"this database's user may not destroy: GRANT {destruction.RETENTION_ROLE} to it and to the"
                " sequencer's (docs/operations.md, 'Retention')"
            )
            raise RefusedError(message, code="may-not-destroy")
    citizens = concerned = events = admitted = 0
    waiting: list[Due] = []
    many = OneByOne()
    for looked_at, found in _pages(bureau, many, thorough=thorough):
        citizens, concerned = citizens + looked_at, concerned + len(found)
        events += sum(len(each.log_indices) for each in found)
        waiting += found
        while not dry and sum(len(each.log_indices) for each in waiting) >= notices.DESTROYED_MAX:
            waiting, more = _admit(bureau, waiting)
            admitted += more
        advance(looked_at)
    while not dry and waiting:
        waiting, more = _admit(bureau, waiting)
        admitted += more
    return Run(citizens, concerned, events, admitted, many.failed)


def scrub(bureau: Bureau, patience_s: float = 300.0) -> bool:
    """Wait until the sequencer has destroyed what is announced, then leave no deleted key in the database's files.

    False when the server may still hold some in WAL that it writes over later. Raises RefusedError when no sequencer does it,
    or the database's user does not own the tables.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        with bureau.transaction() as connection:
            if not _announced(connection):
                break
        if time.monotonic() > deadline_s:
            message = "what is announced is not destroyed yet: is the sequencer at work? Then run this again"
            raise RefusedError(message, code="not-destroyed-yet")
        time.sleep(POLL_S)
    return destruction.scrub(bureau.engine.url.render_as_string(hide_password=False))


def count_citizens(bureau: Bureau) -> int:
    """How many a run looks at."""
    with bureau.transaction() as connection:
        return people.count_citizens(connection)


def _pages(bureau: Bureau, many: OneByOne, *, thorough: bool) -> Iterator[tuple[int, list[Due]]]:
    """Page by page: how many citizens, and what is due of them."""
    after = 0
    while True:
        with bureau.moment() as connection:
            rows = people.citizens_after(connection, after, CITIZENS_AT_ONCE)
            if not rows:
                return
            persons = {}
            for row in rows:
                if row.wrapped is not None:
                    with many.one():
                        persons[row.id] = bureau.people.unwrap(row)
            found = _due(bureau, connection, persons, many, thorough=thorough)
        after = rows[-1].id
        yield len(rows), found


def _due(
    bureau: Bureau, connection: Connection, persons: Mapping[int, Person], many: OneByOne, *, thorough: bool
) -> list[Due]:
    announced = _announced(connection)
    card = _card(bureau, connection)
    found = []
    for loaded in state.load_accounts(connection, list(persons)):
        with many.one():
            person = persons[loaded.citizen]
            if loaded.sealed is None or loaded.block is None:
                continue
            opened = sealing.read(person.data_key, loaded.sealed, account_state.decode)
            file: File = folded.reopen_file(bytes(opened.file))
            if not thorough and not retention.may_hold(file):
                continue
            events = history.whole_history(connection, person)
            if state.events_behind(connection, {person.id: loaded.block}):
                continue
            going = retention.due(events, bureau.today(), card, PROFILES[bureau.genesis.profile])
            if going and not announced.intersection(going):
                found.append(Due(person.id, going, loaded.block))
    return found


def _announced(connection: Connection) -> set[int]:
    """What notices name that no block holds yet."""
    waiting = [
        notices.decode(payload)
        for _, payload, index in admission.notices_with(connection, b'"notice":"destroyed"')
        if index is None
    ]
    return {index for notice in waiting if isinstance(notice, notices.Destroyed) for index in notice.entries}


def _card(bureau: Bureau, connection: Connection) -> Card:
    today = bureau.local_day(bureau.now())
    _, document = card_in_force(connection, published_cards(connection), today)
    return parse_card(document)


def _cut(waiting: list[Due]) -> tuple[list[Due], list[Due]]:
    """As many of the first as a notice has room for, and the rest. Only whoever fills one alone is cut in two."""
    room = notices.DESTROYED_MAX
    for place, each in enumerate(waiting):
        if len(each.log_indices) > room:
            if place:
                return waiting[:place], waiting[place:]
            head, tail = each.log_indices[:room], each.log_indices[room:]
            return [Due(each.citizen, head, each.seen)], [Due(each.citizen, tail, each.seen), *waiting[1:]]
        room -= len(each.log_indices)
    return waiting, []


def _admit(bureau: Bureau, waiting: list[Due]) -> tuple[list[Due], int]:
    """Admit one notice with the first of these; (those that are left, how many notices that were: one, or none)."""
    named, left = _cut(waiting)
    with bureau.transaction() as connection:
        admission.lock_out_admissions(connection)
        news = {row.citizen for row in state.events_behind(connection, {e.citizen: e.seen for e in named})}
        entries = [index for each in named if each.citizen not in news for index in each.log_indices]
        if not entries:
            return left, 0
        notice = notices.destroyed(entries, retention.REASON, bureau.now())
        admission.insert_notice(connection, notices.encode(notice))
    return left, 1
