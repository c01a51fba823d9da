"""What a block's entry has to say, given the log before it: for whoever follows block by block, and for the replay of all.

    check_fields(block, 17, Expected(genesis, block 16, root of the register, cards published))    -> [] or sentences

The state root and the tree are not looked at here: those take the accounts and the entries.

Source: docs/formats.md section 6; rule R37.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from msgspec import Struct

from app.core import fields
from app.core.log.block import NO_PREVIOUS, Block
from app.core.log.governance import in_force
from app.core.scoring.profiles import PROFILES, fold_version, rules_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.notices import Genesis, ScorecardPublished
    from app.core.scoring.profiles import Profile


class Expected(Struct, frozen=True):
    """What the replay makes of the moment before a block."""

    genesis: Genesis
    before: Block | None
    keys: bytes
    cards: Sequence[tuple[int, ScorecardPublished]]


def check_fields(block: Block, number: int, expected: Expected) -> list[str]:
    """Sentences about every field that is not as it should be."""
    genesis, before = expected.genesis, expected.before
    problems = []
    if before is not None and (block.time < before.time or block.as_of < before.as_of):
        problems.append("time or as_of goes back")
    try:
        day = (block.time + dt.timedelta(minutes=genesis.utc_offset_minutes)).date()
    except OverflowError:
        day = block.as_of
        problems.append("time has no local day")
    for name, said, should in (
        ("number", block.number, number),
        ("previous", block.previous, before.leaf_hash() if before else NO_PREVIOUS),
        ("as_of", block.as_of, max(day, before.as_of) if before else day),
        ("keys", block.keys, expected.keys),
        ("rules", block.rules, _rules(block, before, PROFILES[genesis.profile])),
        ("vrf", block.vrf.hex(), genesis.vrf),
    ):
        if said != should:
            problems.append(f"{name} is {shown(said)}, and {shown(should)} by the replay")
    return problems + _check_card(block, expected.cards)


def _rules(block: Block, before: Block | None, profile: Profile) -> bytes:
    """The block's own rules if they are the profile's numbers and no older fold than the block's before, else the newest."""
    oldest = max(1, fold_version(before.rules, profile)) if before else 1
    return block.rules if fold_version(block.rules, profile) >= oldest else rules_hash(profile)


def _check_card(block: Block, cards: Sequence[tuple[int, ScorecardPublished]]) -> list[str]:
    """The block used the card that was in force (R37)."""
    day, used = fields.format_day(block.as_of), block.scorecard.hex()
    wanted = in_force(cards, day)
    if wanted is not None and wanted.scorecard == used:
        return []
    days = [card.from_ for _, card in cards if card.scorecard == used and card.role == "champion"]
    if not days:
        why = "no notice before the block publishes it as champion"
    elif min(days) > day:
        why = f"it is published from {min(days)} on, and the block is of {day}"
    else:
        why = "another one has taken its place"
    should = "none" if wanted is None else f"{wanted.scorecard}, from {wanted.from_} on"
    return [f"scorecard is {used}: {why}; in force is {should} (R37)"]


def shown(value: object) -> str:
    """A value in a sentence: bytes as hex."""
    return value.hex() if isinstance(value, bytes) else str(value)
