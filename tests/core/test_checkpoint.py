"""Checkpoints and cosignatures: two real ones of public logs, cosigned by public witnesses, and our own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError, SignatureError
from app.core.log import checkpoint as cp
from app.core.log import merkle
from app.core.log.checkpoint import Checkpoint
from app.core.log.note import COSIGNATURE_ED25519, Signer, Verifier, parse_signature_line, split

VECTORS = Path(__file__).parent / "vectors"
ORIGIN = "credence.example/ledger"
ROOT = merkle.leaf_hash(b"x")
LOG = Signer.generate_from_seed(ORIGIN, b"l" * 32)
W1 = Signer.generate_from_seed("witness.example/1", b"1" * 32, COSIGNATURE_ED25519)
W2 = Signer.generate_from_seed("witness.example/2", b"2" * 32, COSIGNATURE_ED25519)
NOTE = cp.sign_checkpoint(LOG, Checkpoint(ORIGIN, 7, ROOT))

ARCHE_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
WITNESS_KEYS = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
]
NAVIGLI_ED25519 = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G"


def test_a_real_checkpoint_with_four_ed25519_witnesses():
    note = (VECTORS / "arche2025h1.checkpoint").read_bytes()
    witnesses = [Verifier.parse(key) for key in WITNESS_KEYS]
    opened = cp.open_checkpoint(note, Verifier.parse(ARCHE_KEY), witnesses)
    assert (opened.checkpoint.origin, opened.checkpoint.size) == (
        "arche2025h1.staging.ct.transparency.dev",
        1_432_088_532,
    )
    assert [(c.verifier, c.time_s) for c in opened.cosignatures] == [(w, 0x6A122120) for w in witnesses]
    with pytest.raises(SignatureError):
        cp.open_checkpoint(
            note.replace(b"\n1432088532\n", b"\n1432088533\n"), Verifier.parse(ARCHE_KEY), witnesses
        )


def test_a_real_mldsa44_cosignature():
    """No vkey of the log is at hand, so the note is opened with the witness's two keys alone."""
    from app.core.log.note import open_note

    note = (VECTORS / "coachandhorses2026h1.checkpoint").read_bytes()
    mldsa = Verifier.parse((VECTORS / "navigli-mldsa44.vkey").read_text().strip())
    opened = open_note(note, [mldsa, Verifier.parse(NAVIGLI_ED25519)])
    assert {good.verifier.algorithm for good in opened.verified} == {0x04, 0x06}
    for old, new in (
        (b"\n185550722\n", b"\n185550723\n"),
        (b"coachandhorses2026h1.st", b"coachandhorses2027h1.st"),
    ):
        assert note.replace(old, new) != note
        with pytest.raises(SignatureError):
            open_note(note.replace(old, new), [mldsa])


@given(
    st.text(min_size=1).filter(lambda t: all(c >= " " for c in t)),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_text_there_and_back(origin, size, root):
    checkpoint = Checkpoint(origin, size, root)
    assert cp.parse(checkpoint.text()) == checkpoint


def test_text_of_the_specification():
    text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = cp.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text() == text


def test_empty_tree():
    empty = Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT)
    assert cp.parse(empty.text()) == empty
    with pytest.raises(FormatError):
        cp.parse(Checkpoint(ORIGIN, 0, ROOT).text())


GOOD = Checkpoint(ORIGIN, 7, ROOT).text()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        GOOD[:-1],
        GOOD + b"extension\n",
        GOOD + b"\n",
        GOOD.replace(ORIGIN.encode(), b""),
        GOOD.replace(ORIGIN.encode(), b"a\tb"),
        GOOD.replace(ORIGIN.encode(), b"\xff"),
        GOOD.replace(b"\n7\n", b"\n07\n"),
        GOOD.replace(b"\n7\n", b"\n-7\n"),
        GOOD.replace(b"\n7\n", b"\n\n"),
        GOOD.replace(b"\n7\n", b"\n 7\n"),
        GOOD.replace(b"\n7\n", b"\n9223372036854775808\n"),
        GOOD.replace(b"=\n", b"\n"),
        GOOD.replace(b"\n7\n", b"\r\n7\r\n"),
        b"o\n7\nAAAA\n",
        b"o\n7\n" + b"A" * 44 + b"\n",
        GOOD.replace(b"\n7", b""),
    ],
)
def test_bad_texts(text):
    with pytest.raises(FormatError):
        cp.parse(text)


def test_open_own_checkpoint_with_cosignatures():
    line1, line2 = cp.cosign(W1, NOTE, 1_700_000_000), cp.cosign(W2, NOTE, 1_700_000_001)
    opened = cp.open_checkpoint(NOTE + line1 + line2, LOG.verifier, [W1.verifier, W2.verifier])
    assert opened.checkpoint == Checkpoint(ORIGIN, 7, ROOT)
    assert opened.cosignatures == ((W1.verifier, 1_700_000_000), (W2.verifier, 1_700_000_001))
    assert cp.open_checkpoint(NOTE + line1 + line2, LOG.verifier, [W2.verifier]).cosignatures == (
        (W2.verifier, 1_700_000_001),
    )
    assert cp.open_checkpoint(NOTE, LOG.verifier).cosignatures == ()


def test_the_log_must_have_signed():
    line = cp.cosign(W1, NOTE, 5)
    only_witness = split(NOTE)[0] + b"\n" + line
    other = Signer.generate_from_seed("other.example", b"l" * 32)
    stolen = other.sign(Checkpoint(ORIGIN, 7, ROOT).text())
    for note, log in (
        (only_witness, LOG.verifier),
        (NOTE, other.verifier),
        (stolen, other.verifier),
        (stolen, LOG.verifier),
    ):
        with pytest.raises(SignatureError):
            cp.open_checkpoint(note, log, [W1.verifier])


def test_a_wrong_cosignature_refuses_all():
    line = parse_signature_line(cp.cosign(W1, NOTE, 5)[:-1])
    later = line._replace(signature=bytes(7) + b"\x06" + line.signature[8:]).line()
    for wrong in (later, cp.cosign(W1, cp.sign_checkpoint(LOG, Checkpoint(ORIGIN, 8, ROOT)), 5)):
        with pytest.raises(SignatureError):
            cp.open_checkpoint(NOTE + wrong, LOG.verifier, [W1.verifier])
        assert cp.open_checkpoint(NOTE + wrong, LOG.verifier, [W2.verifier]).cosignatures == ()


def test_keys_of_the_wrong_kind():
    plain = Signer.generate_from_seed("w", b"w" * 32)
    cosigner = Signer.generate_from_seed(ORIGIN, b"l" * 32, COSIGNATURE_ED25519)
    with pytest.raises(FormatError):
        cp.open_checkpoint(NOTE, LOG.verifier, [plain.verifier])
    with pytest.raises(FormatError):
        cp.open_checkpoint(NOTE, cosigner.verifier)


def test_only_checkpoints_are_cosigned():
    with pytest.raises(FormatError):
        cp.cosign(W1, LOG.sign(b"no checkpoint\n"), 5)


def test_a_later_time_by_the_same_witness_is_checked_but_the_first_counts():
    note = NOTE + cp.cosign(W1, NOTE, 5) + cp.cosign(W1, NOTE, 9)
    assert cp.open_checkpoint(note, LOG.verifier, [W1.verifier]).cosignatures == ((W1.verifier, 5),)
