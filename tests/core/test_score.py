"""Each criterion at each of its edges: just below, on it, just above; and what the research data brings along."""

import pytest

from app.core import canon
from app.core.months import add_months, first_day, month_of
from app.core.reporting import event_types as et
from app.core.scoring.profiles import PROFILES
from app.core.scoring.score import flags_json, flags_of, frozen_for, receipt_json, score_file, score_json
from app.core.state.account import disclosure_of_json, parse_disclosure
from tests.core.fold_samples import (
    CARD,
    NOW,
    STATUSES,
    TODAY,
    ago,
    bin_of,
    closed,
    file_of,
    freeze,
    inquiry,
    make,
    opened,
    payment,
    placed,
    rent,
    scored,
    settled,
    statement,
    status,
    thaw,
)

# ---- days


def test_months_and_days():
    assert month_of("2026-11-22") == 12 * 2026 + 11
    assert first_day(12 * 2026 + 12) == "2026-12-01"
    assert first_day(12 * 2026 + 13) == "2027-01-01"
    assert [add_months("2024-01-31", n) for n in (0, 1, 2, 3, 13)] == [
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
        "2025-02-28",
    ]
    assert [add_months("2024-02-29", 12 * n) for n in (1, 4, 5)] == ["2025-02-28", "2028-02-29", "2029-02-28"]
    assert add_months("2199-12-31", 120) == "2209-12-31"


# ---- 1 to 5: late marks and records


@pytest.mark.parametrize(("how", "place"), list(zip(STATUSES, (0, 1, 2, 3, 4, 4, 4), strict=True)))
def test_current_is_the_status_of_open_accounts(how, place):
    assert bin_of("current", [status(ago(0), how)]) == place
    assert bin_of("current", [status(ago(0), how), closed(TODAY)]) == 0


def test_current_is_the_worst_month_since_the_last_one_on_time():
    late = [status(ago(5), "late_90"), status(ago(3), "late_30"), status(ago(2), "late_1")]
    assert bin_of("current", late) == 4
    assert bin_of("current", [*late, status(ago(4))]) == 2  # on time in between
    assert bin_of("current", [*late, status(ago(6))]) == 4  # before
    assert bin_of("current", [*late, status(ago(1))]) == 0  # and behind
    assert bin_of("current", [*late, status(ago(5)), status(ago(3))]) == 4  # on time in a late month


def test_current_takes_the_worst_account():
    assert bin_of("current", [status(ago(0), "late_1"), status(ago(1), "late_60", account="b")]) == 3


@pytest.mark.parametrize(
    ("months", "place"),
    [(0, 6), (1, 5), (3, 5), (4, 4), (6, 4), (7, 3), (12, 3), (13, 2), (24, 2), (25, 1), (59, 1), (61, 0)],
)
def test_months_since_the_last_month_30_days_late(months, place):
    assert bin_of("since_late", [status(ago(months), "late_30")]) == place
    assert bin_of("since_late", [status(ago(months), "late_30"), status(ago(70), "late_120")]) == place
    assert bin_of("since_late", [status(ago(months), "late_1")]) == 0


@pytest.mark.parametrize(("how", "place"), list(zip(STATUSES, (0, 0, 1, 2, 3, 4, 4), strict=True)))
def test_the_worst_of_24_months(how, place):
    assert bin_of("worst_24", [status(ago(23), how)]) == place
    assert bin_of("worst_24", [status(ago(24), how)]) == 0
    assert bin_of("worst_24", [status(ago(23), how), status(ago(0), "late_1")]) == place


@pytest.mark.parametrize(("count", "place"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (12, 4)])
def test_late_months_of_12(count, place):
    recent = [status(ago(months), "late_1") for months in range(count)]
    oldest = [status(ago(11 - months), "late_60") for months in range(count)]
    assert bin_of("late_months", recent) == bin_of("late_months", oldest) == place
    other = [status(ago(months), "late_30", account="b") for months in range(count)]
    assert bin_of("late_months", recent + other) == place  # a month counts once
    assert bin_of("late_months", [*recent, status(ago(12), "late_30")]) == place


