"""The tests' own replay of a whole ledger, from its rows alone: what must hold after any block, crash or restart.

`check(url, home)` reads the tables as their owner and asserts

- the log: entries give every stored tile, and every block's checkpoint is signed over the root of its first entries
  (so each is consistent with the next), ends with its block entry, and chains to the one before;
- the placements: each index of the log belongs to exactly one batch, event, notice or block, and holds its bytes;
- the state: the accounts' versions up to each block give the root and the number in that block;
- the files: each citizen's newest state, folded anew from all of its events, gives the stored leaf; a body is missing
  exactly where a notice that a block took in says so;
- the publication: every block was published, and the copy of the head is the newest.

It shares the formats (`core`) with the product and nothing of its services, so it can disagree with the sequencer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.core.log import checkpoint, merkle, notices, tiles
from app.core.log.block import NO_PREVIOUS, Block
from app.core.log.entries import batch_entry, event_entry, notice_entry
from app.core.log.note import Verifier
from app.core.reporting.events import decode_stored
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import parse_card
from app.core.state import account, account_state, sealing, trie
from app.core.state.account_state import PlacedEvent, Rules
from app.db.engine import make_engine

if TYPE_CHECKING:
    from app.services.home import Home


@dataclass(frozen=True)
class Replayed:
    """What was found, for the test to compare with what it put in."""

    blocks: int
    tree_size: int
    events: int
    batches: int
    citizens: int
    root: bytes


class Rows:
    """Every table, read once as the database's owner."""

    def __init__(self, url: str) -> None:
        engine = make_engine(url, role=None)
        with engine.connect() as connection:

            def all_of(query: str) -> list[tuple]:
                return [tuple(row) for row in connection.execute(text(query))]

            self.blocks = all_of(
                "SELECT number, tree_size, root, entry, checkpoint FROM blocks ORDER BY number"
            )
            self.publications = all_of("SELECT block, checkpoint FROM publications ORDER BY block")
            self.tiles = {
                (row[0], row[1]): row[2]
                for row in all_of("SELECT * FROM tiles UNION ALL SELECT * FROM log_edge WHERE data <> ''")
            }
            self.batches = {r[0]: r[1:] for r in all_of("SELECT id, hash, event_count FROM batches")}
            self.notices = dict(all_of("SELECT id, payload FROM notices"))
            self.placements = all_of(
                "SELECT admission, first_index, block FROM placements ORDER BY first_index"
            )
            self.events = all_of(
                "SELECT batch, position, citizen, commitment, sealed FROM events LEFT JOIN event_bodies"
                " USING (batch, position) ORDER BY batch, position"
            )
            self.citizens = {
                r[0]: r[1:]
                for r in all_of("SELECT id, key, wrapped FROM citizens JOIN citizen_keys ON citizen = id")
            }
            self.accounts = all_of(
                "SELECT block, citizen, value, until FROM accounts ORDER BY block, citizen"
            )
            self.bodies = {
                row[0]: row[1] for row in all_of("SELECT citizen, sealed FROM account_bodies ORDER BY block")
            }
            self.documents = dict(all_of("SELECT hash, body FROM documents"))
        engine.dispose()


def check(url: str, home: Home, *, refold: bool = True) -> Replayed:
    """Assert all of the above; `refold=False` leaves out the files."""
    rows = Rows(url)
    entries = _check_tiles(rows)
    genesis = notices.decode(entries[0][1:])
    blocks = _check_blocks(rows, entries, Verifier.parse(genesis.vkey))
    _check_placements(rows, entries, blocks)
    _check_state(rows, blocks)
    if refold:
        _check_files(rows, blocks, genesis, home.secret("wrap.key"))
    assert [p[0] for p in rows.publications] == [b.number for b in blocks], "every block was published, once"
    assert home.head.read_text() == rows.publications[-1][1] == rows.blocks[-1][4], (
        "the copy of the head is the newest"
    )
    events = sum(1 for entry in entries if entry[0] == 1)
    return Replayed(
        len(blocks), len(entries), events, len(rows.batches), blocks[-1].accounts, rows.blocks[-1][2]
    )


def log_of(url: str) -> list[bytes]:
    """All entries of the log, as stored."""
    return _check_tiles(Rows(url))


