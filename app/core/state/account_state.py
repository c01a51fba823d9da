"""An account as it is written at a block: its five disclosures' values and the right edge of its citizen tree.

At rest it is one canonical JSON object, sealed under the citizen's data key:

    {"file":{...},"flags":{...},"frontier":"<hex of core.log.merkle.Frontier>","history":{...},"receipt":{...},"score":{...}}

and, once plaintext of this citizen was destroyed, `"opaque":[[position in the citizen tree,reason,day], ...]`, ascending;
the version that a destruction writes has `replaced` too, so that it can be shown to follow from the one that went. Once
the citizen was erased there is `salts`: those of the citizen tree's first entries, joined, whose salt key was destroyed.
The values are kept as the canonical bytes that go into the digests, so that reading an account never re-encodes it.
`advance` makes the next state out of the last one and new events, `rescore` when there are none; `rebuild` makes it out of
what is left when a block destroys some. The sequencer and the audit both use them; they are pure, so that the same ledger
gives the same leaves on any machine (R32).

Source: docs/formats.md, sections 7 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.core import canon
from app.core.errors import FormatError
from app.core.log.merkle import Frontier, leaf_hash
from app.core.scoring import fold, folded, repairs, score
from app.core.scoring.profiles import FOLD_VERSION
from app.core.state import account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.core.reporting.event_base import Event
    from app.core.scoring.profiles import Profile
    from app.core.scoring.score import Scored
    from app.core.scoring.scorecard import Card


class Opaque(NamedTuple):
    """A part of a citizen's history whose plaintext was destroyed: where in the citizen tree, why, and on which day."""

    position: int
    reason: str
    day: str


class PlacedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event with its place: its log index and the leaf hash that stands there."""

    log_index: int
    leaf_hash: bytes
    event: Event


class Replaced(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the version before a destruction was, as far as its successor has to show: digests in hex, and the value `score`.

    Its `history` can be worked out again; the rest of it was destroyed. `salts`, in hex: those of its disclosures `history`
    and `score`, joined, when the salt key was destroyed with it.
    """

    file: str
    flags: str
    receipt: str
    score: msgspec.Raw
    salts: str = ""


class AccountState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The sealed state; every field but `frontier`, `opaque`, `replaced` and `salts` is the canonical JSON of a disclosure's
    value.
    """

    file: msgspec.Raw
    flags: msgspec.Raw
    frontier: str
    history: msgspec.Raw
    receipt: msgspec.Raw
    score: msgspec.Raw
    opaque: list[Opaque] = []
    replaced: Replaced | None = None
    salts: str = ""

    def event_salt(self, salt_key: bytes, position: int, log_index: int) -> bytes:
        """The salt of the citizen's event at this position of the citizen tree."""
        return event_salt(salt_key, bytes.fromhex(self.salts), position, log_index)

    def values(self) -> tuple[bytes, ...]:
        """Canonical JSON of the five values, in the order of `account.NAMES`."""
        return (
            bytes(self.history),
            bytes(self.score),
            bytes(self.receipt),
            bytes(self.file),
            bytes(self.flags),
        )

    def disclosures(self, salt_key: bytes, block: int) -> list[bytes]:
        """The five disclosures as salted at the block that wrote this state."""
        return account.disclosures_of_json(account.salts(salt_key, block), self.values())

    def account_value(self, salt_key: bytes, block: int) -> bytes:
        """The account value, as salted at the block that wrote this state."""
        return account.value_of_disclosures(self.disclosures(salt_key, block))


_decoder = msgspec.json.Decoder(AccountState)
_encoder = msgspec.json.Encoder(order="sorted")


def decode(data: bytes) -> AccountState:
    """The state from its plaintext. Raises FormatError."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"an account's state is damaged: {error}") from error


def encode(state: AccountState) -> bytes:
    """The plaintext of the state."""
    return _encoder.encode(state)


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a file and its score at a block: the local day, the card, the profile's numbers, the version of the fold."""

    day: str
    card: Card
    profile: Profile
    fold: int = FOLD_VERSION


class Written(msgspec.Struct, frozen=True, gc=False):
    """A new state, the days for which it stands, and whether it is a score."""

    state: AccountState
    until: str
    scored: Scored


def advance(
    previous: AccountState | None,
    new: Sequence[PlacedEvent],
    rules: Rules,
    salt_key: bytes,
    whole_history: Callable[[], list[tuple[int, Event]]],
) -> Written:
    """Fold `new` events (ascending log index; none when the account only ages) into an account and score it.

    `whole_history` gives all events of the citizen including the new ones; it is called only when a correction,
    retraction or dispute makes it necessary to fold from the start.
    """
    salts = account.event_salts(salt_key, [placed.log_index for placed in new])
    leaves = [
        tree_leaf(salt, placed.log_index, placed.leaf_hash) for salt, placed in zip(salts, new, strict=True)
    ]
    return grow(previous, new, leaves, rules, whole_history)


