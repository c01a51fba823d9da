"""Intake: a batch goes in, a receipt comes out, and the receipt means that it is durable.

The way of a batch, a rung each; the first that fails refuses the whole batch and stores nothing:

    1. form         note, lines, limits                        core.reporting.batch
    2. known?       the same batch again: the same receipt     ConflictError for the same id with other content
    3. signature    a key of this furnisher, valid now (R4), over this ledger's origin
    4. root         count and RFC 6962 root over the commitments
    5. events       closed schema, R1-R3, R5, R7; types that the key's role may report
    6. history      targets of repairs exist; first delinquency cannot move (R8); what was taken out stays out (R28); who
                    signed by passkey had it registered
    7. store        seal, COPY, one transaction; an event id twice is R6; the clock of disputes is wound (R25)
    8. tell         banks that got what is repaired now (R27)               services.banks.recipients

Any number of processes do this at once; `db.admission` says how they are ordered.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from app.core.errors import ConflictError, LineProblem, NotFoundError, RuleError, SignatureError
from app.core.log.note import signer_of
from app.core.reporting import batch as batches
from app.core.reporting import events as event_formats
from app.core.reporting.event_columns import event_id_bytes
from app.core.reporting.receipt import Receipt
from app.core.scoring.repairs import REPAIRS
from app.core.state.sealing import NONCE_SIZE, seal_each
from app.db import admission
from app.db.session import Deadlock, UniqueViolation
from app.services.banks import recipients
from app.services.bureau import UNPLACED
from app.services.citizens import dispute_clock, passkeys
from app.services.ledger import history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.log.register import Register
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

BLOCK_WITHIN_S = 3600
"""What a receipt promises: the batch is in a block by then. The sequencer needs a second or two."""

ANSWERS_CHANGE: tuple[type[event_formats.Event], ...] = (
    event_formats.ConsentWithdrawn,
    event_formats.Freeze,
    *REPAIRS,
)
"""What counts from its receipt on (R17, R18, R23, R27): no answer is being made meanwhile."""
PROBLEMS_MAX = 10
REFUSED = "batch-refused"
"""The code of a batch with a good signature that rules refuse."""
NAMES_PER_BATCH_MAX = 200
NOTE_LINE, FIRST_EVENT_LINE = 1, 2

_citizen_of = attrgetter("citizen")
ONLINE_TYPES = (event_formats.Inquiry,)
"""Types that are answered at once and so come in by their own door, `/v1/inquiries`."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The receipt (a signed note); `fresh` is False when the batch had been admitted before."""

    receipt: bytes
    fresh: bool


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch that rungs 1 to 5 let through."""

    file: batches.BatchFile
    events: Sequence[event_formats.Event]
    commitments: Sequence[bytes]
    roles: frozenset[str] = frozenset({"bureau"})
    register: Register | None = None  # by which `roles` were judged


def admit(bureau: Bureau, body: bytes) -> Admission:
    """Admit a `.batch` file. Raises FormatError, SignatureError, RuleError (with line problems) or ConflictError."""
    file = batches.parse_batch(body)
    try:
        return _admit(bureau, file)
    except UniqueViolation:
        return explain_collision(bureau, file)
    except Deadlock:
        pass  # with a batch that brings the same events in another order; that one goes on, and is waited for now
    try:
        return _admit(bureau, file)
    except UniqueViolation:
        return explain_collision(bureau, file)


def _admit(bureau: Bureau, file: batches.BatchFile) -> Admission:
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        known = known_receipt(bureau, connection, file)
        if known is not None:
            return Admission(known, fresh=False)
        checked = check(bureau, bureau.register(connection), file, bureau.today())
        _refuse_online_types(checked.events)
        ends: list[str] = []
        if event_formats.any_of(checked.events, ANSWERS_CHANGE):
            ends = [event.citizen for event in checked.events if isinstance(event, ANSWERS_CHANGE)]
        willed = passkeys.concerned(checked.events)
        if ends or willed:
            admission.lock_access(connection, ends + willed)
        problems = history.check(bureau, connection, checked.file.header.furnisher, checked.events)
        if willed and not problems:
            problems = passkeys.check(bureau, connection, checked.events)
        if problems:
            raise refusal(problems)
        (receipt,) = store(bureau, connection, [checked])
        recipients.tell(bureau, connection, checked.events)
        if willed:
            passkeys.end_sessions(bureau, connection, checked.events)
        return Admission(receipt, fresh=True)


def receipt_of(bureau: Bureau, furnisher: str, batch_id: str) -> bytes:
    """The receipt of an admitted batch, for who lost it or resumes. Raises NotFoundError.

    Never of the bureau's own: their ids follow from public hashes, and would tell which entries of the log are answers.
    """
    if furnisher == bureau.signer.name:
        raise NotFoundError("receipts of the bureau's own batches go to those whom they concern")
    with bureau.transaction() as connection:
        admitted = admission.admitted(connection, [(furnisher, batch_id)]).get((furnisher, batch_id))
    if admitted is None:
        raise NotFoundError(f"no batch {batch_id!r} of {furnisher!r} was admitted")
    return admitted[2].encode()


def known_receipt(bureau: Bureau, connection: Connection, file: batches.BatchFile) -> bytes | None:
    """Rung 2: the receipt of the same batch, admitted before: same note, same events, and a signature that holds.

    The hash covers the note's text alone, and anyone can read enough of the log to write that.
    """
    name = file.header.furnisher, file.header.batch_id
    admitted = admission.admitted(connection, [name]).get(name)
    return None if admitted is None else same_receipt(bureau, connection, file, admitted)


def same_receipt(
    bureau: Bureau, connection: Connection, file: batches.BatchFile, admitted: admission.Admitted
) -> bytes:
    """Rung 2, once it is known what was admitted under this file's name. Raises ConflictError."""
    batch_hash, note, receipt = admitted
    if batch_hash != file.batch_hash:
        message = f"batch id {file.header.batch_id!r} was used before for other content: choose a new id"
        raise ConflictError(message, code="batch-id-taken")
    batches.check_root(file)
    if note.encode() != file.note:  # which was good when it came in, whatever became of its key
        check_signature(bureau.register(connection), file)
    return receipt.encode()


