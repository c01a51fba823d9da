r"""The state trie: one root over all accounts, with proofs that a key has a value or is not there.

A compact binary trie over 32-byte keys, read from the most significant bit (the hashing of the IETF
key-transparency draft). H is SHA-256:

    leaf              H(0x02 || key || value)
    inner node        H(0x03 || left || right)
    missing subtree   32 zero bytes
    a subtree with a single leaf is that leaf, however high it sits; an empty trie has the root 32 zero bytes

So the root depends on the set of (key, value) alone. With the keys 0000..., 0100... and 1...:

             root = H(03 || n || leaf(1...))
            /    \
           n      1...        n = H(03 || leaf(0000...) || leaf(0100...))
          / \
    0000...  0100...

Two keys that share a long prefix hang below a chain of nodes with one empty child each; the chain is hashed.

A path lists the siblings from the root down, empty ones too, at most 256. It ends at the leaf asked for
(membership), or else at an empty child or at another leaf that agrees with the key on all bits above. Walking
down from a root by the bits of a key can end in one way only, so a key is never both a member and absent.

This module is the definition, and the oracle for the incremental engine in `app.core.state.trie_store`. It works on
leaves that are at hand, sorted by key, given as (key, leaf hash). Source: docs/formats.md, section 7.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from app.core.errors import FormatError, ProofError

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH_SIZE: Final = 32
DEPTH_MAX: Final = 256
EMPTY: Final = bytes(HASH_SIZE)
LEAF_PREFIX: Final = b"\x02"
NODE_PREFIX: Final = b"\x03"

Leaf: TypeAlias = tuple[bytes, bytes]
"""A key and its leaf hash, 32 bytes each."""


@dataclass(frozen=True, slots=True)
class Path:
    """The way from the root towards a key: `siblings` (0 to 256) and the leaf, or None, where it ends."""

    siblings: tuple[bytes, ...]
    end: Leaf | None

    def reaches(self, key: bytes) -> bool:
        """Whether the path ends at the leaf of `key`, and thus proves membership."""
        return self.end is not None and self.end[0] == key


@dataclass(frozen=True, slots=True)
class NonMembership:
    """Proof that a key is absent: the path ends at an empty child (`other` is None) or another leaf."""

    siblings: tuple[bytes, ...]
    other: tuple[bytes, bytes] | None


def leaf_hash(key: bytes, value: bytes) -> bytes:
    """The leaf of a 32-byte key with a 32-byte value."""
    return sha256(LEAF_PREFIX + key + value).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The inner node over two 32-byte hashes."""
    return sha256(NODE_PREFIX + left + right).digest()


def root(items: Sequence[Leaf]) -> bytes:
    """The root over (key, leaf hash) pairs sorted by key; FormatError when unsorted or of wrong size."""
    keys, hashes = Page.of(items)
    return subtree(keys, hashes, 0, len(keys), 0)


def prove(items: Sequence[Leaf], key: bytes, depth: int = 0) -> Path:
    """The path towards `key` among sorted (key, leaf hash) pairs, from the node at `depth` (0 to 256) down.

    With a depth, the items are those below the node at that depth on the way to `key`, and no others.
    """
    page = Page.of(items)
    wanted = int.from_bytes(_sized(key, "key"), "big")
    if (
        items
        and depth
        and (page.keys[0] >> 256 - depth, page.keys[-1] >> 256 - depth) != (wanted >> 256 - depth,) * 2
    ):
        raise FormatError("The leaves given do not all lie below the node that the path starts from.")
    siblings, end = _way(page, wanted, depth)
    return Path(siblings, None if end is None else items[end])


class Page(NamedTuple):
    """The leaves below a node, ascending: keys as integers, which is how the recursion wants them, and leaf hashes."""

    keys: list[int]
    hashes: list[bytes]

    @classmethod
    def of(cls, items: Sequence[Leaf]) -> Page:
        """Of sorted (key, leaf hash) pairs; FormatError when unsorted or of wrong size."""
        keys = [int.from_bytes(_sized(key, "key"), "big") for key, _ in items]
        hashes = [_sized(leaf, "leaf hash") for _, leaf in items]
        if any(left >= right for left, right in pairwise(keys)):
            raise FormatError("The leaves of a trie come in ascending order of their keys, each key once.")
        return cls(keys, hashes)

    def siblings(self, key: bytes, depth: int) -> tuple[bytes, ...] | None:
        """What `prove` gives from the node at `depth` down to the leaf of `key`; None when there is no such leaf."""
        wanted = int.from_bytes(key, "big")
        siblings, end = _way(self, wanted, depth)
        return siblings if end is not None and self.keys[end] == wanted else None

    def with_leaf(self, key: bytes, leaf: bytes) -> Page:
        """The same with another hash for the leaf of `key`, or with that leaf as well."""
        wanted = int.from_bytes(key, "big")
        at = bisect_left(self.keys, wanted)
        if at < len(self.keys) and self.keys[at] == wanted:
            return Page(self.keys, [*self.hashes[:at], leaf, *self.hashes[at + 1 :]])
        return Page([*self.keys[:at], wanted, *self.keys[at:]], [*self.hashes[:at], leaf, *self.hashes[at:]])


