"""Tiles: the examples of C2SP tlog-tiles, every path there and back, and proofs read from tiles alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError
from app.core.log import merkle, tiles
from app.core.log.merkle import LeafReader, NodeId
from app.core.log.tiles import ENTRIES, TileId, TileReader

SIZE = 66_000  # more than one tile of level 1, hence one of level 2
LEAVES = [merkle.leaf_hash(b"%d" % i) for i in range(SIZE)]
READER = LeafReader(LEAVES)


class Storage:
    """Every tile of a tree, made from the definition: hash i of level l is the root over 256**l leaves."""

    def __init__(self, size):
        self.size = size
        self.fetched = []

    def __call__(self, tile):
        assert tile.width == 256 or (tile.index * 256 + tile.width) == self.size >> (8 * tile.level), (
            "no such partial tile"
        )
        self.fetched.append(tile)
        start = tile.index * 256
        return b"".join(
            READER.read_hashes([NodeId(8 * tile.level, i) for i in range(start, start + tile.width)])
        )


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TileId(0, 1_234_067), "tile/0/x001/x234/067"),
        (TileId(0, 1_234_067, 5), "tile/0/x001/x234/067.p/5"),
        (TileId(0, 0), "tile/0/000"),
        (TileId(0, 0, 255), "tile/0/000.p/255"),
        (TileId(63, 999), "tile/63/999"),
        (TileId(1, 1000), "tile/1/x001/000"),
        (TileId(ENTRIES, 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_paths(tile, path):
    assert tile.path == path
    assert tiles.parse_tile_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, tiles.INDEX_MAX), st.integers(1, 256))
def test_path_there_and_back(level, index, width):
    assert tiles.parse_tile_path(tiles.tile_path(level, index, width)) == TileId(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/entries/000.p/256",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.P/1",
        "tile/data/000",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/0/" + "x001/" * 7 + "000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_bad_paths(path):
    with pytest.raises(FormatError):
        tiles.parse_tile_path(path)


def test_tree_sizes_of_the_specification():
    widths = lambda level, size: [tile.width for tile in tiles.tiles_of(level, size)]  # noqa: E731 - a table follows
    assert widths(0, 70_000) == [256] * 273 + [112]
    assert widths(ENTRIES, 70_000) == [256] * 273 + [112]
    assert widths(1, 70_000) == [256, 17]
    assert widths(2, 70_000) == [1]
    assert widths(3, 70_000) == []
    assert (widths(0, 256), widths(1, 256), widths(2, 256)) == ([256], [1], [])
    assert (widths(0, 0), widths(0, 1)) == ([], [1])


def all_tiles(size):
    return {tile for level in range(9) for tile in tiles.tiles_of(level, size)}


SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000]


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", SIZES)
def test_new_tiles_are_the_difference(old, new):
    if old <= new:
        listed = list(tiles.new_tiles(old, new))
        assert len(listed) == len(set(listed))
        assert set(listed) == all_tiles(new) - all_tiles(old)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_new_tiles_of_any_growth(old, grown):
    assert set(tiles.new_tiles(old, old + grown)) == all_tiles(old + grown) - all_tiles(old)


@pytest.mark.parametrize(
    "size", [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 4097, 65_535, 65_536, 65_537, SIZE]
)
def test_proofs_from_tiles(size):
    reader = TileReader(size, Storage(size))
    root = merkle.tree_root(size, reader)
    assert root == merkle.root(LEAVES[:size])
    for index in {0, 1, 255, 256, size // 3, size // 2, size - 1} & set(range(size)):
        proof = merkle.inclusion_proof(index, size, reader)
        merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    for old in {1, 2, 255, 256, 257, size // 3, size - 1, size} & set(range(1, size + 1)):
        proof = merkle.consistency_proof(old, size, reader)
        merkle.verify_consistency(old, merkle.tree_root(old, READER), size, root, proof)


def test_each_tile_is_fetched_once():
    storage = Storage(SIZE)
    merkle.inclusion_proof(12_345, SIZE, TileReader(SIZE, storage))
    assert len(storage.fetched) == len(set(storage.fetched)) <= 6


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_tile_of_another_length_is_refused(data):
    with pytest.raises(FormatError):
        merkle.tree_root(1, TileReader(1, lambda _tile: data))


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_bundle_there_and_back(entries):
    data = tiles.encode_bundle(entries)
    assert tiles.decode_bundle(data, len(entries)) == entries
    for wrong, width in ((data + b"\0", len(entries)), (data, len(entries) + 1), (data[:-1], len(entries))):
        if wrong or width:
            with pytest.raises(FormatError):
                tiles.decode_bundle(wrong, width)
    assert data == b"".join(bytes([0, len(entry)]) + entry for entry in entries)


def test_longest_entry():
    longest = bytes(65_535)
    assert tiles.decode_bundle(tiles.encode_bundle([longest]), 1) == [longest]
    with pytest.raises(FormatError):
        tiles.encode_bundle([longest + b"\0"])
