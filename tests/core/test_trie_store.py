"""The incremental trie and its tiles against the definition in `app.core.state.trie`."""

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import FormatError
from app.core.state import trie, trie_store, trie_tiles
from app.core.state.trie_store import Trie
from app.core.state.trie_tiles import PAGE_MAX

ORIGIN = bytes(32)


def value_of(key: bytes, version: int = 0) -> bytes:
    return sha256(b"%d" % version + key).digest()


def leaf_of(key: bytes, version: int = 0) -> bytes:
    return trie.leaf_hash(key, value_of(key, version))


def random_keys(count, seed=1):
    source = random.Random(seed)
    return [source.randbytes(32) for _ in range(count)]


def pure_tiles(items):
    keys, hashes = trie.Page.of(items)
    return trie_tiles.tiles_of(keys, hashes, (0, len(keys)), 0, keys)


class Reader:
    """Keeps what the sequencer stores, block by block, and makes paths from that alone."""

    def __init__(self):
        self.trie, self.tiles, self.leaves, self.values = Trie(), {}, {}, {}

    def write(self, keys, version):
        changes = {key: leaf_of(key, version) for key in keys}
        really = all(self.leaves.get(key) != leaf for key, leaf in changes.items())
        before = dict(self.tiles)
        changed = self.trie.update(changes)
        self.leaves |= changes
        self.values |= {key: value_of(key, version) for key in keys}
        self.tiles |= changed.tiles
        items = sorted(self.leaves.items())
        assert changed.root == self.trie.root == trie.root(items)
        assert len(self.trie) == len(items)
        assert self.tiles == pure_tiles(items) == self.trie.tiles()
        if really:
            assert all(before.get(name) != tile for name, tile in changed.tiles.items())

    def check(self, key):
        """Load what a reader would, make the path, verify it."""
        stored = {name: self.tiles[name] for name in trie_tiles.tile_ids(key, 252) if name in self.tiles}
        way = trie_tiles.descend(stored, key)
        page = [(k, leaf) for k, leaf in sorted(self.leaves.items()) if way.first_key <= k <= way.last_key]
        assert len(page) <= PAGE_MAX
        assert way.is_empty <= (not page)
        path = way.finish(page)
        assert path == trie_tiles.path_from(stored, sorted(self.leaves.items()), key)
        assert path == trie.prove(sorted(self.leaves.items()), key)
        if path.reaches(key):
            trie.verify_membership(self.trie.root, key, self.values[key], path.siblings)
        else:
            assert key not in self.leaves
            other = None if path.end is None else (path.end[0], self.values[path.end[0]])
            trie.verify_absence(self.trie.root, key, trie.NonMembership(path.siblings, other))


