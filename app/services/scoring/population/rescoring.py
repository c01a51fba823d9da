"""Scoring accounts again that have no news: because of their age, or because another card is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.scoring.folded import reopen_file
from app.core.scoring.score import flags_of, score_file
from app.core.state import account_state
from app.services.scoring.population.columns import Columns
from app.services.scoring.population.points import score_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.scoring.score import Flags, Scored
    from app.core.state.account_state import AccountState, Rules, Written

COLUMNS_MIN: Final = 96  # for fewer files numpy's calls cost more than they save


def rescore(states: Sequence[AccountState], rules: Rules) -> list[Written]:
    """What `account_state.advance` gives without new events, for each of the states."""
    scored, flags = _scored([bytes(state.file) for state in states], rules)
    return [
        account_state.rescore(state, found, told, rules)
        for state, found, told in zip(states, scored, flags, strict=True)
    ]


def _scored(files: Sequence[bytes], rules: Rules) -> tuple[list[Scored], list[Flags]]:
    if len(files) < COLUMNS_MIN:
        opened = [reopen_file(file) for file in files]
        scored = [score_file(file, rules.day, rules.card, rules.profile) for file in opened]
        return scored, [flags_of(file, rules.day) for file in opened]
    found = score_columns(Columns.of_json(files), rules.day, rules.card, rules.profile)
    return found.scored(), found.flags()
