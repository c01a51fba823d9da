"""What a run measured: rows of a table, as text for a terminal and as docs/performance.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = ("what", "measured", "floor", "ratio", "target", "met")
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
METHOD = Path(__file__).with_name("method.md")


@dataclass(frozen=True, slots=True)
class Row:
    """One line; `met` is None where there is no target."""

    what: str
    measured: str
    floor: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        verdict = {True: "yes", False: "**no**", None: ""}[self.met]
        return self.what, self.measured, self.floor, self.ratio, self.target, verdict


@dataclass(slots=True)
class Report:
    """Rows under headings, in the order in which they were measured, and remarks; `say` shows progress."""

    quick: bool
    say: Callable[[str], object] = print
    verifications: float = 0.0  # floors that other parts refer to, a second
    hashes: float = 0.0
    sections: dict[str, list[Row]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, section: str, *rows: Row) -> None:
        self.sections.setdefault(section, []).extend(rows)

    def missed(self) -> list[Row]:
        return [row for rows in self.sections.values() for row in rows if row.met is False]

    def table(self) -> Table:
        table = Table(title="Credence: measured against floors", title_justify="left")
        for column in COLUMNS:
            table.add_column(column, overflow="fold")
        for section, rows in self.sections.items():
            table.add_row(f"[bold]{section}[/bold]")
            for row in rows:
                table.add_row(*(cell.replace("**", "") for cell in row.cells()))
        return table

    def markdown(self) -> str:
        ended = dt.datetime.now(dt.UTC)
        minutes = (ended - self.began).total_seconds() / 60
        parts = [_HEAD, f"- date: {self.began:%Y-%m-%d %H:%M} UTC, {minutes:.1f} minutes", *_machine()]
        parts += [f"- {note}" for note in self.notes]
        parts.append(f"- commit: {_commit()}")
        parts.append(f"- load average before the run: {self.load_before:.2f} (0 is a quiet machine)")
        if self.quick:
            parts.append(
                "- **quick run**: small samples, no ledger of 1,000,000 citizens; not for comparison"
            )
        for section, rows in self.sections.items():
            parts += ["", f"## {section}", "", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
            parts += [_line(row.cells()) for row in rows]
        parts += ["", "## How it is measured", "", METHOD.read_text(encoding="utf-8")]
        return "\n".join(parts)


_HEAD = """# Performance

Written by `make bench` (`python -m benchmarks --write`); do not edit. A floor is the least that the same work costs with
the same tools, taken in the same run on the same machine. Figures are medians.
"""


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _machine() -> list[str]:
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return [
        f"- machine: {os.cpu_count()} cores of {model}, {memory:.0f} GiB",
        f"- system: {system}, PostgreSQL 18 embedded",
    ]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=DOCUMENT.parent)
    return result.stdout.strip() or "unknown"


def median(values: list[float]) -> float:
    return statistics.median(values)


def at_least(value: float, target: float) -> dict[str, object]:
    """The last two cells for a ratio that should not be smaller."""
    return {"ratio": f"{value:.2f}", "target": f">= {target:g}", "met": value >= target}


def at_most(value: float, target: float, unit: str = "") -> dict[str, object]:
    """The last two cells for a figure that should not be larger."""
    return {"target": f"<= {target:g}{' ' + unit if unit else ''}", "met": value <= target}
