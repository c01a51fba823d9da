"""Money: decimals of currencies, amounts written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import FormatError
from app.core.field_types import MINOR_MAX
from app.core.money import decimals_of, money_text, parse_money


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (5001, "CNY", "CNY 50.01"),
        (-5, "EUR", "EUR -0.05"),
        (123_456_789, "TWD", "TWD 1,234,567.89"),
        (500, "JPY", "JPY 500"),
        (1234, "KWD", "KWD 1.234"),
        (1234, "CLF", "CLF 0.1234"),
        (0, "XXX", "XXX 0.00"),
    ],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(minor, currency, text):
    assert money_text(minor, currency) == text


@given(st.integers(0, MINOR_MAX), st.sampled_from(["CNY", "JPY", "KWD", "CLF"]))
def test_what_is_written_is_read(minor, currency):
    text = money_text(minor, currency).partition(" ")[2]
    assert parse_money(f" {text} ", currency) == parse_money(text.replace(",", ""), currency) == minor


def test_few_decimals_are_enough():
    assert (parse_money("500", "CNY"), parse_money("500.5", "CNY")) == (50_000, 50_050)


WRONG = [
    "",
    "a lot",
    "1,23",
    "0.005",
    "-3",
    "+3",
    "1e5",
    "NaN",
    "Infinity",
    "\u0663",
    "1.",
    ".5",
    "9" * 16,
    "1 000",
    "0x1",
]


@pytest.mark.parametrize("text", [*WRONG, "9" * 5000])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(FormatError):
        parse_money(text, "CNY")


@given(st.text(max_size=30), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_any_text_is_an_amount_or_refused(text, currency):
    try:
        assert 0 <= parse_money(text, currency) <= MINOR_MAX
    except FormatError:
        assert decimals_of(currency) in {0, 2, 3}
