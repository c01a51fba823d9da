"""Disclosures, digests, salts and the account value, byte by byte."""

import base64
import hmac
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import FormatError
from app.core.state import account

SALT = bytes(range(32))
small_json = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(st.characters(codec="utf-8"), max_size=8)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("abcXYZ_0", max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


def test_known_answers():
    """By hand, from the text of the format."""
    text = base64.urlsafe_b64encode(SALT).rstrip(b"=")
    assert account.disclosure_bytes(SALT, "score", {"b": 1, "a": "x"}) == (
        b'["' + text + b'","score",{"a":"x","b":1}]'
    )
    message = b"credence/salt@v1\x00score\x00" + (7).to_bytes(8, "big")
    assert account.salt(SALT, "score", 7) == hmac.new(SALT, message, sha256).digest()
    digests = [bytes([number]) * 32 for number in range(5)]
    value = sha256(b"credence/account@v1\x00" + b"".join(digests)).digest()
    assert account.account_value(digests) == value
    assert account.leaf(SALT, value) == sha256(b"\x02" + SALT + value).digest()
    assert account.citizen_entry(SALT, 258, digests[1]) == SALT + bytes(6) + b"\x01\x02" + b"\x01" * 32
    assert account.NAMES == ("history", "score", "receipt", "file", "flags")


@settings(max_examples=150)
@given(st.binary(min_size=32, max_size=32), st.sampled_from(account.NAMES), small_json)
def test_a_disclosure_is_canonical_json_and_parses_back(salt, name, value):
    data = account.disclosure_bytes(salt, name, value)
    text = base64.urlsafe_b64encode(salt).rstrip(b"=").decode()
    assert data == canon.encode([text, name, value])
    assert account.parse_disclosure(data) == (salt, name, value)
    assert account.digest(data) == sha256(data).digest()


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**63 - 1))
def test_salts_are_five_times_salt(key, block):
    assert account.salts(key, block) == [account.salt(key, name, block) for name in account.NAMES]


@given(st.binary(min_size=32, max_size=32), st.lists(st.integers(0, 2**63 - 1), max_size=5))
def test_salts_of_events_are_salt_for_each(key, indices):
    assert account.event_salts(key, indices) == [
        account.salt(key, account.EVENT_SALT_NAME, index) for index in indices
    ]


def test_salts_differ_by_name_and_number():
    names = (*account.NAMES, account.EVENT_SALT_NAME)
    assert len({account.salt(SALT, name, number) for name in names for number in range(50)}) == 300


@settings(max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(small_json, max_size=4).map(canon.encode),
        st.tuples(st.text(max_size=44), st.sampled_from(account.NAMES), small_json).map(
            lambda parts: repr(list(parts)).encode(errors="replace")
        ),
    )
)
def test_any_bytes_give_a_disclosure_or_a_format_error(data):
    try:
        salt, name, value = account.parse_disclosure(data)
    except FormatError:
        return
    assert account.disclosure_bytes(salt, name, value) == data


def test_bad_parts_are_refused():
    good = account.disclosure_bytes(SALT, "file", {})
    for bad in (good.replace(b"file", b"mood"), good[:-1], good + b" ", good.replace(b"AAEC", b"AAE=")):
        with pytest.raises(FormatError):
            account.parse_disclosure(bad)
    with pytest.raises(FormatError):
        account.disclosure_bytes(SALT, "mood", {})
    with pytest.raises(FormatError):
        account.disclosure_bytes(SALT, "file", 1.5)
    for digests in ([bytes(32)] * 4, [bytes(32)] * 6, [bytes(31)] * 5, [bytes(40), *[bytes(30)] * 4]):
        with pytest.raises(FormatError):
            account.account_value(digests)
