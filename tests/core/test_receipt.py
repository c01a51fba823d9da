"""Receipts: six lines, signed by the service, there and back."""

import datetime as dt

import pytest

from app.core.errors import FormatError, SignatureError
from app.core.log.note import Signer
from app.core.reporting.receipt import Receipt

SERVICE = Signer("credence.example/service", bytes(range(32)))
NOW = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
RECEIPT = Receipt("credence.example/ledger", b"\x9f" * 32, 1024, NOW, NOW + dt.timedelta(hours=1))
TEXT = f"credence/receipt@v1\ncredence.example/ledger\n{'9f' * 32}\n1024\n2026-11-22T15:24:00Z\n2026-11-22T16:24:00Z\n".encode()


def test_there_and_back():
    assert RECEIPT.text() == TEXT
    assert Receipt.parse(TEXT) == RECEIPT
    signed = RECEIPT.sign(SERVICE)
    assert Receipt.verify(signed, [SERVICE.verifier]) == RECEIPT
    assert signed == RECEIPT.sign(SERVICE)


def test_only_by_a_known_key_and_unchanged():
    signed = RECEIPT.sign(SERVICE)
    with pytest.raises(SignatureError):
        Receipt.verify(signed, [Signer(SERVICE.name, bytes(32)).verifier])
    with pytest.raises(SignatureError):
        Receipt.verify(signed.replace(b"\n1024\n", b"\n1025\n"), [SERVICE.verifier])
    with pytest.raises(FormatError):
        Receipt.verify(SERVICE.sign(b"credence/other@v1\n"), [SERVICE.verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"receipt@v1", b"receipt@v2"), (b"credence.example/ledger", b"Ledger"), (b"9f9f", b"9F9f"), (b"9f9f", b"9f"), (b"1024", b"0"), (b"1024", b"65537"),
        (b"1024", b"01024"), (b"15:24:00Z", b"15:24:00+00:00"), (b"16:24:00Z", b"15:23:59Z"), (b"16:24:00Z\n", b"16:24:00Z"), (b"16:24:00Z\n", b"16:24:00Z\n\n"),
        (b"credence.example", b"\xff"), (b"15:24:00Z\n", b"15:24:00Z"),
    ],
)  # fmt: skip
def test_other_texts(old, new):
    assert old in TEXT
    with pytest.raises(FormatError):
        Receipt.parse(TEXT.replace(old, new, 1))
