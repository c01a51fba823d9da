"""A witness: it cosigns the heads of logs that it knows, each consistent with the one before, and remembers them.

    DIR/keys/witness.ed25519.key, witness.ml-dsa-44.key     its own keys, made on the first start
    DIR/logs                                                the logs' vkeys, one a line; a key's name is the origin
    DIR/heads/<origin hash>/checkpoint                      the head cosigned last, with the log's signature and ours
    DIR/heads/<origin hash>/contradiction.proof             two heads that the log signed and that exclude each other
    DIR/heads/<origin hash>/lock                            held while a head is compared and replaced

The memory of a log is the very file that is served of it. Comparing with it and replacing it (temporary file, fsync,
rename, fsync of the folder) is one step under a lock of the file system, which holds between threads and processes, and a
cosignature leaves this house only after that. So `kill -9` at any moment leaves the old head or the new one, and never two
roots of one size cosigned.

A log that signs another root for the size that was cosigned last has lied to somebody, whoever passed its head on. The two
heads go into `contradiction.proof` (docs/formats.md section 15), which nothing here deletes, and nothing of this
log is cosigned any more: its key is trusted no longer (403).

Source: C2SP tlog-witness.
"""

from __future__ import annotations

import fcntl
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from app.core.errors import ConflictError, FormatError, NotFoundError, RefusedError, SignatureError
from app.core.log import checkpoint, witness
from app.core.log.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, Signer, Verifier, split
from app.core.proving.claims.contradiction import build_contradiction
from app.services.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from app.core.log.checkpoint import Checkpoint
    from app.core.log.witness import AddCheckpoint

ALGORITHMS: Final = {"ed25519": COSIGNATURE_ED25519, "ml-dsa-44": COSIGNATURE_MLDSA44}


class Witness:
    """A witness with its memory in a folder. `now` gives POSIX seconds."""

    def __init__(
        self, folder: Path, signers: Sequence[Signer], logs: Iterable[Verifier], now: Callable[[], int]
    ) -> None:
        self.signers = tuple(signers)
        self.logs: dict[str, tuple[Verifier, ...]] = {}
        for key in logs:
            self.logs[key.name] = (*self.logs.get(key.name, ()), key)
        self._home = Home(folder)
        self._now = now

    @classmethod
    def open(cls, folder: Path, now: Callable[[], int]) -> Self:
        """The witness of a folder that `prepare` made. RefusedError when there is none."""
        signers = [
            Home(folder).signer(f"witness.{name}") for name in ALGORITHMS if _key_path(folder, name).exists()
        ]
        if not signers:
            raise RefusedError(
                f"there is no witness in {folder}: make one with --key NAME", code="no-witness"
            )
        return cls(folder, signers, _read_logs(folder), now)

    def add_checkpoint(self, body: bytes) -> bytes:
        """Our signature lines for the head in a request. Errors as in `app.core.log.witness`."""
        request = witness.parse_request(body)
        head = witness.open_request(request.note, self.logs)
        with self._memory(head.origin) as folder:
            return self._add(folder, request, head)

    def _add(self, folder: Path, request: AddCheckpoint, head: Checkpoint) -> bytes:
        """With the lock on the log's memory held."""
        kept = _read(folder / "checkpoint")
        latest = witness.NEVER if kept is None else _head_of(kept)
        if kept is not None and latest.size == head.size and latest.root != head.root:
            notes = self._own_view(kept), self._own_view(request.note)
            keep_contradiction(folder / "contradiction.proof", build_contradiction(*notes))
        if (folder / "contradiction.proof").exists():
            message = (
                f"{head.origin} has signed two heads that contradict each other, and is not trusted any more"
            )
            raise SignatureError(message, code="contradiction")
        witness.judge(request, head, latest)
        lines = b"".join(checkpoint.cosign(signer, request.note, self._now()) for signer in self.signers)
        self._home.write(folder / "checkpoint", self._own_view(request.note) + lines)
        return lines

    def _own_view(self, note: bytes) -> bytes:
        """The note with the signatures of the log's keys alone; what others added is not for us to vouch for."""
        text, signatures = split(note)
        known = {(key.name, key.key_id) for keys in self.logs.values() for key in keys}
        kept = [each.line() for each in dict.fromkeys(signatures) if (each.name, each.key_id) in known]
        return text + b"\n" + b"".join(kept)

    def checkpoint(self, origin_hash: str) -> bytes:
        """The head of a log that we cosigned last. Raises NotFoundError."""
        return self._served(origin_hash, "checkpoint")

    def contradiction(self, origin_hash: str) -> bytes:
        """The proof that a log has signed two histories. Raises NotFoundError."""
        return self._served(origin_hash, "contradiction.proof")

    def _served(self, origin_hash: str, name: str) -> bytes:
        known = {witness.origin_hash(origin): origin for origin in self.logs}
        found = _read(self._folder(known[origin_hash]) / name) if origin_hash in known else None
        if found is None:
            raise NotFoundError("there is no such file of a log that is known here", code="nothing-cosigned")
        return found

    def _folder(self, origin: str) -> Path:
        return self._home.path / "heads" / witness.origin_hash(origin)

    @contextmanager
    def _memory(self, origin: str) -> Iterator[Path]:
        """The folder of a known log, for as long as nobody else may touch it."""
        folder = self._folder(origin)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("ab") as file:  # opened anew each time: the lock is of the open file
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder


def keep_contradiction(path: Path, proof: bytes) -> None:
    """Keep two signed heads that exclude each other as a file that proves it; the first such file stays for ever."""
    if not path.exists():
        Home(path.parent).write(path, proof)


def prepare(folder: Path, name: str | None, algorithms: Iterable[str], logs: Iterable[Verifier]) -> None:
    """Make the keys of a new witness, or see that they are the ones of this name; learn further logs. ConflictError."""
    home = Home(folder)
    for algorithm in algorithms if name is not None else ():
        path = _key_path(folder, algorithm)
        if not path.exists():
            assert name is not None
            home.write(path, Signer(name, secrets.token_bytes(32), ALGORITHMS[algorithm]).encode())
        if home.signer(path.stem).name != name:
            raise ConflictError(f"the witness in {folder} has another name than {name}", code="other-witness")
    known = _read_logs(folder)
    fresh = [key for key in dict.fromkeys(logs) if key not in known]
    for key in fresh:
        if key.algorithm not in checkpoint.LOG_KEY_TYPES:
            raise FormatError(f"a key of type {key.algorithm:#04x} is not a log's")
    if fresh:
        home.write(folder / "logs", "".join(f"{key.encode()}\n" for key in [*known, *fresh]))


def _key_path(folder: Path, algorithm: str) -> Path:
    return folder / "keys" / f"witness.{algorithm}.key"


def _read_logs(folder: Path) -> list[Verifier]:
    return [Verifier.parse(line) for line in (_read(folder / "logs") or b"").decode().splitlines()]


def _head_of(kept: bytes) -> Checkpoint:
    try:
        return checkpoint.parse_extended(split(kept)[0])[0]
    except FormatError as error:
        message = f"the memory of this witness is damaged, so it cosigns nothing of this log: {error.detail}"
        raise RefusedError(message, code="memory-damaged") from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