CASES = {
    et.CourtDebt: et.CourtDebtSettled,
    et.Insolvency: et.InsolvencyDischarged,
    et.Arrears: et.ArrearsPaid,
    et.CollectionPlaced: et.CollectionSettled,
}


@pytest.mark.parametrize("cls", CASES)
def test_records_by_the_months_since_they_were_settled(cls):
    kind = {"kind": "tax"} if cls is et.Arrears else {}
    begun = placed(cls, "2015-01-01", **kind)
    assert bin_of("records", [begun]) == 4
    assert bin_of("records", [settled(CASES[cls], TODAY)]) == 0  # nothing was ever placed
    for months, place in ((0, 3), (11, 3), (12, 2), (23, 2), (24, 1), (59, 1), (61, 0)):
        assert bin_of("records", [begun, settled(CASES[cls], ago(months))]) == place
    still_open = placed(cls, TODAY, case="c-2", **kind)
    assert bin_of("records", [begun, settled(CASES[cls], ago(30)), still_open]) == 4


def test_a_charge_off_is_open_until_an_on_time_month_follows():
    off = status(ago(14), "charged_off")
    assert bin_of("records", [off]) == 4
    assert bin_of("records", [off, closed(ago(13))]) == 4
    assert bin_of("records", [off, status(ago(2))]) == 2  # settled as of its episode's last month
    assert bin_of("records", [off, status(ago(3), "late_30"), status(ago(2))]) == 3
    assert bin_of("records", [status(ago(14), "late_120")]) == 0


# ---- 6 to 8: statements and payments


@pytest.mark.parametrize(
    ("balance", "place"),
    [
        (-500, 0),
        (0, 0),
        (99, 0),
        (100, 1),
        (299, 1),
        (300, 2),
        (499, 2),
        (500, 3),
        (749, 3),
        (750, 4),
        (899, 4),
        (900, 5),
        (5_000, 5),
    ],
)
def test_utilisation_in_permille(balance, place):
    card = opened(ago(3), limit_minor=1000)
    assert bin_of("utilisation", [card, statement(ago(1), balance)]) == place
    assert bin_of("utilisation", [card, statement(ago(1), balance), statement(ago(2), 700)]) == place


def test_permille_are_rounded_down():
    assert bin_of("utilisation", [opened(ago(1), limit_minor=10_000), statement(ago(0), 999)]) == 0


def test_utilisation_without_a_card_to_speak_of():
    bill = statement(ago(1), 500)
    for events in (
        [],
        [opened(ago(1), limit_minor=1000)],  # no statement
        [bill],  # no opening: no class
        [opened(ago(1)), bill],  # no limit
        [opened(ago(1), class_="instalment", limit_minor=1000), bill],
        [opened(ago(1), limit_minor=1000), bill, closed(TODAY)],
        [opened(ago(20), limit_minor=1000), statement(ago(12), 500)],  # stale
        [opened(ago(1), limit_minor=0), statement(ago(1), 0)],
        [opened(ago(1), limit_minor=0), statement(ago(1), -5)],
    ):
        assert bin_of("utilisation", events) == 6
    assert bin_of("utilisation", [opened(ago(20), limit_minor=1000), statement(ago(11), 500)]) == 3


def test_a_limit_of_nothing_with_a_debt_is_used_up():
    assert bin_of("utilisation", [opened(ago(1), limit_minor=0), statement(ago(1), 1)]) == 5


