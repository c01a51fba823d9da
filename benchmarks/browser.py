"""The check page's verifier in Chromium: the time of one score verification, with WebCrypto and BigInt.

Two proofs of the vectors: two witnesses and the identifier, so signatures and VRF; and without identifier. Each is verified
200 times after as many for warming up, and the median counts. Without Chromium there is nothing to measure, and the
report says so.
"""

from __future__ import annotations

import functools
import http.server
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Report, Row
from benchmarks.report import at_most as within

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "app" / "web" / "static" / "verify"
VECTORS = ROOT / "tests" / "vectors" / "score-proof-valid.json"
CHROMIUM = Path("/usr/bin/chromium")
SECTION = "In a browser"
VERIFY_MS_MAX = 5
ROUNDS = 200
CASE = "two witnesses"

_MEASURE = """async ([each, identifier, rounds]) => {
    const { verify } = await import("/verify.js");
    const bytes = (text) => new TextEncoder().encode(text);
    const [proof, policy] = [bytes(each.proof), bytes(each.policy)];
    const asked = { atS: Date.parse(each.at) / 1000, maxAgeS: each.max_age_s, identifier };
    const took = [];
    for (let i = 0; i < 2 * rounds; i++) {
        const began = performance.now();
        await verify(proof, policy, asked);
        took.push(performance.now() - began);
    }
    return took.slice(rounds).sort((a, b) => a - b)[rounds >> 1];
}"""


def measure(report: Report) -> None:
    """Two rows."""
    if not CHROMIUM.exists():
        report.notes.append(f"Not measured in a browser: there is no {CHROMIUM}.")
        return
    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    case = next(each for each in cases if each["name"] == CASE)
    whose_ms, bare_ms = _in_chromium(case)
    for what, value_ms in (("and whose it is", whose_ms), ("without an identifier", bare_ms)):
        report.add(
            SECTION,
            Row(
                f"a score verified in Chromium, two cosignatures, {what}",
                f"{value_ms:.1f} ms",
                **within(value_ms, VERIFY_MS_MAX, "ms"),
            ),
        )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


def _in_chromium(case: Mapping[str, object]) -> tuple[float, float]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this part needs it

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(STATIC))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            whose, bare = (page.evaluate(_MEASURE, [case, each, ROUNDS]) for each in ("uci:17", None))
            browser.close()
    finally:
        server.shutdown()
    return float(whose), float(bare)
