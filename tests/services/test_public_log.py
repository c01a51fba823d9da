"""The public log: at every published size the tiles and bundles are those of the entries, and proofs from them hold."""

from __future__ import annotations

import pytest

from app.core.errors import FormatError, NotFoundError
from app.core.log import checkpoint, merkle, tiles
from app.core.log.entries import batch_entry, event_entry, notice_entry
from app.db import ledger as rows
from app.services.ledger import public_log

SIZES_OF_BATCHES = (1, 3, 200, 30, 256, 1, 290)


class Seen:
    """What a monitor saw: the checkpoints of all sizes, and the entries as the newest bundles have them."""

    def __init__(self, ledger):
        self.bureau, self.heads = ledger.bureau, []
        for count in SIZES_OF_BATCHES:
            lines = [ledger.lender.payment(f"uci:{number}") for number in range(1, count + 1)]
            ledger.admit(ledger.lender.batch(lines))
            ledger.step()
            note = public_log.checkpoint(ledger.bureau)
            self.heads.append(checkpoint.open_checkpoint(note, ledger.bureau.verifier).checkpoint)
        self.size = self.heads[-1].size
        self.entries = [
            entry
            for tile in tiles.tiles_of(tiles.ENTRIES, self.size)
            for entry in tiles.decode_bundle(self.get(tile), tile.width)
        ]
        self.hashes = [merkle.leaf_hash(entry) for entry in self.entries]

    def get(self, tile):
        return public_log.tile(self.bureau, tile.path)

    def expected(self, tile):
        """By C2SP's definition."""
        first = tile.index * tiles.TILE_WIDTH
        if tile.level == tiles.ENTRIES:
            return tiles.encode_bundle(self.entries[first : first + tile.width])
        span = tiles.TILE_WIDTH**tile.level
        nodes = range(first, first + tile.width)
        return b"".join(merkle.root(self.hashes[n * span : (n + 1) * span]) for n in nodes)


@pytest.fixture
def seen(ledger):
    return Seen(ledger)


def test_the_whole_log_as_anyone_sees_it(ledger, seen):
    """One ledger for all of this, as it takes a second to make."""
    assert len(seen.entries) == seen.size == len(seen.hashes)
    _every_checkpoint_is_the_root_of_its_entries(seen)
    _every_tile_of_every_size(seen)
    _nothing_beyond_the_published_tree(seen)
    _proofs_from_tiles_hold(seen)
    _entries_are_the_admissions_in_order(ledger, seen)


def _every_checkpoint_is_the_root_of_its_entries(seen):
    for head in seen.heads:
        assert head.root == merkle.root(seen.hashes[: head.size])
        assert seen.entries[head.size - 1][0] == 0x03, "its last entry is a block"


def _every_tile_of_every_size(seen):
    for head in seen.heads:
        for level in (tiles.ENTRIES, 0, 1):
            for tile in tiles.tiles_of(level, head.size):
                assert seen.get(tile) == seen.expected(tile), (head.size, tile)
    for width in range(1, 257):
        for level in (tiles.ENTRIES, 0):
            tile = tiles.TileId(level, 0, width)
            assert seen.get(tile) == seen.expected(tile), "any width of a tile that is full by now"


def _nothing_beyond_the_published_tree(seen):
    index, width = divmod(seen.size, 256)
    assert seen.get(tiles.TileId(0, index, width)) is not None
    beyond = [tiles.TileId(level, index, width + 1) for level in (tiles.ENTRIES, 0)]
    beyond += [tiles.TileId(0, index + 1, 1), tiles.TileId(0, index), tiles.TileId(1, 0, index + 1)]
    beyond += [tiles.TileId(2, 0, 1), tiles.TileId(63, 0, 1), tiles.TileId(0, tiles.INDEX_MAX)]
    for tile in beyond:
        with pytest.raises(NotFoundError):
            seen.get(tile)
    for path in (
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/00/000",
        "tile/0/0",
        "tile/64/000",
        "../0/000",
        "",
    ):
        with pytest.raises(FormatError):
            public_log.tile(seen.bureau, path)


def _proofs_from_tiles_hold(seen):
    for head in seen.heads:
        reader = tiles.TileReader(head.size, seen.get)
        assert merkle.tree_root(head.size, reader) == head.root
        for index in {0, 1, head.size // 2, max(0, head.size - 2), head.size - 1}:
            proof = merkle.inclusion_proof(index, head.size, reader)
            merkle.verify_inclusion(seen.hashes[index], index, head.size, proof, head.root)
        for old in seen.heads:
            if old.size <= head.size:
                proof = merkle.consistency_proof(old.size, head.size, reader)
                merkle.verify_consistency(old.size, old.root, head.size, head.root, proof)


def _entries_are_the_admissions_in_order(ledger, seen):
    from app.db import admission

    with ledger.bureau.transaction() as connection:
        expected = [notice_entry(payload) for _, payload, _ in admission.all_notices(connection)]
        placed = connection.execute(
            "SELECT b.id, b.hash FROM batches b JOIN placements p ON p.admission = b.id ORDER BY p.first_index"
        ).fetchall()
        for number, digest in placed:
            expected.append(batch_entry(bytes(digest)))
            expected += [event_entry(c) for _, c in rows.commitments(connection, [number])]
    assert [entry for entry in seen.entries if entry[0] != 0x03] == expected


def test_before_the_first_block_there_is_nothing(ledger):
    for ask in (public_log.checkpoint, lambda bureau: public_log.tile(bureau, "tile/0/000.p/1")):
        with pytest.raises(NotFoundError):
            ask(ledger.bureau)


def test_a_block_that_is_committed_and_not_published_is_not_shown(ledger, monkeypatch):
    """As after a crash between the two; what is stored already must not leak."""
    from app.services.ledger import publishing

    ledger.report(1)
    ledger.step()
    before = public_log.checkpoint(ledger.bureau)
    size = checkpoint.parse_note(before).size

    def crash(*_args):
        raise KeyboardInterrupt

    ledger.report(1, first=2)
    monkeypatch.setattr(publishing, "publish", crash)
    with pytest.raises(KeyboardInterrupt):
        ledger.step()
    monkeypatch.undo()
    with ledger.bureau.transaction() as connection:
        assert rows.newest_block(connection).tree_size > size, "it is in the tables"
    assert public_log.checkpoint(ledger.bureau) == before
    with pytest.raises(NotFoundError):
        public_log.tile(ledger.bureau, tiles.tile_at(0, 0, size + 1).path)
    assert len(public_log.tile(ledger.bureau, tiles.tile_at(0, 0, size).path)) == 32 * size


@pytest.mark.parametrize("width", [1, 2, 255, 256])
def test_a_bundle_is_cut_at_whole_entries(width):
    entries = [bytes(n % 7) for n in range(256)]
    assert public_log.cut_bundle(tiles.encode_bundle(entries), width) == tiles.encode_bundle(entries[:width])
