"""Scorecards: the published table of points, its canonical bytes and their hash.

    {"base":300,"criteria":[{"bins":["current","late_1",...],"id":"current","points":[82,41,...],"source":"expert"},
     ...],"name":"...","top":850,"v":1}

A card of version 1 has the twelve criteria of `BINS` in that order, with those bins; its author sets the
points. What the criteria mean is in docs/scorecard.md and computed by `app.core.criteria`. The score is base
+ sum of points, so the largest points of all criteria add up to `top - base` exactly, and nothing is clipped.
`source` says of each criterion whether its points were `fitted` to data or are an `expert`'s.

R33 (a late mark never raises, more on-time history never lowers) is a property of the computation only as
long as worse bins do not have more points, so a card whose points rise where they must fall is refused.

The hash of the document is in every block, in every score, and in a notice before its first use (R37). The
card that the product ships is cards/expert-1.json: the bytes of `expert_card().document`.

Source: formats.md section 9; the expert's points are those of docs/scorecard.md.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from app.core import canon
from app.core.errors import FormatError
from app.core.event_base import TEXT

CARD_BYTES_MAX: Final = 65_536
BASE: Final = 300
TOP: Final = 850

BINS: Final[dict[str, tuple[str, ...]]] = {
    "current": ("current", "late_1", "late_30", "late_60", "late_90"),
    "since_late": ("never", "months_25", "months_13", "months_7", "months_4", "months_1", "months_0"),
    "worst_24": ("none", "late_30", "late_60", "late_90", "late_120"),
    "late_months": ("none", "one", "two", "three", "five"),
    "records": ("none", "settled_24", "settled_12", "settled_0", "open"),
    "utilisation": ("to_99", "to_299", "to_499", "to_749", "to_899", "from_900", "none_open"),
    "paid_share": ("from_900", "from_200", "from_80", "from_40", "to_39", "nothing_billed"),
    "below_minimum": ("none", "one", "two"),
    "oldest_age": ("months_0", "months_6", "months_12", "months_24", "months_60", "months_120", "unknown"),
    "on_time_months": ("to_5", "from_6", "from_12", "from_18"),
    "inquiries": ("none", "one", "two", "three", "five"),
    "opened": ("to_1", "two", "three", "four"),
}
CRITERIA: Final = tuple(BINS)
INQUIRIES: Final = CRITERIA.index("inquiries")

_FALLING: Final = ("current", "since_late", "worst_24", "late_months", "records", "below_minimum")
_RISING: Final = ("on_time_months",)


class CardCriterion(Struct, frozen=True, forbid_unknown_fields=True):
    bins: tuple[str, ...]
    id: str
    points: tuple[Annotated[int, Meta(ge=0, le=TOP - BASE)], ...]
    source: Literal["expert", "fitted"]


class CardDocument(Struct, frozen=True, forbid_unknown_fields=True):
    base: Literal[300]
    criteria: tuple[CardCriterion, ...]
    name: Annotated[str, Meta(pattern=TEXT)]
    top: Literal[850]
    v: Literal[1]


Row = tuple[str, int, int, int]  # (criterion, bin, points, points_max): a line of a receipt


class Card(Struct, frozen=True):
    """A card ready for scoring. `document` is its canonical bytes, `hash` their SHA-256 (32 bytes).

    `rows[criterion][bin]` is the line of a receipt, with criteria and bins counted as in `BINS`.
    """

    document: bytes
    hash: bytes
    name: str
    rows: tuple[tuple[Row, ...], ...]

    @property
    def base(self) -> int:
        """What every score starts from: 300."""
        return BASE

    @property
    def criteria(self) -> tuple[CardCriterion, ...]:
        return _decode(self.document).criteria


_decode: Final = msgspec.json.Decoder(CardDocument).decode


def parse_card(data: bytes) -> Card:
    """The card of a document's canonical bytes (at most 65,536); FormatError for any others."""
    canon.decode_object(data, bytes_max=CARD_BYTES_MAX)
    try:
        card = _decode(data)
    except msgspec.MsgspecError as error:
        raise FormatError(f"not a scorecard: {error}") from None
    if [(criterion.id, criterion.bins) for criterion in card.criteria] != list(BINS.items()):
        raise FormatError("a scorecard of version 1 has the twelve criteria and their bins, in order")
    if any(len(criterion.points) != len(criterion.bins) for criterion in card.criteria):
        raise FormatError("a criterion of a scorecard has as many points as bins")
    if sum(max(criterion.points) for criterion in card.criteria) != card.top - card.base:
        raise FormatError("the largest points of a scorecard's criteria do not add up to top - base")
    for criterion in card.criteria:
        _check_monotone(criterion)
    return Card(
        data, sha256(data).digest(), card.name, tuple(_rows(criterion) for criterion in card.criteria)
    )


def _check_monotone(criterion: CardCriterion) -> None:
    """R33: no more points for a worse bin, where late marks and on-time history decide the bin."""
    points = criterion.points[::-1] if criterion.id in _RISING else criterion.points
    if criterion.id in _FALLING + _RISING and any(left < right for left, right in pairwise(points)):
        raise FormatError(f"the points of {criterion.id} rise where a file gets worse (R33)")


def _rows(criterion: CardCriterion) -> tuple[Row, ...]:
    best = max(criterion.points)
    return tuple((criterion.id, place, points, best) for place, points in enumerate(criterion.points))


# ---- the expert's card
# --------------------------------------------------------------------------------------------------

# On the expert's own scale of 800; the maxima on ours are given, and the bins follow in proportion.
_EXPERT: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    "current": (82, (120, 60, 30, 10, 0)),
    "since_late": (55, (80, 70, 60, 45, 30, 15, 0)),
    "worst_24": (48, (70, 45, 25, 10, 0)),
    "late_months": (34, (50, 35, 20, 8, 0)),
    "records": (41, (60, 45, 30, 15, 0)),
    "utilisation": (76, (110, 100, 75, 45, 20, 0, 70)),
    "paid_share": (41, (60, 45, 30, 15, 0, 30)),
    "below_minimum": (28, (40, 20, 0)),
    "oldest_age": (48, (0, 10, 25, 45, 60, 70, 0)),
    "on_time_months": (35, (0, 20, 35, 50)),
    "inquiries": (34, (50, 45, 35, 15, 0)),
    "opened": (28, (40, 25, 10, 0)),
}


def expert_card() -> Card:
    """The card that Credence starts with: an expert's points, none fitted to data."""
    criteria = [
        {"id": name, "bins": list(BINS[name]), "points": _scaled(points, best), "source": "expert"}
        for name, (best, points) in _EXPERT.items()
    ]
    document = {"v": 1, "name": "Credence expert card 1", "base": BASE, "top": TOP, "criteria": criteria}
    return parse_card(canon.encode(document))


def _scaled(points: tuple[int, ...], best: int) -> list[int]:
    """Points in proportion to the new maximum, a half rounded up."""
    expert_best = max(points)
    return [(2 * value * best + expert_best) // (2 * expert_best) for value in points]
