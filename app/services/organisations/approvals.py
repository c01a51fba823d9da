"""Two people for what cannot be undone: one officer proposes, another approves, and then it happens, once.

A proposal is canonical JSON and known by its SHA-256, which both officers are shown:

    {"details":{"name":"bank.example","reason":"the laptop was lost","role":"bank"},"kind":"key_revocation",
     "ledger":"credence.example/research"}

What it would do is tried when it is proposed (and taken back), so that nobody approves what cannot work. Approving does it:
the decision and its effect are one transaction, and the database takes one decision a proposal. The approver is never the
proposer, neither by seat nor by name; both seats still stand; the approver names the hash that was read; and three days later
a proposal is void. Proposals and decisions are append-only tables, beside the notice or event that the effect leaves in the
ledger. Nothing personal is in them: a citizen is a citizen key.

`effects.EFFECTS` says what can be proposed. The operator of the machine can do all of it alone, with the command line: this
rule is about the people who use the pages (docs/security.md).
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from app.core import canon
from app.core.errors import ConflictError, NotFoundError, RuleError
from app.db import approvals as rows
from app.db.session import UniqueViolation, taken_back
from app.services.organisations import paper_erasure, seats
from app.services.organisations.effects import EFFECTS

if TYPE_CHECKING:
    from app.db.approvals import ProposalRow
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.organisations.seats import Seat

VALID: Final = dt.timedelta(days=3)
BODY_BYTES_MAX: Final = 6 << 20
SHOWN_MAX: Final = 200
ROLE: Final = "officer"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as officers see it. `state` is open, expired, executed, refused or withdrawn."""

    id: int
    kind: str
    details: dict[str, Any]
    digest: str
    proposed_by: int
    proposer: str
    proposed_at: dt.datetime
    expires_at: dt.datetime
    state: str
    decider: str | None
    decided_at: dt.datetime | None


def propose(bureau: Bureau, seat: Seat, kind: str, details: dict[str, Any]) -> int:
    """A new proposal; its number. Raises RuleError, and what its effect raises."""
    _require_officer(seat)
    if kind not in EFFECTS:
        raise RuleError(f"{kind!r} is nothing that can be proposed", code="unknown-kind")
    body = canon.encode({"details": details, "kind": kind, "ledger": bureau.origin})
    if len(body) > BODY_BYTES_MAX:
        raise RuleError(f"a proposal has at most {BODY_BYTES_MAX:,} bytes", code="too-large")
    with bureau.transaction() as connection:
        with taken_back(connection):
            _do(bureau, connection, kind, details)
        seats.still_there(connection, seat.id)
        now = bureau.now()
        return rows.add(connection, body, seat.id, now, now + VALID)


def approve(bureau: Bureau, seat: Seat, number: int, digest: str, identifier: str = "") -> None:
    """Do what a proposal says, as the second person. Of an erasure, whoever approves says whose it is, off the paper.

    Raises FormatError, NotFoundError, RuleError, ConflictError, and what the effect raises.
    """
    _require_officer(seat)
    with bureau.transaction() as connection:
        row = _open_row(bureau, connection, number)
        proposer, approver = _seat_row(connection, row.proposed_by), seats.still_there(connection, seat.id)
        if proposer.id == approver.id or _name(proposer) == _name(approver):
            raise RuleError("who proposes something does not approve it", code="same-person")
        if sha256(row.body).hexdigest() != digest:
            raise RuleError("the hash is not this proposal's: read it again", code="other-hash")
        content: Any = canon.decode_object(row.body, bytes_max=BODY_BYTES_MAX)
        if content["kind"] == paper_erasure.KIND:
            paper_erasure.check_person(bureau, content["details"], identifier)
        _decide(bureau, connection, number, approver, "executed")
        _do(bureau, connection, content["kind"], content["details"])


def turn_down(bureau: Bureau, seat: Seat, number: int) -> None:
    """End a proposal without doing it: withdrawn by its proposer, refused by anybody else."""
    _require_officer(seat)
    with bureau.transaction() as connection:
        row = _open_row(bureau, connection, number)
        decider = seats.still_there(connection, seat.id)
        _decide(bureau, connection, number, decider, "withdrawn" if row.proposed_by == seat.id else "refused")


def _do(bureau: Bureau, connection: Connection, kind: str, details: dict[str, Any]) -> None:
    try:
        EFFECTS[kind](bureau, connection, details)
    except UniqueViolation:
        raise ConflictError("this was done before, under the same name", code="done-before") from None


def _decide(bureau: Bureau, connection: Connection, number: int, seat: Seat, outcome: str) -> None:
    """Wait for whoever is deciding it; ConflictError when they have."""
    try:
        rows.decide(connection, number, seat.id, bureau.now(), outcome)
    except UniqueViolation:
        raise _decided(number) from None


def proposal(bureau: Bureau, number: int) -> Proposal:
    """One proposal. Raises NotFoundError."""
    with bureau.transaction() as connection:
        return proposal_in(bureau, connection, number)


def proposal_in(bureau: Bureau, connection: Connection, number: int) -> Proposal:
    """The same within a transaction."""
    row = rows.by_id(connection, number)
    if row is None:
        raise NotFoundError(f"there is no proposal {number}", code="no-proposal")
    return _view(row, bureau.now(), seats.labels(connection))


def newest(bureau: Bureau) -> list[Proposal]:
    """The newest proposals first, open ones and others."""
    with bureau.transaction() as connection:
        labels, now = seats.labels(connection), bureau.now()
        return [_view(row, now, labels) for row in rows.newest(connection, SHOWN_MAX)]


def _require_officer(seat: Seat) -> None:
    if seat.role != ROLE:
        raise RuleError("proposals are for officers", code="not-an-officer")


def _open_row(bureau: Bureau, connection: Connection, number: int) -> ProposalRow:
    row = rows.by_id(connection, number)
    if row is None:
        raise NotFoundError(f"there is no proposal {number}", code="no-proposal")
    if row.outcome is not None:
        raise _decided(number)
    if row.expires_at <= bureau.now():
        raise RuleError(f"proposal {number} has expired: propose it again", code="expired")
    return row


def _seat_row(connection: Connection, seat_id: int) -> Seat:
    try:
        return seats.still_there(connection, seat_id)
    except NotFoundError:
        message = "the seat of who proposed this has ended: somebody else has to propose it again"
        raise RuleError(message, code="ended-seat") from None


def _name(seat: Seat) -> str:
    """By which somebody is known: however wide, in whatever case and with whatever spaces it was typed."""
    return " ".join(unicodedata.normalize("NFKC", seat.label).casefold().split())


def _decided(number: int) -> ConflictError:
    return ConflictError(f"proposal {number} is decided already", code="decided")


def _view(row: ProposalRow, now: dt.datetime, labels: dict[int, str]) -> Proposal:
    content: Any = canon.decode_object(row.body, bytes_max=BODY_BYTES_MAX)
    state = row.outcome or ("open" if row.expires_at > now else "expired")
    return Proposal(
        id=row.id,
        kind=content["kind"],
        details=content["details"],
        digest=sha256(row.body).hexdigest(),
        proposed_by=row.proposed_by,
        proposer=labels[row.proposed_by],
        proposed_at=row.proposed_at,
        expires_at=row.expires_at,
        state=state,
        decider=None if row.decided_by is None else labels[row.decided_by],
        decided_at=row.decided_at,
    )
