"""What a regulator does at the bureau: look at one file under a case, have everything audited, read what is announced.

look          one file: the case number is required, and a `look` of purpose `regulator` is in the ledger before anything is
              shown (R21)
open_audit    the regulator's signed note opens an audit: one notice, shown to everybody in range; then the bureau's own
              machine replays the ledger beside its work (`run_audits`) and keeps what was found. It is the bureau's word:
              who does not take it runs `credence audit` on a machine of their own
audits_over   the audits whose range has a citizen's entries
announced     the notices, newest first; `heads` the newest blocks with who cosigned them
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.core.errors import NotFoundError, RuleError, SignatureError
from app.core.exchange.audit_note import AuditNote
from app.core.field_types import REF
from app.core.fields import format_instant
from app.core.log import notices
from app.core.log.block import Block
from app.core.reporting.identifiers import check_identifier
from app.db import admission, cosignatures, ledger
from app.db import monitoring as rows
from app.services.citizens import overview, records
from app.services.ledger import own_events
from app.services.ledger.audit import audit, opening
from app.services.ledger.audit.source import DatabaseSource
from app.services.one_by_one import OneByOne
from app.services.proving.proofs import SHOWN_TO_CITIZENS
from app.services.scoring import kept

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from app.core.log.notices import Notice
    from app.services.bureau import Bureau
    from app.services.citizens.overview import Overview
    from app.services.citizens.records import Entries
    from app.services.scoring.kept import Report

PURPOSE: Final = "regulator"
AUDIT: Final = "audit"
FINDINGS_KEPT: Final = 200
HEADS: Final = 20
WAITING: Final = "waiting"
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Announced:
    """A notice with its place; None while no block holds it."""

    log_index: int | None
    notice: Notice


@dataclass(frozen=True, slots=True)
class Head:
    """A published block and the witnesses that cosigned it."""

    block: int
    tree_size: int
    time: dt.datetime
    root: bytes
    witnesses: list[str]


def look(bureau: Bureau, regulator: str, identifier: str, case: str) -> tuple[Overview, Entries]:
    """One citizen's file. Raises RuleError without a case (R21), FormatError, NotFoundError."""
    if re.match(REF, case) is None:
        message = "a regulator looks under a case: 1 to 64 characters of A-Z a-z 0-9 . _ - (R21)"
        raise RuleError(message, code="no-case")
    check_identifier(bureau.scheme, identifier)
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [identifier]).get(identifier)
        if person is None:
            raise NotFoundError("there is no file for this citizen")
        said = {"case": case, "purpose": PURPOSE, "recipient": regulator, "shown": sorted(SHOWN_TO_CITIZENS)}
        own_events.look(bureau, connection, identifier, said)
    return overview.overview(bureau, person.id), records.entries(bureau, person.id)


# ---- audits
# --------------------------------------------------------------------------------------------------


def open_audit(bureau: Bureau, regulator: str, note: bytes) -> Report:
    """Open an audit by this regulator's note, to be run soon. Raises what `opening.open_audit` raises."""
    asked = AuditNote.parse(note)
    if asked.regulator != regulator:
        raise SignatureError(
            f"the note is by {asked.regulator!r}, and you sit at {regulator!r}", code="other-name"
        )
    opened = opening.open_audit(bureau, note)
    body = {
        "regulator": regulator,
        "case": opened.case,
        "from": opened.first_index,
        "to": opened.last_index,
        "state": WAITING,
    }
    period = f"{format_instant(asked.time)} {opened.case}"
    kept.put(bureau, AUDIT, period, body)
    return kept.Report(AUDIT, period, "", bureau.now(), body)


def audits(bureau: Bureau, regulator: str) -> list[Report]:
    """A regulator's audits on this machine, the newest first."""
    return [each for each in kept.reports(bureau, AUDIT) if each.body["regulator"] == regulator]


def run_audits(bureau: Bureau) -> int:
    """Run every audit that waits; how many that were. PartlyDoneError behind them when one could not be run: it waits on."""
    waiting = [each for each in kept.reports(bureau, AUDIT) if each.body["state"] == WAITING]
    many = OneByOne()
    for each in waiting:
        with many.one():
            kept.put(bureau, AUDIT, each.period, each.body | _audited(bureau))
    done = len(waiting) - many.failed.total()
    many.raise_failed(done)
    return done


def _audited(bureau: Bureau) -> dict[str, Any]:
    """What an audit of everything, now, found."""
    found = audit(
        lambda: DatabaseSource.of_bureau(bureau),
        lambda _stage, _n: None,
        ledger_key=bureau.verifier,
        processes=0,
    )
    return {
        "state": "done",
        "events": found.events,
        "batches": found.batches,
        "blocks": found.blocks,
        "citizens": found.citizens,
        "size": found.size,
        "root": found.root.hex(),
        "opaque": 0 if found.opaque is None else found.opaque.events,
        "count": len(found.findings),
        "findings": [str(finding) for finding in found.findings[:FINDINGS_KEPT]],
    }


def start_audits(bureau: Bureau) -> int:
    """Let a process of its own run what waits, so that nothing else waits for it; 1 when one was started."""
    _children[:] = [child for child in _children if child.poll() is None]
    if _children or not any(each.body["state"] == WAITING for each in kept.reports(bureau, AUDIT)):
        return 0
    command = [sys.executable, "-m", "app.cli", "regulator", "audits"]
    _children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))  # noqa: S603 - our own
    return 1


def audits_over(bureau: Bureau, log_indices: Iterable[int]) -> list[Announced]:
    """The audits whose range has one of these entries, the newest first (R21)."""
    own = sorted(log_indices)
    with bureau.transaction() as connection:
        opened = admission.notices_with(connection, b'"notice":"audit_opened"')
    found = [Announced(index, notices.decode(payload)) for _, payload, index in opened]
    return [
        each
        for each in reversed(found)
        if isinstance(each.notice, notices.AuditOpened)
        and any(each.notice.from_ <= index <= each.notice.to for index in own)
    ]


# ---- what the ledger announces
# --------------------------------------------------------------------------------------------------


def announced(bureau: Bureau, limit: int, offset: int = 0) -> list[Announced]:
    """A page of notices, the newest first."""
    with bureau.transaction() as connection:
        found = rows.notices(connection, limit, offset)
    return [Announced(index, notices.decode(payload)) for payload, index in found]


def counted(bureau: Bureau) -> tuple[dict[str, int], dict[str, int]]:
    """(how many notices of each kind, how many entries they say are destroyed, by reason)."""
    with bureau.transaction() as connection:
        return rows.count_notices(connection), rows.count_destroyed(connection)


def heads(bureau: Bureau) -> list[Head]:
    """The newest published blocks, the newest first."""
    with bureau.transaction() as connection:
        newest = ledger.newest_published_number(connection)
        first = max(0, newest - HEADS + 1)
        blocks = [ledger.block_by_number(connection, number) for number in range(newest, first - 1, -1)]
        by = cosignatures.of_blocks(connection, first, newest)
    return [
        Head(
            each.number,
            each.tree_size,
            Block.parse(each.entry).time,
            each.root,
            sorted({signature.name for signature in by.get(each.number, [])}),
        )
        for each in blocks
        if each is not None
    ]
