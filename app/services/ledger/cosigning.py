"""Cosignatures for published heads, asked for beside the sequencer, which never waits for any of it.

    with Cosigner.at_work(bureau) as cosigner:      a thread; None when no witnesses are configured
        writer.run(...)

Turn by turn: the answers that came are taken; idle witnesses that have an address are asked, each in a thread of its own,
for the *target*, which is the newest published block as long as nobody is still at work on an older one that lacks its
quorum; and the newest block with a quorum is shown to readers of proofs. A witness that fails is asked again after 1, 2, 4
... 60 seconds. Those without an address send (`app.services.ledger.cosignature_intake`).

`/checkpoint` is always the newest published head with the cosignatures that are there. Proofs are made from the newest block
whose cosignatures are a quorum of the policy; when none comes for PATIENCE_S, from the newest block without one, and whoever
demands a quorum waits for it (docs/decisions/0015). What each witness saw last is read from the cosignatures that it gave.

A head with our own signature that our database does not have, shown by a witness, is proof of a fork or a rollback. It ends
the sequencer's work (`alarm`); a witness's word without such a head does not, while the sequencer is at work.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import structlog

from app.core.errors import RefusedError
from app.core.log import merkle
from app.db import cosignatures, ledger
from app.services.ledger import publishing, witness_policy
from app.services.ledger.public_log import log_reader
from app.services.ledger.witness_client import Answer, WitnessClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.log.policy import Policy
    from app.db.ledger import StoredBlock
    from app.db.session import Connection
    from app.services.bureau import Bureau

TIMEOUT_S: Final = 2.0
PATIENCE_S: Final = 60.0
RETRY_S_MAX: Final = 60.0
TURN_S: Final = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class Asked:
    """One witness, and how it is doing. Only the cosigner's thread touches it."""

    name: bytes
    client: WitnessClient
    known_size: int = 0
    busy_with: int | None = None
    cosigned: int = -1
    failures: int = 0
    retry_at: float = 0.0
    said: str = ""


@dataclass(slots=True)
class Target:
    """The block that witnesses are asked for, with its checkpoint as the ledger signed it, and since when."""

    block: StoredBlock
    since: float
    by: set[bytes] = field(default_factory=set)


