"""Two pictures: the score on its scale (`_scale.html`), and the score over time (`_past.html`). Units are those of their
viewBoxes, 320 wide.

They are SVG with a title and a description, so they can be read aloud; the same numbers stand beside them as text. No style
attributes: the page's security policy allows none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOWEST, HIGHEST = 300, 850
LEFT, RIGHT = 16, 304


@dataclass(frozen=True, slots=True)
class Scale:
    """Positions from the left: of the score, of its label (kept inside the picture), and of each hundred."""

    score: int
    at: float
    label_at: float
    ticks: tuple[tuple[int, float], ...]
    left: int = LEFT
    width: int = RIGHT - LEFT


def position(score: int) -> float:
    return round(LEFT + (RIGHT - LEFT) * (score - LOWEST) / (HIGHEST - LOWEST), 1)


def scale(score: int) -> Scale:
    """The picture of a score, 300 <= score <= 850."""
    assert LOWEST <= score <= HIGHEST
    at = position(score)
    ticks = tuple((value, position(value)) for value in (300, 400, 500, 600, 700, 850))
    return Scale(score, at, min(max(at, LEFT), RIGHT), ticks)


PAST_LEFT, PAST_RIGHT, PAST_TOP, PAST_BOTTOM = 36, 312, 12, 132
GRID = 50


@dataclass(frozen=True, slots=True)
class Curve:
    """A score over time as steps, for it stands until another is written. `marks` are (x, y, score) of each day with one,
    `lines` (score, y) of the grid; `lowest` and `highest` are the curve's own.
    """

    path: str
    marks: tuple[tuple[float, float, int], ...]
    lines: tuple[tuple[int, float], ...]
    first_day: str
    last_day: str
    lowest: int
    highest: int
    left: int = PAST_LEFT
    right: int = PAST_RIGHT
    top: int = PAST_TOP
    bottom: int = PAST_BOTTOM


def curve(points: Sequence[tuple[str, int | None]], last_day: str) -> Curve | None:
    """The picture of (day, score or None), oldest first, up to `last_day`; None when less than two days have one."""
    scores = [score for _, score in points if score is not None]
    if len(scores) < 2:
        return None
    first, last = date.fromisoformat(points[0][0]).toordinal(), date.fromisoformat(last_day).toordinal()
    lines = _grid(min(scores), max(scores))

    def x(day: str) -> float:
        share = (date.fromisoformat(day).toordinal() - first) / max(last - first, 1)
        return round(PAST_LEFT + (PAST_RIGHT - PAST_LEFT) * share, 1)

    def y(score: int) -> float:
        share = (score - lines[0]) / (lines[-1] - lines[0])
        return round(PAST_BOTTOM - (PAST_BOTTOM - PAST_TOP) * share, 1)

    drawn: list[str] = []
    is_down = False
    for (day, score), until in zip(points, [*(day for day, _ in points[1:]), last_day], strict=True):
        if score is not None:
            drawn.append(f"V{y(score)}" if is_down else f"M{x(day)} {y(score)}")
            drawn.append(f"H{x(until)}")
        is_down = score is not None
    return Curve(
        "".join(drawn),
        tuple((x(day), y(score), score) for day, score in points if score is not None),
        tuple((line, y(line)) for line in lines),
        points[0][0],
        last_day,
        min(scores),
        max(scores),
    )


def _grid(low: int, high: int) -> list[int]:
    """Scores to draw lines at: at least two steps, around the curve, five lines at most."""
    bottom, top = low // GRID * GRID, -(-high // GRID) * GRID
    while top - bottom < 2 * GRID:
        bottom, top = (bottom - GRID, top) if top >= HIGHEST or bottom > LOWEST else (bottom, top + GRID)
    step = GRID * -(-(top - bottom) // (4 * GRID))
    return [*range(bottom, top, step), bottom + step * -(-(top - bottom) // step)]
