"""Scoring whole populations: fold and score in one process, the second engine beside the reference, a switch of cards."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from app.core.reporting.batch import parse_batch
from app.core.reporting.events import decode_stored
from app.core.scoring.fold import fold_owned
from app.core.scoring.folded import File, encode_file, reopen_file
from app.core.scoring.profiles import CN
from app.core.scoring.score import score_file
from app.core.scoring.scorecard import expert_card, make_card
from app.services.home import Home
from app.services.ledger import intake
from app.services.ledger.cards import Publication, publish_card
from app.services.ledger.folding import FoldingPool
from app.services.ledger.sequencer import Sequencer
from app.services.scoring.population import Columns, score_columns
from app.services.scoring.research import CITIZENS_PER_BATCH, Research
from benchmarks.places import folder
from benchmarks.report import Report, Row, at_least, median

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.synchronize import Barrier

    from app.core.reporting.event_base import Event
    from benchmarks.places import Ledger, Places

    Life = list[tuple[int, Event]]

SECTION = "Scoring a population"
DAY = "2026-11-22"
ROUNDS = 5
ROUND_FILES = 60_000  # in each process: a round should take longer than a time slice
REFERENCE_FILES = 2_000
IN_COLUMNS, IN_PORTION = 4_096, 2_048
EVENTS_MIN, FILES_MIN = 60_000, 200_000


def measure(report: Report, citizens: int) -> None:
    """On so many research clients, all events of whom are folded in memory."""
    lives = _lives(citizens)
    files = [fold_owned(File(), life) for life in lives]
    _measure_fold(report, lives)
    data = [encode_file(file) for file in files]
    reference = {
        "columns": median(_rates(lambda: _by_reference(files[:REFERENCE_FILES]), REFERENCE_FILES)),
        "bytes": median(
            _rates(lambda: _by_reference(map(reopen_file, data[:REFERENCE_FILES])), REFERENCE_FILES)
        ),
    }
    report.say("the second engine")
    for what, kind in (
        ("columns to scores, bins, points, reasons and `until`", "columns"),
        ("the same, and a `Scored` object each", "objects"),
        ("bytes of files to columns to `Scored` objects", "bytes"),
    ):
        floor = reference["bytes" if kind == "bytes" else "columns"]
        for processes in (1, 2):
            rates, each_us = _in_processes(kind, data, processes)
            rate = median(rates)
            verdict = at_least(rate, FILES_MIN) if (kind, processes) == ("columns", 2) else {}
            row = Row(
                f"{what}, {'one process' if processes == 1 else 'two processes'}",
                f"{rate:,.0f} files/s ({each_us:.1f} us of processor a file)",
                f"reference, one process: {floor:,.0f} files/s",
                **verdict | {"ratio": f"{rate / floor:.1f} times"},
            )
            report.add(SECTION, row)


def _lives(citizens: int) -> list[Life]:
    research = Research(Home(folder("population")), "ledger.example/research", dt.date.fromisoformat(DAY))
    lives: dict[str, Life] = defaultdict(list)
    for signer, batch_id, group in islice(research.batches(), 2 * -(-citizens // CITIZENS_PER_BATCH)):
        for index, line in enumerate(parse_batch(research.body(signer, batch_id, group)[0]).lines):
            event = decode_stored(line)
            lives[event.citizen].append((index, event))
    return list(lives.values())


def _measure_fold(report: Report, lives: Sequence[Life]) -> None:
    card, events = expert_card(), sum(map(len, lives))
    few = lives[: len(lives) // 20]

    def fold_all() -> None:
        for life in lives:
            fold_owned(File(), life)

    def fold_and_score() -> None:
        for life in lives:
            score_file(fold_owned(File(), life), DAY, card, CN)

    def score_each() -> None:
        for life in few:
            file = File()
            for item in life:
                score_file(fold_owned(file, [item]), DAY, card, CN)

    for what, call, count, least in (
        ("fold, no score", fold_all, events, None),
        ("fold, and score each account once, as a block does", fold_and_score, events, EVENTS_MIN),
        ("fold, and score after every single event", score_each, sum(map(len, few)), EVENTS_MIN),
    ):
        rate = median(_rates(call, count))
        verdict = {} if least is None else at_least(rate, least) | {"ratio": ""}
        name = f"{what}, one process without the database"
        report.add(SECTION, Row(name, f"{rate:,.0f} events/s", **verdict))


def _by_reference(files: object) -> None:
    card = expert_card()
    for file in files:
        score_file(file, DAY, card, CN)


def _rates(call: Callable[[], object], count: int) -> list[float]:
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        rates.append(count / (time.perf_counter() - began))
    return rates


# ---- the second engine, in processes of its own
# --------------------------------------------------------------------------------------------------


def _in_processes(kind: str, data: Sequence[bytes], processes: int) -> tuple[list[float], float]:
    """(files a second of all processes together in several rounds that begin at one moment, processor time a file)."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    pipes, workers = [], []
    for number in range(processes):
        ours, theirs = context.Pipe()
        share = data[number::processes]
        worker = context.Process(target=_work, args=(theirs, barrier, kind, share), daemon=True)
        worker.start()
        pipes.append(ours)
        workers.append(worker)
    took = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join()
    rates = [len(data) / max(seconds for seconds, _ in each) for each in zip(*took, strict=True)]
    spent = [sum(processor for _, processor in each) for each in zip(*took, strict=True)]
    return rates, 1e6 * median(spent) / len(data)


