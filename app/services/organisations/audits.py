"""Audits that regulators open on their page: opened, replayed by the bureau's own machine, kept, tried again when that fails.

    open_audit    the regulator's signed note opens an audit: one notice, shown to everybody in range
    run           replays for every audit that waits, in this process; one such process at a time works on a database
    start         the scheduler's: starts a process for what is due
    try_again     at once, for the regulator who does not want to wait
    over          the audits whose range has a citizen's entries

    waiting -> running -> done
               running -> waiting    `failures` so far, why it `failed`, when to `try_at`: after 1, 2, 4 ... 60 minutes

Of a failure the kind and the code are kept, never the text, which may name a citizen. Who was killed says nothing of it:
an audit that is `running` while nobody is at work has failed, too, and whoever looks next writes that down. The replay is
the bureau's word; who does not take it runs `credence audit` on a machine of their own.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from app.core.errors import NotFoundError, RefusedError, SignatureError
from app.core.exchange.audit_note import AuditNote
from app.core.fields import format_instant, parse_instant
from app.core.log import notices
from app.db import admission, monitoring
from app.db.sole import SoleLock
from app.services.ledger.audit import audit, opening
from app.services.ledger.audit.source import DatabaseSource
from app.services.one_by_one import OneByOne, kind_of
from app.services.organisations.supervision import Announced
from app.services.scoring import kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.services.bureau import Bureau
    from app.services.scoring.kept import Report

KIND: Final = "audit"
FINDINGS_KEPT: Final = 200
WAITING, RUNNING, DONE = "waiting", "running", "done"
ENDED: Final = "process-ended"
"""Why it failed, where the process that replayed was ended or lost the database, and could not say so."""
RETRY_S: Final = 60
RETRY_MAX_S: Final = 3_600
_OF_A_TRY: Final = ("failures", "failed", "try_at")
_children: list[subprocess.Popen[bytes]] = []


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
    kept.put(bureau, KIND, period, body)
    return kept.Report(KIND, period, "", bureau.now(), body)


def of(bureau: Bureau, regulator: str) -> list[Report]:
    """A regulator's audits on this machine, the newest first."""
    return [each for each in kept.reports(bureau, KIND) if each.body["regulator"] == regulator]


def try_again(bureau: Bureau, regulator: str, period: str) -> None:
    """Let one of a regulator's audits that failed be due now. NotFoundError when it has none of this period."""
    found = next((each for each in of(bureau, regulator) if each.period == period), None)
    if found is None:
        raise NotFoundError("this regulator has opened no such audit", code="no-audit")
    if found.body["state"] == WAITING:
        _put(bureau, found, {name: value for name, value in found.body.items() if name != "try_at"})


# ---- at work


def run(bureau: Bureau, *, due: bool = False) -> int:
    """Run every audit that waits, or only what is `due`; how many that were. PartlyDoneError behind them when one failed.

    RefusedError while another process is at it.
    """
    lock = SoleLock(bureau.engine, monitoring.AUDITS_LOCK)
    if not lock.take():
        raise RefusedError("another process is at the audits already", code="audits-running")
    many, done = OneByOne(), 0
    with closing(lock):
        _settle(bureau)
        for each in kept.reports(bureau, KIND):
            if each.body["state"] == WAITING and (not due or is_due(each, bureau.now())):
                with many.one():
                    _run(bureau, each)
                    done += 1
    many.raise_failed(done)
    return done


def _run(bureau: Bureau, asked: Report) -> None:
    _put(bureau, asked, asked.body | {"state": RUNNING})
    try:
        found = _audited(bureau)
    except Exception as error:
        _put(bureau, asked, _failed(bureau, asked.body, kind_of(error)))
        raise
    _put(bureau, asked, {k: v for k, v in asked.body.items() if k not in _OF_A_TRY} | found)


def _audited(bureau: Bureau) -> dict[str, Any]:
    """What an audit of everything, now, found."""
    found = audit(
        lambda: DatabaseSource.of_bureau(bureau),
        lambda _stage, _n: None,
        ledger_key=bureau.verifier,
        processes=0,
    )
    return {
        "state": DONE,
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


def start(bureau: Bureau) -> int:
    """Let a process of its own run what is due, so that nothing else waits for it; 1 when one was started."""
    _children[:] = [child for child in _children if child.poll() is None]
    asked = [each for each in kept.reports(bureau, KIND) if each.body["state"] != DONE]
    if _children or not asked:
        return 0
    lock = SoleLock(bureau.engine, monitoring.AUDITS_LOCK)
    if not lock.take():
        return 0
    with closing(lock):
        _settle(bureau)
    if not any(is_due(each, bureau.now()) for each in kept.reports(bureau, KIND)):
        return 0
    command = [sys.executable, "-m", "app.cli", "regulator", "audits", "--due"]
    _children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))  # noqa: S603 - our own
    return 1


def is_due(asked: Report, now: dt.datetime) -> bool:
    """Whether it waits, and the time of its next try has come."""
    at = asked.body.get("try_at")
    return asked.body["state"] == WAITING and (at is None or parse_instant(at) <= now)


def _settle(bureau: Bureau) -> None:
    """With the lock held nobody is at work, so what is said to run was broken off."""
    for each in kept.reports(bureau, KIND):
        if each.body["state"] == RUNNING:
            _put(bureau, each, _failed(bureau, each.body, ENDED))


def _failed(bureau: Bureau, body: dict[str, Any], why: str) -> dict[str, Any]:
    """What is kept of an audit that failed once more."""
    failures = body.get("failures", 0) + 1
    wait_s = min(RETRY_S << min(failures - 1, 20), RETRY_MAX_S)
    try_at = format_instant(bureau.now() + dt.timedelta(seconds=wait_s))
    return body | {"state": WAITING, "failures": failures, "failed": why, "try_at": try_at}


def _put(bureau: Bureau, asked: Report, body: dict[str, Any]) -> None:
    kept.put(bureau, KIND, asked.period, body)


# ---- for citizens


def over(bureau: Bureau, log_indices: Iterable[int]) -> list[Announced]:
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
