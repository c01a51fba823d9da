"""Live figures of the ledger, and whether it is fit to serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.log.block import Block
from app.db import ledger, migrate
from app.db.session import DATABASE_ERRORS

if TYPE_CHECKING:
    import datetime as dt

    from app.db.session import Connection
    from app.services.bureau import Bureau


@dataclass(frozen=True, slots=True)
class Figures:
    """What the newest published block closes; the last fields are None before the first block."""

    origin: str
    events: int
    citizens: int
    batches: int
    furnishers: int
    blocks: int
    tree_size: int
    root: bytes
    last_block_time: dt.datetime | None
    as_of: dt.date | None


def figures(bureau: Bureau) -> Figures:
    """Counts over published blocks."""
    with bureau.transaction() as connection:
        newest = ledger.newest_publication(connection)
        counted = _counted(bureau, connection, newest[0].number if newest else -1)
    if newest is None:
        return Figures(bureau.origin, 0, 0, 0, 0, 0, 0, b"", None, None)
    stored = newest[0]
    block = Block.parse(stored.entry)
    return Figures(
        origin=bureau.origin,
        events=counted.events,
        citizens=block.accounts,
        batches=counted.batches,
        furnishers=counted.furnishers,
        blocks=stored.number + 1,
        tree_size=stored.tree_size,
        root=stored.root,
        last_block_time=block.time,
        as_of=block.as_of,
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Totals up to a block, kept by each process: only newer blocks are counted again."""

    block: int = -1
    events: int = 0
    batches: int = 0
    furnishers: int = 0


def _counted(bureau: Bureau, connection: Connection, newest: int) -> Counted:
    before = bureau.counted or Counted()
    if before.block == newest:
        return before
    events, batches = ledger.count_between(connection, before.block, newest)
    bureau.counted = Counted(
        newest, before.events + events, before.batches + batches, ledger.count_furnishers(connection)
    )
    return bureau.counted


def ready(bureau: Bureau) -> list[str]:
    """What is missing for serving; empty when nothing is."""
    try:
        with bureau.transaction() as connection:
            published = ledger.newest_published_number(connection)
            sequencer = ledger.sequencer_is_alive(connection)
        version = migrate.current(bureau.engine.url.render_as_string(hide_password=False))
    except (*DATABASE_ERRORS, OSError) as error:
        return [f"the database does not answer: {type(error).__name__}"]
    problems = []
    if version != migrate.head():
        problems.append("the database's tables are not up to date: run `credence migrate`")
    if published < 0:
        problems.append("no block was published yet")
    if not sequencer:
        problems.append("no sequencer is at work")
    return problems
