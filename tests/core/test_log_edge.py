"""Growing the stored log: whatever the blocks, what is stored is the log's own tiles, and a prefix of each is old ones."""

import random

import pytest

from app.core.log import log_edge, merkle, tiles

SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 513, 700)


def entries_of(count, start=0):
    return [b"\x01" + n.to_bytes(4, "big") * 8 for n in range(start, start + count)]


class Stored:
    """What the database would hold: full tiles for ever, and the edge."""

    def __init__(self):
        self.full, self.edge, self.entries, self.frontier = {}, {}, [], merkle.Frontier()

    def grow(self, entries):
        hashes = [merkle.leaf_hash(entry) for entry in entries]
        before = {level: bytes(data) for level, (_, data) in self.edge.items()}
        full, edge = log_edge.grow(self.edge, len(self.entries), entries, hashes)
        assert {level: data for level, (_, data) in self.edge.items()} == before, (
            "the old edge stays as it was"
        )
        for level, index, data in full:
            assert (level, index) not in self.full, "a full tile is written once"
            self.full[level, index] = data
        self.edge, self.entries = edge, self.entries + entries
        self.frontier = self.frontier.append_many(hashes)

    def tile(self, tile):
        stored = self.full.get((tile.level, tile.index))
        if stored is None:
            index, stored = self.edge[tile.level]
            assert index == tile.index
        if tile.level == tiles.ENTRIES:
            at = 0
            for _ in range(tile.width):
                at += 2 + int.from_bytes(stored[at : at + 2], "big")
            return stored[:at]
        return stored[: 32 * tile.width]


def check(stored, sizes):
    """Every tile of every size is what C2SP's definition says, from whatever is stored now."""
    hashes = [merkle.leaf_hash(entry) for entry in stored.entries]
    for size in sizes:
        for level in range(tiles.ENTRIES, 3):
            for tile in tiles.tiles_of(level, size):
                start = tile.index * 256
                if level == tiles.ENTRIES:
                    expected = tiles.encode_bundle(stored.entries[start : start + tile.width])
                else:
                    span = 256**level
                    expected = b"".join(
                        merkle.root(hashes[n * span : (n + 1) * span])
                        for n in range(start, start + tile.width)
                    )
                assert stored.tile(tile) == expected, (size, tile)
        reader = tiles.TileReader(size, stored.tile)
        assert merkle.tree_root(size, reader) == merkle.root(hashes[:size])


@pytest.mark.parametrize("step", [1, 7, 256, 700])
def test_tiles_are_the_logs_own_however_it_grew(step):
    stored = Stored()
    while len(stored.entries) < 700:
        stored.grow(entries_of(min(step, 700 - len(stored.entries)), len(stored.entries)))
        size = len(stored.entries)
        assert log_edge.check_edge(stored.edge, size)
        assert log_edge.frontier(stored.edge, size) == stored.frontier
    check(stored, SIZES)


def test_every_size_up_to_four_tiles_has_its_own_edge():
    stored = Stored()
    for size in range(1, 1030):
        stored.grow(entries_of(1, size - 1))
        assert log_edge.check_edge(stored.edge, size)
        assert log_edge.frontier(stored.edge, size).root() == stored.frontier.root()
        for other in (size - 1, size + 1, size + 256):
            assert not log_edge.check_edge(stored.edge, other)


def test_a_third_level_begins_at_65536():
    numbers = random.Random(7)
    stored = Stored()
    while len(stored.entries) < 65_536 + 300:
        room = 65_536 + 300 - len(stored.entries)
        stored.grow(entries_of(min(room, numbers.choice((1, 255, 257, 5000, 20_000))), len(stored.entries)))
    size = len(stored.entries)
    assert max(stored.edge) == 2
    assert log_edge.check_edge(stored.edge, size)
    assert log_edge.frontier(stored.edge, size) == stored.frontier
    reader = tiles.TileReader(size, stored.tile)
    assert merkle.tree_root(size, reader) == stored.frontier.root()


def test_one_changed_byte_of_the_edge_is_another_root_or_no_edge():
    stored = Stored()
    stored.grow(entries_of(600))
    for level, (index, data) in stored.edge.items():
        for at in range(0, len(data), 97):
            bad = bytearray(data)
            bad[at] ^= 1
            edge = stored.edge | {level: (index, bytes(bad))}
            whole = log_edge.check_edge(edge, 600)
            assert not whole or log_edge.frontier(edge, 600).root() != stored.frontier.root(), (level, at)


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_an_edge_that_lacks_a_level_or_has_another_place_is_none(level):
    stored = Stored()
    stored.grow(entries_of(600))
    index, data = stored.edge[level]
    assert not log_edge.check_edge({k: v for k, v in stored.edge.items() if k != level}, 600)
    assert not log_edge.check_edge(stored.edge | {level: (index + 1, data)}, 600)
    assert not log_edge.check_edge(stored.edge | {level: (index, data[:-1])}, 600)
    assert not log_edge.check_edge(stored.edge | {2: (0, b"")}, 600)
