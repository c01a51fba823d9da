"""Intake by three processes against COPY of the rows that it stored, and the sequencer on what came in.

The research data is cut into slices. Each is admitted (all citizens new), its rows are copied out and into a second
database, and then it becomes blocks. After that the same citizens are reported on again under fresh event ids and
nonces: first by processes that have not met them, then by processes that remember them.
"""

from __future__ import annotations

import itertools
import multiprocessing
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.engine import make_url

from app.db import pgcopy, session
from app.db.session import single
from app.services.bureau import Bureau
from app.services.home import Home
from app.services.ledger.folding import FoldingPool
from app.services.ledger.sequencer import Sequencer
from app.services.lifeline import die_with_parent
from app.services.scoring.research import Research
from benchmarks.places import folder
from benchmarks.report import Report, Row, at_least, median

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection as Pipe
    from pathlib import Path

    from benchmarks.places import Ledger, Places

SECTION = "Intake (durable, checked), three processes"
BLOCKS_SECTION = "Sequencing (fold, score, seal, trie, sign, store), two folding processes"
PROCESSES = 3  # one more than cores: while one waits for the disk, another works
CONNECTIONS = (2, 3)
RATIO_MIN = 0.5
EVENTS_PER_SECOND_MIN = 15_000
BATCH_TABLES = {
    "batches": ("id", "id"),
    "events": ("batch", "position"),
    "event_bodies": ("batch", "position"),
}
"""By table, what a batch's rows are found by, and the order within it."""
CITIZEN_TABLES = ("enrolments", "citizen_keys")


