"""Portfolio watch: a bank hears when a score that it may review crosses one of its lines, and nothing else.

    1. put      a signed note names an answer for account_review that this bank was given, lines, and an address
    2. look     whenever a block has written a watched account: did the score cross a line since the last look?
    3. tell     then consent and file are judged as of this second; a `look` of the bank's goes into the ledger (R16), and
                with it, in one transaction, a message into the outbox. A consent that has ended ends the watch (R17)
    4. send     the outbox is worked off: signed, again after a while when the receiver fails; an ended consent drops it

A message has the citizen key, the lines and the direction: no identifier, no score. While an entry is disputed or a repair
waits for its block, the next block is waited for (R23). `look` and `send` are jobs of the scheduler.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from app.core.errors import DamagedError, NotFoundError, RuleError
from app.core.exchange import webhook
from app.core.exchange.watch_note import WatchEndNote, WatchesNote, WatchNote
from app.core.scoring import access
from app.core.state import account_state, sealing
from app.db import admission, state
from app.db import watches as rows
from app.services import requests
from app.services.banks import answers, replies, webhooks
from app.services.banks.replies import ConsentError
from app.services.citizens.links import hold, identifier_of, person_by_id
from app.services.ledger import judging, own_events
from app.services.one_by_one import OneByOne

if TYPE_CHECKING:
    from app.core.exchange.request_note import NumberNote
    from app.core.log.note import Signer
    from app.db.session import Connection
    from app.db.watches import MessageRow, WatchRow
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

ROLE = "bank"
PURPOSE = "account_review"
WATCHES_AT_ONCE = 1_000
ENDED_SHOWN = dt.timedelta(days=30)
MESSAGES_AT_ONCE = 50
SEND_S = 30
GONE = 410
"""The status by which a receiver says that it wants no more."""


@dataclass(frozen=True, slots=True)
class Move:
    """How a score moved across lines: `kind` of the message, and what it says beside watch, citizen and block."""

    kind: str
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Way:
    """How messages go out in one run: where to, signed by whom, and which addresses did not answer."""

    networks: list[webhooks.Network]
    signer: Signer
    away: set[str]


# ---- what a bank asks for
# --------------------------------------------------------------------------------------------------


def put(bureau: Bureau, note: bytes) -> tuple[WatchRow, bool]:
    """(the watch, whether it is a new one). Raises FormatError, SignatureError, NotFoundError, RuleError; ConsentError when
    the bank may not review this account, which is an event too (R15).
    """
    asked = WatchNote.parse(note)
    requests.check_origin(bureau, asked.origin)
    with bureau.transaction() as connection:  # before names are looked up for anybody
        requests.check_signature(bureau, connection, ROLE, asked.bank, asked.time, note)
    try:
        webhooks.resolve(asked.url, webhooks.allowed_networks())
    except OSError:
        raise RuleError(f"the host of {asked.url} is not known", code="unknown-host") from None
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        requests.check_signature(bureau, connection, ROLE, asked.bank, asked.time, note)
        person, answer = answers.answer(bureau, connection, UUID(asked.answer), asked.bank)
        if answer.purpose != PURPOSE:
            raise RuleError(
                f"a watch continues an answer for {PURPOSE}, and this is one for {answer.purpose}",
                code="purpose",
            )
        identifier = identifier_of(connection, person)
        admission.lock_access(connection, [identifier])
        reason = _refusal(bureau, connection, identifier, asked.bank)
        if reason is None:
            now = bureau.now()
            return rows.put(connection, asked.bank, person.id, asked.lines, asked.url, answer.block, now)
        said = {"inquiry": answer.inquiry, "purpose": PURPOSE, "reason": reason, "recipient": asked.bank}
        line = own_events.own_event(bureau, "refusal", identifier, said)
        receipt = own_events.store(bureau, connection, replies.OF_WATCH + secrets.token_hex(16), line)
    raise ConsentError(reason, receipt=receipt)


def listed(bureau: Bureau, note: bytes) -> list[WatchRow]:
    """A bank's next watches, and those that ended lately. Raises FormatError, SignatureError."""
    asked = WatchesNote.parse(note)
    with bureau.transaction() as connection:
        _check(bureau, connection, asked, note)
        since = bureau.now() - ENDED_SHOWN
        return rows.of_bank(connection, asked.name, asked.number, since, WATCHES_AT_ONCE)


