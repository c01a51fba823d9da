"""Reading folded files: what measures look at, list by list, as arrays.

Every list in a file becomes a few arrays with one number a row, and beside them stands how many rows each owner has. So
the arrays of further files are simply put behind those of the first ones:

    two files, the first with two accounts     accounts 2 0    limit_minor 2000000 -1    statements 1 0    month 24322

Files are read a few hundred at a time, since the objects that JSON becomes should not leave the processor's cache before
they are read. Of their bytes only the fields that are needed are decoded. Months are as in the file, days as in `calendar`,
amounts in minor units; an unknown month or day is 0, an unknown limit -1.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

import msgspec
import numpy as np
from msgspec import Struct, field

from app.core.errors import FormatError
from app.core.reporting.event_base import AccountClass
from app.core.scoring.folded import FreezeEntry, InquiryEntry, Late, Paid, Record, Statement  # noqa: TC001 - msgspec reads annotations
from app.core.scoring.measures.view import REVOLVING
from app.services.scoring.population.calendar import NO_DAY, days_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.core.scoring.folded import File
    from app.services.scoring.population.calendar import Bools, Ints

FILES_AT_ONCE: Final = 400


class Rows(NamedTuple):
    """Arrays of all files' rows. `..._of` counts the rows of each owner: a file's accounts, an account's statements."""

    reported: Ints
    disputed: Ints
    repaired: Bools
    accounts_of: Ints
    community_of: Ints
    records_of: Ints
    inquiries_of: Ints
    freezes_of: Ints
    doubted_of: Ints
    # accounts
    revolving: Bools  # a card or overdraft
    open: Bools
    currency: Ints
    limit_minor: Ints
    opened: Ints
    codes_first: Ints
    codes_of: Ints
    statements_of: Ints
    payments_of: Ints
    late_of: Ints
    # their codes, statements, payments, late months
    codes: Ints  # ASCII
    statement_month: Ints
    balance_minor: Ints
    minimum_minor: Ints
    payment_month: Ints
    sum_minor: Ints
    late_month: Ints
    late_day: Ints
    # community accounts
    community_first: Ints
    community_codes_of: Ints
    community_codes: Ints
    # records of which it is known that they were placed
    insolvency: Bools
    settled: Ints
    # inquiries, freezes and thaws
    inquiry_class: Ints
    inquiry_day: Ints
    freeze_day: Ints
    frozen: Bools
    everybody: Bools  # names no bank
    freeze_until: Ints
    doubted: Ints  # openings in doubt


def read_files(files: Sequence[File]) -> Rows:
    """The rows of files as the fold gives them."""
    return _joined([_read(files[at : at + FILES_AT_ONCE]) for at in _portions(files)])


def read_json(files: Sequence[bytes]) -> Rows:
    """The rows of what `encode_file` wrote."""
    return _joined([_read(_reopen(files[at : at + FILES_AT_ONCE])) for at in _portions(files)])


def _portions(files: Sequence[object]) -> range:
    return range(0, max(len(files), 1), FILES_AT_ONCE)


def _joined(portions: Sequence[Rows]) -> Rows:
    return portions[0] if len(portions) == 1 else Rows(*map(np.concatenate, zip(*portions, strict=True)))


# ---- decoding
# --------------------------------------------------------------------------------------------------


class _Account(Struct, gc=False):
    """What the measures read of an account; msgspec skips the rest."""

    class_: str | None = field(name="class", default=None)
    closed_on: str | None = None
    currency: str | None = None
    late: list[Late] = []
    limit_minor: int | None = None
    opened_in_doubt: str | None = None
    opened_on: str | None = None
    paid: list[Paid] = []
    statements: list[Statement] = []
    status: tuple[int, str] | None = None


class _File(Struct, gc=False):
    accounts: dict[str, _Account] = {}
    community: dict[str, tuple[int, str]] = {}
    disputed: int = 0
    freezes: list[FreezeEntry] = []
    inquiries: list[InquiryEntry] = []
    records: dict[str, Record] = {}
    repaired: bool = False
    reported: int | None = None


_decode: Final = msgspec.json.Decoder(list[_File]).decode


def _reopen(files: Sequence[bytes]) -> list[_File]:
    """`app.core.scoring.folded.reopen_file` for several, in one call."""
    try:
        return _decode(b"[" + b",".join(files) + b"]")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatError(f"not folded files: {error}") from None


# ---- arrays
# --------------------------------------------------------------------------------------------------

