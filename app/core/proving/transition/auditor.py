"""What an auditor keeps from block to block: a few kilobytes, however large the ledger is.

    block      the last block, so its state root, its day and its card's hash
    frontier   the complete subtrees of the log: its size and root, and how to go on
    placed     the notices about keys and scorecards with their log indices; the key register is their fold
    card       the document of the card in force
    until      day -> how many accounts stand until that day

The last one is why no account can be left out of aging. Nobody who holds a root alone can see which of a million leaves
are due; but every leaf came and went before the auditor's eyes, each with its `until` opened, so these counts are those of
the whole trie. When a block's day has come and a count for it or an earlier day is not 0, somebody was left out. The same
holds under a new scorecard: as many accounts as there are have to be written.

At rest it is one canonical JSON object. Source: docs/formats.md, section 17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from app.core import canon
from app.core.errors import CredenceError, FormatError
from app.core.fields import parse_day
from app.core.log import notices
from app.core.log.block import Block
from app.core.log.checkpoint import Checkpoint
from app.core.log.merkle import Frontier
from app.core.log.note import Verifier
from app.core.log.notices import Genesis, KeyRegistered, KeyRevoked, KeyRotated, Notice, ScorecardPublished
from app.core.log.register import Register
from app.core.scoring.scorecard import parse_card

if TYPE_CHECKING:
    from app.core.scoring.scorecard import Card

STATE_BYTES_MAX: Final = 64 << 20
KEPT: Final = (Genesis, KeyRegistered, KeyRevoked, KeyRotated, ScorecardPublished)
_FIELDS: Final = frozenset({"block", "card", "frontier", "ledger", "notices", "until", "v"})


@dataclass(frozen=True, slots=True)
class AuditorState:
    """A ledger up to a block, as far as the next one needs it. `block`, `card` are None before the first."""

    ledger: Verifier
    frontier: Frontier
    placed: tuple[tuple[int, Notice], ...]
    register: Register
    until: dict[str, int]
    block: Block | None = None
    card: Card | None = None

    @classmethod
    def start(cls, ledger: Verifier) -> Self:
        """Before the first block of the ledger whose checkpoints this key signs."""
        return cls(ledger, Frontier(), (), Register.fold(()), {})

    @property
    def genesis(self) -> Genesis:
        """The ledger's first notice. FormatError before the first block."""
        if not self.placed or not isinstance(self.placed[0][1], Genesis):
            raise FormatError("the log does not begin with a genesis")
        return self.placed[0][1]

    @property
    def head(self) -> Checkpoint:
        """The tree that was checked."""
        return Checkpoint(self.ledger.name, self.frontier.size, self.frontier.root())

    @property
    def next_block(self) -> int:
        """The number of the block that follows."""
        return 0 if self.block is None else self.block.number + 1

    def encode(self) -> bytes:
        """The canonical JSON."""
        return canon.encode(
            {
                "block": "" if self.block is None else self.block.encode().decode(),
                "card": "" if self.card is None else self.card.document.decode(),
                "frontier": self.frontier.encode().hex(),
                "ledger": self.ledger.encode(),
                "notices": [[index, notices.encode(notice).decode()] for index, notice in self.placed],
                "until": self.until,
                "v": 1,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What `encode` wrote. FormatError for anything else."""
        value: dict[str, Any] = canon.decode_object(data, bytes_max=STATE_BYTES_MAX)
        if value.keys() != _FIELDS or value["v"] != 1:
            raise FormatError("this is not an auditor's state: it has other fields")
        block, card = value["block"], value["card"]
        try:
            placed = tuple((index, notices.decode(text.encode())) for index, text in value["notices"])
            return cls(
                Verifier.parse(value["ledger"]),
                Frontier.decode(bytes.fromhex(value["frontier"])),
                placed,
                Register.fold(placed),
                {_day(day): _count(count) for day, count in value["until"].items()},
                Block.parse(block.encode()) if block else None,
                parse_card(card.encode()) if card else None,
            )
        except (CredenceError, AttributeError, TypeError, ValueError) as error:
            raise FormatError(f"this is not an auditor's state: {error}") from None


def _day(text: str) -> str:
    parse_day(text)
    return text


def _count(value: object) -> int:
    if type(value) is not int or value <= 0:
        raise FormatError("a count of accounts is not positive")
    return value
