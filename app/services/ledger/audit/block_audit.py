"""One block, audited: what its entry says against the replay, and the checkpoints over it.

The signed checkpoint carries exactly one signature, the ledger's. The published one is the same note, and behind it there
may be cosignatures by witnesses of a policy that the ledger has published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from app.core import fields
from app.core.errors import CredenceError
from app.core.log import checkpoint
from app.core.log.block import Block
from app.core.log.block_rules import shown
from app.core.log.note import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.core.log.note import Verifier


class BlockFacts(Struct, frozen=True):
    """What the replay of citizens and of the trie has to know of a block; `state` is None, and
    `leaf_hash` empty, when no entry can be read.
    """

    number: int
    day: str
    scorecard: bytes
    state: bytes | None
    accounts: int
    leaf_hash: bytes = b""
    rules: bytes = b""


def read_entry(candidates: Sequence[bytes], number: int) -> Block | None:
    """The first of these documents that is a block of this number, else the first that is a block at all."""
    blocks = []
    for document in candidates:
        try:
            blocks.append(Block.parse(document))
        except CredenceError:
            continue
    return next((block for block in blocks if block.number == number), blocks[0] if blocks else None)


def facts_of(block: Block | None, number: int, before: BlockFacts | None) -> BlockFacts:
    """What the others have to know; of a block that cannot be read, what held before it."""
    if block is not None:
        return BlockFacts(
            number,
            fields.format_day(block.as_of),
            block.scorecard,
            block.state,
            block.accounts,
            block.leaf_hash(),
            block.rules,
        )
    if before is not None:
        return BlockFacts(number, before.day, before.scorecard, None, before.accounts, rules=before.rules)
    return BlockFacts(number, "1900-01-01", b"", None, 0)


def signed_root(note: str | None, ledger_key: Verifier, size: int) -> bytes | None:
    """The root for this size in a checkpoint that the ledger signed; None when there is none."""
    try:
        head = checkpoint.open_checkpoint((note or "").encode(), ledger_key).checkpoint
    except CredenceError:
        return None
    return head.root if head.size == size else None


def check_checkpoint(note: str, wanted: checkpoint.Checkpoint, ledger_key: Verifier) -> list[str]:
    """The checkpoint as the sequencer signed it."""
    try:
        opened = checkpoint.open_checkpoint(note.encode(), ledger_key)
        if len(split(note.encode())[1]) != 1:
            return ["the checkpoint carries more than the ledger's signature"]
    except CredenceError as error:
        return [f"the checkpoint: {error.detail}"]
    if opened.checkpoint != wanted:
        head = opened.checkpoint
        signed = f"{head.size:,} entries with root {shown(head.root)}"
        return [f"the checkpoint signs {signed}, the replay gives {wanted.size:,} with {shown(wanted.root)}"]
    return []


def check_published(
    note: str,
    signed: str | None,
    wanted: checkpoint.Checkpoint,
    ledger_key: Verifier,
    witnesses: Iterable[Verifier],
) -> list[str]:
    """The checkpoint that readers get: the signed one, and behind it cosignatures by known witnesses."""
    try:
        opened = checkpoint.open_checkpoint(note.encode(), ledger_key, witnesses)
    except CredenceError as error:
        return [f"the checkpoint: {error.detail}"]
    if opened.checkpoint != wanted:
        return [f"publishes a tree of {opened.checkpoint.size:,} entries that is not this block's"]
    if signed is not None and not note.startswith(signed):
        return ["is not the checkpoint that was signed"]
    if len(split(note.encode())[1]) != 1 + len(opened.cosignatures):
        return ["carries a signature line that nobody can check"]
    return []
