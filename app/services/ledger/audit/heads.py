"""A head that somebody kept, held against the ledger as it is now: a witness's, a bank's, an auditor's from last year.

    compare_head(source, ledger_key, note)      None, or what is wrong and, where it can be proved, the file that proves it

A ledger that only grew has a block that ends in exactly that tree. One that was forked may have signed another root for the
very size, and then the two heads prove it (R41); with none of that size, or none so large, a root alone proves nothing, and
only the kept head itself says that there was another history.

Source: docs/formats.md section 15, `contradiction`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.errors import CredenceError
from app.core.log import checkpoint
from app.core.proving.claims.contradiction import build_contradiction

if TYPE_CHECKING:
    from app.core.log.note import Verifier
    from app.services.ledger.audit.source import Source


class Difference(NamedTuple):
    """What is wrong, in a sentence; `proof` is a file of kind contradiction, empty where there is none."""

    said: str
    proof: bytes


def compare_head(source: Source, ledger: Verifier, note: bytes) -> Difference | None:
    """None when a block of the ledger ends in the tree of this checkpoint. SignatureError when the ledger did not sign it."""
    head = checkpoint.open_checkpoint(note, ledger).checkpoint
    first = size = 0
    while page := source.blocks(first):
        for block in page:
            if block.tree_size == head.size:
                return None if block.root == head.root else _forked(head, note, block.checkpoint, ledger)
        first, size = page[-1].number + 1, page[-1].tree_size
    if size < head.size:
        said = (
            f"the ledger has {size:,} entries, and it has signed a head of {head.size:,}: it was rolled back"
        )
    else:
        said = f"no block of the ledger ends at {head.size:,} entries, and it has signed a head of that size: it was forked"
    return Difference(said, b"")


def _forked(head: checkpoint.Checkpoint, note: bytes, other: str, ledger: Verifier) -> Difference:
    said = (
        f"the ledger has another root at {head.size:,} entries than the one that it has signed: it was forked"
    )
    try:
        checkpoint.open_checkpoint(other.encode(), ledger)
    except CredenceError:
        return Difference(said, b"")
    return Difference(said, build_contradiction(note, other.encode()))
