"""Growing the stored log: which full tiles come into being, and what the partial ones at the right edge become.

The edge has one partial tile a level, `level -> (tile index, data)`, the entry bundle as level -1, hashes from level 0 up.
Its data is empty just after a tile was filled. New entries go into the edge; what fills up leaves it as a full tile,
whose root goes into the edge one level up. (C2SP tlog-tiles; a full tile is 256 wide.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.core.errors import FormatError
from app.core.log import merkle
from app.core.log.tiles import ENTRIES, TILE_WIDTH, decode_bundle, encode_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Edge: TypeAlias = "dict[int, tuple[int, bytes]]"
FullTile: TypeAlias = "tuple[int, int, bytes]"


def grow(
    edge: Mapping[int, tuple[int, bytes]],
    tree_size: int,
    entries: Sequence[bytes],
    leaf_hashes: Sequence[bytes],
) -> tuple[list[FullTile], Edge]:
    """Append entries to a log of `tree_size`: (full tiles as (level, index, data), the new edge)."""
    new_edge: Edge = dict(edge)
    full = _grow_bundles(new_edge, tree_size, entries)
    level, hashes = 0, list(leaf_hashes)
    while hashes:
        index, data = new_edge.get(level, (0, b""))
        row = [data[at : at + 32] for at in range(0, len(data), 32)] + hashes
        hashes = []
        while len(row) >= TILE_WIDTH:
            tile, row = row[:TILE_WIDTH], row[TILE_WIDTH:]
            full.append((level, index, b"".join(tile)))
            hashes.append(merkle.root(tile))
            index += 1
        new_edge[level] = (index, b"".join(row))
        level += 1
    return full, new_edge


def _grow_bundles(edge: Edge, tree_size: int, entries: Sequence[bytes]) -> list[FullTile]:
    index, data = edge.get(ENTRIES, (0, b""))
    full: list[FullTile] = []
    start, room = 0, TILE_WIDTH - tree_size % TILE_WIDTH
    while len(entries) - start >= room:
        full.append((ENTRIES, index, data + encode_bundle(entries[start : start + room])))
        start, room, data, index = start + room, TILE_WIDTH, b"", index + 1
    edge[ENTRIES] = (index, data + encode_bundle(entries[start:]))
    return full


def check_edge(edge: Mapping[int, tuple[int, bytes]], tree_size: int) -> bool:
    """Whether an edge has the shape of a tree of this size, and its entries the leaf hashes that stand beside them."""
    if edge.keys() != {ENTRIES, *range(_levels(tree_size))}:
        return False
    for level, (index, data) in edge.items():
        full, width = divmod(tree_size >> 8 * max(level, 0), TILE_WIDTH)
        if index != full or (level != ENTRIES and len(data) != 32 * width):
            return False
    try:
        entries = decode_bundle(edge[ENTRIES][1], tree_size % TILE_WIDTH)
    except FormatError:
        return False
    return b"".join(map(merkle.leaf_hash, entries)) == edge[0][1]


def _levels(tree_size: int) -> int:
    """How many levels of hash tiles a tree has."""
    return (tree_size.bit_length() + 7) // 8


def frontier(edge: Mapping[int, tuple[int, bytes]], tree_size: int) -> merkle.Frontier:
    """The tree of this size from its partial tiles alone: they hold a hash for every bit of the size."""
    hashes: list[bytes] = []
    for level in range(_levels(tree_size) - 1, -1, -1):
        data = edge[level][1]
        row = [data[at : at + 32] for at in range(0, len(data), 32)]
        hashes.extend(merkle.Frontier().append_many(row).hashes)
    return merkle.Frontier(tree_size, tuple(hashes))
