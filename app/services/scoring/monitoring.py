"""How the card in force does, quarter by quarter (R42), from what a running bureau knows.

    distribution   citizens in bands of 50 points, and without a score
    stability      its population stability index against the quarter before, and against the card's first; alarm at 0.25
    outcome        scores of `horizon_months` ago against what the ledger says happened since: area under the ROC curve, and
                   band by band how many defaulted and how many the card expected
    fairness       who has at least the score that the best 80 % have, group by group: each group's share over the best one's

*Defaulted* is who was reported 90 days late or worse, or got a court debt, an insolvency or a collection, within the horizon
(the card's, else 12 months). Who was reported on neither way since is left out and counted, and so is whose account of then
was destroyed meanwhile.

**What it cannot say.** The ledger has no protected attributes (R2), and must not. In a `cn` ledger the resident number itself
tells sex and age; they are read off while counting, for this figure alone, and kept nowhere. For everything else,
and for other schemes, a table from outside is needed (`services.scoring.labels`, columns `group:`): `credence regulator
fairness`.

The report of a running quarter is made again every week, and the last of it stays. The public is not told of cells of fewer
than 10; groups of fewer than 200 are not judged.

Source: 29 CFR 1607.4 D (four fifths); docs/scorecard.md; rule R42.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.core.log.block import Block
from app.core.months import month_of
from app.core.reporting import events as event_formats
from app.core.scoring import folded
from app.core.scoring.fold import NOTHING
from app.core.scoring.scorecard import parse_card
from app.core.state import account_state, sealing
from app.db import monitoring as rows
from app.db import state
from app.services.ledger import cards
from app.services.one_by_one import OneByOne
from app.services.scoring import counted, kept
from app.services.scoring.counted import Seen
from app.services.scoring.statistics import STABILITY_ALARM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.core.scoring.folded import File
    from app.core.scoring.scorecard import Card
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.scoring.kept import Report

    Groups = Mapping[str, str]

KIND: Final = "monitoring"
FAIRNESS: Final = "fairness"
AGAIN: Final = dt.timedelta(days=7)
HORIZON_MONTHS: Final = 12
DEFAULT_FROM: Final = "4"  # status code: 90 days past due
_CITIZENS_AT_ONCE: Final = 1_000
_BAD_RECORDS: Final = frozenset({"collection", "court_debt", "insolvency"})


def make(bureau: Bureau) -> int:
    """The reports that are due; how many were made."""
    today = bureau.today()
    quarter = kept.quarter_of(today)
    with bureau.transaction() as connection:
        _, document = cards.card_in_force(
            connection, cards.published_cards(connection), dt.date.fromisoformat(today)
        )
    card = parse_card(document)
    before = [each for each in kept.reports(bureau, KIND) if each.scorecard == card.hash.hex()]
    running = next((each for each in before if each.period == quarter), None)
    if running is not None and bureau.now() - running.made_at < AGAIN:
        return 0
    many = OneByOne()
    body = report(bureau, card, [each for each in before if each.period < quarter], many)
    if body is None:
        return 0
    kept.put(bureau, KIND, quarter, body, card.hash.hex())
    many.raise_failed(1)
    return 1


def report(bureau: Bureau, card: Card, earlier: Sequence[Report], many: OneByOne) -> dict[str, Any] | None:
    """The figures as of the newest block; None before there is one. `earlier`: the card's reports, the newest first. Whose
    file cannot be opened is in none of them.
    """
    with bureau.transaction() as connection:
        blocks = [(number, Block.parse(entry)) for number, entry in rows.block_times(connection)]
    if not blocks:
        return None
    odds = card.contents.default_probability
    horizon = odds.horizon_months if odds else HORIZON_MONTHS
    newest, block = blocks[-1]
    then = _months_before(block.as_of, horizon)
    past = [number for number, each in blocks if each.as_of <= then]
    window = month_of(then.isoformat()), horizon
    seen = _look(bureau, past[-1] if past else -1, newest, window, many)
    scored = sum(seen.bands)
    return {
        "as_of": block.as_of.isoformat(),
        "block": newest,
        "citizens": scored + seen.unscored,
        "unscored": seen.unscored,
        "bands": seen.bands,
        "stability": {
            "before": counted.stability(earlier[:1], seen.bands),
            "first": counted.stability(earlier[-1:], seen.bands),
            "alarm_at": STABILITY_ALARM,
        },
        "outcome": counted.outcome(seen, card, horizon) if past else None,
        "horizon_months": horizon,
        "fairness": counted.fairness(seen.groups),
    }


def fairness_of(bureau: Bureau, groups_by_account: Mapping[str, Groups]) -> dict[str, Any]:
    """The same of today's scores by a table from outside, account -> groups; kept for this quarter and given back.
    PartlyDoneError when somebody's file could not be opened, who is in none of it.
    """
    seen: Counter[tuple[str, str, int]] = Counter()
    many = OneByOne()
    for file, score in _scored(bureau, many):
        found = next((groups_by_account[each] for each in file.accounts if each in groups_by_account), {})
        seen.update((attribute, group, score) for attribute, group in found.items())
    body = {"as_of": bureau.today(), "attributes": counted.fairness(seen)}
    kept.put(bureau, FAIRNESS, kept.quarter_of(bureau.today()), body)
    many.raise_failed(1)
    return body


def groups_of(identifier: str, day: str) -> dict[str, str]:
    """What a resident number tells of protected attributes: sex (the 17th digit, odd: male) and age in bands."""
    if not identifier.startswith("cn:"):
        return {}
    number = identifier.removeprefix("cn:")
    years = int(day[:4]) - int(number[6:10]) - (day[5:] < f"{number[10:12]}-{number[12:14]}")
    low = 18 if years < 25 else 25 if years < 35 else 35 if years < 45 else 45 if years < 60 else 60
    high = {18: "-24", 25: "-34", 35: "-44", 45: "-59", 60: "+"}[low]
    return {"sex": "male" if int(number[16]) % 2 else "female", "age": f"{low}{high}"}


# ---- counting
# --------------------------------------------------------------------------------------------------


def _look(bureau: Bureau, block: int, newest: int, window: tuple[int, int], many: OneByOne) -> Seen:
    seen, by_number = Seen(), bureau.scheme == "cn"
    day = bureau.today()
    for connection, pairs in _pages(bureau, block, newest):
        keys: dict[int, bytes | None] = {}
        for pair in pairs:
            with many.one():
                keys[pair.citizen] = _key(bureau, pair)
        who = _identifiers(connection, keys, many) if by_number else {}
        for pair in pairs:
            with many.one():
                key = keys.get(pair.citizen)
                now, then = _open(pair.now, key), _open(pair.then, key)
                if now is None:
                    continue
                file = folded.reopen_file(bytes(now.file))
                _count(seen, _score(now), groups_of(who.get(pair.citizen, ""), day))
                if block >= 0:
                    _compare(seen, then, file, window)
    return seen


def _count(seen: Seen, score: int | None, groups: Groups) -> None:
    """A citizen's score of today."""
    if score is None:
        seen.unscored += 1
        return
    seen.bands[counted.band_of(score)] += 1
    for attribute, group in groups.items():
        seen.groups[attribute, group, score] += 1


