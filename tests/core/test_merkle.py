"""Merkle trees: the RFC's recursive definitions as oracle for every tree up to 100 leaves, and the reference tree
of Certificate Transparency (its C++ test suite; also transparency-dev/merkle, testonly/constants.go)."""

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError, ProofError
from app.core.log import merkle
from app.core.log.merkle import Frontier, LeafReader

CT_LEAVES = [bytes.fromhex(h) for h in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]]  # fmt: skip
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_SUBTREES = [
    [CT_ROOTS[1]],
    [CT_ROOTS[2]],
    [CT_ROOTS[2], "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"],
    [CT_ROOTS[4]],
    [CT_ROOTS[4], "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
    [CT_ROOTS[4], "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"],
    [
        CT_ROOTS[4],
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    ],
    [CT_ROOTS[8]],
]
CT_INCLUSION = {
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
}  # fmt: skip
CT_CONSISTENCY = {
    (1, 1): [],
    (1, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 5): ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip

SIZES = 100
LEAVES = [merkle.leaf_hash(b"%d" % i) for i in range(SIZES + 1)]
READER = LeafReader(LEAVES)
OTHER = hashlib.sha256(b"other").digest()


def rfc_split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def rfc_root(d):
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if len(d) <= 1:
        return d[0] if d else hashlib.sha256(b"").digest()
    k = rfc_split(len(d))
    return hashlib.sha256(b"\x01" + rfc_root(d[:k]) + rfc_root(d[k:])).digest()


def rfc_path(m, d):
    """PATH of RFC 6962 section 2.1.1."""
    if len(d) == 1:
        return []
    k = rfc_split(len(d))
    if m < k:
        return [*rfc_path(m, d[:k]), rfc_root(d[k:])]
    return [*rfc_path(m - k, d[k:]), rfc_root(d[:k])]


def rfc_subproof(m, d, known):
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if m == len(d):
        return [] if known else [rfc_root(d)]
    k = rfc_split(len(d))
    if m <= k:
        return [*rfc_subproof(m, d[:k], known), rfc_root(d[k:])]
    return [*rfc_subproof(m - k, d[k:], known=False), rfc_root(d[:k])]


ROOTS = [rfc_root(LEAVES[:size]) for size in range(SIZES + 1)]


@pytest.mark.parametrize("size", range(9))
def test_reference_tree_roots(size):
    assert merkle.root([merkle.leaf_hash(e) for e in CT_LEAVES[:size]]).hex() == CT_ROOTS[size]


@pytest.mark.parametrize("size", range(1, 9))
def test_reference_tree_nodes(size):
    """The complete subtrees of each size, which are what a frontier keeps."""
    frontier = Frontier().append_many(merkle.leaf_hash(entry) for entry in CT_LEAVES[:size])
    assert [digest.hex() for digest in frontier.hashes] == CT_SUBTREES[size - 1]


def test_reference_tree_proofs():
    hashes = [merkle.leaf_hash(e) for e in CT_LEAVES]
    for (index, size), proof in CT_INCLUSION.items():
        assert [h.hex() for h in merkle.inclusion_proof(index, size, LeafReader(hashes))] == proof
        merkle.verify_inclusion(
            hashes[index], index, size, [bytes.fromhex(h) for h in proof], bytes.fromhex(CT_ROOTS[size])
        )
    for (old, new), proof in CT_CONSISTENCY.items():
        assert [h.hex() for h in merkle.consistency_proof(old, new, LeafReader(hashes))] == proof
        merkle.verify_consistency(
            old,
            bytes.fromhex(CT_ROOTS[old]),
            new,
            bytes.fromhex(CT_ROOTS[new]),
            [bytes.fromhex(h) for h in proof],
        )


@pytest.mark.parametrize("size", range(SIZES + 1))
def test_every_tree(size):
    assert merkle.root(iter(LEAVES[:size])) == ROOTS[size]
    assert merkle.tree_root(size, READER) == ROOTS[size]
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, READER)
        assert proof == rfc_path(index, LEAVES[:size])
        merkle.verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])
    for old in range(size + 1):
        proof = merkle.consistency_proof(old, size, READER)
        assert proof == (rfc_subproof(old, LEAVES[:size], known=True) if old else [])
        assert len(proof) <= merkle.PROOF_HASHES_MAX
        merkle.verify_consistency(old, ROOTS[old], size, ROOTS[size], proof)


def refused(check, *arguments):
    with pytest.raises(ProofError):
        check(*arguments)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33])
