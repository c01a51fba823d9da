"""Text forms of fields: there and back, and every other spelling refused."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import fields
from app.core.errors import FormatError
from app.core.proving.claims.head import hashes_of

bytes32 = st.binary(min_size=32, max_size=32)
PARSERS = [fields.hex32, fields.b64url32, fields.b64, fields.parse_day, fields.parse_instant, fields.decimal]


@given(bytes32)
def test_bytes_there_and_back(value):
    assert fields.hex32(fields.format_hex32(value)) == value
    assert fields.b64url32(fields.format_b64url32(value)) == value
    assert len(fields.format_b64url32(value)) == 43
    assert fields.b64(fields.format_b64(value), length=32) == value


@given(st.dates(fields.DAY_MIN, fields.DAY_MAX), st.datetimes(timezones=st.just(dt.UTC)))
def test_times_there_and_back(day, instant):
    assert fields.parse_day(fields.format_day(day)) == day
    whole = instant.replace(microsecond=0)
    assert fields.parse_instant(fields.format_instant(whole)) == whole


def test_examples():
    assert fields.parse_day("2024-02-29") == dt.date(2024, 2, 29)
    assert fields.parse_instant("2026-11-22T15:24:00Z") == dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
    assert fields.b64("") == b""
    # RFC 4648 section 10
    assert [fields.b64(t) for t in ("Zg==", "Zm8=", "Zm9v", "Zm9vYg==")] == [b"f", b"fo", b"foo", b"foob"]
    assert fields.decimal("0") == 0
    assert fields.decimal(str(2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize(
    "text",
    ["", "0" * 63, "0" * 65, "A" * 64, "0" * 62 + "g0", " " + "0" * 63, "0" * 32 + " " + "0" * 32, "٠" * 64],
)
def test_bad_hex(text):
    with pytest.raises(FormatError):
        fields.hex32(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 42,
        "A" * 44,
        "A" * 43 + "=",
        "A" * 42 + "B",
        "+" * 42 + "A",
        "/" * 42 + "A",
        "A" * 41 + "\nA",
        "é" * 43,
    ],
)
def test_bad_b64url(text):
    with pytest.raises(FormatError):
        fields.b64url32(text)


@given(st.binary(max_size=300))
def test_any_bytes_unpadded_and_hashes_as_one_text(data):
    text = fields.format_unpadded(data)
    assert fields.unpadded(text, "it") == data
    if len(data) % 32:
        with pytest.raises(FormatError):
            hashes_of(text, "trie")
    else:
        assert b"".join(hashes_of(text, "trie")) == data


@pytest.mark.parametrize("text", ["Zg==", "Zh", "Zg\n", "Z g", "A", "+A", "/A", "é", "=", None, 7, b"Zg"])
def test_bad_unpadded(text):
    for read in (fields.unpadded, hashes_of):
        with pytest.raises(FormatError):
            read(text, "it")


def test_a_path_has_256_hashes_at_most():
    assert len(hashes_of(fields.format_unpadded(bytes(256 * 32)), "trie")) == 256
    with pytest.raises(FormatError):
        hashes_of(fields.format_unpadded(bytes(257 * 32)), "trie")
    with pytest.raises(FormatError):
        fields.unpadded("A" * 4100, "it")


@pytest.mark.parametrize(
    "text", ["Zg", "Zg=", "Zh==", "Zm9=", "Zg==\n", "Z g==", "Zg===", "-_-_", "=", "====", "Zg==Zg==", "é"]
)
def test_bad_b64(text):
    with pytest.raises(FormatError):
        fields.b64(text)


def test_b64_length():
    with pytest.raises(FormatError):
        fields.b64("Zg==", length=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20261122",
        "2026-W47-7",
        "2026-2-01",
        "2026-02-30",
        "2023-02-29",
        "0000-01-01",
        "1899-12-31",
        "2200-01-01",
        "2026-11-22 ",
        "2026-11-22T00:00:00",
        "10000-01-01",
        "２０２６-11-22",
        "+2026-01-1",
        "\ud800",
    ],
)
def test_bad_day(text):
    with pytest.raises(FormatError):
        fields.parse_day(text)


@pytest.mark.parametrize(
    "text",
    ["", "Z", "2026-11-22Z", "2026-11-22T15:24Z", "2026-11-22 15:24:00Z", "2026-11-22T15:24:00", "2026-11-22T15:24:00z", "2026-11-22T15:24:00.000000Z",
     "2026-11-22T15:24:00.5Z", "2026-11-22T15:24:00+00:00", "2026-11-22T15:24:00+00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T15:24:60Z", "20261122T152400Z"],
)  # fmt: skip
def test_bad_instant(text):
    with pytest.raises(FormatError):
        fields.parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1_0",
        "1.0",
        "1e3",
        "٣",
        "²",
        str(2**63),
        "9" * 20,
        "9" * 10_000,
    ],
)
def test_bad_decimal(text):
    with pytest.raises(FormatError):
        fields.decimal(text)


def test_decimal_maximum():
    assert fields.decimal("255", maximum=255) == 255
    with pytest.raises(FormatError):
        fields.decimal("256", maximum=255)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", [None, 1, 1.5, True, b"0" * 64, [], {}])
def test_other_types_are_refused(parse, value):
    with pytest.raises(FormatError):
        parse(value)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text(max_size=80))
def test_any_text_gives_a_value_or_a_format_error(parse, text):
    with contextlib.suppress(FormatError):
        parse(text)
