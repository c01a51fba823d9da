"""Folded files as columns: each list in them is one table of all files' rows, in the order of the files.

    files            accounts                     statements
    0  1 account     0  file 0, limit 2000000     0  account 0, month 24322, balance 125000
    1  none          1  file 2, ...               1  account 0, month 24323, ...
    2  2 accounts    2  file 2, ...               2  account 2, ...

The characters of all codes stand in one column, with owner and month beside each. `reading` says what the numbers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from app.core.scoring.folded import reopen_file
from app.services.scoring.population.reading import read_files, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.scoring.folded import File
    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.reading import Rows

ON_TIME: Final = ord("0")
NOTHING: Final = ord("-")


class Accounts(NamedTuple):
    file: Ints
    revolving: Bools  # a card or an overdraft
    open: Bools
    currency: Ints
    limit_minor: Ints  # -1: unknown
    opened: Ints  # day; 0: unknown


class Codes(NamedTuple):
    """A character a month, of accounts or of community accounts; an owner's stand from `starts` up to `stops`."""

    owner: Ints
    month: Ints
    code: Ints  # ASCII
    firsts: Ints  # the month of an owner's first code
    starts: Ints
    stops: Ints

    @classmethod
    def of(cls, firsts: Ints, counts: Ints, code: Ints) -> Self:
        """From the first month and the number of codes of each owner."""
        owner, stops = _owners(counts), np.cumsum(counts)
        starts = stops - counts
        return cls(owner, np.arange(len(code)) + (firsts - starts)[owner], code, firsts, starts, stops)


class Statements(NamedTuple):
    account: Ints
    month: Ints
    balance_minor: Ints
    minimum_minor: Ints
    newer: Ints  # how many statements of the account are newer


class Payments(NamedTuple):
    account: Ints
    month: Ints
    sum_minor: Ints


class LateMonths(NamedTuple):
    account: Ints
    month: Ints
    day: Ints


class Doubted(NamedTuple):
    """Openings of accounts that are in doubt."""

    file: Ints
    day: Ints


class Records(NamedTuple):
    file: Ints
    insolvency: Bools
    settled: Ints  # day; 0: open


class Inquiries(NamedTuple):
    file: Ints
    class_: Ints
    day: Ints


class Freezes(NamedTuple):
    file: Ints
    day: Ints
    frozen: Bools
    everybody: Bools  # names no bank
    until: Ints  # day; 0: without end


@dataclass(frozen=True, slots=True)
class Columns:
    """Files in columns; `file` gives one of them back as it was."""

    count: int
    file: Callable[[int], File]
    reported: Ints  # month; 0: nothing was
    disputed: Ints
    repaired: Bools
    accounts: Accounts
    codes: Codes
    statements: Statements
    payments: Payments
    late: LateMonths
    community_file: Ints
    community: Codes
    records: Records
    inquiries: Inquiries
    freezes: Freezes
    doubted: Doubted

    @classmethod
    def of(cls, files: Sequence[File]) -> Self:
        """The columns of files as the fold gives them."""
        return cls._of(read_files(files), files.__getitem__)

    @classmethod
    def of_json(cls, files: Sequence[bytes]) -> Self:
        """The columns of what `encode_file` wrote: only for bytes that nobody else could change."""
        return cls._of(read_json(files), lambda number: reopen_file(files[number]))

    @classmethod
    def _of(cls, rows: Rows, file: Callable[[int], File]) -> Self:
        owner = _owners(rows.statements_of)
        newer = np.cumsum(rows.statements_of)[owner] - 1 - np.arange(len(owner))
        return cls(
            count=len(rows.reported),
            file=file,
            reported=rows.reported,
            disputed=rows.disputed,
            repaired=rows.repaired,
            accounts=Accounts(
                _owners(rows.accounts_of),
                rows.revolving,
                rows.open,
                rows.currency,
                rows.limit_minor,
                rows.opened,
            ),
            codes=Codes.of(rows.codes_first, rows.codes_of, rows.codes),
            statements=Statements(owner, rows.statement_month, rows.balance_minor, rows.minimum_minor, newer),
            payments=Payments(_owners(rows.payments_of), rows.payment_month, rows.sum_minor),
            late=LateMonths(_owners(rows.late_of), rows.late_month, rows.late_day),
            community_file=_owners(rows.community_of),
            community=Codes.of(rows.community_first, rows.community_codes_of, rows.community_codes),
            records=Records(_owners(rows.records_of), rows.insolvency, rows.settled),
            inquiries=Inquiries(_owners(rows.inquiries_of), rows.inquiry_class, rows.inquiry_day),
            freezes=Freezes(
                _owners(rows.freezes_of), rows.freeze_day, rows.frozen, rows.everybody, rows.freeze_until
            ),
            doubted=Doubted(_owners(rows.doubted_of), rows.doubted),
        )


def _owners(counts: Ints) -> Ints:
    """The owner of every row, of how many rows each owner has."""
    return np.repeat(np.arange(len(counts)), counts)