def test_utilisation_adds_up_within_a_currency_and_takes_the_worst_of_several():
    one = [opened(ago(9), limit_minor=1000), statement(ago(0), 900)]
    same = [opened(ago(9), "b", "overdraft", limit_minor=1000), statement(ago(0), 0, "b")]
    credit = [opened(ago(9), "b", limit_minor=1000), statement(ago(0), -900, "b")]
    foreign = [opened(ago(9), "b", currency="EUR", limit_minor=1000), statement(ago(0), 0, "b", "EUR")]
    unknown = [opened(ago(9), "b"), statement(ago(0), 10**15, "b")]
    assert bin_of("utilisation", one) == 5
    assert bin_of("utilisation", one + same) == bin_of("utilisation", one + credit) == 2
    assert bin_of("utilisation", one + foreign) == bin_of("utilisation", one + unknown) == 5


def test_the_newest_limit_counts():
    raised = [opened(ago(9), limit_minor=100), statement(ago(2), 90), statement(ago(1), 90, limit_minor=1000)]
    assert bin_of("utilisation", raised) == 0
    assert bin_of("utilisation", [*raised, statement(ago(0), 90)]) == 0


@pytest.mark.parametrize(
    ("paid", "place"),
    [(0, 4), (39, 4), (40, 3), (79, 3), (80, 2), (199, 2), (200, 1), (899, 1), (900, 0), (3_000, 0)],
)
def test_paid_of_billed_in_permille(paid, place):
    bills = [opened(ago(9)), *(statement(ago(months), 200) for months in range(1, 6))]
    pay = [payment(ago(0), paid)] if paid else []
    assert (
        bin_of("paid_share", [*bills, *pay])
        == bin_of("paid_share", [*bills, *pay, statement(ago(0), -9)])
        == place
    )


def test_paid_share_takes_six_statements_and_what_was_paid_since_the_first():
    bills = [opened(ago(9)), *(statement(ago(months), 1000) for months in range(7))]
    assert bin_of("paid_share", [*bills, payment(ago(6), 6000)]) == 4  # belongs to the seventh
    assert bin_of("paid_share", [*bills, payment(ago(5), 5399)]) == 1
    assert bin_of("paid_share", [*bills, payment(ago(5), 5400)]) == 0


def test_paid_share_when_nothing_was_billed_and_in_several_currencies():
    card = opened(ago(9))
    assert bin_of("paid_share", [card, statement(ago(0), -5), payment(ago(0), 9)]) == 5
    assert bin_of("paid_share", [card, statement(ago(12), 1000)]) == 5
    foreign = [
        opened(ago(9), "b", currency="EUR"),
        statement(ago(1), 1000, "b", "EUR"),
        payment(ago(0), 50, "b", "EUR"),
    ]
    assert bin_of("paid_share", [card, statement(ago(1), 10), payment(ago(0), 10), *foreign]) == 3


# ---- the highest credit in use, and months without a payment


def peak(events):
    return divmod(bin_of("current_by_utilisation_peak", events), 5)


@pytest.mark.parametrize(("balance", "place"), [(99, 0), (100, 1), (499, 1), (500, 2), (999, 2), (1000, 3)])
def test_the_highest_of_six_statements_over_the_limit(balance, place):
    card = opened(ago(9), limit_minor=1000)
    bills = [card, *(statement(ago(months), 7) for months in (0, 1, 2, 3, 4)), statement(ago(5), balance)]
    assert peak(bills) == (0, place)
    assert peak([*bills, status(ago(0), "late_30")]) == (2, place)
    assert peak([*bills, statement(ago(6), 5000)]) == (0, place)  # the seventh


def test_peaks_add_up_within_a_currency_and_nothing_is_the_last_bin():
    one = [opened(ago(9), limit_minor=1000), statement(ago(0), 900), statement(ago(1), 0)]
    other = [opened(ago(9), "b", limit_minor=1000), statement(ago(0), 0, "b"), statement(ago(1), 90, "b")]
    assert peak(one) == (0, 2)
    assert peak(one + other) == (0, 1)
    assert peak([]) == peak([opened(ago(9)), statement(ago(0), 900)]) == (0, 4)
    assert peak([*one, closed(TODAY)]) == (0, 4)


