"""The tables, as SQLAlchemy sees them. `migrations/` makes them; a test compares the two.

What may be done to a table follows from its kind:

- *ledger* and *append-only* (what officers decided, what staff did): INSERT and SELECT only; UPDATE, DELETE and TRUNCATE are
  refused by trigger and by role;
- *sealed*, what is personal in the ledger: only the retention role may delete;
- *working*, what stands beside the ledger: it can be rebuilt, or is of the moment.

The unit of work is the batch: an event is known by (`batch`, `position`), and `placements.first_index + 1 + position` is
its log index, so that sequencing writes one row a batch and none an event.
"""

from __future__ import annotations

from app.db.schema import citizens, columns, ledger, organisations  # noqa: F401 - declares their tables
from app.db.schema.columns import metadata

LEDGER = columns.tables_of(columns.LEDGER)
APPEND_ONLY = columns.tables_of(columns.LEDGER, columns.APPEND_ONLY)
SEALED = columns.tables_of(columns.SEALED)
WORKING = columns.tables_of(columns.WORKING)
# What is destroyed or ended one by one, and so must not be in old backups (R14): in the key backups alone, which are kept for
# 30 days at most (docs/operations.md). Files of evidence open with their keys.
SHORT_LIVED = columns.short_lived()

__all__ = ["APPEND_ONLY", "LEDGER", "SEALED", "SHORT_LIVED", "WORKING", "metadata"]
