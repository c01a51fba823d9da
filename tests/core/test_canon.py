"""Canonical JSON against the rfc8785 package, which other people wrote, and against what must be refused."""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import FormatError

scalars = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-canon.INTEGER_MAX, canon.INTEGER_MAX)
    | st.booleans()
)
ascii_keys = st.text(st.characters(max_codepoint=127), max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ascii_keys, inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_same_bytes_as_the_oracle_and_back(value):
    data = canon.encode(value)
    assert data == rfc8785.dumps(value)
    decoded = canon.decode(data)
    assert decoded == value
    assert canon.encode(decoded) == data


@pytest.mark.parametrize("code", [*range(0x20), 0x22, 0x2F, 0x5C, 0x7F, 0x80, 0x2028, 0xFFFF, 0x1F600])
def test_every_character_that_could_be_escaped(code):
    assert canon.encode(chr(code)) == rfc8785.dumps(chr(code))


def test_keys_sort_by_code_unit():
    keys = ["", "\x00", "0", "10", "2", "A", "a", "aa", "b", "\x7f", "~"]
    assert canon.encode(dict.fromkeys(reversed(keys), 1)) == rfc8785.dumps(dict.fromkeys(keys, 1))


@dataclass
class Point:
    x: int = 1


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    __slots__ = ()


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.0,
        float("nan"),
        {"a": None},
        [0.5],
        2**53,
        -(2**53),
        2**64,
        (1, 2),
        b"a",
        {1: 2},
        {"é": 1},
        {Word("a"): 1},
        Word("a"),
        Colour.RED,
        Point(),
        dt.date(2026, 1, 1),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        uuid.UUID(int=1),
        {1},
        "\ud800",
        {"a": "\udfff"},
        LOOP,
        object(),
    ],
)
def test_what_is_not_json_is_not_encoded(value):
    with pytest.raises(FormatError):
        canon.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"1\n",
        b"\xef\xbb\xbf1",
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'["a", 1]',
        b"-0",
        b"01",
        b"+1",
        b"1.0",
        b"1e3",
        b"1E400",
        b"0.5",
        b"null",
        b'{"a":null}',
        b"9007199254740992",
        b"-9007199254740992",
        b"123456789012345678901234567890",
        b"NaN",
        b"Infinity",
        b'"\\u0061"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u001F"',
        b'"\x0a"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\xaf"',
        '{"é":1}'.encode(),
        b"[1,]",
        b"[1",
        b"{}{}",
        b"'a'",
        b"/**/1",
        b"True",
        b'"a',
    ],
)
def test_what_is_not_canonical_is_not_decoded(data):
    with pytest.raises(FormatError):
        canon.decode(data)


def test_depth_ends_at_32():
    assert canon.encode(canon.decode(b"[" * 32 + b"]" * 32)) == b"[" * 32 + b"]" * 32
    assert canon.decode(b"[" * 32 + b"1" + b"]" * 32)
    for depth in (33, 1000, 1025, 100_000, 500_000):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            with pytest.raises(FormatError):
                canon.decode(opening * depth + b"1" + closing * depth, bytes_max=1 << 23)


def test_integers_end_at_2_53():
    for number in (2**53 - 1, -(2**53 - 1), 0):
        assert canon.decode(str(number).encode()) == number


def test_size_limit():
    assert canon.decode(b'"abc"', bytes_max=5) == "abc"
    with pytest.raises(FormatError):
        canon.decode(b'"abc"', bytes_max=4)


def test_decode_object():
    assert canon.decode_object(b'{"a":true}') == {"a": True}
    with pytest.raises(FormatError):
        canon.decode_object(b"[]")


@given(values, st.data())
def test_one_changed_byte_is_another_value_or_refused(value, data):
    good = canon.encode(value)
    place = data.draw(st.integers(0, len(good) - 1))
    bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    try:
        other = canon.decode(bad)
    except FormatError:
        return
    assert canon.encode(other) == bad != good
