"""Canonical JSON: one sequence of bytes for one value, so that a hash or a signature over it means something.

The format is RFC 8785 (JCS) restricted to what needs no judgement: objects with ASCII keys, arrays, strings,
integers with |n| <= 2**53 - 1, `true` and `false`. There are no floats, no `null`, no duplicate keys and no
spaces; the keys of an object are sorted, and strings are UTF-8 with only the escapes that JSON demands. For
ASCII keys, sorting by bytes and sorting by UTF-16 units (RFC 8785 section 3.2.3) agree, so orjson with sorted
keys writes exactly these bytes. For example

    {"citizen":"uci:17","closed":false,"limit_minor":2000000,"marks":[0,0,1]}

The decoder accepts what the encoder writes and nothing else: it decodes, encodes again and compares. That one
comparison refuses duplicate keys, other orders, spaces, needless escapes, `-0`, `1.0`, `1e3`.

Source: RFC 8785; the restriction is section 2 of the design (docs/formats.md).
"""

from __future__ import annotations

from typing import TypeAlias

import orjson

from app.core.errors import FormatError

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | bool"

INTEGER_MAX = (
    2**53 - 1
)  # the largest n for which n and n + 1 are both exact in a double (RFC 7493 section 2.2)
DEPTH_MAX = 32  # arrays and objects within one another
BYTES_MAX = 1 << 20

# Left alone, orjson writes dates, dataclasses and subclasses by rules of its own. `_check` refuses them
# already; the options make sure of it.
_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def encode(value: object) -> bytes:
    """The canonical bytes of a `JSON` value.

    The parameter is any object, so that callers may pass their narrower dicts; everything that is not `JSON`
    (floats, None, tuples, subclasses, keys beyond ASCII, lone surrogates, deeper than 32) raises FormatError.
    """
    _check(value, 0)
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise FormatError(f"a value has no canonical JSON: {error}") from None


def decode(data: bytes, *, bytes_max: int = BYTES_MAX) -> JSON:
    """The value of canonical bytes; FormatError for any others, and for more than `bytes_max` bytes."""
    if len(data) > bytes_max:
        raise FormatError(f"canonical JSON of {len(data)} bytes is over the limit of {bytes_max}")
    try:
        value: JSON = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error}") from None
    if encode(value) != data:
        raise FormatError("JSON is not in canonical form (order, spaces, escapes or duplicate keys)")
    return value


def decode_object(data: bytes, *, bytes_max: int = BYTES_MAX) -> dict[str, JSON]:
    """Like `decode`, for the usual case that the value must be an object."""
    value = decode(data, bytes_max=bytes_max)
    if not isinstance(value, dict):
        raise FormatError("canonical JSON is not an object")
    return value


def _check(value: object, depth: int) -> None:
    """Refuse what is not `JSON`. Exact types: a subclass may print itself as something else."""
    kind = type(value)
    if kind is str or kind is bool:
        return
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:  # type: ignore[operator]  # it is an int here
            raise FormatError("an integer in canonical JSON is beyond 2**53 - 1")
        return
    if depth >= DEPTH_MAX:
        raise FormatError(f"canonical JSON is nested deeper than {DEPTH_MAX}")
    if isinstance(value, dict) and kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise FormatError("a key in canonical JSON is not an ASCII string")
            if type(item) is not str:  # most are, and every proof, event and block comes this way
                _check(item, depth + 1)
    elif isinstance(value, list) and kind is list:
        for item in value:
            if type(item) is not str:
                _check(item, depth + 1)
    else:
        raise FormatError(f"canonical JSON has no {kind.__name__} (no floats, no null)")
