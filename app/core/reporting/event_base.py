"""What an event is made of: its common fields, and what groups of types share.

The formats of fields are annotations (`app.core.field_types`), so that a type in `app.core.reporting.event_types` reads
like its row in formats.md. Four common fields are plain text here and checked for every event by
`app.core.reporting.events`, because a pattern in an annotation costs half a microsecond: `id`, `nonce`, `citizen`,
`day`.

Three groups have fields in common: what is always negative (`Told`), what is negative sometimes (`MaybeTold`)
and what a citizen wills (`Signed`). Their `refusal` says what is wrong with the fields seen together (R5).

Source: formats.md sections 1 and 2.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from app.core.errors import FormatError
from app.core.field_types import AssertionText, KeyText, Ref  # noqa: TC001 - msgspec reads them
from app.core.fields import parse_day, parse_instant

AccountClass = Literal["card", "overdraft", "instalment", "mortgage", "student", "business"]
NotifiedBy = Literal["letter", "message", "email", "app", "in_person", "synthetic"]
Purpose = Literal["account_review", "collection", "credit_application", "regulator", "self"]
Disclosure = Literal["file", "flags", "history", "receipt", "score"]

SCORE_MIN: Final = 300
SCORE_MAX: Final = 850
"""A score lies between them, both included."""
COMMON_FIELDS: Final = ("v", "ledger", "furnisher", "id", "type", "citizen", "nonce", "day")


class Header(NamedTuple):
    """What an event is judged against: its batch note's names, the ledger's scheme, the day of admission.

    `admission_day` is the local day (YYYY-MM-DD). With `utc_offset_minutes` (the genesis has it) the day of
    an event that carries a `time` must be the local day of that time; without it this is not checked.
    """

    origin: str
    furnisher: str
    scheme: str
    admission_day: str
    utc_offset_minutes: int | None = None


class Refusal(NamedTuple):
    """Why an event is refused: `rule` is R1, R2, R3, R5, R7, `day`, `scheme`, ...; `detail` one sentence."""

    rule: str
    detail: str


@lru_cache(maxsize=1 << 17)  # more entries than there are days
def is_day(text: str) -> bool:
    """Whether the text is a day of the calendar, 1900-01-01 to 2199-12-31."""
    try:
        return 1900 <= parse_day(text).year <= 2199
    except FormatError:
        return False


@lru_cache(maxsize=1 << 16)
def local_day(time: str, utc_offset_minutes: int) -> str | None:
    """The day (YYYY-MM-DD) of an instant at an offset; None when the text is no instant of our years."""
    try:
        local = parse_instant(time) + dt.timedelta(minutes=utc_offset_minutes)
    except (FormatError, OverflowError):
        return None
    return local.date().isoformat() if 1900 <= local.year <= 2199 else None


def seconds_between(earlier: str, later: str) -> int | None:
    """From one instant to another; None when a text is none."""
    try:
        return int((parse_instant(later) - parse_instant(earlier)).total_seconds())
    except FormatError:
        return None


# ---- what several types share
# --------------------------------------------------------------------------------


class Event(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
    tag_field="type",
):
    """The fields that every event has. Subclasses are the types; this one is abstract."""

    v: Literal[1]
    ledger: str
    furnisher: str
    id: str
    citizen: str
    nonce: str
    day: str

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)

    def refusal(self, header: Header) -> Refusal | None:  # noqa: ARG002 - subclasses need it
        """What is wrong with the type's own fields, seen together; None when nothing is."""
        return None

    @property
    def negative(self) -> bool:
        """Whether it speaks against the citizen, who has to be told first (R5)."""
        return False


def notice_refusal(notified_on: str | None, notified_by: str | None, header: Header) -> Refusal | None:
    """What is wrong with the notice of a negative event (R5)."""
    if notified_on is None or notified_by is None:
        return Refusal(
            "R5",
            "a negative event has `notified_on` and `notified_by`: people are told first, Decree 631 art. 15",
        )
    if not is_day(notified_on):
        return Refusal("format", "`notified_on` is not a day YYYY-MM-DD")
    if notified_on > header.admission_day:
        return Refusal("R5", "`notified_on` is after the day of admission: the citizen is told first")
    if notified_by == "synthetic" and header.scheme != "uci":
        return Refusal("scheme", "only a ledger of scheme uci takes a `synthetic` notice")
    return None


class Told(Event, frozen=True, kw_only=True):
    """Always negative: the notice is required."""

    notified_on: str
    notified_by: NotifiedBy

    @property
    def negative(self) -> bool:
        return True

    def refusal(self, header: Header) -> Refusal | None:
        return notice_refusal(self.notified_on, self.notified_by, header)


class MaybeTold(Event, frozen=True, kw_only=True):
    """Negative by its status: the notice is required then, and refused otherwise."""

    notified_on: str | None = None
    notified_by: NotifiedBy | None = None

    def refusal(self, header: Header) -> Refusal | None:
        if self.negative:
            return notice_refusal(self.notified_on, self.notified_by, header)
        if self.notified_on is not None or self.notified_by is not None:
            return Refusal("R5", "`notified_on` and `notified_by` are for negative events only")
        return None


class Assertion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A WebAuthn assertion. Its challenge is the SHA-256 of the event without `assertion`."""

    credential: KeyText
    authenticator_data: AssertionText
    client_data: AssertionText
    signature: AssertionText


class Signed(Event, frozen=True, kw_only=True):
    """The citizen's will: by an assertion, or else on the paper or legal ground that `basis_ref` names."""

    assertion: Assertion | None = None
    basis: Literal["paper", "legal", "research"] | None = None
    basis_ref: Ref | None = None

    def refusal(self, header: Header) -> Refusal | None:
        if (self.assertion is None) == (self.basis is None):
            return Refusal("format", "exactly one of `assertion` and `basis` is required")
        if (self.basis is None) != (self.basis_ref is None):
            return Refusal("format", "`basis` and `basis_ref` go together")
        if self.basis == "research" and header.scheme != "uci":
            return Refusal("scheme", "only a ledger of scheme uci takes the basis `research`")
        return None


class Timed(Event, frozen=True, kw_only=True):
    """It happened at a moment, and its `day` is the local day of that moment."""

    time: str

    def refusal(self, header: Header) -> Refusal | None:
        offset = header.utc_offset_minutes
        local = local_day(self.time, offset or 0)
        if local is None:
            return Refusal("format", "`time` is not an instant YYYY-MM-DDThh:mm:ssZ")
        if offset is not None and local != self.day:
            return Refusal("day", "`day` is not the local day of `time`")
        return None
