"""`credence audit --follow`: a running ledger is followed block by block, in constant memory, and its heads cosigned."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from app.cli import plain
from app.cli.params import KeyFile, utc_now
from app.core.errors import CredenceError, NotFoundError, ProofError, RefusedError, SignatureError
from app.core.log.checkpoint import WITNESS_KEY_TYPES, open_checkpoint

if TYPE_CHECKING:
    from app.core.log.note import Signer, Verifier
    from app.core.proving.transition import AuditorState
    from app.services.ledger.audit.ahead import Ahead
    from app.services.ledger.audit.following import Check, Memory
    from app.services.ledger.audit.remote import RemoteSource

POLL_S = 2.0
NETWORK_CODES = frozenset({"unreachable", "too-large"})


class CosignerFile(KeyFile):
    """A file with a private key for cosignatures, as `credence witness` makes them."""

    algorithms = frozenset(WITNESS_KEY_TYPES)
    otherwise = "the key is for notes, not for cosignatures"


class Follower:
    """Asks for one transition after the other; opens the audit anew when its hour is over."""

    def __init__(self, url: str, key: Signer, case: str, origin: str, checked: Check | None = None) -> None:
        self._url, self._key, self._case, self._origin, self._checked = url, key, case, origin, checked
        self._source: RemoteSource | None = None
        self._ahead: Ahead | None = None

    def block(self, state: AuditorState, memory: Memory) -> AuditorState:
        """The state after the next block. NotFoundError while there is none."""
        fresh = self._source is None
        try:
            return self._follow(state, memory)
        except SignatureError as error:
            if fresh or error.code not in {"unauthorized", "http-401"}:
                raise
        self._source = self._ahead = None
        return self._follow(state, memory)

    def _follow(self, state: AuditorState, memory: Memory) -> AuditorState:
        from app.core.proving.transition import check  # noqa: PLC0415
        from app.services.ledger.audit.ahead import Ahead  # noqa: PLC0415
        from app.services.ledger.audit.following import follow_block  # noqa: PLC0415

        source = self._open()
        if self._ahead is None:
            self._ahead = Ahead(source.transition)
        lines = self._ahead.transition(state.next_block)
        return follow_block(state, lines, memory, source.tile, self._checked or check)

    def compare_head(self, state: AuditorState, memory: Memory) -> None:
        """The service's newest head is not another one than was checked, and not an older one. ProofError."""
        from app.services.ledger.audit.following import keep_fork  # noqa: PLC0415

        if state.block is None:
            return
        source = self._open()
        for wait_s in (POLL_S, 0.0):  # a cache may be a second behind
            note = source.checkpoint()
            shown = open_checkpoint(note, state.ledger).checkpoint
            if shown.size >= state.head.size:
                break
            time.sleep(wait_s)
        if shown.size < state.head.size:
            message = f"the service shows a head of {shown.size:,} entries, and one of {state.head.size:,} was checked"
            raise ProofError(message, code="rolled-back")
        if keep_fork(state, note, memory, source.tile):
            raise ProofError(
                "the service shows a head that does not continue the one that was checked", code="forked"
            )

    def _open(self) -> RemoteSource:
        from app.services.ledger.audit.remote import RemoteSource, open_remote  # noqa: PLC0415

        if self._source is None:
            try:
                token = open_remote(self._url, self._key, self._origin, self._case, utc_now())
            except CredenceError as error:
                if error.code != "note-used":
                    raise
                time.sleep(1.0)  # a note is known by its second, and this one has opened an audit before
                token = open_remote(self._url, self._key, self._origin, self._case, utc_now())
            self._source = RemoteSource(self._url, token)
        return self._source


class Sender:
    """Sends each cosigned checkpoint to the ledger; what keeps it from that is said once, and ends nothing."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sent = b""
        self._said = ""

    def send(self, memory: Memory) -> None:
        """The newest one, unless it was sent."""
        from app.services.ledger.audit.remote import send_cosignature  # noqa: PLC0415

        note = memory.cosigned()
        if note is None or note == self._sent:
            return
        try:
            send_cosignature(self._url, note)
        except CredenceError as error:
            if error.detail != self._said:
                click.echo(f"The cosignature was not taken: {plain(error.detail)}", err=True)
            self._said = error.detail
            if error.code in NETWORK_CODES:
                return  # again with the next block, or when there is none
        self._sent = note


def follow(follower: Follower, memory: Memory, sender: Sender, ledger: Verifier, *, once: bool) -> None:
    """Until something is wrong (exit code 1), or with `once` until nothing is new."""
    state = memory.load(ledger)
    if memory.contradiction_path.exists():
        click.echo(f"REFUSED  the ledger has signed two histories: {memory.contradiction_path}")
        sys.exit(1)
    while True:
        sender.send(memory)
        try:
            after = _next(follower, state, memory)
            if after is None:
                if once:
                    break
                time.sleep(POLL_S)
                continue
            state = after
        except RefusedError:
            raise  # it is our own processes; nothing is said of the block
        except CredenceError as error:
            if error.code in NETWORK_CODES:
                if once:
                    raise
                click.echo(plain(error.detail), err=True)
                time.sleep(POLL_S)
                continue
            click.echo(f"REFUSED  block {state.next_block:,}: {plain(error.detail)}")
            if memory.contradiction_path.exists():
                click.echo(f"The ledger has signed two histories; {memory.contradiction_path} proves it.")
            click.echo(_standing(state))
            sys.exit(1)
        assert state.block is not None, "a block was followed"
        click.echo(
            f"block {state.block.number:,} is right: {state.frontier.size:,} entries, {state.block.accounts:,} accounts"
        )
    click.echo(_standing(state))


def _next(follower: Follower, state: AuditorState, memory: Memory) -> AuditorState | None:
    """The state after the next block; None when there is none, and the head shown is the one that was checked."""
    try:
        return follower.block(state, memory)
    except NotFoundError:
        follower.compare_head(state, memory)
        return None


def _standing(state: AuditorState) -> str:
    if state.block is None:
        return "Nothing is checked yet."
    return f"Checked up to block {state.block.number:,}: {state.head.size:,} entries, root {state.head.root.hex()}."
