"""What a regulator does at the bureau: look at one file under a case, and read what is announced (`audits` has the rest).

look          one file: the case number is required, and a `look` of purpose `regulator` is in the ledger before anything is
              shown (R21)
announced     the notices, newest first; `heads` the newest blocks with who cosigned them
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.errors import RuleError
from app.core.field_types import REF
from app.core.log import notices
from app.core.log.block import Block
from app.core.reporting.identifiers import check_identifier
from app.db import cosignatures, ledger
from app.db import monitoring as rows
from app.services.citizens import overview, records
from app.services.ledger import own_events
from app.services.proving.proofs import SHOWN_TO_CITIZENS

if TYPE_CHECKING:
    import datetime as dt

    from app.core.log.notices import Notice
    from app.services.bureau import Bureau
    from app.services.citizens.overview import Overview
    from app.services.citizens.records import Entries

PURPOSE: Final = "regulator"
HEADS: Final = 20


@dataclass(frozen=True, slots=True)
class Announced:
    """A notice with its place; None while no block holds it."""

    log_index: int | None
    notice: Notice


@dataclass(frozen=True, slots=True)
class Head:
    """A published block and the witnesses that cosigned it."""

    block: int
    tree_size: int
    time: dt.datetime
    root: bytes
    witnesses: list[str]


def look(bureau: Bureau, regulator: str, identifier: str, case: str) -> tuple[Overview, Entries]:
    """One citizen's file. Raises RuleError without a case (R21), FormatError, NotFoundError."""
    if re.match(REF, case) is None:
        message = "a regulator looks under a case: 1 to 64 characters of A-Z a-z 0-9 . _ - (R21)"
        raise RuleError(message, code="no-case")
    check_identifier(bureau.scheme, identifier)
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
        said = {"case": case, "purpose": PURPOSE, "recipient": regulator, "shown": sorted(SHOWN_TO_CITIZENS)}
        own_events.look(bureau, connection, identifier, said)
    return overview.overview(bureau, person.id), records.entries(bureau, person.id)


# ---- what the ledger announces
# --------------------------------------------------------------------------------------------------


def announced(bureau: Bureau, limit: int, offset: int = 0) -> list[Announced]:
    """A page of notices, the newest first."""
    with bureau.transaction() as connection:
        found = rows.notices(connection, limit, offset)
    return [Announced(index, notices.decode(payload)) for payload, index in found]


def counted(bureau: Bureau) -> tuple[dict[str, int], dict[str, int]]:
    """(how many notices of each kind, how many entries they say are destroyed, by reason)."""
    with bureau.transaction() as connection:
        return rows.count_notices(connection), rows.count_destroyed(connection)


def heads(bureau: Bureau) -> list[Head]:
    """The newest published blocks, the newest first."""
    with bureau.transaction() as connection:
        newest = ledger.newest_published_number(connection)
        first = max(0, newest - HEADS + 1)
        blocks = [ledger.block_by_number(connection, number) for number in range(newest, first - 1, -1)]
        by = cosignatures.of_blocks(connection, first, newest)
    return [
        Head(
            each.number,
            each.tree_size,
            Block.parse(each.entry).time,
            each.root,
            sorted({signature.name for signature in by.get(each.number, [])}),
        )
        for each in blocks
        if each is not None
    ]
