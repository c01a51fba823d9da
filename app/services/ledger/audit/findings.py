"""What an audit finds: values in a list, each with its exact place; never exceptions (beancount's habit)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

CAUSES_FIRST = (
    "notices", "batches", "placements", "furnishers", "events", "event_bodies", "citizens", "citizen_keys", "documents",
    "tiles", "log_edge", "blocks", "publications", "cosignatures", "settled", "head",
)  # fmt: skip
"""What a change there brings about is found in the tables behind it too."""


class Finding(Struct, frozen=True, order=True):
    """One thing that is not as it should be: the table, the row in it, and what is wrong in a sentence."""

    table: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}: {self.place}: {self.what}"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, where a cause is likely first; within a table as they were found."""
    rank = {table: number for number, table in enumerate(CAUSES_FIRST)}
    return sorted(dict.fromkeys(findings), key=lambda finding: rank.get(finding.table, len(rank)))
