"""Multiproofs of the state trie against its definition: every small trie, random ones, stored tiles, and forgeries."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import CredenceError, FormatError, ProofError
from app.core.state import trie, trie_tiles
from app.core.state.trie_multiproof import Applied, Change, StoredTrie, apply, build, build_untouched
from app.core.state.trie_store import Trie


def value(label: object) -> bytes:
    return hashlib.sha256(repr(label).encode()).digest()


def root(leaves: dict[bytes, bytes]) -> bytes:
    return trie.root([(key, trie.leaf_hash(key, leaves[key])) for key in sorted(leaves)])


def changes(before: dict[bytes, bytes], after: dict[bytes, bytes]) -> list[Change]:
    return [Change(key, before.get(key), after[key]) for key in sorted(after)]


def check(before: dict[bytes, bytes], touched: dict[bytes, bytes]) -> bytes:
    proof = build(StoredTrie(sorted(before.items()), {}), touched)
    wanted = Applied(root(before), root(before | touched), len(touched.keys() - before.keys()))
    assert apply(proof, iter(changes(before, touched))) == wanted
    return proof


def near(number: int) -> bytes:
    """Keys that part in the first bits and after a long shared prefix."""
    return bytes([(number & 6) << 5, number & 1]) + bytes(30)


def test_every_small_trie_and_every_change_of_it():
    keys = [near(number) for number in range(6)]
    for old, new in itertools.product(range(1 << 6), repeat=2):
        before = {key: value((key, "old")) for bit, key in enumerate(keys) if old >> bit & 1}
        check(before, {key: value((key, "new")) for bit, key in enumerate(keys) if new >> bit & 1})


def test_keys_that_part_in_the_last_bit():
    twins = {bytes(31) + b"\2": value(1)}
    check(twins, {bytes(31) + b"\3": value(2)})
    check(twins | {bytes(31) + b"\3": value(2)}, {bytes(31) + b"\2": value(3), bytes(32): value(4)})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.integers(0, 120), st.integers(0, 60), st.integers(0, 2**32))
def test_random_tries(size, changed, new, seed):
    draw = random.Random(seed)
    before = {draw.randbytes(32): draw.randbytes(32) for _ in range(size)}
    touched = {key: draw.randbytes(32) for key in draw.sample(sorted(before), min(changed, size))}
    check(before, touched | {draw.randbytes(32): draw.randbytes(32) for _ in range(new)})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3_000), st.integers(0, 2**32))
def test_from_stored_tiles_and_pages(size, seed):
    """What a reader has: tiles, and the leaves of those pages alone that a touched key leads to."""
    draw = random.Random(seed)
    before = {draw.randbytes(32): draw.randbytes(32) for _ in range(size)}
    touched = {key: draw.randbytes(32) for key in draw.sample(sorted(before), min(40, size))}
    touched |= {draw.randbytes(32): draw.randbytes(32) for _ in range(20)}
    tiles = Trie.from_items((k, trie.leaf_hash(k, before[k])) for k in sorted(before)).tiles()
    ways = [trie_tiles.descend(tiles, key) for key in touched]
    pages = {key: v for key, v in before.items() if any(w.first_key <= key <= w.last_key for w in ways)}
    proof = build(StoredTrie(sorted(pages.items()), tiles), touched)
    assert proof == build(StoredTrie(sorted(before.items()), {}), touched)
    assert apply(proof, changes(before, touched))[:2] == (root(before), root(before | touched))


@pytest.mark.parametrize("size", [0, 1, 2])
def test_nothing_touched(size):
    before = {value(number): value((number, "old")) for number in range(size)}
    assert build_untouched(root(before)) == check(before, {})


def test_example_of_the_documentation():
    before = {b"\x40" + bytes(31): value(1), b"\x80" + bytes(31): value(2)}
    proof = check(before, {bytes(32): value(3), b"\x80" + bytes(31): value(4)})
    assert proof == bytes((0, 0, 0, 1, 0b11100100)) + b"\x40" + bytes(31) + value(1)


def test_another_leaf_cannot_be_moved():
    """A proof that gives the leaf beside a new key another key leads to another old root."""
    before = {b"\x40" + bytes(31): value(1), b"\x80" + bytes(31): value(2)}
    touched = {bytes(32): value(3)}
    proof = bytearray(build(StoredTrie(sorted(before.items()), {}), touched))
    at = bytes(proof).index(b"\x40" + bytes(31))
    proof[at] = 0x60
    assert apply(bytes(proof), changes(before, touched)).old_root != root(before)
    proof[at] = 0xC0
    with pytest.raises(ProofError):
        apply(bytes(proof), changes(before, touched))


def test_what_is_said_of_the_keys_has_to_be_so():
    before = {value(n): value((n, 1)) for n in range(20)}
    known, unknown = value(3), value("new")
    after = {known: value("x")}
    proof = build(StoredTrie(sorted(before.items()), {}), after)
    with pytest.raises(ProofError):
        apply(proof, [Change(known, None, value("x"))])
    proof = build(StoredTrie(sorted(before.items()), {}), [unknown])
    with pytest.raises(ProofError):
        apply(proof, [Change(unknown, value("never"), value("x"))])
    with pytest.raises(FormatError):
        apply(proof, [Change(unknown, None, value("x"))] * 2)
    with pytest.raises(CredenceError):
        apply(proof, [])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_changed_proof_never_gives_both_roots(seed):
    draw = random.Random(seed)
    before = {value(n): value((n, 1)) for n in range(draw.randrange(40))}
    touched = {value(draw.randrange(60)): value(("new", n)) for n in range(draw.randrange(1, 8))}
    proof = build(StoredTrie(sorted(before.items()), {}), touched)
    roots = apply(proof, changes(before, touched))
    bad = bytearray(proof)
    how = draw.randrange(3)
    if how == 0:
        bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
    elif how == 1:
        del bad[draw.randrange(len(bad)) :]
    else:
        bad += draw.randbytes(draw.choice((1, 32)))
    try:
        other = apply(bytes(bad), changes(before, touched))
    except CredenceError:
        return
    assert other.old_root != roots.old_root


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(CredenceError):
        apply(data, [Change(value(1), None, value(2))])
