"""Signed notes. The keys and notes of PeterNeumann and EnochRoot are those of golang.org/x/mod sumdb/note
(note.go, note_test.go); example.com/foo and quasimodo are the examples of C2SP signed-note; Log and TEST are keys of
transparency-dev/formats (log/note_test.go, note/note_cosigv1_test.go)."""

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError, SignatureError
from app.core.log import cosignature, note
from app.core.log.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_MLDSA44,
    ED25519,
    NoteSignature,
    Signer,
    Verifier,
)

PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PETER_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n".encode()
ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n".encode()

peter = Verifier.parse(PETER_KEY)
enoch = Verifier.parse(ENOCH_KEY)


RFC_8032 = (Path(__file__).parent / "vectors" / "rfc8032-ed25519.txt").read_text().split()
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("vector", RFC_8032, ids=["1", "2", "3", "1024", "SHA(abc)"])
def test_vectors_of_rfc_8032(vector):
    seed, public, message, signature = map(bytes.fromhex, vector.split(":"))
    signer = Signer.generate_from_seed("a", seed)
    assert signer.verifier.public_key == public
    assert signer.sign_text(message).signature == signature
    assert signer.verifier.verify(message, signature)
    assert not signer.verifier.verify(message + b"x", signature)
    for place in range(64):
        bent = bytearray(signature)
        bent[place] ^= 1
        assert not signer.verifier.verify(message, bytes(bent))
    not_reduced = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert not signer.verifier.verify(message, signature[:32] + not_reduced.to_bytes(32, "little"))


def test_sign_gives_the_bytes_that_go_gives():
    signer = Signer.parse(PETER_SECRET)
    assert signer.sign(TEXT) == TEXT + b"\n" + PETER_LINE
    assert signer.encode() == PETER_SECRET
    assert signer.verifier == peter
    assert signer.verifier.encode() == PETER_KEY


@pytest.mark.parametrize(
    ("secret", "public"),
    [
        ("PRIVATE+KEY+Log+2271c621+AdEIq9FLRQni54Wg68T96VJO+iayOaulswav2DUMKgvQ", "Log+2271c621+AemuH5ooBpEPcr+W8onrjA1NfuzBVHdezakU81Ekarvs"),
        ("PRIVATE+KEY+KnownAgain+4893b26c+ARhZda/l25zjGZswYLDZsLNRzNpmv5wYTN9IoTr1OJ2+", "KnownAgain+4893b26c+AQ+LR7BFF/F/dkpIBjBpSvT0crkteizuUkavAoGeaYMj"),
    ],
)  # fmt: skip
def test_foreign_key_pairs(secret, public):
    assert Signer.parse(secret).verifier.encode() == public


def test_example_of_the_specification():
    key = Verifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    data = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".encode()
    opened = note.open_note(data, [key])
    assert opened.text == b"This is an example message.\n"
    assert [good.verifier for good in opened.verified] == [key]


def test_text_with_blank_lines_is_split_at_the_last():
    data = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    ).encode()
    text, [signature] = note.split(data)
    assert text.endswith("sole:\n\ned è subito sera.\n".encode())
    assert (signature.name, signature.key_id, len(signature.signature)) == (
        "quasimodo.example/salvatore",
        0x367BA04B,
        64,
    )
    assert note.join(text, [signature]) == data


def test_key_types_of_others():
    assert Verifier.parse("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6").algorithm == ED25519
    assert (
        Verifier.parse("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2").algorithm
        == COSIGNATURE_ED25519
    )


def test_every_mangling_of_a_key_is_refused():
    for text, parse in ((PETER_KEY, Verifier.parse), (PETER_SECRET, Signer.parse)):
        manglings = {text[i:j] for i in range(len(text)) for j in range(i, len(text) + 1)} - {text}
        manglings |= {text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))}
        manglings |= {text + "\n", " " + text, text.replace("c74f", "C74F"), text + "="}
        for bad in manglings:
            with pytest.raises(FormatError):
                parse(bad)


def vkey(name, material):
    key_id = hashlib.sha256(name.encode() + b"\n" + material).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(material).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        vkey("a", b""),
        vkey("a", b"\x01"),
        vkey("a", b"\x02" + bytes(32)),
        vkey("a", b"\x01" + bytes(31)),
        vkey("a", b"\x01" + bytes(33)),
        vkey("a", b"\x06" + bytes(32)),
        vkey("a", b"\xff" + bytes(32)),
        vkey("", b"\x01" + bytes(32)),
        vkey("a b", b"\x01" + bytes(32)),
        vkey("a\u3000b", b"\x01" + bytes(32)),
        vkey("a\u00a0b", b"\x01" + bytes(32)),
        vkey("a\nb", b"\x01" + bytes(32)),
        "a" * 5000,
        "\ud800+00000000+AQ==",
    ],
)
def test_bad_verifier_keys(text):
    with pytest.raises(FormatError):
        Verifier.parse(text)


def test_vkey_helper_is_right():
    assert vkey("PeterNeumann", b"\x01" + peter.public_key) == PETER_KEY


