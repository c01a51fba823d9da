"""Tiles: the Merkle tree and the entries of a log as files that never change.

A tile of level l holds up to 256 consecutive hashes of nodes of height 8*l: level 0 holds leaf hashes, and
each hash of a higher level is the root of a full tile below. Only the last tile of a level may be partial;
its name says its width. Entries are served in bundles in step with level 0, each entry after its length in
u16be.

    tile/0/x001/x234/067            full tile 1,234,067 of level 0
    tile/0/x001/x234/067.p/5        the same when it had 5 hashes
    tile/entries/273.p/112          the last bundle of a log of 70,000 entries

A log of 70,000 entries has 273 full tiles and one of width 112 at level 0, one full tile and one of width 17
at level 1, and one of width 1 at level 2.

`TileReader` answers the questions of `app.core.log.merkle` from tiles, whoever fetches them.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import FormatError
from app.core.log import merkle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ENTRIES = -1  # the level of entry bundles, which are in step with level 0
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
LEVEL_MAX = 63
INDEX_MAX = merkle.SIZE_MAX // TILE_WIDTH
ENTRY_BYTES_MAX = (1 << 16) - 1

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """Tile `index` (from 0) of `level` (0..63, or ENTRIES) with `width` hashes or entries (1..256)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        assert ENTRIES <= self.level <= LEVEL_MAX, self.level
        assert 0 <= self.index <= INDEX_MAX, self.index
        assert 1 <= self.width <= TILE_WIDTH, self.width

    @property
    def path(self) -> str:
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The path below the log's URL prefix, without a leading slash."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    name = "entries" if level == ENTRIES else str(level)
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{name}/{'/'.join(groups)}{suffix}"


def parse_tile_path(path: str) -> TileId:
    """The tile that a path names; FormatError for every spelling but that of `tile_path`."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise FormatError("not the path of a tile")
    level = ENTRIES if match[1] == "entries" else int(match[1])
    index = int(match[2].replace("x", "").replace("/", ""))
    width = TILE_WIDTH if match[3] is None else int(match[3])
    if level > LEVEL_MAX or index > INDEX_MAX or not 1 <= width <= TILE_WIDTH:
        raise FormatError("the path of a tile is out of range")
    if tile_path(level, index, width) != path:
        raise FormatError("not the path of a tile")
    return TileId(level, index, width)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle; FormatError when an entry is longer than 65,535 bytes."""
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise FormatError(f"a log entry of {len(entry)} bytes is over {ENTRY_BYTES_MAX}")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle that has exactly `width` of them and nothing after."""
    entries: list[bytes] = []
    at = 0
    for _ in range(width):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data) or start > len(data):
            raise FormatError(f"an entry bundle ends within entry {len(entries)} of {width}")
        entries.append(data[start:at])
    if at != len(data):
        raise FormatError("an entry bundle has bytes after its last entry")
    return entries


def decode_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile of exactly `width`."""
    if len(data) != width * merkle.HASH_BYTES:
        raise FormatError(f"a tile of {width} hashes has {len(data)} bytes")
    return [data[at : at + merkle.HASH_BYTES] for at in range(0, len(data), merkle.HASH_BYTES)]


def tile_at(level: int, index: int, tree_size: int) -> TileId:
    """Tile `index` of `level` as it is in a tree of `tree_size`, full or partial; it must not be empty."""
    hashes = _hashes_at(level, tree_size)
    return TileId(level, index, min(TILE_WIDTH, hashes - index * TILE_WIDTH))


def tiles_of(level: int, tree_size: int) -> Iterator[TileId]:
    """All tiles of one level (for ENTRIES: all bundles) of a tree, the full ones first."""
    for index in range(-(-_hashes_at(level, tree_size) // TILE_WIDTH)):
        yield tile_at(level, index, tree_size)


def new_tiles(old_size: int, new_size: int) -> Iterator[TileId]:
    """The tiles of hashes, level by level, that the tree of `new_size` has and that of `old_size` has not.

    A tile that grew is new: it has a new width. The new entry bundles are in step with those of level 0.
    """
    assert 0 <= old_size <= new_size <= merkle.SIZE_MAX, (old_size, new_size)
    for level in range(LEVEL_MAX + 1):
        old, new = _hashes_at(level, old_size), _hashes_at(level, new_size)
        if old == new:
            return
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            yield tile_at(level, index, new_size)


class TileReader:
    """A `HashReader` over the tiles of a tree of `tree_size`.

    `fetch` gives the bytes of a tile, which must be as long as its width says. Nothing is verified here: who
    gets a proof checks it against a signed root. Within one call no tile is fetched twice.
    """

    def __init__(self, tree_size: int, fetch: Callable[[TileId], bytes]) -> None:
        self._tree_size = tree_size
        self._fetch = fetch

    def read_hashes(self, nodes: Sequence[merkle.NodeId]) -> list[bytes]:
        tiles: dict[TileId, list[bytes]] = {}
        hashes = []
        for height, position in nodes:
            # The node spans `count` neighbouring hashes of a tile; its hash is their root.
            level, above = divmod(height, TILE_HEIGHT)
            count = 1 << above
            index, start = divmod(position * count, TILE_WIDTH)
            tile = tile_at(level, index, self._tree_size)
            assert start + count <= tile.width, (height, position, self._tree_size)
            if tile not in tiles:
                tiles[tile] = decode_tile(self._fetch(tile), tile.width)
            hashes.append(merkle.root(tiles[tile][start : start + count]))
        return hashes


def _hashes_at(level: int, tree_size: int) -> int:
    """How many hashes a level has in a tree, over all its tiles."""
    return tree_size >> (TILE_HEIGHT * max(level, 0))