def _way(page: Page, wanted: int, depth: int) -> tuple[tuple[bytes, ...], int | None]:
    """The siblings from the node at `depth` down towards a key, and the number of the leaf where that ends, if at one."""
    keys, hashes = page
    siblings = []
    low, high = 0, len(keys)
    while high - low > 1:
        below = 255 - depth
        middle = bisect_left(keys, (wanted >> below | 1) << below, low, high)
        depth += 1
        if wanted >> below & 1:
            siblings.append(subtree(keys, hashes, low, middle, depth))
            low = middle
        else:
            siblings.append(subtree(keys, hashes, middle, high, depth))
            high = middle
    return tuple(siblings), low if low < high else None


def verify_membership(root_hash: bytes, key: bytes, value: bytes, siblings: Sequence[bytes]) -> None:
    """Check that `siblings` lead from (key, value) to the root; ProofError if not, FormatError on sizes."""
    leaf = leaf_hash(_sized(key, "key"), _sized(value, "value"))
    _verify(root_hash, key, leaf, siblings)


def verify_absence(root_hash: bytes, key: bytes, proof: NonMembership) -> None:
    """Check that `key` is not in the trie; ProofError if that is not shown, FormatError on wrong sizes."""
    _sized(key, "key")
    end = EMPTY
    if proof.other is not None:
        other_key, other_value = proof.other
        end = leaf_hash(_sized(other_key, "key"), _sized(other_value, "value"))
        if other_key == key:
            raise ProofError("The proof of absence ends at the very key.")
        shared = 256 - (int.from_bytes(key, "big") ^ int.from_bytes(other_key, "big")).bit_length()
        if shared < len(proof.siblings):
            raise ProofError("The other leaf does not lie on the way to the key.")
    _verify(root_hash, key, end, proof.siblings)


def subtree(keys: list[int], hashes: list[bytes], low: int, high: int, depth: int) -> bytes:
    """The hash of the node at `depth` above leaves low..high-1, which all lie below it."""
    if high - low < 2:
        return hashes[low] if low < high else EMPTY
    last = keys[high - 1]
    below = (keys[low] ^ last).bit_length() - 1  # bits below the one where first and last part
    if high - low == 2:
        node = sha256(NODE_PREFIX + hashes[low] + hashes[low + 1]).digest()
    else:
        middle = bisect_left(keys, last >> below << below, low, high)
        left = subtree(keys, hashes, low, middle, 256 - below)
        right = subtree(keys, hashes, middle, high, 256 - below)
        node = sha256(NODE_PREFIX + left + right).digest()
    for above in range(below + 1, 256 - depth):  # levels where all of them are on one side
        pair = EMPTY + node if last >> above & 1 else node + EMPTY
        node = sha256(NODE_PREFIX + pair).digest()
    return node


def _verify(root_hash: bytes, key: bytes, end: bytes, siblings: Sequence[bytes]) -> None:
    depth = len(siblings)
    if depth > DEPTH_MAX:
        raise FormatError(f"A trie path has at most {DEPTH_MAX} siblings, not {depth}.")
    if siblings and siblings[-1] == EMPTY:
        raise ProofError("A path cannot end below an empty sibling: the subtree would be its only leaf.")
    node, bits = end, int.from_bytes(key, "big") >> 256 - depth
    for sibling in reversed(siblings):
        pair = _sized(sibling, "sibling") + node if bits & 1 else node + _sized(sibling, "sibling")
        node = sha256(NODE_PREFIX + pair).digest()
        bits >>= 1
    if node != root_hash:
        raise ProofError("The trie path does not lead to the root.")


def _sized(data: bytes, what: str) -> bytes:
    if len(data) != HASH_SIZE:
        raise FormatError(f"A {what} in the trie has {HASH_SIZE} bytes, not {len(data)}.")
    return data
