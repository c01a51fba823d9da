"""Seats: the people at organisations who use the pages, and how they sign in.

A seat is a person's place at an organisation: `bank.demo`, role `bank`, label "A. Chen". The roles:

    bank        inquires, watches, writes letters       furnisher   reports, answers disputes, sees its figures
    regulator   supervises                              clerk       of the bureau: works on cases
    officer     of the bureau: proposes and approves what cannot be undone (services.organisations.approvals)

The bureau's operator makes a seat and hands its one-time link over (`credence seat add`); opening the link starts a session.
Only hashes of tokens are stored. A session ends by signing out, after half an hour without a request, after eight hours, and
with the seat. A page is a way to work and no key: what an organisation says to the ledger is signed by the key that it holds
itself, whoever sits there. A seat may come before the key, for its pages tell how one gets a key; so a name that the register
does not have is taken, and `known` lets whoever makes the seat be asked whether it is spelled right.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from app.core.errors import ConflictError, NotFoundError, RuleError
from app.core.field_types import NAME
from app.db import seats as rows
from app.db.session import UniqueViolation

if TYPE_CHECKING:
    from app.db.seats import SeatRow, SessionRow
    from app.db.session import Connection
    from app.services.bureau import Bureau

ROLES: Final = ("bank", "furnisher", "regulator", "clerk", "officer")
STAFF: Final = frozenset({"clerk", "officer"})
"""Roles of people at the bureau itself."""
KEY_ROLES: Final = {
    "bank": frozenset({"bank"}),
    "furnisher": frozenset({"lender", "utility", "public_body", "enrolment"}),
    "regulator": frozenset({"regulator"}),
}
"""Which keys an organisation has whose people sit in a role."""

LINK: Final = dt.timedelta(days=1)
IDLE: Final = dt.timedelta(minutes=30)
ABSOLUTE: Final = dt.timedelta(hours=8)
LABEL_CHARS_MAX: Final = 60
_CLOSED: Final = "this link was used before, has expired, or never was"


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits there: at which organisation, in which role, by which name."""

    id: int
    organisation: str
    role: str
    label: str


def add(bureau: Bureau, organisation: str, role: str, label: str) -> Seat:
    """A new seat. Raises RuleError for what no seat can be, ConflictError when a seat of this name is there."""
    if role not in ROLES:
        raise RuleError(f"{role!r} is no role of a seat: {', '.join(ROLES)}", code="unknown-role")
    if not re.match(NAME, organisation):
        raise RuleError("an organisation's name is 1 to 100 characters of a-z 0-9 . - /", code="bad-name")
    if (organisation == bureau.signer.name) != (role in STAFF):
        message = f"clerks and officers sit at the bureau ({bureau.signer.name!r}), and nobody else does"
        raise RuleError(message, code="wrong-organisation")
    if not 1 <= len(label) <= LABEL_CHARS_MAX or not label.isprintable():
        raise RuleError(
            f"a label has 1 to {LABEL_CHARS_MAX} characters that can be printed", code="bad-label"
        )
    try:
        with bureau.transaction() as connection:
            return _seat(rows.add(connection, organisation, role, label, bureau.now()))
    except UniqueViolation:
        message = f"{organisation!r} has a seat {label!r} as {role} already: end it first"
        raise ConflictError(message, code="seat-exists") from None


def find(bureau: Bureau, organisation: str, role: str, label: str) -> Seat | None:
    """The seat of this name that has not ended."""
    with bureau.transaction() as connection:
        row = rows.find(connection, organisation, role, label)
    return None if row is None else _seat(row)


def known(bureau: Bureau, seat: Seat) -> bool:
    """Whether the register has a key of this organisation in a role that fits the seat's, one that has ended included."""
    if seat.role in STAFF:
        return True
    with bureau.transaction() as connection:
        records = bureau.register(connection).records()
    return any(each.name == seat.organisation and each.role in KEY_ROLES[seat.role] for each in records)


def create_link(bureau: Bureau, seat_id: int) -> str:
    """A token that opens this seat once, within a day. Raises NotFoundError when there is no such seat, or it has ended."""
    token = secrets.token_urlsafe(32)
    with bureau.transaction() as connection:
        still_there(connection, seat_id)
        rows.add_link(connection, _hash(token), seat_id, bureau.now() + LINK)
    return token


def still_there(connection: Connection, seat_id: int) -> Seat:
    """A seat that has not ended, and does not before this transaction does. Raises NotFoundError."""
    row = rows.by_id(connection, seat_id, keep=True)
    if row is None or row.ended_at is not None:
        raise NotFoundError(f"there is no seat {seat_id}, or it has ended", code="no-seat")
    return _seat(row)


def labels(connection: Connection) -> dict[int, str]:
    """What every seat, ended ones too, is called, by number."""
    return {row.id: row.label for row in rows.all_seats(connection)}


def open_link(bureau: Bureau, token: str) -> str:
    """Use a link up and start a session: its token. Raises NotFoundError when the link does not work."""
    session_token = secrets.token_urlsafe(32)
    now = bureau.now()
    with bureau.transaction() as connection:
        seat_id = rows.use_link(connection, _hash(token), now)
        if seat_id is None:
            raise NotFoundError(_CLOSED, code="link-used")
        still_there(connection, seat_id)
        rows.add_session(connection, _hash(session_token), seat_id, now, now + ABSOLUTE)
    return session_token


def seat_of(bureau: Bureau, session_token: str) -> tuple[Seat, int] | None:
    """(who sits there, the session's number), seen now; None when the session is over."""
    with bureau.transaction() as connection:
        found = rows.seen(connection, _hash(session_token), bureau.now(), IDLE)
    return None if found is None else (_seat(found[0]), found[1])


def sessions(bureau: Bureau, seat: Seat) -> list[SessionRow]:
    """A seat's own sessions, newest first."""
    with bureau.transaction() as connection:
        return rows.sessions(connection, seat.id, bureau.now(), IDLE)


def end_session(bureau: Bureau, seat: Seat, session: int) -> None:
    """End one of a seat's own sessions. Raises NotFoundError."""
    with bureau.transaction() as connection:
        if not rows.end_session(connection, seat.id, session):
            raise NotFoundError("this seat has no such session", code="no-session")


def end(bureau: Bureau, seat_id: int) -> None:
    """Nobody sits there any more, at once. Raises NotFoundError."""
    with bureau.transaction() as connection:
        if not rows.end(connection, seat_id, bureau.now()):
            raise NotFoundError(f"there is no seat {seat_id}, or it has ended", code="no-seat")


def all_seats(bureau: Bureau) -> list[SeatRow]:
    """Every seat that ever was."""
    with bureau.transaction() as connection:
        return rows.all_seats(connection)


def _seat(row: SeatRow) -> Seat:
    return Seat(row.id, row.organisation, row.role, row.label)


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