class Admitters:
    """Processes that admit batch files; each takes the next file when it is done with one."""

    def __init__(self, ledger: Ledger) -> None:
        context = multiprocessing.get_context("spawn")
        self._next = context.Value("i", 0)
        self._pipes: list[Pipe] = []
        self._processes = []
        for _ in range(PROCESSES):
            ours, theirs = context.Pipe()
            arguments = (theirs, self._next, ledger.home.path, ledger.url)
            process = context.Process(target=_admit_files, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self.remember([])  # answers once they are up

    def admit(self, files: list[Path]) -> float:
        """Seconds until all are admitted."""
        self._next.value = 0
        began = time.perf_counter()
        self._ask(("admit", files))
        return time.perf_counter() - began

    def remember(self, identifiers: list[str]) -> None:
        """Make all of them know these citizens."""
        self._ask(("remember", identifiers))

    def _ask(self, question: object) -> None:
        for pipe in self._pipes:
            pipe.send(question)
        for pipe in self._pipes:
            answer = pipe.recv()
            if answer is not None:
                raise RuntimeError(answer)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()


def _admit_files(pipe: Pipe, following: object, home: Path, url: str) -> None:
    from app.services.ledger.intake import admit  # noqa: PLC0415 - in the child only

    die_with_parent()
    bureau = Bureau.open(Home(home), url)
    while True:
        try:
            what, items = pipe.recv()
        except EOFError:
            return
        try:
            if what == "remember":
                with bureau.transaction() as connection:
                    bureau.people.find(connection, items)
            else:
                while (number := _take(following)) < len(items):
                    assert admit(bureau, items[number].read_bytes()).fresh
            pipe.send(None)
        except Exception as error:  # noqa: BLE001 - raised in the parent
            pipe.send(f"{type(error).__name__}: {error}")


def _take(following: object) -> int:
    with following.get_lock():
        number = following.value
        following.value += 1
        return number


@dataclass(slots=True)
class Sample:
    """One slice: events, seconds of intake, and of COPY by number of connections."""

    events: int
    intake_s: float
    copy_s: dict[int, float]


Rows = dict[str, bytes]
"""By table, rows as COPY has them, without what stands before and behind them."""


class CopyFloor:
    """Second databases, one for each number of connections, that receive the rows that a ledger got since the last time."""

    def __init__(self, places: Places, ledger: Ledger) -> None:
        self._source = ledger
        self._targets = {lanes: places.database(f"floor_{lanes}") for lanes in CONNECTIONS}
        self._batch = self._citizen = 0
        self._take()  # the founding is no part of it

    def seconds(self) -> dict[int, float]:
        """How long COPY of the new rows takes, durable at the end, by number of connections; each is the first in turn."""
        parts = self._take()
        first, *others = self._targets.items()
        self._targets = dict([*others, first])
        return {lanes: _copy(url, _shared_out(parts, lanes)) for lanes, url in self._targets.items()}

    def _take(self) -> list[Rows]:
        """The rows that came since, in parts, each in the order of its keys: every batch, and six ranges of new citizens."""
        with session.transaction(self._source.owner) as connection:
            query = "SELECT id FROM batches WHERE id > %s ORDER BY id"
            batches = [number for (number,) in connection.execute(query, (self._batch,)).fetchall()]
            newest = single(connection, "SELECT coalesce(max(citizen), 0) FROM enrolments")
            edges = [self._citizen + (newest - self._citizen) * part // 6 for part in range(7)]
            parts = [
                {
                    table: _rows(connection, table, f"{key} = {number}", keys)
                    for table, (key, keys) in BATCH_TABLES.items()
                }
                for number in batches
            ]
            parts += [
                {
                    table: _rows(connection, table, f"citizen > {low} AND citizen <= {high}", "citizen")
                    for table in CITIZEN_TABLES
                }
                for low, high in pairwise(edges)
            ]
        self._batch, self._citizen = max([self._batch, *batches]), newest
        return parts


def _rows(connection: session.Connection, table: str, which: str, order: str) -> bytes:
    query = f"COPY (SELECT * FROM {table} WHERE {which} ORDER BY {order}) TO STDOUT (FORMAT BINARY)"
    with connection.cursor().copy(query) as copy:
        return b"".join(copy)[len(pgcopy.HEADER) : -len(pgcopy.TRAILER)]


def _shared_out(parts: list[Rows], lanes: int) -> list[Rows]:
    """The same rows, for so many connections with about as much each, still in the order of their keys."""
    shares: list[list[int]] = [[] for _ in range(lanes)]
    sizes = [0] * lanes
    for number in sorted(range(len(parts)), key=lambda number: _size(parts[number]), reverse=True):
        lane = sizes.index(min(sizes))
        shares[lane].append(number)
        sizes[lane] += _size(parts[number])
    tables = [*CITIZEN_TABLES, *BATCH_TABLES]
    return [
        {table: b"".join(parts[number].get(table, b"") for number in sorted(share)) for table in tables}
        for share in shares
    ]


def _size(part: Rows) -> int:
    return sum(map(len, part.values()))


def _copy(url: str, shares: list[Rows]) -> float:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connections = [psycopg.connect(plain) for _ in shares]

    def run(connection: psycopg.Connection, share: Rows) -> None:
        with connection, connection.cursor() as cursor:
            for table, rows in share.items():
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(pgcopy.HEADER)
                    for at in range(0, len(rows), 1 << 20):
                        copy.write(rows[at : at + (1 << 20)])
                    copy.write(pgcopy.TRAILER)

    with ThreadPoolExecutor(len(shares)) as threads:
        began = time.perf_counter()
        for lane in [threads.submit(run, *pair) for pair in zip(connections, shares, strict=True)]:
            lane.result()
        return time.perf_counter() - began


def measure(report: Report, places: Places, slices: int, groups: int) -> None:
    ledger = places.ledger("intake")
    bureau = ledger.bureau
    research = Research(ledger.home, bureau.origin, bureau.local_day(bureau.now()))
    research.register_keys(bureau)
    pool = FoldingPool(bureau.engine.url.render_as_string(hide_password=False), bureau.people.keyring, 2)
    floor = CopyFloor(places, ledger)
    results: dict[str, list[Sample]] = {}
    blocks: dict[str, list[tuple[int, float]]] = {}
    try:
        with Sequencer(bureau, pool=pool) as sequencer:
            drain(sequencer)
            for name in ("all citizens new", "citizens known, cold", "citizens known, warm"):
                admitters = Admitters(ledger)
                try:
                    if name.endswith("warm"):
                        admitters.remember(_identifiers(research, slices * groups))
                    for number, (files, events) in enumerate(_slices(research, slices, groups)):
                        report.say(f"{name}, slice {number + 1} of {slices}")
                        sample = Sample(events, admitters.admit(files), floor.seconds())
                        results.setdefault(name, []).append(sample)
                        blocks.setdefault(name.split(",", 1)[0], []).append((events, drain(sequencer)))
                finally:
                    admitters.close()
                research.seed = secrets.token_bytes(32)
    finally:
        pool.close()
    for database in ("intake", *(f"floor_{lanes}" for lanes in CONNECTIONS)):
        places.drop(database)  # or autovacuum would be at it while others are measured
    for name, samples in results.items():
        report.add(SECTION, _row(name, samples))
    for name, made in blocks.items():
        report.add(BLOCKS_SECTION, blocks_row(f"research data, {name}", made, report.hashes))


def _row(name: str, samples: list[Sample]) -> Row:
    rate = median([s.events / s.intake_s for s in samples])
    copied = {lanes: median([s.events / s.copy_s[lanes] for s in samples]) for lanes in CONNECTIONS}
    best = max(CONNECTIONS, key=copied.__getitem__)
    each = ", ".join(f"{copied[lanes]:,.0f} over {lanes}" for lanes in CONNECTIONS)
    ratio = median([s.copy_s[best] / s.intake_s for s in samples])
    return Row(name, f"{rate:,.0f} events/s", f"{each} connections, events/s", **at_least(ratio, RATIO_MIN))


def blocks_row(what: str, made: list[tuple[int, float]], hashes: float, processor_s: float = 0.0) -> Row:
    """(events, seconds) of blocks as a line, with the target for events a second; `processor_s` of all processes for them."""
    rate = median([events / seconds for events, seconds in made])
    verdict = {"target": f">= {EVENTS_PER_SECOND_MIN:,}/s", "met": rate >= EVENTS_PER_SECOND_MIN}
    each_us = 1e6 / rate
    used_us = processor_s * 1e6 / sum(events for events, _ in made)
    used = f" ({used_us:.0f} us of processor an event)" if processor_s else ""
    return Row(
        what,
        f"{rate:,.0f} events/s{used}",
        f"SHA-256: {1e6 / hashes:.2f} us",
        f"{each_us * hashes / 1e6:,.0f} hashes",
        **verdict,
    )


def drain(sequencer: Sequencer) -> float:
    """Seconds until everything admitted is in published blocks."""
    began = time.perf_counter()
    while sequencer.step(now=True):
        pass
    return time.perf_counter() - began


def _slices(research: Research, slices: int, groups: int) -> Iterator[tuple[list[Path], int]]:
    """(batch files, events) of one slice after the other; the names of the batches are new each time."""
    path = folder("batches")
    made = research.batches()
    for _ in range(slices):
        files, events = [], 0
        for signer, batch_id, group in itertools.islice(made, 2 * groups):
            body, count = research.body(signer, f"{batch_id}-{secrets.token_hex(4)}", group)
            file = path / f"{batch_id}.batch"
            file.write_bytes(body)
            files.append(file)
            events += count
        yield files, events
        for file in files:
            file.unlink()


def _identifiers(research: Research, groups: int) -> list[str]:
    return [
        client.identifier
        for _, _, group in itertools.islice(research.batches(), 0, 2 * groups, 2)
        for client in group
    ]
