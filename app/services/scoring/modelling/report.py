"""A validation report as JSON and as a page.

    to_json(report)     the bytes that are published beside the card: their SHA-256 is in the notice
    from_json(data)     an earlier one, to compare with
    to_page(report)     one HTML page that stands alone: no script, nothing to load, for screen, phone and paper

The page says of every figure in one sentence what it means, and gives every plot as a table too.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import Any, Final

import orjson

from app.core.errors import FormatError
from app.services.scoring.modelling import plots
from app.services.scoring.standalone_page import document, framed, shown, table

BYTES_MAX: Final = 4 << 20


def to_json(report: dict[str, Any]) -> bytes:
    """Keys in the report's own order, two spaces, a line end."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_json(data: bytes) -> dict[str, Any]:
    """An earlier report; FormatError when it is none. What it is asked for is checked when it is asked."""
    try:
        report = orjson.loads(data) if len(data) <= BYTES_MAX else None
    except orjson.JSONDecodeError as error:
        raise FormatError(f"the report is not JSON: {error}") from None
    if not isinstance(report, dict) or report.get("kind") != "scorecard-validation":
        raise FormatError("this is no validation report of a scorecard")
    return report


def to_page(report: dict[str, Any]) -> str:
    """The page."""
    card, rows = report["card"], report["rows"]
    title = f"How good is {card['name']}?"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _said(
            f"Validation report of the scorecard <code>{card['scorecard']}</code>, on {rows['test']['rows']:,} rows",
            f"that its fit has not seen ({rows['test']['bad']:,} of them defaulted) and beside them the",
            f"{rows['train']['rows']:,} that it was fitted to. Sums over many people; nothing here is about anybody.",
        ),
        _provenance(card),
        *_bars(report["bars"]),
        *_weak_spots(report["weak_spots"]),
        *_ranking(report),
        *_distribution(report),
        *_calibration(report["calibration"]),
        *_fairness(report["fairness"]),
        *_card(report["criteria"]),
    ]
    return document(title, parts)


def _said(*lines: str) -> str:
    return f"<p>{' '.join(lines)}</p>"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _estimate(found: dict[str, float]) -> str:
    return f"{found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})"


def _provenance(card: dict[str, Any]) -> str:
    odds, told = card["default_probability"], card["provenance"]
    meaning = (
        f"A score of {odds['anchor_score']} means {odds['odds_milli'] / 1000:.2f} good payers for one who defaults within"
        f" {odds['horizon_months']} month(s); every {odds['doubling_points_milli'] / 1000:.1f} points more double that."
    )
    data = "" if told is None else f" Data: {escape(told['data'])}. Bad means: {escape(told['label'])}."
    return f"<p>{meaning}{data}</p>"


def _bars(bars: list[dict[str, Any]]) -> list[str]:
    rows = []
    for bar in bars:
        kind, told = ("met", "met") if bar["met"] else ("missed", "NOT met")
        rows.append(
            f'<tr><th scope="row">{escape(bar["what"])}</th><td>{bar["must_be"]} {shown(bar["limit"])}</td>'
            f'<td>{shown(bar["figure"])}</td><td class="{kind}">{told}</td></tr>\n'
        )
    heads = "".join(f'<th scope="col">{each}</th>' for each in ("figure", "must be", "is", "bar"))
    return [
        "<h2>What was asked of it beforehand</h2>",
        framed("Bars, set before the fit, and what was reached", heads, "".join(rows)),
    ]


def _weak_spots(told: list[str]) -> list[str]:
    items = "".join(f"<li>{escape(each)}</li>\n" for each in told)
    return [
        "<h2>Weak spots</h2>",
        "<p>What is not good, computed from the figures below.</p>",
        f"<ul>{items}</ul>",
    ]


def _ranking(report: dict[str, Any]) -> list[str]:
    quality, machines = report["quality"], report["gradient_boosting"]
    told = [("the card, test rows", quality["test"]), ("the card, rows it was fitted to", quality["train"])]
    told.append(("gradient boosting on the same measures, test rows", machines["same_measures"]))
    if machines["raw_columns"] is not None:
        told.append(
            ("gradient boosting on the raw columns with the credit limit, test rows", machines["raw_columns"])
        )
    curves = report["roc"]
    at = [n / 10 for n in range(1, 10)]
    rows = [
        (f"{x:.0%}", *(_percent(_height(curves[key], x)) for key in ("card", "gradient_boosting")))
        for x in at
    ]
    return [
        "<h2>Ranking</h2>",
        _said(
            "AUC is how often, of one who defaulted and one who paid, the one who defaulted had the lower score: 0.5 is",
            "chance, 1 is never wrong. Gini is twice the distance from chance. KS is the widest gap between the shares of",
            "both that lie below one score. In brackets: the 95 % confidence interval of the figure.",
        ),
        table(
            "AUC, Gini and KS with 95 % confidence intervals",
            ("what ranks", "AUC", "Gini", "KS"),
            [(name, *(_estimate(found[key]) for key in ("auc", "gini", "ks"))) for name, found in told],
        ),
        _said(
            "Declining from the lowest score upwards, this share of the later defaults is declined for that share of the",
            "good payers. Solid: the card; dashed: gradient boosting on the same measures; dotted: chance.",
        ),
        plots.roc(curves),
        table("Later defaults declined", ("good payers declined", "card", "gradient boosting"), rows),
    ]


