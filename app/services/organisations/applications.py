"""An organisation asks for its key's registration: the possession note, who they are, and whom to call.

    apply      anybody, with a note that the key is theirs (docs/formats.md section 5); gives a reference to look after it
    propose    one officer has found out who they are; the key stands before the second one (services.organisations.approvals)
    refuse     with a reason, which the applicant reads

    the state is worked out:  open -> proposed -> registered
                              open or proposed -> refused         ended: the key was registered, and is valid no more

The note proves that whoever applied holds the key, and nothing about who that is: the two officers have to know it from
elsewhere. What the register says counts: an application whose key is in it is `registered`, whoever entered it. A proposal
that ended without approval makes its application `open` again. Who they are and whom to call is sealed with the bureau's key;
the reference is a secret of the applicant's, of which only a hash is kept.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal

import orjson

from app.core.errors import ConflictError, FormatError, NotFoundError, RuleError
from app.core.log.note import Verifier, open_note, split
from app.core.log.notices import possession_text
from app.core.log.register import STILL_VALID
from app.core.state import sealing
from app.db import applying as rows
from app.db.session import UniqueViolation
from app.services.organisations import approvals, seats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.log.register import Register
    from app.db.applying import ApplicationRow
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.organisations.seats import Seat

ROLES: Final = ("bank", "lender", "utility", "public_body")
"""Whose keys are applied for here. Enrolment offices and regulators do not come by the door."""

NOTE_BYTES_MAX: Final = 4_096
TEXT_CHARS_MAX: Final = 200
REASON_CHARS_MAX: Final = 1_000
A_DAY_MAX: Final = 500
SHOWN_MAX: Final = 200
STAFF_ROLE: Final = "officer"

State = Literal["open", "proposed", "registered", "refused", "ended"]


@dataclass(frozen=True, slots=True)
class Application:
    """One application. `reason` is that of a refusal, `proposal` the number of the proposal that it became."""

    id: int
    name: str
    role: str
    vkey: str
    possession: str
    organisation: str
    contact: str
    received_at: dt.datetime
    state: State
    reason: str = ""
    proposal: int | None = None


def apply(bureau: Bureau, note: bytes, *, organisation: str, contact: str) -> str:
    """Take an application; its reference. Raises FormatError, SignatureError, RuleError, ConflictError."""
    name, role, vkey = read_possession(bureau, note)
    about = {"organisation": _text(organisation, "organisation"), "contact": _text(contact, "contact")}
    reference = secrets.token_urlsafe(32)
    wrap_key, nonce = bureau.people.wrap_key, secrets.token_bytes(sealing.NONCE_SIZE)
    sealed = sealing.seal(wrap_key, nonce, orjson.dumps(about))
    try:
        with bureau.transaction() as connection:
            now = bureau.now()
            if rows.count_since(connection, now - dt.timedelta(days=1)) >= A_DAY_MAX:
                raise RuleError("there were too many applications today: come again tomorrow", code="limit")
            _check_new(bureau, connection, name, role, vkey)
            rows.add(connection, (_hash(reference), name, role, vkey, note.decode(), sealed, now))
    except UniqueViolation:
        raise _twice(name, role) from None
    return reference


def read_possession(bureau: Bureau, note: bytes) -> tuple[str, str, str]:
    """(name, role, vkey) of a possession note whose signature holds. Raises FormatError, SignatureError, RuleError."""
    if len(note) > NOTE_BYTES_MAX:
        raise FormatError(f"a possession note has at most {NOTE_BYTES_MAX} bytes")
    text, signatures = split(note)
    lines = text.decode().split("\n")
    if len(lines) != 6 or lines[0] != "credence/possession@v1" or len(signatures) != 1:
        raise FormatError("this is no possession note: make it with `credence keys possession`")
    _, origin, name, role, vkey, _ = lines
    verifier = Verifier.parse(vkey)
    open_note(note, [verifier])
    if origin != bureau.origin:
        raise RuleError(f"the note is for another ledger than {bureau.origin}", code="other-ledger")
    if role not in ROLES:
        raise RuleError(f"what can be applied for is {', '.join(ROLES)}", code="unknown-role")
    if text != possession_text(origin, verifier.name, role, vkey):
        raise RuleError("the note names another key than the one that signed it", code="no-possession")
    if name in {bureau.origin, bureau.signer.name, bureau.service.name}:
        raise RuleError(f"{name!r} is a name of the bureau's own", code="reserved-name")
    return name, role, vkey


def of_reference(bureau: Bureau, reference: str) -> Application:
    """The application of whoever holds its reference. Raises NotFoundError."""
    with bureau.transaction() as connection:
        row = rows.by_reference(connection, _hash(reference))
        if row is None:
            raise NotFoundError("there is no application with this reference", code="no-application")
        return _view(bureau, connection, row)


def application(bureau: Bureau, number: int) -> Application:
    """One application, for the staff. Raises NotFoundError."""
    with bureau.transaction() as connection:
        return _view(bureau, connection, _there(rows.by_id(connection, number), number))


def newest(bureau: Bureau, roles: Iterable[str] = ROLES) -> list[Application]:
    """The newest applications for these roles, in whatever state, for the staff."""
    with bureau.transaction() as connection:
        found = [row for row in rows.newest(connection, SHOWN_MAX) if row.role in set(roles)]
        return [_view(bureau, connection, row) for row in found]


def of_organisation(bureau: Bureau, name: str) -> list[Application]:
    """Applications for keys of this name: what a seat at the organisation sees of its own."""
    with bureau.transaction() as connection:
        return [_view(bureau, connection, row) for row in rows.of_name(connection, name)]


def propose(bureau: Bureau, seat: Seat, number: int) -> int:
    """Put the key before the second officer; the proposal's number. Raises NotFoundError, RuleError, ConflictError."""
    waiting = application(bureau, number)
    _require_open(waiting)
    details = {"possession": waiting.possession, "role": waiting.role}
    proposal = approvals.propose(bureau, seat, "key_registration", details)
    with bureau.transaction() as connection:
        rows.step(connection, number, seat.id, bureau.now(), "proposed", "", proposal)
    return proposal


