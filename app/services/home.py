"""`CREDENCE_HOME`: the one folder of state, `./var` by default. Everything in it is the operator's, mode 0700.

    keys/ledger.key     signs checkpoints, read by the sequencer alone
    keys/service.key    signs receipts
    keys/bureau.key     signs answers, looks and refusals: the bureau as a furnisher
    keys/vrf.seed       makes citizen keys; never changes within a ledger
    keys/wrap.key       wraps each citizen's own keys
    head                the last signed checkpoint, outside the database
    witnesses           whom to ask for cosignatures: a C2SP tlog-policy with addresses; need not be there
    postgres/           the embedded database, unless DATABASE_URL is set
    demo/               what `credence demo` leaves

Back up `keys/` apart from the database: with both, and only with both, sealed data can be read.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import RefusedError
from app.core.log.note import Signer


@dataclass(frozen=True, slots=True)
class Home:
    """The folder; nothing is created until it is written to."""

    path: Path

    @classmethod
    def from_environment(cls) -> Home:
        """`CREDENCE_HOME`, or `var` under the current folder."""
        return cls(Path(os.environ.get("CREDENCE_HOME", "var")).resolve())

    @property
    def keys(self) -> Path:
        """Private keys."""
        return self.path / "keys"

    @property
    def head(self) -> Path:
        """The copy of the last signed head."""
        return self.path / "head"

    @property
    def witnesses(self) -> Path:
        """The policy of the witnesses that cosign this ledger."""
        return self.path / "witnesses"

    @property
    def demo(self) -> Path:
        """Results of the demo."""
        return self.path / "demo"

    def signer(self, name: str) -> Signer:
        """The private key `keys/<name>.key`."""
        return Signer.parse(self._read(f"{name}.key").decode().strip())

    def secret(self, name: str) -> bytes:
        """32 secret bytes, stored as hex."""
        return bytes.fromhex(self._read(name).decode())

    def _read(self, name: str) -> bytes:
        try:
            return (self.keys / name).read_bytes()
        except FileNotFoundError:
            message = (
                f"{self.keys / name} is missing. A ledger works only with the keys it was founded with: set CREDENCE_HOME"
                " to their folder, or restore it from its backup (docs/operations.md)"
            )
            raise RefusedError(message, code="key-missing") from None

    def has_keys(self) -> bool:
        """Whether the ledger was founded from this folder: it holds the key that signs checkpoints."""
        return (self.keys / "ledger.key").exists()

    def require_ledger(self) -> None:
        """RefusedError unless a ledger was founded from this folder; nothing is created."""
        if not (self.keys / "vrf.seed").exists():
            message = (
                f"there is no ledger in {self.path}: set CREDENCE_HOME to the folder of one, or found one with"
                " `credence up` or `credence migrate`"
            )
            raise RefusedError(message, code="no-ledger")

    def create_signer(self, name: str, key_name: str) -> Signer:
        """The key of this name, made if it is not there yet."""
        if not (self.keys / f"{name}.key").exists():
            self.write(
                self.keys / f"{name}.key",
                Signer.generate_from_seed(key_name, secrets.token_bytes(32)).encode(),
            )
        return self.signer(name)

    def create_secret(self, name: str) -> bytes:
        """The secret of this name, made if it is not there yet."""
        if not (self.keys / name).exists():
            self.write(self.keys / name, secrets.token_hex(32))
        return self.secret(name)

    def write(self, path: Path, content: str | bytes) -> None:
        """Replace a file whole and durably: temporary file, fsync, rename, fsync of the folder; mode 0600."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        data = content.encode() if isinstance(content, str) else content
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