def _height(curve: list[list[float]], x: float) -> float:
    """The curve at x, straight between its points."""
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 <= x <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return 1.0


def _distribution(report: dict[str, Any]) -> list[str]:
    bands, stable = report["distribution"]["test"], report["stability"]
    told = f"Between the rows to fit and to test the index is {stable['train_to_test']:.4f}."
    if stable["baseline"] is not None:
        told += (
            f" Against the earlier report of <code>{escape(stable['baseline']['scorecard'])}</code> it is"
            f" {stable['baseline']['index']:.4f}."
        )
    return [
        "<h2>Scores by outcome</h2>",
        "<p>Of those who paid (right) and those who defaulted (left), the share in each band of 50 points.</p>",
        plots.distribution(bands),
        table(
            "Test rows per band",
            ("score", "paid", "defaulted", "share defaulted"),
            [
                (f"{b['from']}-{b['to']}", b["good"], b["bad"], _percent(_share(b["bad"], b["good"])))
                for b in bands
            ],
        ),
        _said(
            "The population stability index says how far two distributions of scores differ: 0 not at all; from",
            f"{stable['alarm']} on the card has to be looked at. {told}",
        ),
    ]


def _share(part: int, rest: int) -> float | None:
    return part / (part + rest) if part + rest else None


def _calibration(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    heads = ("score", "rows", "predicted", "observed", "standard error", "z")
    tables = [
        table(
            f"{name} rows",
            heads,
            [
                (
                    f"{row['from']}-{row['to']}",
                    row["rows"],
                    _percent(row["predicted"]),
                    _percent(row["observed"]),
                    _percent(row["standard_error"]),
                    row["z"],
                )
                for row in found[name]
            ],
        )
        for name in ("test", "train")
    ]
    return [
        "<h2>Are its probabilities true?</h2>",
        _said(
            "The rows in tenths by score (rows with the same score stay together, so there may be fewer). The grey mark is",
            "the share of defaults that the card predicts, the grey bar three standard errors around it, the dot what",
            "came. z is the distance in standard errors; below 0 fewer defaulted than predicted.",
        ),
        plots.calibration(found["test"]),
        *tables,
    ]


def _fairness(found: dict[str, Any]) -> list[str]:
    heads = ("group", "rows", "approved", "ratio", "AUC", "predicted", "observed", "z")
    parts = [
        "<h2>Is it the same for everybody?</h2>",
        _said(
            "These attributes are not in the ledger and no part of a score; they come from a table outside. At",
            f"{found['cut_off']} points and more, {found['approved']:.1%} of the test rows would be approved. The ratio is a",
            "group's share over that of the best group: under 0.8 is the usual sign of unequal treatment, our own bar is",
            f"0.85. Groups with fewer than {found['rows_min']} rows (grey) are shown but not judged.",
        ),
        plots.approval(found["attributes"]),
    ]
    for each in found["attributes"]:
        rows = [
            (
                (group["group"] or "not given") + ("" if group["judged"] else " (too few rows to judge)"),
                group["rows"],
                _percent(group["approved"]),
                group["ratio"],
                None if group["auc"] is None else _estimate(group["auc"]),
                _percent(group["predicted"]),
                _percent(group["observed"]),
                group["z"],
            )
            for group in each["groups"]
        ]
        parts.append(table(each["attribute"], heads, rows))
    return parts


def _card(criteria: list[dict[str, Any]]) -> list[str]:
    parts = [
        "<h2>The whole card</h2>",
        _said(
            "A score is 300 plus one number from each table. Rows and share of defaults are of the rows to fit; where there",
            "are none, the points are an expert's, or follow the neighbouring bins.",
        ),
    ]
    for criterion in criteria:
        parts.append(f"<h3>{escape(criterion['name'])} (up to {criterion['points_max']})</h3>")
        if criterion["source"] == "expert":
            parts.append("<p>An expert's points: the data cannot fit them.</p>")
        if criterion["columns"] > 1:
            parts.append(_heat(criterion))
            continue
        rows = [
            (each["bin"], each["points"], each["train"]["rows"], _percent(each["train"]["bad_share"]))
            for each in criterion["bins"]
        ]
        parts.append(table(criterion["name"], ("bin", "points", "rows", "defaulted"), rows))
    return parts


def _heat(criterion: dict[str, Any]) -> str:
    """A pair as a table of points; darker is better. A star marks cells that no row to fit fell into."""
    columns = criterion["columns"]
    cells = [criterion["bins"][n : n + columns] for n in range(0, len(criterion["bins"]), columns)]
    heads = [each["bin"].split("; ", 1)[1] for each in cells[0]]
    body = []
    for row in cells:
        told = []
        for each in row:
            light = 96 - round(34 * each["points"] / (criterion["points_max"] or 1))
            star = "" if each["train"]["rows"] else "*"
            about = f"{each['train']['rows']:,} rows, {_percent(each['train']['bad_share'])}"
            told.append(
                f'<td style="background:hsl(207 60% {light}%)">{each["points"]}{star}<br><small>{about}</small></td>'
            )
        body.append(
            f'<tr><th scope="row">{escape(row[0]["bin"].split("; ", 1)[0])}</th>{"".join(told)}</tr>\n'
        )
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    return framed(
        f"{criterion['name']}: points, rows and share that defaulted; * no rows to fit",
        f"<td></td>{head}",
        "".join(body),
        "heat",
    )