def _check_tiles(rows: Rows) -> list[bytes]:
    """The entries, after every hash tile was computed anew from them."""
    size = rows.blocks[-1][1]
    entries: list[bytes] = []
    for index in range(-(-size // 256)):
        width = min(256, size - 256 * index)
        entries += tiles.decode_bundle(rows.tiles[tiles.ENTRIES, index], width)
    expected, level, hashes = {}, 0, [merkle.leaf_hash(entry) for entry in entries]
    while hashes:
        groups = [hashes[at : at + 256] for at in range(0, len(hashes), 256)]
        expected |= {(level, index): b"".join(group) for index, group in enumerate(groups)}
        hashes, level = [merkle.root(group) for group in groups if len(group) == 256], level + 1
    assert {place: data for place, data in rows.tiles.items() if place[0] >= 0} == expected
    assert len([place for place in rows.tiles if place[0] == tiles.ENTRIES]) == -(-size // 256)
    return entries


def _check_blocks(rows: Rows, entries: list[bytes], verifier: Verifier) -> list[Block]:
    blocks: list[Block] = []
    frontier = merkle.Frontier()
    for number, tree_size, root, entry, note in rows.blocks:
        block = Block.parse(entry)
        assert block.number == number == len(blocks)
        assert entries[tree_size - 1] == block.entry(), "a checkpoint ends with its block"
        frontier = frontier.append_many(merkle.leaf_hash(e) for e in entries[frontier.size : tree_size])
        head = checkpoint.open_checkpoint(note.encode(), verifier).checkpoint
        assert (head.size, head.root) == (tree_size, root) == (frontier.size, frontier.root())
        assert block.previous == (blocks[-1].leaf_hash() if blocks else NO_PREVIOUS)
        if blocks:
            assert block.time >= blocks[-1].time, "neither ever decreases"
            assert block.as_of >= blocks[-1].as_of, "neither ever decreases"
        blocks.append(block)
    assert frontier.size == len(entries)
    assert sum(1 for entry in entries if entry[0] == 3) == len(blocks)
    return blocks


def _check_placements(rows: Rows, entries: list[bytes], blocks: list[Block]) -> None:
    expected: dict[int, bytes] = {row[1] - 1: entries[row[1] - 1] for row in rows.blocks}
    commitments = defaultdict(list)
    gone = _destroyed(rows)
    first = {p[0]: p[1] for p in rows.placements}
    for batch, position, _, commitment, sealed in rows.events:
        assert position == len(commitments[batch]), "positions without gaps"
        index = first.get(batch, -(2**53)) + 1 + position
        assert (sealed is None) == (index in gone), f"log index {index}"
        commitments[batch].append(commitment)
    starts = [0] + [row[1] for row in rows.blocks]
    for admission, first_index, block in rows.placements:
        assert starts[block] <= first_index < starts[block + 1], "placed in the block that holds it"
        placed = [notice_entry(rows.notices[admission])] if admission in rows.notices else None
        if placed is None:
            batch_hash, event_count = rows.batches[admission]
            assert event_count == len(commitments[admission])
            placed = [batch_entry(batch_hash), *map(event_entry, commitments[admission])]
        for index, entry in enumerate(placed, first_index):
            assert expected.setdefault(index, entry) is entry, f"two things are placed at {index}"
    assert [expected[index] for index in range(len(entries))] == entries
    assert len(rows.placements) == len({p[0] for p in rows.placements}), "placed once"


def _destroyed(rows: Rows) -> dict[int, tuple[str, int]]:
    """Log index -> (reason, block) of what the notices in blocks name."""
    block_of = {p[0]: p[2] for p in rows.placements}
    taken = [(notices.decode(payload), block_of.get(number)) for number, payload in rows.notices.items()]
    return {
        index: (notice.reason, block)
        for notice, block in taken
        if isinstance(notice, notices.Destroyed) and block is not None
        for index in notice.entries
    }


def _check_state(rows: Rows, blocks: list[Block]) -> None:
    versions = defaultdict(list)
    for number, citizen, value, _ in rows.accounts:
        versions[number].append((rows.citizens[citizen][0], value))
    leaves: dict[bytes, bytes] = {}
    for block in blocks:
        leaves.update(versions.pop(block.number, ()))
        assert block.accounts == len(leaves)
        assert block.state == trie.root(
            sorted((key, account.leaf(key, value)) for key, value in leaves.items())
        )
    assert not versions, "no version without its block"


def _check_files(rows: Rows, blocks: list[Block], genesis: notices.Genesis, wrap_key: bytes) -> None:
    """Fold every citizen once from the start: the newest version must say the same, to the byte of its value."""
    gone = _destroyed(rows)
    first = {p[0]: p[1] for p in rows.placements}
    histories = defaultdict(list)
    for batch, position, citizen, commitment, sealed in rows.events:
        if batch in first:
            histories[citizen].append((first[batch] + 1 + position, commitment, sealed))
    newest = {citizen: (block, value, until) for block, citizen, value, until in rows.accounts}
    assert newest.keys() == histories.keys()
    for citizen, history in histories.items():
        key, wrapped = rows.citizens[citizen]
        keys = sealing.unwrap(wrap_key, citizen, key, wrapped)
        history.sort()
        leaves = [(i, merkle.leaf_hash(event_entry(c))) for i, c, _ in history]
        left = [
            (i, decode_stored(sealing.unseal(keys.data_key, sealed)))
            for i, _, sealed in history
            if sealed is not None
        ]
        opaque = [
            account_state.Opaque(position, gone[i][0], blocks[gone[i][1]].as_of.isoformat())
            for position, (i, _, _) in enumerate(history)
            if i in gone
        ]
        number, value, until = newest[citizen]
        rules = Rules(
            blocks[number].as_of.isoformat(),
            parse_card(rows.documents[blocks[number].scorecard]),
            PROFILES[genesis.profile],
        )
        if opaque:
            newest_state = account_state.decode(sealing.unseal(keys.data_key, rows.bodies[citizen]))
            salts = bytes.fromhex(newest_state.salts)
            written = account_state.rebuild(leaves, left, opaque, rules, keys.salt_key, salts)
        else:
            placed = [PlacedEvent(i, leaf, event) for (i, leaf), (_, event) in zip(leaves, left, strict=True)]
            written = account_state.advance(None, placed, rules, keys.salt_key, lambda left=left: left)
        assert (written.state.account_value(keys.salt_key, number), written.until) == (
            value,
            until.isoformat(),
        )
        assert until > blocks[-1].as_of, "what has aged was scored again"
