"""What an audit finds: values in a list, each with its exact place; never exceptions (beancount's habit)."""

from __future__ import annotations

from msgspec import Struct


class Finding(Struct, frozen=True, order=True):
    """One thing that is not as it should be: the table, the row in it, and what is wrong in a sentence."""

    table: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}: {self.place}: {self.what}"
