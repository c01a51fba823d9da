"""The small text forms that fields have everywhere, each with its one spelling.

    hex32      64 lower-case hex characters                    a hash, a key
    b64url32   43 characters of unpadded base64url             a nonce, a salt: 32 bytes
    unpadded   unpadded base64url                              WebAuthn's parts, lists of hashes in proofs
    b64        padded standard base64                          hashes and signatures in notes
    day        2026-11-22                                      a local day of the years 1900 to 2199
    instant    2026-11-22T15:24:00Z                            UTC, whole seconds
    decimal    0 or 1-9 and digits                             counts and indices in C2SP texts

Each parser takes any object (a field of decoded JSON may be anything) and gives the value or FormatError; it
accepts exactly what the formatter beside it writes, mostly by writing the value again and comparing.

Source: RFC 4648 sections 4, 5 and 8; RFC 3339 section 5.6 with `Z` and without fractions.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from functools import lru_cache

from app.core.errors import FormatError

DAY_MIN = dt.date(1900, 1, 1)
DAY_MAX = dt.date(2199, 12, 31)
U63_MAX = 2**63 - 1  # sizes and times of C2SP texts stay within a signed 64-bit integer
UNPADDED_CHARS_MAX = 4096


def hex32(text: object) -> bytes:
    """32 bytes from 64 lower-case hex characters."""
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        value = b""
    if len(value) != 32 or value.hex() != text:
        raise FormatError("expected 64 lower-case hex characters")
    return value


def format_hex32(value: bytes) -> str:
    assert len(value) == 32, len(value)
    return value.hex()


def b64url32(text: object) -> bytes:
    """32 bytes from 43 characters of unpadded base64url; the two unused bits of the last one are zero."""
    try:
        value = base64.urlsafe_b64decode(text + "=") if isinstance(text, str) and len(text) == 43 else b""
    except ValueError:
        value = b""
    if len(value) != 32 or format_b64url32(value) != text:
        raise FormatError("expected 32 bytes as 43 characters of unpadded base64url")
    return value


def format_b64url32(value: bytes) -> str:
    assert len(value) == 32, len(value)
    return base64.urlsafe_b64encode(value)[:-1].decode()


def unpadded(value: object, what: str, *, chars_max: int = UNPADDED_CHARS_MAX) -> bytes:
    """Bytes from unpadded base64url; `what` it is stands in the error."""
    try:
        data = base64.urlsafe_b64decode(value + "==") if isinstance(value, str) else None
    except ValueError:
        data = None
    if data is None or len(str(value)) > chars_max or format_unpadded(data) != value:
        raise FormatError(f"{what} is not base64url without padding.")
    return data


def format_unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64(text: object, *, length: int | None = None) -> bytes:
    """Bytes from padded standard base64; with `length`, exactly that many."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True) if isinstance(text, str) else None
    except ValueError:
        value = None
    if value is None or format_b64(value) != text:
        raise FormatError("expected standard base64 with padding")
    if length is not None and len(value) != length:
        raise FormatError(f"expected {length} bytes in base64, not {len(value)}")
    return value


def format_b64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def parse_day(text: object) -> dt.date:
    """A calendar day in DAY_MIN..DAY_MAX from `YYYY-MM-DD`."""
    try:
        day = dt.date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # fromisoformat knows 20261122 and 2026-W47-7 too
        raise FormatError("expected a day as YYYY-MM-DD")
    if not DAY_MIN <= day <= DAY_MAX:
        raise FormatError("expected a day of the years 1900 to 2199")
    return day


def format_day(day: dt.date) -> str:
    assert type(day) is dt.date, "a datetime is not a day"
    return day.isoformat()


def parse_instant(text: object) -> dt.datetime:
    """An aware UTC datetime without microseconds from `YYYY-MM-DDThh:mm:ssZ`."""
    try:
        naive = dt.datetime.fromisoformat(text[:-1]) if isinstance(text, str) else None
    except ValueError:
        naive = None
    if naive is None or naive.tzinfo is not None or naive.isoformat() + "Z" != text:
        raise FormatError("expected an instant as YYYY-MM-DDThh:mm:ssZ")
    return naive.replace(tzinfo=dt.UTC)


@lru_cache(
    maxsize=64
)  # whatever is said within a second names the same few instants, a batch or an inquiry several times
def format_instant(instant: dt.datetime) -> str:
    assert instant.utcoffset() == dt.timedelta(0), "an instant is in UTC"
    assert instant.microsecond == 0, "an instant has whole seconds"
    return instant.replace(tzinfo=None).isoformat() + "Z"


def decimal(text: object, *, maximum: int = U63_MAX) -> int:
    """An integer in 0..maximum from ASCII digits without leading zeros."""
    if not isinstance(text, str) or not 0 < len(text) <= 19 or not (text.isascii() and text.isdigit()):
        raise FormatError("expected a decimal number")
    value = int(text)
    if str(value) != text:
        raise FormatError("expected a decimal number without leading zeros")
    if value > maximum:
        raise FormatError(f"a decimal number is over {maximum}")
    return value


def uuid7(now_ms: int, random: bytes) -> str:
    """The UUID (RFC 9562, version 7) of a POSIX time in milliseconds and 10 random bytes."""
    number = now_ms << 80 | int.from_bytes(random, "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