def test_known_and_unknown_keys():
    data = TEXT + b"\n" + PETER_LINE + ENOCH_LINE
    opened = note.open_note(data, [peter])
    assert opened.text == TEXT
    assert [(good.verifier, good.signature.line()) for good in opened.verified] == [(peter, PETER_LINE)]
    assert [line.line() for line in opened.unverified] == [ENOCH_LINE]
    both = note.open_note(data, [enoch, peter, peter])
    assert [good.verifier for good in both.verified] == [peter, enoch]
    assert both.unverified == ()
    with pytest.raises(SignatureError, match="no known key"):
        note.open_note(data, [])


def test_repeated_lines_count_once():
    wrong = ENOCH_LINE[:60] + b"ABCD" + ENOCH_LINE[60:]
    opened = note.open_note(TEXT + b"\n" + PETER_LINE * 2 + ENOCH_LINE * 2 + wrong, [peter])
    assert len(opened.verified) == 1
    assert [line.line() for line in opened.unverified] == [ENOCH_LINE, wrong]


def test_a_wrong_signature_by_a_known_key_refuses_the_note_wherever_it_stands():
    wrong = note.parse_signature_line(PETER_LINE[:-1])
    wrong = wrong._replace(signature=bytes([wrong.signature[0] ^ 1]) + wrong.signature[1:]).line()
    for lines in (wrong, PETER_LINE + wrong, wrong + PETER_LINE, ENOCH_LINE + wrong):
        with pytest.raises(SignatureError, match="PeterNeumann"):
            note.open_note(TEXT + b"\n" + lines, [peter, enoch])
    for length in (1, 63, 65):
        short = NoteSignature("PeterNeumann", peter.key_id, bytes(length)).line()
        with pytest.raises(SignatureError):
            note.open_note(TEXT + b"\n" + short, [peter])


def test_same_name_or_same_id_alone_is_unknown():
    signature = note.parse_signature_line(PETER_LINE[:-1])
    for other in (signature._replace(name="CarmenSandiego"), signature._replace(key_id=1)):
        opened = note.open_note(TEXT + b"\n" + other.line() + ENOCH_LINE, [peter, enoch])
        assert opened.unverified == (other,)


def test_two_keys_with_one_name_and_id_are_ambiguous_only_when_used():
    twin = Verifier("EnochRoot", ED25519, bytes(32))
    object.__setattr__(twin, "key_id", enoch.key_id)
    assert note.open_note(TEXT + b"\n" + PETER_LINE, [peter, enoch, twin]).verified
    with pytest.raises(SignatureError, match="two different") as caught:
        note.open_note(TEXT + b"\n" + PETER_LINE + ENOCH_LINE, [peter, enoch, twin])
    assert caught.value.code == "ambiguous-key"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        TEXT,
        TEXT + b"\n",
        TEXT + b"\n\n",
        TEXT + b"\n" + PETER_LINE[:-1],
        TEXT + PETER_LINE,
        b"\x01" + TEXT + b"\n" + PETER_LINE,
        b"\t" + TEXT + b"\n" + PETER_LINE,
        TEXT.replace(b"\n", b"\r\n") + b"\n" + PETER_LINE,
        b"\xff" + TEXT + b"\n" + PETER_LINE,
        b"\xed\xa0\x80" + TEXT + b"\n" + PETER_LINE,
        TEXT + b"\n" + PETER_LINE.replace(b"PeterNeumann", b"Bad Name"),
        TEXT + b"\n" + PETER_LINE.replace(b"PeterNeumann", b"Bad+Name"),
        TEXT + b"\n" + PETER_LINE.replace(b"PeterNeumann", "Bad\u2003Name".encode()),
        TEXT + b"\n" + PETER_LINE.replace(b"PeterNeumann", b""),
        TEXT + b"\n" + PETER_LINE + b"Unexpected line.\n",
        TEXT + b"\n" + PETER_LINE + b"\n",
        TEXT + b"\n" + PETER_LINE.replace("—".encode(), b"-"),
        TEXT + b"\n" + PETER_LINE.replace(b"AM=", b"AN="),
        TEXT + b"\n" + PETER_LINE.replace(b"=", b""),
        TEXT + b"\n" + "— a AAAAAA==\n".encode(),
        TEXT + b"\n" + "— a \n".encode(),
        TEXT + b"\n" + "— a\n".encode(),
        TEXT + b"\n" + PETER_LINE * 101,
    ],
)
def test_malformed_notes(data):
    for keys in ([peter], []):
        with pytest.raises(FormatError):
            note.open_note(data, keys)


def test_limits():
    assert len(note.split(TEXT + b"\n" + PETER_LINE * 100)[1]) == 100
    big = b"x" * (note.NOTE_BYTES_MAX - len(PETER_LINE) - 2) + b"\n\n" + PETER_LINE
    assert len(note.split(big)[0]) == note.NOTE_BYTES_MAX - len(PETER_LINE) - 1
    with pytest.raises(FormatError):
        note.split(b"x" + big)


