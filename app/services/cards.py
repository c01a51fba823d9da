"""Which scorecard is in force: the one that the newest `scorecard_published` notice names (R37).

A card is a document in the database, known by its SHA-256. It is published by a notice before a block may use it, and
a block names the card that its scores were made with.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from app.core import fields, notices
from app.core.errors import RefusedError
from app.core.scorecard import parse_card
from app.db import admission, ledger

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from app.db.session import Connection


def publish_card(connection: Connection, document: bytes, now: dt.datetime) -> bytes:
    """Store a card and admit the notice that publishes it; its hash. Raises FormatError for a bad card."""
    parse_card(document)
    digest = sha256(document).digest()
    ledger.store_document(connection, digest, document)
    admission.insert_notice(connection, notices.encode(notices.scorecard_published(digest, now)))
    return digest


def card_in_force(connection: Connection, published: Iterable[notices.Notice]) -> tuple[bytes, bytes]:
    """(hash, document) of the card that the last of these notices publishes. Raises RefusedError when there is none."""
    digest = b""
    for notice in published:
        if isinstance(notice, notices.ScorecardPublished):
            digest = fields.hex32(notice.scorecard)
    document = ledger.document(connection, digest)
    if document is None:
        raise RefusedError("no scorecard was published, so no score can be made", code="no-scorecard")
    return digest, document