def end(bureau: Bureau, note: bytes) -> int:
    """The number of the watch that ends. Raises FormatError, SignatureError, NotFoundError."""
    asked = WatchEndNote.parse(note)
    with bureau.transaction() as connection:
        _check(bureau, connection, asked, note)
        watch = rows.by_number(connection, asked.number, keep=True)
        if watch is None or watch.bank != asked.name:
            raise NotFoundError("this bank has no such watch", code="no-watch")
        rows.end(connection, watch.number, "asked", bureau.now())
    return watch.number


def _check(bureau: Bureau, connection: Connection, asked: NumberNote, note: bytes) -> None:
    requests.check_origin(bureau, asked.origin)
    requests.check_signature(bureau, connection, ROLE, asked.name, asked.time, note)


def of_citizen(bureau: Bureau, citizen_id: int) -> list[WatchRow]:
    """Who watches a citizen."""
    with bureau.transaction() as connection:
        return rows.of_citizen(connection, citizen_id)


def _refusal(bureau: Bureau, connection: Connection, identifier: str, bank: str) -> access.Reason | None:
    """Why this bank may not review this account now. Under `lock_access` of the citizen."""
    file = judging.look_at(bureau, connection, [identifier]).current[identifier].file
    return access.reason_to_refuse(file, access.Look(bank, PURPOSE), bureau.today())


# ---- looking
# --------------------------------------------------------------------------------------------------


def look(bureau: Bureau) -> int:
    """Look at what new blocks have written; how many watches had something to tell. PartlyDoneError behind them when one
    could not be looked at: it is the next time.
    """
    told, after, many = 0, 0, OneByOne()
    while True:
        with bureau.transaction() as connection:
            newest, waiting = rows.unseen(connection, after, WATCHES_AT_ONCE)
            quiet = rows.unchanged(connection, waiting, newest)
        for number in waiting:
            if number not in quiet:
                with many.one():
                    told += _look(bureau, number)
        if len(waiting) < WATCHES_AT_ONCE:
            many.raise_failed(told)
            return told
        after = waiting[-1]


