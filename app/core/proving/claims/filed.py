"""What an `event` proof may show beside the event: its place in the file of the citizen whom it names.

    filed   {"digests","disclosures","key","path","position","salt","trie","vrf"}

The disclosed `history` has size and root of the citizen tree; the event's entry in it is made of `salt`, log index and leaf
hash, and `path` leads from it to that root. The account is in the block's state under `key`, which the VRF gives for the
citizen in the event's own line: so a furnisher sees that what it reported is where it belongs, and learns of the rest of
the file how many events there are.

Source: docs/formats.md sections 7 and 15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import b64url32, format_b64url32
from app.core.log import merkle
from app.core.proving.claims import head as h
from app.core.proving.proof_form import disclosed
from app.core.state import account, trie

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.block import Block
    from app.core.proving.proof_form import Disclosed

_FIELDS: Final = frozenset({"digests", "disclosures", "key", "path", "position", "salt", "trie", "vrf"})
_HISTORY: Final = {"opaque", "root", "size"}


@dataclass(frozen=True, slots=True)
class Filed:
    """An event's place in its citizen's file: `position` of `size` in the citizen tree with this root."""

    key: bytes
    vrf_proof: bytes
    shown: Disclosed
    siblings: Sequence[bytes]
    size: int
    root: bytes
    salt: bytes
    position: int
    path: Sequence[bytes]

    @classmethod
    def read(cls, value: canon.JSON) -> Filed:
        """The place in a claim's field. FormatError."""
        if not isinstance(value, dict) or value.keys() != _FIELDS:
            raise FormatError(f"The field filed has exactly {', '.join(sorted(_FIELDS))}.")
        shown = disclosed(value["disclosures"], value["digests"])
        history = shown.values.get("history")
        if len(shown.values) != 1 or not isinstance(history, dict) or history.keys() != _HISTORY:
            raise FormatError("The field filed shows the history, and nothing else of the account.")
        return cls(
            h.hash_of(value["key"], "key"),
            h.vrf_of(value["vrf"]),
            shown,
            h.hashes_of(value["trie"], "trie"),
            h.integer_of(history["size"], "size", 1),
            h.hash_of(history["root"], "root"),
            b64url32(value["salt"]),
            h.integer_of(value["position"], "position"),
            h.hashes_of(value["path"], "path"),
        )

    def check(self, block: Block, index: int, leaf: bytes) -> None:
        """The event at a log index, by its leaf hash there, is in the account, and that in the block's state. ProofError."""
        trie.verify_membership(block.state, self.key, self.shown.account_value(), self.siblings)
        entry = merkle.leaf_hash(account.citizen_entry(self.salt, index, leaf))
        merkle.verify_inclusion(entry, self.position, self.size, self.path, self.root)


def filed_fields(
    score_proof: bytes, salt: bytes, position: int, path: Sequence[bytes]
) -> dict[str, canon.JSON]:
    """The field's value, from a score proof that shows the history: all else of it is hidden here."""
    part = canon.decode_object(score_proof)
    disclosures = [
        [*item]
        for item in h.list_of(part["disclosures"], "disclosures", len(account.NAMES))
        if isinstance(item, list)
    ]
    hidden: dict[str, canon.JSON] = {
        str(item[1]): account.digest(canon.encode(item)).hex() for item in disclosures if item[1] != "history"
    }
    digests = part["digests"]
    assert isinstance(digests, dict), "a score proof has digests"
    return {
        **{name: part[name] for name in ("key", "trie", "vrf")},
        "digests": digests | hidden,
        "disclosures": [item for item in disclosures if item[1] == "history"],
        "path": h.format_hashes(path),
        "position": position,
        "salt": format_b64url32(salt),
    }
