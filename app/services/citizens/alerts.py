"""News for a citizen, derived from the ledger: every look, every new negative entry, every passkey, every repair (R16, R21).

    news = alerts.newest(bureau, citizen_id, limit=50)      newest first
    alerts.unread(bureau, citizen_id)                       how many stand behind what was read
    alerts.mark_read(bureau, citizen_id, news)              a visit to the page

Nothing is stored but how far the citizen has read: what is news follows from the event (`core.exchange.news`), an audit of
many from its notice. Who comes for the first time has read everything so far: a whole record is not news.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.exchange.news import kind_of_news
from app.core.fields import format_day, parse_instant
from app.core.log import notices
from app.core.reporting import events as event_formats
from app.core.state import sealing
from app.db import alerting, ledger
from app.db import cosignatures as heads
from app.services.citizens import records
from app.services.citizens.links import hold, person_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person
    from app.services.citizens.records import EventView

AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Alert:
    """One piece of news: its kind (`core.exchange.news`, or `audit`), its place in the log, and the event."""

    kind: str
    log_index: int
    event: EventView
    is_new: bool = False


def newest(bureau: Bureau, citizen_id: int, limit: int) -> list[Alert]:
    """The newest news, newest first; those that were not read yet say so."""
    with bureau.transaction() as connection:
        person = hold(bureau, connection, citizen_id)
        upto = _read_upto(connection, citizen_id)
        found = behind(bureau, connection, person, -1)
    return [
        Alert(each.kind, each.log_index, each.event, each.log_index > upto)
        for each in reversed(found[-limit:])
    ]


def unread(bureau: Bureau, citizen_id: int) -> int:
    """How much news there is that was not read."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        upto = _read_upto(connection, citizen_id)
        return len(behind(bureau, connection, person_by_id(bureau, connection, citizen_id), upto))


def mark_read(bureau: Bureau, citizen_id: int, seen: Sequence[Alert]) -> None:
    """They have seen these."""
    if seen:
        with bureau.transaction() as connection:
            alerting.mark_read(connection, citizen_id, max(each.log_index for each in seen))


def behind(bureau: Bureau, connection: Connection, person: Person, index: int) -> list[Alert]:
    """News behind a log index in published blocks, in the order of the log. Nothing of somebody whose keys are gone."""
    if not person.data_key:
        return []
    block = heads.newest_shown(connection)
    found = []
    for row in alerting.events_behind_index(connection, person.id, index, block):
        line, event = sealing.read(person.data_key, row.sealed, event_formats.line_and_event)
        kind = kind_of_news(event)
        if kind is not None:
            view = records.view_of(line, event, row.commitment, row.log_index, row.block)
            found.append(Alert(kind, row.log_index, view))
    found += _audits(bureau, connection, person, index)
    return sorted(found, key=lambda each: each.log_index)


def _audits(bureau: Bureau, connection: Connection, person: Person, index: int) -> list[Alert]:
    """Audits behind an index that had something of this citizen in their range (R21)."""
    found = []
    for at, number, payload in alerting.audits(connection, index, heads.newest_shown(connection)):
        notice = notices.decode(payload)
        assert isinstance(notice, notices.AuditOpened), "that is what was asked for"
        if not alerting.has_event_between(connection, person.id, notice.from_, notice.to):
            continue
        event = records.EventView(
            log_index=at,
            block=number,
            day=format_day(bureau.local_day(parse_instant(notice.time))),
            type="audit_opened",
            furnisher="",
            negative=False,
            fields={"case": notice.case},
            commitment="",
            speaks_against=False,
        )
        found.append(Alert(AUDIT, at, event))
    return found


def newest_index(connection: Connection) -> int:
    """The last entry of the newest published block."""
    block = ledger.block_by_number(connection, heads.newest_shown(connection))
    return -1 if block is None else block.tree_size - 1


def _read_upto(connection: Connection, citizen_id: int) -> int:
    upto = alerting.read_upto(connection, citizen_id)
    if upto is None:
        upto = newest_index(connection)
        alerting.mark_read(connection, citizen_id, upto)
    return upto
