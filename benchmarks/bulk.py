"""Many inquiries in one file: streamed answers of a running bureau, each with its proof, and blocks being made.

The floor is the same work without its memory: the same citizens judged and proved in one process, in groups as large, and
nothing stored, signed or sent.
"""

from __future__ import annotations

import random
import secrets
import time
from itertools import islice
from typing import TYPE_CHECKING

import orjson
import psutil
import requests

from app.cli.opening import open_bureau
from app.client.drafts import inquiry_batch
from app.services.banks import bulk
from app.services.bureau import utc_now
from app.services.ledger import judging
from app.services.scoring.research import clients
from benchmarks.report import Report, Row

if TYPE_CHECKING:
    from app.cli.processes import Running
    from app.services.bureau import Bureau
    from benchmarks.importing import Part

SECTION = "Many inquiries in one file"
PER_SECOND_MIN = 500


def measure(report: Report, running: Running, research: Part, count: int) -> None:
    """One file of `count` citizens, by one connection."""
    with open_bureau(running.home, running.database_url) as bureau:
        known = random.sample(list(islice(clients(), research.citizens)), count)
        inquiries = [research.inquiry(client) for client in known]
        body = inquiry_batch(research.bank, bureau.genesis, inquiries, utc_now(), secrets.token_bytes)
        web = [p for p in psutil.Process().children(recursive=True) if "wsgi:app" in p.cmdline()]
        before = _memory(web)
        took_s, size, peak = _ask(running.url, body, count, web)
        floor_s = _judged_only(bureau, [client.identifier for client in known])
    rate = count / took_s
    report.add(
        SECTION,
        Row(
            f"{count:,} citizens, each answer with its proof, durable before it leaves",
            f"{rate:,.0f}/s ({took_s:.1f} s, {size / count:,.0f} bytes a line)",
            f"{count / floor_s:,.0f}/s",
            f"{rate * floor_s / count:.2f}",
            f">= {PER_SECOND_MIN}/s",
            rate >= PER_SECOND_MIN,
        ),
        Row("what the web workers' memory grows by meanwhile", f"{(peak - before) / 2**20:,.0f} MiB"),
    )


def _ask(url: str, body: bytes, count: int, web: list[psutil.Process]) -> tuple[float, int, int]:
    """(seconds until the last line, bytes, most memory of the web server while it answered)."""
    session = requests.Session()
    session.trust_env = False
    began, size, answered, peak = time.perf_counter(), 0, 0, 0
    with session.post(f"{url}/v1/inquiries/bulk", data=body, stream=True, timeout=120) as response:
        assert response.status_code == 200, response.text
        for number, line in enumerate(response.iter_lines(chunk_size=1 << 16)):
            size += len(line)
            answered += "answer" in orjson.loads(line)
            if number % 1_000 == 0:
                peak = max(peak, _memory(web))
    took_s = time.perf_counter() - began
    assert answered == count, f"{count - answered} of {count} were not answered"
    return took_s, size, peak


def _memory(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)


def _judged_only(bureau: Bureau, citizens: list[str]) -> float:
    """Seconds for judging and proving alone, behind a first round that fills the caches as a server's are."""
    for _ in range(2):
        began = time.perf_counter()
        for first in range(0, len(citizens), bulk.GROUP):
            group = citizens[first : first + bulk.GROUP]
            with bureau.transaction() as connection:
                scene = judging.look_at(bureau, connection, group)
                judging.proofs_of(bureau, connection, scene, group)
        took_s = time.perf_counter() - began
    return took_s