def grow(
    previous: AccountState | None,
    new: Sequence[PlacedEvent],
    tree_leaves: Sequence[bytes],
    rules: Rules,
    whole_history: Callable[[], list[tuple[int, Event]]],
) -> Written:
    """`advance` for who has the new events' leaves in the citizen tree and not the key of its salts."""
    file, frontier, opaque = (folded.File(), Frontier(), []) if previous is None else _opened(previous)
    frontier = frontier.append_many(tree_leaves)
    if any([repairs.touches_repair(placed.event) for placed in new]):  # noqa: C419 - lists are quicker here
        file = fold.fold_history(whole_history(), rules.fold)
    elif new:
        file = fold.fold_owned(file, [(placed.log_index, placed.event) for placed in new])
    return _write(file, frontier, opaque, rules, "" if previous is None else previous.salts)


def rescore(previous: AccountState, scored: Scored, flags: score.Flags, rules: Rules) -> Written:
    """`advance` without new events, for whoever has scored the file already: what is not a score stays, to the byte."""
    state = msgspec.structs.replace(
        previous,
        flags=msgspec.Raw(score.flags_json(flags)),
        receipt=msgspec.Raw(score.receipt_json(scored)),
        replaced=None,
        score=msgspec.Raw(score.score_json(scored, flags, rules.day, rules.card)),
    )
    return Written(state, scored.until, scored)


def rebuild(  # noqa: PLR0917 - what is left of an account
    leaves: Iterable[tuple[int, bytes]],
    surviving: Iterable[tuple[int, Event]],
    opaque: Sequence[Opaque],
    rules: Rules,
    salt_key: bytes,
    salts: bytes = b"",
) -> Written:
    """The account of what is left of a citizen's history when a block destroys parts of it.

    `leaves`: (log index, leaf hash) of all of the citizen's events, ascending; nothing ever leaves the tree. `surviving`:
    the events that can still be read. `opaque`: all parts that were ever destroyed, ascending by position. `salts`: those of
    the first leaves, joined, where `salt_key` does not make them.
    """
    tree_leaves = [
        tree_leaf(event_salt(salt_key, salts, position, index), index, leaf)
        for position, (index, leaf) in enumerate(leaves)
    ]
    return refold(tree_leaves, surviving, opaque, rules, salts.hex())


def refold(
    tree_leaves: Sequence[bytes],
    surviving: Iterable[tuple[int, Event]],
    opaque: Sequence[Opaque],
    rules: Rules,
    salts: str = "",
) -> Written:
    """`rebuild` for who has all leaves of the citizen tree and not the key of its salts."""
    frontier = Frontier().append_many(tree_leaves)
    return _write(fold.fold_history(surviving, rules.fold), frontier, list(opaque), rules, salts)


def _opened(previous: AccountState) -> tuple[folded.File, Frontier, list[Opaque]]:
    file = folded.reopen_file(bytes(previous.file))
    return file, Frontier.decode(bytes.fromhex(previous.frontier)), previous.opaque


def event_salt(salt_key: bytes, kept: bytes, position: int, log_index: int) -> bytes:
    """The salt of an entry of the citizen tree: one that was kept, or what the salt key makes."""
    own = kept[32 * position : 32 * position + 32]
    return own or account.salt(salt_key, account.EVENT_SALT_NAME, log_index)


def tree_leaf(salt32: bytes, log_index: int, event_leaf_hash: bytes) -> bytes:
    """The leaf of an event in its citizen's tree."""
    return leaf_hash(account.citizen_entry(salt32, log_index, event_leaf_hash))


def opaque_hash(opaque: Sequence[Opaque]) -> str:
    """What the disclosure `history` says of the parts that were destroyed: 64 hex digits."""
    return sha256(canon.encode([list(part) for part in opaque])).hexdigest()


def history_json(frontier: Frontier, opaque: Sequence[Opaque]) -> bytes:
    """The canonical value of the disclosure `history`."""
    parts = opaque_hash(opaque) if opaque else _NOTHING_OPAQUE
    return f'{{"opaque":"{parts}","root":"{frontier.root().hex()}","size":{frontier.size}}}'.encode()


def _write(
    file: folded.File, frontier: Frontier, opaque: list[Opaque], rules: Rules, salts: str = ""
) -> Written:
    scored = score.score_file(file, rules.day, rules.card, rules.profile)
    state = AccountState(
        file=msgspec.Raw(folded.encode_file(file)),
        flags=msgspec.Raw(score.flags_json(score.flags_of(file, rules.day))),
        frontier=frontier.encode().hex(),
        history=msgspec.Raw(history_json(frontier, opaque)),
        opaque=opaque,
        receipt=msgspec.Raw(score.receipt_json(scored)),
        salts=salts,
        score=msgspec.Raw(score.score_json(scored, file, rules.day, rules.card)),
    )
    return Written(state, scored.until, scored)


_NOTHING_OPAQUE = opaque_hash([])