def _work(pipe: object, barrier: Barrier, kind: str, data: Sequence[bytes]) -> None:
    card = expert_card()
    columns = [Columns.of_json(data[at : at + IN_COLUMNS]) for at in range(0, len(data), IN_COLUMNS)]
    portions = [data[at : at + IN_PORTION] for at in range(0, len(data), IN_PORTION)]

    def once() -> None:
        if kind == "bytes":
            for portion in portions:
                score_columns(Columns.of_json(portion), DAY, card, CN).scored()
            return
        for each in columns:
            found = score_columns(each, DAY, card, CN)
            if kind == "objects":
                found.scored()

    took, repeats = [], 1 + ROUND_FILES // len(data)
    for _ in range(ROUNDS):
        barrier.wait()
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            once()
        took.append(((time.perf_counter() - began) / repeats, (time.process_time() - spent) / repeats))
    pipe.send(took)


# ---- a switch
# --------------------------------------------------------------------------------------------------


def measure_switch(report: Report, places: Places, citizens: int) -> None:
    """Everybody is scored anew by another card, in one block."""
    ledger = places.ledger("switch")
    bureau = ledger.bureau
    url = bureau.engine.url.render_as_string(hide_password=False)
    pool = FoldingPool(url, bureau.people.keyring, 2)
    try:
        research = Research(ledger.home, bureau.origin, bureau.local_day(bureau.now()))
        research.register_keys(bureau)
        for signer, batch_id, group in islice(research.batches(), 2 * -(-citizens // CITIZENS_PER_BATCH)):
            intake.admit(bureau, research.body(signer, batch_id, group)[0])
        with Sequencer(bureau, pool=pool) as sequencer:
            while sequencer.step(now=True):
                pass
            took = [_switch(ledger, sequencer, number) for number in range(3)]
    finally:
        pool.close()
    seconds = median(took)
    what = f"a block that scores {citizens:,} accounts by another card, two folding processes"
    report.add(SECTION, Row(what, f"{seconds:.1f} s ({citizens / seconds:,.0f} accounts/s)"))
    places.drop("switch")


def _switch(ledger: Ledger, sequencer: Sequencer, number: int) -> float:
    bureau = ledger.bureau
    contents = expert_card().contents
    card = make_card(type(contents)(300, contents.criteria, f"Another {number}", 850, 1))
    with bureau.transaction() as connection:
        today = bureau.local_day(bureau.now())
        publish_card(connection, Publication(card.document, "champion", today), bureau.now())
    began = time.perf_counter()
    assert sequencer.step(now=True)
    return time.perf_counter() - began
