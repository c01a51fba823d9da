"""The sequencer's state trie: all accounts in memory, one root and the changed tiles for every block.

The trie is cut at a depth D, chosen so that a node there has one or two leaves on average. Above the cut,
level L is one bytearray of 2^L hashes and one of 2^L kinds (no leaf, one, more). Below it, the leaves of
each node are one `bytes`, key || leaf hash, sorted by key: a *bucket*. A million accounts take about 150
bytes each.

    levels 0..D   hashes[L][32*i : 32*i + 32] is the node at depth L whose L bits are i
    buckets       2^D strings of 64 bytes a leaf

An update writes the changed leaves into their buckets, hashes the changed buckets, and then goes up level
by level over the nodes that changed, each hashed once. The children of a node lie side by side, and so do
the 16 slots of a tile, so both are single slices. When the accounts have outgrown D, everything is built
anew, deeper; that happens once per doubling. The root and the tiles do not depend on D.

Keys are outputs of a VRF and thus spread evenly; nobody can choose them. For keys that are not, all stays
exact, and slow: a crowded bucket is hashed whole at every change in it. Deletions do not exist. Example:

    trie = Trie.from_items(rows sorted by key)
    changed = trie.update({key: leaf_hash, ...})
    changed.root, changed.tiles

The memory is ahead of the database from `update` until the transaction commits. If that fails, drop the trie
and build it from the rows again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Final

from app.core.errors import FormatError
from app.core.state.trie import HASH_SIZE, NODE_PREFIX, Leaf, subtree
from app.core.state.trie_tiles import LEVELS, MANY, PAGE_MAX, SINGLE, TileId, tiles_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_LEAF_SIZE: Final = 2 * HASH_SIZE
_CUT_MIN: Final = 8
_CUT_MAX: Final = 28
_store: Final = Struct("32s").pack_into  # faster than assigning to a slice
_SINGLES: Final = bytes(ord("1") if kind == SINGLE else ord("0") for kind in range(256))


@dataclass(frozen=True, slots=True)
class Changed:
    """What an update did: the new root, and all tiles that are new or different, by id."""

    root: bytes
    tiles: dict[TileId, bytes]


class Trie:
    """A state trie in memory. Build it with `from_items`; `Trie()` is empty."""

    __slots__ = ("_buckets", "_counts", "_cut", "_hashes", "_kinds", "_size")

    def __init__(self) -> None:
        self._fill(b"", _CUT_MIN)

    @classmethod
    def from_items(cls, items: Iterable[Leaf]) -> Trie:
        """The trie over (key, leaf hash) pairs in ascending order of keys; FormatError if they are not."""
        trie = cls()
        leaves = bytearray()
        before = b""
        for key, leaf in items:
            if len(key) != HASH_SIZE or len(leaf) != HASH_SIZE or key <= before:
                raise FormatError(
                    "A trie is built from 32-byte keys and hashes, each key once, in ascending order."
                )
            before = key
            leaves += key
            leaves += leaf
        trie._fill(bytes(leaves), _cut_for(len(leaves) // _LEAF_SIZE))
        return trie

    def __len__(self) -> int:
        return self._size

    @property
    def root(self) -> bytes:
        return bytes(self._hashes[0])

    def get(self, key: bytes) -> bytes | None:
        """The leaf hash of `key`, or None."""
        bucket = self._buckets[int.from_bytes(key[:4], "big") >> 32 - self._cut]
        at = _find(bucket, key)
        return bucket[at + HASH_SIZE : at + _LEAF_SIZE] if at >= 0 else None

    def items(self) -> Iterator[Leaf]:
        """All (key, leaf hash) pairs in ascending order of keys."""
        for bucket in self._buckets:
            for at in range(0, len(bucket), _LEAF_SIZE):
                yield bucket[at : at + HASH_SIZE], bucket[at + HASH_SIZE : at + _LEAF_SIZE]

    def tiles(self) -> dict[TileId, bytes]:
        """All tiles of the present trie, for the first block and for audits."""
        touched: list[Sequence[int]] = [range(1 << level) for level in range(self._cut + 1)]
        return self._tiles(touched, [key for key, _ in self.items()])

    def update(self, changes: Mapping[bytes, bytes]) -> Changed:
        """Set the leaf hashes of `changes` (32 bytes each, keys old or new); FormatError on other sizes."""
        if any(len(key) != HASH_SIZE for key in changes) or any(
            len(leaf) != HASH_SIZE for leaf in changes.values()
        ):
            raise FormatError("A trie has keys and leaf hashes of 32 bytes.")
        if self._size + len(changes) > 2 << self._cut:
            self._make_room(changes)
        keys = sorted(changes)
        touched = self._propagate(self._write(keys, changes))
        return Changed(self.root, self._tiles(touched, keys))

    def _write(self, keys: list[bytes], changes: Mapping[bytes, bytes]) -> list[int]:
        """Put the changes into their buckets; the indices of these, ascending."""
        buckets, shift = self._buckets, 32 - self._cut
        touched: list[int] = []
        index_before = -1
        for key in keys:
            index = int.from_bytes(key[:4], "big") >> shift
            if index != index_before:
                touched.append(index)
                index_before = index
            bucket = buckets[index]
            at = _find(bucket, key)
            if at >= 0:
                buckets[index] = bucket[: at + HASH_SIZE] + changes[key] + bucket[at + _LEAF_SIZE :]
                continue
            at = 0
            while at < len(bucket) and bucket[at : at + HASH_SIZE] < key:
                at += _LEAF_SIZE
            buckets[index] = bucket[:at] + key + changes[key] + bucket[at:]
            self._size += 1
            for depth, counts in self._counts.items():
                counts[index >> self._cut - depth] += 1
        return touched

    def _propagate(self, touched: list[int]) -> list[Sequence[int]]:
        """Hash the touched buckets and all nodes above them; the touched nodes of each level, by level."""
        by_level: list[Sequence[int]] = [touched]
        self._hash_buckets(touched)
        for level in range(self._cut - 1, -1, -1):
            touched = self._hash_level(level, touched)
            by_level.append(touched)
        by_level.reverse()
        return by_level

    def _hash_buckets(self, touched: list[int]) -> None:
        buckets, cut = self._buckets, self._cut
        hashes, kinds = self._hashes[cut], self._kinds[cut]
        first_bit = 7 - cut % 8
        for index in touched:
            bucket = buckets[index]
            if len(bucket) == _LEAF_SIZE:
                node = bucket[HASH_SIZE:]
                kinds[index] = SINGLE
            elif len(bucket) == 2 * _LEAF_SIZE and (bucket[cut // 8] ^ bucket[64 + cut // 8]) >> first_bit:
                # Two leaves that part at the cut already, which is every other bucket of two: one node.
                node = sha256(NODE_PREFIX + bucket[32:64] + bucket[96:]).digest()
                kinds[index] = MANY
            else:
                keys, leaves = _columns(bucket)
                node = subtree(keys, leaves, 0, len(keys), cut)
                kinds[index] = MANY
            _store(hashes, index << 5, node)

    def _hash_level(self, level: int, touched: list[int]) -> list[int]:
        """Hash the nodes at `level` above the touched ones of the level below; their indices, ascending."""
        above, kinds_above = self._hashes[level], self._kinds[level]
        below, kinds_below = self._hashes[level + 1], self._kinds[level + 1]
        hash_of, prefix, store = sha256, NODE_PREFIX, _store  # local names: this loop is where the time goes
        parents: list[int] = []
        index_before = -1
        for child in touched:
            index = child >> 1
            if index == index_before:
                continue
            index_before = index
            parents.append(index)
            pair = below[index << 6 : (index + 1) << 6]
            left, right = kinds_below[index << 1], kinds_below[index << 1 | 1]
            if left + right >= MANY:
                store(above, index << 5, hash_of(prefix + pair).digest())
                kinds_above[index] = MANY
            else:  # one leaf moves up, and its sibling is empty
                store(above, index << 5, pair[:HASH_SIZE] if left else pair[HASH_SIZE:])
                kinds_above[index] = SINGLE
        return parents

    def _tiles(self, touched: list[Sequence[int]], keys: list[bytes]) -> dict[TileId, bytes]:
        """The tiles of the touched nodes; `touched` by level, `keys` the touched keys, all ascending."""
        tiles: dict[TileId, bytes] = {}
        for depth, counts in self._counts.items():
            pad, size = -depth % 8, (depth + 7) // 8
            if depth + LEVELS > self._cut:
                for index in touched[depth]:
                    if counts[index] > PAGE_MAX:
                        tiles |= self._deep_tiles(depth, index, keys)
                continue
            hashes, kinds = self._hashes[depth + LEVELS], self._kinds[depth + LEVELS]
            for index in touched[depth]:
                if counts[index] > PAGE_MAX:
                    singles = int(kinds[index << 4 : (index + 1) << 4].translate(_SINGLES), 2)
                    slots = hashes[index << 9 : (index + 1) << 9]
                    tiles[depth, (index << pad).to_bytes(size, "big")] = singles.to_bytes(2, "big") + slots
        return tiles

    def _deep_tiles(self, depth: int, index: int, keys: list[bytes]) -> dict[TileId, bytes]:
        """The touched tiles at and below a node whose slots lie below the cut, from its leaves."""
        span = self._cut - depth
        columns = _columns(b"".join(self._buckets[index << span : (index + 1) << span]))
        below = 256 - depth
        first, last = index << below, (index + 1 << below) - 1
        low = bisect_left(keys, first.to_bytes(HASH_SIZE, "big"))
        high = bisect_right(keys, last.to_bytes(HASH_SIZE, "big"))
        touched = [int.from_bytes(key, "big") for key in keys[low:high]]
        return tiles_of(*columns, (0, len(columns[0])), depth, touched)

    def _make_room(self, changes: Mapping[bytes, bytes]) -> None:
        size = self._size + sum(self.get(key) is None for key in changes)
        if size > 2 << self._cut:
            self._fill(b"".join(self._buckets), _cut_for(size))

    def _fill(self, leaves: bytes, cut: int) -> None:
        """Build everything from sorted leaves of 64 bytes, cut at depth `cut`."""
        self._cut, self._size = cut, len(leaves) // _LEAF_SIZE
        self._hashes = [bytearray(HASH_SIZE << level) for level in range(cut + 1)]
        self._kinds = [bytearray(1 << level) for level in range(cut + 1)]
        self._buckets = [b""] * (1 << cut)
        touched: list[int] = []
        start, shift, index = 0, 32 - cut, -1
        for at in range(0, len(leaves), _LEAF_SIZE):
            index_here = int.from_bytes(leaves[at : at + 4], "big") >> shift
            if index_here != index:
                if index >= 0:
                    self._buckets[index] = leaves[start:at]
                touched.append(index_here)
                start, index = at, index_here
        if index >= 0:
            self._buckets[index] = leaves[start:]
        self._counts = {depth: array("Q", bytes(8 << depth)) for depth in range(0, cut + 1, LEVELS)}
        for depth, counts in self._counts.items():
            for index in touched:
                counts[index >> cut - depth] += len(self._buckets[index]) // _LEAF_SIZE
        self._propagate(touched)


def _cut_for(size: int) -> int:
    """The depth at which a node has one or two of `size` evenly spread leaves."""
    return min(max(size.bit_length() - 1, _CUT_MIN), _CUT_MAX)


def _find(bucket: bytes, key: bytes) -> int:
    """The offset of the leaf of `key` in a bucket, or -1."""
    at = bucket.find(key)
    while at % _LEAF_SIZE and at >= 0:  # the bytes of the key also straddle other leaves
        at = bucket.find(key, at + 1)
    return at


def _columns(bucket: bytes) -> tuple[list[int], list[bytes]]:
    ends = range(0, len(bucket), _LEAF_SIZE)
    keys = [int.from_bytes(bucket[at : at + HASH_SIZE], "big") for at in ends]
    return keys, [bucket[at + HASH_SIZE : at + _LEAF_SIZE] for at in ends]
