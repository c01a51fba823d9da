"""From bins to points, reasons and `until`, for all files at once, as `app.core.scoring.score` has it for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from app.core.scoring.score import INQUIRIES, REASONS_MAX, Flags, Scored, score_file
from app.core.scoring.scorecard import BASE
from app.services.scoring.population import credit, enough, history, late
from app.services.scoring.population.calendar import LAST_DAY, day_of, texts_of
from app.services.scoring.population.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.scoring.profiles import Profile
    from app.core.scoring.scorecard import Card, CardCriterion
    from app.services.scoring.population.calendar import Bools, Ints
    from app.services.scoring.population.columns import Columns
    from app.services.scoring.population.segments import Binned, Edges

MEASURES: Final[dict[str, Callable[[Views, Edges], Binned]]] = {
    "current": late.current,
    "since_late": late.since_late,
    "worst_24": late.worst_24,
    "late_months": late.late_months,
    "records": late.records,
    "utilisation": credit.utilisation,
    "utilisation_peak": credit.utilisation_peak,
    "paid_share": credit.paid_share,
    "unpaid_months": credit.unpaid_months,
    "below_minimum": credit.below_minimum,
    "oldest_age": history.oldest_age,
    "on_time_months": history.on_time_months,
    "inquiries": history.inquiries,
    "opened": history.opened,
}
_PLACE_BITS: Final = 5  # of a criterion's place in the card: there are at most 20


@dataclass(frozen=True, slots=True)
class Scores:
    """What the card says of every file. Rows of `places` and `points` are criteria; `until` is a day as an integer."""

    card: Card
    score: Ints  # 0: there is none
    young: Bools
    silent: Bools
    frozen: Bools
    disputed: Ints
    repaired: Bools
    places: Ints
    points: Ints
    reasons: Ints  # of every file up to five places of criteria, -1 behind the last
    until: Ints
    reference: dict[int, Scored] = field(default_factory=dict)

    @property
    def by_reference(self) -> int:
        """How many files the columns left to the reference."""
        return len(self.reference)

    def flags(self) -> list[Flags]:
        """The disclosure `flags` of every file."""
        columns = (self.disputed.tolist(), self.frozen.tolist(), self.repaired.tolist())
        return [Flags(*each) for each in zip(*columns, strict=True)]

    def scored(self) -> list[Scored]:
        """What `score_file` gives for every file."""
        receipts = [
            [criterion.rows[place] for place in places]
            for criterion, places in zip(self.card.criteria, self.places.tolist(), strict=True)
        ]
        whys = np.where(self.young, 1, 0) + np.where(self.silent, 2, 0)
        found = [
            Scored(None, _INSUFFICIENT[why], (), (), until)
            if why
            else Scored(score, (), rows, reasons, until)
            for score, why, rows, reasons, until in zip(
                self.score.tolist(),
                whys.tolist(),
                zip(*receipts, strict=True),
                self._reasons(),
                texts_of(self.until),
                strict=True,
            )
        ]
        for number, scored in self.reference.items():
            found[number] = scored
        return found

    def _reasons(self) -> list[tuple[str, ...]]:
        """The names; equal lists, which are many, are made once."""
        ids, known = self.card.ids, dict[tuple[int, ...], tuple[str, ...]]()
        named = []
        for places in map(tuple, self.reasons.tolist()):
            if places not in known:
                known[places] = tuple([ids[place] for place in places if place >= 0])
            named.append(known[places])
        return named


_INSUFFICIENT: Final = ((), ("too_young",), ("nothing_reported",), ("too_young", "nothing_reported"))


def score_columns(columns: Columns, day: str, card: Card, profile: Profile) -> Scores:
    """The score of every file on a day (YYYY-MM-DD, not before the newest event's of any)."""
    v = Views(columns, day_of(day), profile)
    young, young_until = enough.too_young(v)
    silent, silent_until = enough.nothing_reported(v)
    frozen, frozen_until = enough.frozen(v)
    until = np.minimum(np.minimum(young_until, silent_until), np.minimum(frozen_until, LAST_DAY))
    binned = [_criterion(v, criterion) for criterion in card.contents.criteria]
    places = np.array([place for place, _ in binned])
    table = [np.array(criterion.points) for criterion in card.contents.criteria]
    points = np.array([row[place] for row, place in zip(table, places, strict=True)])
    thin = young | silent
    changes = np.minimum.reduce([days for _, days in binned])
    found = Scores(
        card=card,
        score=np.where(thin, 0, BASE + points.sum(axis=0)),
        young=young,
        silent=silent,
        frozen=frozen,
        disputed=columns.disputed,
        repaired=columns.repaired,
        places=places,
        points=points,
        reasons=_reasons(points, [int(row.max()) for row in table], card.ids),
        until=np.where(thin, until, np.minimum(until, changes)),
    )
    for number in np.flatnonzero(v.doubtful).tolist():
        _refer(found, number, score_file(columns.file(number), day, card, profile))
    return found


def _criterion(v: Views, criterion: CardCriterion) -> Binned:
    first, *others = [MEASURES[measure.id](v, measure.edges) for measure in criterion.measures]
    place, days = first
    for measure, (place2, days2) in zip(criterion.measures[1:], others, strict=True):
        place, days = place * measure.bins + place2, np.minimum(days, days2)
    return place, days


def _reasons(points: Ints, best: list[int], ids: tuple[str, ...]) -> Ints:
    """R30: the most lost first, the card's order among equals, four at most; inquiries as a fifth."""
    lost = np.array(best) - points.T
    order = (1 << _PLACE_BITS) - 1 - np.arange(len(ids))
    keys = np.where(lost > 0, lost << _PLACE_BITS | order, 0).astype(np.int16)
    ranked = -np.sort(-keys, axis=1)[:, :REASONS_MAX]
    if INQUIRIES in ids:
        inquiries = keys[:, ids.index(INQUIRIES)]
        ranked = np.column_stack([ranked, np.where(inquiries < ranked[:, -1], inquiries, 0)])
    mask = (1 << _PLACE_BITS) - 1
    return np.where(ranked > 0, mask - (ranked & mask), -1)


def _refer(found: Scores, number: int, scored: Scored) -> None:
    """What the reference says stands in place of the columns'."""
    found.reference[number] = scored
    found.score[number] = scored.score or 0
    found.young[number] = "too_young" in scored.insufficient
    found.silent[number] = "nothing_reported" in scored.insufficient
    found.until[number] = day_of(scored.until)
    if scored.score is not None:
        found.places[:, number] = [place for _, place, _, _ in scored.criteria]
        found.points[:, number] = [points for _, _, points, _ in scored.criteria]
        named = [found.card.ids.index(reason) for reason in scored.reasons]
        found.reasons[number] = (named + [-1] * (REASONS_MAX + 1))[: found.reasons.shape[1]]
