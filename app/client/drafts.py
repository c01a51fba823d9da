"""What a bank writes and signs: inquiries as events, one or many in a batch.

Everything is checked as the ledger will check it, so what it would refuse is refused before it is sent.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core import canon
from app.core.errors import LineProblem, RuleError
from app.core.fields import format_b64url32, format_day, format_instant, uuid7
from app.core.reporting.batch import make_batch
from app.core.reporting.events import Header, decode_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.log.note import Signer
    from app.core.log.notices import Genesis

INQUIRIES_MAX = 10_000
FIRST_LINE = 2  # of the events in a batch file
PROBLEMS_MAX = 10


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question about one citizen. `consent` is the id of the consent it rests on (without: any that fits), `class_` the
    kind of credit applied for, `case` your own number of the case.
    """

    citizen: str
    purpose: str
    consent: str | None = None
    class_: str | None = None
    case: str | None = None

    def fields(self) -> dict[str, str]:
        """The members of the event."""
        members = {
            "citizen": self.citizen,
            "purpose": self.purpose,
            "consent": self.consent,
            "class": self.class_,
            "case": self.case,
        }
        return {name: value for name, value in members.items() if value is not None}


def header_of(genesis: Genesis, furnisher: str, now: dt.datetime) -> Header:
    """What the ledger will judge events against, if they arrive today."""
    day = local_day(genesis, now)
    return Header(genesis.origin, furnisher, genesis.scheme, format_day(day), genesis.utc_offset_minutes)


def local_day(genesis: Genesis, now: dt.datetime) -> dt.date:
    """The ledger's local day of an instant."""
    return (now + dt.timedelta(minutes=genesis.utc_offset_minutes)).date()


def inquiry_batch(
    key: Signer,
    genesis: Genesis,
    inquiries: Sequence[Inquiry],
    now: dt.datetime,
    random: Callable[[int], bytes],
) -> bytes:
    """The `.batch` file of these inquiries. RuleError names the lines that the ledger would refuse."""
    if not 1 <= len(inquiries) <= INQUIRIES_MAX:
        raise RuleError(f"a batch has 1 to {INQUIRIES_MAX} inquiries, not {len(inquiries)}", code="limit")
    now_ms = int(now.timestamp() * 1000)
    common = {
        "v": 1,
        "ledger": genesis.origin,
        "furnisher": key.name,
        "type": "inquiry",
        "day": format_day(local_day(genesis, now)),
        "time": format_instant(now),
    }
    lines = [
        canon.encode(
            common | each.fields() | {"id": uuid7(now_ms, random(10)), "nonce": format_b64url32(random(32))}
        )
        for each in inquiries
    ]
    problems = decode_events(lines, header_of(genesis, key.name, now))[1] or _twice(inquiries)
    if problems:
        message = f"the ledger would refuse this, and nothing was signed or sent: {problems[0].detail}"
        raise RuleError(message, problems=tuple(problems[:PROBLEMS_MAX]))
    return make_batch(key, genesis.origin, f"inquiry-{uuid7(now_ms, random(10))}", lines)


def _twice(inquiries: Sequence[Inquiry]) -> list[LineProblem]:
    first: dict[str, int] = {}
    return [
        LineProblem(line, "limit", f"this citizen is asked about on line {first[each.citizen]} already")
        for line, each in enumerate(inquiries, FIRST_LINE)
        if first.setdefault(each.citizen, line) != line
    ]
