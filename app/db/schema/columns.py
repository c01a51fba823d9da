"""What tables are declared with: a function for each kind of table, and one for each type of column.

    ledger("notices", big("id", key=True), octets("payload"))

A column is never null unless it says so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.types import TypeEngine

metadata: Final = MetaData()
LEDGER: Final = "ledger"
APPEND_ONLY: Final = "append-only"
SEALED: Final = "sealed"
WORKING: Final = "working"


def _table(kind: str, name: str, *columns: Column[Any], short_lived: bool = False) -> Table:
    return Table(name, metadata, *columns, info={"kind": kind, "short_lived": short_lived})


ledger, append_only = partial(_table, LEDGER), partial(_table, APPEND_ONLY)
sealed, working = partial(_table, SEALED), partial(_table, WORKING)


def tables_of(*kinds: str) -> tuple[Table, ...]:
    """Every table of these kinds that was declared."""
    return tuple(table for table in metadata.tables.values() if table.info["kind"] in kinds)


def short_lived() -> tuple[Table, ...]:
    """Every table that was declared to be so."""
    return tuple(table for table in metadata.tables.values() if table.info["short_lived"])


def _column(of: type[TypeEngine[Any]] | TypeEngine[Any]) -> Callable[..., Column[Any]]:
    """Makes columns of a type; those of the `key` are its primary key in this order."""

    def column(name: str, *, key: bool = False, null: bool = False) -> Column[Any]:
        return Column(name, of, primary_key=key, nullable=null)

    return column


big, integer, small = _column(BigInteger), _column(Integer), _column(SmallInteger)
smalls = _column(ARRAY(SmallInteger))
octets, text, uuid, flag = _column(LargeBinary), _column(Text), _column(Uuid), _column(Boolean)
day, moment = _column(Date), _column(DateTime(timezone=True))
