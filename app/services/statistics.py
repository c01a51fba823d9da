"""How well the scores rank what happened later. The labels come from outside; they are never in the ledger."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import orjson

from app.core import account_state, sealing
from app.db import state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from app.services.bureau import Bureau

_CITIZENS_AT_ONCE = 2_000


def scores(bureau: Bureau, identifiers: Iterable[str]) -> Iterator[tuple[str, int | None]]:
    """(identifier, newest score or None) of those who have a file."""
    wanted = list(identifiers)
    for start in range(0, len(wanted), _CITIZENS_AT_ONCE):
        with bureau.transaction() as connection:
            persons = bureau.people.find(connection, wanted[start : start + _CITIZENS_AT_ONCE])
            sealed = {
                row.citizen: row.sealed
                for row in state.load_accounts(connection, [p.id for p in persons.values()])
            }
        for identifier, person in persons.items():
            body = sealed.get(person.id)
            if body is not None:
                opened = account_state.decode(sealing.unseal(person.data_key, body))
                yield identifier, orjson.loads(bytes(opened.score)).get("score")


def auc_of_scores(bureau: Bureau, defaulted: Mapping[str, bool]) -> float:
    """Area under the ROC curve: how likely a defaulter has the lower score; who has no number is left out."""
    return auc(
        [
            (score, defaulted[identifier])
            for identifier, score in scores(bureau, defaulted)
            if score is not None
        ]
    )


def auc(scored: Iterable[tuple[int, bool]]) -> float:
    """The Mann-Whitney statistic over (score, bad), ties counted half; 0.5 when one class is missing."""
    rank_sum, bad, seen = 0.0, 0, 0
    for _, group in groupby(sorted(scored), key=lambda pair: pair[0]):
        labels = [label for _, label in group]
        below = seen + (len(labels) + 1) / 2  # the mean rank of the tied
        rank_sum += below * sum(labels)
        bad += sum(labels)
        seen += len(labels)
    good = seen - bad
    if not bad or not good:
        return 0.5
    return 1 - (rank_sum - bad * (bad + 1) / 2) / (bad * good)
