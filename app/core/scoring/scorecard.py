"""Scorecards: the published table of points, its canonical bytes and their hash.

    {"base":300,"criteria":[{"measures":[{"edges":[1,2,3,4],"id":"current"}],"points":[82,41,21,7,0],"source":"expert"},
     ...],"name":"...","top":850,"v":1}

A criterion looks at one measure (`app.core.scoring.measures`; docs/scorecard.md says what they mean) or at two. The edges say
where the bins of a measure end; two measures have a bin for each pair, the second's bins running faster. A criterion is
called after its measures: `current`, `current_by_utilisation_peak`. The score is base + sum of points, so the
largest points of all criteria add up to `top - base` exactly, and nothing is clipped. `source` says of each
criterion whether its points were `fitted` to data or are an `expert`'s; `provenance` to which data, and
`default_probability` what a score of the card means there:

    PD(score) = 1 / (1 + odds_milli/1000 * 2^((score - anchor_score) / (doubling_points_milli/1000)))

R33 (a late mark never raises, more on-time history never lowers) is a property of the computation only as
long as worse bins do not have more points, so a card whose points rise where they must fall is refused.

The hash of the document is in every block, in every score, and in a notice before its first use (R37). The
cards that the product ships are in cards/.

Source: formats.md section 9; the expert's points are those of docs/scorecard.md.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from math import exp2
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from app.core import canon
from app.core.errors import FormatError
from app.core.field_types import TEXT
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.core.scoring.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.scoring.measures.view import Binned, Edges, View

CARD_BYTES_MAX: Final = 65_536
BASE: Final = SCORE_MIN
TOP: Final = SCORE_MAX
CRITERIA_MAX: Final = 20
EDGES_MAX: Final = 12
TOGETHER: Final = "_by_"

Text = Annotated[str, Meta(pattern=TEXT)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class CardMeasure(Struct, frozen=True, forbid_unknown_fields=True):
    """A measure and where its bins end, in its unit."""

    edges: Annotated[tuple[int, ...], Meta(min_length=1, max_length=EDGES_MAX)]
    id: str

    @property
    def bins(self) -> int:
        """How many there are: one more than edges, and those for what has no number."""
        return len(self.edges) + 1 + MEASURES[self.id].extra


class CardCriterion(Struct, frozen=True, forbid_unknown_fields=True):
    """Points for the bins of one measure, or for the pairs of bins of two."""

    measures: Annotated[tuple[CardMeasure, ...], Meta(min_length=1, max_length=2)]
    points: tuple[Annotated[int, Meta(ge=0, le=TOP - BASE)], ...]
    source: Literal["expert", "fitted"]

    @property
    def id(self) -> str:
        """Its name in receipts."""
        return TOGETHER.join([measure.id for measure in self.measures])

    def places(self, place: int) -> tuple[int, ...]:
        """The bin of each measure, of a bin of the criterion."""
        return (place,) if len(self.measures) == 1 else divmod(place, self.measures[1].bins)

    def place(self, *places: int) -> int:
        """The bin of the criterion, of a bin of each measure."""
        return places[0] if len(places) == 1 else places[0] * self.measures[1].bins + places[1]


class DefaultProbability(Struct, frozen=True, forbid_unknown_fields=True):
    """The constants of PD(score): at `anchor_score` there are `odds_milli`/1000 who pay for one who does not."""

    anchor_score: Annotated[int, Meta(ge=BASE, le=TOP)]
    doubling_points_milli: Positive
    horizon_months: Annotated[int, Meta(ge=1, le=120)]
    odds_milli: Positive

    def of(self, score: int) -> float:
        """The probability, 0 to 1, that somebody with this score defaults within the horizon."""
        doublings = 1000 * (score - self.anchor_score) / self.doubling_points_milli
        return 1 / (1 + self.odds_milli / 1000 * exp2(doublings))


class Provenance(Struct, frozen=True, forbid_unknown_fields=True):
    """What the fitted points were fitted to."""

    data: Text
    fit: Text
    label: Text
    rows_test: Count
    rows_train: Count
    sample_sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    split: Text


class CardDocument(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The document as it is written."""

    base: Literal[300]
    criteria: Annotated[tuple[CardCriterion, ...], Meta(min_length=1, max_length=CRITERIA_MAX)]
    name: Text
    top: Literal[850]
    v: Literal[1]
    default_probability: DefaultProbability | None = None
    provenance: Provenance | None = None


Row = tuple[str, int, int, int]  # (criterion, bin, points, points_max): a line of a receipt


class Criterion(NamedTuple):
    """A criterion ready for scoring; `second` is None, or the second measure with its number of bins."""

    read: Callable[[View, Edges], Binned]
    edges: Edges
    second: tuple[Callable[[View, Edges], Binned], Edges, int] | None
    rows: tuple[Row, ...]


