"""What was admitted, judged at its place in the log: each batch by the key register of its index (R4), each notice taken in.

Here are also the rows' own order and numbers, and what is admitted and in no block: it is judged as the next block would.
"""

from __future__ import annotations

import datetime as dt
from itertools import chain
from typing import TYPE_CHECKING

from app.core import fields
from app.core.errors import CredenceError
from app.core.log import entries, notices
from app.core.proving.transition.pieces import gathered
from app.services.ledger.audit import batch_audit, layout
from app.services.ledger.audit.batch_audit import WAITING, BatchFacts, Claimed
from app.services.ledger.audit.declared import Declared
from app.services.ledger.audit.destroyed import Destroyed
from app.services.ledger.audit.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.core.log.block import Block
    from app.core.log.note import Verifier
    from app.core.proving.transition.pieces import InOrder
    from app.services.ledger.audit.batch_audit import Judged
    from app.services.ledger.audit.layout import Run
    from app.services.ledger.audit.records import AdmissionRecord
    from app.services.ledger.audit.source import Source

_ADMITTED = (bytes([entries.BATCH]), bytes([entries.NOTICE]))


class Admissions:
    """Goes through what blocks took in, in log order. `batches`, `declared` and `destroyed` are what comes out; what is wrong
    goes into `findings`, a list of the caller's.
    """

    def __init__(
        self,
        source: Source,
        genesis: notices.Genesis,
        witnesses: Iterable[Verifier],
        findings: list[Finding],
        in_order: InOrder,
    ) -> None:
        self.batches: dict[int, BatchFacts] = {}
        self.declared = Declared(source, genesis, witnesses)
        self.destroyed = Destroyed(genesis)
        self._source = source
        self._genesis = genesis
        self._findings = findings
        self._in_order = in_order
        self._newest_admission = self._newest_notice = 0
        self._unaccounted: dict[bytes, int] = {}  # batch and notice entries that no row gives, at their index

    def _found(self, table: str, place: str, what: str) -> None:
        self._findings.append(Finding(table, place, what))

    def take(self, chosen: list[bytes], size: int, runs: list[Run], number: int, block: Block | None) -> None:
        """What the entries of a block say, the first at log index `size`: notices are taken in, batches are judged."""
        for run in runs:
            self._check_place(run, size, len(chosen))
            if run.record.payload is None:  # until it is judged, or when there is nothing to judge
                start, count = run.first_index + 1, len(run.commitments)
                self.batches[run.record.admission] = BatchFacts(
                    run.record.furnisher, start, number, "", count, ()
                )
        at = {run.first_index: run for run in runs}
        judged: list[Claimed] = []
        for index, entry in enumerate(chosen, size):
            if entry[0:1] in _ADMITTED and (index not in at or at[index].first_entry() != entry):
                self._unaccounted[entry] = index
            if entry[:1] == bytes([entries.NOTICE]):
                place = at[index].row[1] if index in at else f"log index {index}"
                destroying = self._take_notice(entry[1:], index, place)
                if destroying is not None:
                    self._say(place, self.destroyed.take(destroying, size, number, place))
            elif entry[:1] == bytes([entries.BATCH]) and index in at and at[index].record.note is not None:
                judged.append(self._claimed(at[index], index))
        pieces = gathered(judged, lambda claimed: 1 + len(claimed.commitments))
        found = self._in_order(batch_audit.judge, pieces)
        for claimed, each in zip(judged, chain.from_iterable(found), strict=True):
            self._take_batch(claimed, each, number, block.time if block else None)

    def take_waiting(self, size: int) -> None:
        """What is admitted and in no block is judged as the next block, which begins at `size`, would judge it."""
        waiting = self._source.waiting()
        index = size
        for record in waiting.admissions:
            self._check_waiting(record, index, waiting.drawn)
            if record.payload is None:
                run = layout.Run(record, index, self._source.commitments(record.admission))
                claimed = self._claimed(run, index)
                (judged,) = batch_audit.judge([claimed])
                self._take_batch(claimed, judged, WAITING, None)
                index += 1 + min(record.event_count or 0, layout.BATCH_EVENTS_MAX)
                continue
            place = f"notice {record.admission}"
            destroying = self._take_notice(record.payload, index, place)
            if destroying is not None:
                self._say(place, self.destroyed.announce(destroying, size, record.admission))
            index += 1

    def _check_place(self, run: Run, size: int, count: int) -> None:
        record, place = run.record, f"admission {run.record.admission}"
        if run.first_entry() is None:
            self._found("placements", place, "neither a batch nor a notice of this id is stored")
        if record.hash is not None and record.payload is not None:
            self._found("notices", f"notice {record.admission}", "a batch has the same id")
        if record.first_index != run.first_index or not size <= run.first_index < size + count - 1:
            what = f"first_index is {record.first_index}, its place in the log is {run.first_index:,}"
            self._found("placements", place, what)
        if record.admission <= self._newest_notice or (
            record.payload is not None and record.admission < self._newest_admission
        ):
            self._found("placements", place, "is not in the order of admission")
        self._newest_admission = max(self._newest_admission, record.admission)
        if record.payload is not None:
            self._newest_notice = max(self._newest_notice, record.admission)

    def _check_waiting(self, record: AdmissionRecord, index: int, drawn: int) -> None:
        """The row of what is in no block."""
        is_batch = record.payload is None
        table = "batches" if is_batch else "notices"
        place = f"{'batch' if is_batch else 'notice'} {record.admission}"
        stands = self._unaccounted.get(layout.Run(record, index, []).first_entry() or b"")
        if stands is not None:
            what = f"missing; what was admitted stands in the log, at log index {stands}"
            self._found("placements", f"admission {record.admission}", what)
        if record.admission > drawn or record.admission <= 0:
            self._found(table, place, "nobody was given this id")
        elif record.admission < (self._newest_notice if is_batch else self._newest_admission):
            self._found(table, place, "is in no block, and what came after it is")
        if not is_batch and record.hash is not None:
            self._found("batches", f"batch {record.admission}", "a notice has the same id")

    def _take_notice(self, payload: bytes, index: int, place: str) -> notices.Destroyed | None:
        """Take a notice at its log index; given back is one that destroys something."""
        try:
            notice = notices.decode(payload)
        except CredenceError as error:
            self._found("notices", place, error.detail)
            return None
        problem = self.declared.take(notice, index, place)
        if problem is not None:
            self._found(*problem)
        return notice if isinstance(notice, notices.Destroyed) else None

    def _say(self, place: str, problem: str) -> None:
        if problem:
            self._found("notices", place, problem)

    def _claimed(self, run: Run, index: int) -> Claimed:
        commitments = [commitment for _, commitment in run.commitments]
        return Claimed(run.record, commitments, self.declared.register, index)

    def _take_batch(
        self, claimed: Claimed, judged: Judged, block: int, block_time: dt.datetime | None
    ) -> None:
        """The batch as its note and receipt were judged at its index (R4)."""
        record, receipt, day = claimed.record, judged.receipt, ""
        problems = list(judged.problems)
        if receipt is not None:
            try:
                local = receipt.admitted_at + dt.timedelta(minutes=self._genesis.utc_offset_minutes)
                day = fields.format_day(local.date())
            except (CredenceError, OverflowError) as error:
                problems.append(f"the receipt: {error}")
            if block_time is not None and block_time > receipt.block_by:
                problems.append("the receipt: the block that it promised came later")
            if block_time is not None and block_time < receipt.admitted_at:
                problems.append("the receipt: it is of a later time than the block")
        for problem in problems:
            self._found("batches", f"batch {record.admission}", problem)
        self.batches[record.admission] = BatchFacts(
            record.furnisher,
            claimed.log_index + 1,
            block,
            day,
            len(claimed.commitments),
            tuple(sorted(judged.roles)),
        )
