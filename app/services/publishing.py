"""The last signed head, copied outside the database, and the publication that lets readers see a block.

The database cannot witness against itself: restored from an older backup it is consistent and wrong. So before a block
is published, its checkpoint is written to `CREDENCE_HOME/head` (fsync, atomic rename), replacing exactly the head that
the block grew from. On start the two are compared:

    the database has the copy's tree, with the copy's root      go on; blocks beyond it are a crash between
                                                                commit and copy: publish them now, by the same code
    the database ends before the copy                           rolled back: refuse to sign
    the database has another root at the copy's size            forked: refuse to sign
    there are blocks and no copy                                the copy was lost: refuse to sign

What to do then is in docs/operations.md, "The sequencer refuses to sign".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core import checkpoint
from app.core.errors import RefusedError
from app.db import ledger

if TYPE_CHECKING:
    from app.db.ledger import StoredBlock
    from app.db.session import Connection
    from app.services.bureau import Bureau

WHAT_TO_DO = "Nothing was signed. What to do: docs/operations.md, 'The sequencer refuses to sign'."


def read_head(bureau: Bureau) -> checkpoint.Checkpoint | None:
    """The copy of the last signed head, its signature checked; None when there is no copy."""
    try:
        note = bureau.home.head.read_bytes()
    except FileNotFoundError:
        return None
    return checkpoint.open_checkpoint(note, bureau.verifier).checkpoint


def compare(bureau: Bureau, connection: Connection) -> None:
    """Refuse (RefusedError) when the database is not the one that signed the head outside it."""
    head = read_head(bureau)
    newest = ledger.newest_block(connection)
    if head is None:
        if newest is None:
            return
        if newest.number == 0 and ledger.newest_published_number(connection) < 0:
            return  # a crash between the commit of the first block and its copy
        message = (
            f"the database holds {newest.number + 1} blocks, but the copy of the last signed head, {bureau.home.head},"
            f" is missing, so nobody can tell whether the database was rolled back. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="head-missing")
    stored = ledger.block_by_size(connection, head.size)
    if stored is None:
        size = newest.tree_size if newest else 0
        message = (
            f"the database was rolled back: its newest tree has {size:,} entries, and a tree of {head.size:,} entries"
            f" was already signed (copy in {bureau.home.head}). Signing now would show two ledgers. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="rolled-back")
    if stored.root != head.root:
        message = (
            f"the database was forked: at {head.size:,} entries its root is {stored.root.hex()}, and"
            f" {head.root.hex()} was signed. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="forked")


def publish(bureau: Bureau, connection: Connection, block: StoredBlock, grew_from: int) -> None:
    """Copy the head of a committed block out of the database, then let readers see it.

    `grew_from` is the tree size of the block before it (0 for none). The copy must hold that head, or already this one
    (a crash between copy and publication); anything else means that two writers are at work: RefusedError.
    """
    head = read_head(bureau)
    head_size = head.size if head is not None else 0
    if head_size != block.tree_size:
        if head_size != grew_from:
            message = (
                f"the copy of the head in {bureau.home.head} is at {head_size:,} entries, but this block grew from"
                f" {grew_from:,}: another sequencer is at work on it. {WHAT_TO_DO}"
            )
            raise RefusedError(message, code="head-moved")
        bureau.home.write(bureau.home.head, block.checkpoint)
    ledger.publish(connection, block.number, block.checkpoint)


def finish_publishing(bureau: Bureau, connection: Connection) -> int:
    """Publish what a crash left committed and unpublished; how many blocks that were."""
    waiting = ledger.unpublished(connection)
    for block in waiting:
        before = ledger.block_by_number(connection, block.number - 1)
        publish(bureau, connection, block, before.tree_size if before else 0)
    return len(waiting)
