"""Trie tiles: the stored form of the state trie, from which a reader makes a path without the whole trie.

A node at a depth of 0, 4, 8, ... with more than PAGE_MAX leaves below it is stored as a *tile*. It holds its
descendants four levels down, the slots 0 to 15, slot i reached by the bits of i:

    u16be singles || 16 hashes of 32 bytes        514 bytes

A slot's hash is that of its subtree by the compact rule: 32 zero bytes for none, the leaf hash for one
leaf, a node hash for more. Folding the slots up must know which of the last two it is, as a single leaf
moves up past an empty sibling while a node is hashed with it. Bit 15 - i of `singles` says that slot i is
one leaf: one bit is what is missing, as an empty slot shows itself, and the hash of a leaf does not tell
that it is one.

A node at such a depth with PAGE_MAX leaves or fewer is a *page*: there is no tile, its leaves are loaded by
key range. Of 16 and 32 as PAGE_MAX, 32 stores less than half as many tiles at a million accounts, and updates
twice as fast.

A tile has the id (depth, prefix): the first `depth` bits of its keys, padded with zero bits to whole
bytes.

A reader asks for the tiles of `tile_ids(key, depth_max)` in the newest version of its block, walks them with
`descend`, loads the (key, leaf hash) rows from `first_key` to `last_key`, and lets `finish` make the path:

    way = descend(tiles, key)
    path = way.finish([] if way.is_empty else load(way.first_key, way.last_key))

Tiles and leaves must be of the same block; that the path leads to the block's root is the proof that they
are.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from app.core.errors import FormatError
from app.core.state.trie import DEPTH_MAX, EMPTY, HASH_SIZE, Leaf, Path, node_hash, prove, subtree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE_MAX: Final = 32
LEVELS: Final = 4
SLOTS: Final = 1 << LEVELS
TILE_SIZE: Final = 2 + SLOTS * HASH_SIZE

TileId: TypeAlias = tuple[int, bytes]
"""Depth (0, 4, ..., 252) and prefix (depth / 8 bytes, rounded up)."""

# How many leaves a node has, as far as hashing needs to know.
NONE: Final = 0
SINGLE: Final = 1
MANY: Final = 2


@dataclass(frozen=True, slots=True)
class Descent:
    """The part of a path that tiles can tell: down to the node at `depth`, below which the leaves are needed.

    Its leaves are those with `first_key` <= key <= `last_key`, at most PAGE_MAX; none if `is_empty`.
    """

    key: bytes
    depth: int
    siblings: tuple[bytes, ...]
    is_empty: bool

    @property
    def first_key(self) -> bytes:
        return first_key(self.key, self.depth)

    @property
    def last_key(self) -> bytes:
        return (int.from_bytes(self.key, "big") | (1 << DEPTH_MAX - self.depth) - 1).to_bytes(32, "big")

    def finish(self, page_leaves: Sequence[Leaf]) -> Path:
        """The whole path; `page_leaves` are exactly the leaves of the range, sorted by key."""
        rest = prove(page_leaves, self.key, self.depth)
        return Path(self.siblings + rest.siblings, rest.end)


def first_key(key: bytes, depth: int) -> bytes:
    """The first key that can be below the node at `depth` on the way to `key`."""
    below = DEPTH_MAX - depth
    return (int.from_bytes(key, "big") >> below << below).to_bytes(32, "big")


def descend(tiles: Mapping[TileId, bytes], key: bytes) -> Descent:
    """Walk down from the root by the bits of `key` as far as the tiles reach; FormatError for a bad tile."""
    siblings: list[bytes] = []
    bits = int.from_bytes(key, "big")
    depth, kind = 0, MANY
    while kind == MANY and (tile := tiles.get(tile_id(key, depth))) is not None:
        hashes, kinds = fold(tile)
        node, bottom = 1, depth + LEVELS
        while kinds[node] == MANY and depth < bottom:
            depth += 1
            node = node << 1 | bits >> DEPTH_MAX - depth & 1
            siblings.append(hashes[node ^ 1])
        kind = kinds[node]
    return Descent(key, depth, tuple(siblings), kind == NONE)


def path_from(tiles: Mapping[TileId, bytes], page_leaves: Sequence[Leaf], key: bytes) -> Path:
    """The path to `key` from its tiles and the leaves around it; those outside the range are left aside."""
    way = descend(tiles, key)
    first, last = way.first_key, way.last_key
    return way.finish([leaf for leaf in page_leaves if first <= leaf[0] <= last])


def tile_id(key: bytes, depth: int) -> TileId:
    """The id of the tile at `depth` (a multiple of 4) on the way to `key`."""
    if depth % 8:
        return depth, key[: depth // 8] + bytes((key[depth // 8] & 0xF0,))
    return depth, key[: depth // 8]


def tile_ids(key: bytes, depth_max: int) -> list[TileId]:
    """All ids on the way to `key`, from the root to `depth_max`, whether such tiles are stored or not."""
    return [tile_id(key, depth) for depth in range(0, min(depth_max, DEPTH_MAX - LEVELS) + 1, LEVELS)]


def upper_tile_ids(depth_max: int) -> list[TileId]:
    """All ids there can be from the root to `depth_max`, whoever's way they are on."""
    return [
        (depth, (number << -depth % 8).to_bytes((depth + 7) // 8, "big"))
        for depth in range(0, depth_max + 1, LEVELS)
        for number in range(1 << depth)
    ]


@lru_cache(maxsize=4096)  # 15 MiB; the upper tiles are on every path, and lower ones outlive blocks
def fold(tile: bytes) -> tuple[tuple[bytes, ...], tuple[int, ...]]:
    """Hashes and kinds of the 31 nodes of a tile, as a heap: 1 is the top, 16 to 31 are the slots.

    FormatError unless the bytes are a tile: 514, no single leaf marked in an empty slot, two leaves at least.
    """
    if len(tile) != TILE_SIZE:
        raise FormatError(f"A trie tile has {TILE_SIZE} bytes, not {len(tile)}.")
    singles = int.from_bytes(tile[:2], "big")
    hashes, kinds = [EMPTY] * (2 * SLOTS), [NONE] * (2 * SLOTS)
    for slot in range(SLOTS):
        node = tile[2 + slot * HASH_SIZE : 2 + (slot + 1) * HASH_SIZE]
        single = singles >> SLOTS - 1 - slot & 1
        if node == EMPTY and single:
            raise FormatError("A trie tile marks an empty slot as a single leaf.")
        hashes[SLOTS + slot] = node
        kinds[SLOTS + slot] = NONE if node == EMPTY else SINGLE if single else MANY
    for parent in range(SLOTS - 1, 0, -1):
        left, right = 2 * parent, 2 * parent + 1
        kind = kinds[left] + kinds[right]
        if kind >= MANY:
            hashes[parent], kinds[parent] = node_hash(hashes[left], hashes[right]), MANY
        elif kind == SINGLE:
            hashes[parent], kinds[parent] = hashes[left] if kinds[left] else hashes[right], SINGLE
    if kinds[1] != MANY:
        raise FormatError("A trie tile has fewer than two leaves.")
    return tuple(hashes), tuple(kinds)


def tiles_of(
    keys: list[int], hashes: list[bytes], bounds: tuple[int, int], depth: int, touched: list[int]
) -> dict[TileId, bytes]:
    """The tiles above a touched key, from the node at `depth` down, over leaves bounds[0]..bounds[1]-1.

    `keys` and `touched` are sorted; the leaves in the bounds and all of `touched` lie below the node.
    """
    low, high = bounds
    if high - low <= PAGE_MAX or not touched:
        return {}
    found: dict[TileId, bytes] = {}
    slots, singles = [], 0
    below = DEPTH_MAX - depth - LEVELS
    top = keys[low] >> below + LEVELS << LEVELS
    touched_low = 0
    for slot in range(SLOTS):
        end = (top | slot) + 1 << below
        middle, touched_end = bisect_left(keys, end, low, high), bisect_left(touched, end, touched_low)
        slots.append(subtree(keys, hashes, low, middle, depth + LEVELS))
        singles = singles << 1 | (middle - low == 1)
        found |= tiles_of(keys, hashes, (low, middle), depth + LEVELS, touched[touched_low:touched_end])
        low, touched_low = middle, touched_end
    any_key = (top << below).to_bytes(32, "big")
    found[tile_id(any_key, depth)] = singles.to_bytes(2, "big") + b"".join(slots)
    return found