def test_months_in_which_something_was_owed_and_nothing_paid():
    card = opened(ago(9), limit_minor=1000)
    bills = [card, *(statement(ago(months), 900) for months in range(6))]
    assert bin_of("unpaid_months", bills) == 3
    paid = [payment(ago(months), 1) for months in (1, 2, 3)]
    assert bin_of("unpaid_months", bills + paid) == 2  # and this month is not over
    assert bin_of("unpaid_months", [*bills, *paid, payment(ago(4), 1)]) == 1
    assert bin_of("unpaid_months", [*bills, *paid, payment(ago(4), 1), payment(ago(5), 1)]) == 0
    assert bin_of("unpaid_months", [*bills, *paid], "2026-12-01") == 3
    assert bin_of("unpaid_months", [card, statement(ago(1), 0), statement(ago(2), -9)]) == 4
    assert bin_of("unpaid_months", []) == 4


def test_a_month_unpaid_on_two_cards_is_one():
    cards = [opened(ago(9), name, limit_minor=1000) for name in "ab"]
    bills = [statement(ago(months), 900, name) for months in (1, 2) for name in "ab"]
    assert bin_of("unpaid_months", cards + bills) == 2
    assert bin_of("unpaid_months", [*cards, *bills, payment(ago(1), 5, "a")]) == 2
    assert bin_of("unpaid_months", [*cards, *bills, payment(ago(1), 5, "a"), payment(ago(1), 5, "b")]) == 1


def bill(months, **fields):
    return statement(ago(months), 900, minimum_minor=100, **fields)


def test_a_statement_is_below_minimum_when_the_next_month_is_over():
    for months, place in ((0, 0), (1, 0), (2, 1), (13, 1), (14, 0)):
        assert bin_of("below_minimum", [bill(months)]) == place
    for count, place in ((1, 1), (2, 2), (9, 2)):
        assert bin_of("below_minimum", [bill(2 + months) for months in range(count)]) == place


def test_a_minimum_is_paid_in_its_month_or_the_next_or_by_an_on_time_status():
    assert bin_of("below_minimum", [bill(5), payment(ago(5), 50), payment(ago(4), 49)]) == 1
    assert bin_of("below_minimum", [bill(5), payment(ago(5), 50), payment(ago(4), 50)]) == 0
    assert bin_of("below_minimum", [bill(5), payment(ago(3), 900)]) == 1
    assert bin_of("below_minimum", [bill(5), status(ago(4))]) == 0
    assert bin_of("below_minimum", [bill(5), status(ago(5)), status(ago(3))]) == 1
    assert bin_of("below_minimum", [bill(5), status(ago(4), "late_1")]) == 1


def test_no_more_than_the_balance_is_due():
    low = statement(ago(5), 60, minimum_minor=100)
    assert bin_of("below_minimum", [low, payment(ago(4), 60)]) == 0
    assert bin_of("below_minimum", [low, payment(ago(4), 59)]) == 1
    assert bin_of("below_minimum", [statement(ago(5), -60, minimum_minor=100)]) == 0
    assert bin_of("below_minimum", [statement(ago(5), 60, minimum_minor=0), statement(ago(6), 60)]) == 0


# ---- 9 to 12


@pytest.mark.parametrize(
    ("months", "place"),
    [
        (0, 0),
        (5, 0),
        (6, 1),
        (11, 1),
        (12, 2),
        (23, 2),
        (24, 3),
        (59, 3),
        (60, 4),
        (119, 4),
        (120, 5),
        (400, 5),
    ],
)
def test_the_age_of_the_oldest_account(months, place):
    community = [rent(ago(month)) for month in range(6)]  # enough for a score
    age = lambda *events: scored([*community, *events]).criteria[8][1]  # noqa: E731
    oldest = opened(ago(0), opened_on=ago(months))
    assert age(oldest) == age(oldest, opened(ago(0), "b", opened_on=ago(0)), opened(ago(9), "c")) == place
    assert age(oldest, closed(TODAY)) == place
    assert age(opened(ago(9))) == age() == 6


