"""What a citizen tries out with their own file. It is read from the newest published block and nothing is written:
no event, no row, nothing that anybody could see or that would count (R22).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from app.core.fields import format_day
from app.core.log.block import Block
from app.core.scoring.folded import reopen_file
from app.core.scoring.profiles import PROFILES
from app.core.scoring.what_if import Standing
from app.services.citizens.links import person_by_id
from app.services.ledger import cards
from app.services.proving import proofs

if TYPE_CHECKING:
    from app.core.scoring.scorecard import Card
    from app.core.state.account_state import AccountState
    from app.services.bureau import Bureau
    from app.services.proving.proofs import Snapshot


def standing(bureau: Bureau, citizen_id: int) -> Standing:
    """A citizen's file as of the newest published block. Raises NotFoundError while the citizen is in no block."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        at = proofs.snapshot(bureau, connection)
        _, opened = proofs.account_at(connection, person, at)
        card = cards.card(connection, orjson.loads(bytes(opened.score))["scorecard"])
    return standing_at(bureau, at, opened, card)


def standing_at(bureau: Bureau, at: Snapshot, opened: AccountState, card: Card) -> Standing:
    """The same for an account that was opened already: on the block's day, on which its score stands too."""
    day = format_day(Block.parse(at.block.entry).as_of)
    return Standing(reopen_file(bytes(opened.file)), day, card, PROFILES[bureau.genesis.profile])
