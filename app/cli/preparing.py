"""From plain events to signed batches: what `credence furnish --key` does before anything is sent.

A plain event is a JSON object on a line that leaves the paperwork out (order and spaces are free):

    {"type": "payment", "citizen": "uci:17", "account": "c-1", "amount_minor": 500, "currency": "TWD",
    "day": "2026-10-31"}

`v`, `ledger`, `furnisher`, `id` and `nonce` are filled in where they are missing; what is there stays and
is checked. 65,536 events make a batch. Its id is made of the hash of the plain file and its number,

    <first 32 hex digits of SHA-256 of the file>.<number>-of-<count>

so the same file cannot become part of the ledger twice by mistake, not even from another folder: the second
attempt has other ids and nonces, and the ledger answers with a conflict.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from app.client.drafts import header_of
from app.core import canon
from app.core.errors import FormatError, LineProblem, RuleError
from app.core.fields import format_b64url32, uuid7
from app.core.reporting.batch import EVENTS_MAX, make_batch
from app.core.reporting.events import decode_events

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from app.core.log.note import Signer
    from app.core.log.notices import Genesis

PLAIN_BYTES_MAX = 1 << 26  # of a batch's lines before they are completed; at most 128 MiB are left after it
PROBLEMS_MAX = 10


@dataclass(frozen=True, slots=True)
class Draft:
    """A batch to be: its id, its plain events, and the line of the plain file (from 1) on which it begins."""

    batch_id: str
    events: tuple[dict[str, object], ...]
    first_line: int


def drafts(source: bytes) -> list[Draft]:
    """The batches of a plain file; RuleError names the lines that are not plain events."""
    lines = source.removesuffix(b"\n").split(b"\n") if source else []
    problems: list[LineProblem] = []
    events: list[dict[str, object]] = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(_read_plain(line))
        except FormatError as error:
            problems.append(LineProblem(number, "format", error.detail))
            if len(problems) == PROBLEMS_MAX:
                break
    if problems:
        raise RuleError(
            "the file has lines that are not plain events; nothing was signed or sent",
            problems=tuple(problems),
        )
    if not events:
        raise FormatError("the file has no events")
    starts = _starts([len(line) for line in lines])
    name = hashlib.sha256(source).hexdigest()[:32]
    return [
        Draft(f"{name}.{number}-of-{len(starts)}", tuple(events[start:end]), start + 1)
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(events)], strict=True), 1)
    ]


def complete(
    draft: Draft, genesis: Genesis, furnisher: str, now: dt.datetime, random: Callable[[int], bytes]
) -> list[bytes]:
    """The canonical lines of a draft, checked as the ledger would; RuleError names lines of the file."""
    now_ms = int(now.timestamp() * 1000)
    lines, problems = [], []
    for number, event in enumerate(draft.events, draft.first_line):
        common = {
            "v": 1,
            "ledger": genesis.origin,
            "furnisher": furnisher,
            "id": uuid7(now_ms, random(10)),
            "nonce": format_b64url32(random(32)),
        }
        try:
            lines.append(canon.encode(common | event))
        except FormatError as error:
            problems.append(LineProblem(number, "format", error.detail))
    if not problems:
        shift = draft.first_line - 2  # in a batch file the note is line 1
        found = decode_events(lines, header_of(genesis, furnisher, now))[1]
        problems = [LineProblem(p.line + shift, p.rule, p.detail) for p in found]
    if problems:
        message = "the ledger would refuse these lines; nothing was signed or sent"
        raise RuleError(message, problems=tuple(problems[:PROBLEMS_MAX]))
    return lines


def sign(draft: Draft, lines: list[bytes], genesis: Genesis, signer: Signer) -> bytes:
    """The `.batch` file."""
    return make_batch(signer, genesis.origin, draft.batch_id, lines)


def _starts(sizes: Iterable[int]) -> list[int]:
    """The positions at which batches begin: as many events in each as fit."""
    starts, count, held = [0], 0, 0
    for position, size in enumerate(sizes):
        if count and (count == EVENTS_MAX or held + size > PLAIN_BYTES_MAX):
            starts.append(position)
            count = held = 0
        count, held = count + 1, held + size
    return starts


def _read_plain(line: bytes) -> dict[str, object]:
    """A JSON object without floats, null and duplicate keys, in any order and spacing."""
    try:
        value = json.loads(line, object_pairs_hook=_distinct, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a JSON object in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise FormatError("not a JSON object")
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormatError("a field is there twice")
    return fields


def _no_float(text: str) -> NoReturn:
    raise FormatError(f"{text[:20]} is not an integer: amounts are whole minor units (R7)")
