"""Contradictions of two heads, for every small tree and every place at which it can be forked (R41)."""

from __future__ import annotations

import datetime as dt

import pytest

from app.core.errors import CredenceError
from app.core.log import merkle
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.note import Signer
from app.core.log.policy import LogKey, Policy
from app.core.proving.claims.contradiction import contradiction, verify_contradiction
from app.core.proving.claims.head import Asked

LOG = Signer.generate_from_seed("log.example", bytes(32))
ASKED = Asked(Policy((LogKey(LOG.verifier),), (), (), b"none"), dt.datetime(2026, 11, 22, tzinfo=dt.UTC))
SIZE_MAX = 11
TRUE = [merkle.leaf_hash(b"%d" % n) for n in range(SIZE_MAX)]


def head(leaves):
    return sign_checkpoint(LOG, Checkpoint(LOG.name, len(leaves), merkle.root(leaves)))


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_whoever_keeps_the_subtrees_of_the_smaller_tree_proves_every_fork(size):
    kept = merkle.FrontierReader(merkle.Frontier().append_many(TRUE[:size]))
    for other_size in range(size, SIZE_MAX + 1):
        for forked_at in range(other_size + 1):
            leaves = [
                *TRUE[:forked_at],
                *(merkle.leaf_hash(b"fork" + leaf) for leaf in TRUE[forked_at:other_size]),
            ]
            found = contradiction(head(TRUE[:size]), kept, head(leaves), merkle.LeafReader(leaves))
            assert (found is None) == (forked_at >= size), "an honest tree contradicts nothing"
            if found is not None:
                assert verify_contradiction(found, ASKED).facts["sizes"] == [size, other_size]


def test_the_smaller_tree_may_come_second():
    leaves = [*TRUE[:3], bytes(32), TRUE[4]]
    found = contradiction(head(TRUE), merkle.LeafReader(TRUE), head(leaves), merkle.LeafReader(leaves))
    assert verify_contradiction(found, ASKED).facts["sizes"] == [SIZE_MAX, 5]


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_no_other_place_is_a_complete_subtree(size):
    """The path of one subtree proves it at its level and index only."""
    reader, root = merkle.LeafReader(TRUE[:size]), merkle.root(TRUE[:size])
    for level in range(4):
        for index in range(size >> level):
            (node,) = reader.read_hashes([merkle.NodeId(level, index)])
            path = merkle.subtree_proof(level, index, size, reader)
            for other in [(lv, ix) for lv in range(5) for ix in range(size + 2)]:
                try:
                    merkle.verify_subtree(node, *other, size, path, root)
                except CredenceError:
                    assert other != (level, index)
                else:
                    assert other == (level, index)
