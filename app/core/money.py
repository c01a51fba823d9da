"""Money: integer minor units and a currency, and how many decimals that is.

    money_text(5001, "CNY")     "CNY 50.01"
    money_text(-500, "JPY")     "JPY -500"
    parse_money("1,234.5", "CNY")    123450

How pages write amounts is up to their readers' language; how many minor units make one is not, so it stands here.

Source: formats.md section 1; ISO 4217, of 2024, for the currencies that do not have two decimals.
"""

from __future__ import annotations

import re
from typing import Final

from app.core.errors import FormatError
from app.core.field_types import MINOR_MAX

_AMOUNT: Final = re.compile(r"(\d{1,16}|\d{1,3}(?:,\d{3}){1,5})(?:\.(\d{1,4}))?", re.ASCII)

# A code is three capitals, so it is in a list or not.
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR: Final = "CLF UYW"


def decimals_of(currency: str) -> int:
    """How many decimals amounts of a currency have."""
    return 0 if currency in _NONE else 3 if currency in _THREE else 4 if currency in _FOUR else 2


def money_text(amount_minor: int, currency: str) -> str:
    """Minor units as an amount that means the same to everybody: `CNY 1,234.50`."""
    digits = decimals_of(currency)
    whole, rest = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{currency} {sign}{whole:,}" + (f".{rest:0{digits}d}" if digits else "")


def parse_money(text: str, currency: str) -> int:
    """The minor units of an amount that somebody typed, commas between thousands or not; FormatError for no amount."""
    found = _AMOUNT.fullmatch(text.strip())
    digits = decimals_of(currency)
    whole, rest = (found[1].replace(",", ""), found[2] or "") if found else ("", "")
    if not whole or len(rest) > digits:
        raise FormatError(f"{text!r} is not an amount like {money_text(123_450, currency).partition(' ')[2]}")
    minor = int(whole + rest.ljust(digits, "0"))
    if minor > MINOR_MAX:
        raise FormatError("an amount is at most 10^15 minor units")
    return minor