@pytest.mark.parametrize(("count", "place"), [(5, 0), (6, 1), (11, 1), (12, 2), (17, 2), (18, 3), (24, 3)])
def test_months_on_time_of_24(count, place):
    """`bin_of` brings one month on time: today's."""
    cards = [status(ago(months)) for months in range(count)]
    mixed = [rent(ago(months)) if months % 2 else status(ago(months)) for months in range(count)]
    oldest = [rent(ago(23 - months)) for months in range(count - 1)]
    assert bin_of("on_time_months", cards) == bin_of("on_time_months", mixed) == place
    assert bin_of("on_time_months", oldest) == place
    assert bin_of("on_time_months", [*cards, *mixed, rent(ago(24))]) == place
    not_on_time = [rent(ago(months), how) for months in range(count) for how in ("late", "settled")]
    assert bin_of("on_time_months", not_on_time) == 0


@pytest.mark.parametrize(("count", "place"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (11, 4)])
def test_inquiries_of_12_months(count, place):
    apart = [inquiry(ago(months)) for months in range(count)]
    assert bin_of("inquiries", apart) == place
    assert bin_of("inquiries", [*apart, inquiry(TODAY, purpose="account_review")]) == place


def test_inquiries_for_one_class_within_28_days_are_one():
    assert bin_of("inquiries", [inquiry("2026-10-01"), inquiry("2026-10-28")]) == 1
    assert bin_of("inquiries", [inquiry("2026-10-01"), inquiry("2026-10-29")]) == 2
    assert bin_of("inquiries", [inquiry("2026-10-01"), inquiry("2026-10-01", "mortgage")]) == 2
    assert (
        bin_of("inquiries", [inquiry("2026-10-01"), inquiry("2026-10-20", "card"), inquiry("2026-11-10")])
        == 2
    )


@pytest.mark.parametrize(("count", "place"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (9, 3)])
def test_accounts_opened_in_12_months(count, place):
    new = [opened(ago(0), f"n{number}", opened_on=ago(11)) for number in range(count)]
    not_new = [opened(ago(0), "x", opened_on=ago(12)), opened(ago(0), "y")]
    assert bin_of("opened", [*new, *not_new]) == place


# ---- the whole


def test_a_spotless_file_reaches_the_top_and_the_worst_the_base():
    best = [
        opened(ago(200), opened_on=ago(200), limit_minor=1000),
        statement(ago(1), 50),
        payment(ago(0), 50),
    ]
    best += [status(ago(months)) for months in range(24)]
    assert (scored(best).score, scored(best).reasons) == (850, ())
    worst = [opened(ago(8), limit_minor=10)]
    worst += [statement(ago(months), 900, minimum_minor=100) for months in range(8)]
    worst += [status(ago(months), "charged_off") for months in range(8)]
    worst += [opened(ago(0), f"n{number}", opened_on=ago(number)) for number in range(7)]
    worst += [inquiry(ago(months)) for months in range(9)]
    assert scored(worst).score == 300 + 7  # an account that is six months old is needed for a score
    assert len(scored(worst).reasons) == 5


def test_the_quirks_of_the_research_data_give_scores():
    """Unknown opening days, negative bills, bills above the limit, months without payments, idle clients."""

    def client(balance, pay, how):
        events = [opened(ago(6), limit_minor=2_000_000)]
        for months in range(1, 7):
            events += [statement(ago(months), balance, limit_minor=2_000_000), status(ago(months), how)]
            events += [payment(ago(months), pay)] if pay else []
        return scored(events)

    assert (
        client(-30_000, 0, "on_time").score == 300 + 82 + 55 + 48 + 34 + 41 + 76 + 21 + 28 + 0 + 14 + 34 + 28
    )
    assert client(0, 0, "on_time").score == client(-30_000, 0, "on_time").score
    assert client(9_000_000, 0, "late_120").score == 300 + 0 + 10 + 0 + 0 + 41 + 0 + 0 + 28 + 0 + 0 + 34 + 28
    assert client(100, 10**15, "late_30").score is not None
    assert client(-30_000, 0, "on_time").reasons == ("oldest_age", "on_time_months", "paid_share")


