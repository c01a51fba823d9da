"""The public log of a ledger read as a furnisher reads it."""

from __future__ import annotations

from app.core.log import checkpoint, tiles
from app.core.proving.log_search import LogSearch
from app.services.ledger import public_log


def searched(bureau, batch_hash, commitments=()):
    """(the search over all published entries, the signed head that they lead to)."""
    note = public_log.checkpoint(bureau)
    head, search = checkpoint.parse_note(note), LogSearch(batch_hash, commitments)
    for tile in tiles.tiles_of(tiles.ENTRIES, head.size):
        search.take(tiles.decode_bundle(public_log.tile(bureau, tile.path), tile.width))
    assert (search.size, search.root) == (head.size, head.root)
    return search, note
