"""The folded file: what is left of a citizen's events once folded, and all that a score is made from.

Canonical JSON; its fields are named here as they are written, in alphabetical order, and one that is empty or
unknown is left out. Lists of lists are rows with named places. A card with one statement, paid in full:

    {"accounts":{"bank.example/cards:c-1":{"class":"card","currency":"CNY","first":24322,
     "limit_at":["2026-10-31",7],"limit_minor":2000000,"opened_at":["2026-10-31",6],
     "paid":[[24322,125000]],"statements":[[24322,"2026-10-31",7,125000,2000000,-1]],
     "status":[24322,"0"]}},"reported":24322}

The state is bounded where furnishers could make it grow: so many months of each list, counted back from the
newest (`app.core.scoring.fold` shows why that does not depend on the order of arrival). What is past its retention is
still here: it is left out when scoring, on the day, and never stored as gone.

Structs are mutable and shared by nobody: `app.core.scoring.fold` copies before it writes.

Source: formats.md section 8.
"""

from __future__ import annotations

import re
from copy import copy
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from app.core.canon import INTEGER_MAX
from app.core.errors import FormatError
from app.core.field_types import NAME, REF
from app.core.months import MONTH_MAX, MONTH_MIN, month_of
from app.core.reporting.event_base import AccountClass, is_day

FILE_BYTES_MAX: Final = 1 << 20
STATEMENT_MONTHS: Final = 24
STATUS_MONTHS: Final = 120
NAMES_MAX: Final = (
    200  # accounts, and community accounts, and cases of one furnisher: the first of the alphabet
)
GIVEN_MAX: Final = 1_000  # consents, and passkeys: the first of the alphabet, which for UUIDs are the oldest
INQUIRIES_MAX: Final = 400  # the last of the list: far more than a score can tell apart
INQUIRY_MONTHS: Final = 25  # the running month and 24 before it: 24 whole months on every day (R12)
SUM_MAX: Final = INTEGER_MAX  # sums stop here: the largest integer of canonical JSON
UNKNOWN: Final = -1  # a limit or minimum that a statement does not tell

Month = Annotated[int, Meta(ge=MONTH_MIN, le=MONTH_MAX)]
Index = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Integer = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Known = Annotated[int, Meta(ge=UNKNOWN, le=INTEGER_MAX)]
Place = tuple[str, Index]  # (day, log index): where an event stands in the fold
Codes = tuple[Month, str]  # (first month, a character a month); `-` is nothing reported, never at an end
IN_DOUBT: Final = "."
"""A month that was reported, what it said being in dispute or taken out. Sorts behind `-` and before every code."""