def _compare(
    seen: Seen, then: account_state.AccountState | None, file: File, window: tuple[int, int]
) -> None:
    """What became of who had a score at the beginning of the window."""
    if then is None:
        seen.destroyed += 1
        return
    score = _score(then)
    bad = defaulted(file, *window)
    if score is not None:
        if bad is None:
            seen.unknown += 1
        else:
            seen.outcomes[score, bad] += 1


def defaulted(file: File, month: int, horizon: int) -> bool | None:
    """Within the months behind `month`; None when nothing was reported in them."""
    last = month + horizon
    known = False
    for account in file.accounts.values():
        if account.status is not None:
            first, codes = account.status
            within = codes[max(0, month + 1 - first) : max(0, last + 1 - first)]
            if any(code >= DEFAULT_FROM for code in within):
                return True
            known |= bool(within.strip(NOTHING + folded.IN_DOUBT))
    for record in file.records.values():
        if (
            record.kind in _BAD_RECORDS
            and record.placed is not None
            and month < month_of(record.placed) <= last
        ):
            return True
    return False if known else None


def _pages(bureau: Bureau, block: int, newest: int) -> Iterator[tuple[Connection, list[rows.AccountPair]]]:
    after = 0
    while True:
        with bureau.moment() as connection:
            pairs = rows.account_pairs(connection, after, block, newest, _CITIZENS_AT_ONCE)
            if not pairs:
                return
            yield connection, pairs
        after = pairs[-1].citizen


def _scored(bureau: Bureau, many: OneByOne) -> Iterator[tuple[File, int]]:
    with bureau.transaction() as connection:
        blocks = rows.block_times(connection)
    for _, pairs in _pages(bureau, -1, blocks[-1][0]) if blocks else ():
        for pair in pairs:
            found = None
            with many.one():
                now = _open(pair.now, _key(bureau, pair))
                score = None if now is None else _score(now)
                if now is not None and score is not None:
                    found = folded.reopen_file(bytes(now.file)), score
            if found is not None:
                yield found


def _key(bureau: Bureau, pair: rows.AccountPair) -> bytes | None:
    if pair.wrapped is None:
        return None
    return sealing.unwrap(bureau.people.wrap_key, pair.citizen, pair.key, pair.wrapped).data_key


def _open(sealed: bytes | None, key: bytes | None) -> account_state.AccountState | None:
    if sealed is None or key is None:
        return None
    return sealing.read(key, sealed, account_state.decode)


def _identifiers(connection: Connection, keys: Mapping[int, bytes | None], many: OneByOne) -> dict[int, str]:
    """Who these citizens are, from the first event of each that can be read."""
    found: dict[int, str] = {}
    for row, _, _ in state.events_of_citizens(connection, list(keys)):
        key = keys[row.citizen]
        if row.citizen not in found and row.sealed is not None and key is not None:
            with many.one():
                found[row.citizen] = sealing.read(key, row.sealed, event_formats.decode_stored).citizen
    return found


def _score(opened: account_state.AccountState) -> int | None:
    score: int | None = orjson.loads(bytes(opened.score)).get("score")
    return score


def _months_before(day: dt.date, months: int) -> dt.date:
    month = day.year * 12 + day.month - 1 - months
    return dt.date(month // 12, month % 12 + 1, min(day.day, 28))