def refuse(bureau: Bureau, seat: Seat, number: int, reason: str) -> None:
    """End an application; the applicant reads the reason. Raises NotFoundError, RuleError, ConflictError."""
    if seat.role != STAFF_ROLE:
        raise RuleError("applications are for officers", code="not-an-officer")
    if not 1 <= len(reason.strip()) <= REASON_CHARS_MAX:
        raise RuleError(f"a reason has 1 to {REASON_CHARS_MAX} characters", code="bad-reason")
    with bureau.transaction() as connection:
        seats.still_there(connection, seat.id)
        row = _there(rows.by_id(connection, number, lock=True), number)
        _require_open(_view(bureau, connection, row))
        rows.step(connection, number, seat.id, bureau.now(), "refused", reason.strip())


def _require_open(found: Application) -> None:
    if found.state != "open":
        raise ConflictError(f"application {found.id} is {found.state}", code="decided")


def _check_new(bureau: Bureau, connection: Connection, name: str, role: str, vkey: str) -> None:
    register = bureau.register(connection)
    current = register.current(name)
    if any(record.role == role for record in current):
        message = f"{name!r} has a valid {role} key already: ask the bureau to revoke it before you apply"
        raise ConflictError(message, code="key-exists")
    if any((r.name, r.vkey) == (name, vkey) and r not in current for r in register.records()):
        raise ConflictError("this key was registered before and has ended: make a new one", code="key-ended")
    for row in rows.of_name(connection, name):
        if (row.role, row.vkey) == (role, vkey) and _state(register, row, "") in ("open", "proposed"):
            raise _twice(name, role)


def _twice(name: str, role: str) -> ConflictError:
    return ConflictError(f"an application for this {role} key of {name!r} is here already", code="applied")


def _there(row: ApplicationRow | None, number: int) -> ApplicationRow:
    if row is None:
        raise NotFoundError(f"there is no application {number}", code="no-application")
    return row


def _view(bureau: Bureau, connection: Connection, row: ApplicationRow) -> Application:
    about = orjson.loads(sealing.unseal(bureau.people.wrap_key, row.sealed))
    proposed = "" if row.proposal is None else approvals.proposal_in(bureau, connection, row.proposal).state
    state = _state(bureau.register(connection), row, proposed)
    return Application(
        id=row.id,
        name=row.name,
        role=row.role,
        vkey=row.vkey,
        possession=row.possession,
        organisation=about["organisation"],
        contact=about["contact"],
        received_at=row.received_at,
        state=state,
        reason=(row.reason or "") if state == "refused" else "",
        proposal=row.proposal,
    )


def _state(register: Register, row: ApplicationRow, proposed: str) -> State:
    for record in register.records():
        if (record.name, record.role, record.vkey) == (row.name, row.role, row.vkey):
            return "registered" if record.to_index == STILL_VALID else "ended"
    if row.outcome == "refused":
        return "refused"
    return "proposed" if row.outcome == "proposed" and proposed in ("", "open") else "open"


def _text(value: str, what: str) -> str:
    text = " ".join(value.split())
    if not 1 <= len(text) <= TEXT_CHARS_MAX or not text.isprintable():
        raise RuleError(f"`{what}` has 1 to {TEXT_CHARS_MAX} characters", code="bad-text")
    return text


def _hash(reference: str) -> bytes:
    return sha256(reference.encode()).digest()
