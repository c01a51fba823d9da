"""Proofs and inquiries over HTTP, against a hello-world on the same server settings with the same load generator.

Rounds of proofs and recorded inquiries stand between two of hello-world, and are compared with the mean of those, so that a
change in the machine's mood meets all of them. The inquiries of the next round are signed before a hello-world begins:
meanwhile the last ones get into blocks.
"""

from __future__ import annotations

import datetime as dt
import random
import secrets
import subprocess
import time
from contextlib import contextmanager
from hashlib import sha256
from itertools import cycle, islice, pairwise
from typing import TYPE_CHECKING

import psutil
import requests
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from app.cli.opening import open_bureau
from app.cli.processes import ROOT, end
from app.client.drafts import inquiry_batch
from app.db import people
from app.services.bureau import utc_now
from app.services.lifeline import die_with_parent
from app.services.scoring.research import clients
from app.web import _cookie_key
from app.web.citizens.record import TOKEN
from benchmarks import load
from benchmarks.places import free_port
from benchmarks.report import Report, Row, at_least, median

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.cli.processes import Running
    from app.services.bureau import Bureau
    from benchmarks.importing import Part

SECTION = "Serving, against a hello-world"
CONNECTIONS = 32
SESSIONS = 2_000
PROOF_RATIO_MIN, RECORDED_RATIO_MIN = 0.3, 0.1
TRIAL_REQUESTS = 3_000  # more than are answered while the load generator warms up
SPARE = 1.5  # requests signed for a round, as a multiple of what the trial says will be needed


def measure(report: Report, running: Running, research: Part, rounds: int, seconds: float) -> None:
    port = int(running.url.rsplit(":", 1)[1])
    with open_bureau(running.home, running.database_url) as bureau:
        proofs = proof_requests(bureau)
        inquiries = inquiry_requests(bureau, research)
        with hello_world() as hello_port:
            hello = [load.get("/")]
            load.measure(hello_port, hello, 0.5, CONNECTIONS)
            load.measure(port, proofs, 0.5, CONNECTIONS)
            trial = load.measure(port, list(islice(inquiries, TRIAL_REQUESTS)), 60, CONNECTIONS, once=True)
            enough = int(SPARE * trial["per_second"] * (seconds + load.WARM_UP_S)) + TRIAL_REQUESTS
            floors, served, recorded = [], [], []
            for number in range(rounds + 1):
                report.say(
                    f"round {min(number + 1, rounds)} of {rounds}, inquiries at {trial['per_second']:.0f}/s"
                )
                batch = list(islice(inquiries, enough))  # signed while the last inquiries get into blocks
                floors.append(load.measure(hello_port, hello, seconds, CONNECTIONS))
                if number < rounds:
                    served.append(load.measure(port, proofs, seconds, CONNECTIONS))
                    recorded.append(load.measure(port, batch, seconds, CONNECTIONS, once=True))
    _report(report, floors, served, recorded)


def _report(report: Report, floors: list[dict], served: list[dict], recorded: list[dict]) -> None:
    """`floors`: the hello-world before each round and behind it; a round is compared with the mean of the two."""

    def said(measured: list[dict]) -> str:
        rate, p50, p99 = (
            median([each[key] for each in measured]) for key in ("per_second", "p50_ms", "p99_ms")
        )
        return f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    floor = f"{median([each['per_second'] for each in floors]):,.0f}/s"
    rows = [Row("Flask hello-world", said(floors))]
    for measured, what, target in (
        (served, "score proof built and served (GET /record/score.proof)", PROOF_RATIO_MIN),
        (recorded, "recorded path (POST /v1/inquiries, blocks being made)", RECORDED_RATIO_MIN),
    ):
        beside = [(left["per_second"] + right["per_second"]) / 2 for left, right in pairwise(floors)]
        ratio = median([each["per_second"] / hello for each, hello in zip(measured, beside, strict=True)])
        rows.append(Row(what, said(measured), floor, **at_least(ratio, target)))
    report.add(SECTION, *rows)


@contextmanager
def hello_world() -> Iterator[int]:
    """The port of a hello-world, run by the command line of our running web server with another application."""
    command = next(c for p in psutil.Process().children() if "wsgi:app" in (c := p.cmdline()))
    port = free_port()
    command[command.index("--port") + 1] = str(port)
    command[command.index("wsgi:app")] = "benchmarks.hello:app"
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=die_with_parent)  # noqa: PLW1509 - as processes.py does
    try:
        _wait_for(f"http://127.0.0.1:{port}/")
        yield port
    finally:
        end(process)


def _wait_for(url: str) -> None:
    session = requests.Session()
    session.trust_env = False
    for _ in range(200):
        try:
            session.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{url} does not answer")


def proof_requests(bureau: Bureau) -> list[bytes]:
    """GETs of their own proofs by many citizens."""
    return [load.get("/record/score.proof", cookie) for cookie in signed_in(bureau, SESSIONS)]


def signed_in(bureau: Bureau, count: int) -> list[str]:
    """The cookies of so many citizens, drawn at random, each with a session as a one-time link would have opened it."""
    flask = Flask("cookies")
    flask.secret_key = _cookie_key(bureau.home.secret("wrap.key"))
    cookies = SecureCookieSessionInterface().get_signing_serializer(flask)
    assert cookies is not None
    made = []
    with bureau.transaction() as connection:
        query = "SELECT id FROM citizens ORDER BY random() LIMIT %s"
        for (citizen,) in connection.execute(query, (count,)).fetchall():
            token = secrets.token_urlsafe(32)
            people.add_session(
                connection, sha256(token.encode()).digest(), citizen, utc_now() + dt.timedelta(hours=1)
            )
            made.append(f"session={cookies.dumps({TOKEN: token})}")
    return made


def inquiry_requests(bureau: Bureau, research: Part) -> Iterator[bytes]:
    """Signed inquiries of the demo's bank, about one citizen after the other in random order, each under their consent."""
    known = list(islice(clients(), research.citizens))
    random.shuffle(known)
    for client in cycle(known):
        inquiry = research.inquiry(client)
        batch = inquiry_batch(research.bank, bureau.genesis, [inquiry], utc_now(), secrets.token_bytes)
        yield load.post("/v1/inquiries", batch)
