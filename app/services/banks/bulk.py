"""Many inquiries of one bank: one signed batch in, the answers out one after the other, each with its proof.

    1. the batch is admitted whole, like any batch, or refused whole: nobody is answered from a half-good file
    2. group by group, in the order of the lines: judged as of that second, the answers and refusals of the group signed as
       one batch of the bureau's, stored in one transaction, and only then handed out

So memory holds one group, whatever the file's size, and whatever left the building is in the ledger. A stream that broke
off is asked for again with the same batch: what was answered comes back to the byte, the rest is answered then. As with
a single inquiry, a consent that ended meanwhile ends the answer too (R17, R18), and what no block holds yet is
NotYetError and comes with the same batch, a little later. An inquiry that was admitted and not answered within the hour
has to be signed anew: an answer stands in the ledger with the hour of the question.

A citizen is in a file once. A second look at the same moment shows the bank nothing new, and it would stand in the
citizen's record twice.

Answers are looked for by name: the n-th batch of the bureau about the group that begins at position p of a batch of
inquiries is called `bulk-<40 digits of its hash>-<p>-<n>`. A batch of one inquiry is a single inquiry, and served as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.core.errors import LineProblem, NotFoundError, RuleError
from app.core.reporting import batch as batches
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.state import sealing
from app.db import admission
from app.db.session import UniqueViolation
from app.services.banks import inquiries, replies
from app.services.banks.inquiries import NotYetError
from app.services.banks.replies import Answer, ConsentError, Draft, Outcome
from app.services.ledger import intake, judging
from app.services.ledger.own_events import own_batch
from app.services.proving import proofs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.scoring import access
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

INQUIRIES_MAX: Final = 10_000
GROUP: Final = 128
_NAMES_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class _Asked:
    """An admitted batch of inquiries, and its receipt."""

    file: batches.BatchFile
    events: Sequence[types.Inquiry]
    receipt: bytes


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What was said about an inquiry before: None when its plaintext was destroyed."""

    event: dict[str, Any] | None
    receipt: bytes


def inquire_all(bureau: Bureau, body: bytes) -> Iterator[tuple[int, Outcome]]:
    """(line of the batch file, outcome) of each inquiry, in order, while they are answered.

    Raises what `intake.admit` raises before the first of them is.
    """
    file = batches.parse_batch(body)
    if file.header.count == 1:
        return iter([(intake.FIRST_EVENT_LINE, _alone(bureau, body))])
    if file.header.count > INQUIRIES_MAX:
        detail = f"a batch has at most {INQUIRIES_MAX} inquiries: ask in several"
        raise intake.refusal([LineProblem(intake.NOTE_LINE, "limit", detail)])
    return _answers(bureau, _admit(bureau, file))


def _alone(bureau: Bureau, body: bytes) -> Outcome:
    """A single inquiry: refusals are outcomes; what is wrong with the batch is raised."""
    try:
        return inquiries.inquire(bureau, body)
    except (ConsentError, NotYetError, NotFoundError) as error:
        return error


def _admit(bureau: Bureau, file: batches.BatchFile) -> _Asked:
    try:
        return _admit_once(bureau, file)
    except UniqueViolation:
        # goes on when another request stored this very batch just now
        receipt = intake.explain_collision(bureau, file).receipt
        return _Asked(file, _stored_inquiries(file), receipt)


def _admit_once(bureau: Bureau, file: batches.BatchFile) -> _Asked:
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        known = intake.known_receipt(bureau, connection, file)
        if known is not None:
            return _Asked(file, _stored_inquiries(file), known)
        checked = intake.check(bureau, bureau.register(connection), file, bureau.today())
        asked = _inquiries(checked.events)
        now = bureau.now()
        problems = _twice(asked) or [
            problem
            for line, event in enumerate(asked, intake.FIRST_EVENT_LINE)
            if (problem := inquiries.time_problem(event, line, now))
        ]
        if problems:
            raise intake.refusal(problems)
        (receipt,) = intake.store(bureau, connection, [checked])
        return _Asked(file, asked, receipt)


def _stored_inquiries(file: batches.BatchFile) -> list[types.Inquiry]:
    return _inquiries([event_formats.decode_stored(line) for line in file.lines])


def _inquiries(events: Sequence[event_formats.Event]) -> list[types.Inquiry]:
    asked = [event for event in events if isinstance(event, types.Inquiry)]
    if len(asked) < len(events):
        line = next(
            n for n, e in enumerate(events, intake.FIRST_EVENT_LINE) if not isinstance(e, types.Inquiry)
        )
        raise intake.refusal([LineProblem(line, "format", "here a batch has inquiries and nothing else")])
    return asked


def _twice(asked: Sequence[types.Inquiry]) -> list[LineProblem]:
    first: dict[str, int] = {}
    return [
        LineProblem(line, "limit", f"this citizen is asked about on line {first[event.citizen]} already")
        for line, event in enumerate(asked, intake.FIRST_EVENT_LINE)
        if first.setdefault(event.citizen, line) != line
    ]


def _answers(bureau: Bureau, asked: _Asked) -> Iterator[tuple[int, Outcome]]:
    for first in range(0, len(asked.events), GROUP):
        outcomes = _group(bureau, asked, first)
        yield from enumerate(outcomes, intake.FIRST_EVENT_LINE + first)


