"""`erasure`: the plaintext of these entries was announced as destroyed, in a notice of the ledger.

Source: docs/formats.md sections 5 and 15; rules R11, R40.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import parse_instant
from app.core.log import merkle, notices
from app.core.log.entries import notice_entry
from app.core.log.notices import Destroyed
from app.core.proving.claims import head as h
from app.core.proving.claims.words import Claimed, claimed, moment, say_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.proving.claims.head import Asked

KIND: Final = "erasure"


def build_erasure(
    notice: Destroyed, index: int, path: Sequence[bytes], *, block_json: bytes, tlog: bytes
) -> bytes:
    """The file."""
    return canon.encode(
        h.block_fields(block_json, tlog)
        | {
            "index": index,
            "kind": KIND,
            "notice": msgspec.json.decode(notices.encode(notice)),
            "path": h.format_hashes(path),
            "v": 1,
        }
    )


def verify_erasure(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError."""
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, KIND, frozenset({"block", "index", "notice", "path", "tlog"}))
        part, index = h.block_part(claim), h.integer_of(claim["index"], "index")
        document = canon.encode(claim["notice"])
        notice = notices.decode(document)
        if not isinstance(notice, Destroyed):
            raise FormatError("The notice is not of kind destroyed.")
        path = h.hashes_of(claim["path"], "path")
    with h.step(2, "the ledger's signed head"):
        found = h.check_head(part, asked)
    with h.step(3, "the notice's place in the log"):
        leaf = merkle.leaf_hash(notice_entry(document))
        merkle.verify_inclusion(leaf, index, found.tree_size, path, found.root)
    said = claimed(
        KIND, found, {"entries": list(notice.entries), "reason": notice.reason, "time": notice.time}
    )
    when = moment(parse_instant(notice.time))
    said.proves(
        f"On {when} the bureau announced in its ledger, at log index {index:,}, that it destroys the plaintext of "
        f"{len(notice.entries):,} entries ({notice.reason}).",
        f"{when}，征信机构在账本第 {index:,} 号条目公告销毁 {len(notice.entries):,} 个条目的明文（{notice.reason}）。",
    )
    say_head(said, found, asked)
    said.proves_not(
        "Not proved: that nobody kept a copy. The furnisher may still hold its own, and the commitments stay in the ledger.",
        "未证明：无人保留副本。报送机构可能仍保存自己的数据，账本中的承诺值也继续存在。",
    )
    return said
