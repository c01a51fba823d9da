r"""Multiproofs of the state trie: many leaves at once, their old values and the new ones, from one root to the next.

A transition touches a set of keys: some are in the trie and get another value, some are new. The proof is the old trie
seen from its root with everything left out that no touched key needs, in preorder. `apply` walks it with the touched keys
in their order, so it knows at each node whether one of them lies below, and the proof says only what it cannot know:

    no touched key below       0    empty                            1    anything else: a hash
    some touched key below     00   empty: all of them are new       01   one leaf, itself touched
                               10   one leaf, not touched: its key and value (a new key is about to split it)
                               11   two leaves or more: both children follow

    proof    u32be(bytes of bits) || bits, the first the most significant, padded with zeros || hashes as they come

The other leaf is shown with key and value, not as a hash: a leaf that could be claimed to have another key would be
moved to where nobody looks for it. With the keys 0100... and 1... in the trie, 00... new and 1... changed:

    root 11;  0...: 10 with (0100..., value);  1...: 01                     bits 111001 and 64 bytes

`apply` takes the changes one by one and keeps only the way from the root to where it is; so does whoever makes them.
A leaf never leaves the trie. At a million leaves and a thousand touched keys it is about 350 bytes a key.

Source: docs/formats.md, section 17.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.errors import FormatError, ProofError
from app.core.state import trie, trie_tiles
from app.core.state.trie import DEPTH_MAX, EMPTY, HASH_SIZE, leaf_hash, node_hash
from app.core.state.trie_tiles import LEVELS, MANY, SINGLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LEAF_HERE: Final = 1  # 0: empty
_LEAF_OTHER: Final = 2
_INNER: Final = 3


class Change(NamedTuple):
    """A touched key with its value before (None: it was not there) and after; 32 bytes each."""

    key: bytes
    old: bytes | None
    new: bytes


class Applied(NamedTuple):
    """The roots before and after, and how many of the keys are new."""

    old_root: bytes
    new_root: bytes
    added: int


# ---- building


class StoredTrie:
    """A trie as it is stored: its tiles, and the leaves, (key, value) sorted by key, of each page that a touched key is in.

    Without tiles the leaves are all that there are. FormatError for leaves out of order.
    """

    def __init__(
        self, leaves: Sequence[tuple[bytes, bytes]], tiles: Mapping[trie_tiles.TileId, bytes]
    ) -> None:
        self._tiles = tiles
        self._leaves = leaves
        self._keys, self._hashes = trie.Page.of([(key, leaf_hash(key, value)) for key, value in leaves])

    def kind(self, depth: int, bits: int) -> int:
        """NONE, SINGLE or MANY: how many leaves are below the node whose first `depth` bits are `bits`."""
        tile, place = self._tile(depth, bits)
        if tile is not None:
            return trie_tiles.fold(tile)[1][place]
        low, high = self._range(depth, bits)
        return min(high - low, MANY)

    def hash(self, depth: int, bits: int) -> bytes:
        """The hash of that node."""
        tile, place = self._tile(depth, bits)
        if tile is not None:
            return trie_tiles.fold(tile)[0][place]
        low, high = self._range(depth, bits)
        return trie.subtree(self._keys, self._hashes, low, high, depth)

    def _tile(self, depth: int, bits: int) -> tuple[bytes | None, int]:
        """The tile that a node is in, and its place there; None where no tile reaches."""
        above = (depth - 1) // LEVELS * LEVELS if depth else 0
        key = (bits << DEPTH_MAX - depth).to_bytes(HASH_SIZE, "big")
        down = depth - above
        return self._tiles.get(trie_tiles.tile_id(key, above)), 1 << down | bits & (1 << down) - 1

    def leaf(self, depth: int, bits: int) -> tuple[bytes, bytes]:
        """(key, value) of the only leaf below a node. FormatError when it is not at hand."""
        low, high = self._range(depth, bits)
        if high - low != 1:
            raise FormatError("The stored trie has another number of leaves than its tiles say.")
        return self._leaves[low]

    def _range(self, depth: int, bits: int) -> tuple[int, int]:
        below = DEPTH_MAX - depth
        low = bisect_left(self._keys, bits << below)
        return low, bisect_left(self._keys, bits + 1 << below, low)


def build(stored: StoredTrie, touched: Iterable[bytes]) -> bytes:
    """The multiproof for these keys (32 bytes each), in the trie or not."""
    keys = sorted({int.from_bytes(key, "big") for key in touched})
    bits: list[int] = []
    hashes: list[bytes] = []

    def visit(depth: int, prefix: int, low: int, high: int) -> None:
        if low == high:
            node = stored.hash(depth, prefix)
            bits.append(int(node != EMPTY))
            hashes.extend([node] if node != EMPTY else [])
            return
        kind = stored.kind(depth, prefix)
        if kind == MANY:
            bits.extend((1, 1))
            middle = bisect_left(keys, (prefix << 1 | 1) << DEPTH_MAX - depth - 1, low, high)
            visit(depth + 1, prefix << 1, low, middle)
            visit(depth + 1, prefix << 1 | 1, middle, high)
        elif kind == SINGLE:
            key, value = stored.leaf(depth, prefix)
            at = bisect_left(keys, int.from_bytes(key, "big"), low, high)
            here = at < high and keys[at] == int.from_bytes(key, "big")
            bits.extend((0, 1) if here else (1, 0))
            hashes.extend([] if here else [key, value])
        else:
            bits.extend((0, 0))

    visit(0, 0, 0, len(keys))
    return _encode(bits, hashes)


def build_untouched(root: bytes) -> bytes:
    """The multiproof for no key at all, of a trie of which the root is known."""
    return _encode([int(root != EMPTY)], [root] if root != EMPTY else [])


def _encode(bits: Sequence[int], hashes: Sequence[bytes]) -> bytes:
    packed = bytearray(-(-len(bits) // 8))
    for place, bit in enumerate(bits):
        packed[place >> 3] |= bit << 7 - (place & 7)
    return len(packed).to_bytes(4, "big") + bytes(packed) + b"".join(hashes)


# ---- applying


def apply(proof: bytes, changes: Iterable[Change]) -> Applied:
    """The roots that the proof leads to, with the old values and with the new ones; `changes` in ascending order of keys.

    FormatError for a proof that is none, ProofError when it does not go with the changes. Which root the old one has to
    be, the caller knows.
    """
    walk = _Walk(proof, changes)
    old, new = walk.node(0, 0)
    walk.finish()
    return Applied(old, new, walk.added)


class _Walk:
    """One pass over a proof and its changes."""

    def __init__(self, proof: bytes, changes: Iterable[Change]) -> None:
        size = int.from_bytes(proof[:4], "big")
        self._hashes_from = 4 + size
        if len(proof) < self._hashes_from or (len(proof) - self._hashes_from) % HASH_SIZE:
            raise FormatError("A multiproof is bits and whole hashes.")
        self._proof = proof
        self._bit, self._at = 0, self._hashes_from
        self._changes = iter(changes)
        self._last = -1
        self.added = 0
        self._next: tuple[int, Change] | None = None
        self._pull()

    def node(self, depth: int, prefix: int) -> tuple[bytes, bytes]:
        """(old hash, new hash) of the node whose first `depth` bits are `prefix`."""
        if not self._is_below(depth, prefix):
            node = self._hash() if self._bits(1) else EMPTY
            return node, node
        kind = self._bits(2)
        if kind != _INNER:
            return self._end(kind, depth, prefix)
        if depth == DEPTH_MAX:
            raise ProofError("A multiproof goes deeper than its keys.")
        old_left, new_left = self.node(depth + 1, prefix << 1)
        old_right, new_right = self.node(depth + 1, prefix << 1 | 1)
        return node_hash(old_left, old_right), node_hash(new_left, new_right)

    def _end(self, kind: int, depth: int, prefix: int) -> tuple[bytes, bytes]:
        """Where the old trie has one leaf or none, and the touched keys below it are new, all but that leaf's."""
        old = EMPTY
        leaves: list[tuple[bytes, bytes]] = []
        if kind == _LEAF_OTHER:
            key, value = self._hash(allow_empty=True), self._hash(allow_empty=True)
            if int.from_bytes(key, "big") >> DEPTH_MAX - depth != prefix:
                raise ProofError("A multiproof shows a leaf that does not belong where it stands.")
            old = leaf_hash(key, value)
            leaves.append((key, old))
        found = kind != _LEAF_HERE
        while self._is_below(depth, prefix):
            change = self._take()
            if change.old is None:
                self.added += 1
            elif found:
                raise ProofError(f"The multiproof has no leaf where {change.key.hex()} should have one.")
            else:
                old, found = leaf_hash(change.key, change.old), True
            leaves.append((change.key, leaf_hash(change.key, change.new)))
        if not found:
            raise ProofError("The multiproof has a leaf where all keys are said to be new.")
        keys, hashes = trie.Page.of(sorted(leaves))
        return old, trie.subtree(keys, hashes, 0, len(keys), depth)

    def finish(self) -> None:
        """Nothing may be left over."""
        rest = -self._bit % 8
        if self._bits(rest) or 4 + (self._bit >> 3) != self._hashes_from or self._at != len(self._proof):
            raise FormatError("A multiproof has more in it than the changes need.")

    def _is_below(self, depth: int, prefix: int) -> bool:
        return self._next is not None and self._next[0] >> DEPTH_MAX - depth == prefix

    def _take(self) -> Change:
        assert self._next is not None, "asked for only when there is one"
        change = self._next[1]
        self._pull()
        return change

    def _pull(self) -> None:
        change = next(self._changes, None)
        if change is None:
            self._next = None
            return
        key = int.from_bytes(change.key, "big")
        if len(change.key) != HASH_SIZE or key <= self._last:
            raise FormatError("The changes of a trie come in ascending order of their keys, each key once.")
        self._next, self._last = (key, change), key

    def _bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            at = 4 + (self._bit >> 3)
            if at >= self._hashes_from:
                raise FormatError("A multiproof has too few bits.")
            value = value << 1 | self._proof[at] >> 7 - (self._bit & 7) & 1
            self._bit += 1
        return value

    def _hash(self, *, allow_empty: bool = False) -> bytes:
        node = self._proof[self._at : self._at + HASH_SIZE]
        if len(node) != HASH_SIZE:
            raise FormatError("A multiproof has too few hashes.")
        if node == EMPTY and not allow_empty:
            raise FormatError("A multiproof says an empty subtree in one way only.")
        self._at += HASH_SIZE
        return node
