"""The score: a folded file, a day, a card and a profile in; a number, its receipt and its last day out.

    score = 300 + sum of the points of the card's criteria, each by the bin it fell into (R29)

A thin file gets no number but `too_young` or `nothing_reported` (R35). Reasons are the criteria that lost
points, most lost first, in the card's order among equals: four at most, and inquiries as a fifth (R30).
Integers throughout, no clock: the same file, day and card give the same bytes on any machine (R32).

`until` is the first day on which any disclosure of the account can be another one without a new event: score,
receipt, insufficiency or flags. A block evaluates the file anew when that day has come. It is 2199-12-31 when
there is none.

    scored = score_file(file, "2026-11-22", expert_card(), CN)
    scored.score, scored.until        # 712, "2026-12-01"

A day before the newest event of the file also gives a value, which promises nothing.

Source: docs/scorecard.md; formats.md sections 7 and 9; rules R18, R29, R30, R32, R35.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson
from msgspec import Struct

from app.core.months import LAST_DAY, NEVER
from app.core.scoring.measures.enough import nothing_reported, too_young
from app.core.scoring.measures.view import view
from app.core.scoring.scorecard import BASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.scoring.folded import File
    from app.core.scoring.profiles import Profile
    from app.core.scoring.scorecard import Card, Row

REASONS_MAX: Final = 4
INQUIRIES: Final = "inquiries"


class Flags(Struct, frozen=True):
    """The disclosure `flags`: what a reader of the file is warned of. `disputed` counts open disputes."""

    disputed: int
    frozen: bool
    repaired: bool


class Scored(Struct, frozen=True):
    """A score of 300 to 850 with its lines and reasons, or None and why there is none.

    It stands for the days before `until`.
    """

    score: int | None
    insufficient: tuple[str, ...]
    criteria: tuple[Row, ...]
    reasons: tuple[str, ...]
    until: str


def score_file(file: File, day: str, card: Card, profile: Profile) -> Scored:
    """The score of a file on a day (YYYY-MM-DD, not before the newest event's)."""
    v = view(file, day, profile)
    young, young_until = too_young(v)
    silent, silent_until = nothing_reported(v)
    until = min(young_until, silent_until, frozen_for(file, day, "")[1], LAST_DAY)
    if young or silent:
        why = (("too_young",) if young else ()) + (("nothing_reported",) if silent else ())
        return Scored(None, why, (), (), until)
    rows: list[Row] = []
    for read, edges, second, bins in card.criteria:
        place, edge = read(v, edges)
        if second is not None:
            place2, edge2 = second[0](v, second[1])
            place, edge = place * second[2] + place2, min(edge, edge2)
        rows.append(bins[place])
        until = min(until, edge)
    score = BASE + sum([points for _, _, points, _ in rows])
    return Scored(score, (), tuple(rows), reasons_of(rows), until)


def reasons_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Up to four criteria by points lost, and inquiries as a fifth when they lost any (R30)."""
    lost = sorted([(row[2] - row[3], place) for place, row in enumerate(rows) if row[2] < row[3]])
    named = [rows[place][0] for _, place in lost]
    return tuple(named[:REASONS_MAX] + [name for name in named[REASONS_MAX:] if name == INQUIRIES])


# ---- flags
# --------------------------------------------------------------------------------------------------


def flags_of(file: File, day: str) -> Flags:
    """The flags of a file on a day. `frozen` is for a bank that no thaw names."""
    return Flags(file.disputed, frozen_for(file, day, "")[0], file.repaired)


def frozen_for(file: File, day: str, bank: str) -> tuple[bool, str]:
    """Whether the file is frozen for a bank on a day (R18), and the first day on which that changes.

    The latest of the freezes and of the thaws without end or bank decides. When it is a freeze, thaws behind
    it that are for everybody or for this bank are exceptions until their end.
    """
    frozen, excepted_until = False, ""
    for entry in file.freezes:  # ascending by (day, log index)
        if entry.day > day:
            break
        if entry.frozen or not (entry.grantee or entry.until):
            frozen, excepted_until = bool(entry.frozen), ""
        elif entry.grantee in ("", bank):
            excepted_until = max(excepted_until, entry.until or NEVER)
    if frozen and excepted_until <= day:
        return True, NEVER
    return False, (excepted_until if frozen else NEVER)


# ---- the values of disclosures
# --------------------------------------------------------------------------------------------------


def score_json(scored: Scored, file: File | Flags, day: str, card: Card) -> bytes:
    """The canonical value of the disclosure `score` in a leaf that is written on `day`.

    A file and its flags say alike how many disputes are open.
    """
    value: dict[str, Any] = {
        "as_of": day,
        "disputed": file.disputed,
        "scorecard": card.hash.hex(),
        "until": scored.until,
    }
    if scored.score is None:
        value["insufficient"] = scored.insufficient
    else:
        value["score"] = scored.score
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def receipt_json(scored: Scored) -> bytes:
    """The canonical value of the disclosure `receipt`; its lists are empty for an insufficient file."""
    return orjson.dumps({"base": BASE, "criteria": scored.criteria, "reasons": scored.reasons})


def flags_json(flags: Flags) -> bytes:
    """The canonical value of the disclosure `flags`."""
    return _encode(flags)


_encode: Final = msgspec.json.Encoder(order="sorted").encode