def test_a_day_before_the_newest_event_gives_some_value():
    events = [
        opened("2026-01-01", opened_on="2026-01-01", limit_minor=9),
        statement("2026-10-01", 5),
        inquiry(TODAY),
    ]
    events += [status("2026-10-05", "late_60"), rent(TODAY), placed(et.CourtDebt, TODAY), freeze(TODAY)]
    for day in ("1900-01-01", "2015-06-30", "2026-09-30", "2199-12-31"):
        score_file(file_of(*events), day, CARD, PROFILES["us"])


# ---- flags


def test_freezes_and_thaws_r18():
    frozen = [freeze("2026-01-01")]
    for_bank = [*frozen, thaw("2026-02-01", "bank.example", "2026-03-01")]
    for events, day, everybody, bank in (
        ([], TODAY, False, False),
        (frozen, "2025-12-31", False, False),
        (frozen, "2026-01-01", True, True),
        ([*frozen, thaw("2026-01-01")], "2026-01-01", False, False),
        ([*frozen, thaw("2026-01-01"), freeze("2026-01-01")], "2026-01-01", True, True),
        (for_bank, "2026-01-31", True, True),
        (for_bank, "2026-02-01", True, False),
        (for_bank, "2026-02-28", True, False),
        (for_bank, "2026-03-01", True, True),
        ([*for_bank, freeze("2026-02-02")], "2026-02-03", True, True),
        ([*for_bank, thaw("2026-02-02", "other.example")], "2026-02-03", True, False),
        ([*frozen, thaw("2026-02-01", None, "2026-03-01")], "2026-02-28", False, False),
        ([*frozen, thaw("2026-02-01", None, "2026-03-01")], "2026-03-01", True, True),
        ([thaw("2026-02-01", None, "2026-03-01")], "2026-03-01", False, False),
    ):
        file = file_of(*events)
        assert flags_of(file, day).frozen is everybody
        assert frozen_for(file, day, "bank.example")[0] is bank


# ---- disclosures


def test_the_disclosures_are_canonical_and_what_proofs_expect():
    thin, thick = scored([]), scored([opened(ago(9), opened_on=ago(9)), rent(TODAY)])
    file = file_of(freeze("2026-01-01"))
    assert canon.decode(score_json(thin, file, TODAY, CARD)) == {
        "as_of": TODAY,
        "disputed": 0,
        "insufficient": ["too_young", "nothing_reported"],
        "scorecard": CARD.hash.hex(),
        "until": "2199-12-31",
    }
    value = canon.decode(score_json(thick, file, TODAY, CARD))
    assert (value["score"], "insufficient" in value) == (thick.score, False)
    assert canon.decode(receipt_json(thin)) == {"base": 300, "criteria": [], "reasons": []}
    receipt = canon.decode(receipt_json(thick))
    assert receipt["criteria"] == [list(row) for row in thick.criteria]
    assert canon.decode(flags_json(flags_of(file, TODAY))) == {
        "disputed": 0,
        "frozen": True,
        "repaired": False,
    }
    parse_disclosure(disclosure_of_json(bytes(32), "receipt", receipt_json(thick)))


def test_the_day_of_the_tests_is_in_the_month_they_count_from():
    assert month_of(TODAY) == NOW == month_of(ago(0))
    assert make(et.Freeze, TODAY, basis="paper", basis_ref="f").day == TODAY
