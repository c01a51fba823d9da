"""Folding one share of a block: load accounts, open events, fold, score, seal. What the sequencer's processes do.

A block's citizens are split by number into as many shares as there are processes. Each process reads its own rows and
gives back packed rows for COPY and (citizen key, trie leaf) pairs; the sequencer alone writes. Whom a block takes in for
the first time gets citizen key and VRF proof here. PyNaCl holds the interpreter's lock, so these are processes and not
threads.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from app.core.errors import DamagedError, RefusedError
from app.core.log import entries, merkle
from app.core.reporting.events import decode_stored
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import parse_card
from app.core.state import account, account_state, sealing
from app.core.state.account_state import PlacedEvent, Rules
from app.db import session, state
from app.services.citizens.people import Person
from app.services.ledger import history
from app.services.scoring.population import rescore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection as Pipe

    from sqlalchemy import Engine

    from app.core.reporting.event_base import Event
    from app.core.state.account_state import AccountState, Written
    from app.db.session import Connection
    from app.services.citizens.people import Keyring

IN_PROCESS_EVENTS_MAX = 256
"""Blocks this small are folded by the sequencer itself: quicker than telling others."""
RESCORED_AT_ONCE = 2_048
"""Accounts without news that are scored together: more would only take more memory."""


@dataclass(frozen=True, slots=True)
class Task:
    """A share of a block; `first_indices` gives the log index of position 0 of each batch.

    The citizens `apart` are in nobody's share: what is left of their events is folded by `services.ledger.destruction`.
    """

    block: int
    day: str
    card: bytes
    profile: str
    first_indices: dict[int, int]
    aged: Sequence[int]
    share: int
    shares: int
    apart: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Share:
    """What a share became: packed rows of `accounts`, `account_bodies`, `citizens` (in their first block), and the leaves."""

    accounts: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    citizens: list[bytes] = field(default_factory=list)
    leaves: dict[bytes, bytes] = field(default_factory=dict)


def fold_share(connection: Connection, keyring: Keyring, task: Task) -> Share:
    """Fold the events of a share into their accounts, and score them again for the block's day."""
    rows = state.events_of_batches(connection, list(task.first_indices), task.share, task.shares)
    by_citizen: dict[int, list[state.LoadedEvent]] = {}
    for row in rows:
        if row.citizen not in task.apart:
            by_citizen.setdefault(row.citizen, []).append(row)
    for citizen in task.aged:
        if citizen % task.shares == task.share and citizen not in task.apart:
            by_citizen.setdefault(citizen, [])
    rules = Rules(task.day, parse_card(task.card), PROFILES[task.profile])
    share = Share()
    nonces = os.urandom(sealing.NONCE_SIZE * len(by_citizen))
    aging: list[_Opened] = []
    for number, loaded in enumerate(state.load_accounts(connection, list(by_citizen))):
        nonce = nonces[sealing.NONCE_SIZE * number : sealing.NONCE_SIZE * (number + 1)]
        opened = _open(keyring.wrap_key, loaded, nonce)
        rows = by_citizen[loaded.citizen]
        if opened.previous is None or rows:
            new = [_placed(task, opened.keys.data_key, row) for row in rows]
            if not loaded.key:
                opened = structs.replace(opened, loaded=_named(keyring, loaded, new, share))
            written = _fold_account(connection, rules, opened, new)
            keep(share, task, opened.loaded, opened.keys, written, opened.nonce)
            continue
        aging.append(opened)
        if len(aging) == RESCORED_AT_ONCE:
            _rescore(task, rules, aging, share)
            aging.clear()
    _rescore(task, rules, aging, share)
    return share


class _Opened(Struct, frozen=True, gc=False):
    """An account with its keys and its state, None before the first version; `nonce` is for the next one."""

    loaded: state.LoadedAccount
    keys: sealing.CitizenKeys
    previous: AccountState | None
    nonce: bytes


def _named(
    keyring: Keyring, loaded: state.LoadedAccount, new: Sequence[PlacedEvent], share: Share
) -> state.LoadedAccount:
    """Somebody's first block: the citizen key of whom the events name, with its proof."""
    key, vrf_proof = keyring.proven_key_of(new[0].event.citizen)
    share.citizens.append(state.citizen_row(loaded.citizen, key, vrf_proof))
    return structs.replace(loaded, key=key)