def _look(bureau: Bureau, number: int) -> bool:
    """Whether one watch had something to tell. Where a repair waits, it looks again after the next block."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        known = rows.by_number(connection, number)
        assert known is not None, "watches are not deleted"
        person = person_by_id(bureau, connection, known.citizen)
        try:
            identifier = identifier_of(connection, person)
        except NotFoundError:
            rows.end(connection, number, "erased", bureau.now())
            return False
        admission.lock_access(connection, [identifier])
        watch = rows.by_number(connection, number, keep=True)
        scene = judging.look_at(bureau, connection, [identifier])
        if watch is None or watch.ended_at is not None or not scene.is_ready(identifier):
            return False
        rows.saw(connection, number, scene.newest)
        now = scene.versions[person.id][1]
        move = moved(_score_before(connection, person, watch.seen, now), _score(now), watch.lines)
        if move is None:
            return False
        file = scene.current[identifier].file
        refusal = access.reason_to_refuse(file, access.Look(watch.bank, PURPOSE), bureau.today())
        if refusal is not None:
            rows.end(connection, number, refusal, bureau.now())
            return False
        _tell(bureau, connection, watch, (person, identifier), move, scene.newest)
    return True


def moved(before: int | None, now: int | None, lines: tuple[int, ...]) -> Move | None:
    """What there is to tell; None is a file without a score."""
    if before == now:
        return None
    if now is None:
        return Move("score.lost", {})
    if before is None:
        return Move("score.found", {})
    low, high = sorted((before, now))
    crossed = [line for line in lines if low < line <= high]
    return (
        Move("score.crossed", {"direction": "up" if now > before else "down", "lines": crossed})
        if crossed
        else None
    )


def _score(opened: account_state.AccountState) -> int | None:
    score: int | None = orjson.loads(bytes(opened.score)).get("score")
    return score


def _score_before(
    connection: Connection, person: Person, seen: int, now: account_state.AccountState
) -> int | None:
    """The score at the block that was looked at last. Where its text was destroyed since, the account that took its place
    tells what it was; where that is gone too, the score is taken as it is, and nothing has moved.
    """
    version = state.account_at(connection, person.id, seen)
    if version is not None and version[1] is not None:
        return _score(sealing.read(person.data_key, version[1], account_state.decode))
    if now.replaced is not None:
        replaced: int | None = orjson.loads(bytes(now.replaced.score)).get("score")
        return replaced
    return _score(now)


def _tell(  # noqa: PLR0917 - who, whom, what, as of which block
    bureau: Bureau,
    connection: Connection,
    watch: WatchRow,
    citizen: tuple[Person, str],
    move: Move,
    block: int,
) -> None:
    """The look in the ledger and the message in the outbox, in this transaction."""
    person, identifier = citizen
    message_id = f"msg_{watch.number}_{block}"
    said = {"recipient": watch.bank, "purpose": PURPOSE, "shown": ["score"]}
    own_events.look(bureau, connection, identifier, said, f"look-watch-{watch.number}-{block}")
    data = {"block": block, "citizen": person.key.hex(), "watch": watch.number, **move.said}
    payload = webhook.body(move.kind, data, bureau.now())
    sealed = sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), payload)
    rows.add_message(connection, message_id, watch, sealed, bureau.now())


# ---- sending
# --------------------------------------------------------------------------------------------------


def send(bureau: Bureau) -> int:
    """Try every message whose time has come, once; how many have arrived. A receiver that is away is not tried again for
    its other messages: they wait as long as the first. After SEND_S the rest is left to the next run: other jobs wait too.
    PartlyDoneError behind all of that for messages that cannot be made; they wait like those that did not arrive.
    """
    arrived, began, many = 0, time.monotonic(), OneByOne()
    way = _Way(webhooks.allowed_networks(), webhooks.signer_of(bureau), set())
    is_over = False
    while not is_over:
        with bureau.transaction() as connection:
            waiting = rows.due(connection, bureau.now(), MESSAGES_AT_ONCE)
        is_over = len(waiting) < MESSAGES_AT_ONCE
        for message in waiting:
            if time.monotonic() - began > SEND_S:
                is_over = True
                break
            with many.one():
                arrived += _deliver(bureau, message, way)
    many.raise_failed(arrived)
    return arrived


def _deliver(bureau: Bureau, message: MessageRow, way: _Way) -> bool:
    """Whether one message has arrived."""
    try:
        payload = _payload(bureau, message)
    except Exception:
        _settle(bureau, message, None)
        raise
    if payload is None:
        return False
    stamped = webhook.headers(way.signer, message.id, int(bureau.now().timestamp()), payload)
    status = None
    if message.url not in way.away:
        status = webhooks.send(way.networks, message.url, stamped, payload)
    if status is None:
        way.away.add(message.url)
    return _settle(bureau, message, status)


def _payload(bureau: Bureau, message: MessageRow) -> bytes | None:
    """What is sent, when it may be sent still (R17); else the message ends here."""
    with bureau.transaction() as connection:
        person = hold(bureau, connection, message.citizen)
        try:
            identifier = identifier_of(connection, person)  # what is damaged may be mended: the message waits
        except NotFoundError:  # erased
            rows.settle(connection, message.id, "destroyed")
            return None
        try:
            payload = sealing.unseal(person.data_key, message.sealed)
        except DamagedError:  # sealed under a key that was destroyed: theirs is another now
            rows.settle(connection, message.id, "destroyed")
            return None
        admission.lock_access(connection, [identifier])
        refusal = _refusal(bureau, connection, identifier, message.bank)
        if refusal is not None:
            rows.settle(connection, message.id, refusal)
            rows.end(connection, message.watch, refusal, bureau.now())
            return None
    return payload


def _settle(bureau: Bureau, message: MessageRow, status: int | None) -> bool:
    """Whether the message has arrived; else when it is tried again, or that it is not."""
    with bureau.transaction() as connection:
        if status is not None and 200 <= status < 300:
            rows.settle(connection, message.id, "arrived")
            return True
        if status == GONE:
            rows.settle(connection, message.id, "gone")
            rows.end(connection, message.watch, "gone", bureau.now())
        elif message.attempts >= len(webhooks.RETRY_AFTER_S):
            rows.settle(connection, message.id, "failed")
        else:
            wait = dt.timedelta(seconds=webhooks.RETRY_AFTER_S[message.attempts])
            rows.later(connection, message.id, bureau.now() + wait)
    return False
