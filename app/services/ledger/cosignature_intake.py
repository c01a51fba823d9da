"""Cosignatures that come by themselves: from witnesses of the declared policy that have no address to be asked at.

An auditor who follows the ledger block by block (`credence audit --follow --cosign`) serves nothing. Its key is in the
policy like any witness's, without an address, and what it cosigns it sends: the checkpoint as this ledger signed it, with its
line behind. The line is verified and kept beside the others, and counts for the quorum like them.

    credence.example/ledger
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — credence.example/ledger Az3grl...
    — auditor.example jWbPPwAAAABk...

A head with our own signature that our database does not have is proof of a fork or a rollback, whoever sends it.

Source: C2SP tlog-cosignature, tlog-policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from app.core.errors import FormatError, NotFoundError, RefusedError, SignatureError
from app.core.log import checkpoint, cosignature
from app.core.log.block import Block
from app.core.log.note import open_note
from app.core.log.policy import Policy
from app.db import cosignatures, ledger
from app.services.ledger import publishing, witness_policy

if TYPE_CHECKING:
    from app.core.log.note import NoteSignature
    from app.db.ledger import StoredBlock
    from app.db.session import Connection
    from app.services.bureau import Bureau

NOTE_BYTES_MAX: Final = 1 << 16
CLOCK_S_MAX: Final = 300

log = structlog.get_logger()


def receive(bureau: Bureau, note: bytes) -> bytes:
    """Keep what witnesses of the declared policy have added to a published head; that head with all its cosignatures.

    Raises FormatError, SignatureError (not signed by us, or by no witness of the policy, or with another time than now),
    NotFoundError (no policy, or none that speaks for this block), RefusedError (a head that contradicts our database).
    """
    if len(note) > NOTE_BYTES_MAX:
        raise FormatError(f"a cosigned checkpoint is longer than {NOTE_BYTES_MAX} bytes")
    head = checkpoint.open_checkpoint(note, bureau.verifier).checkpoint
    with bureau.transaction() as connection:
        block = _published(bureau, connection, head)
        policy = _policy(connection, block)
        lines = _lines(bureau, note, policy, block)
        for line in lines:
            cosignatures.insert(connection, block.number, line)
        kept = {
            (each.name, each.key_id)
            for each in cosignatures.of_blocks(connection, block.number, block.number)[block.number]
        }
        by = [w.name for w in policy.witnesses if (w.verifier.name, w.verifier.key_id) in kept]
        if policy.satisfied(by):
            cosignatures.show(connection, block.number)
        published = ledger.publication(connection, block.number)
    assert published is not None, "it was published above"
    return published.encode()


def _published(bureau: Bureau, connection: Connection, head: checkpoint.Checkpoint) -> StoredBlock:
    try:
        publishing.compare_tree(bureau, connection, head, "a checkpoint that was sent with cosignatures")
    except RefusedError as error:
        log.warning("cosignature", problem=error.detail)
        raise
    block = ledger.block_by_size(connection, head.size)
    if block is None or ledger.publication(connection, block.number) is None:
        raise NotFoundError(f"no published head has {head.size} entries", code="no-checkpoint")
    return block


def _policy(connection: Connection, block: StoredBlock) -> Policy:
    """The declared policy, if its notice is in the block's tree: the audit counts on it."""
    file = witness_policy.declared(connection)
    index = None if file is None else witness_policy.first_index(connection, file)
    if file is None or index is None or index >= block.tree_size:
        raise NotFoundError(
            "this ledger has declared no witnesses for this head, so it takes no cosignatures",
            code="no-witnesses",
        )
    return Policy.parse(file)


def _lines(bureau: Bureau, note: bytes, policy: Policy, block: StoredBlock) -> list[NoteSignature]:
    """The lines by witnesses of the policy, verified, made between the block and now."""
    witnesses = {witness.verifier for witness in policy.witnesses}
    opened = open_note(note, [bureau.verifier, *witnesses])
    lines = [good.signature for good in opened.verified if good.verifier in witnesses]
    if not lines:
        raise SignatureError("no witness of this ledger's policy has cosigned", code="unknown-key")
    first_s, last_s = (
        Block.parse(block.entry).time.timestamp() - CLOCK_S_MAX,
        bureau.now().timestamp() + CLOCK_S_MAX,
    )
    for line in lines:
        if not first_s <= cosignature.split_time(line.signature)[0] <= last_s:
            raise SignatureError("a cosignature's time is not between the block's and now", code="stale")
    return lines
