"""What a regulator may ask a running service for: the methods of `source.Source`, by name, over HTTP.

    GET /v1/audits/current/blocks?first=0         the JSON of list[BlockRecord]
    GET /v1/audits/current/citizens?first=1&last=250

`CALLS` is the one list of them; server and client go by it. Answers are the records' JSON, bytes in padded base64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from app.core.errors import FormatError, NotFoundError, RuleError
from app.services.ledger.audit.records import (
    AdmissionRecord,
    BlockRecord,
    CitizenRecord,
    Edge,
    Head,
    Totals,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.services.ledger.audit.source import Source

TILES_MAX = 256
INTEGER_MAX = 2**63 - 1


class Call(NamedTuple):
    """The query's integers, in the order of the method's parameters, and what comes back."""

    parameters: tuple[str, ...]
    answer: Any


CALLS = {
    "totals": Call((), Totals),
    "founding": Call((), list[bytes]),
    "head": Call((), Head),
    "blocks": Call(("first",), list[BlockRecord]),
    "publication": Call(("block",), str | None),
    "admissions": Call(("block",), list[AdmissionRecord]),
    "waiting": Call((), Waiting),
    "commitments": Call(("batch",), list[tuple[int, bytes]]),
    "block-commitments": Call(("block",), list[tuple[int, int, bytes]]),
    "tiles": Call(("level", "first", "stop"), list[tuple[int, bytes]]),
    "edge": Call((), Edge),
    "documents": Call((), list[tuple[bytes, bytes]]),
    "orphans": Call((), list[tuple[str, str, str]]),
    "trie-tiles": Call(("block",), list[tuple[int, bytes, bytes]]),
    "citizen-pages": Call(("size",), list[tuple[int, int]]),
    "citizens": Call(("first", "last"), list[CitizenRecord]),
}

_encoder = msgspec.json.Encoder()


def answer(source: Source, name: str, query: Mapping[str, str]) -> bytes:
    """The JSON that a call is answered with. NotFoundError, FormatError, RuleError."""
    call = CALLS.get(name)
    if call is None:
        raise NotFoundError(f"an audit reads {', '.join(CALLS)}")
    if set(query) != set(call.parameters):
        raise FormatError(f"the query has exactly these integers: {', '.join(call.parameters) or 'none'}")
    values = [_integer(each, query[each]) for each in call.parameters]
    if name == "tiles" and values[2] - values[1] > TILES_MAX:
        raise RuleError(f"at most {TILES_MAX} tiles are read at a time", code="too-many")
    if name == "tiles" and not -1 <= values[0] <= 63:
        raise RuleError("a level is -1 (entries) to 63", code="bad-level")
    if name == "citizen-pages" and not 1 <= values[0] <= 2_000:
        raise RuleError("a page has 1 to 2,000 citizens", code="too-many")
    return _encoder.encode(getattr(source, name.replace("-", "_"))(*values))


def _integer(name: str, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise FormatError(f"`{name}` is not an integer")
    value = int(text)
    if not -INTEGER_MAX - 1 <= value <= INTEGER_MAX:
        raise FormatError(f"`{name}` has more than 64 bits")
    return value


def decode(name: str, body: bytes) -> Any:
    """The records of an answer. FormatError."""
    try:
        return msgspec.json.decode(body, type=CALLS[name].answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise FormatError(f"the answer to {name!r} is not what it should be: {error}") from None