def test_blocks_of_random_accounts():
    """From nothing past several doublings; new accounts and changed ones; all paths of some blocks."""
    source = random.Random(2)
    keys, reader = random_keys(2500), Reader()
    known = 0
    for version, count in enumerate((1, 1, 14, 17, 40, 200, 700, 3, 1200)):
        chosen = keys[known : known + count] + source.sample(keys[:known], min(known, count // 3))
        known += count
        reader.write(chosen, version)
        for key in (*source.sample(keys[:known], min(known, 12)), *random_keys(12, seed=version)):
            reader.check(key)
    assert {depth for depth, _ in reader.tiles} == {0, 4}


def test_every_key_of_a_crowded_trie():
    """Sets of keys that differ in the last bits or the first ones only: tiles at every depth."""
    crowd = [number.to_bytes(32, "big") for number in range(45)]
    crowd += [bytes([number]) + b"\xff" * 31 for number in range(80, 120)]
    crowd += [(1 << 255 | 1 << number).to_bytes(32, "big") for number in range(0, 255, 5)]
    reader = Reader()
    for version, start in enumerate(range(0, len(crowd), 30)):
        reader.write(crowd[start : start + 30], version)
    reader.write(crowd[::7], 9)
    assert (252, bytes(31) + b"\x00") not in reader.tiles
    assert (248, bytes(31)) in reader.tiles
    for key in (*crowd, *random_keys(10), b"\x80" + bytes(31), bytes(30) + b"\x01\x00", b"\xff" * 32):
        reader.check(key)


near_key = st.builds(
    lambda base, low, shift: ((base * (2**256 - 1)) ^ (low << shift)).to_bytes(32, "big"),
    st.integers(0, 1),
    st.integers(0, 63),
    st.sampled_from([0, 1, 130, 244, 247, 250]),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sets(st.one_of(near_key, st.binary(min_size=32, max_size=32)), max_size=60), max_size=4),
    st.lists(near_key, max_size=4),
)
def test_any_sequence_of_updates(blocks, absent):
    reader = Reader()
    for version, block in enumerate(blocks):
        reader.write(block, version)
    for key in (*absent, *sorted(reader.leaves)[::9]):
        reader.check(key)


@pytest.mark.parametrize("cut", [4, 7, 8, 11, 12])
def test_root_and_tiles_do_not_depend_on_the_cut(cut, monkeypatch):
    monkeypatch.setattr(trie_store, "_CUT_MIN", cut)
    monkeypatch.setattr(trie_store, "_CUT_MAX", cut)
    items = sorted((key, leaf_of(key)) for key in random_keys(1500))
    built = Trie.from_items(items)
    assert built._cut == cut
    assert (built.root, built.tiles()) == (trie.root(items), pure_tiles(items))
    key = items[700][0]
    changed = built.update({key: leaf_of(key, 1)})
    items[700] = (key, leaf_of(key, 1))
    assert changed.root == trie.root(items)
    whole = pure_tiles(items)
    assert changed.tiles == {name: whole[name] for name in trie_tiles.tile_ids(key, 252) if name in whole}


def test_from_items_equals_updates_and_gives_them_back():
    items = sorted((key, leaf_of(key)) for key in random_keys(700))
    built, grown = Trie.from_items(iter(items)), Trie()
    for start in range(0, 700, 91):
        grown.update(dict(items[start : start + 91]))
    assert built.root == grown.root
    assert list(built.items()) == list(grown.items()) == items
    assert built.get(items[5][0]) == items[5][1]
    assert built.get(ORIGIN) is None
    assert (Trie().root, len(Trie()), Trie().tiles()) == (bytes(32), 0, {})


def test_an_update_of_nothing_changes_nothing():
    items = sorted((key, leaf_of(key)) for key in random_keys(100))
    built = Trie.from_items(items)
    assert built.update({}) == trie_store.Changed(trie.root(items), {})
    same = built.update(dict(items[:3]))
    assert same.root == trie.root(items)


def test_a_key_that_straddles_other_leaves_is_not_found():
    """A leaf hash and the next key, shifted, can hold the bytes of a third key."""
    key = b"\xab" * 32
    trie_ = Trie.from_items([(b"\xab" * 31 + b"\x01", b"\xab" * 32), (b"\xab" * 31 + b"\xac", b"\xab" * 32)])
    assert trie_.get(key) is None
    items = [
        (b"\xab" * 31 + b"\x01", b"\xab" * 32),
        (key, b"\x01" * 32),
        (b"\xab" * 31 + b"\xac", b"\xab" * 32),
    ]
    assert trie_.update({key: b"\x01" * 32}).root == trie.root(items)
    assert list(trie_.items()) == items


def test_bad_items_and_changes_are_refused():
    one, two = sorted(random_keys(2))
    for bad in ([(two, two), (one, one)], [(one, one), (one, one)], [(one[:-1], one)], [(one, one + b"x")]):
        with pytest.raises(FormatError):
            Trie.from_items(bad)
    for bad in ({one[1:]: two}, {one: two[1:]}):
        with pytest.raises(FormatError):
            Trie().update(bad)


def test_bad_tiles_are_refused():
    reader = Reader()
    reader.write(random_keys(100), 0)
    tile = reader.tiles[0, b""]
    lonely = b"\x80\x00" + b"\x01" * 32 + bytes(15 * 32)
    marked = b"\xff\xff" + bytes(32) + tile[34:]
    for bad in (b"", tile[:-1], tile + b"x", bytes(len(tile)), lonely, marked):
        with pytest.raises(FormatError):
            trie_tiles.fold(bad)
    hashes, _ = trie_tiles.fold(tile)
    assert hashes[1] == reader.trie.root


@given(st.binary(max_size=600))
def test_any_bytes_are_a_tile_or_a_format_error(data):
    try:
        trie_tiles.fold(data)
    except FormatError:
        return
    assert len(data) == trie_tiles.TILE_SIZE


def test_leaves_of_another_page_are_refused():
    reader = Reader()
    reader.write(random_keys(400), 0)
    key = random_keys(1)[0]
    way = trie_tiles.descend(reader.tiles, key)
    assert way.depth > 0
    with pytest.raises(FormatError):
        way.finish(sorted(reader.leaves.items()))


def test_tile_ids_pad_the_prefix_to_whole_bytes():
    key = bytes.fromhex("abcdef") + bytes(29)
    assert trie_tiles.tile_ids(key, 12) == [(0, b""), (4, b"\xa0"), (8, b"\xab"), (12, b"\xab\xc0")]
    assert len(trie_tiles.tile_ids(key, 999)) == 64


@pytest.mark.parametrize(("depth", "count"), [(-4, 0), (0, 1), (4, 17), (8, 273), (12, 4369)])
def test_the_upper_tile_ids_are_those_of_all_keys(depth, count):
    ids = trie_tiles.upper_tile_ids(depth)
    assert len(ids) == len(set(ids)) == count
    heads = (number.to_bytes(2, "big") for number in range(0, 1 << 16, 16))
    assert set(ids) == {each for head in heads for each in trie_tiles.tile_ids(head + bytes(30), depth)}
