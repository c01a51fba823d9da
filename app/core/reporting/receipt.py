"""Receipts: the service's signed word that a batch is durable, and by when it will be in a block.

A signed note by a key of role `service` over six lines:

    credence/receipt@v1
    credence.example/ledger                                             origin
    2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae    batch hash
    1024                                                                events in the batch
    2026-11-22T15:24:00Z                                                admitted
    2026-11-22T16:24:00Z                                                in a block by then

The same batch again gives the same receipt. One that is not kept is evidence against the bureau.

Source: formats.md section 3; C2SP signed-note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.errors import FormatError
from app.core.fields import decimal, format_hex32, format_instant, hex32, parse_instant
from app.core.log.note import open_note
from app.core.reporting.batch import EVENTS_MAX, check_name, text_lines

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from app.core.log.note import Signer, Verifier

RECEIPT_MAGIC: Final = "credence/receipt@v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """`batch_hash` of 32 bytes, `count` events in 1..65536; both times are aware UTC with whole seconds."""

    origin: str
    batch_hash: bytes
    count: int
    admitted_at: dt.datetime
    block_by: dt.datetime

    def text(self) -> bytes:
        """The note text, six lines."""
        check_name(self.origin, "the origin of a receipt")
        assert 1 <= self.count <= EVENTS_MAX, self.count
        assert self.admitted_at <= self.block_by, "a receipt promises a block after admission"
        lines = (
            RECEIPT_MAGIC,
            self.origin,
            format_hex32(self.batch_hash),
            str(self.count),
            format_instant(self.admitted_at),
            format_instant(self.block_by),
        )
        return "".join(line + "\n" for line in lines).encode()

    def sign(self, signer: Signer) -> bytes:
        """The receipt as a signed note."""
        return signer.sign(self.text())

    @classmethod
    def parse(cls, text: bytes) -> Receipt:
        """The receipt of a note's text; FormatError for any other spelling."""
        magic, origin, batch_hash, count, admitted_at, block_by = text_lines(text, 6, "a receipt")
        if magic != RECEIPT_MAGIC:
            raise FormatError(f"a receipt does not start with {RECEIPT_MAGIC}")
        receipt = cls(
            check_name(origin, "the origin of a receipt"),
            hex32(batch_hash),
            decimal(count, maximum=EVENTS_MAX),
            parse_instant(admitted_at),
            parse_instant(block_by),
        )
        if receipt.count == 0:
            raise FormatError("a receipt is for at least one event")
        if receipt.block_by < receipt.admitted_at:
            raise FormatError("a receipt promises a block before its admission")
        return receipt

    @classmethod
    def verify(cls, note: bytes, verifiers: Iterable[Verifier]) -> Receipt:
        """The receipt of a note signed by one of `verifiers`; SignatureError or FormatError otherwise."""
        return cls.parse(open_note(note, verifiers).text)
