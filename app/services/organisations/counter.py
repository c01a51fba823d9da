"""At the counter: clerks hand out enrolment codes, and enter what citizens without a device will on paper.

    code(bureau, clerk, "uci:17", "form-17")                                  whose identity was seen: a one-time code
    enter(bureau, clerk, "uci:17", "freeze", {}, "form-18")                   a freeze, thaw, dispute, statement, consent
    enter(bureau, clerk, "uci:17", "consent_withdrawn", {"grantee": ...}, ..) every consent that stands for this bank

An act on paper is an event with `basis` `paper` and its number, so the citizen sees it, and whoever audits can ask
for the paper. Who entered it stands in a journal that officers read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.core.errors import RuleError
from app.db import journal
from app.services.citizens import acts, enrolment, passkeys
from app.services.organisations import seats

if TYPE_CHECKING:
    import datetime as dt

    from app.services.bureau import Bureau
    from app.services.organisations.seats import Seat

ROLE: Final = "clerk"
KINDS: Final = ("freeze", "thaw", "consent_given", "consent_withdrawn", "dispute_opened", "citizen_statement")
CODE: Final = "enrolment_code"
SHOWN_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Act:
    """A line of the journal."""

    clerk: str
    acted_at: dt.datetime
    act: str
    ref: str


def code(bureau: Bureau, seat: Seat, identifier: str, ref: str) -> str:
    """A one-time code for a citizen whose identity this clerk has seen. FormatError; NotFoundError when there is no file."""
    _require_clerk(bureau, seat)
    made = enrolment.issue_code(bureau, identifier, ref)
    _write_down(bureau, seat, CODE, ref)
    return made


def enter(  # noqa: PLR0917 - who, for whom, what, and the paper
    bureau: Bureau, seat: Seat, identifier: str, kind: str, more: dict[str, Any], ref: str
) -> int:
    """Enter what a citizen wills on paper; how many events that made. FormatError, RuleError, NotFoundError."""
    _require_clerk(bureau, seat)
    if kind not in KINDS:
        raise RuleError(f"{kind!r} is nothing that is entered from paper", code="unknown-kind")
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
        consents = passkeys.file_now(connection, person).consents
    each = [more]
    if kind == "consent_withdrawn":
        each = [
            {"consent": name}
            for name, consent in consents.items()
            if consent.grantee == more["grantee"] and consent.withdrawn is None
        ]
        if not each:
            raise RuleError("no consent stands for this bank", code="no-consent")
    for fields in each:
        acts.on_paper(bureau, identifier, kind, fields, ref)
    _write_down(bureau, seat, kind, ref)
    return len(each)


def acted(bureau: Bureau) -> list[Act]:
    """The journal, the newest first: for officers."""
    with bureau.transaction() as connection:
        names = seats.labels(connection)
        return [
            Act(names[row.seat], row.acted_at, row.act, row.ref)
            for row in journal.newest(connection, SHOWN_MAX)
        ]


def _require_clerk(bureau: Bureau, seat: Seat) -> None:
    if seat.role != ROLE:
        raise RuleError("the counter is for clerks", code="not-a-clerk")
    with bureau.transaction() as connection:
        seats.still_there(connection, seat.id)


def _write_down(bureau: Bureau, seat: Seat, act: str, ref: str) -> None:
    with bureau.transaction() as connection:
        journal.add(connection, seat.id, bureau.now(), act, ref)
