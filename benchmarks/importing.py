"""The research data over HTTP into a bureau as `credence up` runs it, with the parts of `credence demo`."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from app.cli.demo import Measured, _memory
from app.cli.importing import REQUESTS_UNDER_WAY_MAX, Sender
from app.cli.opening import open_bureau
from app.cli.processes import Running
from app.client.drafts import Inquiry
from app.client.transport import Service
from app.db import engine
from app.services.home import Home
from app.services.scoring.research import CITIZENS, CITIZENS_PER_BATCH, Research
from benchmarks.places import folder, free_port
from benchmarks.report import Report, Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.log.note import Signer
    from app.services.scoring.research import Client

SECTION = "Import over HTTP, with blocks and scores"
SECONDS_MAX = 60
PEAK_MIB_MAX = 1536
SETTLE_TIMEOUT_S = 300


class Part(Research):
    """The first `citizens` of the research data."""

    citizens = CITIZENS

    def inquiry(self, client: Client) -> Inquiry:
        """The demo's bank asks about somebody who has given it their consent."""
        return Inquiry(client.identifier, "credit_application", self.consent_id(client), "card")

    def batches(self) -> Iterator[tuple[Signer, str, list[Client]]]:
        return islice(super().batches(), 2 * self.citizens // CITIZENS_PER_BATCH)


@contextmanager
def running_bureau() -> Iterator[Running]:
    """Database, web server and sequencer, each in processes of their own."""
    home = Home(folder("import"))
    try:
        with Running(home, port=free_port()) as running:
            running.wait_until_ready()
            yield running
    finally:
        engine.embedded(home.path).stop()


def measure(report: Report, running: Running, citizens: int) -> Part:
    """Send the data, wait until all of it is in published blocks."""
    with open_bureau(running.home, running.database_url) as bureau:
        research = Part(running.home, bureau.origin, bureau.local_day(bureau.now()))
        research.citizens = citizens
        research.register_keys(bureau)
    measured, sent = Measured(), 0

    def advance(count: int) -> None:
        nonlocal sent
        sent += count
        report.say(f"{sent:,} events")

    with _memory(running, measured), measured.stage("import"):
        with ThreadPoolExecutor(REQUESTS_UNDER_WAY_MAX) as pool:
            Sender(running.url, pool, advance, threading.Event()).send_all(research)
        wait_for_blocks(running, sent)
    seconds, peak_mib = measured.seconds["import"], measured.peak_bytes / 2**20
    whole = citizens == CITIZENS
    report.add(
        SECTION,
        Row(
            f"{sent:,} events of {citizens:,} citizens, until published",
            f"{seconds:.1f} s ({sent / seconds:,.0f} events/s)",
            **(at_most(seconds, SECONDS_MAX, "s") if whole else {}),
        ),
        Row(
            "peak memory of all processes (PSS)",
            f"{peak_mib:,.0f} MiB",
            **(at_most(peak_mib, PEAK_MIB_MAX, "MiB") if whole else {}),
        ),
    )
    return research


def wait_for_blocks(running: Running, events: int) -> None:
    """Until published blocks hold this many events."""
    service, deadline = Service(running.url), time.monotonic() + SETTLE_TIMEOUT_S
    while service.figures()["events"] < events:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {events:,} events were in a block after {SETTLE_TIMEOUT_S} s")
        time.sleep(0.1)
