"""The common fields of a whole batch at once, column by column: do all of them hold?

What `app.core.reporting.events` asks of each event, asked of the set of all ledgers, of all days, of all citizens, and of all
ids in one text of lines. The answer is yes or no, for a fifth of the time; which event it is, and why, is found one by one.

    ids     "0192f3b6-...-000000000001\\n0192f3b6-...-000000000002\\n"    matched once against (UUID7 and a newline)*
    days    {"2026-10-31", "2026-11-10"}                               a batch has few

Source: formats.md section 2.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from app.core.errors import FormatError
from app.core.field_types import NONCE, UUID7
from app.core.reporting.event_base import Event, Header, is_day
from app.core.reporting.identifiers import check_identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UUID_CHARS: Final = 36
NONCE_CHARS: Final = 43

_ledger, _furnisher, _day, _citizen, _id, _nonce = map(
    attrgetter, ("ledger", "furnisher", "day", "citizen", "id", "nonce")
)


def _each_line(pattern: str) -> re.Pattern[str]:
    r"""What matches a text of lines, each of which matches a whole `pattern` (^...\Z)."""
    assert (pattern[0], pattern[-2:]) == ("^", r"\Z"), pattern
    return re.compile(rf"(?:{pattern[1:-2]}\n)*+\Z")


_are_uuid7: Final = _each_line(UUID7).match
_are_nonces: Final = _each_line(NONCE).match


def common_fields_hold(events: Sequence[Event], header: Header) -> bool:
    """Whether the common fields of all these events are what formats.md says, given that they are text."""
    days = set(map(_day, events))
    return (
        set(map(_ledger, events)) == {header.origin}
        and set(map(_furnisher, events)) == {header.furnisher}
        and all(map(is_day, days))
        and max(days) <= header.admission_day
        and _are_of_scheme(set(map(_citizen, events)), header.scheme)
        and _are_uuid7(_lines(map(_id, events), len(events) * (UUID_CHARS + 1))) is not None
        and _are_nonces(_lines(map(_nonce, events), len(events) * (NONCE_CHARS + 1))) is not None
    )


def event_id_bytes(events: Sequence[Event]) -> list[bytes]:
    """The 16 bytes of each event's UUID, all of which have been checked."""
    joined = bytes.fromhex("".join(map(_id, events)).replace("-", ""))
    assert len(joined) == 16 * len(events), "a UUID has 16 bytes"
    return [joined[at : at + 16] for at in range(0, len(joined), 16)]


def _lines(texts: Iterable[str], length: int) -> str:
    """The texts, each with a newline; what matches no pattern when the whole has another length.

    Of the right length and matching line by line, it has as many newlines as texts: none of them holds one itself.
    """
    text = "\n".join([*texts, ""])
    return text if len(text) == length else "\n"


def _are_of_scheme(citizens: Iterable[str], scheme: str) -> bool:
    try:
        for citizen in citizens:
            check_identifier(scheme, citizen)
    except FormatError:
        return False
    return True
