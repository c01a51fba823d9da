"""Months as integers and days as text: the calendar of the fold and of the score, quick and without dates.

    month     12*year + month, month 1..12      2026-11-22 -> 24323
    day       YYYY-MM-DD                        compares as text in the order of the calendar

Months come from a table of all there are (1900-01 to 2199-12, formats.md section 1); a lookup takes a tenth
of the time of two `int()`. Edges of windows and of retention may lie behind 2199: such days are still text
that compares, and whoever announces one says `LAST_DAY` instead.

    >>> month_of("2026-11-22"), first_day(24323), add_months("2024-02-29", 60)
    (24323, '2026-11-01', '2029-02-28')

A day that its month does not have is the month's last one (Civil Code of the PRC, art. 202 rules likewise),
so what ended on 29 February leaves on 28 February, the earlier for the citizen.

Source: formats.md sections 1 and 8.
"""

from __future__ import annotations

from calendar import monthrange
from typing import Final

MONTH_MIN: Final = 12 * 1900 + 1
MONTH_MAX: Final = 12 * 2199 + 12
LAST_DAY: Final = "2199-12-31"
NEVER: Final = "9999-12-31"  # after every day: what has no edge

_EDGE_MONTHS: Final = 12 * 30  # the longest window is 120 months
_PREFIXES: Final = tuple(
    f"{(month - 1) // 12:04d}-{(month - 1) % 12 + 1:02d}"
    for month in range(MONTH_MIN, MONTH_MAX + _EDGE_MONTHS)
)
_MONTHS: Final = {prefix: month for month, prefix in enumerate(_PREFIXES, MONTH_MIN)}
_FIRST_DAYS: Final = tuple(prefix + "-01" for prefix in _PREFIXES)


def month_of(day: str) -> int:
    """The month of a day that was checked before (1900-01-01 to 2199-12-31)."""
    return _MONTHS[day[:7]]


def first_day(month: int) -> str:
    """The first day of a month from 1900-01 up to thirty years behind 2199."""
    return _FIRST_DAYS[month - MONTH_MIN]


def add_months(day: str, months: int) -> str:
    """The same day of the month, `months` (0 to 360) later; the month's last day where it has no such day."""
    month = month_of(day) + months
    prefix = _PREFIXES[month - MONTH_MIN]
    if day[8:] <= "28":
        return prefix + day[7:]
    return min(prefix + day[7:], last_day(month))


def last_day(month: int) -> str:
    """The last day of a month, of those that `first_day` knows."""
    days = monthrange((month - 1) // 12, (month - 1) % 12 + 1)[1]
    return f"{_PREFIXES[month - MONTH_MIN]}-{days}"
