"""`python -m benchmarks`: measure everything, print a table, with `--write` leave it in docs/performance.md.

python -m benchmarks                      everything, 11 minutes on two quiet cores, at most 15
python -m benchmarks --quick              small samples, at most 3 minutes
python -m benchmarks --only serving       one part and what it needs
python -m benchmarks --write              the full run, for docs/performance.md
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from app.web import logs
from benchmarks import (
    browser,
    bulk,
    floors,
    following,
    importing,
    intake,
    pages,
    population,
    proving,
    sequencing,
    serving,
)
from benchmarks.places import Places, clear
from benchmarks.report import DOCUMENT, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("population", "serving", "intake", "sequencing", "browser")


class Stopped(KeyboardInterrupt):
    """The time is up, or somebody ends the run. No `except Exception` on the way takes it for an error of its own."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run measures."""

    limit_s: int
    imported_citizens: int
    load_rounds: int
    load_seconds: float
    bulk_inquiries: int
    proofs: int
    slices: int
    groups_per_slice: int
    ledgers: tuple[int, ...]
    blocks: int
    scored_citizens: int
    switched_citizens: int


FULL = Size(900, 30_000, 7, 3, 10_000, 500, 5, 6, (30_000, 1_000_000), 11, 10_000, 30_000)
QUICK = Size(180, 5_000, 2, 2, 2_000, 100, 2, 4, (30_000,), 3, 4_000, 5_000)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Credence against floors."
    )
    parser.add_argument("--quick", action="store_true", help="small samples, at most 3 minutes")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part (may be repeated)")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name}")
    chosen = parser.parse_args()
    size, console = QUICK if chosen.quick else FULL, Console(width=None if sys.stdout.isatty() else 150)
    report = Report(quick=chosen.quick)
    console.print(f"load average {os.getloadavg()[0]:.2f}; at most {size.limit_s // 60} minutes")
    complete = False
    os.environ.pop("DATABASE_URL", None)  # every database here is the run's own
    logs.configure(logs.open_log(Path(os.devnull)))  # the sequencer's lines about its blocks
    try:
        with _time_limit(size.limit_s):
            _run(report, size, chosen.only or list(PARTS), console)
            complete = True
    except Stopped as error:
        report.notes.insert(0, f"**Not complete**: {error}.")
        console.print(f"[red]{error}[/red]")
    finally:
        clear()
        console.print(report.table())
    if chosen.write:
        DOCUMENT.write_text(report.markdown(), encoding="utf-8")
        console.print(f"written: {DOCUMENT}")
    for row in report.missed():
        console.print(
            f"short of its target: {row.what}: {row.ratio or row.measured}, {row.target}", highlight=False
        )
    return 0 if complete else 1


def _run(report: Report, size: Size, parts: list[str], console: Console) -> None:
    with _stage(report, console, "floors"):
        floors.measure(report)
    if "browser" in parts:
        with _stage(report, console, "the check page's verifier in Chromium"):
            browser.measure(report)
    if "population" in parts:
        with _stage(report, console, f"scores of {size.scored_citizens:,} citizens in columns"):
            population.measure(report, size.scored_citizens)
    if "serving" in parts:
        with importing.running_bureau() as running:
            with _stage(report, console, f"import of {size.imported_citizens:,} citizens over HTTP"):
                research = importing.measure(report, running, size.imported_citizens)
            with _stage(report, console, "hello-world, proofs, inquiries over HTTP"):
                serving.measure(report, running, research, size.load_rounds, size.load_seconds)
            with _stage(report, console, "the citizen's overview"):
                pages.measure_running(report, running)
            with _stage(report, console, f"one file of {size.bulk_inquiries:,} inquiries"):
                bulk.measure(report, running, research, size.bulk_inquiries)
            with _stage(report, console, "proofs in one process"):
                proving.measure_running(report, running, research, size.proofs)
            with _stage(report, console, "an auditor who follows, and one who replays"):
                following.measure_running(report, running)
                following.measure_trie(report, max(size.ledgers))
    with Places() as places:
        if "population" in parts:
            with _stage(report, console, f"a switch of cards at {size.switched_citizens:,} citizens"):
                population.measure_switch(report, places, size.switched_citizens)
        if "intake" in parts:
            with _stage(report, console, "intake against COPY, and blocks of it"):
                intake.measure(report, places, size.slices, size.groups_per_slice)
    if "sequencing" in parts:
        with _stage(report, console, f"blocks at {' and '.join(f'{n:,}' for n in size.ledgers)} citizens"):
            sequencing.measure(report, size.ledgers, size.blocks, size.proofs)


@contextmanager
def _stage(report: Report, console: Console, name: str) -> Iterator[None]:
    """Say what is going on, and how long it took. On a terminal one line changes; elsewhere there is one at the end."""
    began = time.monotonic()
    with console.status(name) as status:
        report.say = lambda detail: status.update(f"{name}: {detail}")
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {name}", highlight=False)


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Stopped after this many seconds; SIGTERM ends the run in the same orderly way."""

    def stop(number: int, _frame: object) -> None:
        why = f"the limit of {seconds} s was reached" if number == signal.SIGALRM else "it was told to stop"
        raise Stopped(why)

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    sys.exit(main())
