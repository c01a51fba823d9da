"""Inclusion proofs as files: there and back, verified for every entry, and every other spelling refused. The three
texts at the top are those that other implementations test with (transparency-dev/formats, proof/tlog_proof_test.go)."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError, ProofError, SignatureError
from app.core.log import checkpoint as cp
from app.core.log import merkle, tlogproof
from app.core.log.checkpoint import Checkpoint
from app.core.log.merkle import LeafReader
from app.core.log.note import COSIGNATURE_ED25519, Signer
from app.core.log.policy import Policy
from app.core.log.tlogproof import TlogProof

H1, H2 = hashlib.sha256(b"hash1").digest(), hashlib.sha256(b"hash2").digest()
B1, B2 = (base64.b64encode(h).decode() for h in (H1, H2))
ORIGIN = "credence.example/ledger"
LOG = Signer.generate_from_seed(ORIGIN, b"l" * 32)
WITNESS = Signer.generate_from_seed("w", b"w" * 32, COSIGNATURE_ED25519)
POLICY = Policy.parse(
    f"log {LOG.verifier.encode()}\nwitness w {WITNESS.verifier.encode()}\nquorum w\n".encode()
)
ENTRIES = [b"entry %d" % i for i in range(20)]
READER = LeafReader(map(merkle.leaf_hash, ENTRIES))


@pytest.mark.parametrize(
    ("proof", "text"),
    [
        (
            TlogProof(5, (H1, H2), b"test checkpoint\n"),
            f"c2sp.org/tlog-proof@v1\nindex 5\n{B1}\n{B2}\n\ntest checkpoint\n",
        ),
        (
            TlogProof(10, (H1,), b"checkpoint data\n", b"extra information"),
            f"c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n{B1}\n\ncheckpoint data\n",
        ),
        (TlogProof(0, (), b"checkpoint\n"), "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"),
    ],
)
def test_texts_of_others(proof, text):
    assert proof.encode() == text.encode()
    assert tlogproof.parse(text.encode()) == proof


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.binary(min_size=1),
    st.none() | st.binary(min_size=1),
)
def test_there_and_back(index, hashes, checkpoint, extra):
    proof = TlogProof(index, hashes, checkpoint, extra)
    assert tlogproof.parse(proof.encode()) == proof


def note_of(size):
    note = cp.sign_checkpoint(LOG, Checkpoint(ORIGIN, size, merkle.tree_root(size, READER)))
    return note + cp.cosign(WITNESS, note, 1_700_000_000)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 20])
def test_verify_every_entry(size):
    note = note_of(size)
    for index in range(size):
        hashes = tuple(merkle.inclusion_proof(index, size, READER))
        proof = tlogproof.parse(TlogProof(index, hashes, note, b"hint").encode())
        verified = tlogproof.verify(proof, ENTRIES[index], POLICY)
        assert (verified.checkpoint.size, verified.cosignatures) == (
            size,
            ((WITNESS.verifier, 1_700_000_000),),
        )
        for wrong in (
            TlogProof(index + 1, hashes, note),
            TlogProof(index, (*hashes, H1), note),
            TlogProof(index, (*hashes[:-1], H1), note),
        ):
            with pytest.raises(ProofError):
                tlogproof.verify(wrong, ENTRIES[index], POLICY)
        with pytest.raises(ProofError):
            tlogproof.verify(proof, b"another entry", POLICY)


def test_the_checkpoint_must_satisfy_the_policy():
    note = note_of(3)
    hashes = tuple(merkle.inclusion_proof(1, 3, READER))
    uncosigned = cp.sign_checkpoint(LOG, cp.parse_note(note))
    with pytest.raises(ProofError):
        tlogproof.verify(TlogProof(1, hashes, uncosigned), ENTRIES[1], POLICY)
    with pytest.raises(SignatureError):
        tlogproof.verify(TlogProof(1, hashes, note.replace(b"\n3\n", b"\n4\n")), ENTRIES[1], POLICY)
    with pytest.raises(FormatError):
        tlogproof.verify(TlogProof(1, hashes, b"not a note\n"), ENTRIES[1], POLICY)


GOOD = TlogProof(5, (H1, H2), b"checkpoint\n", b"x").encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        GOOD.replace(b"@v1", b"@v2"),
        b" " + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.partition(b"\n\n")[0],
        GOOD.partition(b"\n\n")[0] + b"\n",
        GOOD.partition(b"\n\n")[0] + b"\n\n",
        GOOD.replace(b"extra eA==", b"extra "),
        GOOD.replace(b"extra eA==", b"extra"),
        GOOD.replace(b"extra eA==", b"extra eA"),
        GOOD.replace(b"extra eA==", b"extra eB=="),
        GOOD.replace(b"extra eA==", b"extra  eA=="),
        GOOD.replace(b"extra eA==\n", b"extra eA==\nextra eA==\n"),
        GOOD.replace(b"extra eA==\nindex 5\n", b"index 5\nextra eA==\n"),
        GOOD.replace(b"index 5", b"index 05"),
        GOOD.replace(b"index 5", b"index -5"),
        GOOD.replace(b"index 5", b"index  5"),
        GOOD.replace(b"index 5", b"index"),
        GOOD.replace(b"index 5", b"Index 5"),
        GOOD.replace(b"index 5", b"index 5 "),
        GOOD.replace(b"index 5", b"index 9223372036854775808"),
        GOOD.replace(b"index 5\n", b""),
        GOOD.replace(b"index 5", "index ٥".encode()),
        GOOD.replace(B1.encode(), B1[:-1].encode()),
        GOOD.replace(B1.encode(), B1[4:].encode()),
        GOOD.replace(B1.encode(), b" " + B1.encode()),
        GOOD.replace(B1.encode() + b"\n", (B1 + "\n").encode() * 63),
        GOOD.replace(b"eA==", base64.b64encode(bytes(65_537))),
        GOOD + bytes(1 << 20),
        bytes(1 << 21),
    ],
)
def test_refused(data):
    with pytest.raises(FormatError):
        tlogproof.parse(data)


def test_the_longest_path():
    longest = TlogProof(2**63 - 1, (H1,) * 63, b"c")
    assert tlogproof.parse(longest.encode()) == longest
