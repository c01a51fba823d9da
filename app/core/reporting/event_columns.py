"""The common fields of a whole batch at once, column by column: do all of them hold?

What `app.core.reporting.events` asks of each event, asked of the set of all ledgers, of all days, of all citizens, and of all
ids in one text of lines. The answer is yes or no, for a fifth of the time; which event it is, and why, is found one by one.

    ids     0192f3b6-7d2a-7000-8000-000000000001    the 15th column of characters is all 7, the 9th all hyphens ...,
            0192f3b6-7d2a-7000-8000-000000000002    and without the hex digits "----\\n" is left of each line
    days    {"2026-10-31", "2026-11-10"}            a batch has few

Source: formats.md section 2.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from app.core.errors import FormatError
from app.core.reporting.event_base import Event, Header, is_day
from app.core.reporting.identifiers import check_identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UUID_LINE: Final = 37  # with the newline
NONCE_LINE: Final = 44
_HEX: Final = b"0123456789abcdef"
_BASE64URL: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_LAST_OF_32_BYTES: Final = b"AEIMQUYcgkosw048"  # the last two of the 258 bits are zero

_ledger, _furnisher, _day, _citizen, _id, _nonce = map(
    attrgetter, ("ledger", "furnisher", "day", "citizen", "id", "nonce")
)


def common_fields_hold(events: Sequence[Event], header: Header) -> bool:
    """Whether the common fields of all these events are what formats.md says, given that they are text."""
    days = set(map(_day, events))
    return (
        set(map(_ledger, events)) == {header.origin}
        and set(map(_furnisher, events)) == {header.furnisher}
        and all(map(is_day, days))
        and max(days) <= header.admission_day
        and _are_of_scheme(set(map(_citizen, events)), header.scheme)
        and are_uuid7(list(map(_id, events)))
        and are_nonces(list(map(_nonce, events)))
    )


def event_id_bytes(events: Sequence[Event]) -> list[bytes]:
    """The 16 bytes of each event's UUID, all of which have been checked."""
    joined = bytes.fromhex("".join(map(_id, events)).replace("-", ""))
    assert len(joined) == 16 * len(events), "a UUID has 16 bytes"
    return [joined[at : at + 16] for at in range(0, len(joined), 16)]


def are_uuid7(texts: Sequence[str]) -> bool:
    """Whether each of them matches `UUID7`."""
    lines, count = _lines(texts), len(texts)
    return (
        len(lines) == UUID_LINE * count
        and lines.translate(None, _HEX) == b"----\n" * count
        and lines[36::UUID_LINE] == b"\n" * count  # so none is longer and another shorter
        and all(lines[at::UUID_LINE] == b"-" * count for at in (8, 13, 18, 23))
        and lines[14::UUID_LINE] == b"7" * count
        and not lines[19::UUID_LINE].translate(None, b"89ab")
    )


def are_nonces(texts: Sequence[str]) -> bool:
    """Whether each of them matches `NONCE`."""
    lines, count = _lines(texts), len(texts)
    return (
        len(lines) == NONCE_LINE * count
        and lines.translate(None, _BASE64URL) == b"\n" * count
        and lines[43::NONCE_LINE] == b"\n" * count
        and not lines[42::NONCE_LINE].translate(None, _LAST_OF_32_BYTES)
    )


def _lines(texts: Sequence[str]) -> bytes:
    """The texts, each with a newline."""
    return "\n".join([*texts, ""]).encode(errors="replace")


def _are_of_scheme(citizens: Iterable[str], scheme: str) -> bool:
    try:
        for citizen in citizens:
            check_identifier(scheme, citizen)
    except FormatError:
        return False
    return True
