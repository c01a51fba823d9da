"""What a bank does: inquire, one by one or in files, watch, write letters, hear of corrections. Every answer is verified
before it is given.

    with the policy     the proof: the signed ledger and its witnesses, the account, the score, whose it is, how old
    with the question   the answer event: about this citizen, for this purpose, to this bank, to this very inquiry
    one with the other  the event says the score, the block and the disclosures that the proof shows, and nothing more (R20)

What does not hold is a ProofError, and no score leaves this module. A refusal is no error of the bank's: `inquire` raises
RefusalError, with the receipt that the ledger remembers it; of many, each is a Refused.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from app.client.drafts import FIRST_LINE, Inquiry, inquiry_batch
from app.client.transport import Service, problem_of
from app.core import canon
from app.core.errors import CredenceError, FormatError, ProofError
from app.core.exchange.request_note import NUMBER_MAX, CorrectionsNote, LetterNote, NumberNote
from app.core.exchange.watch_note import WatchEndNote, WatchesNote, WatchNote
from app.core.fields import hex32
from app.core.log.note import split
from app.core.proving.proof import verify_score_proof
from app.core.reporting import event_types as et
from app.core.reporting.batch import parse_batch
from app.core.reporting.events import decode_stored
from app.core.reporting.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.core.log.note import Signer
    from app.core.log.notices import Genesis
    from app.core.proving.proof import Verified

SHOWN = ["receipt", "score"]
MAX_AGE_S = 48 * 3600
TRIES = 5


def utc_now() -> dt.datetime:
    """The clock, in whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified answer: the bureau's event, the receipts of question and answer, the `.proof` file, what it proves, and the
    bureau's advice, which says that it is advisory and how to reach a person (R36).
    """

    inquiry: Inquiry
    event: dict[str, Any]
    receipts: tuple[bytes, bytes]
    proof: bytes
    verified: Verified
    advice: str
    line: int = FIRST_LINE

    def as_json(self) -> dict[str, Any]:
        """As the bureau wrote it."""
        receipts = [receipt.decode() for receipt in self.receipts]
        return {
            "answer": self.event,
            "receipts": receipts,
            "proof": orjson.loads(self.proof),
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """One of many that was not answered: `error.code` says why; a RefusalError has the receipt of the refusal."""

    inquiry: Inquiry
    error: CredenceError
    line: int


@dataclass(frozen=True, slots=True)
class Correction:
    """An item that was repaired after this bank was told a score with it: whose (citizen key), and its log index."""

    citizen: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Lines whose crossing this bank is told of: on whom (citizen key), and where. `ended` says why it is over, if it is."""

    number: int
    citizen: bytes
    lines: tuple[int, ...]
    url: str
    ended: str = ""


