"""A report as one HTML page that stands alone: no script, nothing to load, for screen, phone and paper.

    document("How good is it?", ["<h1>How good is it?</h1>", table("Rows", ("what", "rows"), [("test", 8998)])])

What goes into a table is text; the parts of a document are HTML, and whoever makes them escapes what others wrote.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#0b0c0c;background:#fff}
h1{font-size:1.8rem;line-height:1.2}h2{font-size:1.3rem;margin-top:2.5rem;border-top:1px solid #b1b4b6;padding-top:1rem}
h3{font-size:1.05rem;margin:1.5rem 0 .3rem}svg{width:100%;height:auto;max-width:40rem;display:block}
svg text{font:12px system-ui,sans-serif;fill:#0b0c0c}table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}
.wide{overflow-x:auto}th,td{padding:.25rem .6rem;border-bottom:1px solid #b1b4b6;text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left}caption{text-align:left;color:#3d4447;padding-bottom:.3rem}
code{font-size:.85em;word-break:break-all}.met{color:#00532f;font-weight:bold}.missed{color:#8f1d1d;font-weight:bold}
.heat td{text-align:center}.heat td:first-child{text-align:left}
@media print{body{margin:0;max-width:none;font-size:11pt}h2{break-after:avoid}svg,table{break-inside:avoid}}
"""


def document(title: str, parts: Iterable[str]) -> str:
    """The page with these parts one below the other."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The first cell of each row is its heading."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(shown(row[0]))}</th>'
        + "".join(f"<td>{escape(shown(value))}</td>" for value in row[1:])
        + "</tr>\n"
        for row in rows
    )
    return framed(caption, head, body)


def framed(caption: str, head: str, body: str, kind: str = "") -> str:
    """A table that scrolls by itself where the screen is narrow."""
    said, marked = escape(caption), f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{said}"><table{marked}><caption>{said}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def shown(value: object) -> str:
    """A value as text: floats with at most four digits, whole numbers in groups of three."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)