class Card(NamedTuple):
    """A card ready for scoring. `document` is its canonical bytes, `hash` their SHA-256 (32 bytes)."""

    document: bytes
    hash: bytes
    contents: CardDocument
    criteria: tuple[Criterion, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return self.contents.name

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of its criteria, in order."""
        return tuple([criterion.id for criterion in self.contents.criteria])


_decode: Final = msgspec.json.Decoder(CardDocument).decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def make_card(document: CardDocument) -> Card:
    """The card of a document; FormatError when it is none."""
    return parse_card(_encode(document))


def parse_card(data: bytes) -> Card:
    """The card of a document's canonical bytes (at most 65,536); FormatError for any others."""
    canon.decode_object(data, bytes_max=CARD_BYTES_MAX)
    try:
        contents = _decode(data)
    except msgspec.MsgspecError as error:
        raise FormatError(f"not a scorecard: {error}") from None
    if _encode(contents) != data:
        raise FormatError("a scorecard says what its format leaves out")
    for criterion in contents.criteria:
        _check(criterion)
    if len({criterion.id for criterion in contents.criteria}) != len(contents.criteria):
        raise FormatError("a scorecard has the same criterion twice")
    if sum(max(criterion.points) for criterion in contents.criteria) != contents.top - contents.base:
        raise FormatError("the largest points of a scorecard's criteria do not add up to top - base")
    ready = tuple([_ready(criterion) for criterion in contents.criteria])
    return Card(data, sha256(data).digest(), contents, ready)


def _check(criterion: CardCriterion) -> None:
    for measure in criterion.measures:
        if measure.id not in MEASURES:
            raise FormatError(f"there is no measure {measure.id!r}")
        known = MEASURES[measure.id]
        edges = measure.edges[::-1] if known.falling_edges else measure.edges
        if any(left >= right for left, right in pairwise(edges)):
            raise FormatError(f"the edges of {measure.id} are not in order")
        if edges[0] < known.edge_min or edges[-1] > known.edge_max:
            raise FormatError(f"an edge of {measure.id} is not within {known.edge_min} and {known.edge_max}")
    bins = [measure.bins for measure in criterion.measures]
    if len(criterion.points) != bins[0] * (bins[1] if len(bins) > 1 else 1):
        raise FormatError(f"{criterion.id} does not have as many points as bins")
    _check_monotone(criterion)


def _check_monotone(criterion: CardCriterion) -> None:
    """R33: no more points for a worse bin, where late marks and on-time history decide the bin."""
    fast = criterion.measures[1].bins if len(criterion.measures) > 1 else 1
    for place, measure in enumerate(criterion.measures):
        better = MEASURES[measure.id].better
        step = fast if place == 0 else 1
        for before in range(len(criterion.points) - step):
            last_of_its_row = place == 1 and (before + 1) % fast == 0
            if (
                not last_of_its_row
                and better * (criterion.points[before + step] - criterion.points[before]) < 0
            ):
                raise FormatError(f"the points of {criterion.id} rise where a file gets worse (R33)")


def _ready(criterion: CardCriterion) -> Criterion:
    name, best = criterion.id, max(criterion.points)
    rows = tuple([(name, place, points, best) for place, points in enumerate(criterion.points)])
    first, *others = criterion.measures
    second = [(MEASURES[other.id].read, other.edges, other.bins) for other in others]
    return Criterion(MEASURES[first.id].read, first.edges, second[0] if second else None, rows)


# ---- the expert's card
# --------------------------------------------------------------------------------------------------

# On the expert's own scale of 800; the maxima on ours are given, and the bins follow in proportion.
_EXPERT: Final[dict[str, tuple[tuple[int, ...], int, tuple[int, ...]]]] = {
    "current": ((1, 2, 3, 4), 82, (120, 60, 30, 10, 0)),
    "since_late": ((25, 13, 7, 4, 1), 55, (80, 70, 60, 45, 30, 15, 0)),
    "worst_24": ((2, 3, 4, 5), 48, (70, 45, 25, 10, 0)),
    "late_months": ((1, 2, 3, 5), 34, (50, 35, 20, 8, 0)),
    "records": ((24, 12), 41, (60, 45, 30, 15, 0)),
    "utilisation": ((100, 300, 500, 750, 900), 76, (110, 100, 75, 45, 20, 0, 70)),
    "paid_share": ((900, 200, 80, 40), 41, (60, 45, 30, 15, 0, 30)),
    "below_minimum": ((1, 2), 28, (40, 20, 0)),
    "oldest_age": ((6, 12, 24, 60, 120), 48, (0, 10, 25, 45, 60, 70, 0)),
    "on_time_months": ((6, 12, 18), 35, (0, 20, 35, 50)),
    "inquiries": ((1, 2, 3, 5), 34, (50, 45, 35, 15, 0)),
    "opened": ((2, 3, 4), 28, (40, 25, 10, 0)),
}


def expert_card() -> Card:
    """An expert's points for twelve criteria, none fitted to data: what a new ledger starts with."""
    criteria = [
        CardCriterion((CardMeasure(edges, name),), scaled(points, best), "expert")
        for name, (edges, best, points) in _EXPERT.items()
    ]
    return make_card(CardDocument(BASE, tuple(criteria), "Credence expert card 1", TOP, 1))


def scaled(points: tuple[int, ...], best: int) -> tuple[int, ...]:
    """Points in proportion to a new maximum, a half rounded up."""
    expert_best = max(points)
    return tuple([(2 * value * best + expert_best) // (2 * expert_best) for value in points])
