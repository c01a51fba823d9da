"""Heads that exclude each other, as an auditor who follows finds them (R41): kept as a file, whatever the sizes are."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner

from app.cli.follow import Follower
from app.core.errors import CredenceError, NotFoundError, ProofError
from app.core.log import merkle, tiles
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.policy import LogKey, Policy
from app.core.proving.claims.contradiction import verify_contradiction
from app.core.proving.claims.head import Asked
from app.core.proving.transition import AuditorState, form
from app.db import ledger as rows
from app.services.ledger import public_log
from app.services.ledger.audit.following import Memory, follow_block, keep_fork
from app.services.proving.transitions import transition


@pytest.fixture
def followed(ledger, tmp_path):
    """(ledger, what the auditor keeps after the first of two blocks, where)."""
    ledger.report(3)
    ledger.step()
    memory = Memory(tmp_path / "seen", None, lambda: 0)
    state = AuditorState.start(ledger.bureau.verifier)
    state = follow_block(state, transition(ledger.bureau, 0), memory, no_tiles)
    ledger.report(4, first=2)
    ledger.step()
    return ledger, state, memory


def no_tiles(wanted):
    raise NotFoundError(f"no {wanted.path}")


class Other:
    """Another history of the same ledger: some entries of the first tree are changed, and it goes on."""

    def __init__(self, ledger, size, changed):
        with ledger.bureau.transaction() as connection:
            newest = rows.newest_block(connection)
        reader = tiles.TileReader(
            newest.tree_size, lambda wanted: public_log.tile(ledger.bureau, wanted.path)
        )
        leaves = reader.read_hashes([merkle.NodeId(0, index) for index in range(newest.tree_size)])
        self.leaves = [bytes(32) if index in changed else leaf for index, leaf in enumerate(leaves)][:size]
        head = Checkpoint(ledger.bureau.origin, len(self.leaves), merkle.root(self.leaves))
        self.note = sign_checkpoint(ledger.home.signer("ledger"), head)

    def tile(self, wanted):
        level = wanted.level * 8
        first = wanted.index * tiles.TILE_WIDTH
        reader = merkle.LeafReader(self.leaves)
        return b"".join(
            reader.read_hashes([merkle.NodeId(level, n) for n in range(first, first + wanted.width)])
        )

    checkpoint = property(lambda self: lambda: self.note)


def proved(ledger, memory):
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")
    asked = Asked(policy, dt.datetime.now(dt.UTC))
    return verify_contradiction(memory.contradiction_path.read_bytes(), asked).facts


@pytest.mark.parametrize("more", [0, 1, 5])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_a_head_of_another_history_is_kept_with_the_one_that_was_checked(followed, place, more):
    ledger, state, memory = followed
    size = state.head.size
    other = Other(ledger, size + more, {place % size})
    assert keep_fork(state, other.note, memory, other.tile)
    assert proved(ledger, memory)["sizes"] == [size, size + more]


def test_what_proves_nothing_is_not_kept(followed):
    ledger, state, memory = followed
    size = state.head.size
    honest, shorter = Other(ledger, size + 3, ()), Other(ledger, size - 1, {2})
    forked = Other(ledger, size + 3, {2})
    foreign = forked.note.replace(b"ledger.example", b"another.example")
    for note, read in (
        (honest.note, honest.tile),
        (shorter.note, shorter.tile),  # an older head; its tree is not to be had from the newer one
        (forked.note, no_tiles),
        (forked.note, honest.tile),  # not the tiles of that head
        (foreign, forked.tile),
        (b"", forked.tile),
    ):
        assert not keep_fork(state, note, memory, read)
    assert not memory.contradiction_path.exists()


def test_a_transition_to_another_history_is_refused_and_its_head_kept(followed):
    ledger, state, memory = followed
    other = Other(ledger, 10**6, {3})
    first, *rest = transition(ledger.bureau, 1)
    lied = form.encode(msgspec.structs.replace(form.decode_head(first), checkpoint=other.note.decode()))
    kept = memory.path.read_bytes()
    with pytest.raises(CredenceError):
        follow_block(state, [lied, *rest], memory, other.tile)
    assert memory.path.read_bytes() == kept
    assert proved(ledger, memory)["sizes"][0] == state.head.size


@pytest.mark.parametrize(("size", "code"), [(None, None), (5, "rolled-back"), (10**6, "forked")])
def test_the_newest_head_is_compared_when_there_is_no_block(followed, size, code, monkeypatch):
    ledger, state, memory = followed
    monkeypatch.setattr("app.cli.follow.time", SimpleNamespace(sleep=lambda _: None))
    follower = Follower("http://127.0.0.1:1", ledger.home.signer("service"), "c", ledger.bureau.origin)
    follower._source = Other(ledger, size, {3} if code == "forked" else ())
    if code is None:
        follower.compare_head(state, memory)
        return
    with pytest.raises(ProofError) as refused:
        follower.compare_head(state, memory)
    assert refused.value.code == code
    assert memory.contradiction_path.exists() == (code == "forked")


def test_a_ledger_with_two_histories_is_not_followed_any_more(followed):
    from app.cli.follow import Sender, follow

    ledger, state, memory = followed
    other = Other(ledger, state.head.size, {3})
    assert keep_fork(state, other.note, memory, other.tile)

    def again():
        follow(None, memory, Sender("http://127.0.0.1:1"), ledger.bureau.verifier, once=True)

    import click

    result = CliRunner().invoke(click.Command("again", callback=again))
    assert (result.exit_code, "two histories" in result.output) == (1, True)
