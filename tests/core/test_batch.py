"""Batch files: what is made is read, and every other form is refused whole."""

import hashlib

import pytest
import rfc8785

from app.core.errors import FormatError
from app.core.log import entries, merkle, note
from app.core.reporting import batch
from app.core.reporting.batch import BatchNote, make_batch, parse_batch, verify_root
from tests.core.event_samples import ALL, FURNISHER, ORIGIN, line

SIGNER = note.Signer(FURNISHER, bytes(range(32)))
LINES = [line(event) for event in ALL]
BODY = make_batch(SIGNER, ORIGIN, "2026-11", LINES)


def body_with(text, *, signer=SIGNER, lines=LINES):
    signed = signer.sign(text)
    return b"\n".join([rfc8785.dumps({"note": signed.decode()}), *lines, b""])


def test_what_is_made_is_read():
    file = parse_batch(BODY)
    assert file.lines == LINES
    assert (file.header.origin, file.header.furnisher, file.header.batch_id) == (ORIGIN, FURNISHER, "2026-11")
    assert file.header.count == len(LINES)
    assert file.batch_hash == hashlib.sha256(file.header.text()).digest()
    assert note.open_note(file.note, [SIGNER.verifier]).text == file.header.text()
    assert batch.check_root(file) == [hashlib.sha256(event).digest() for event in LINES]


def test_the_root_by_the_book():
    """RFC 6962 over 0x01 entries, written out for three events."""
    commitments, leaves, root = verify_root(LINES[:3])
    h = lambda data: hashlib.sha256(data).digest()  # noqa: E731
    a, b, c = (h(b"\0\1" + h(event)) for event in LINES[:3])
    assert root == h(b"\1" + h(b"\1" + a + b) + c)
    assert leaves == [a, b, c] == [merkle.leaf_hash(entries.event_entry(x)) for x in commitments]


def test_the_text_is_six_lines():
    header = BatchNote(ORIGIN, FURNISHER, "b-1", 65_536, bytes(32))
    assert header.text() == (
        b"credence/batch@v1\ncredence.example/ledger\nbank.example/cards\nb-1\n65536\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    )
    assert BatchNote.parse(header.text()) == header


TEXT = parse_batch(BODY).header.text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"credence/batch@v1", b"credence/batch@v2"), (b"credence/batch@v1\n", b""), (ORIGIN.encode(), b""), (ORIGIN.encode(), b"Ledger"),
        (FURNISHER.encode(), b"bank.example/cards "), (b"2026-11", b""), (b"2026-11", b"a/b"), (b"2026-11", b"x" * 65),
        (f"\n{len(LINES)}\n".encode(), b"\n0\n"), (f"\n{len(LINES)}\n".encode(), f"\n0{len(LINES)}\n".encode()), (f"\n{len(LINES)}\n".encode(), b"\n65537\n"),
        (f"\n{len(LINES)}\n".encode(), b"\n1\n"), (b"=\n", b"\n"), (b"=\n", b"=\nextra\n"), (b"=\n", b"=\n\n"),
    ],
)  # fmt: skip
def test_other_note_texts(old, new):
    assert TEXT.count(old) == 1
    with pytest.raises(FormatError):
        parse_batch(body_with(TEXT.replace(old, new)))


