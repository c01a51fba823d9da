"""The score on its scale: where things stand in the picture `_scale.html` draws. Units are those of its
viewBox, 320 wide.

The picture is an SVG with a title and a description, so it can be read aloud; the same number stands beside
it as text. No style attributes: the page's security policy allows none.
"""

from __future__ import annotations

from dataclasses import dataclass

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
