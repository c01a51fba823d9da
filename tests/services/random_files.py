"""Random folded files by the thousand, quicker than Hypothesis makes them: lives on credit with a seed.

Each is folded from events, so it is a file that the fold can have written. What is rare in life is common here: gaps in
reports, several currencies, closings, disputes, days at the ends of months, amounts near the limit of an integer. A file takes
half a millisecond; `combined` makes further ones out of the accounts, records and inquiries of several in a hundredth of that.
"""

from calendar import monthrange
from random import Random

from app.core.months import month_of
from app.core.reporting import event_types as et
from app.core.reporting.event_base import Event
from app.core.scoring.fold import fold_history, fold_owned
from app.core.scoring.folded import File
from tests.core.fold_samples import (
    CLASSES,
    STATUSES,
    closed,
    dispute,
    freeze,
    inquiry,
    opened,
    payment,
    placed,
    rent,
    settled,
    statement,
    status,
    thaw,
)

LAST = month_of("2026-11-22")
LAST_DAY = 22  # of the last month
MINOR = (0, 1, 99, 5_000, 10_000, 250_000, 10_000_000)
VAST = (10**14, 10**15, 2**53 - 1)
RECORDS = (
    (et.CourtDebt, et.CourtDebtSettled, {}),
    (et.Insolvency, et.InsolvencyDischarged, {}),
    (et.CollectionPlaced, et.CollectionSettled, {}),
    (et.Arrears, et.ArrearsPaid, {"kind": "tax"}),
)


def random_file(random: Random) -> File:
    """A file with no event after 2026-11-22; some have items in dispute."""
    events = list(enumerate(random_life(random)))
    disputed = (
        random.sample(events, random.randint(1, len(events))) if events and random.random() < 0.2 else []
    )
    if disputed:
        file = fold_history(
            [*events, *((len(events) + n, dispute(index)) for n, (index, _) in enumerate(disputed))]
        )
    else:
        file = fold_owned(File(), events)
    if random.random() < 0.2:
        file.reported = 12 * 2199 + 12  # so that no silence hides what is long ago
    return file


def random_life(random: Random) -> list[Event]:
    """Its events, in no order."""
    events = []
    span = random.choice((3, 8, 14, 30, 60, 130))
    for name in "abcde"[: random.choice((0, 1, 1, 1, 2, 2, 3, 5))]:
        events += account(random, name, span)
    if random.random() < 0.3:
        gaps = random.random()
        codes = random.choices(("on_time", "late", "settled"), (8, 1, 1), k=span)
        events += [
            rent(day_in(random, age), how) for age, how in enumerate(codes) if random.random() > gaps * 0.7
        ]
    if random.random() < 0.3:
        events += public_records(random)
    if random.random() < 0.4:
        recent = random.choice((1, 2, 14, 25))
        events += [
            inquiry(day_in(random, random.randrange(recent)), random.choice((None, "card", "mortgage")))
            for _ in range(random.choice((1, 2, 4, 9)))
        ]
    if random.random() < 0.1:
        events += freezes(random)
    random.shuffle(events)
    return events


def combined(random: Random, files: list[File]) -> File:
    """A file with what files of several lives have, as one citizen could have had it all."""
    one, two, rest, last = random.choices(files, k=4)
    accounts = {f"{name}-1": account for name, account in one.accounts.items()}
    accounts |= two.accounts if random.random() < 0.4 else {}
    reported = [file.reported for file in (one, two, rest) if file.reported is not None]
    return File(
        accounts=accounts,
        community=rest.community if random.random() < 0.7 else rest.community | last.community,
        disputed=random.choice((0, 0, 0, 2)),
        freezes=last.freezes,
        inquiries=two.inquiries,
        records=rest.records,
        repaired=random.random() < 0.1 or one.repaired or two.repaired,
        reported=max(reported, default=None),
    )


def day_in(random, age):
    """A day so many months before the last one; often the first or the last of its month."""
    month = LAST - age - 1
    year, month = month // 12, month % 12 + 1
    last = LAST_DAY if age == 0 else monthrange(year, month)[1]
    return f"{year:04d}-{month:02d}-{random.choice((1, last, random.randint(1, last))):02d}"


def account(random, name, span):
    """Openings, statements, payments and status month by month; some lists with gaps, some missing."""
    class_ = random.choice(("card", "card", "overdraft", *CLASSES))
    currency = random.choice(("CNY", "CNY", "CNY", "EUR", "USD"))
    amounts = MINOR if random.random() < 0.98 else MINOR + VAST
    limit = random.choice((None, *amounts))
    first = random.randrange(span)
    events = []
    if random.random() < 0.9:
        opening = random.choice((None, day_in(random, first), day_in(random, first + random.randrange(90))))
        day = day_in(random, first)
        events.append(opened(day, name, class_, currency, opened_on=opening, limit_minor=limit))
    until = random.choice((0, 0, 0, random.randrange(first + 1)))
    gaps = random.choice((0, 0, 0.3, 0.8))
    bad = random.choice((0, 0.05, 0.5))
    kept = [kind for kind in ("statement", "payment", "status") if random.random() < 0.85]
    with_minimum = random.random() < 0.4
    for age in range(until, first + 1):
        if random.random() < gaps:
            continue
        if "statement" in kept:
            minimum = random.choice((None, 0, 500, 5_000)) if with_minimum else None
            balance = random.choice(amounts) * random.choice((1, 1, 1, 1, -1))
            if limit and random.random() < 0.5:
                balance = min(limit * random.randrange(1_200) // 1_000, VAST[-1])
            events.append(
                statement(
                    day_in(random, age), balance, name, currency, limit_minor=None, minimum_minor=minimum
                )
            )
        if "payment" in kept and random.random() < 0.7:
            amount = random.choice(amounts) or 400
            events.append(payment(day_in(random, age), amount, name, currency))
        if "status" in kept:
            how = random.choice(STATUSES[1:]) if random.random() < bad else "on_time"
            events.append(status(day_in(random, age), how, name))
    if random.random() < 0.1:
        events.append(closed(day_in(random, until), name))
    return events


def public_records(random):
    events = []
    for case in ("c-1", "c-2")[: random.choice((1, 1, 2))]:
        begun, ended, fields = random.choice(RECORDS)
        if random.random() < 0.9:
            events.append(placed(begun, day_in(random, random.randrange(130)), case, **fields))
        if random.random() < 0.7:
            events.append(settled(ended, day_in(random, random.randrange(90)), case))
    return events


def freezes(random):
    events = []
    for _ in range(random.choice((1, 1, 2, 4))):
        events.append(freeze(day_in(random, random.randrange(4))))
        if random.random() < 0.8:
            until = random.choice((None, f"202{random.choice('67')}-12-{random.randint(1, 31):02d}"))
            events.append(
                thaw(day_in(random, random.randrange(4)), random.choice((None, "bank.example")), until)
            )
    return events
