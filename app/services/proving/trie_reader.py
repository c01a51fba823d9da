"""Paths in the state trie of a published block, from tiles and the pages of leaves below them.

    reader = TrieReader(block=7, accounts=30_000)
    reader.paths(connection, keys)              # key -> siblings; keys without a leaf are left out
    later = reader.carried(connection, 8, 30_002)

What was read of a block is kept. Pages go on to the next block: the leaves that changed meanwhile are asked for once, all of
them together, and not the pages around them again. Readers are shared by threads: what one has read is only added to, and a
page is never changed but replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.core.state import trie, trie_tiles
from app.db import state

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.db.session import Connection

_TILES_MAX, _PATHS_MAX, _PAGES_MAX = 20_000, 100_000, 8_192
CARRIED_MAX: Final = 5_000
"""Where more leaves changed than this, pages are read anew: an import writes 65,536 a block."""
READ_AHEAD_FROM, READ_AHEAD_DEPTH = 32, 8
"""Who has read so many tiles of a block will need most of the upper ones, 273 to this depth, and asks for them together.
Up to 130,000 accounts there are no others, and nothing more to ask for until the next block.
"""


@dataclass(slots=True)
class TrieReader:
    """The state trie of a block of so many accounts, with the parts that were read so far; `is_read_ahead` says whether all
    upper tiles are among them. A page is known by the depth of its node and the first key that can be below it.
    """

    block: int
    accounts: int
    is_read_ahead: bool = False
    _tiles: dict[trie_tiles.TileId, bytes] = field(default_factory=dict)
    _pages: dict[tuple[int, bytes], trie.Page] = field(default_factory=dict)
    _paths: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)

    def paths(self, connection: Connection, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, ...]]:
        """The siblings on the way to each key from the root to its leaf."""
        paths = {key: path for key in keys if (path := self._paths.get(key)) is not None}
        missing = [key for key in keys if key not in paths]
        if missing:
            found = self._read(connection, missing)
            if len(self._paths) > _PATHS_MAX:
                self._paths.clear()  # other threads look into it too: what is needed here is in `found`
            self._paths.update(found)
            paths |= found
        return paths

    def carried(self, connection: Connection, block: int, accounts: int) -> TrieReader:
        """The reader of a later block, with the pages of this one as they are there."""
        later = TrieReader(block, accounts)
        if self._pages and block > self.block and depth_max(accounts) == depth_max(self.accounts):
            changed = state.changed_leaves(connection, self.block, block, CARRIED_MAX + 1)
            if len(changed) <= CARRIED_MAX:
                later._pages = dict(self._pages)
                later._replace(changed)
        return later

    def _replace(self, changed: Iterable[tuple[bytes, bytes]]) -> None:
        """Put leaves (key, value) into the pages around them, as far as there are any."""
        depths = {depth for depth, _ in self._pages}
        for key, value in changed:
            for depth in depths:
                place = depth, trie_tiles.first_key(key, depth)
                page = self._pages.get(place)
                if page is not None:
                    self._pages[place] = page.with_leaf(key, trie.leaf_hash(key, value))

    def _read(self, connection: Connection, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, ...]]:
        """Pages are sought where they nearly always are, and further down where more leaves than a page has were found."""
        found: dict[bytes, tuple[bytes, ...]] = {}
        deepest = depth_max(self.accounts)
        for depth in (deepest - 2 * trie_tiles.LEVELS, deepest):
            tiles = self._tiles_for(connection, keys, depth)
            ways = [trie_tiles.descend(tiles, key) for key in keys]
            pages = self._pages_for(connection, [way for way in ways if not way.is_empty])
            crowded = []
            for way in ways:
                page = pages.get((way.depth, way.first_key))
                if page is None:
                    continue
                if len(page.keys) > trie_tiles.PAGE_MAX and depth < deepest:
                    crowded.append(way.key)
                    continue
                below = page.siblings(way.key, way.depth)
                if below is not None:
                    found[way.key] = way.siblings + below
            if not crowded:
                break
            keys = crowded
        return found

    def _pages_for(
        self, connection: Connection, ways: Sequence[trie_tiles.Descent]
    ) -> dict[tuple[int, bytes], trie.Page]:
        """The pages to which these ways lead, by their places."""
        wanted = {(way.depth, way.first_key): way for way in ways}
        known = {place: page for place in wanted if (page := self._pages.get(place)) is not None}
        missing = [place for place in wanted if place not in known]
        if missing:
            ranges = [(wanted[place].first_key, wanted[place].last_key) for place in missing]
            stored = state.page_leaves(connection, ranges, self.block)
            read = {
                place: trie.Page.of([(key, trie.leaf_hash(key, value)) for key, value in rows])
                for place, rows in zip(missing, stored, strict=True)
            }
            known |= read
            if len(self._pages) > _PAGES_MAX:
                self._pages.clear()
            self._pages.update(read)
        return known

    def _tiles_for(
        self, connection: Connection, keys: Sequence[bytes], depth: int
    ) -> dict[trie_tiles.TileId, bytes]:
        """The tiles on the ways to these keys down to a depth, where one is stored."""
        wanted = {tile for key in keys for tile in trie_tiles.tile_ids(key, depth)}
        known = {tile: data for tile in wanted if (data := self._tiles.get(tile)) is not None}
        missing = [tile for tile in wanted if tile not in known]
        if missing:
            if not self.is_read_ahead and len(self._tiles) >= READ_AHEAD_FROM:
                self.is_read_ahead = True
                upper = trie_tiles.upper_tile_ids(min(depth, READ_AHEAD_DEPTH))
                missing += [tile for tile in upper if tile not in wanted and tile not in self._tiles]
            stored = state.trie_tiles(connection, missing, self.block)
            known |= {tile: stored[tile][1] if tile in stored else b"" for tile in missing}
            if len(self._tiles) > _TILES_MAX:
                self._tiles.clear()
                self.is_read_ahead = False
            self._tiles.update(known)
        return {tile: data for tile, data in known.items() if data}


def depth_max(accounts: int) -> int:
    """The depth to look for tiles to: VRF outputs are spread evenly, so a few levels more than the mean is enough.

    Nearly always there are none in the last two steps, and the pages lie where the first of them would begin.
    """
    depth = trie_tiles.LEVELS
    while accounts > trie_tiles.PAGE_MAX // 4:
        accounts >>= trie_tiles.LEVELS
        depth += trie_tiles.LEVELS
    return depth