def _open(wrap_key: bytes, loaded: state.LoadedAccount, nonce: bytes) -> _Opened:
    keys = sealing.unwrap(wrap_key, loaded.citizen, loaded.key, loaded.wrapped)
    previous = None
    if loaded.sealed is not None:
        previous = sealing.read(keys.data_key, loaded.sealed, account_state.decode)
    return _Opened(loaded, keys, previous, nonce)


def _fold_account(
    connection: Connection, rules: Rules, opened: _Opened, new: Sequence[PlacedEvent]
) -> Written:
    loaded, keys = opened.loaded, opened.keys

    def whole_history() -> list[tuple[int, Event]]:
        person = Person(loaded.citizen, loaded.key, b"", keys.data_key, keys.salt_key)
        return history.whole_history(connection, person) + [(p.log_index, p.event) for p in new]

    return account_state.advance(opened.previous, new, rules, keys.salt_key, whole_history)


def _rescore(task: Task, rules: Rules, aging: Sequence[_Opened], share: Share) -> None:
    """Accounts without news: all at once."""
    states = [opened.previous for opened in aging if opened.previous is not None]
    for opened, written in zip(aging, rescore(states, rules), strict=True):
        keep(share, task, opened.loaded, opened.keys, written, opened.nonce)


def keep(  # noqa: PLR0917 - one account's share of a task
    share: Share,
    task: Task,
    loaded: state.LoadedAccount,
    keys: sealing.CitizenKeys,
    written: Written,
    nonce: bytes,
) -> None:
    """Put a new version of an account into the share."""
    value = written.state.account_value(keys.salt_key, task.block)
    until = date.fromisoformat(written.until).toordinal()
    share.accounts.append(state.account_row(loaded.citizen, task.block, value, until))
    sealed = sealing.seal(keys.data_key, nonce, account_state.encode(written.state))
    share.bodies.append(state.account_body_row(loaded.citizen, task.block, sealed))
    share.leaves[loaded.key] = account.leaf(loaded.key, value)


def _placed(task: Task, data_key: bytes, row: state.LoadedEvent) -> PlacedEvent:
    if row.sealed is None:
        raise DamagedError(
            f"Batch {row.batch} position {row.position} has no body, and no block holds it yet."
        )
    event = sealing.read(data_key, row.sealed, decode_stored)
    log_index = task.first_indices[row.batch] + row.position
    return PlacedEvent(log_index, merkle.leaf_hash(entries.event_entry(row.commitment)), event)


class FoldingPool:
    """Processes that fold shares. They end when their pipe closes, so they cannot outlive the sequencer."""

    def __init__(self, url: str, keyring: Keyring, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        self._processes = []
        for _ in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, url, keyring), daemon=True, name="credence-folding"
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __len__(self) -> int:
        return len(self._pipes)

    def fold(self, tasks: Sequence[Task]) -> list[Share]:
        """Run one task in each process. An error in one of them is raised here; RefusedError when one is gone."""
        try:
            for pipe, task in zip(self._pipes, tasks, strict=True):
                pipe.send(task)
            answers = [pipe.recv() for pipe in self._pipes]
        except (EOFError, OSError) as error:
            message = "a folding process has ended: start the sequencer again"
            raise RefusedError(message, code="folding-ended") from error
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()


def _serve(pipe: Pipe, url: str, keyring: Keyring) -> None:
    from app.db.engine import make_engine  # noqa: PLC0415 - in the child only

    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the sequencer, which still needs this process
    engine: Engine = make_engine(url, pool_size=1, application_name="credence-folding")
    gc.freeze()
    gc.disable()  # a share has no cycles, and is so many objects that looking for them takes a tenth of the time
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            engine.dispose()
            return
        try:
            with session.transaction(engine) as connection:
                answer: object = fold_share(connection, keyring, task)
        except Exception as error:  # noqa: BLE001 - carried to the sequencer, which raises it
            answer = error
        try:
            pipe.send(answer)
        except BrokenPipeError:  # the sequencer is gone
            return
        del task, answer
        gc.collect()  # what errors leave; the sequencer is at work meanwhile
