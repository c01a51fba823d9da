"""What the ledger has declared so far, as the replay goes through its notices: keys, scorecard, witnesses; and documents.

A problem is a pair (table, sentence); the caller knows the place.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from app.core import fields, notices
from app.core.errors import CredenceError
from app.core.policy import Policy
from app.core.register import Register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.note import Verifier
    from app.services.audit.source import Source


class Declared:
    """The key register, the scorecard in force (its hash), the witnesses of published policies, the documents by hash."""

    def __init__(self, source: Source, genesis: notices.Genesis, witnesses: Iterable[Verifier]) -> None:
        self.register = Register("", -1, {})
        self.scorecard = b""
        self.witnesses = set(witnesses)
        self.documents: dict[bytes, bytes] = {}
        self.damaged: set[bytes] = set()
        self._source = source
        self._genesis = genesis
        self._read_documents()

    def take(self, payload: bytes, index: int) -> tuple[str, str] | None:
        """Take a notice at its log index; the problem with it, if there is one."""
        try:
            notice = notices.decode(payload)
            self.register = Register.fold([(index, notice)], after=self.register)
        except CredenceError as error:
            return "notices", error.detail
        if isinstance(notice, notices.ScorecardPublished):
            self.scorecard = fields.hex32(notice.scorecard)
        elif isinstance(notice, notices.WitnessPolicy):
            try:
                policy = Policy.parse(self.document(fields.hex32(notice.policy)) or b"")
            except CredenceError as error:
                return "notices", f"the policy {notice.policy} that it publishes: {error.detail}"
            self.witnesses |= {witness.verifier for witness in policy.witnesses}
        elif isinstance(notice, notices.Genesis) and notice != self._genesis:
            return "notices", "the genesis is not the one that this audit goes by"
        return None

    def document(self, digest: bytes) -> bytes | None:
        """A document by its hash, be it that it came while the audit was under way."""
        if digest not in self.documents:
            self._read_documents()
        return self.documents.get(digest)

    def _read_documents(self) -> None:
        for digest, body in self._source.documents():
            if sha256(body).digest() == digest:
                self.documents[digest] = body
            else:
                self.damaged.add(digest)