def test_every_wrong_inclusion_proof_is_refused(size):
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, READER)
        verify = merkle.verify_inclusion
        refused(verify, OTHER, index, size, proof, ROOTS[size])
        refused(verify, LEAVES[index], index, size, proof, OTHER)
        refused(verify, LEAVES[index], index, size, [*proof, OTHER], ROOTS[size])
        for other in range(-1, size + 2):
            if other != index:
                refused(verify, LEAVES[index], other, size, proof, ROOTS[size])
        for at in range(len(proof)):
            refused(verify, LEAVES[index], index, size, proof[:at] + proof[at + 1 :], ROOTS[size])
            refused(verify, LEAVES[index], index, size, [*proof[:at], OTHER, *proof[at + 1 :]], ROOTS[size])
            refused(
                verify,
                LEAVES[index],
                index,
                size,
                [*proof[:at], proof[at] + b"\0", *proof[at + 1 :]],
                ROOTS[size],
            )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33])
def test_every_wrong_consistency_proof_is_refused(size):
    verify = merkle.verify_consistency
    for old in range(size + 1):
        proof = merkle.consistency_proof(old, size, READER)
        refused(verify, old, OTHER, size, ROOTS[size], proof)
        if old:
            refused(verify, old, ROOTS[old], size, OTHER, proof)
        refused(verify, old, ROOTS[old], size, ROOTS[size], [*proof, OTHER])
        refused(verify, size + 1, ROOTS[old], size, ROOTS[size], proof)
        refused(verify, -1, ROOTS[old], size, ROOTS[size], proof)
        for at in range(len(proof)):
            refused(verify, old, ROOTS[old], size, ROOTS[size], proof[:at] + proof[at + 1 :])
            refused(verify, old, ROOTS[old], size, ROOTS[size], [*proof[:at], OTHER, *proof[at + 1 :]])


def test_sizes_beyond_the_limit_are_refused():
    refused(merkle.verify_inclusion, OTHER, 0, 2**63, [], OTHER)
    refused(merkle.verify_consistency, 0, merkle.EMPTY_ROOT, 2**63, OTHER, [])
    refused(merkle.verify_inclusion, OTHER, 0, 2**63 - 1, [OTHER] * 200, OTHER)


def test_frontier_of_every_tree():
    for start in range(SIZES + 1):
        frontier = Frontier().append_many(LEAVES[:start])
        assert frontier.root() == ROOTS[start]
        assert Frontier.decode(frontier.encode()) == frontier
        assert len(frontier.encode()) == 8 + 32 * start.bit_count()
        for size in range(start, SIZES + 1):
            grown = frontier.append_many(iter(LEAVES[start:size]))
            assert (grown.size, grown.root()) == (size, ROOTS[size])
            assert list(grown.hashes) == READER.read_hashes(list(merkle.subtrees(0, size)))


def test_frontier_gives_the_proof_of_the_next_leaf():
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES[:SIZES]):
        proof = frontier.next_leaf_proof()
        assert proof == merkle.inclusion_proof(size, size + 1, READER)
        frontier = frontier.append(leaf)
        merkle.verify_inclusion(leaf, size, size + 1, proof, frontier.root())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(7),
        bytes(9),
        bytes(40),
        b"\0" * 7 + b"\1",
        b"\0" * 7 + b"\1" + bytes(31),
        b"\0" * 7 + b"\3" + bytes(32),
        b"\x80" + bytes(39),
        b"\xff" * 8 + bytes(2048),
    ],
)
def test_bad_frontiers(data):
    with pytest.raises(FormatError):
        Frontier.decode(data)


@given(st.integers(1, 2**62), st.data())
def test_proofs_in_huge_trees_have_the_right_shape(size, data):
    """A reader that answers with the node's name: the plan is right when the proof verifies against its own root."""

    class Named:
        calls = 0

        def read_hashes(self, nodes):
            self.calls += 1
            return [hashlib.sha256(b"%d %d" % node).digest() for node in nodes]

    index = data.draw(st.integers(0, size - 1))
    reader = Named()
    proof = merkle.inclusion_proof(index, size, reader)
    assert reader.calls == 1
    assert len(proof) <= 63
    merkle.root_from_inclusion(OTHER, index, size, proof)
    for wrong in (proof[:-1], [*proof, OTHER]):
        if wrong != proof:
            refused(merkle.root_from_inclusion, OTHER, index, size, wrong)
    if index:
        assert len(merkle.consistency_proof(index, size, reader)) <= merkle.PROOF_HASHES_MAX


def test_root_of_a_full_batch_is_quick():
    """65,536 leaves take some 50 ms on a quiet core; the bound only catches a change of the order of growth."""
    leaves = [LEAVES[i % SIZES] for i in range(65_536)]
    start = time.thread_time()
    expected = merkle.root(leaves)
    assert time.thread_time() - start < 2
    assert Frontier().append_many(leaves).root() == expected


def test_sides_are_all_that_index_and_size_are_needed_for():
    for size in range(1, 40):
        leaves = [bytes([n]) * 32 for n in range(size)]
        for index in range(size):
            path = merkle.inclusion_proof(index, size, merkle.LeafReader(leaves))
            sides = merkle.inclusion_sides(index, size)
            assert len(sides) == len(path)
            assert merkle.root_from_sides(leaves[index], path, sides) == merkle.root(leaves)
