"""How well the scores rank what happened later, and how far a distribution of scores has shifted.

The labels come from outside; they are never in the ledger. The population stability index is sum((b - a) * ln(b / a)) over
the shares of two distributions in bands of `BAND_POINTS` points, an empty band counted as half a row.
"""

from __future__ import annotations

from itertools import groupby
from math import log
from typing import TYPE_CHECKING

import orjson

from app.core.scoring import folded
from app.core.state import account_state, sealing
from app.db import people as rows
from app.db import state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.core.scoring.folded import File
    from app.core.state.account_state import AccountState
    from app.services.bureau import Bureau

BAND_POINTS = 50
STABILITY_ALARM = 0.25  # R42
_CITIZENS_AT_ONCE = 2_000


def accounts(bureau: Bureau) -> Iterator[AccountState]:
    """Every citizen's newest account."""
    after = 0
    while True:
        with bureau.moment() as connection:
            citizens = rows.citizens_after(connection, after, _CITIZENS_AT_ONCE)
            loaded = state.load_accounts(connection, [citizen.id for citizen in citizens])
        if not citizens:
            return
        after = citizens[-1].id
        data_keys = {citizen.id: bureau.people.unwrap(citizen).data_key for citizen in citizens}
        for account in loaded:
            if account.sealed is not None:
                yield sealing.read(data_keys[account.citizen], account.sealed, account_state.decode)


def files(bureau: Bureau) -> Iterator[File]:
    """Every citizen's folded file."""
    for account in accounts(bureau):
        yield folded.reopen_file(bytes(account.file))


def scores(bureau: Bureau) -> Iterator[tuple[list[str], int]]:
    """(accounts as `<furnisher>:<account>`, newest score) of every citizen who has a number."""
    for account in accounts(bureau):
        score = orjson.loads(bytes(account.score)).get("score")
        if score is not None:
            yield list(folded.reopen_file(bytes(account.file)).accounts), score


def auc_of_scores(bureau: Bureau, defaulted: Mapping[str, bool]) -> float:
    """Area under the ROC curve: how likely a defaulter has the lower score. Labels are by account; who has no number,
    or no labelled account, is left out.
    """
    return auc(
        (score, defaulted[accounts[0]])
        for accounts, score in scores(bureau)
        if accounts and accounts[0] in defaulted
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


def stability_index(before: Sequence[int], after: Sequence[int]) -> float:
    """The population stability index of two distributions: the rows in each band, some in both."""
    total = 0.0
    for pair in zip(before, after, strict=True):
        if any(pair):
            a, b = (max(count, 0.5) / sum(whole) for count, whole in zip(pair, (before, after), strict=True))
            total += (b - a) * log(b / a)
    return total
