"""The trie's definition against a naive one, its proofs, and proofs that were bent."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import CredenceError, FormatError, ProofError
from app.core.state import trie


def key_of(number: int) -> bytes:
    return sha256(b"key %d" % number).digest()


def value_of(key: bytes) -> bytes:
    return sha256(b"value" + key).digest()


def leaves(keys):
    return [(key, trie.leaf_hash(key, value_of(key))) for key in sorted(keys)]


# Keys that differ in few, early, late or only the last bits: long chains of empty siblings.
crowded_key = st.builds(
    lambda base, low, high: ((base * (2**256 - 1)) ^ low ^ (high << 248)).to_bytes(32, "big"),
    st.integers(0, 1),
    st.integers(0, 15),
    st.sampled_from([0, 1, 2, 64, 128, 255]),
)
any_key = st.one_of(crowded_key, st.binary(min_size=32, max_size=32))


def naive_root(items, depth=0):
    """The definition, one bit at a time."""
    if not items:
        return bytes(32)
    if len(items) == 1:
        return items[0][1]
    sides = [[], []]
    for key, leaf in items:
        sides[key[depth // 8] >> 7 - depth % 8 & 1].append((key, leaf))
    return sha256(b"\x03" + naive_root(sides[0], depth + 1) + naive_root(sides[1], depth + 1)).digest()


def check(keys, key):
    """Prove and verify `key` among `keys`, whether it is there or not."""
    items = leaves(keys)
    root, path = trie.root(items), trie.prove(items, key)
    assert path.reaches(key) == (key in keys)
    if key in keys:
        trie.verify_membership(root, key, value_of(key), path.siblings)
        with pytest.raises(ProofError):
            trie.verify_membership(root, key, bytes(32), path.siblings)
        with pytest.raises(ProofError):
            trie.verify_absence(root, key, trie.NonMembership(path.siblings, (key, value_of(key))))
        return
    other = None if path.end is None else (path.end[0], value_of(path.end[0]))
    trie.verify_absence(root, key, trie.NonMembership(path.siblings, other))
    with pytest.raises(ProofError):
        trie.verify_membership(root, key, value_of(key), path.siblings)


def test_known_answers():
    """By hand, from the text of the format."""
    h = lambda data: sha256(data).digest()  # noqa: E731
    a, b, c = bytes(32), b"\x40" + bytes(31), b"\x80" + bytes(31)
    value = b"\x07" * 32
    la, lb, lc = (h(b"\x02" + key + value) for key in (a, b, c))
    assert trie.root([]) == bytes(32)
    assert trie.root([(a, la)]) == la
    inner = h(b"\x03" + la + lb)
    assert trie.root([(a, la), (b, lb)]) == h(b"\x03" + inner + bytes(32))
    assert trie.root([(a, la), (b, lb), (c, lc)]) == h(b"\x03" + inner + lc)
    assert trie.prove([(a, la), (b, lb), (c, lc)], b).siblings == (lc, la)
    twin = bytes(31) + b"\x01"
    node = h(b"\x03" + la + h(b"\x02" + twin + value))
    for _ in range(255):
        node = h(b"\x03" + node + bytes(32))
    assert trie.root([(a, la), (twin, h(b"\x02" + twin + value))]) == node


def test_every_set_of_four_bit_keys():
    """All 65,536 sets are many; every 37th of them, and every key against each."""
    universe = [bytes([number << 4]) + bytes(31) for number in range(16)]
    for mask in range(0, 65_536, 37):
        keys = {key for number, key in enumerate(universe) if mask >> number & 1}
        items = leaves(keys)
        assert trie.root(items) == naive_root(items)
        if mask % 5 == 0:
            for key in universe:
                check(keys, key)


@settings(max_examples=120, deadline=None)
@given(st.sets(any_key, max_size=24), any_key)
def test_any_set_of_keys(keys, key):
    items = leaves(keys)
    assert trie.root(items) == naive_root(items)
    check(keys, key)
    for member in keys:
        check(keys, member)


def test_thousands_of_keys():
    keys = {key_of(number) for number in range(3000)}
    items = leaves(keys)
    assert trie.root(items) == naive_root(items)
    for number in range(2980, 3020):
        check(keys, key_of(number))


def test_a_path_may_start_lower():
    items = leaves(key_of(number) for number in range(200))
    key = items[77][0]
    whole = trie.prove(items, key)
    below = [item for item in items if item[0][0] >> 4 == key[0] >> 4]
    assert trie.prove(below, key, 4).siblings == whole.siblings[4:]
    with pytest.raises(FormatError):
        trie.prove(items, key, 4)


@given(st.sets(st.binary(min_size=32, max_size=32), max_size=40), st.integers(0, 250))
@settings(max_examples=60)
def test_a_page_gives_the_path_of_each_of_its_leaves(keys, alike):
    """Keys that agree on their first bits too, as those of a page do."""
    keep = (1 << 256 - alike) - 1
    items = leaves({(int.from_bytes(key, "big") & keep).to_bytes(32, "big") for key in keys})
    for depth in (0, alike):
        page = trie.Page.of(items)
        for key, _ in items:
            assert page.siblings(key, depth) == trie.prove(items, key, depth).siblings
        for other in (bytes(32), b"\xff" * 32):
            assert (page.siblings(other, 0) is None) == (other not in dict(items))


@given(
    st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)), max_size=40)
)
@settings(max_examples=60)
def test_a_page_with_another_leaf_is_that_of_all_leaves(changes):
    page, kept = trie.Page([], []), {}
    for key, leaf in changes:
        before, page = page, page.with_leaf(key, leaf)
        assert before == trie.Page.of(sorted(kept.items())), "others may be reading it"
        kept[key] = leaf
        assert page == trie.Page.of(sorted(kept.items()))


def test_bent_paths_are_refused():
    items = leaves(key_of(number) for number in range(50))
    root = trie.root(items)
    key = items[10][0]
    siblings = trie.prove(items, key).siblings
    for index in range(len(siblings)):
        bent = list(siblings)
        bent[index] = bytes([bent[index][0] ^ 1]) + bent[index][1:]
        with pytest.raises(ProofError):
            trie.verify_membership(root, key, value_of(key), bent)
    for wrong in (siblings[:-1], siblings[1:], (*siblings, bytes(32)), ()):
        with pytest.raises(ProofError):
            trie.verify_membership(root, key, value_of(key), wrong)


def test_another_leaf_must_lie_on_the_way():
    items = leaves(key_of(number) for number in range(50))
    root = trie.root(items)
    other = items[10][0]
    siblings = trie.prove(items, other).siblings
    flipped = bytes([other[0] ^ 0x80]) + other[1:]
    with pytest.raises(ProofError, match="on the way"):
        trie.verify_absence(root, flipped, trie.NonMembership(siblings, (other, value_of(other))))


def test_a_lone_leaf_may_not_be_hashed_with_an_empty_sibling():
    """Such a root breaks the compact rule; its paths are refused although the hashes fit."""
    key = key_of(1)
    leaf = trie.leaf_hash(key, value_of(key))
    pair = (bytes(32), leaf) if key[0] >> 7 else (leaf, bytes(32))
    with pytest.raises(ProofError, match="empty sibling"):
        trie.verify_membership(trie.node_hash(*pair), key, value_of(key), [bytes(32)])


def test_sizes_order_and_limits():
    key = key_of(1)
    with pytest.raises(FormatError):
        trie.verify_membership(bytes(32), key, key, [bytes(32)] * 257)
    with pytest.raises(FormatError):
        trie.verify_membership(bytes(32), key, key, [key, b"short", key])
    with pytest.raises(FormatError):
        trie.verify_absence(bytes(32), b"short", trie.NonMembership((), None))
    pair = leaves([key_of(1), key_of(2)])
    for bad in (pair[::-1], [pair[0], pair[0]], [(b"x", bytes(32))], [(key, b"x")]):
        with pytest.raises(FormatError):
            trie.root(bad)


@settings(max_examples=80)
@given(
    st.binary(max_size=34),
    st.binary(min_size=31, max_size=33),
    st.lists(st.binary(min_size=31, max_size=33), max_size=5),
    st.one_of(st.none(), st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))),
)
def test_any_input_gives_our_own_error(root, key, siblings, other):
    with pytest.raises(CredenceError):
        trie.verify_membership(root, key, key, siblings)
    if root == bytes(32) and not siblings and other is None:
        return  # an empty trie: everything is absent
    with pytest.raises(CredenceError):
        trie.verify_absence(root, key, trie.NonMembership(tuple(siblings), other))
