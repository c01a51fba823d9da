"""The plots of a validation report as SVG: drawn by hand, no script, readable in print and on a phone.

Each is one `<svg>` with a title and a description for those who do not see it; the page puts a table with the same
figures beside it. Colours differ in lightness too, so that they tell in grey.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

CARD, OTHER, BAD, GREY = "#1d5f9e", "#b35900", "#8f1d1d", "#6f777b"
_WIDTH, _LEFT, _RIGHT, _TOP, _FOOT = 640, 56, 24, 12, 40


class _Plot:
    """A plane with axes; x and y run from 0 to their given ends."""

    def __init__(self, name: str, title: str, said: str, height: int, ends: tuple[float, float]) -> None:
        self.height, self.ends = height, ends
        self.parts = [
            f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-said">',
            f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-said">{escape(said)}</desc>',
        ]

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self.ends[0]

    def y(self, value: float) -> float:
        return self.height - _FOOT - (self.height - _FOOT - _TOP) * value / self.ends[1]

    def line(self, *ends: tuple[float, float], colour: str = GREY, width: float = 1, dash: str = "") -> None:
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in ends)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'
        )

    def bar(self, x: tuple[float, float], y: tuple[float, float], colour: str) -> None:
        left, right, low, high = self.x(x[0]), self.x(x[1]), self.y(y[0]), self.y(y[1])
        self.parts.append(
            f'<rect x="{left:.1f}" y="{high:.1f}" width="{right - left:.1f}" height="{low - high:.1f}" fill="{colour}"/>'
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4" fill="{colour}"/>')

    def text(self, at: tuple[float, float], said: str, anchor: str = "middle") -> None:
        """`at` is in pixels."""
        self.parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}">{escape(said)}</text>'
        )

    def axes(self, x_said: str, y_marks: Sequence[float], x_marks: Sequence[tuple[float, str]]) -> None:
        for mark in y_marks:
            self.line((0, mark), (self.ends[0], mark), colour="#d0d4d6")
            self.text((_LEFT - 6, self.y(mark) + 4), f"{mark:.0%}", "end")
        for mark, said in x_marks:
            self.text((self.x(mark), self.height - _FOOT + 16), said)
        self.text((_LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, self.height - 6), x_said)

    def done(self) -> str:
        return "\n".join([*self.parts, "</svg>"])


def roc(curves: dict[str, list[list[float]]]) -> str:
    """Who is caught at which price, for the card and the machine."""
    said = "Two curves rise steeply and run close together: solid the card, dashed gradient boosting."
    plot = _Plot(
        "roc", "Share of later defaults declined, by share of good payers declined", said, 420, (1, 1)
    )
    quarters = [0, 0.25, 0.5, 0.75, 1]
    plot.axes("good payers declined", quarters, [(mark, f"{mark:.0%}") for mark in quarters])
    plot.line((0, 0), (1, 1), dash="2 4")
    plot.line(*map(tuple, curves["gradient_boosting"]), colour=OTHER, width=2, dash="7 4")  # type: ignore[arg-type]
    plot.line(*map(tuple, curves["card"]), colour=CARD, width=2.5)  # type: ignore[arg-type]
    return plot.done()


def distribution(bands: list[dict[str, int]]) -> str:
    """Mirrored bars: good payers to the right, defaults to the left, each as a share of their own."""
    good, bad = (sum(band[key] for band in bands) for key in ("good", "bad"))
    height, step = 24 * len(bands) + 54, 24
    most = max(max(band["good"] / good, band["bad"] / bad) for band in bands) * 1.12
    said = "Good payers gather at high scores, those who defaulted spread over all and lie lower."
    plot = _Plot("spread", "Scores of good payers and of those who defaulted", said, height, (2.5 * most, 1))
    middle = 1.25 * most
    for number, band in enumerate(reversed(bands)):
        top = _TOP + 18 + step * number
        for share, sign, colour in ((band["good"] / good, 1, CARD), (band["bad"] / bad, -1, BAD)):
            start = plot.x(middle) + sign * 38
            end = plot.x(middle + sign * share) + sign * 38
            left, right = sorted((start, end))
            plot.parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="18" fill="{colour}"/>'
            )
            plot.text((end + sign * 4, top + 13), f"{share:.1%}", "start" if sign > 0 else "end")
        plot.text((plot.x(middle), top + 13), f"{band['from']}-{band['to']}")
    plot.text((plot.x(middle) - 60, _TOP + 8), "defaulted", "end")
    plot.text((plot.x(middle) + 60, _TOP + 8), "paid", "start")
    return plot.done()


def calibration(tenths: list[dict[str, Any]]) -> str:
    """Observed shares with three standard errors of the prediction, which is the grey mark."""
    most = max(max(row["observed"], row["predicted"]) for row in tenths) * 1.15
    said = "Observed defaults (dots) lie within three standard errors (bars) of what was predicted."
    if any(abs(row["z"]) > 3 for row in tenths):
        said = "Some observed defaults (dots) lie outside three standard errors (bars) of what was predicted."
    plot = _Plot("truth", "Predicted and observed defaults by score", said, 360, (len(tenths), most))
    marks = [(n + 0.5, f"{row['from']}-{row['to']}") for n, row in enumerate(tenths)]
    plot.axes("score", [mark / 10 for mark in range(int(most * 10) + 1)], marks)
    for number, row in enumerate(tenths):
        at, reach = number + 0.5, 3 * row["standard_error"]
        plot.bar(
            (at - 0.12, at + 0.12), (max(row["predicted"] - reach, 0), row["predicted"] + reach), "#c8ccce"
        )
        plot.line((at - 0.25, row["predicted"]), (at + 0.25, row["predicted"]), colour=GREY, width=2)
        plot.dot(at, row["observed"], CARD)
    return plot.done()


def approval(attributes: list[dict[str, Any]]) -> str:
    """A bar for each group, with the lines of four fifths and of our own bar."""
    groups = [(each["attribute"], group) for each in attributes for group in each["groups"]]
    step, name_width = 26, 210
    height = step * len(groups) + 56
    said = "Approval ratio of each group to the best group of the same attribute; lines at 0.8 and 0.85."
    plot = _Plot("groups", "Approval ratios by group", said, height, (1.2, 1))
    most = max([group["ratio"] or 0 for _, group in groups], default=1.0)
    scale = (_WIDTH - name_width - 80) / max(most, 1.0)

    for number, (attribute, group) in enumerate(groups):
        top = 14 + step * number
        plot.text((name_width - 8, top + 14), f"{attribute}: {group['group'] or 'not given'}", "end")
        if group["ratio"] is not None:
            colour = CARD if group["judged"] else "#a9b0b4"
            plot.parts.append(
                f'<rect x="{name_width}" y="{top}" width="{scale * group["ratio"]:.1f}" height="19" fill="{colour}"/>'
            )
            small = "" if group["judged"] else " (few)"
            plot.text(
                (name_width + scale * group["ratio"] + 5, top + 14), f"{group['ratio']:.3f}{small}", "start"
            )
    for at, colour, said_at in ((0.8, BAD, "0.8"), (0.85, OTHER, "0.85")):
        x = name_width + scale * at
        ends = f'x1="{x:.1f}" y1="6" x2="{x:.1f}" y2="{height - 30}"'
        plot.parts.append(f'<line {ends} stroke="{colour}" stroke-width="2" stroke-dasharray="5 3"/>')
        plot.text((x + (-4 if at < 0.85 else 4), height - 14), said_at, "end" if at < 0.85 else "start")
    return plot.done()