def check(bureau: Bureau, register: Register, file: batches.BatchFile, today: str) -> CheckedBatch:
    """Rungs 3 to 5, as of this local day."""
    header = file.header
    if header.origin != bureau.origin:
        message = f"this is the ledger {bureau.origin!r}; the batch is signed for {header.origin!r}"
        raise _bad_note(message, "other-ledger", "origin")
    roles = check_signature(register, file)
    commitments = batches.check_root(file)
    events, problems = event_formats.decode_events(file.lines, limits_of(bureau, header, today))
    problems = problems or _repeated_ids(events) or _crowded_files(events) or _refused_types(events, roles)
    if problems:
        raise refusal(problems)
    return CheckedBatch(file, events, commitments, roles, register)


def check_signature(register: Register, file: batches.BatchFile) -> frozenset[str]:
    """Rung 3 (R4): the roles of the key that signed, as of now."""
    header = file.header
    known = register.verifiers(header.furnisher, UNPLACED)
    if not known:
        message = f"no valid key is registered for {header.furnisher!r} (R4): it was never registered, or was revoked"
        raise _bad_note(message, "unknown-key", "R4")
    try:
        signer = signer_of(file.text, file.signature, [verifier for verifier, _ in known])
    except SignatureError as error:
        message = f"the batch is not signed by a valid key of {header.furnisher!r} (R4): {error.detail}"
        raise _bad_note(message, error.code, "R4") from None
    return dict(known)[signer]


