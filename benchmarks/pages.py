"""The citizen's overview: how long the server takes, and how much the first page weighs.

Over one connection, one page after the other, each a different citizen's, drawn from the whole ledger, so that nothing of
a citizen is warm: what a person waits for, network aside. The weight is that of a browser with nothing in its cache, which
takes gzip: the page, the stylesheets, the scripts and what these import, the icon.
"""

from __future__ import annotations

import re
import time
from statistics import median
from typing import TYPE_CHECKING

import requests

from app.cli.opening import open_bureau
from benchmarks.report import Report, Row
from benchmarks.report import at_most as within
from benchmarks.serving import signed_in

if TYPE_CHECKING:
    from app.cli.processes import Running

SECTION = "Pages"
OVERVIEW_MS_MAX = 50
FIRST_PAGE_KB_MAX = 150
PAGES = 300
_LOADED = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_IMPORTED = re.compile(r'from "\./([^"]+)"')


def measure_running(report: Report, running: Running) -> None:
    """Two rows."""
    with open_bureau(running.home, running.database_url) as bureau:
        cookies = signed_in(bureau, PAGES)
    session = requests.Session()
    session.trust_env = False
    took = []
    for cookie in cookies:
        began = time.perf_counter()
        page = session.get(f"{running.url}/record", headers={"Cookie": cookie}, timeout=30)
        took.append(1000 * (time.perf_counter() - began))
        assert page.status_code == 200, "a signed-in citizen sees their record"
    took_ms = median(took[PAGES // 10 :])
    report.add(
        SECTION,
        Row(
            f"overview of a citizen's record, median of {len(took)} citizens (GET /record)",
            f"{took_ms:.1f} ms",
            **within(took_ms, OVERVIEW_MS_MAX, "ms"),
        ),
        _weight(session, running.url, page),
    )


def _weight(session: requests.Session, url: str, page: requests.Response) -> Row:
    total, addresses, seen = len(page.content), _LOADED.findall(page.text), set()
    while addresses:
        address = addresses.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = session.get(url + address, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=30)
        total += len(answer.raw.read(decode_content=False))
        if ".js" in address and "/vendor/" not in address:
            script = session.get(url + address, timeout=30).text
            folder = address.partition("?")[0].rpartition("/")[0]
            addresses += [f"{folder}/{each}" for each in _IMPORTED.findall(script)]
    kilobytes = total / 1000
    return Row(
        f"first page with everything that it loads, nothing cached ({len(seen)} files)",
        f"{kilobytes:.0f} KB",
        **within(kilobytes, FIRST_PAGE_KB_MAX, "KB"),
    )
