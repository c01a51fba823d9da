"""Any bytes give a value or an error of our tree, in every parser of the log's formats.

Random bytes rarely get past the first check, so the second test starts from good inputs and damages them: bytes
changed, parts cut out, repeated or swapped in from another format.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import CredenceError
from app.core.log import checkpoint, cosignature, merkle, note, policy, tiles, tlogproof
from app.core.log.checkpoint import Checkpoint
from app.core.log.note import COSIGNATURE_ED25519, Signer, Verifier

LOG = Signer.generate_from_seed("credence.example/ledger", b"l" * 32)
WITNESS = Signer.generate_from_seed("w", b"w" * 32, COSIGNATURE_ED25519)
SIGNED = checkpoint.sign_checkpoint(LOG, Checkpoint(LOG.name, 1, merkle.leaf_hash(b"entry")))
COSIGNED = SIGNED + checkpoint.cosign(WITNESS, SIGNED, 1_700_000_000)
POLICY_TEXT = f"log {LOG.verifier.encode()}\nwitness w {WITNESS.verifier.encode()} https://w\ngroup g 1 w\nquorum g\n".encode()
POLICY = policy.Policy.parse(POLICY_TEXT)
PROOF = tlogproof.TlogProof(0, (), COSIGNED, b"extra")
REAL = (Path(__file__).parent / "vectors" / "coachandhorses2026h1.checkpoint").read_bytes()
MLDSA = Verifier.parse((Path(__file__).parent / "vectors" / "navigli-mldsa44.vkey").read_text().strip())


def text(parse):
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


PARSERS = {
    "canon": canon.decode,
    "canon_object": canon.decode_object,
    "note": note.split,
    "open_note": lambda data: note.open_note(data, [LOG.verifier, WITNESS.verifier, MLDSA]),
    "signature_line": note.parse_signature_line,
    "verifier": text(Verifier.parse),
    "signer": text(Signer.parse),
    "frontier": merkle.Frontier.decode,
    "tile": lambda data: tiles.decode_tile(data, 3),
    "bundle": lambda data: tiles.decode_bundle(data, 3),
    "tile_path": text(tiles.parse_tile_path),
    "cosignature": cosignature.split_time,
    "mldsa_message": lambda data: cosignature.mldsa44_message(data, 5, "w"),
    "checkpoint": checkpoint.parse,
    "open_checkpoint": lambda data: checkpoint.open_checkpoint(data, LOG.verifier, [WITNESS.verifier]),
    "cosign": lambda data: checkpoint.cosign(WITNESS, data, 5),
    "policy": policy.Policy.parse,
    "verify_checkpoint": lambda data: policy.verify_checkpoint(POLICY, data),
    "tlogproof": tlogproof.parse,
    "verify_tlogproof": lambda data: tlogproof.verify(tlogproof.parse(data), b"entry", POLICY),
}
GOOD = [
    canon.encode({"a": [1, True, {"b": "é"}], "c": -(2**53) + 1}),
    COSIGNED,
    REAL,
    SIGNED.partition(b"\n\n")[0] + b"\n",
    SIGNED.partition(b"\n\n")[2][:-1],
    POLICY_TEXT,
    PROOF.encode(),
    LOG.verifier.encode().encode(),
    LOG.encode().encode(),
    MLDSA.encode().encode(),
    merkle.Frontier().append_many([b"h" * 32] * 7).encode(),
    tiles.encode_bundle([b"a", b"", b"ccc"]),
    b"tile/entries/x001/x234/067.p/5",
    b"h" * 96,
]


def value_or_our_error(parse, data):
    refusal = None
    try:
        parse(data)
    except CredenceError as error:
        refusal = error
    assert refusal is None or (str(refusal) and refusal.code)


@st.composite
def damaged(draw):
    data = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 50)))
        middle = draw(
            st.binary(max_size=4)
            | st.sampled_from(
                [data[start:end] * 2, b"\n", b"\n\n", b" ", b"\xff", b"\xe2\x80\x94 ", b"-", b"0", b"+", b"="]
            )
        )
        data = data[:start] + middle + data[end:]
    return data


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes(name, data):
    value_or_our_error(PARSERS[name], data)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=120, deadline=None)
@given(data=damaged())
def test_damaged_input(name, data):
    value_or_our_error(PARSERS[name], data)


def test_the_good_inputs_are_good():
    """Every parser accepts at least one of the inputs that the second test damages."""
    for name, parse in PARSERS.items():
        accepted = 0
        for data in GOOD:
            try:
                parse(data)
            except CredenceError:
                continue
            accepted += 1
        assert accepted, name
