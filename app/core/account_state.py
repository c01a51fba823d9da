"""An account as it is written at a block: its five disclosures' values and the right edge of its citizen tree.

At rest it is one canonical JSON object, sealed under the citizen's data key:

    {"file":{...},"flags":{...},"frontier":"<hex of core.merkle.Frontier>","history":{...},"receipt":{...},"score":{...}}

The values are kept as the canonical bytes that go into the digests, so that reading an account never re-encodes it.
`advance` is the one function that makes the next state out of the last one and new events. The sequencer and the audit
both use it; it is pure, so that the same ledger gives the same leaves on any machine (R32).

Source: docs/formats.md, sections 7 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from app.core import account, canon, fold, folded, score
from app.core.errors import FormatError
from app.core.merkle import Frontier, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.event_base import Event
    from app.core.profiles import Profile
    from app.core.score import Scored
    from app.core.scorecard import Card

NOTHING_OPAQUE = sha256(canon.encode([])).hexdigest()


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """An event with its place: its log index and the leaf hash that stands there."""

    log_index: int
    leaf_hash: bytes
    event: Event


class AccountState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sealed state; every field but `frontier` is the canonical JSON of a disclosure's value."""

    file: msgspec.Raw
    flags: msgspec.Raw
    frontier: str
    history: msgspec.Raw
    receipt: msgspec.Raw
    score: msgspec.Raw

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
        return [
            account.disclosure_of_json(salt, name, value)
            for salt, name, value in zip(
                account.salts(salt_key, block), account.NAMES, self.values(), strict=True
            )
        ]

    def account_value(self, salt_key: bytes, block: int) -> bytes:
        """The account value, as salted at the block that wrote this state."""
        return account.account_value([account.digest(d) for d in self.disclosures(salt_key, block)])


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
    """What turns a file into a score at a block: the local day, the card, the profile's numbers."""

    day: str
    card: Card
    profile: Profile


@dataclass(frozen=True, slots=True)
class Written:
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
    file, frontier = (folded.File(), Frontier()) if previous is None else _opened(previous)
    frontier = frontier.append_many([_tree_leaf(salt_key, placed) for placed in new])
    if any(fold.touches_repair(placed.event) for placed in new):
        file = fold.fold_history(whole_history())
    elif new:
        file = fold.fold_owned(file, ((placed.log_index, placed.event) for placed in new))
    scored = score.score_file(file, rules.day, rules.card, rules.profile)
    return _write(file, frontier, scored, rules)


def _opened(previous: AccountState) -> tuple[folded.File, Frontier]:
    return folded.reopen_file(bytes(previous.file)), Frontier.decode(bytes.fromhex(previous.frontier))


def _tree_leaf(salt_key: bytes, placed: PlacedEvent) -> bytes:
    salt = account.salt(salt_key, account.EVENT_SALT_NAME, placed.log_index)
    return leaf_hash(account.citizen_entry(salt, placed.log_index, placed.leaf_hash))


def _write(file: folded.File, frontier: Frontier, scored: Scored, rules: Rules) -> Written:
    history = canon.encode({"opaque": NOTHING_OPAQUE, "root": frontier.root().hex(), "size": frontier.size})
    state = AccountState(
        file=msgspec.Raw(folded.encode_file(file)),
        flags=msgspec.Raw(score.flags_json(score.flags_of(file, rules.day))),
        frontier=frontier.encode().hex(),
        history=msgspec.Raw(history),
        receipt=msgspec.Raw(score.receipt_json(scored)),
        score=msgspec.Raw(score.score_json(scored, file, rules.day, rules.card)),
    )
    return Written(state, scored.until, scored)
