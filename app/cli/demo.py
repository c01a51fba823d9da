"""`credence demo`: the whole way once, measured, and its proof verified by another process."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
import psutil
from rich.table import Table

from app.cli.importing import adopt_fitted_card, import_research
from app.cli.opening import open_bureau
from app.cli.processes import Running
from app.cli.terminal import Terminal
from app.client.drafts import Inquiry, inquiry_batch
from app.client.transport import RefusalError, Service
from app.core import canon
from app.core.errors import RefusedError
from app.services.bureau import utc_now
from app.services.home import Home
from app.services.ledger.figures import Figures, figures
from app.services.scoring import statistics
from app.services.scoring.research import EVENTS, LENDER, Research, clients

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = range(17, 22)
SAMPLE_S = 0.5


@dataclass(slots=True)
class Measured:
    """Seconds per stage and the peak of the memory that all processes together hold (PSS: shared pages count once)."""

    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port for the run."
)
def demo(port: int) -> None:
    """Load the research data, make blocks, ask for a score as a bank, verify its proof offline, and print what it took.

    Leaves `policy`, `checkpoint` and `score.proof` in CREDENCE_HOME/demo. Exit code 0 only when the proof holds.
    It is about uci:17, or about the next citizen if that file was frozen.

    \b
        credence demo
        credence verify var/demo/score.proof --policy var/demo/policy --citizen uci:17
    """
    home, console, measured = Home.from_environment(), Terminal(), Measured()
    started = time.monotonic()
    with Running(home, port=port) as running, _memory(running, measured):
        running.wait_until_ready()
        measured.seconds["start (database, tables, processes)"] = time.monotonic() - started
        with measured.stage("import over HTTP, with blocks and scores"):
            sent = import_research(home, running.database_url, running.url, console)
        before = _auc(home, running.database_url)
        with measured.stage("the fitted card published, everybody scored anew in one block"):
            adopt_fitted_card(home, running.database_url)
        now = _figures(home, running)
        with measured.stage("inquiry, answer, proof"):
            citizen = _ask(home, running, console)
    with measured.stage("verification in a process of its own"):
        _verify(home.demo, citizen, console)
    with measured.stage("comparison with the label"):
        auc = _auc(home)
    console.print(_table(now, measured, sent, (before, auc)))


@contextmanager
def _memory(running: Running, measured: Measured) -> Iterator[None]:
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_S):
            measured.peak_bytes = max(measured.peak_bytes, sum(map(pss_bytes, running.pids())))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def pss_bytes(pid: int) -> int:
    try:
        memory = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.rss))


def _figures(home: Home, running: Running) -> Figures:
    with open_bureau(home, running.database_url) as bureau:
        return figures(bureau)


def _ask(home: Home, running: Running, console: Terminal) -> str:
    """Inquire about one citizen as the demo's bank, and keep what a bank would keep; who it was.

    Whoever tried out the pages of uci:17 may have frozen that file or withdrawn the consent: then the next one is asked.
    """
    service = Service(running.url)
    genesis = service.genesis()
    research = Research(home, genesis.origin, utc_now().date())
    for client in (client for client in clients() if client.row in ROWS):
        inquiry = Inquiry(client.identifier, "credit_application", research.consent_id(client), "card")
        batch = inquiry_batch(research.bank, genesis, [inquiry], utc_now(), secrets.token_bytes)
        try:
            answer = service.inquire(batch)
        except RefusalError as error:
            said = f"About {client.identifier} no bank is answered: {error.detail}. The next one is asked."
            console.print(said, highlight=False, markup=False, soft_wrap=True)
            continue
        home.write(home.demo / "policy", f"log {genesis.vkey}\nquorum none\n")
        home.write(home.demo / "checkpoint", service.checkpoint())
        home.write(home.demo / "score.proof", canon.encode(answer["proof"]))
        return client.identifier
    raise RefusedError("none of the citizens who were tried lets bank.demo ask", code="demo-failed")


def _verify(folder: Path, citizen: str, console: Terminal) -> None:
    command = [
        sys.executable,
        "-m",
        "app.cli",
        "verify",
        str(folder / "score.proof"),
        "--policy",
        str(folder / "policy"),
    ]
    command += ["--citizen", citizen]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)  # noqa: S603 - our own command
    console.print(result.stdout + result.stderr, highlight=False, markup=False, soft_wrap=True)
    if result.returncode != 0:
        raise RefusedError(f"the proof did not verify (exit code {result.returncode})", code="demo-failed")


def _auc(home: Home, database_url: str | None = None) -> float:
    labels = {f"{LENDER}:{client.account}": client.defaulted for client in clients()}
    with open_bureau(home, database_url) as bureau:
        return statistics.auc_of_scores(bureau, labels)


def _table(now: Figures, measured: Measured, sent: int, auc: tuple[float, float]) -> Table:
    table = Table(title="Credence demo", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    rows = [
        ("events", f"{now.events:,}" + ("" if sent == EVENTS else f" ({sent:,} of them in this run)")),
        ("citizens", f"{now.citizens:,}"),
        ("batches", f"{now.batches:,}"),
        ("blocks", f"{now.blocks:,}"),
        ("tree size", f"{now.tree_size:,}"),
        ("root", now.root.hex()),
        *((name, f"{seconds:.1f} s") for name, seconds in measured.seconds.items()),
        ("peak memory, all processes", f"{measured.peak_bytes / 2**20:,.0f} MiB"),
        ("AUC of the scores against the label, at first", f"{auc[0]:.3f}"),
        ("AUC of the scores against the label", f"{auc[1]:.3f}"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table
