"""Citizens' identifiers: right ones of both schemes, and every near miss refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError
from app.core.reporting.identifiers import SCHEMES, check_character, check_identifier

# the example that GB 11643-1999 prints
RESIDENTS = ["cn:11010519491231002X"]


def resident(digits):
    return f"cn:{digits}{check_character(digits)}"


def sum_is_one(number):
    """The definition in ISO 7064, written down independently: sum of a_i * 2**(i-1) from the right is 1."""
    values = [10 if c == "X" else int(c) for c in number]
    return sum(v * 2**i for i, v in enumerate(reversed(values))) % 11 == 1


def test_the_standards_own_example():
    assert check_identifier("cn", RESIDENTS[0]) == RESIDENTS[0]
    assert (
        check_character("44052418800101001") == "4"
    )  # its second example, born in 1880: before our first year
    with pytest.raises(FormatError, match="birth year"):
        check_identifier("cn", "cn:440524188001010014")


@given(st.dates(), st.integers(0, 10**6 - 1), st.integers(0, 999))
def test_every_made_number_is_accepted_exactly_in_our_years(born, region, sequence):
    text = resident(
        f"{region:06d}{born:%Y%m%d}{sequence:03d}"
        if born.year > 999
        else f"{region:06d}0999{born:%m%d}{sequence:03d}"
    )
    assert sum_is_one(text[3:])
    if 1900 <= int(text[9:13]) <= 2199:
        assert check_identifier("cn", text) == text
    else:
        with pytest.raises(FormatError):
            check_identifier("cn", text)


def test_any_one_changed_or_two_swapped_characters_are_noticed():
    right = RESIDENTS[0]
    for i in range(3, 21):
        for c in "0123456789X":
            if c != right[i]:
                with pytest.raises(FormatError):
                    check_identifier("cn", right[:i] + c + right[i + 1 :])
        if i < 20 and right[i] != right[i + 1]:
            with pytest.raises(FormatError):
                check_identifier("cn", right[:i] + right[i + 1] + right[i] + right[i + 2 :])


def test_29_february_only_in_leap_years():
    assert check_identifier("cn", resident("11010520000229001"))
    for year in ("1900", "2023", "2100"):
        with pytest.raises(FormatError, match="no day"):
            check_identifier("cn", resident(f"110105{year}0229001"))


@pytest.mark.parametrize(
    "text",
    ["", "cn:", "11010519491231002X", "cn:11010519491231002x", "CN:11010519491231002X", "cn:11010519491231002X\n",
     "cn: 1010519491231002X", "cn:110105491231002", "cn:1101051949123100２X", "uci:1", "cn:" + "٣" * 18],
)  # fmt: skip
def test_bad_cn(text):
    with pytest.raises(FormatError):
        check_identifier("cn", text)


@pytest.mark.parametrize("text", ["uci:1", "uci:17", "uci:999999999"])
def test_good_uci(text):
    assert check_identifier("uci", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uci:",
        "uci:0",
        "uci:01",
        "uci:1000000000",
        "uci:-1",
        "uci:1 ",
        "uci:1\n",
        "UCI:1",
        "1",
        "uci:١",
        RESIDENTS[0],
    ],
)
def test_bad_uci(text):
    with pytest.raises(FormatError):
        check_identifier("uci", text)


def test_unknown_scheme():
    with pytest.raises(FormatError):
        check_identifier("ssn", "ssn:1")


@given(st.sampled_from(SCHEMES), st.text(max_size=40))
def test_any_text_gives_itself_or_a_format_error(scheme, text):
    with contextlib.suppress(FormatError):
        assert check_identifier(scheme, text) == text