_NO_CODES: Final = (0, "")
_CLASSES: Final = {name: place for place, name in enumerate(get_args(AccountClass))}
_month: Final = attrgetter("month")
_balance: Final = attrgetter("balance_minor")
_minimum: Final = attrgetter("minimum_minor")
_sum: Final = attrgetter("sum_minor")


def _read(files: Sequence[Any]) -> Rows:
    accounts = [account for each in files for account in each.accounts.values()]
    community = [codes for each in files for codes in each.community.values()]
    records = [[r for r in each.records.values() if r.placed is not None] for each in files]
    inquiries = [each.inquiries for each in files]
    freezes = [each.freezes for each in files]
    doubted = [_doubted(each) if each.repaired else () for each in files]
    return Rows(
        reported=_ints([each.reported or 0 for each in files]),
        disputed=_ints([each.disputed for each in files]),
        repaired=_bools([each.repaired for each in files]),
        accounts_of=_ints([len(each.accounts) for each in files]),
        community_of=_ints([len(each.community) for each in files]),
        records_of=_sizes(records),
        inquiries_of=_sizes(inquiries),
        freezes_of=_sizes(freezes),
        doubted_of=_sizes(doubted),
        community_first=_ints([first for first, _ in community]),
        community_codes_of=_ints([len(text) for _, text in community]),
        community_codes=_characters([text for _, text in community]),
        insolvency=_bools([record.kind == "insolvency" for record in chain(*records)]),
        settled=_days([record.settled for record in chain(*records)]),
        inquiry_class=_ints([_CLASSES[entry.class_] for entry in chain(*inquiries)]),
        inquiry_day=_days([entry.day for entry in chain(*inquiries)]),
        freeze_day=_days([entry.day for entry in chain(*freezes)]),
        frozen=_bools([entry.frozen for entry in chain(*freezes)]),
        everybody=_bools([not entry.grantee for entry in chain(*freezes)]),
        freeze_until=_days([entry.until for entry in chain(*freezes)]),
        doubted=_days(chain(*doubted)),
        **_accounts(accounts),
    )


def _doubted(file: Any) -> list[str]:
    return [each.opened_in_doubt for each in file.accounts.values() if each.opened_in_doubt is not None]


def _accounts(accounts: Sequence[Any]) -> dict[str, Any]:
    """The arrays of accounts and of what is theirs."""
    status = [account.status or _NO_CODES for account in accounts]
    statements = [account.statements for account in accounts]
    paid = [account.paid for account in accounts]
    late = [account.late for account in accounts]
    limits = [account.limit_minor for account in accounts]
    statement_rows, paid_rows = list(chain(*statements)), list(chain(*paid))
    late_rows = list(chain(*late))
    return {
        "revolving": _bools([account.class_ in REVOLVING for account in accounts]),
        "open": _bools([account.closed_on is None for account in accounts]),
        "currency": _currencies([account.currency or "" for account in accounts]),
        "limit_minor": _ints([-1 if limit is None else limit for limit in limits]),
        "opened": _days([account.opened_on for account in accounts]),
        "codes_first": _ints([first for first, _ in status]),
        "codes_of": _ints([len(text) for _, text in status]),
        "statements_of": _sizes(statements),
        "payments_of": _sizes(paid),
        "late_of": _sizes(late),
        "codes": _characters([text for _, text in status]),
        "statement_month": _each(_month, statement_rows),
        "balance_minor": _each(_balance, statement_rows),
        "minimum_minor": _each(_minimum, statement_rows),
        "payment_month": _each(_month, paid_rows),
        "sum_minor": _each(_sum, paid_rows),
        "late_month": _each(_month, late_rows),
        "late_day": _days([row.day for row in late_rows]),
    }


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)


def _bools(values: Sequence[object]) -> Bools:
    return np.array(values, np.bool_)


def _each(read: Callable[[Any], int], rows: Sequence[Any]) -> Ints:
    return np.fromiter(map(read, rows), np.int64, len(rows))


def _sizes(lists: Sequence[Sequence[object]]) -> Ints:
    return np.fromiter(map(len, lists), np.int64, len(lists))


def _characters(texts: Sequence[str]) -> Ints:
    return np.frombuffer("".join(texts).encode(), np.uint8).astype(np.int64)


def _days(texts: Iterable[str | None]) -> Ints:
    return days_of([text or NO_DAY for text in texts])


def _currencies(names: Sequence[str]) -> Ints:
    """Currencies as numbers: their three letters, a byte each."""
    numbers = {name: int.from_bytes(name.encode()) for name in set(names)}
    return _ints([numbers[name] for name in names])
