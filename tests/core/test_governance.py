"""Which scorecard is in force: the rule of formats.md section 5, against its words and over all small logs."""

import datetime as dt
from itertools import product

from app.core.log import notices
from app.core.log.governance import challenger_in_force, in_force

TIME = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
DAYS = [dt.date(2026, 3, n) for n in (1, 2, 3)]


def published(card, role, day):
    return notices.scorecard_published(bytes([card]) * 32, role, day, TIME)


def number(notice):
    return None if notice is None else int(notice.scorecard[:2], 16)


def by_the_words(log, day, role):
    """Go through the days up to `day` and through the log on each: the last one seen stands."""
    standing = None
    for each in (d for d in DAYS if d <= day):
        for notice in log:
            if notice.role == role and notice.from_ == each.isoformat():
                standing = notice
    return standing


def test_every_log_of_up_to_three_publications():
    kinds = [published(c, r, d) for c in (1, 2) for r in ("champion", "challenger") for d in DAYS]
    for length in range(4):
        for log in product(kinds, repeat=length):
            placed = [(10 * n, notice) for n, notice in enumerate(log)]
            for day in DAYS:
                said = day.isoformat()
                assert in_force(placed, said) is by_the_words(log, day, "champion")
                challenger = by_the_words(log, day, "challenger")
                if challenger is None:
                    assert challenger_in_force(placed, said) is None
                elif challenger_in_force(placed, said) is None:
                    champions = [n for n in log if n.role == "champion" and n.from_ <= said]
                    assert challenger.scorecard in {n.scorecard for n in champions}, "it was promoted"
                else:
                    assert challenger_in_force(placed, said) is challenger


def test_other_notices_and_the_order_of_arrival_do_not_matter():
    log = [
        (3, published(1, "champion", DAYS[0])),
        (4, notices.witness_policy(bytes(32), TIME)),
        (9, published(2, "champion", DAYS[2])),
        (10, published(3, "champion", DAYS[1])),
    ]
    for order in (log, log[::-1]):
        assert [number(in_force(order, day.isoformat())) for day in DAYS] == [1, 3, 2]
        assert in_force(order, "2026-02-28") is None


def test_of_two_for_one_day_the_later_in_the_log_stands():
    log = [(n, published(n, "champion", DAYS[1])) for n in (1, 2, 3)]
    assert number(in_force(log, "2026-03-02")) == 3
    assert number(in_force(log[:2], "2026-03-02")) == 2


def test_a_challenger_ends_with_its_promotion_and_not_before():
    beside = (5, published(7, "challenger", DAYS[0]))
    promoted = (9, published(7, "champion", DAYS[2]))
    log = [(1, published(1, "champion", DAYS[0])), beside, promoted]
    assert [number(challenger_in_force(log, day.isoformat())) for day in DAYS] == [7, 7, None]
    assert [number(in_force(log, day.isoformat())) for day in DAYS] == [1, 1, 7]
    back = [*log, (12, published(1, "champion", dt.date(2026, 3, 4)))]
    assert challenger_in_force(back, "2026-03-04") is None, (
        "nor does it come back when the champion is replaced"
    )
    again = [*back, (13, published(7, "challenger", dt.date(2026, 3, 5)))]
    assert number(challenger_in_force(again, "2026-03-05")) == 7, "but it may be published again"