def own_roles(bureau: Bureau, register: Register) -> frozenset[str]:
    """The roles of the key by which the bureau signs its own batches; its signature needs no verification here."""
    own = bureau.signer.verifier
    for verifier, roles in register.verifiers(own.name, UNPLACED):
        if verifier == own:
            return frozenset(roles)
    raise _bad_note("the bureau's own key is not in the register (R4)", "unknown-key", "R4")


def _bad_note(message: str, code: str, rule: str) -> SignatureError:
    return SignatureError(message, code=code, problems=(LineProblem(NOTE_LINE, rule, message),))


def limits_of(bureau: Bureau, header: batches.BatchNote, today: str) -> event_formats.Header:
    """What the events of a batch are judged against."""
    offset = bureau.genesis.utc_offset_minutes
    return event_formats.Header(header.origin, header.furnisher, bureau.scheme, today, offset)


def _crowded_files(events: Sequence[event_formats.Event]) -> list[LineProblem]:
    """A batch brings a citizen a bounded number of new accounts, cases and the like: what is admitted gets folded."""
    if len(events) <= NAMES_PER_BATCH_MAX:
        return []
    if max(Counter(map(_citizen_of, events)).values()) <= NAMES_PER_BATCH_MAX:
        return []
    names: dict[str, set[str]] = {}
    for line, event in enumerate(events, FIRST_EVENT_LINE):
        of_citizen = names.setdefault(event.citizen, set())
        for field in ("account", "case", "credential", "consent"):
            name = getattr(event, field, None)
            if name is not None:
                of_citizen.add(f"{field}:{name}")
        if isinstance(event, event_formats.ConsentGiven | event_formats.Freeze | event_formats.Thaw):
            of_citizen.add(event.id)
        if len(of_citizen) > NAMES_PER_BATCH_MAX:
            detail = f"more than {NAMES_PER_BATCH_MAX} accounts, cases, consents or passkeys of one citizen in a batch"
            return [LineProblem(line, "limit", detail)]
    return []


def _repeated_ids(events: Sequence[event_formats.Event]) -> list[LineProblem]:
    """R6 within the batch."""
    if len(set(map(attrgetter("id"), events))) == len(events):
        return []
    first: dict[str, int] = {}
    return [
        LineProblem(line, "R6", f"event id {event.id} stands on line {first[event.id]} already")
        for line, event in enumerate(events, FIRST_EVENT_LINE)
        if first.setdefault(event.id, line) != line
    ]


def _refused_types(events: Sequence[event_formats.Event], roles: frozenset[str]) -> list[LineProblem]:
    allowed, classes = _allowed(roles)
    if set(map(type, events)) <= classes:
        return []
    problems = []
    for line, event in enumerate(events, FIRST_EVENT_LINE):
        kind = event_formats.type_of(event)
        if kind not in allowed:
            problems.append(
                LineProblem(line, "R4", f"a key of role {', '.join(sorted(roles))} may not report {kind!r}")
            )
        if len(problems) == PROBLEMS_MAX:
            break
    return problems


@lru_cache(maxsize=64)  # there are few roles, and every batch and inquiry asks
def _allowed(roles: frozenset[str]) -> tuple[frozenset[str], frozenset[type[event_formats.Event]]]:
    """What keys of these roles may report: types, and their classes."""
    types = frozenset(kind for kind, may in event_formats.ROLES_BY_TYPE.items() if may & roles)
    return types, frozenset(event_formats.CLASS_BY_TYPE[kind] for kind in types)


def _refuse_online_types(events: Sequence[event_formats.Event]) -> None:
    if not event_formats.any_of(events, ONLINE_TYPES):
        return
    for line, event in enumerate(events, FIRST_EVENT_LINE):
        if isinstance(event, ONLINE_TYPES):
            raise refusal(
                [LineProblem(line, "R15", "an inquiry is answered at once: send it to /v1/inquiries")]
            )


def refusal(problems: Sequence[LineProblem]) -> RuleError:
    """One error for a batch that rules refuse, naming the first lines."""
    first = problems[0]
    message = f"the batch is refused whole and nothing was stored ({first.rule}): {first.detail}"
    return RuleError(message, code=REFUSED, problems=tuple(problems[:PROBLEMS_MAX]))


