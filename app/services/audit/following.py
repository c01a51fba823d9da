"""Following a ledger block by block: one transition proof after the other is checked, kept, and then cosigned.

    FILE               the auditor's state after the last block that was right (docs/formats.md section 17)
    FILE.checkpoint    that block's checkpoint with the ledger's signature, and the auditor's cosignature if there is a key

Both are replaced whole and durably. The state comes first, so that a checkpoint is never cosigned whose block a restart
would not know; a stop in between leaves that one without a cosignature, and the next block has one. A block that is not
right changes neither, and is refused again after every restart.

Source: C2SP tlog-cosignature.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from app.core import checkpoint, note
from app.core.errors import FormatError
from app.core.transition import AuditorState, check, form
from app.services.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from app.core.note import Signer, Verifier


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

    def cosigned(self) -> bytes | None:
        """The newest checkpoint that is kept, with our cosignature; None when there is none, or no key to cosign with."""
        if self.cosigner is None or not self.checkpoint_path.exists():
            return None
        return self.checkpoint_path.read_bytes()


def follow_block(state: AuditorState, lines: Iterable[bytes], memory: Memory) -> AuditorState:
    """The state after the next block, once that is checked and kept. CredenceError when it is not right."""
    record = iter(lines)
    first = next(record, b"")
    after = check(state, chain([first], record))
    memory.keep(after, form.decode_head(first).checkpoint.encode())
    return after


def _by_ledger_alone(signed: bytes, ledger: Verifier) -> bytes:
    """The note without what others have added: that is not for us to vouch for."""
    text, signatures = note.split(signed)
    kept = [each.line() for each in signatures if (each.name, each.key_id) == (ledger.name, ledger.key_id)]
    return text + b"\n" + kept[0]
