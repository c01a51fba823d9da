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

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core import fields
from app.core.errors import CredenceError, LineProblem, RefusedError
from app.core.reporting import batch as batches
from app.core.reporting import event_types as types
from app.core.reporting import events as event_formats
from app.core.scoring import access
from app.db import admission, standing
from app.db.session import UniqueViolation
from app.services.banks import replies
from app.services.ledger import intake, judging
from app.services.proving import proofs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.core.log.register import Register
    from app.db.session import Connection
    from app.services.bureau import Bureau

ADVICE = (
    "This score is advisory. Credence never declines anybody: a decision is the bank's own and must not rest on this"
    " number alone. The citizen can ask the bureau for a person to look at the case (signed in, under /record/cases, or on"
    " paper), see every look at their file, and dispute what is wrong."
)
RETRY_AFTER_S = 2
TIME_OFF_S_MAX = 3600


class ConsentError(CredenceError):
    """The look is refused; `receipt` shows that the refusal is in the ledger. `reason` as in the `refusal` event."""

    code = "no-consent"

    def __init__(self, detail: str, *, reason: str, receipt: bytes) -> None:
        super().__init__(detail, code=reason.replace("_", "-"))
        self.reason = reason
        self.receipt = receipt


class NotYetError(CredenceError):
    """The citizen's file, or its repair, is admitted, but no block holds it yet."""

    code = "not-yet"
    retry_after_s = RETRY_AFTER_S

    def __init__(
        self, detail: str = "what is admitted of the citizen's file will be in the next block: ask again"
    ) -> None:
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer event as an object, the receipts of inquiry and answer, and the proof (canonical JSON)."""

    answer: dict[str, Any]
    receipts: tuple[bytes, bytes]
    proof: bytes
    advice: str = ADVICE


@dataclass(frozen=True, slots=True)
class _Asked:
    """An inquiry that rungs 1 to 5 let through; `number` is its place in the group."""

    number: int
    batch: intake.CheckedBatch
    event: types.Inquiry


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
    """Inquiries in one transaction: the outcome of each, None for one that has to wait for another about its citizen."""
    outcomes: list[Answer | Exception | None] = [None] * len(files)
    with bureau.transaction() as connection:
        names = [(file.header.furnisher, file.header.batch_id) for file in files]
        keys_at, admitted, newest_notice = standing.begin(connection, names)
        bureau.people.held(connection, keys_at)
        register = bureau.register(connection, newest_notice)
        asked: dict[str, _Asked] = {}
        for number, (file, name) in enumerate(zip(files, names, strict=True)):
            try:
                if name in admitted:
                    receipt = intake.same_receipt(bureau, connection, file, admitted[name])
                    outcomes[number] = _again(bureau, connection, file, receipt)
                else:
                    batch = intake.check(bureau, register, file)
                    event = _the_inquiry(batch.events)
                    problem = time_problem(bureau, event, intake.FIRST_EVENT_LINE)
                    if problem is not None:
                        raise intake.refusal([problem])
                    asked.setdefault(event.citizen, _Asked(number, batch, event))
            except CredenceError as error:
                outcomes[number] = error
        if asked:
            first = _first(bureau, connection, register, asked)
            for one, outcome in zip(asked.values(), first, strict=True):
                outcomes[one.number] = outcome
    return outcomes  # behind the commit: whatever is said is in the ledger, refusals too


def _first(
    bureau: Bureau, connection: Connection, register: Register, asked: Mapping[str, _Asked]
) -> list[Answer | CredenceError]:
    """Inquiries that come for the first time, by citizen: judged, answered and stored. The outcomes, in step."""
    scene = judging.look_at(bureau, connection, asked, admission.access_lock(asked))
    reasons = {citizen: scene.reason(one.event) for citizen, one in asked.items()}
    may = [citizen for citizen, reason in reasons.items() if reason is None]
    proof_of = judging.proofs_of(bureau, connection, scene, may)
    drafts = []
    for citizen, one in asked.items():
        reason = reasons[citizen]
        if reason is not None:
            drafts.append(
                _Draft(replies.refusal(bureau, register, one.batch.file, one.event, reason), reason)
            )
        elif citizen in proof_of:
            more = scene.said(one.event)
            answer, reply = replies.reply(bureau, register, one.batch.file, one.event, "answer", more)
            drafts.append(_Draft(reply, None, answer, proof_of[citizen]))
        else:
            drafts.append(_Draft())
    kept = [
        (one.batch, draft.reply) for one, draft in zip(asked.values(), drafts, strict=True) if draft.reply
    ]
    receipts = (
        iter(intake.store(bureau, connection, [batch for pair in kept for batch in pair]))
        if kept
        else iter(())
    )
    return [draft.outcome(receipts) for draft in drafts]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What an inquiry is told once it is stored with the bureau's reply; nothing of both is for who is to ask again."""

    reply: intake.CheckedBatch | None = None
    reason: access.Reason | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    proof: bytes = b""

    def outcome(self, receipts: Iterator[bytes]) -> Answer | CredenceError:
        """With the next two receipts, of the inquiry and of the reply, when there is one."""
        if self.reply is None:
            return NotYetError()
        of_both = next(receipts), next(receipts)
        if self.reason is not None:
            return ConsentError(access.REASONS[self.reason], reason=self.reason, receipt=of_both[1])
        return Answer(self.answer, of_both, self.proof)


def time_problem(bureau: Bureau, event: types.Inquiry, line: int) -> LineProblem | None:
    """A look is recorded with the hour at which it was asked for, and not with one of the bank's choice (R16)."""
    if abs((fields.parse_instant(event.time) - bureau.now()).total_seconds()) <= TIME_OFF_S_MAX:
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


def _again(
    bureau: Bureau, connection: Connection, file: batches.BatchFile, receipt: bytes
) -> Answer | ConsentError:
    """The same inquiry again: what was recorded, to the byte, and never a newer block's proof.

    A consent that has ended since, or a freeze, ends this too (R17, R18): then the refusal is recorded as well.
    """
    event = _the_inquiry([event_formats.decode_stored(line) for line in file.lines])
    person = bureau.people.find(connection, [event.citizen]).get(event.citizen)
    refused, answered = (
        replies.recorded(bureau, connection, person, file, kind) for kind in ("refusal", "answer")
    )
    if person is None or (refused is None and answered is None):
        raise RefusedError("an inquiry is recorded without its answer: run `credence audit`")
    if refused is not None:
        reason: access.Reason = refused[0]["reason"]
        return ConsentError(access.REASONS[reason], reason=reason, receipt=refused[1])
    assert answered is not None
    ended = judging.look_at(bureau, connection, [event.citizen]).reason(event)
    if ended is not None:
        refusal = replies.refusal(bureau, bureau.register(connection), file, event, ended)
        (reply_receipt,) = intake.store(bureau, connection, [refusal])
        return ConsentError(access.REASONS[ended], reason=ended, receipt=reply_receipt)
    answer, reply_receipt = answered
    at = proofs.snapshot_at(bureau, connection, answer["block"])
    proof = proofs.build(
        connection, person, at, proofs.account_at(connection, person, at), proofs.SHOWN_TO_BANKS
    )
    return Answer(answer, (receipt, reply_receipt), proof)
