"""Blocks of 16,384 events for as many different citizens, on a small and on a large ledger; proofs on the large one."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import psutil

from app.services.ledger import intake
from app.services.ledger.folding import FoldingPool
from app.services.ledger.sequencer import Sequencer
from app.services.scoring.research import CITIZENS_PER_BATCH, Research, clients
from benchmarks import floors, proving
from benchmarks.intake import BLOCKS_SECTION, blocks_row, drain
from benchmarks.report import Report, Row, at_most, median
from benchmarks.synthetic import Lender

if TYPE_CHECKING:
    from benchmarks.places import Ledger, Places

BLOCK_EVENTS = 16_384
HASHES = 10_000  # a round of the floor between two blocks
ENROLLED_AT_ONCE = 65_535  # a block holds 65,536 events, and so does a batch
SLOWER_MAX = 1.3


class Blocks(NamedTuple):
    """(events, seconds) of each block, hashes a second between them, processor time of all processes for them."""

    made: list[tuple[int, float]]
    hashes: float
    processor_s: float


def measure(report: Report, places: Places, ledgers: tuple[int, ...], blocks: int, proofs: int) -> None:
    each_s: dict[int, float] = {}
    for citizens in ledgers:
        name = f"synthetic_{citizens}"
        ledger = places.ledger(name)
        pool = FoldingPool(
            ledger.bureau.engine.url.render_as_string(hide_password=False), ledger.bureau.people.keyring, 2
        )
        try:
            lender = _build(report, ledger, pool, citizens)
            report.say(f"{blocks} blocks at {citizens:,} citizens")
            measured = _blocks(report, ledger, pool, lender, blocks)
        finally:
            pool.close()
        each_s[citizens] = median([seconds / events for events, seconds in measured.made])
        what = f"{BLOCK_EVENTS:,} events for as many random citizens of {citizens:,}"
        report.add(BLOCKS_SECTION, blocks_row(what, *measured))
        if citizens == max(ledgers) and len(ledgers) > 1:
            known = [client.identifier for client in islice(clients(), CITIZENS_PER_BATCH)]
            proving.measure(report, ledger.bureau, known[:proofs])
        places.drop(name)
    if len(ledgers) > 1:
        small, large = min(ledgers), max(ledgers)
        slower = each_s[large] / each_s[small]
        verdict = at_most(slower, SLOWER_MAX)
        row = Row(
            f"slower per event at {large:,} than at {small:,}",
            f"{slower:.2f} times",
            ratio=f"{slower:.2f}",
            **verdict,
        )
        report.add(BLOCKS_SECTION, row)


def _build(report: Report, ledger: Ledger, pool: FoldingPool, citizens: int) -> Lender:
    """Research citizens through intake, the others by COPY, all of them in blocks; then what autovacuum would have done."""
    bureau = ledger.bureau
    research = Research(ledger.home, bureau.origin, bureau.local_day(bureau.now()))
    research.register_keys(bureau)
    for signer, batch_id, group in islice(research.batches(), 2):
        intake.admit(bureau, research.body(signer, batch_id, group)[0])
    lender = Lender(bureau)
    with Sequencer(bureau, pool=pool) as sequencer:
        while len(lender) + CITIZENS_PER_BATCH < citizens:
            lender.enrol(min(ENROLLED_AT_ONCE, citizens - CITIZENS_PER_BATCH - len(lender)))
            drain(sequencer)
            report.say(f"{len(lender):,} of {citizens:,} citizens")
    with ledger.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return lender


def _blocks(report: Report, ledger: Ledger, pool: FoldingPool, lender: Lender, count: int) -> Blocks:
    """A new sequencer loads and checks the ledger, then makes one block of each batch."""
    with Sequencer(ledger.bureau, pool=pool) as sequencer:
        lender.report(BLOCK_EVENTS)
        began = time.perf_counter()
        drain(sequencer)
        loaded_s = time.perf_counter() - began
        made, hashes, processor_s = [], [], 0.0
        for _ in range(count):
            lender.report(BLOCK_EVENTS)
            hashes.append(floors.hashes(HASHES))
            before_s = _processor_s()
            made.append((BLOCK_EVENTS, drain(sequencer)))
            processor_s += _processor_s() - before_s
        memory_mib = psutil.Process().memory_info().rss / 2**20
    citizens = len(lender) + CITIZENS_PER_BATCH
    what = f"start of a sequencer at {citizens:,} citizens, with its checks and a first block"
    report.add(BLOCKS_SECTION, Row(what, f"{loaded_s:.1f} s (this process then has {memory_mib:,.0f} MiB)"))
    return Blocks(made, median(hashes), processor_s)


def _processor_s() -> float:
    """What this process, the folding processes and PostgreSQL have used so far."""
    this = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (this, *this.children(recursive=True)))
