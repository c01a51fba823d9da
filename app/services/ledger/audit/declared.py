"""What the ledger has declared so far, as the replay goes through its notices: keys, scorecards, witnesses; and documents.

A problem is a triple (table, place, sentence), as a finding has it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from app.core import fields
from app.core.errors import CredenceError
from app.core.log import notices
from app.core.log.policy import Policy
from app.core.log.register import Register
from app.core.scoring.scorecard import parse_card

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.log.note import Verifier
    from app.services.ledger.audit.source import Source


class Declared:
    """The key register, the notices that publish scorecards, the witnesses of published policies, the documents by hash."""

    def __init__(self, source: Source, genesis: notices.Genesis, witnesses: Iterable[Verifier]) -> None:
        self.register = Register("", -1, {})
        self.cards: list[tuple[int, notices.ScorecardPublished]] = []
        self.witnesses = set(witnesses)
        self.documents: dict[bytes, bytes] = {}
        self.damaged: set[bytes] = set()
        self._source = source
        self._genesis = genesis
        self._read_documents()

    def take(self, notice: notices.Notice, index: int, place: str) -> tuple[str, str, str] | None:
        """Take a notice at its log index, whose row is at `place`; the problem with it, if there is one. What it destroys is
        not judged here.
        """
        try:
            self.register = Register.fold([(index, notice)], after=self.register)
        except CredenceError as error:
            return "notices", place, error.detail
        if isinstance(notice, notices.ScorecardPublished):
            self.cards.append((index, notice))
            return self._check_card(notice, place)
        if isinstance(notice, notices.WitnessPolicy):
            document = self.document(fields.hex32(notice.policy))
            if document is None:
                return "documents", notice.policy, f"the policy that {place} publishes is not stored"
            try:
                policy = Policy.parse(document)
            except CredenceError as error:
                return "notices", place, f"the policy {notice.policy} that it publishes: {error.detail}"
            self.witnesses |= {witness.verifier for witness in policy.witnesses}
        elif isinstance(notice, notices.Genesis) and notice != self._genesis:
            return "notices", place, "the genesis is not the one that this audit goes by"
        return None

    def _check_card(self, notice: notices.ScorecardPublished, place: str) -> tuple[str, str, str] | None:
        """Whatever a notice publishes is there, and the card is one (R37)."""
        card = self.document(fields.hex32(notice.scorecard))
        if card is None:
            return "documents", notice.scorecard, f"the scorecard that {place} publishes is not stored"
        report = fields.hex32(notice.report)
        if report != notices.NO_REPORT and self.document(report) is None:
            return "documents", notice.report, f"the validation report that {place} publishes is not stored"
        try:
            parse_card(card)
        except CredenceError as error:
            return "notices", place, f"the scorecard {notice.scorecard} that it publishes: {error.detail}"
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