def test_sign_refuses_a_text_that_is_no_note():
    signer = Signer.parse(PETER_SECRET)
    for text in (b"no newline", b"", b"\x00\n", b"\xff\n"):
        with pytest.raises(FormatError):
            signer.sign(text)
    assert signer.sign(b"\n") == b"\n\n" + signer.sign_text(b"\n").line()


def test_secrets_stay_out_of_repr_and_errors():
    signer = Signer.parse(PETER_SECRET)
    hidden = [PETER_SECRET[-20:], repr(signer.seed)[2:12], signer.seed.hex()]
    with pytest.raises(FormatError) as caught:
        Signer.parse(PETER_SECRET.replace("c74f20a3", "c74f20a4"))
    for text in (repr(signer), str(caught.value)):
        assert not any(secret in text for secret in hidden)


names = st.text(min_size=1, max_size=20).filter(
    lambda t: "+" not in t and not any(c.isspace() or c < " " for c in t) and t.isprintable()
)


@given(
    names,
    st.binary(min_size=32, max_size=32),
    st.text().filter(lambda t: all(c >= " " or c == "\n" for c in t)),
)
def test_sign_and_open(name, seed, text):
    body = text.encode() + b"\n"
    signer = Signer.generate_from_seed(name, seed)
    opened = note.open_note(signer.sign(body), [Verifier.parse(signer.verifier.encode())])
    assert opened.text == body
    assert Signer.parse(signer.encode()) == signer
    with pytest.raises(SignatureError):
        note.open_note(b"x" + signer.sign(body), [signer.verifier])


def test_cosigner_key_differs_from_the_plain_key_of_the_same_seed():
    plain = Signer.generate_from_seed("w", bytes(32))
    cosigner = Signer.generate_from_seed("w", bytes(32), COSIGNATURE_ED25519)
    assert plain.verifier.public_key == cosigner.verifier.public_key
    assert plain.key_id != cosigner.key_id
    assert Signer.parse(cosigner.encode()) == cosigner
    signature = cosigner.sign_text(b"a\n", time_s=5)
    assert signature.signature[:8] == bytes(7) + b"\x05"
    assert cosigner.verifier.verify(b"a\n", signature.signature)
    assert not cosigner.verifier.verify(b"b\n", signature.signature)
    assert not cosigner.verifier.verify(b"a\n", bytes(7) + b"\x06" + signature.signature[8:])
    assert not cosigner.verifier.verify(b"a\n", b"\xff" * 8 + signature.signature[8:])
    for length in (0, 8, 9, 71, 73):
        assert not cosigner.verifier.verify(b"a\n", bytes(length))


def test_bad_signers():
    for algorithm in (0, 2, 5, 0xFF):
        with pytest.raises(FormatError):
            Signer("w", bytes(32), algorithm)
    with pytest.raises(FormatError):
        Signer("w", bytes(31))


ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
SOFA = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_messages_under_cosignatures():
    """The first is printed in C2SP tlog-cosignature; the second is the structure for the same checkpoint in bytes."""
    assert cosignature.ed25519_message(SOFA, 1679315147) == b"cosignature/v1\ntime 1679315147\n" + SOFA
    name = "1b" + b"example.com/behind-the-sofa".hex()
    expected = (
        "737562747265652f76310a00"
        + name
        + "00000000641850cb"
        + name
        + "00" * 8
        + "00000000013e2dc3"
        + ROOT.hex()
    )
    assert cosignature.mldsa44_message(SOFA, 1679315147, "example.com/behind-the-sofa").hex() == expected


def test_extension_lines_are_not_under_an_mldsa_cosignature():
    plain = cosignature.mldsa44_message(SOFA, 5, "w")
    assert cosignature.mldsa44_message(SOFA + b"extension\nmore\n", 5, "w") == plain
    signer = Signer("w.example", bytes(range(32)), COSIGNATURE_MLDSA44)
    signature = signer.sign_text(SOFA, time_s=5).signature
    assert signer.verifier.verify(SOFA, signature)
    assert signer.verifier.verify(SOFA + b"extension\n", signature)
    assert not signer.verifier.verify(SOFA.replace(b"63\n", b"64\n"), signature)
    assert Signer.parse(signer.encode()) == signer


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SOFA + b"\n", "w"),
        (SOFA + b"\nextension\n", "w"),
        (SOFA[:-1], "w"),
        (b"", "w"),
        (b"\n" + SOFA[28:], "w"),
        (SOFA.replace(b"20852163", b"020852163"), "w"),
        (SOFA.replace(b"20852163", b"\xff"), "w"),
        (SOFA.replace(b"I=\n", b"\n"), "w"),
        (b"x" * 229 + SOFA, "w"),
        (SOFA, "w" * 256),
    ],
)
def test_no_mldsa_message_for_other_texts(text, name):
    assert cosignature.mldsa44_message(SOFA, 0, "w" * 255)
    with pytest.raises(FormatError):
        cosignature.mldsa44_message(text, 0, name)
