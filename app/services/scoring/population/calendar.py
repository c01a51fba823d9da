"""Days as integers: the month, and the day of the month in the five bits below it.

    2026-11-22  ->  24323 * 32 + 22        month 12*year + month, as in app.core.months

They compare like the texts, and what the measures ask of days is arithmetic on them: the month is `day >> 5`, the first day
of a month `month << 5 | 1`, and "so many months later" an addition and a look at a table of last days. Only the 28 days
between two inquiries need days that are counted one by one (`ordinals`). 0 stands for no day, before every day.

Source: app.core.months, whose answers these are for whole columns.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from app.core import months

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NO_DAY: Final = "0000-00-00"
DAY_BITS: Final = 22  # of the largest day, NEVER
_TEXT_WEIGHTS: Final = np.array([384_000, 38_400, 3_840, 384, 0, 320, 32, 0, 10, 1])
_MONTHS_END: Final = months.MONTH_MAX + 12 * 30  # windows reach behind the calendar, as in app.core.months
_CALENDAR: Final = [
    (monthrange((month - 1) // 12, (month - 1) % 12 + 1)[1], date((month - 1) // 12, (month - 1) % 12 + 1, 1))
    for month in range(months.MONTH_MIN, _MONTHS_END)
]
_LAST_DAYS: Final = np.array([last for last, _ in _CALENDAR])
_FIRST_ORDINALS: Final = np.array([first.toordinal() for _, first in _CALENDAR])


def days_of(texts: Sequence[str]) -> Ints:
    """The days of texts YYYY-MM-DD that were checked before; `NO_DAY` gives 0."""
    digits = np.frombuffer("".join(texts).encode(), np.uint8).reshape(-1, 10).astype(np.int64)
    days: Ints = digits @ _TEXT_WEIGHTS - ord("0") * _TEXT_WEIGHTS.sum()
    return days


def day_of(text: str) -> int:
    """One day."""
    return int(days_of([text])[0])


NEVER: Final = day_of(months.NEVER)
LAST_DAY: Final = day_of(months.LAST_DAY)


def texts_of(days: Ints) -> list[str]:
    """Days as text; equal ones, which are many, share one object."""
    distinct, places = np.unique(days, return_inverse=True)
    texts = [
        f"{(m - 1) // 12:04d}-{(m - 1) % 12 + 1:02d}-{d & 31:02d}"
        for d in distinct.tolist()
        for m in [d >> 5]
    ]
    return [texts[place] for place in places.tolist()]


def month_of(days: Ints) -> Ints:
    return days >> 5


def first_day(month: Ints) -> Ints:
    return month << 5 | 1


def first_day_of(month: int) -> int:
    return month << 5 | 1


def add_months(days: Ints, count: Ints | int) -> Ints:
    """The same day of the month, `count` months later; the month's last day where it has no such day."""
    month = (days >> 5) + count
    later: Ints = month << 5 | np.minimum(days & 31, _LAST_DAYS[month - months.MONTH_MIN])
    return later


def ordinals(days: Ints) -> Ints:
    """Days counted one by one, as `date.toordinal` does."""
    numbers: Ints = _FIRST_ORDINALS[(days >> 5) - months.MONTH_MIN] + (days & 31) - 1
    return numbers
