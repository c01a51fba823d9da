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

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.batch import check_name, text_lines
from app.core.errors import FormatError
from app.core.fields import format_instant, parse_instant
from app.core.note import split

if TYPE_CHECKING:
    import datetime as dt

    from app.core.note import Signer

AUDIT_MAGIC: Final = "credence/audit@v1"
AUDIT_NOTE_BYTES_MAX: Final = 4_096
_REF = re.compile(r"[A-Za-z0-9._\-]{1,64}")


@dataclass(frozen=True, slots=True)
class AuditNote:
    """What a regulator signs; `time` is aware UTC with whole seconds."""

    origin: str
    regulator: str
    case: str
    time: dt.datetime

    def text(self) -> bytes:
        """The note text, five lines; FormatError when a field is none of its format."""
        check_name(self.origin, "the origin of an audit")
        check_name(self.regulator, "the regulator of an audit")
        lines = (AUDIT_MAGIC, self.origin, self.regulator, _check_case(self.case), format_instant(self.time))
        return "".join(line + "\n" for line in lines).encode()

    def sign(self, signer: Signer) -> bytes:
        """The request as a signed note; the key's name is the regulator's."""
        assert signer.name == self.regulator, (signer.name, self.regulator)
        return signer.sign(self.text())

    @classmethod
    def parse(cls, note: bytes) -> AuditNote:
        """The fields of a note that has one signature line, by the regulator's name; its signature is not checked."""
        if len(note) > AUDIT_NOTE_BYTES_MAX:
            raise FormatError(f"the note of an audit is over {AUDIT_NOTE_BYTES_MAX} bytes")
        text, signatures = split(note)
        magic, origin, regulator, case, time = text_lines(text, 5, "the note of an audit")
        if magic != AUDIT_MAGIC:
            raise FormatError(f"the note of an audit does not start with {AUDIT_MAGIC}")
        if len(signatures) != 1 or signatures[0].name != regulator:
            raise FormatError("the note of an audit has exactly one signature line, by the regulator's name")
        return cls(
            check_name(origin, "the origin of an audit"),
            check_name(regulator, "the regulator of an audit"),
            _check_case(case),
            parse_instant(time),
        )


def _check_case(text: str) -> str:
    if _REF.fullmatch(text) is None:
        raise FormatError("a case number is not a ref: 1 to 64 characters of A-Z a-z 0-9 . _ -")
    return text
