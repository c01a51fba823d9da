"""The note that opens an audit: one spelling, limits, and any bytes give a value or FormatError."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError
from app.core.exchange.audit_note import AuditNote
from app.core.log.note import Signer

SIGNER = Signer.generate_from_seed("regulator.example", bytes(32))
TIME = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
REQUEST = AuditNote("credence.example/ledger", "regulator.example", "2026-17", TIME)
TEXT = b"credence/audit@v1\ncredence.example/ledger\nregulator.example\n2026-17\n2026-11-22T15:24:00Z\n"


def test_text_is_that_of_the_specification_and_comes_back():
    assert REQUEST.text() == TEXT
    assert AuditNote.parse(REQUEST.sign(SIGNER)) == REQUEST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"audit@v1", b"audit@v2"), (b"2026-17\n", b"2026 17\n"), (b"2026-17\n", b"\n"), (b"15:24:00Z", b"15:24:00+00:00"),
        (b"15:24:00Z\n", b"15:24:00Z\nmore\n"), (b"credence.example", b"CREDENCE.example"), (b"regulator", b"registrar"),
    ],
)  # fmt: skip
def test_any_other_text_is_refused(old, new):
    with pytest.raises(FormatError):
        AuditNote.parse(SIGNER.sign(TEXT.replace(old, new, 1)))


def test_note_has_one_signature_by_the_regulators_name():
    note = REQUEST.sign(SIGNER)
    other = Signer.generate_from_seed("other.example", bytes(32))
    for bad in (note + note.splitlines(keepends=True)[-1], other.sign(TEXT), TEXT, note + b"x" * 5000):
        with pytest.raises(FormatError):
            AuditNote.parse(bad)


@pytest.mark.parametrize(
    "field", [{"case": "no good"}, {"case": "x" * 65}, {"origin": "A"}, {"regulator": ""}]
)
def test_what_nobody_could_read_is_not_written(field):
    fields = {"origin": REQUEST.origin, "regulator": REQUEST.regulator, "case": REQUEST.case, "time": TIME}
    with pytest.raises(FormatError):
        AuditNote(**(fields | field)).text()


@given(st.one_of(st.binary(max_size=300), st.tuples(st.integers(0, 200), st.binary(max_size=8))))
def test_any_bytes_give_a_value_or_our_error(material):
    note = material
    if isinstance(material, tuple):
        at, piece = material
        note = REQUEST.sign(SIGNER)
        note = note[:at] + piece + note[at + len(piece) :]
    try:
        parsed = AuditNote.parse(note)
    except FormatError:
        return
    assert note.startswith(parsed.text() + b"\n"), "a parsed note is spelled as we spell it"
