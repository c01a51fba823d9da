"""The entries of one block, twice: as the rows give them and as the log's bundles hold them.

    rows      batch hash, commitment, commitment, ..., notice, ..., block       each admission at its place
    log       what stands in the entry bundles between the block before and this one's last entry

Where the two differ, one was changed after the block was signed, and the signed root says which: the one whose tree has it.
So the replay goes on with what was signed, and a change is one finding and not one for every later entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from app.core.log import entries, merkle, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.services.ledger.audit.records import AdmissionRecord, BlockRecord

BATCH_EVENTS_MAX = 65_536
SHOWN_MAX = 20


class Run(Struct, frozen=True):
    """An admission at its place: the log index of its first entry and (position, commitment) of its events."""

    record: AdmissionRecord
    first_index: int
    commitments: list[tuple[int, bytes]]

    @property
    def row(self) -> tuple[str, str]:
        """(table, place) of the admission."""
        if self.first_entry() is None:
            return "placements", f"admission {self.record.admission}"
        table = "notices" if self.record.payload is not None else "batches"
        return table, f"{'notice' if table == 'notices' else 'batch'} {self.record.admission}"

    def first_entry(self) -> bytes | None:
        """The entry that the row gives; None when the row is missing or gives none."""
        if self.record.payload is not None:
            return bytes([entries.NOTICE]) + self.record.payload
        return None if self.record.hash is None else bytes([entries.BATCH]) + self.record.hash


class Chosen(Struct, frozen=True):
    """The entries to go on with. `problems`: (table, place, what)."""

    entries: list[bytes]
    problems: list[tuple[str, str, str]]


def read_bundles(
    read: Callable[[int, int], list[tuple[int, bytes]]], first: int, stop: int
) -> list[bytes | None]:
    """The stored entries with first <= log index < stop, None where there is none.

    Each bundle is taken apart leniently: a damaged length is a difference in this bundle, and shifts no other.
    """
    width = tiles.TILE_WIDTH
    low, high = first // width, -(-stop // width)
    stored: list[bytes | None] = [None] * ((high - low) * width)
    for index, data in read(low, high):
        at = 0
        parsed: list[bytes] = []
        while at + 2 <= len(data) and len(parsed) < width:
            length = int.from_bytes(data[at : at + 2], "big")
            parsed.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        start = (index - low) * width
        stored[start : start + len(parsed)] = parsed
    return stored[first - low * width : stop - low * width]


def place(
    admissions: Sequence[AdmissionRecord],
    commitments: Mapping[int, list[tuple[int, bytes]]],
    size: int,
    stored: Sequence[bytes | None],
) -> list[Run]:
    """Each admission where the log has it; else where its placement says; else behind the one before."""
    known = {entry: size + n for n, entry in enumerate(stored) if entry and entry[0] != entries.EVENT}
    runs, running = [], size
    for record in admissions:
        rows = commitments.get(record.admission, []) if record.payload is None else []
        run = Run(record, running, rows)
        said, entry = record.first_index, run.first_entry()
        assert said is not None, "a placed admission has a place"
        within = 0 <= said - size < len(stored)
        if within and stored[said - size] in (entry, None):
            at = said
        elif entry is not None and entry in known:
            at = known[entry]
        else:
            at = said if within else running
        runs.append(Run(record, at, rows))
        running = at + 1 + min(record.event_count or len(rows), BATCH_EVENTS_MAX)
    return sorted(runs, key=lambda run: run.first_index)


def expected(runs: Sequence[Run], block: BlockRecord, size: int, count: int) -> list[bytes | None]:
    """The `count` entries from log index `size` on as the rows give them; None where no row gives any."""
    wanted: list[bytes | None] = [None] * count
    for run in runs:
        start = run.first_index - size
        if not 0 <= start < count:
            continue
        wanted[start] = run.first_entry()
        for position, commitment in run.commitments:
            if 0 <= position < BATCH_EVENTS_MAX and start + 1 + position < count - 1:
                # not `event_entry`: a row under audit may hold any bytes
                wanted[start + 1 + position] = bytes([entries.EVENT]) + commitment
    wanted[count - 1] = bytes([entries.BLOCK]) + block.entry
    return wanted


def choose(
    wanted: list[bytes | None],
    stored: list[bytes | None],
    frontier: merkle.Frontier,
    roots: set[bytes],
    describe: Callable[[int], tuple[str, str]],
) -> Chosen:
    """Which of the two to go on with; `roots` are those that are signed for this size."""
    if wanted == stored and None not in wanted:
        return Chosen([entry for entry in wanted if entry is not None], [])
    from_rows = [b"" if entry is None else entry for entry in _merge(wanted, stored)]
    from_log = [b"" if entry is None else entry for entry in _merge(stored, wanted)]
    rows_signed, log_signed = (_root(frontier, candidate) in roots for candidate in (from_rows, from_log))
    chosen = from_rows if rows_signed and not log_signed else from_log
    problems = []
    differing = [n for n, pair in enumerate(zip(wanted, stored, strict=True)) if pair[0] != pair[1]]
    for n in differing[:SHOWN_MAX]:
        index = frontier.size + n
        table, row = describe(index)
        bundle = f"entries, tile {index // tiles.TILE_WIDTH}, log index {index}"
        if stored[n] is None:
            problems.append(("tiles", bundle, f"missing; {table} ({row}) stands there"))
        elif wanted[n] is None:
            problems.append((table, row, f"no row accounts for the entry at log index {index}"))
        elif rows_signed:
            problems.append(("tiles", bundle, f"was changed: {table} ({row}) gives what was signed"))
        elif log_signed:
            problems.append((table, row, f"was changed: the log holds what was signed, at log index {index}"))
        else:
            problems.append(
                (table, row, f"is not what the log holds at log index {index}; one of the two was changed")
            )
            problems.append(
                ("tiles", bundle, f"is not what {table} ({row}) gives; one of the two was changed")
            )
    if len(differing) > SHOWN_MAX:
        where = f"log indices {frontier.size} to {frontier.size + len(wanted) - 1}"
        problems.append(("tiles", where, f"{len(differing):,} entries are not what the rows give"))
    return Chosen(chosen, problems)


def _merge(first: Sequence[bytes | None], second: Sequence[bytes | None]) -> list[bytes | None]:
    return [b if a is None else a for a, b in zip(first, second, strict=True)]


def _root(frontier: merkle.Frontier, candidate: Sequence[bytes]) -> bytes:
    return frontier.append_many(merkle.leaf_hash(entry) for entry in candidate).root()
