"""The comparison of two cards as one HTML page that stands alone: no script, no picture, no address to load from."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from app.services.statistics import STABILITY_ALARM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#0b0c0c}
h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2rem}table{border-collapse:collapse;width:100%;margin-bottom:1.5rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid #b1b4b6;text-align:right}
th:first-child,td:first-child{text-align:left}caption{text-align:left;color:#505a5f;padding-bottom:.4rem}
code{font-size:.8em;word-break:break-all}.a{fill:#1d70b8}.b{fill:#f47738}text{font-size:11px;fill:#0b0c0c}
"""
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
        _table(
            "The two cards",
            ("role", "card", "document"),
            [
                ("champion", champion["name"], champion["scorecard"]),
                ("challenger", challenger["name"], challenger["scorecard"]),
            ],
        ),
        "<h2>Accounts</h2>",
        _table("", ("scored", "accounts"), [(_words(k), v) for k, v in report["accounts"].items()]),
        "<h2>Scores</h2>",
        _plot(report["bands"]),
        _table(
            "Accounts per band of points",
            ("from", "to", "champion", "challenger"),
            [tuple(band.values()) for band in report["bands"]],
        ),
        _table("Means, in points", ("", "points"), [(_words(k), v) for k, v in report["mean"].items()]),
        f"<p>Correlation {_shown(report['correlation'])}.</p>",
        f"<p>Population stability index {_shown(index)}: {_stability(index)}.</p>",
        "<h2>Who would be approved</h2>",
        _table(
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
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(challenger['name'])} beside {escape(champion['name'])}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{_cell(v)}</td>" for v in row) + "</tr>\n" for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{said}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    text = escape(_shown(value))
    return f"<code>{text}</code>" if isinstance(value, str) and len(value) == 64 else text


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


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
        for place, (card, colour) in enumerate((("champion", "a"), ("challenger", "b"))):
            height = room * band[card] / most
            left = step * number + 4 + place * (step - 8) / 2
            bars.append(
                f'<rect class="{colour}" x="{left:.1f}" y="{room - height:.1f}" width="{(step - 10) / 2:.1f}"'
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
    return _table(caption, ("criterion", "points"), rows)


def _quality(labels: Mapping[str, Any] | None) -> list[str]:
    if labels is None:
        return []
    counted = f"{labels['accounts']:,} labelled accounts, {labels['bad']:,} of them bad"
    rows = [
        (card, *(labels[card][name] for name in ("auc", "gini", "ks"))) for card in ("champion", "challenger")
    ]
    return [
        "<h2>How well they rank</h2>",
        _table(f"{counted}; the labels came from outside the ledger", ("card", "AUC", "Gini", "KS"), rows),
    ]
