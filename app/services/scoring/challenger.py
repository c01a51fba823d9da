"""A challenger: a published card by which everybody is scored beside the champion, without being shown anywhere (R37).

For each account the newest version's folded file is scored by the challenger's card for the day on which the champion
scored it, and what comes out is sealed under the citizen's data key:

    {"receipt":{...},"score":{...}}     the values of the two disclosures, as the champion's would be

The rows are no part of the ledger: no proof, page or disclosure reads them, only the comparison does, which gives sums.
Scoring is incremental: an account is scored when it has a newer version than the one that was scored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from app.core import fields
from app.core.errors import NotFoundError
from app.core.log.block import Block
from app.core.log.governance import challenger_in_force, in_force
from app.core.scoring import folded
from app.core.scoring.profiles import PROFILES
from app.core.state import account_state, sealing
from app.core.state.account_state import Rules
from app.db import challenging, ledger
from app.services.ledger import cards
from app.services.scoring.comparison import Frame, Subject, compare
from app.services.scoring.population import rescore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.core.scoring.profiles import Profile
    from app.core.scoring.scorecard import Card
    from app.core.state.account_state import AccountState
    from app.db.challenging import Version
    from app.services.bureau import Bureau

ACCOUNTS_AT_ONCE = 1_000


class _Score(msgspec.Struct, frozen=True):
    """What is read of a disclosure `score`."""

    as_of: str
    score: int | None = None


class _Receipt(msgspec.Struct, frozen=True):
    """What is read of a disclosure `receipt`: (criterion, bin, points, maximum)."""

    criteria: tuple[tuple[str, int, int, int], ...]


class _Sealed(msgspec.Struct, frozen=True):
    receipt: msgspec.Raw
    score: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Result:
    """A score, or None when there is none, and the points of each criterion."""

    score: int | None
    points: dict[str, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """One citizen under both cards, on one day; `accounts` as `<furnisher>:<account>`, for labels from outside."""

    champion: Result
    challenger: Result
    accounts: tuple[str, ...]


def cards_in_force(bureau: Bureau) -> tuple[Card | None, Card | None]:
    """Today's champion and challenger by the notices that are in blocks."""
    with bureau.transaction() as connection:
        placed = [each for each in cards.published_cards(connection) if each[0] < cards.UNPLACED]
        today = bureau.today()
        both = in_force(placed, today), challenger_in_force(placed, today)
        champion, challenger = (
            None if each is None else cards.card(connection, each.scorecard) for each in both
        )
    return champion, challenger


def forget_others(bureau: Bureau, card: Card | None) -> int:
    """Delete the scores by every other card, which are for nothing any more, and those of erased citizens."""
    with bureau.transaction() as connection:
        return challenging.delete_others(connection, None if card is None else card.hash)


def count_stale(bureau: Bureau, card: Card) -> int:
    """How many accounts the card has not scored as they are now."""
    with bureau.transaction() as connection:
        return challenging.count_stale(connection, card.hash)


def score_all(bureau: Bureau, card: Card, advance: Callable[[int], None]) -> int:
    """Score every account that is newer than its stored score; how many. `advance(n)` is told of each portion.

    A portion is a transaction, so whatever interrupts this, the next run goes on from there.
    """
    profile, after, scored = PROFILES[bureau.genesis.profile], 0, 0
    while True:
        with bureau.transaction() as connection:
            versions = challenging.stale(connection, card.hash, after, ACCOUNTS_AT_ONCE)
            rows = _score(bureau, versions, card, profile)
            challenging.store(connection, card.hash, rows)
        if not versions:
            return scored
        after, scored = versions[-1].citizen, scored + len(versions)
        advance(len(versions))


def _score(
    bureau: Bureau, versions: Sequence[Version], card: Card, profile: Profile
) -> list[tuple[int, int, bytes]]:
    """(citizen, block, sealed score) of versions; those that the champion scored on one day are scored together."""
    opened = [(version, *_open(bureau, version)) for version in versions]
    opened.sort(key=_day)
    rows = []
    for day, group in groupby(opened, key=_day):
        same_day = list(group)
        written = rescore([state for _, _, state in same_day], Rules(day, card, profile))
        for (version, data_key, _), new in zip(same_day, written, strict=True):
            plaintext = msgspec.json.encode(_Sealed(new.state.receipt, new.state.score))
            sealed = sealing.seal(data_key, os.urandom(sealing.NONCE_SIZE), plaintext)
            rows.append((version.citizen, version.block, sealed))
    return rows


def _day(opened: tuple[Version, bytes, AccountState]) -> str:
    """The day on which the champion scored the state."""
    return _scores.decode(opened[2].score).as_of


def _open(bureau: Bureau, version: Version) -> tuple[bytes, AccountState]:
    data_key = sealing.unwrap(bureau.people.wrap_key, version.citizen, version.key, version.wrapped).data_key
    return data_key, sealing.read(data_key, version.sealed, account_state.decode)


def pairs(bureau: Bureau, card: Card) -> Iterator[Pair | None]:
    """Every account under both cards; None for one that the challenger has not scored as it is now."""
    after = 0
    while True:
        with bureau.transaction() as connection:
            versions = challenging.both(connection, card.hash, after, ACCOUNTS_AT_ONCE)
        if not versions:
            return
        after = versions[-1].citizen
        for version in versions:
            if version.beside is None:
                yield None
                continue
            data_key, state = _open(bureau, version)
            beside = _sealed.decode(sealing.unseal(data_key, version.beside))
            accounts = tuple(folded.reopen_file(bytes(state.file)).accounts)
            yield Pair(_result(state.score, state.receipt), _result(beside.score, beside.receipt), accounts)


def comparison(bureau: Bureau, card: Card, labels: Mapping[str, bool] | None = None) -> dict[str, Any]:
    """The report of a challenger against today's champion. Raises NotFoundError before there is anything to compare."""
    champion, _ = cards_in_force(bureau)
    with bureau.transaction() as connection:
        newest = ledger.newest_block(connection)
    if champion is None or newest is None:
        raise NotFoundError("there is no block yet, so there are no scores", code="no-checkpoint")
    frame = Frame(bureau.origin, newest.number, fields.format_day(Block.parse(newest.entry).as_of))
    champion_is, challenger_is = (Subject(each.hash.hex(), each.name) for each in (champion, card))
    return compare(pairs(bureau, card), frame, champion_is, challenger_is, labels)


def _result(scored: msgspec.Raw, receipt: msgspec.Raw) -> Result:
    rows = _receipts.decode(receipt).criteria
    return Result(_scores.decode(scored).score, {criterion: points for criterion, _, points, _ in rows})


_scores = msgspec.json.Decoder(_Score)
_receipts = msgspec.json.Decoder(_Receipt)
_sealed = msgspec.json.Decoder(_Sealed)
