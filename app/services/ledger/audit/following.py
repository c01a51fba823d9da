"""Following a ledger block by block: one transition proof after the other is checked, kept, and then cosigned.

    FILE                        the auditor's state after the last block that was right (docs/formats.md section 17)
    FILE.checkpoint             that block's checkpoint with the ledger's signature, and the auditor's cosignature if there
                                is a key for it
    FILE.contradiction.proof    two heads that the ledger signed and that exclude each other (R41): nothing is followed then

The first two are replaced whole and durably. The state comes first, so that a checkpoint is never cosigned whose block a
restart would not know; a stop in between leaves that one without a cosignature, and the next block has one. A block that is
not right changes neither, and is refused again after every restart.

Source: C2SP tlog-cosignature.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from app.core.errors import CredenceError, FormatError
from app.core.log import checkpoint, note
from app.core.log.merkle import FrontierReader
from app.core.log.policy import NONE, LogKey, Policy
from app.core.log.tiles import TileReader
from app.core.proving.claims.contradiction import contradiction, verify_contradiction
from app.core.proving.claims.head import Asked
from app.core.proving.transition import AuditorState, check, form
from app.services.home import Home
from app.services.ledger.witnessing import keep_contradiction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from app.core.log.note import Signer, Verifier
    from app.core.log.tiles import TileId

    Check = Callable[[AuditorState, Iterable[bytes]], AuditorState]
    ReadTile = Callable[[TileId], bytes]


@dataclass(frozen=True, slots=True)
class Memory:
    """Where an auditor keeps what is checked; `cosigner`, if any, cosigns it. `now_s` gives POSIX seconds."""

    path: Path
    cosigner: Signer | None
    now_s: Callable[[], int]

    def load(self, ledger: Verifier) -> AuditorState:
        """The state to go on from: the start of the ledger with this key when there is no file. FormatError."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return AuditorState.start(ledger)
        state = AuditorState.decode(data)
        if state.ledger != ledger:
            raise FormatError(f"{self.path} is about a ledger with another key, {state.ledger.name}")
        return state

    def keep(self, state: AuditorState, signed: bytes) -> None:
        """The state after a block, and its checkpoint `signed`, which the check has held against the ledger's key."""
        home = Home(self.path.parent)
        home.write(self.path, state.encode())
        alone = _by_ledger_alone(signed, state.ledger)
        line = b"" if self.cosigner is None else checkpoint.cosign(self.cosigner, alone, self.now_s())
        home.write(self.checkpoint_path, alone + line)

    @property
    def checkpoint_path(self) -> Path:
        """Where the newest checkpoint is kept."""
        return self.path.with_name(self.path.name + ".checkpoint")

    @property
    def contradiction_path(self) -> Path:
        """Where two heads that exclude each other are kept, for ever."""
        return self.path.with_name(self.path.name + ".contradiction.proof")

    def cosigned(self) -> bytes | None:
        """The newest checkpoint that is kept, with our cosignature; None when there is none, or no key to cosign with."""
        if self.cosigner is None or not self.checkpoint_path.exists():
            return None
        return self.checkpoint_path.read_bytes()


def follow_block(
    state: AuditorState,
    lines: Iterable[bytes],
    memory: Memory,
    read_tile: ReadTile,
    checked: Check = check,
) -> AuditorState:
    """The state after the next block, once that is checked and kept. CredenceError when it is not right; should its
    checkpoint contradict the one before, that is kept too. `checked` is a `Checker`, with or without a crew.
    """
    record = iter(lines)
    first = next(record, b"")
    try:
        after = checked(state, chain([first], record))
    except CredenceError:
        with suppress(FormatError):
            keep_fork(state, form.decode_head(first).checkpoint.encode(), memory, read_tile)
        raise
    memory.keep(after, form.decode_head(first).checkpoint.encode())
    return after


def keep_fork(state: AuditorState, other: bytes, memory: Memory, read_tile: ReadTile) -> bool:
    """Keep a head that the ledger has signed and that does not continue the one that was checked, as a file that proves it.

    The complete subtrees of the checked tree are the auditor's, those of the other tree are read from the tiles that the
    service shows for it; a service that shows none, or others, keeps this from being proved, not from being refused.
    """
    try:
        mine = memory.checkpoint_path.read_bytes()
        heads = [checkpoint.open_checkpoint(note, state.ledger).checkpoint for note in (mine, other)]
        if heads[0] != state.head or heads[1].size < heads[0].size:
            return False
        kept, shown = FrontierReader(state.frontier), TileReader(heads[1].size, read_tile)
        notes = [_by_ledger_alone(note, state.ledger) for note in (mine, other)]
        proof = contradiction(notes[0], kept, notes[1], shown)
        if proof is None:
            return False
        policy = Policy((LogKey(state.ledger),), (), (), NONE)
        verify_contradiction(proof, Asked(policy, dt.datetime.fromtimestamp(0, dt.UTC)))
    except (CredenceError, FileNotFoundError):
        return False
    keep_contradiction(memory.contradiction_path, proof)
    return True


def _by_ledger_alone(signed: bytes, ledger: Verifier) -> bytes:
    """The note without what others have added: that is not for us to vouch for."""
    text, signatures = note.split(signed)
    kept = [each.line() for each in signatures if (each.name, each.key_id) == (ledger.name, ledger.key_id)]
    return text + b"\n" + kept[0]
