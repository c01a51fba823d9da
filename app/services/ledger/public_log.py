"""The public log: the newest checkpoint, tiles and entry bundles, to the byte of C2SP tlog-tiles.

Nothing beyond the newest published tree is shown, even if the sequencer has committed it already. A partial tile is the
prefix of whatever wider one is stored, so the partial tiles of every published checkpoint stay available.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import NotFoundError
from app.core.log import tiles
from app.db import ledger

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.bureau import Bureau


def checkpoint(bureau: Bureau) -> bytes:
    """The newest published checkpoint. Raises NotFoundError before the first block."""
    with bureau.transaction() as connection:
        newest = ledger.newest_publication(connection)
    if newest is None:
        raise NotFoundError("no block was published yet", code="no-checkpoint")
    return newest[1].encode()


def tile(bureau: Bureau, path: str) -> bytes:
    """A tile or entry bundle by its path (`tile/0/x001/234.p/5`). Raises FormatError or NotFoundError."""
    wanted = tiles.parse_tile_path(path)
    with bureau.transaction() as connection:
        newest = ledger.newest_publication(connection)
        published = newest[0].tree_size if newest else 0
        return read_tile(connection, wanted, published)


def read_tile(connection: Connection, wanted: tiles.TileId, published: int) -> bytes:
    """A tile of the published tree, cut to the width asked for. Raises NotFoundError."""
    height = 8 * max(wanted.level, 0)
    stored = None
    if wanted.index * tiles.TILE_WIDTH + wanted.width <= published >> height:
        stored = ledger.read_tile(connection, wanted.level, wanted.index)
    if stored is None:
        raise NotFoundError(f"{wanted.path} is not in the log of {published:,} entries", code="no-tile")
    if wanted.level == tiles.ENTRIES:
        return cut_bundle(stored, wanted.width)
    return stored[: 32 * wanted.width]


def log_reader(connection: Connection, size: int) -> tiles.TileReader:
    """The hashes of the tree of a published size, from its tiles."""
    return tiles.TileReader(size, lambda wanted: read_tile(connection, wanted, size))


def cut_bundle(data: bytes, width: int) -> bytes:
    """The first `width` entries of a bundle."""
    end = 0
    for _ in range(width):
        end += 2 + int.from_bytes(data[end : end + 2], "big")
    return data[:end]