def test_one_signature_by_the_furnishers_name():
    other = note.Signer("other.example", bytes(32))
    for signers in (
        [],
        [SIGNER, SIGNER],
        [SIGNER, other],
        [other],
        [note.Signer(FURNISHER, bytes(32)), SIGNER],
    ):
        signed = note.join(TEXT, [s.sign_text(TEXT) for s in signers]) if signers else TEXT + b"\n"
        with pytest.raises(FormatError):
            parse_batch(b"\n".join([rfc8785.dumps({"note": signed.decode()}), *LINES, b""]))
    cosigner = note.Signer(FURNISHER, bytes(32), note.COSIGNATURE_ED25519)
    signed = note.join(TEXT, [cosigner.sign_text(TEXT, time_s=1)])
    with pytest.raises(FormatError, match="Ed25519"):
        parse_batch(b"\n".join([rfc8785.dumps({"note": signed.decode()}), *LINES, b""]))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\n", BODY[:-1], BODY + b"\n", BODY + b"x", b"\n" + BODY, BODY.replace(b"\n", b"\r\n"), BODY.replace(b"\n", b"\n\n", 1),
        BODY[: BODY.index(b"\n") + 1], BODY.replace(b'{"note":', b'{"note": ', 1), BODY.replace(b'{"note":', b'{"nota":', 1),
        BODY.replace(b'{"note":', b'{"a":1,"note":', 1), b'{"note":1}\n' + LINES[0] + b"\n", b"[]\n" + LINES[0] + b"\n", b"\xef\xbb\xbf" + BODY,
        BODY.replace(LINES[0] + b"\n", b""), BODY.replace(LINES[0], b""), BODY.replace(LINES[0], LINES[0] + b"\r"),
        BODY.replace(LINES[0], LINES[0].replace(b"bank", b"b\xffnk")), BODY.replace(LINES[0], b"x" * 8193), BODY + LINES[0] + b"\n",
        b'{"note":"' + b"x" * 9000 + b'"}\n{}\n',
    ],
)  # fmt: skip
def test_other_files(body):
    with pytest.raises(FormatError):
        parse_batch(body)


def test_a_longest_line_is_taken():
    longest = b"x" * 8192
    assert parse_batch(make_batch(SIGNER, ORIGIN, "b", [longest])).lines == [longest]


def test_limits_on_bytes_and_events():
    with pytest.raises(FormatError, match="limit") as caught:
        parse_batch(bytes(batch.BATCH_BYTES_MAX + 1))
    assert caught.value.code == "too-large"
    for lines in ([], [b"{}"] * 65_537):
        with pytest.raises(FormatError):
            make_batch(SIGNER, ORIGIN, "b", lines)
    most = make_batch(SIGNER, ORIGIN, "b", [b"{}"] * 65_536)
    assert len(parse_batch(most).lines) == 65_536
    with pytest.raises(FormatError, match="more than"):
        parse_batch(most + b"{}\n")


def test_make_batch_refuses_what_nobody_could_read():
    for bad in ([b"a\nb"], [b""], [b"\xff"], [b"x" * 8193]):
        with pytest.raises(FormatError):
            make_batch(SIGNER, ORIGIN, "b", bad)
    for origin, batch_id in (("Ledger", "b"), (ORIGIN, "a b"), ("", "b")):
        with pytest.raises(FormatError):
            make_batch(SIGNER, origin, batch_id, [b"{}"])
    with pytest.raises(FormatError):
        make_batch(note.Signer("Bank", bytes(32)), ORIGIN, "b", [b"{}"])


def test_a_changed_or_moved_event_changes_the_root():
    for lines in ([*LINES[1:], LINES[0]], [LINES[0][:-1] + b" ", *LINES[1:]]):
        with pytest.raises(FormatError, match="root") as caught:
            batch.check_root(parse_batch(body_with(TEXT, lines=lines)))
        assert caught.value.code == "wrong-root"


def test_entries():
    assert entries.parse_entry(entries.event_entry(bytes(32))) == (entries.EVENT, bytes(32))
    assert entries.parse_entry(entries.batch_entry(bytes(32))) == (entries.BATCH, bytes(32))
    assert entries.parse_entry(entries.block_entry(b"{}")) == (entries.BLOCK, b"{}")
    assert entries.parse_entry(entries.notice_entry(b"{}")) == (entries.NOTICE, b"{}")
    for bad in (
        b"",
        b"\0" + bytes(32),
        b"\1",
        b"\1" + bytes(31),
        b"\2" + bytes(33),
        b"\3",
        b"\4",
        b"\5{}",
        b"\4" + bytes(65_535),
    ):
        with pytest.raises(FormatError):
            entries.parse_entry(bad)
    assert entries.parse_entry(entries.notice_entry(bytes(65_534)))[1] == bytes(65_534)
    with pytest.raises(FormatError):
        entries.block_entry(bytes(65_535))
