"""A bank asks, and gets an answer with a proof; the question and the answer are in the ledger before it leaves.

    1. the inquiry is a batch of one event, checked like any batch          services.ledger.intake
    2. may this bank look? consent, purpose, freeze, as of this second      core.scoring.access
    3. no: the refusal is an event too (R15), and the bank gets its receipt
    4. yes: a proof from the newest block, and an answer event by the bureau
    5. inquiry and answer (or refusal) are stored in one transaction; then it is sent

The same inquiry again gets the same bytes, as long as the consent holds.

Inquiries that come at the same time are served together (services.banks.gathering): one transaction, each step of it one
question to the database about all of them, one commit, which is what a single one costs too. A group has a citizen once, so
that every inquiry is judged by all that was recorded before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.core import fields
from app.core.errors import CredenceError, DamagedError, LineProblem, NotFoundError
from app.core.reporting import batch as batches
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.db import admission, standing
from app.db.session import UniqueViolation
from app.services.banks import replies
from app.services.banks.replies import Answer, ConsentError, Draft, Outcome
from app.services.ledger import intake, judging
from app.services.proving import proofs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from app.core.log.register import Register
    from app.db.session import Connection
    from app.services.bureau import Bureau

RETRY_AFTER_S = 2
TIME_OFF_S_MAX = 3600


class NotYetError(CredenceError):
    """The citizen's file, or its repair, is admitted, but no block holds it yet."""

    code = "not-yet"
    retry_after_s = RETRY_AFTER_S

    def __init__(
        self, detail: str = "what is admitted of the citizen's file will be in the next block: ask again"
    ) -> None:
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An inquiry that rungs 1 to 5 let through; `number` is its place in the group."""

    number: int
    batch: intake.CheckedBatch
    event: types.Inquiry


@dataclass(frozen=True, slots=True)
class _Known:
    """An inquiry that was recorded before, and its receipt."""

    number: int
    file: batches.BatchFile
    event: types.Inquiry
    receipt: bytes


def inquire(bureau: Bureau, body: bytes) -> Answer:
    """Answer a signed batch of exactly one `inquiry`.

    Raises what `intake.admit` raises, ConsentError when the look is refused, NotYetError while the citizen, or a
    repair of their file, is in no block.
    """
    answer: Answer = bureau.inquiries.ask(batches.parse_batch(body), partial(_serve, bureau))
    return answer


def _serve(bureau: Bureau, files: Sequence[batches.BatchFile]) -> list[Answer | Exception]:
    """A group in as few transactions as can be: one, and another for those about a citizen who is in it already.

    When a transaction fails, for whatever reason, each of its inquiries gets one of its own: what is wrong with one of
    them, or what stands against it in the database, is no harm to the others.
    """
    if len(files) == 1:
        return [_alone(bureau, files[0])]
    try:
        outcomes = _together(bureau, files)
    except Exception:  # noqa: BLE001 - it comes again, to whom it concerns
        return [_alone(bureau, file) for file in files]
    waiting = [file for file, outcome in zip(files, outcomes, strict=True) if outcome is None]
    served = iter(_serve(bureau, waiting) if waiting else [])
    return [next(served) if outcome is None else outcome for outcome in outcomes]


def _alone(bureau: Bureau, file: batches.BatchFile) -> Answer | Exception:
    try:
        try:
            (outcome,) = _together(bureau, [file])
        except UniqueViolation:
            # goes on when another request stored this very inquiry just now
            intake.explain_collision(bureau, file)
            (outcome,) = _together(bureau, [file])
    except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
        return error
    assert outcome is not None, "there is nobody to wait for"
    return outcome


def _together(bureau: Bureau, files: Sequence[batches.BatchFile]) -> list[Answer | Exception | None]:
    """Inquiries in one transaction: the outcome of each, None for one that has to wait for another about its citizen, or
    for its like.
    """
    outcomes: list[Answer | Exception | None] = [None] * len(files)
    with bureau.transaction() as connection:
        names = [(file.header.furnisher, file.header.batch_id) for file in files]
        keys_at, admitted, newest_notice = standing.begin(connection, names)
        bureau.people.held(connection, keys_at)
        register = bureau.register(connection, newest_notice)
        now = bureau.now()
        today = fields.format_day(bureau.local_day(now))
        asked: dict[str, _Asked] = {}
        known: dict[tuple[str, str], _Known] = {}
        for number, (file, name) in enumerate(zip(files, names, strict=True)):
            try:
                if name in admitted:
                    receipt = intake.same_receipt(bureau, connection, file, admitted[name])
                    event = _the_inquiry([event_formats.decode_stored(line) for line in file.lines])
                    known.setdefault(name, _Known(number, file, event, receipt))
                else:
                    batch = intake.check(bureau, register, file, today)
                    event = _the_inquiry(batch.events)
                    problem = time_problem(event, intake.FIRST_EVENT_LINE, now)
                    if problem is not None:
                        raise intake.refusal([problem])
                    asked.setdefault(event.citizen, _Asked(number, batch, event))
            except CredenceError as error:
                outcomes[number] = error
        words: dict[int, Draft | Outcome] = {}
        if known:
            admission.lock_access(connection, [*asked, *(one.event.citizen for one in known.values())])
            words |= {one.number: _again(bureau, connection, one) for one in known.values()}
        if asked:
            words |= _first(bureau, connection, asked)
        came: dict[int, bytes | intake.CheckedBatch] = {one.number: one.receipt for one in known.values()}
        came |= {one.number: one.batch for one in asked.values()}
        for number, outcome in _recorded(bureau, connection, register, words, came).items():
            outcomes[number] = outcome
    return outcomes  # behind the commit: whatever is said is in the ledger, refusals too


def _recorded(
    bureau: Bureau,
    connection: Connection,
    register: Register,
    words: Mapping[int, Draft | Outcome],
    came: Mapping[int, bytes | intake.CheckedBatch],
) -> dict[int, Outcome]:
    """What is said, by number, once the drafts among it are stored, all at once, with those inquiries that are new: of each
    there is its batch, or the receipt that it got before.
    """
    drafts = {number: word for number, word in words.items() if isinstance(word, Draft)}
    outcomes = {number: word for number, word in words.items() if not isinstance(word, Draft)}
    if not drafts:
        return outcomes
    new = {number: batch for number in drafts if isinstance(batch := came[number], intake.CheckedBatch)}
    reply = replies.reply_batch(bureau, register, list(drafts.values()))
    *stored, replied = intake.store(bureau, connection, [*new.values(), reply])
    receipts = {number: receipt for number, receipt in came.items() if isinstance(receipt, bytes)}
    receipts |= dict(zip(new, stored, strict=True))
    return outcomes | {number: draft.outcome(receipts[number], replied) for number, draft in drafts.items()}


def _first(bureau: Bureau, connection: Connection, asked: Mapping[str, _Asked]) -> dict[int, Draft | Outcome]:
    """Inquiries that come for the first time, by citizen: judged. What is to be said, by number."""
    scene = judging.look_at(bureau, connection, asked, admission.access_lock(asked))
    reasons = {citizen: scene.reason(one.event) for citizen, one in asked.items()}
    may = [citizen for citizen, reason in reasons.items() if reason is None]
    proof_of = judging.proofs_of(bureau, connection, scene, may)
    words: dict[int, Draft | Outcome] = {}
    for citizen, one in asked.items():
        line_of = partial(replies.reply_line, bureau, one.batch.file.lines[0], one.event)
        reason = reasons[citizen]
        if reason is not None:
            words[one.number] = Draft(line_of("refusal", {"reason": reason}), reason)
        elif citizen in proof_of:
            words[one.number] = Draft(line_of("answer", scene.said(one.event)), None, proof_of[citizen])
        else:
            words[one.number] = NotYetError()
    return words


def time_problem(event: types.Inquiry, line: int, now: dt.datetime) -> LineProblem | None:
    """A look is recorded with the hour at which it was asked for, and not with one of the bank's choice (R16)."""
    if abs((fields.parse_instant(event.time) - now).total_seconds()) <= TIME_OFF_S_MAX:
        return None
    detail = f"`time` is more than {TIME_OFF_S_MAX // 60} minutes from now: sign the inquiry when you send it"
    return LineProblem(line, "time", detail)


