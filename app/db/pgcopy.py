"""Rows in PostgreSQL's binary COPY format, packed by `struct` (PostgreSQL manual, COPY, "Binary Format").

A row is a 16-bit count of fields, then each field as a 32-bit length and its bytes. A table whose columns are all of
fixed width needs one `struct.pack` a row, which is what makes intake and the sequencer fast; bytes of varying length
are joined behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_CHUNK_ROWS = 4096


def copy_rows(connection: psycopg.Connection[Any], table_and_columns: str, rows: Iterable[bytes]) -> None:
    """COPY packed `rows` into e.g. `events (batch, position)`; all or nothing, like any statement."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table_and_columns} FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.write(HEADER)
        chunk: list[bytes] = []
        for row in rows:
            chunk.append(row)
            if len(chunk) == _CHUNK_ROWS:
                copy.write(b"".join(chunk))
                chunk.clear()
        chunk.append(TRAILER)
        copy.write(b"".join(chunk))
