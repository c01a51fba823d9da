"""Episodes of delinquency, and the rule that their first day cannot move (R8, no re-ageing).

An episode of an account is a run of months that were reported late; a month reported on time ends it, a month without
any report does not. Every late report carries `first_delinquent_on`, and within one episode all must agree: otherwise
an old debt could be made young again, and stay in the file for longer than the law lets it.

    months   2026-01  02  03  04  05
    codes        0     1   -   2   0        one episode, two reports, one day of first delinquency
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def contradictions(
    on_time_months: Iterable[int], known: Mapping[int, str], reported: Sequence[tuple[int, str]]
) -> list[tuple[int, str]]:
    """Find new reports that would move the day of first delinquency.

    `on_time_months`: months (12*year + month) with an on-time and no late report, old and new together. `known`: month ->
    day of first delinquency already in the file. `reported`: (month, day) of the new late reports, in the order of the
    batch. Returns (position in `reported`, the day that stands) of each that contradicts; what stands is the file's day,
    or else the first one of the batch.
    """
    breaks = sorted(on_time_months)  # how many of them lie before a month names its episode
    standing: dict[int, str] = {}
    for month in sorted(known):
        standing.setdefault(bisect_left(breaks, month), known[month])
    found = []
    for position, (month, day) in enumerate(reported):
        stands = standing.setdefault(bisect_left(breaks, month), day)
        if stands != day:
            found.append((position, stands))
    return found
