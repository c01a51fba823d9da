"""Columns on a day: what all measures look at, as `app.core.scoring.measures.view` prepares it for one file.

**Marks** are the late months that still count. Whether two late months that follow each other in an account are of one
episode can be told from these two: no on-time month lies between them, and they are not further apart than negative
information lives. So the episodes of all accounts are runs between such breaks.

**Fresh** are the open cards and overdrafts that speak for "now", each with what its newest six statements say. Months
in which something was owed and nothing was paid are a set of ages: bit n stands for n months ago.

**What columns leave to the reference** (`doubtful`): files with a statement or a late month behind the day that is
asked for, which no block has, and files whose amounts together pass 2^53 minor units: a thousand times that is all that 64
bits hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.core.canon import INTEGER_MAX
from app.core.scoring.marks import MARK_MONTHS
from app.core.scoring.measures.view import FRESH_MONTHS, PAID_STATEMENTS
from app.services.scoring.population.calendar import NEVER, add_months, first_day, month_of
from app.services.scoring.population.columns import ON_TIME
from app.services.scoring.population.segments import among, by_file, starts_of

if TYPE_CHECKING:
    from app.core.scoring.profiles import Profile
    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.columns import Columns

MONTH_BITS = 17  # of a month, below the account or file in a key


class Marks(NamedTuple):
    """As `app.core.scoring.marks.Mark`, oldest first."""

    file: Ints
    month: Ints
    code: Ints
    leaves_on: Ints
    running: Bools
    open_account: Bools
    last_month: Ints


class Fresh(NamedTuple):
    """As `app.core.scoring.measures.view.Revolving`; `limit_minor` is -1 when it is unknown."""

    file: Ints
    stale: Ints
    currency: Ints
    owed_minor: Ints
    peak_minor: Ints
    limit_minor: Ints
    billed_minor: Ints
    paid_minor: Ints
    unpaid: Ints

    def where(self, kept: Bools) -> Fresh:
        """Some of the accounts."""
        return Fresh(*[column[kept] for column in self])


@dataclass(frozen=True)
class Views:
    """Columns on a day (as an integer); no file has an event of a later one."""

    columns: Columns
    day: int
    profile: Profile

    @property
    def now(self) -> int:
        """The day's month."""
        return self.day >> 5

    @property
    def count(self) -> int:
        """How many files there are."""
        return self.columns.count

    @cached_property
    def marks(self) -> Marks:
        """The late months that have not left."""
        accounts, codes, late = self.columns.accounts, self.columns.codes, self.columns.late
        place = codes.starts[late.account] + late.month - codes.firsts[late.account]
        on_time_before = np.concatenate([[0], np.cumsum(codes.code == ON_TIME)])
        healed = on_time_before[place]
        begins = np.diff(late.account, prepend=-1) != 0
        begins |= np.diff(healed, prepend=0) > 0
        begins |= np.diff(late.month, prepend=0) >= self.profile.negative_months
        starts = np.flatnonzero(begins)
        stops = np.append(starts[1:], len(begins))[: len(starts)]
        last, sizes = stops - 1, stops - starts
        leaves_on = add_months(late.day[last], self.profile.negative_months)
        running = on_time_before[codes.stops[late.account[last]]] == healed[last]
        leaves_on, running = np.repeat(leaves_on, sizes), np.repeat(running, sizes)
        kept = (leaves_on > self.day) & (self.now - late.month < MARK_MONTHS)
        account, month = late.account[kept], late.month[kept]
        return Marks(
            file=accounts.file[account],
            month=month,
            code=codes.code[place[kept]] - ON_TIME,
            leaves_on=np.minimum(leaves_on[kept], first_day(month + MARK_MONTHS)),
            running=running[kept],
            open_account=accounts.open[account],
            last_month=np.repeat(late.month[last], sizes)[kept],
        )

    @cached_property
    def fresh(self) -> Fresh:
        """The open cards and overdrafts with a statement of the last twelve months."""
        accounts, statements, payments = self.columns.accounts, self.columns.statements, self.columns.payments
        speaks = accounts.revolving & accounts.open
        rows = np.flatnonzero((statements.newer < PAID_STATEMENTS) & speaks[statements.account])
        newest = np.zeros(len(accounts.file), np.int64)
        newest[statements.account[rows]] = statements.month[rows]  # the last one written is the newest
        rows = rows[self.now - newest[statements.account[rows]] < FRESH_MONTHS]
        owner, month = statements.account[rows], statements.month[rows]
        if not len(rows):
            return Fresh(*[rows] * len(Fresh._fields))
        starts = starts_of(owner)
        account = owner[starts]
        owed = np.maximum(statements.balance_minor[rows], 0)
        ends = np.append(starts[1:], len(rows)) - 1
        unpaid = (owed > 0) & ~among(owner << MONTH_BITS | month, self.payment_keys)
        age = np.clip(self.now - month, 0, 62)
        since = np.full(len(accounts.file), NEVER)
        since[account] = month[starts]
        counted = np.where(payments.month >= since[payments.account], payments.sum_minor, 0)
        paid = by_file(np.add, counted, payments.account, len(accounts.file), 0)
        return Fresh(
            file=accounts.file[account],
            stale=month[ends] + FRESH_MONTHS,
            currency=accounts.currency[account],
            owed_minor=owed[ends],
            peak_minor=np.maximum.reduceat(owed, starts),
            limit_minor=accounts.limit_minor[account],
            billed_minor=np.add.reduceat(owed, starts),
            paid_minor=paid[account],
            unpaid=np.bitwise_or.reduceat(unpaid.astype(np.int64) << age, starts),
        )

    @cached_property
    def payment_keys(self) -> Ints:
        """Account and month of all payments, ascending."""
        payments = self.columns.payments
        return payments.account << MONTH_BITS | payments.month

    @cached_property
    def oldest_opened(self) -> Ints:
        """The month of the first known opening of an account, also of one in doubt; 0 when none is known."""
        accounts, doubted = self.columns.accounts, self.columns.doubted
        known = accounts.opened > 0
        first = by_file(np.minimum, accounts.opened[known], accounts.file[known], self.count, NEVER)
        if len(doubted.day):
            first = np.minimum(first, by_file(np.minimum, doubted.day, doubted.file, self.count, NEVER))
        return np.where(first == NEVER, 0, month_of(first))

    @cached_property
    def doubtful(self) -> Bools:
        """The files that the reference has to judge."""
        columns, of_account = self.columns, self.columns.accounts.file
        amounts = np.zeros(self.count)
        for owner, values in (
            (columns.statements.account, columns.statements.balance_minor),
            (columns.payments.account, columns.payments.sum_minor),
            (np.arange(len(of_account)), columns.accounts.limit_minor),
        ):
            amounts += np.bincount(of_account[owner], np.maximum(values, 0), self.count)
        found = amounts > INTEGER_MAX
        found[of_account[columns.statements.account[columns.statements.month > self.now]]] = True
        found[of_account[columns.late.account[columns.late.month > self.now]]] = True
        return found
