"""`overdue`: the bureau has promised a batch in a block by a time, and at this block that time is over.

The receipt is signed by a service key of the register, and the block is of a later time than it names. That the batch is not
among the entries of the head cannot be put into a file, but everybody can read them: they are public, and lead to the root.
A bureau that has kept its word refutes the claim with one path of inclusion.

Source: docs/formats.md sections 3 and 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError, ProofError
from app.core.fields import format_instant
from app.core.log.note import open_single
from app.core.proving.claims import head as h
from app.core.proving.claims.signer import SIGNER_FIELDS, SignerPlace
from app.core.proving.claims.words import Claimed, claimed, moment, say_head
from app.core.reporting.receipt import Receipt

if TYPE_CHECKING:
    from app.core.proving.claims.head import Asked, Head

KIND: Final = "overdue"
ROLE: Final = "service"
RECEIPT_BYTES_MAX: Final = 4_096
_FIELDS: Final = frozenset({"block", "receipt", "tlog", *SIGNER_FIELDS})


def build_overdue(receipt: bytes, signer: SignerPlace, *, block_json: bytes, tlog: bytes) -> bytes:
    """The file; `receipt` as it was given."""
    fields = {"kind": KIND, "receipt": receipt.decode(), "v": 1}
    return canon.encode(h.block_fields(block_json, tlog) | fields | signer.fields())


def verify_overdue(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, KIND, _FIELDS)
        part, signer = h.block_part(claim), SignerPlace.read(claim)
        note = h.text_of(claim["receipt"], "receipt").encode()
        if len(note) > RECEIPT_BYTES_MAX:
            raise FormatError(f"A receipt has at most {RECEIPT_BYTES_MAX} bytes.")
    with h.step(2, "the ledger's signed head"):
        found = h.check_head(part, asked)
    with h.step(3, "the bureau's key"):
        if signer.record.role != ROLE:
            raise ProofError(f"the key is of the role {signer.record.role}, not of the bureau's service")
        signer.check_member(part.block)
    with h.step(4, "the receipt"):
        receipt = Receipt.parse(open_single(note, signer.record.verifier).text)
        if receipt.origin != found.origin:
            raise ProofError("the receipt is of another ledger")
        if part.block.time <= receipt.block_by:
            raise ProofError("the time that the receipt names is not over at this block")
    return _said(receipt, signer, found, asked)


def _said(receipt: Receipt, signer: SignerPlace, found: Head, asked: Asked) -> Claimed:
    batch = receipt.batch_hash.hex()
    facts: dict[str, canon.JSON] = {
        "batch": batch,
        "count": receipt.count,
        "admitted": format_instant(receipt.admitted_at),
        "block_by": format_instant(receipt.block_by),
        "service": signer.record.name,
    }
    said = claimed(KIND, found, facts)
    given, end = moment(receipt.admitted_at), moment(receipt.block_by)
    said.proves(
        f"{signer.record.name} has signed that a batch of {receipt.count:,} events was admitted on {given}, and will be in a "
        f"block by {end}. The batch is {batch}.",
        f"{signer.record.name} 签署确认：一个含 {receipt.count:,} 个事件的批次于 {given} 受理，并将在 {end} 之前进入区块。"
        f"该批次为 {batch}。",
    )
    said.proves(
        f"At this block that time is over: unless the batch is among the {found.tree_size:,} entries, the bureau has broken "
        "its word.",
        f"到此区块时该期限已过：除非该批次在这 {found.tree_size:,} 个条目之中，否则征信机构违背了承诺。",
    )
    say_head(said, found, asked)
    said.proves_not(
        f"Not proved: that the batch is missing. The entries are public: whoever reads them sees whether one is 02{batch}.",
        f"未证明：该批次确实缺失。条目是公开的：任何人读取后都能看到其中是否有 02{batch}。",
    )
    return said