def _group(bureau: Bureau, asked: _Asked, first: int) -> list[Outcome]:
    """The inquiries from position `first` on, in one transaction."""
    events = asked.events[first : first + GROUP]
    citizens = [event.citizen for event in events]
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        scene = judging.look_at(bureau, connection, citizens, admission.access_lock(citizens))
        recorded, attempts = _recorded(bureau, connection, scene, asked.file, first)
        reasons = {event.citizen: scene.reason(event) for event in events}
        new = [event.citizen for event in events if event.citizen not in recorded]
        proof_of = judging.proofs_of(bureau, connection, scene, [c for c in new if reasons[c] is None])
        again = _proofs_again(bureau, connection, scene, recorded)
        drafts = [
            _judged(bureau, asked, position, _Known(scene, reasons, recorded, proof_of, again))
            for position in range(first, first + len(events))
        ]
        lines = [draft for draft in drafts if isinstance(draft, Draft)]
        receipt = b""
        if lines:
            name = _reply_id(asked.file, first, attempts)
            batch = own_batch(bureau, bureau.register(connection), name, *(each.line for each in lines))
            (receipt,) = intake.store(bureau, connection, [batch])
    # behind the commit: whatever is said is in the ledger, refusals too
    return [each.outcome(asked.receipt, receipt) if isinstance(each, Draft) else each for each in drafts]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a group is judged by; everything by citizen."""

    scene: judging.Scene
    reasons: dict[str, access.Reason | None]
    recorded: dict[str, _Recorded]
    proof_of: dict[str, bytes]
    again: dict[str, Outcome | bytes]


def _judged(bureau: Bureau, asked: _Asked, position: int, known: _Known) -> Draft | Outcome:
    """One inquiry: a line that has to be stored first, or what can be said right away."""
    event, asked_line = asked.events[position], asked.file.lines[position]
    citizen = event.citizen
    if not known.scene.persons[citizen].data_key:  # erased since the batch was admitted
        line_number = position + intake.FIRST_EVENT_LINE
        return intake.refusal([LineProblem(line_number, "R40", "this citizen's file was erased")])
    reason, was = known.reasons[citizen], known.recorded.get(citizen)
    if was is not None and was.event is None:
        return replies.DestroyedError()
    if was is not None and was.event is not None and was.event["type"] == "refusal":
        return ConsentError(was.event["reason"], receipt=was.receipt)
    if reason is not None:
        line = replies.reply_line(bureau, asked_line, event, "refusal", {"reason": reason})
        return Draft(line, reason)
    if was is not None and was.event is not None:
        proof = known.again[citizen]
        return Answer(was.event, (asked.receipt, was.receipt), proof) if isinstance(proof, bytes) else proof
    problem = inquiries.time_problem(event, position + intake.FIRST_EVENT_LINE, bureau.now())
    if problem is not None:
        return RuleError(problem.detail, code="too-old", problems=(problem,))
    if citizen not in known.proof_of:
        return NotYetError()
    line = replies.reply_line(bureau, asked_line, event, "answer", known.scene.said(event))
    return Draft(line, None, known.proof_of[citizen])


# ---- what was said before


def _reply_id(file: batches.BatchFile, first: int, attempt: int) -> str:
    return f"bulk-{file.batch_hash.hex()[:40]}-{first}-{attempt}"


def _recorded(
    bureau: Bureau, connection: Connection, scene: judging.Scene, file: batches.BatchFile, first: int
) -> tuple[dict[str, _Recorded], int]:
    """What the bureau has said about this group, the last word of each, by citizen; and in how many batches."""
    citizens = {person.id: citizen for citizen, person in scene.persons.items()}
    said: dict[str, _Recorded] = {}
    attempts = 0
    while True:
        names = [_reply_id(file, first, attempts + n) for n in range(_NAMES_AT_ONCE)]
        rows = admission.bodies_by_names(connection, bureau.signer.name, names)
        for _, receipt, number, sealed in rows:
            citizen = citizens[number]
            said[citizen] = _Recorded(_opened(scene.persons[citizen], sealed), receipt.encode())
        found = len({name for name, *_ in rows})
        attempts += found
        if found < _NAMES_AT_ONCE:
            return said, attempts


def _opened(person: Person, sealed: bytes | None) -> dict[str, Any] | None:
    if sealed is None or not person.data_key:
        return None
    event: dict[str, Any] = orjson.loads(sealing.unseal(person.data_key, sealed))
    return event


def _proofs_again(
    bureau: Bureau, connection: Connection, scene: judging.Scene, recorded: dict[str, _Recorded]
) -> dict[str, Outcome | bytes]:
    """The proofs that were given before, from the blocks that the answers name: never a newer one's."""
    by_block: dict[int, list[str]] = {}
    for citizen, was in recorded.items():
        if was.event is not None and was.event["type"] == "answer":
            by_block.setdefault(was.event["block"], []).append(citizen)
    made: dict[str, Outcome | bytes] = {}
    for block, citizens in by_block.items():
        at = proofs.snapshot_at(bureau, connection, block)
        persons = {citizen: scene.persons[citizen] for citizen in citizens}
        paths = at.trie.paths(connection, [person.key for person in persons.values()])
        for citizen, person in persons.items():
            try:
                opened = proofs.account_at(connection, person, at)
            except NotFoundError as error:
                made[citizen] = error
            else:
                made[citizen] = proofs.assemble(person, at, opened, proofs.SHOWN_TO_BANKS, paths)
    return made
