"""The last signed head, copied outside the database, and the publication that lets readers see a block.

The database cannot witness against itself: restored from an older backup it is consistent and wrong. So before a block
is published, its checkpoint is written to `CREDENCE_HOME/head` (fsync, atomic rename), replacing exactly the head that
the block grew from. On start the two are compared:

    the database has the copy's tree, with the copy's root      go on; blocks beyond it are a crash between
                                                                commit and copy: publish them now, by the same code
    the database ends before the copy                           rolled back: refuse to sign
    the database has another root at the copy's size            forked: refuse to sign
    readers have seen more than the copy says                   the copy was replaced by an older one: refuse to sign
    there are blocks and no copy                                the copy was lost: refuse to sign
    a witness keeps a head of ours that the database lacks      the same, though the copy was put back too: refuse to sign

`adopt_head` makes the copy anew from the database, once somebody outside has confirmed the database.

What to do then is in docs/operations.md, "The sequencer refuses to sign".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import CredenceError, NotFoundError, RefusedError
from app.core.log import checkpoint
from app.db import cosignatures, ledger

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
    try:
        return checkpoint.open_checkpoint(note, bureau.verifier).checkpoint
    except CredenceError as error:
        message = (
            f"the copy of the last signed head, {bureau.home.head}, is damaged: {error.detail}. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="head-missing") from error


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
    compare_tree(bureau, connection, head, f"copy in {bureau.home.head}")
    seen = ledger.newest_publication(connection)
    if seen is not None and seen[0].tree_size > head.size:
        message = (
            f"the copy of the head in {bureau.home.head} is at {head.size:,} entries, but {seen[0].tree_size:,} were"
            f" published: an older copy was put in its place, or another sequencer is at work. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="head-moved")


def compare_tree(bureau: Bureau, connection: Connection, head: checkpoint.Checkpoint, whence: str) -> None:
    """Refuse (RefusedError) unless the database has this signed tree."""
    stored = ledger.block_by_size(connection, head.size)
    if stored is not None and stored.root == head.root:
        return
    newest = ledger.newest_block(connection)
    size = newest.tree_size if newest else 0
    if size < head.size:
        message = (
            f"the database was rolled back: its newest tree has {size:,} entries, and a tree of {head.size:,} entries"
            f" was already signed ({whence}). Signing now would show two ledgers. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="rolled-back")
    has = "no block ends there" if stored is None else f"its root is {stored.root.hex()}"
    message = (
        f"the database was forked: at {head.size:,} entries {has}, and {head.root.hex()} was signed ({whence}) as"
        f" {bureau.origin}. {WHAT_TO_DO}"
    )
    raise RefusedError(message, code="forked")


def compare_memory(
    bureau: Bureau, connection: Connection, witness: str, kept: checkpoint.Checkpoint | None, size: int | None
) -> None:
    """Refuse when the database is not the one whose heads a witness has seen: `kept` is a head with our signature that it
    shows, `size` the bare number that it names.
    """
    if kept is not None:
        compare_tree(bureau, connection, kept, f"head kept by the witness {witness}")
        return
    newest = ledger.newest_block(connection)
    tree_size = newest.tree_size if newest else 0
    if size is not None and size > tree_size:
        message = (
            f"the witness {witness} has cosigned a tree of {size:,} entries, and the newest tree of the database has"
            f" {tree_size:,}: it was rolled back, or the witness is wrong. {WHAT_TO_DO}"
        )
        raise RefusedError(message, code="behind-witness")


def adopt_head(bureau: Bureau, outside: bytes) -> checkpoint.Checkpoint:
    """Make a lost or outdated copy of the head anew, from the newest published block; the head that it then holds.

    `outside` is a checkpoint of this ledger from somebody who does not share its fate: a witness, a regulator, the
    newest proof that a bank holds. The database must have that tree, and the tree of a copy that is there; so this
    never gets past a rollback that either of them knows. Only while no sequencer is at work. Raises RefusedError,
    SignatureError, FormatError, NotFoundError.
    """
    head = checkpoint.open_checkpoint(outside, bureau.verifier).checkpoint
    with bureau.transaction() as connection:
        if not ledger.try_sequencer_lock_for_transaction(connection):
            raise RefusedError("a sequencer is at work: stop it first", code="sequencer-running")
        compare_tree(bureau, connection, head, "the checkpoint that was given")
        copy = _readable_head(bureau)
        if copy is not None:
            compare_tree(bureau, connection, copy, f"copy in {bureau.home.head}")
        newest = ledger.newest_publication(connection)
        if newest is None:
            raise NotFoundError(
                "no block was published yet, so there is no head to copy", code="no-checkpoint"
            )
        bureau.home.write(bureau.home.head, newest[0].checkpoint)
    return checkpoint.parse_note(newest[0].checkpoint.encode())


def _readable_head(bureau: Bureau) -> checkpoint.Checkpoint | None:
    """The copy of the head unless it is missing or damaged."""
    try:
        return read_head(bureau)
    except RefusedError:
        return None


def publish(bureau: Bureau, connection: Connection, block: StoredBlock, grew_from: int) -> None:
    """Copy the head of a committed block out of the database, then let readers see it. Where witnesses are configured, those
    of proofs see it when `app.services.ledger.cosigning` shows it.

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
    if not bureau.home.witnesses.exists():
        cosignatures.show(connection, block.number)


def finish_publishing(bureau: Bureau, connection: Connection) -> int:
    """Publish what a crash left committed and unpublished; how many blocks that were."""
    waiting = ledger.unpublished(connection)
    for block in waiting:
        before = ledger.block_by_number(connection, block.number - 1)
        publish(bureau, connection, block, before.tree_size if before else 0)
    newest = ledger.newest_published_number(connection)
    if (
        newest >= 0 and not bureau.home.witnesses.exists()
    ):  # there may have been some, and a block that waits for them
        cosignatures.show(connection, newest)
    return len(waiting)
