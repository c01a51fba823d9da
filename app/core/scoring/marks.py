"""Marks: the months that an account was reported late, and the day on which each of them is gone.

Late months of an account without an on-time month between them are one episode; a month without any report
does not end one, but `negative_months` without any late report do. The behaviour of an episode ends on the last
day on which it was reported late, and all its marks leave together, the profile's `negative_months` later to
the day (R10). No mark older than 120 months counts, as the file keeps no more.

    2021-03  late_30 on 2021-03-31
    2021-04  late_60 on 2021-04-30       an episode of two marks, both gone on 2026-04-30 (cn: 60 months)
    2021-05  on time

**Why an episode and not the newest month.** A furnisher that reports 90 days late and then 30 days late has
reported one more late month. Were only the newest month to say how an account stands now, that late mark
would raise the score (R33). So an account stands as badly as the worst month of its running episode, until an
on-time month ends it. The other definitions follow: an on-time month can only split an episode, which ends
its parts earlier; a late mark can only prolong or join episodes.

**Why silence ends an episode too.** What has left stays away: a late report that comes when the marks are gone,
and perhaps their plaintext destroyed (R11), begins an episode of its own. Whole months are compared, so that a
report of the very month in which marks leave cannot bring them back either.

Source: docs/scorecard.md; rules R8, R10, R33.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.months import add_months, first_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.scoring.folded import Account, Codes, Late

MARK_MONTHS: Final = 120


class Mark(NamedTuple):
    """A month reported late. `code` is that of the file's status (1 to 6); on `leaves_on` it is gone."""

    month: int
    code: int
    leaves_on: str
    running: bool  # its episode has not ended in an on-time month
    open_account: bool
    last_month: int  # of its episode


class Episode(NamedTuple):
    """Late months that leave together: `late[start:stop]` of an account, gone on `leaves_on`."""

    start: int
    stop: int
    last_month: int
    leaves_on: str


def episodes_of(codes: Codes, late: Sequence[Late], negative_months: int) -> Iterator[Episode]:
    """The episodes of an account's late months, newest first; `codes` is its status."""
    first, text = codes
    stop = len(late)
    while stop:
        last_month, last_day = late[stop - 1].month, late[stop - 1].day
        # The episode begins behind the newest on-time month before its end (when there is none: at `first`).
        on_time_month = first + text.rfind("0", 0, last_month - first)
        start, oldest = stop - 1, last_month
        while start and on_time_month < (month := late[start - 1].month) and oldest - month < negative_months:
            start, oldest = start - 1, month
        yield Episode(start, stop, last_month, add_months(last_day, negative_months))
        stop = start


def marks_of(account: Account, day: str, now: int, negative_months: int) -> list[Mark]:
    """The marks of an account that have not left, newest first."""
    assert account.status is not None, "late months have codes"
    first, codes = account.status
    late, marks = account.late, []
    open_account = account.closed_on is None
    for start, stop, last_month, leaves_on in episodes_of(account.status, late, negative_months):
        if leaves_on > day:
            running = "0" not in codes[last_month - first :]
            for entry in reversed(late[start:stop]):
                if now - entry.month < MARK_MONTHS:
                    gone = min(leaves_on, first_day(entry.month + MARK_MONTHS))
                    code = int(codes[entry.month - first])
                    marks.append(Mark(entry.month, code, gone, running, open_account, last_month))
    return marks
