"""A regulator's request to audit a ledger: a note by a key of role `regulator` over five lines.

    credence/audit@v1
    credence.example/ledger          origin
    regulator.example                the regulator's name, which is the key's
    2026-17                          case number, a ref: it will be public
    2026-11-22T15:24:00Z             when it was signed

A service takes it for five minutes, once, and answers with a token.

Source: formats.md section 13; C2SP signed-note; rule R21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.exchange.request_note import REQUEST_BYTES_MAX, parse_request, request_text
from app.core.reporting.batch import check_ref

if TYPE_CHECKING:
    import datetime as dt

    from app.core.log.note import Signer

AUDIT_MAGIC: Final = "credence/audit@v1"
AUDIT_NOTE_BYTES_MAX: Final = REQUEST_BYTES_MAX


@dataclass(frozen=True, slots=True)
class AuditNote:
    """What a regulator signs; `time` is aware UTC with whole seconds."""

    origin: str
    regulator: str
    case: str
    time: dt.datetime

    def text(self) -> bytes:
        """The note text, five lines; FormatError when a field is none of its format."""
        return request_text(AUDIT_MAGIC, self.origin, self.regulator, _check_case(self.case), self.time)

    def sign(self, signer: Signer) -> bytes:
        """The request as a signed note; the key's name is the regulator's."""
        assert signer.name == self.regulator, (signer.name, self.regulator)
        return signer.sign(self.text())

    @classmethod
    def parse(cls, note: bytes) -> AuditNote:
        """The fields of a note that has one signature line, by the regulator's name; its signature is not checked."""
        origin, regulator, case, time = parse_request(note, AUDIT_MAGIC, "the note of an audit")
        return cls(origin, regulator, _check_case(case), time)


def _check_case(text: str) -> str:
    return check_ref(text, "a case number")