def _the_inquiry(events: Sequence[event_formats.Event]) -> types.Inquiry:
    event = events[0]
    if len(events) != 1 or not isinstance(event, types.Inquiry):
        line = intake.FIRST_EVENT_LINE
        raise intake.refusal(
            [LineProblem(line, "format", "an inquiry comes as a batch of exactly one inquiry")]
        )
    return event


def _again(bureau: Bureau, connection: Connection, known: _Known) -> Draft | Outcome:
    """The same inquiry again: what was recorded, to the byte, and never a newer block's proof.

    A consent that has ended since, or a freeze, ends this too (R17, R18): then the refusal is recorded as well. The access
    lock is held, so that this happens once.
    """
    event = known.event
    scene = judging.look_at(bureau, connection, [event.citizen])
    person = scene.persons.get(event.citizen)
    if person is not None and not person.data_key:
        return intake.refusal([LineProblem(intake.FIRST_EVENT_LINE, "R40", "this citizen's file was erased")])
    said, destroyed = (
        (None, False) if person is None else replies.recorded(bureau, connection, person, known.file)
    )
    if person is None or said is None:
        if destroyed:
            return replies.DestroyedError()
        return DamagedError("An inquiry is recorded without its answer.")
    if said.event["type"] == "refusal":
        return ConsentError(said.event["reason"], receipt=said.receipt)
    ended = scene.reason(event)
    if ended is not None:
        line = replies.reply_line(bureau, known.file.lines[0], event, "refusal", {"reason": ended})
        return Draft(line, ended)
    try:
        at = proofs.snapshot_at(bureau, connection, said.event["block"])
        opened = proofs.account_at(connection, person, at)
    except NotFoundError as error:
        return error
    proof = proofs.build(connection, person, at, opened, proofs.SHOWN_TO_BANKS)
    return Answer(said.event, (known.receipt, said.receipt), proof)
