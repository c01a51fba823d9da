r"""RFC 6962 Merkle trees: roots, proofs, and the compact range that a growing log carries along.

    leaf hash = SHA-256(0x00 || entry)          empty tree = SHA-256("")
    node hash = SHA-256(0x01 || left || right)

A tree of n leaves splits at the largest power of two below n. So every subtree that a proof names is a row of
complete subtrees; (level, position) names the complete one over the leaves from position << level to
(position + 1) << level:

    level 2            (2,0)
                   /           \
    level 1     (1,0)         (1,1)                 a tree of 7 leaves: its root is
               /     \       /     \                H(H(2,0), H((1,2), (0,6)))
    level 0  (0,0) (0,1)  (0,2) (0,3)  ...

To prove something, first plan which complete subtrees are needed, then read them all at once from a
`HashReader`, then compute: storage is asked one question, and this module knows nothing of storage.

A `Frontier` is the list of complete subtrees of a tree, largest first: enough to go on appending and to know
the root, 32 bytes for each bit that is set in the size.

Source: RFC 6962 section 2.1; verification after RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from app.core.errors import FormatError, ProofError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HASH_BYTES = 32
SIZE_MAX = 2**63 - 1
PROOF_HASHES_MAX = 64  # a consistency proof in a tree of SIZE_MAX leaves has at most this many hashes
EMPTY_ROOT = hashlib.sha256(b"").digest()


class NodeId(NamedTuple):
    """A complete subtree: the leaves from position << level, 1 << level of them; 0 <= level <= 62."""

    level: int
    position: int


class HashReader(Protocol):
    """Where the hashes of complete subtrees come from."""

    def read_hashes(self, nodes: Sequence[NodeId]) -> Sequence[bytes]:
        """One 32-byte hash for each node, in order."""


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def pair_up(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes one level up of an even number of hashes. This is the inner loop of everything here."""
    sha256 = hashlib.sha256
    pairs = iter(hashes)
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in order.

    Going level by level and carrying an odd last node up unchanged gives the tree of RFC 6962, because all
    that is left of its split points is complete.
    """
    hashes = list(leaf_hashes)
    if not hashes:
        return EMPTY_ROOT
    while len(hashes) > 1:
        odd = [hashes.pop()] if len(hashes) % 2 else []
        hashes = pair_up(hashes) + odd
    return hashes[0]


def subtrees(start: int, end: int) -> Iterator[NodeId]:
    """The complete subtrees, largest first, of a subtree [start, end) of an RFC 6962 tree."""
    while start < end:
        level = (end - start).bit_length() - 1
        assert start % (1 << level) == 0, (start, end)
        yield NodeId(level, start >> level)
        start += 1 << level


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over a row of complete subtrees, largest first."""
    if not hashes:
        return EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


def tree_root(size: int, reader: HashReader) -> bytes:
    """The root of the tree of `size` leaves."""
    assert 0 <= size <= SIZE_MAX, size
    return fold(reader.read_hashes(list(subtrees(0, size))))


def inclusion_proof(index: int, size: int, reader: HashReader) -> list[bytes]:
    """The audit path of leaf `index` (0 <= index < size), leaf's sibling first. RFC 6962 section 2.1.1."""
    return subtree_proof(0, index, size, reader)


def subtree_proof(level: int, index: int, size: int, reader: HashReader) -> list[bytes]:
    """The path of the complete subtree of 2**level leaves with this index: the upper part of each of its leaves' paths."""
    assert 0 <= index << level < size <= SIZE_MAX, (level, index, size)
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1 << level:
        middle = start + _split(end - start)
        if index << level < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return _read_ranges(ranges[::-1], reader)