class Cosigner:
    """Asks the witnesses of a policy. `turn` is one turn; `at_work` takes them in a thread."""

    def __init__(
        self, bureau: Bureau, policy: Policy, file: bytes, *, timeout_s: float, patience_s: float
    ) -> None:
        self.alarm: RefusedError | None = None
        self._bureau = bureau
        self._policy = policy
        self._file = file
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._first_index: int | None = None
        self._target: Target | None = None
        self._unshown_since: float | None = None
        self._answers: queue.SimpleQueue[tuple[Asked, StoredBlock, Answer] | None] = queue.SimpleQueue()
        self._witnesses = [
            Asked(each.name, WitnessClient(each, bureau.verifier, timeout_s)) for each in policy.witnesses
        ]
        with bureau.transaction() as connection:
            sizes = cosignatures.newest_sizes(connection)
        for each in self._witnesses:
            key = each.client.verifier
            each.known_size = sizes.get((key.name, key.key_id), 0)

    @classmethod
    def open(cls, bureau: Bureau) -> Self | None:
        """The cosigner of `CREDENCE_HOME/witnesses`, its policy declared in the ledger; None without that file."""
        found = witness_policy.read(bureau)
        if found is None:
            return None
        policy, file = found
        witness_policy.declare(bureau, file)
        times = (
            _seconds("CREDENCE_WITNESS_TIMEOUT_S", TIMEOUT_S),
            _seconds("CREDENCE_QUORUM_PATIENCE_S", PATIENCE_S),
        )
        return cls(bureau, policy, file, timeout_s=times[0], patience_s=times[1])

    @classmethod
    @contextmanager
    def at_work(cls, bureau: Bureau) -> Iterator[Self | None]:
        """The cosigner, its turns taken by a thread until the block ends."""
        cosigner = cls.open(bureau)
        if cosigner is None:
            yield None
            return
        ended = threading.Event()
        thread = threading.Thread(target=cosigner.run, args=(ended,), name="cosigner", daemon=True)
        thread.start()
        try:
            yield cosigner
        finally:
            ended.set()
            cosigner.wake()
            thread.join(TURN_S)

    def wake(self) -> None:
        """Something was published: take the next turn now. From any thread."""
        self._answers.put(None)

    def run(self, ended: threading.Event) -> None:
        """Turns until `ended`. Whatever goes wrong in one is said, and the next is taken: readers wait for it."""
        while not ended.is_set():
            try:
                self.turn(TURN_S)
            except Exception as error:  # noqa: BLE001
                log.warning("cosigner", kind=type(error).__name__, problem=str(error).partition("\n")[0])
                ended.wait(TURN_S)

    def turn(self, wait_s: float) -> None:
        """Take what was answered, waiting for it up to `wait_s`; ask; show."""
        try:
            self._take(self._answers.get(timeout=wait_s))
            while True:
                self._take(self._answers.get_nowait())
        except queue.Empty:
            pass
        with self._bureau.transaction() as connection:
            newest = ledger.newest_publication(connection)
            if newest is None:
                return
            if self._is_declared(connection, newest[0]):
                self._aim(connection, newest[0])
            self._show(connection, newest[0])
        self._ask()

    def _is_declared(self, connection: Connection, block: StoredBlock) -> bool:
        """Whether this block's tree holds the notice that names our policy: the audit counts on it."""
        if self._first_index is None:
            self._first_index = witness_policy.first_index(connection, self._file)
        return self._first_index is not None and self._first_index < block.tree_size

    def _aim(self, connection: Connection, newest: StoredBlock) -> None:
        """Stay with a block while its quorum may still come; else take the newest."""
        target = self._target
        if target is not None and target.block.number != newest.number:
            at_work = any(each.busy_with == target.block.number for each in self._witnesses)
            late = time.monotonic() - target.since > 2 * self._timeout_s
            if at_work and not late and not self._policy.satisfied(target.by):
                return
        if target is None or target.block.number != newest.number:
            self._target = Target(newest, time.monotonic(), self._cosigners(connection, newest.number))

    def _cosigners(self, connection: Connection, number: int) -> set[bytes]:
        """Names of the policy's witnesses that have cosigned a block."""
        found = cosignatures.of_blocks(connection, number, number).get(number, [])
        keys = {(each.name, each.key_id) for each in found}
        by = {each.name for each in self._witnesses if _key(each) in keys}
        for each in self._witnesses:
            if each.name in by:
                each.cosigned = number
        return by

    def _ask(self) -> None:
        target, now = self._target, time.monotonic()
        if target is None:
            return
        for each in self._witnesses:
            number = target.block.number
            asked_for = each.client.has_address and each.cosigned < number
            if asked_for and each.busy_with is None and each.retry_at <= now:
                each.busy_with = number
                threading.Thread(target=self._ask_one, args=(each, target.block), daemon=True).start()

    def _ask_one(self, asked: Asked, block: StoredBlock) -> None:
        """In a thread of its own."""
        try:
            answer = asked.client.ask(
                block.checkpoint.encode(), asked.known_size, lambda old: self._prove(old, block.tree_size)
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn must know that this one is free again
            answer = Answer(problem=type(error).__name__)
        self._answers.put((asked, block, answer))

    def _prove(self, old_size: int, size: int) -> Sequence[bytes]:
        with self._bureau.transaction() as connection:
            return merkle.consistency_proof(old_size, size, log_reader(connection, size))

    def _take(self, item: tuple[Asked, StoredBlock, Answer] | None) -> None:
        if item is None:
            return
        asked, block, answer = item
        asked.busy_with = None
        asked.known_size = asked.known_size if answer.size is None else answer.size
        if answer.problem != asked.said:
            asked.said = answer.problem
            name = asked.client.verifier.name
            log.warning("witness", name=name, problem=answer.problem or "none: it cosigns again")
        if answer.signature is None:
            asked.failures += 1
            asked.retry_at = time.monotonic() + min(2.0 ** (asked.failures - 1), RETRY_S_MAX)
            if answer.evidence is not None:
                self._compare(asked, answer)
            return
        asked.failures, asked.cosigned = 0, block.number
        with self._bureau.transaction() as connection:
            cosignatures.insert(connection, block.number, answer.signature)
            if self._target is not None and self._target.block.number == block.number:
                self._target.by.add(asked.name)
            if self._policy.satisfied(self._cosigners(connection, block.number)):
                cosignatures.show(connection, block.number)

    def _compare(self, asked: Asked, answer: Answer) -> None:
        assert answer.evidence is not None
        with self._bureau.transaction() as connection:
            try:
                publishing.compare_tree(
                    self._bureau,
                    connection,
                    answer.evidence,
                    f"head kept by the witness {asked.client.verifier.name}",
                )
            except RefusedError as error:
                log.warning("witness", name=asked.client.verifier.name, problem=error.detail)
                self.alarm = error

    def _show(self, connection: Connection, newest: StoredBlock) -> None:
        """Show the newest block when it needs no quorum, has it, or has waited for it too long."""
        if cosignatures.newest_shown(connection) == newest.number:
            self._unshown_since = None
            return
        now = time.monotonic()
        if self._unshown_since is None:
            self._unshown_since = now
        declared = self._is_declared(connection, newest)
        by = self._cosigners(connection, newest.number) if declared else set()
        if not declared or self._policy.satisfied(by):
            cosignatures.show(connection, newest.number)
        elif now - self._unshown_since >= self._patience_s:
            log.warning("quorum", block=newest.number, cosignatures=len(by), problem="shown below the quorum")
            cosignatures.show(connection, newest.number)


def check_memories(bureau: Bureau) -> None:
    """Refuse (RefusedError) to go on from a database that is behind what a witness remembers, or beside it.

    All witnesses are asked at once for the head of ours that they keep. One that does not answer in time, or keeps none that
    we signed, says nothing.
    """
    found = witness_policy.read(bureau)
    if found is None:
        return
    timeout_s = _seconds("CREDENCE_WITNESS_TIMEOUT_S", TIMEOUT_S)
    clients = [WitnessClient(each, bureau.verifier, timeout_s) for each in found[0].witnesses if each.url]
    with bureau.transaction() as connection:
        newest = ledger.newest_publication(connection)
    answers: queue.SimpleQueue[tuple[WitnessClient, Answer]] = queue.SimpleQueue()

    def ask(client: WitnessClient) -> None:
        answers.put((client, _memory(client, newest)))

    for client in clients:
        threading.Thread(target=ask, args=(client,), daemon=True).start()
    deadline = time.monotonic() + 2 * timeout_s
    for _ in clients:
        try:
            client, answer = answers.get(timeout=max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            return
        with bureau.transaction() as connection:
            publishing.compare_memory(bureau, connection, client.verifier.name, answer.evidence, answer.size)


def _memory(client: WitnessClient, newest: tuple[StoredBlock, str] | None) -> Answer:
    """The head that a witness keeps; else, when it shows none, the size that it names for our newest head."""
    evidence = client.remembered()
    if evidence is not None or newest is None:
        return Answer(evidence=evidence)
    return client.ask(newest[0].checkpoint.encode(), newest[0].tree_size, lambda _: [])


def _key(asked: Asked) -> tuple[str, int]:
    return asked.client.verifier.name, asked.client.verifier.key_id


def _seconds(name: str, usual: float) -> float:
    """A number of seconds from the environment."""
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else usual
    except ValueError:
        value = -1.0
    if not 0 < value <= 86_400:
        raise RefusedError(f"{name} is a number of seconds up to 86400", code="bad-setting")
    return value
