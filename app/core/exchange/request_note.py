"""Signed requests: a note of five lines by which an organisation asks the service for something in its own name.

    credence/corrections@v1          what is asked for
    credence.example/ledger          origin
    bank.example                     the organisation's name, which is the key's
    17                               the subject: of an audit its case, of corrections and disputes the last number known,
                                     of a letter the id of the answer that it is about,
                                     of where events were filed a batch id and the first position wanted
    2026-11-22T15:24:00Z             when it was signed

Source: formats.md sections 13, 14, 18, 19, 20 and 22; C2SP signed-note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from app.core.errors import FormatError
from app.core.field_types import UUID7
from app.core.fields import decimal, format_instant, parse_instant
from app.core.log.note import split
from app.core.reporting.batch import EVENTS_MAX, check_name, check_ref, text_lines

if TYPE_CHECKING:
    import datetime as dt

    from app.core.log.note import Signer

REQUEST_BYTES_MAX: Final = 4_096
CORRECTIONS_MAGIC: Final = "credence/corrections@v1"
LETTER_MAGIC: Final = "credence/letter@v1"
DISPUTES_MAGIC: Final = "credence/disputes@v1"
FILED_MAGIC: Final = "credence/filed@v1"
NUMBER_MAX: Final = 2**53 - 1


def request_text(magic: str, origin: str, name: str, subject: str, time: dt.datetime) -> bytes:
    """The note text, five lines; FormatError when a name is none."""
    check_name(origin, "the origin of a request")
    check_name(name, "the name of who requests")
    return "".join(line + "\n" for line in (magic, origin, name, subject, format_instant(time))).encode()


def parse_request(note: bytes, magic: str, what: str) -> tuple[str, str, str, dt.datetime]:
    """(origin, name, subject, time) of a note with one signature line, by that name; the signature is not checked."""
    if len(note) > REQUEST_BYTES_MAX:
        raise FormatError(f"{what} is over {REQUEST_BYTES_MAX} bytes")
    text, signatures = split(note)
    found, origin, name, subject, time = text_lines(text, 5, what)
    if found != magic:
        raise FormatError(f"{what} does not start with {magic}")
    if len(signatures) != 1 or signatures[0].name != name:
        raise FormatError(f"{what} has exactly one signature line, by the name on its third line")
    return check_name(origin, f"the origin of {what}"), check_name(name, what), subject, parse_instant(time)


def sign_request(  # noqa: PLR0917 - the note's lines
    signer: Signer, magic: str, origin: str, name: str, subject: str, time: dt.datetime
) -> bytes:
    """The request as a signed note; the key's name is that of who requests."""
    assert signer.name == name, (signer.name, name)
    return signer.sign(request_text(magic, origin, name, subject, time))


@dataclass(frozen=True, slots=True)
class NumberNote:
    """A request whose subject is a number; what it is for, its kind says."""

    magic: ClassVar[str]
    what: ClassVar[str]

    origin: str
    name: str
    number: int
    time: dt.datetime

    def sign(self, signer: Signer) -> bytes:
        """The request as a signed note."""
        return sign_request(signer, self.magic, self.origin, self.name, str(self.number), self.time)

    @classmethod
    def parse(cls, note: bytes) -> Self:
        """The fields of a note of this kind; FormatError for any other bytes. Its signature is not checked."""
        origin, name, number, time = parse_request(note, cls.magic, cls.what)
        return cls(origin, name, decimal(number, maximum=NUMBER_MAX), time)


class CorrectionsNote(NumberNote):
    """What a bank signs to be told of corrections with numbers above this one (R27)."""

    magic = CORRECTIONS_MAGIC
    what = "the note of a bank"


class DisputesNote(NumberNote):
    """What a furnisher signs to be given the open disputes about its items with numbers above this one (R24)."""

    magic = DISPUTES_MAGIC
    what = "the note of a furnisher"


@dataclass(frozen=True, slots=True)
class LetterNote:
    """What a bank signs to say that it decided against a citizen after this answer, which calls for a letter (R38)."""

    origin: str
    bank: str
    answer: str
    time: dt.datetime

    def sign(self, signer: Signer) -> bytes:
        """The request as a signed note."""
        return sign_request(
            signer, LETTER_MAGIC, self.origin, self.bank, check_answer(self.answer), self.time
        )

    @classmethod
    def parse(cls, note: bytes) -> LetterNote:
        """The fields of a note; FormatError for any other bytes. Its signature is not checked."""
        origin, bank, answer, time = parse_request(note, LETTER_MAGIC, "the note for a letter")
        return cls(origin, bank, check_answer(answer), time)


def check_answer(text: str) -> str:
    if re.match(UUID7, text) is None:
        raise FormatError("a letter is about an answer: its `id`, a UUID of version 7 in lower case")
    return text


@dataclass(frozen=True, slots=True)
class FiledNote:
    """What a furnisher signs to be shown where the events of a batch of its own were filed, from position `first` on."""

    origin: str
    furnisher: str
    batch_id: str
    first: int
    time: dt.datetime

    def sign(self, signer: Signer) -> bytes:
        """The request as a signed note."""
        subject = f"{self.batch_id} {self.first}"
        return sign_request(signer, FILED_MAGIC, self.origin, self.furnisher, subject, self.time)

    @classmethod
    def parse(cls, note: bytes) -> FiledNote:
        """The fields of a note; FormatError for any other bytes. Its signature is not checked."""
        origin, furnisher, subject, time = parse_request(note, FILED_MAGIC, "the note of a furnisher")
        batch_id, _, first = subject.partition(" ")
        return cls(
            origin, furnisher, check_ref(batch_id, "a batch id"), decimal(first, maximum=EVENTS_MAX), time
        )
