"""Whose file it is: a citizen's identifier, in the ledger's one scheme.

    cn:11010519491231002X     `cn:` and a resident number of 18 characters
    uci:17                    `uci:` and a row number of the research data, 1..999999999

A resident number is six digits of region, eight of the birth day (YYYYMMDD), three of sequence and a check
character. With the weights 2**(17-i) mod 11 for the characters i = 0..17 (X counts as ten) the sum is 1
modulo 11. So a number with one wrong or two swapped characters is refused before it opens a second file for
anybody.

Source: GB 11643-1999; ISO 7064 MOD 11-2; formats.md section 1.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Final

from app.core.errors import FormatError

SCHEMES: Final = ("cn", "uci")

_CN = re.compile(r"cn:([0-9]{6})([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{3})([0-9X])")
_UCI = re.compile(r"uci:[1-9][0-9]{0,8}")
_WEIGHTS: Final = tuple(pow(2, 17 - i, 11) for i in range(18))
_CHECK: Final = "10X98765432"  # indexed by the weighted sum of the first 17 digits modulo 11
_BIRTH_YEARS: Final = range(1900, 2200)


@lru_cache(maxsize=1 << 16)  # a batch names the same citizens again and again
def check_identifier(scheme: str, text: str) -> str:
    """The identifier itself when it is one of `scheme` (`cn` or `uci`), prefix included; else FormatError."""
    if scheme == "uci":
        if _UCI.fullmatch(text) is None:
            raise FormatError("a citizen of scheme uci is uci: and a row number in 1..999999999")
    elif scheme == "cn":
        _check_resident_number(text)
    else:
        raise FormatError("the identifier scheme is neither cn nor uci")
    return text


def check_character(digits: str) -> str:
    """The ISO 7064 MOD 11-2 check character of the first 17 digits of a resident number."""
    assert len(digits) == 17, digits
    return _CHECK[sum(w * int(d) for w, d in zip(_WEIGHTS, digits, strict=False)) % 11]


def _check_resident_number(text: str) -> None:
    match = _CN.fullmatch(text)
    if match is None:
        raise FormatError("a citizen of scheme cn is cn: and 18 characters: 17 digits, then a digit or X")
    _, year, month, day, _, check = match.groups()
    if int(year) not in _BIRTH_YEARS:
        raise FormatError("the birth year of a resident number is not in 1900..2199")
    try:
        dt.date(int(year), int(month), int(day))
    except ValueError:
        raise FormatError("the birth day of a resident number is no day of the calendar") from None
    if check_character(text[3:20]) != check:
        raise FormatError("the check character of a resident number is wrong")