class Bank:
    """One bank at one bureau. `key` is registered with the role bank; `policy` says which ledger and witnesses to trust."""

    def __init__(
        self,
        url: str,
        key: Signer,
        policy: bytes,
        *,
        max_age_s: int = MAX_AGE_S,
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self.service, self.key, self.policy = Service(url), key, policy
        self._max_age_s, self._now = max_age_s, now
        self._genesis: Genesis | None = None

    @property
    def genesis(self) -> Genesis:
        """The ledger's first entry: its name, scheme and local time."""
        if self._genesis is None:
            self._genesis = self.service.genesis()
        return self._genesis

    def sign(self, *inquiries: Inquiry) -> bytes:
        """The `.batch` file that asks this. Keep it before you send it: the same file again gets the same answers."""
        return inquiry_batch(self.key, self.genesis, inquiries, self._now(), secrets.token_bytes)

    def inquire(self, inquiry: Inquiry) -> Answer:
        """Ask about one citizen. RefusalError when the bank may not look, ProofError when the answer does not hold."""
        return self.send(self.sign(inquiry))

    def send(self, batch: bytes) -> Answer:
        """Ask what a signed batch of one inquiry asks."""
        return self._checked(_questions(batch)[0], self.service.inquire(batch), FIRST_LINE)

    def inquire_all(self, inquiries: Sequence[Inquiry]) -> Iterator[Answer | Refused]:
        """Ask about up to 10,000 citizens; the outcomes in order, while they come."""
        return self.send_all(self.sign(*inquiries))

    def send_all(self, batch: bytes, *, tries: int = TRIES) -> Iterator[Answer | Refused]:
        """The same with a signed batch. When the stream breaks off, it is sent again and goes on where it ended."""
        questions = _questions(batch)
        done = 0
        for left in range(tries - 1, -1, -1):
            try:
                for number, line in enumerate(self.service.inquire_all(batch)):
                    if number >= len(questions):
                        raise FormatError("more lines came than there are inquiries")
                    if number >= done:
                        yield self._outcome(questions[number], number + FIRST_LINE, line)
                        done = number + 1
            except CredenceError as error:
                if error.code != "unreachable" or not left:
                    raise
            if done == len(questions):
                return
        raise FormatError(
            f"{self.service.url} answered {done} of {len(questions)} inquiries: send the file again"
        )

    def corrections(self, after: int = 0) -> tuple[list[Correction], int]:
        """What was repaired since number `after`, and the number to ask with the next time."""
        found: list[Correction] = []
        while True:
            told = self.service.corrections(self._numbered(CorrectionsNote, after))
            items = told.get("corrections")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise FormatError("the corrections are no list of objects")
            found += [_correction(item) for item in items]
            newest = told.get("after")
            if not items:
                return found, after
            if not isinstance(newest, int) or not after < newest <= NUMBER_MAX:
                raise FormatError("the corrections have no number that goes on")
            after = newest

    def letter(self, answer: Answer, *, language: str = "en", as_pdf: bool = False) -> bytes:
        """The letter that a decision against this citizen calls for (R38). They see that there is one."""
        note = LetterNote(self.genesis.origin, self.key.name, answer.event["id"], self._now())
        return self.service.letter(note.sign(self.key), language=language, as_pdf=as_pdf)

    def watch(self, answer: Answer, lines: Sequence[int], url: str) -> Watch:
        """Be told at `url` when this score crosses a line, for as long as the consent holds. The answer is one for
        account_review.
        """
        about = answer.event["id"], tuple(sorted(set(lines))), url
        note = WatchNote(self.genesis.origin, self.key.name, *about, self._now())
        return _watch(self.service.watch(note.sign(self.key)))

    def watches(self) -> list[Watch]:
        """What this bank watches."""
        found: list[Watch] = []
        while True:
            after = found[-1].number if found else 0
            told = self.service.watches(self._numbered(WatchesNote, after)).get("watches")
            if not isinstance(told, list):
                raise FormatError("the watches are no list")
            if not told:
                return found
            found += [_watch(each) for each in told]
            if found[-1].number <= after:
                raise FormatError("the watches do not go on")

    def end_watch(self, number: int) -> None:
        """Hear no more of it."""
        self.service.end_watch(self._numbered(WatchEndNote, number))

    def _numbered(self, kind: type[NumberNote], number: int) -> bytes:
        return kind(self.genesis.origin, self.key.name, number, self._now()).sign(self.key)

    def _outcome(self, question: _Question, line: int, data: bytes) -> Answer | Refused:
        try:
            told = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise FormatError(f"the answer to line {line} is not JSON") from None
        if not isinstance(told, dict) or told.get("line") != line:
            raise FormatError(f"the answer to line {line} is to another one")
        if "answer" in told:
            return self._checked(question, told, line)
        status = told.get("status")
        error = problem_of(self.service.url, status if isinstance(status, int) else 0, told)
        return Refused(question.inquiry, error, line)

    def _checked(self, question: _Question, told: dict[str, Any], line: int) -> Answer:
        """An answer, once everything about it holds."""
        event, proof, receipts = told.get("answer"), told.get("proof"), told.get("receipts")
        if not isinstance(event, dict) or not isinstance(proof, dict) or not isinstance(receipts, list):
            raise FormatError(f"{self.service.url} answered without an answer, a proof or receipts")
        encoded = canon.encode(proof)
        verified = verify_score_proof(
            encoded,
            self.policy,
            at=self._now(),
            max_age_s=self._max_age_s,
            identifier=question.inquiry.citizen,
        )
        _compare(question, event, verified)
        advice = told.get("advice")
        if not isinstance(advice, str) or not advice:
            raise FormatError("the answer does not say that it is advisory")
        both = _receipts(question, receipts)
        return Answer(question.inquiry, event, both, encoded, verified, advice, line)


@dataclass(frozen=True, slots=True)
class _Question:
    """An inquiry as it was signed: its event's commitment, who asks, and the hash of the batch."""

    inquiry: Inquiry
    commitment: str
    bank: str
    origin: str
    batch_hash: bytes


def inquiries_of(batch: bytes) -> list[Inquiry]:
    """What a signed batch asks, in order."""
    return [question.inquiry for question in _questions(batch)]


def _questions(batch: bytes) -> list[_Question]:
    file = parse_batch(batch)
    header, questions = file.header, []
    for line in file.lines:
        event = decode_stored(line)
        if not isinstance(event, et.Inquiry):
            raise FormatError("the batch has something else than inquiries")
        inquiry = Inquiry(event.citizen, event.purpose, event.consent, event.class_, event.case)
        commitment = sha256(line).hexdigest()
        questions.append(_Question(inquiry, commitment, header.furnisher, header.origin, file.batch_hash))
    return questions


def _compare(question: _Question, event: dict[str, Any], verified: Verified) -> None:
    """The event is the answer to this question, and says what the proof shows."""
    said = {
        "type": "answer",
        "ledger": verified.origin,
        "inquiry": question.commitment,
        "citizen": question.inquiry.citizen,
        "purpose": question.inquiry.purpose,
        "recipient": question.bank,
        "shown": SHOWN,
        "block": verified.block_number,
        **({"score": verified.score} if verified.score is not None else {}),
        **({"insufficient": list(verified.insufficient)} if verified.score is None else {}),
    }
    for name, value in said.items():
        if event.get(name) != value:
            raise ProofError(f"`{name}` of the answer is not what was asked or what is proved")
    if sorted(verified.shown) != SHOWN or verified.origin != question.origin:
        raise ProofError("the proof shows something else than the answer says")


def _receipts(question: _Question, receipts: list[Any]) -> tuple[bytes, bytes]:
    """Both, the first for the batch that was sent. Whose keys signed them stands in the register, not in the policy."""
    if len(receipts) != 2 or not all(isinstance(each, str) for each in receipts):
        raise FormatError("an answer has two receipts")
    asked, answered = (each.encode() for each in receipts)
    read = [Receipt.parse(split(each)[0]) for each in (asked, answered)]
    if {each.origin for each in read} != {question.origin} or read[0].batch_hash != question.batch_hash:
        raise ProofError("the receipt is for another batch")
    return asked, answered


def _watch(told: object) -> Watch:
    fields = told if isinstance(told, dict) else {}
    number, lines, url = fields.get("watch"), fields.get("lines"), fields.get("url")
    if not isinstance(number, int) or not isinstance(lines, list) or not isinstance(url, str):
        raise FormatError("a watch has a number, lines and an address")
    return Watch(number, hex32(fields.get("citizen")), tuple(lines), url, str(fields.get("ended", "")))


def _correction(item: dict[str, Any]) -> Correction:
    index = item.get("index")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise FormatError("a correction has no log index")
    return Correction(hex32(item.get("citizen")), index)