def store(bureau: Bureau, connection: Connection, checked: Sequence[CheckedBatch]) -> list[bytes]:
    """Rung 7: seal and store batches behind each other in one transaction; their receipts."""
    citizens = [list(map(_citizen_of, one.events)) for one in checked]
    people = bureau.people.enrol(connection, set(chain.from_iterable(citizens)))
    concerned = [list(map(people.__getitem__, each)) for each in citizens]
    numbers = [bureau.furnisher_number(connection, one.file.header.furnisher) for one in checked]
    sealed = list(map(_seal, checked, concerned))
    ids, newest_notice = admission.draw_batch_ids(connection, len(checked))
    register = bureau.register(
        connection, newest_notice
    )  # again, under the lock: a key may be revoked by now
    for one in checked:
        if one.register is not register:
            _check_roles_again(register, one)
    admitted_at = bureau.now()
    receipts = [_receipt(bureau, one.file, admitted_at) for one in checked]
    rows = [
        admission.NewBatch(
            hash=one.file.batch_hash,
            furnisher=one.file.header.furnisher,
            furnisher_no=number,
            batch_id=one.file.header.batch_id,
            note=one.file.note.decode(),
            receipt=receipt.decode(),
            commitments=one.commitments,
            event_ids=event_id_bytes(one.events),
            citizens=[person.id for person in persons],
            sealed=bodies,
        )
        for one, persons, number, receipt, bodies in zip(
            checked, concerned, numbers, receipts, sealed, strict=True
        )
    ]
    admission.insert_batches(connection, ids, rows)
    for one in checked:
        dispute_clock.follow(bureau, connection, people, one.events)
    return receipts


def _check_roles_again(register: Register, checked: CheckedBatch) -> None:
    roles = check_signature(register, checked.file)
    if roles != checked.roles:
        problems = _refused_types(checked.events, roles)
        if problems:
            raise refusal(problems)


def _seal(checked: CheckedBatch, persons: Sequence[Person]) -> Iterator[bytes]:
    """The sealed bodies of a batch, made as they are stored; `persons` are its events' citizens."""
    data_keys = [person.data_key for person in persons]
    if not all(data_keys):
        detail = "this citizen's file was erased; a new enrolment has to come first"
        raise refusal([LineProblem(FIRST_EVENT_LINE + data_keys.index(b""), "R40", detail)])
    return seal_each(data_keys, os.urandom(NONCE_SIZE * len(data_keys)), checked.file.lines)


def _receipt(bureau: Bureau, file: batches.BatchFile, admitted_at: dt.datetime) -> bytes:
    block_by = admitted_at + dt.timedelta(seconds=BLOCK_WITHIN_S)
    receipt = Receipt(bureau.origin, file.batch_hash, file.header.count, admitted_at, block_by)
    return receipt.sign(bureau.service)


def explain_collision(bureau: Bureau, file: batches.BatchFile) -> Admission:
    """What a UniqueViolation was about: the same batch a moment earlier, or event ids that the ledger holds (R6)."""
    with bureau.transaction() as connection:
        known = known_receipt(bureau, connection, file)
        if known is not None:
            return Admission(known, fresh=False)
        events, _ = event_formats.decode_events(file.lines, limits_of(bureau, file.header, bureau.today()))
        ids = event_id_bytes(events)
        taken = admission.taken_event_ids(
            connection, bureau.furnisher_number(connection, file.header.furnisher), ids
        )
    problems = [
        LineProblem(line, "R6", f"event id {event.id} is in the ledger already")
        for line, (event, event_id) in enumerate(zip(events, ids, strict=True), FIRST_EVENT_LINE)
        if event_id in taken
    ]
    if not problems:
        raise ConflictError(
            "another request with the same content is being stored; send it again", code="busy"
        )
    raise refusal(problems)
