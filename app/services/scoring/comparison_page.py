"""The comparison of two cards as one HTML page that stands alone: no script, no picture, no address to load from."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from app.services.scoring.standalone_page import document, shown, table
from app.services.scoring.statistics import STABILITY_ALARM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLOT_WIDTH, _PLOT_HEIGHT, _PLOT_FOOT = 880, 220, 20
STABILITY_WATCH = 0.1


def page(report: Mapping[str, Any]) -> str:
    """The page of a report that `comparison.compare` made."""
    champion, challenger = report["champion"], report["challenger"]
    about = (
        f"{escape(report['origin'])}, block {report['block']:,} of {escape(report['as_of'])}. Sums over all accounts"
        " that both cards score on the same day; nothing here is about anybody."
    )
    index = report["population_stability_index"]
    parts = [
        "<h1>Challenger and champion</h1>",
        f"<p>{about}</p>",
        table(
            "The two cards",
            ("role", "card", "document"),
            [
                ("champion", champion["name"], champion["scorecard"]),
                ("challenger", challenger["name"], challenger["scorecard"]),
            ],
        ),
        "<h2>Accounts</h2>",
        table(
            "How many have a score by which card",
            ("scored", "accounts"),
            [(_words(k), v) for k, v in report["accounts"].items()],
        ),
        "<h2>Scores</h2>",
        _plot(report["bands"]),
        table(
            "Accounts per band of points",
            ("from", "to", "champion", "challenger"),
            [tuple(band.values()) for band in report["bands"]],
        ),
        table("Means, in points", ("", "points"), [(_words(k), v) for k, v in report["mean"].items()]),
        f"<p>Correlation {shown(report['correlation'])}.</p>",
        f"<p>Population stability index {shown(index)}: {_stability(index)}.</p>",
        "<h2>Who would be approved</h2>",
        table(
            "At the percentile each card declines its own lowest; at a score both decline below it",
            (
                "cut-off",
                "champion from",
                "challenger from",
                "by both",
                "by champion only",
                "by challenger only",
                "by none",
            ),
            [tuple(row.values()) for row in report["swap_sets"]],
        ),
        "<h2>What moves the scores that move most</h2>",
        _movers(report["movers"]),
        *_quality(report["labels"]),
    ]
    return document(f"{challenger['name']} beside {champion['name']}", parts)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _stability(index: float | None) -> str:
    """The usual reading of the index."""
    if index is None:
        return "nobody was scored by both"
    if index >= STABILITY_ALARM:
        return "the distributions differ much"
    return "they differ somewhat" if index >= STABILITY_WATCH else "they hardly differ"


def _plot(bands: Sequence[Mapping[str, int]]) -> str:
    """Two bars a band."""
    most = max([band[card] for band in bands for card in ("champion", "challenger")], default=0) or 1
    step, room = _PLOT_WIDTH / len(bands), _PLOT_HEIGHT - _PLOT_FOOT
    bars = []
    for number, band in enumerate(bands):
        for place, (card, colour) in enumerate((("champion", "#1d70b8"), ("challenger", "#f47738"))):
            height = room * band[card] / most
            left = step * number + 4 + place * (step - 8) / 2
            bars.append(
                f'<rect fill="{colour}" x="{left:.1f}" y="{room - height:.1f}" width="{(step - 10) / 2:.1f}"'
                f' height="{height:.1f}"/>'
            )
        bars.append(f'<text x="{step * number + 4:.1f}" y="{_PLOT_HEIGHT - 5}">{band["from"]}</text>')
    return (
        f'<svg viewBox="0 0 {_PLOT_WIDTH} {_PLOT_HEIGHT}" role="img" aria-label="Accounts per band of 50 points: champion'
        f' blue, challenger orange">{"".join(bars)}</svg>\n'
        "<p>Champion blue, challenger orange; a band starts at its number.</p>"
    )


def _movers(movers: Mapping[str, Any]) -> str:
    if not movers["accounts"]:
        return "<p>Too few accounts move to say it without saying whose.</p>"
    caption = (
        f"The {movers['accounts']:,} accounts whose score differs by {movers['points_at_least']:,} points or more:"
        " mean points of the challenger less the champion's"
    )
    rows = [(row["criterion"], row["mean_points"]) for row in movers["criteria"]]
    return table(caption, ("criterion", "points"), rows)


def _quality(labels: Mapping[str, Any] | None) -> list[str]:
    if labels is None:
        return []
    counted = f"{labels['accounts']:,} labelled accounts, {labels['bad']:,} of them bad"
    rows = [
        (card, *(labels[card][name] for name in ("auc", "gini", "ks"))) for card in ("champion", "challenger")
    ]
    return [
        "<h2>How well they rank</h2>",
        table(f"{counted}; the labels came from outside the ledger", ("card", "AUC", "Gini", "KS"), rows),
    ]
