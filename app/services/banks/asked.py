"""What a bank has sent: its batches of inquiries, with their receipts, and nothing of what they are about.

For the bank's own people, who may have lost a file. Whom it asked about, and what it was told, stands in the bank's own files
and in the citizens' records; to read it again would be a look at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.db import furnishing

if TYPE_CHECKING:
    from app.db.furnishing import BatchRow
    from app.services.bureau import Bureau

SHOWN_MAX = 200


def sent_by(bureau: Bureau, bank: str) -> list[BatchRow]:
    """The newest batches of a bank first."""
    with bureau.transaction() as connection:
        return furnishing.newest_batches(connection, bank, SHOWN_MAX)