class Statement(Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    """The latest statement of a month; limit and minimum are UNKNOWN (-1) when it did not tell them."""

    month: Month
    day: str
    index: Index
    balance_minor: Integer
    limit_minor: Known
    minimum_minor: Known


class Paid(Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    """All payments booked in a month, together."""

    month: Month
    sum_minor: Annotated[int, Meta(gt=0, le=SUM_MAX)]


class Late(Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    """A month reported late: the earliest first delinquency told, the latest day on which it was late."""

    month: Month
    first_delinquent_on: str
    day: str


class Account(Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """`currency`: of several ones (an error of the furnisher's) the first of the alphabet. `opened_in_doubt`: the earliest
    `opened_on` of an opening that is in dispute or was taken out; it says how old the file is, and nothing else.
    """

    class_: AccountClass | None = field(name="class", default=None)
    closed_on: str | None = None
    currency: Annotated[str, Meta(min_length=3, max_length=3)] | None = None
    first: Month | None = None
    late: list[Late] = []
    limit_at: Place | None = None
    limit_minor: Annotated[int, Meta(ge=0, le=INTEGER_MAX)] | None = None
    opened_at: Place | None = None
    opened_in_doubt: str | None = None
    opened_on: str | None = None
    paid: list[Paid] = []
    statements: list[Statement] = []
    status: Codes | None = None


class Consent(Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """Only `withdrawn` is there when the withdrawal came first."""

    from_: str | None = field(name="from", default=None)
    grantee: str | None = None
    purposes: tuple[str, ...] = ()
    until: str | None = None
    withdrawn: str | None = None


class FreezeEntry(Struct, frozen=True, array_like=True, gc=False, order=True, forbid_unknown_fields=True):
    """A freeze (`frozen` 1) or a thaw (0); grantee and until are "" when a thaw names none."""

    day: str
    index: Index
    frozen: Annotated[int, Meta(ge=0, le=1)]
    grantee: str
    until: str


class InquiryEntry(Struct, frozen=True, array_like=True, gc=False, order=True, forbid_unknown_fields=True):
    day: str
    class_: AccountClass
    index: Index


class Passkey(Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    added: str | None = None
    public_key: str | None = None
    removed: str | None = None


class Record(Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    """`kind` is unknown as long as only the payment of arrears is known: it does not say which they were. Of what is in
    dispute, or was taken out, nothing is here but the name.
    """

    kind: Literal["collection", "court_debt", "fee", "insolvency", "tax"] | None = None
    placed: str | None = None
    settled: str | None = None


class File(Struct, omit_defaults=True, gc=False, forbid_unknown_fields=True):
    accounts: dict[str, Account] = {}
    community: dict[str, Codes] = {}
    consents: dict[str, Consent] = {}
    disputed: Index = 0
    freezes: list[FreezeEntry] = []
    inquiries: list[InquiryEntry] = []
    passkeys: dict[str, Passkey] = {}
    records: dict[str, Record] = {}
    repaired: bool = False
    reported: Month | None = None


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(File).decode
_STATUS: Final = re.compile(r"[.0-6](?:[-.0-6]{0,118}[.0-6])?")
_COMMUNITY: Final = re.compile(r"[.0-2](?:[-.0-2]{0,118}[.0-2])?")
_KEY: Final = f"{NAME[1:-2]}:(?:%s){REF[1:-2]}"  # whose, of which kind, called what
_ACCOUNT_KEY: Final = re.compile(_KEY % "", re.ASCII)
_COMMUNITY_KEY: Final = re.compile(_KEY % "rent:|utility:|telecom:", re.ASCII)
_RECORD_KEY: Final = re.compile(_KEY % "arrears:|collection:|court_debt:|insolvency:", re.ASCII)
_NOT_LATE: Final = str.maketrans("", "", "-.0")
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


def encode_file(file: File) -> bytes:
    """The canonical bytes of a folded file: the value of the disclosure `file`."""
    return _encode(file)


def decode_file(data: bytes) -> File:
    """The file of bytes of any origin; FormatError for what no fold can have written."""
    if len(data) > FILE_BYTES_MAX:
        raise FormatError(f"a folded file of {len(data)} bytes is over the limit of {FILE_BYTES_MAX}")
    file = reopen_file(data)
    if _encode(file) != data:
        raise FormatError("a folded file is not in canonical form")
    _check(file)
    return file


def reopen_file(data: bytes) -> File:
    """`decode_file` for bytes that `encode_file` wrote and nobody else could change: a third of the time.

    Only types are checked, and there is no limit of size: what was admitted must always be folded, or one crowded file
    would stop every block. The fold bounds what it keeps (`NAMES_MAX`, `GIVEN_MAX`, `INQUIRIES_MAX`).
    """
    try:
        return _decode(data)
    except _UNREADABLE as error:
        raise FormatError(f"not a folded file: {error}") from None


def copy_file(file: File) -> File:
    """A copy that shares nothing that can change."""
    return File(
        accounts={key: _copy_account(account) for key, account in file.accounts.items()},
        community=file.community.copy(),
        consents={key: copy(consent) for key, consent in file.consents.items()},
        disputed=file.disputed,
        freezes=file.freezes[:],
        inquiries=file.inquiries[:],
        passkeys={key: copy(passkey) for key, passkey in file.passkeys.items()},
        records={key: copy(record) for key, record in file.records.items()},
        repaired=file.repaired,
        reported=file.reported,
    )


def _copy_account(account: Account) -> Account:
    copied = copy(account)
    copied.late, copied.paid = account.late[:], account.paid[:]
    copied.statements = account.statements[:]
    return copied


# ---- what types do not say
# --------------------------------------------------------------------------------------------------


def _check(file: File) -> None:
    for names, pattern in (
        (file.accounts, _ACCOUNT_KEY),
        (file.community, _COMMUNITY_KEY),
        (file.records, _RECORD_KEY),
    ):
        if not all(pattern.fullmatch(key) for key in names):
            raise FormatError("a folded file has something under a name that no event gives")
    for account in file.accounts.values():
        _check_account(account)
        if account.opened_in_doubt is not None and not file.repaired:
            raise FormatError("a folded file has an opening in doubt, and nothing in it was repaired")
    for codes in file.community.values():
        _check_codes(codes, _COMMUNITY)
    for consent in file.consents.values():
        _check_days(consent.from_, consent.until, consent.withdrawn)
    for passkey in file.passkeys.values():
        _check_days(passkey.added, passkey.removed)
    for record in file.records.values():
        _check_days(record.placed, record.settled)
    if file.freezes:
        _check_ascending([(entry.day, entry.index) for entry in file.freezes])
        _check_days(*(entry.day for entry in file.freezes), *(e.until for e in file.freezes if e.until))
    if file.inquiries:
        _check_ascending(file.inquiries)
        _check_days(*(entry.day for entry in file.inquiries))
        if month_of(file.inquiries[-1].day) - month_of(file.inquiries[0].day) >= INQUIRY_MONTHS:
            raise FormatError("a folded file has inquiries older than it keeps")


def _check_account(account: Account) -> None:
    _check_days(account.closed_on, account.opened_in_doubt, account.opened_on)
    for place in (account.limit_at, account.opened_at):
        if place is not None:
            _check_days(place[0])
    if account.statements:
        _check_months([row.month for row in account.statements], STATEMENT_MONTHS)
        for row in account.statements:
            _check_day_of(row.day, row.month)
    if account.paid:
        _check_months([entry.month for entry in account.paid], STATEMENT_MONTHS)
    if account.status is not None:
        _check_codes(account.status, _STATUS)
    first, text = account.status or (MONTH_MIN, "")
    if text.translate(_NOT_LATE) or account.late:
        if [first + n for n, code in enumerate(text) if code > "0"] != [late.month for late in account.late]:
            raise FormatError("the late months of an account in a folded file are not those of its status")
        for late in account.late:
            _check_days(late.first_delinquent_on)
            _check_day_of(late.day, late.month)


def _check_codes(codes: Codes, pattern: re.Pattern[str]) -> None:
    first, text = codes
    if pattern.fullmatch(text) is None or first + len(text) - 1 > MONTH_MAX:
        raise FormatError("the codes of a folded file are not a character a month, at most 120")


def _check_months(months: list[int], kept: int) -> None:
    _check_ascending(months)
    if months[-1] - months[0] >= kept:
        raise FormatError(f"a list in a folded file reaches over more than {kept} months")


def _check_ascending(items: list[Any]) -> None:
    """Strictly: nothing is there twice."""
    if any([not left < right for left, right in pairwise(items)]):  # noqa: C419 - lists are quicker here
        raise FormatError("a list in a folded file is not in ascending order")


def _check_days(*days: str | None) -> None:
    for day in days:
        if day is not None and not is_day(day):
            raise FormatError("a day in a folded file is not a day YYYY-MM-DD")


def _check_day_of(day: str, month: int) -> None:
    if not is_day(day) or month_of(day) != month:
        raise FormatError("a row of a folded file has a day of another month")
