"""Blocks of 16,384 events for as many different citizens, on a small and on a large ledger; proofs on the large one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import psutil

from app.services.ledger import intake
from app.services.ledger.folding import FoldingPool
from app.services.ledger.sequencer import Sequencer
from app.services.scoring.research import CITIZENS_PER_BATCH, Research, clients
from benchmarks import floors, proving
from benchmarks.intake import BLOCKS_SECTION, blocks_row, drain
from benchmarks.places import Places
from benchmarks.report import Report, Row, at_most, median
from benchmarks.synthetic import Lender

if TYPE_CHECKING:
    from benchmarks.places import Ledger

BLOCK_EVENTS = 16_384
HASHES = 10_000  # a round of the floor between two blocks
ENROLLED_AT_ONCE = 65_535  # a block holds 65,536 events, and so does a batch
SLOWER_MAX = 1.3


class Block(NamedTuple):
    """Seconds that it took, hashes a second just before it, seconds of processor of all who worked for it."""

    seconds: float
    hashes: float
    processor_s: float


@dataclass(frozen=True, slots=True)
class Side:
    """A ledger on a server of its own, who reports to it, its sequencer, and the processes that work for no other."""

    ledger: Ledger
    lender: Lender
    sequencer: Sequencer
    processes: list[psutil.Process]

    def block(self) -> Block:
        """One more, while no other is made."""
        self.lender.report(BLOCK_EVENTS)
        hashes, before_s = floors.hashes(HASHES), self._processor_s()
        seconds = drain(self.sequencer)
        return Block(seconds, hashes, self._processor_s() - before_s)

    def _processor_s(self) -> float:
        """What this process, the folding processes and PostgreSQL have used so far, those that have ended included."""
        own = sum(psutil.Process().cpu_times()[:2])
        family = (each for process in self.processes for each in (process, *process.children(recursive=True)))
        return own + sum(sum(each.cpu_times()[:4]) for each in family)


def measure(report: Report, ledgers: tuple[int, ...], blocks: int, proofs: int) -> None:
    """The small ledger by itself; then the small and the large one by turns, as who else works on this machine comes and
    goes: a turn has a block of each, and compares them.
    """
    with ExitStack() as stack:
        small = _open(report, stack, ledgers[0])
        report.say(f"{blocks} blocks at {ledgers[0]:,} citizens")
        _add_row(report, ledgers[0], [small.block() for _ in range(blocks)])
        if len(ledgers) == 1:
            return
        large = _open(report, stack, ledgers[1])
        of_small: list[Block] = []
        of_large: list[Block] = []
        for number in range(blocks):
            report.say(f"{number} of {blocks} blocks of each by turns")
            turn = [(small, of_small), (large, of_large)]
            for side, made in turn if number % 2 else reversed(turn):
                made.append(side.block())
        _add_row(report, ledgers[1], of_large)
        _compare(report, ledgers, of_small, of_large)
        known = [client.identifier for client in islice(clients(), CITIZENS_PER_BATCH)]
        proving.measure(report, large.ledger.bureau, known[:proofs])


def _open(report: Report, stack: ExitStack, citizens: int) -> Side:
    """A ledger of so many citizens, and a new sequencer that has loaded and checked it."""
    others = set(psutil.Process().children())
    name = f"synthetic_{citizens}"
    ledger = stack.enter_context(Places(f"server_{citizens}")).ledger(name)
    url = ledger.bureau.engine.url.render_as_string(hide_password=False)
    pool = FoldingPool(url, ledger.bureau.people.keyring, 2)
    stack.callback(pool.close)
    lender = _build(report, ledger, pool, citizens)
    sequencer = stack.enter_context(Sequencer(ledger.bureau, pool=pool))
    before_mib = _memory_mib()
    lender.report(BLOCK_EVENTS)
    loaded_s = drain(sequencer)
    what = f"start of a sequencer at {citizens:,} citizens, with its checks and a first block"
    memory = f"this process then has {_memory_mib():,.0f} MiB, before it {before_mib:,.0f}"
    report.add(BLOCKS_SECTION, Row(what, f"{loaded_s:.1f} s ({memory})"))
    return Side(ledger, lender, sequencer, list(set(psutil.Process().children()) - others))


def _add_row(report: Report, citizens: int, made: list[Block]) -> None:
    what = f"{BLOCK_EVENTS:,} events for as many random citizens of {citizens:,}"
    hashes, processor_s = median([block.hashes for block in made]), sum(block.processor_s for block in made)
    each = [(BLOCK_EVENTS, block.seconds) for block in made]
    report.add(BLOCKS_SECTION, blocks_row(what, each, hashes, processor_s))


def _compare(report: Report, ledgers: tuple[int, ...], of_small: list[Block], of_large: list[Block]) -> None:
    slower = median([large.seconds / small.seconds for small, large in zip(of_small, of_large, strict=True)])
    rate = median([BLOCK_EVENTS / block.seconds for block in of_small])
    row = Row(
        f"slower per event at {ledgers[1]:,} than at {ledgers[0]:,}, by turns",
        f"{slower:.2f} times (at {ledgers[0]:,} it was {rate:,.0f} events/s meanwhile)",
        ratio=f"{slower:.2f}",
        **at_most(slower, SLOWER_MAX),
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


def _memory_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20
