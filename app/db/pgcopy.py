"""Rows in PostgreSQL's binary COPY format, packed by `struct` (PostgreSQL manual, COPY, "Binary Format").

A row is a 16-bit count of fields, then each field as a 32-bit length and its bytes. A table whose columns are all of
fixed width needs one `struct.pack` a row, which is what makes intake and the sequencer fast; bytes of varying length
are joined behind it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_CHUNK_ROWS = 4096


def copy_rows(connection: psycopg.Connection[Any], table_and_columns: str, rows: Iterable[bytes]) -> None:
    """COPY packed `rows`, or pieces of rows, into e.g. `events (batch, position)`; all or nothing, like any statement."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table_and_columns} FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.write(HEADER)
        remaining = iter(rows)
        while chunk := list(islice(remaining, _CHUNK_ROWS)):
            copy.write(b"".join(chunk))
        copy.write(TRAILER)