def consistency_proof(old_size: int, new_size: int, reader: HashReader) -> list[bytes]:
    """The proof that the tree of `old_size` leaves begins that of `new_size`. RFC 6962 section 2.1.2.

    Empty for old_size 0 and for equal sizes, as in C2SP tlog-witness.
    """
    assert 0 <= old_size <= new_size <= SIZE_MAX, (old_size, new_size)
    if old_size in (0, new_size):
        return []
    ranges: list[tuple[int, int]] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:  # otherwise the last subtree is the old tree itself, whose root the verifier knows
        ranges.append((start, end))
    return _read_ranges(ranges[::-1], reader)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """ProofError unless `proof` puts the leaf hash `leaf` at `index` of the tree with that size and root."""
    if root_from_inclusion(leaf, index, size, proof) != expected_root:
        raise ProofError("an inclusion proof leads to another root")


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to; ProofError when its length does not fit index and size."""
    if not 0 <= index < size <= SIZE_MAX:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    result = leaf
    for sibling, is_left in _climb(index, size - 1, proof):
        result = node_hash(sibling, result) if is_left else node_hash(result, sibling)
    return result


def verify_subtree(  # noqa: PLR0917 - as `verify_inclusion`, and a level
    node: bytes, level: int, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """ProofError unless `proof` puts the hash of a complete subtree of 2**level leaves at its `index`. The nodes of a level,
    with the incomplete one at the end, are the leaves of a tree of the same shape.
    """
    if (index + 1) << level > size:
        raise ProofError(f"a tree of {size} has no complete subtree {index} at level {level}")
    verify_inclusion(node, index, -(-size >> level), proof, expected_root)


def inclusion_sides(index: int, size: int) -> list[bool]:
    """For each hash of an inclusion proof, in order, whether it is on the left: all that index and size are needed for."""
    assert 0 <= index < size, (index, size)
    if size == 1:
        return []
    half = _split(size)
    return (
        [*inclusion_sides(index, half), False]
        if index < half
        else [*inclusion_sides(index - half, size - half), True]
    )


def root_from_sides(leaf: bytes, proof: Sequence[bytes], sides: Sequence[bool]) -> bytes:
    """The root that a path with its sides leads to; for trees whose size nobody has signed."""
    result = leaf
    for sibling, is_left in zip(proof, sides, strict=True):
        result = node_hash(sibling, result) if is_left else node_hash(result, sibling)
    return result


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """ProofError unless `proof` shows that the old tree begins the new one."""
    if not 0 <= old_size <= new_size <= SIZE_MAX:
        raise ProofError(f"a tree of {old_size} leaves cannot begin a tree of {new_size}")
    if old_size in (0, new_size):
        if proof:
            raise ProofError("a consistency proof between these sizes is empty")
        if old_root != (new_root if old_size == new_size else EMPTY_ROOT):
            raise ProofError("a tree has two roots for one size")
        return
    path = list(proof)
    if old_size.bit_count() == 1:  # the old tree is complete: its root is a node of the new tree
        path.insert(0, old_root)
    if not path:
        raise ProofError("a Merkle proof is too short")
    node, last = old_size - 1, new_size - 1
    while node % 2:  # start at the largest complete subtree that ends with the old tree
        node, last = node >> 1, last >> 1
    old_result = new_result = path[0]
    for sibling, is_left in _climb(node, last, path[1:]):
        new_result = node_hash(sibling, new_result) if is_left else node_hash(new_result, sibling)
        if is_left:
            old_result = node_hash(sibling, old_result)
    if old_result != old_root or new_result != new_root:
        raise ProofError("a consistency proof leads to other roots")


def _climb(node: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """(sibling, whether it is on the left) on the way up from `node` on a level whose last node is `last`."""
    for sibling in proof:
        if last == 0:
            raise ProofError("a Merkle proof is too long")
        if len(sibling) != HASH_BYTES:
            raise ProofError("a Merkle proof has a hash that is not of 32 bytes")
        is_left = node % 2 == 1 or node == last
        yield sibling, is_left
        while is_left and node % 2 == 0 and node:  # a last node without sibling rises unchanged
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("a Merkle proof is too short")


class Frontier(Struct, frozen=True, gc=False):
    """A tree as its complete subtrees, largest first: one hash for each bit set in `size`."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        assert 0 <= self.size <= SIZE_MAX, self.size
        assert len(self.hashes) == self.size.bit_count(), "one hash for each bit of the size"

    def root(self) -> bytes:
        return fold(self.hashes)

    def append(self, leaf: bytes) -> Frontier:
        """The frontier after one more leaf: each complete subtree that ends where it begins takes it in."""
        stack, node = list(self.hashes), leaf
        for _ in range(((self.size + 1) & -(self.size + 1)).bit_length() - 1):
            node = node_hash(stack.pop(), node)
        return Frontier(self.size + 1, (*stack, node))

    def append_many(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The frontier after appending leaf hashes in order; about one SHA-256 for each leaf."""
        row = list(leaf_hashes)
        if len(row) == 1:
            return self.append(row[0])
        new_size = self.size + len(row)
        stack, kept = list(self.hashes), []
        for level in range(new_size.bit_length()):
            if self.size >> level & 1:
                row.insert(0, stack.pop())
            if len(row) % 2:
                kept.append(row.pop())
            row = pair_up(row)
        assert not row, "every new node has found its place"
        assert not stack, "every old node has found its place"
        return Frontier(new_size, tuple(reversed(kept)))

    def next_leaf_proof(self) -> list[bytes]:
        """The inclusion proof that the next leaf will have right after it is appended.

        The siblings of the last leaf are exactly the complete subtrees before it. So whoever appends a block
        entry takes its proof from the frontier before it, and reads nothing.
        """
        return list(reversed(self.hashes))

    def encode(self) -> bytes:
        """u64be(size) || hashes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def decode(cls, data: bytes) -> Frontier:
        size = int.from_bytes(data[:8], "big")
        if len(data) < 8 or size > SIZE_MAX or len(data) != 8 + HASH_BYTES * size.bit_count():
            raise FormatError("a frontier is u64be(size) and one hash for each bit set in it")
        return cls(size, tuple([data[at : at + HASH_BYTES] for at in range(8, len(data), HASH_BYTES)]))


class FrontierReader:
    """A `HashReader` that knows a tree's complete subtrees alone: enough to prove each of them."""

    def __init__(self, frontier: Frontier) -> None:
        self._known = dict(zip(subtrees(0, frontier.size), frontier.hashes, strict=True))

    def read_hashes(self, nodes: Sequence[NodeId]) -> list[bytes]:
        return [self._known[node] for node in nodes]


class LeafReader:
    """A `HashReader` over all the leaf hashes of a small tree, such as a citizen's; keeps every level."""

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        self._levels = [list(leaf_hashes)]
        while len(self._levels[-1]) > 1:
            row = self._levels[-1]
            self._levels.append(pair_up(row[: len(row) // 2 * 2]))

    def read_hashes(self, nodes: Sequence[NodeId]) -> list[bytes]:
        return [self._levels[level][position] for level, position in nodes]


def _split(size: int) -> int:
    """The largest power of two below `size` (size >= 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _read_ranges(ranges: Sequence[tuple[int, int]], reader: HashReader) -> list[bytes]:
    """The hash of each subtree [start, end): one read for all of them."""
    rows = [list(subtrees(start, end)) for start, end in ranges]
    hashes = iter(reader.read_hashes([node for row in rows for node in row]))
    return [fold([next(hashes) for _ in row]) for row in rows]
