"""The fold: any order, any split, the same bytes; bounded; repaired as if it had been right from the start."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import canon
from app.core.months import month_of
from app.core.reporting import event_types as et
from app.core.scoring.fold import fold, fold_history, put_code, touches_repair
from app.core.scoring.folded import (
    NAMES_MAX,
    Account,
    File,
    InquiryEntry,
    Late,
    Paid,
    Record,
    Statement,
    decode_file,
    encode_file,
)
from tests.core.event_samples import COMMON, TYPES
from tests.core.fold_samples import (
    STATUSES,
    TODAY,
    ago,
    closed,
    correction,
    days,
    dispute,
    file_of,
    freeze,
    histories,
    inquiry,
    left_in_doubt,
    only_helps,
    opened,
    payment,
    placed,
    records,
    rent,
    retraction,
    scored,
    settled,
    statement,
    status,
    thaw,
    undisputed,
)


def account(*events):
    return file_of(*events).accounts["bank.example:a"]


# ---- order and increments


@given(histories(), st.randoms(use_true_random=False))
def test_every_order_of_arrival_gives_the_same_bytes(history, rng):
    shuffled = history[:]
    rng.shuffle(shuffled)
    assert encode_file(fold(File(), shuffled)) == encode_file(fold(File(), history))


@given(histories(), st.randoms(use_true_random=False), st.data())
def test_every_split_gives_the_same_bytes(history, rng, data):
    rng.shuffle(history)
    cut = data.draw(st.integers(0, len(history)))
    whole = fold(File(), history)
    assert fold(fold(File(), history[:cut]), history[cut:]) == whole
    one_by_one = File()
    for item in history:
        one_by_one = fold(one_by_one, [item])
    assert encode_file(one_by_one) == encode_file(whole)


@given(histories(max_size=12), histories(max_size=6))
def test_the_file_that_is_folded_into_stays_as_it_was(history, more):
    file = fold(File(), history)
    before = encode_file(file)
    fold(file, [(100 + index, event) for index, event in more])
    assert encode_file(file) == before


# ---- what each event does


def test_an_account_from_its_opening_to_its_closing():
    folded = account(
        opened("2026-08-03", class_="overdraft", opened_on="2026-08-01", limit_minor=500),
        statement("2026-08-31", 120, minimum_minor=12),
        payment("2026-09-10", 7),
        payment("2026-09-11", 5),
        status("2026-09-15"),
        statement("2026-09-30", -3, limit_minor=900),
        closed("2026-10-02"),
    )
    august, september = month_of("2026-08-31"), month_of("2026-09-30")
    assert (folded.class_, folded.currency, folded.opened_on, folded.closed_on) == (
        "overdraft",
        "CNY",
        "2026-08-01",
        "2026-10-02",
    )
    assert folded.first == august
    assert folded.opened_at == ("2026-08-03", 0)
    assert (folded.limit_minor, folded.limit_at) == (900, ("2026-09-30", 5))
    assert folded.paid == [Paid(september, 12)]
    assert folded.status == (september, "0")
    assert folded.statements == [
        Statement(august, "2026-08-31", 1, 120, -1, 12),
        Statement(september, "2026-09-30", 5, -3, 900, -1),
    ]


def test_the_latest_statement_of_a_month_stands_by_day_then_log_index():
    rows = [
        statement("2026-10-20", 1),
        statement("2026-10-31", 2),
        statement("2026-10-31", 3),
        statement("2026-10-01", 4),
    ]
    assert [row.balance_minor for row in account(*rows).statements] == [3]


def test_the_latest_opening_stands_whole():
    folded = account(
        opened("2026-02-01", class_="student"), opened("2026-01-01", class_="card", opened_on="2026-01-01")
    )
    assert (folded.class_, folded.opened_on) == ("student", None)


def test_the_earliest_closing_stands():
    assert account(closed("2026-05-02"), closed("2026-05-01"), closed("2026-05-03")).closed_on == "2026-05-01"


@pytest.mark.parametrize("first", STATUSES)
@pytest.mark.parametrize("second", STATUSES)
def test_in_one_month_the_worst_status_wins(first, second):
    codes = account(status("2026-10-10", first), status("2026-10-20", second)).status[1]
    assert codes == str(max(STATUSES.index(first), STATUSES.index(second)))


def test_a_late_month_keeps_its_earliest_first_delinquency_and_its_latest_day():
    folded = account(
        status("2026-10-20", "late_30", first="2026-09-05"),
        status("2026-10-10", "late_1", first="2026-09-03"),
        status("2026-10-05", "late_1", first="2026-09-07"),
    )
    assert folded.late == [Late(month_of("2026-10-01"), "2026-09-03", "2026-10-20")]


def test_of_two_currencies_the_first_of_the_alphabet():
    assert (
        account(payment("2026-10-01", 1, currency="EUR"), statement("2026-09-01", 1, currency="CNY")).currency
        == "CNY"
    )


def test_sums_stop_at_the_largest_integer_in_any_order():
    payments = list(enumerate([payment("2026-10-01", 10**15)] * 12))
    for cut in range(13):
        file = fold(fold(File(), payments[:cut]), payments[cut:])
        assert file.accounts["bank.example:a"].paid[0].sum_minor == canon.INTEGER_MAX
        canon.decode(encode_file(file))


def test_records_stand_by_furnisher_kind_and_case_and_a_settlement_may_come_first():
    file = file_of(
        settled(et.ArrearsPaid, "2026-05-01"),
        settled(et.CourtDebtSettled, "2026-06-01"),
        placed(et.CourtDebt, "2026-04-02"),
        placed(et.CourtDebt, "2026-04-01"),
        placed(et.Insolvency, "2026-03-01"),
    )
    assert canon.decode(encode_file(file))["records"] == {
        "bank.example:arrears:c-1": {"settled": "2026-05-01"},
        "bank.example:court_debt:c-1": {
            "kind": "court_debt",
            "placed": "2026-04-01",
            "settled": "2026-06-01",
        },
        "bank.example:insolvency:c-1": {"kind": "insolvency", "placed": "2026-03-01"},
    }
    with_kind = fold(file, [(9, placed(et.Arrears, "2026-01-01", kind="fee"))])
    assert with_kind.records["bank.example:arrears:c-1"].kind == "fee"


def test_community_months_and_when_anything_was_reported():
    file = file_of(
        rent("2026-08-10"), rent("2026-10-10", "late"), rent("2026-10-12"), rent("2026-09-01", "settled")
    )
    assert file.community == {"bank.example:rent:flat": (month_of("2026-08-01"), "021")}
    assert file.reported == month_of("2026-10-01")
    assert file_of(placed(et.CollectionPlaced, TODAY), inquiry(TODAY), freeze(TODAY)).reported is None


def test_only_credit_applications_are_kept_of_all_looks_r19():
    purposes = ("account_review", "collection", "credit_application", "regulator", "self")
    file = file_of(
        *(inquiry("2026-10-01", "mortgage", purpose) for purpose in purposes), inquiry("2026-09-01")
    )
    assert file.inquiries == [
        InquiryEntry("2026-09-01", "card", 5),
        InquiryEntry("2026-10-01", "mortgage", 2),
    ]


def test_freezes_and_thaws_in_their_order():
    file = file_of(thaw("2026-05-02", "b.example", "2026-06-01"), freeze("2026-05-02"), freeze("2026-05-01"))
    assert canon.decode(encode_file(file))["freezes"] == [
        ["2026-05-01", 2, 1, "", ""],
        ["2026-05-02", 0, 0, "b.example", "2026-06-01"],
        ["2026-05-02", 1, 1, "", ""],
    ]


def test_every_event_type_is_folded_or_known_to_leave_the_file_alone():
    """A new type must be thought of here."""
    leaves_alone = {"inquiry", "look", "refusal", "citizen_statement", "erasure"}
    seen = set()
    for name, (required, _) in TYPES.items():
        cls = next(
            cls
            for cls in vars(et).values()
            if getattr(getattr(cls, "__struct_config__", None), "tag", "") == name
        )
        fields = {("class_" if key == "class" else key): value for key, value in (COMMON | required).items()}
        if name == "answer":
            fields["purpose"] = "credit_application"
        event = cls(**fields)
        if touches_repair(event):
            with pytest.raises(AssertionError, match="whole history"):
                fold(File(), [(1, event)])
            seen.add(name)
        elif fold(File(), [(1, event)]) != File():
            seen.add(name)
    assert seen | leaves_alone == set(TYPES)
    assert not seen & leaves_alone


# ---- bounds


def test_windows_are_counted_back_from_the_newest_month_of_the_same_list():
    months = [ago(n) for n in range(150)]
    random.Random(1).shuffle(months)
    file = file_of(
        *(
            event
            for day in months
            for event in (statement(day, 1), payment(day, 1), status(day, "late_1"), rent(day), inquiry(day))
        )
    )
    folded = file.accounts["bank.example:a"]
    newest = month_of(TODAY)
    assert [row.month for row in folded.statements] == list(range(newest - 23, newest + 1))
    assert [row.month for row in folded.paid] == list(range(newest - 23, newest + 1))
    assert folded.status == (newest - 119, "1" * 120)
    assert [row.month for row in folded.late] == list(range(newest - 119, newest + 1))
    assert file.community["bank.example:rent:flat"] == (newest - 119, "0" * 120)
    assert len(file.inquiries) == 25
    assert folded.first == month_of(ago(149))


@given(
    st.lists(st.tuples(st.integers(24_000, 24_300), st.sampled_from(".0123456")), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_codes_are_the_worst_of_each_of_the_newest_120_months(items, rng):
    newest = max(month for month, _ in items)
    worst = {}
    for month, code in items:
        if month > newest - 120:
            worst[month] = max(code, worst.get(month, code))
    first = min(worst)
    expected = (first, "".join(worst.get(month, "-") for month in range(first, newest + 1)))
    rng.shuffle(items)
    codes = None
    for month, code in items:
        codes = put_code(codes, month, code)
    assert codes == expected


# ---- repairs


GOOD = [opened("2025-01-01", opened_on="2025-01-01"), statement("2026-10-31", 500), status("2026-10-31")]


def as_if(history):
    """What the file is when nothing marks it as repaired."""
    file = fold_history(history)
    file.repaired, file.disputed = False, 0
    return file


def test_a_correction_stands_where_its_target_stands():
    later = statement("2026-10-31", 700)
    history = list(enumerate([*GOOD, later, correction(1, GOOD[1], balance_minor=400, limit_minor=1000)]))
    right = [*GOOD, later]
    right[1] = statement("2026-10-31", 400, limit_minor=1000)
    assert as_if(history) == fold(File(), list(enumerate(right)))
    assert fold_history(history).accounts["bank.example:a"].statements[0].balance_minor == 700  # by log index


def test_of_several_corrections_the_last_in_the_log_and_a_retracted_one_gives_way():
    history = [*GOOD, correction(1, GOOD[1], balance_minor=1), correction(1, GOOD[1], balance_minor=2)]
    assert as_if(enumerate(history)).accounts["bank.example:a"].statements[0].balance_minor == 2
    assert (
        as_if(enumerate([*history, retraction(4)])).accounts["bank.example:a"].statements[0].balance_minor
        == 1
    )
    both = [*history, retraction(3), retraction(4)]
    assert as_if(enumerate(both)).accounts["bank.example:a"].statements[0].balance_minor == 500


def test_a_retracted_event_is_gone_and_stays_so_r28():
    late = status("2026-09-30", "late_90")
    history = [*GOOD, late, retraction(3)]
    assert as_if(enumerate(history)) == file_of(*GOOD)
    assert as_if(enumerate([*history, retraction(4), correction(3, late)])) == file_of(*GOOD)


def test_a_correction_that_makes_no_event_is_left_out():
    history = [*GOOD, correction(2, GOOD[2], status="late_30")]  # without notice and first delinquency
    assert as_if(enumerate(history)) == file_of(*GOOD)


@pytest.mark.parametrize(
    "event",
    [
        payment("2026-10-31", 900),
        status("2026-09-30"),
        rent("2026-09-30"),
        settled(et.CollectionSettled, "2026-09-30"),
        settled(et.CourtDebtSettled, "2026-09-30"),
        settled(et.ArrearsPaid, "2026-09-30"),
        settled(et.InsolvencyDischarged, "2026-09-30"),
    ],
)
def test_what_can_only_help_stays_while_it_is_disputed_r23(event):
    history = [*GOOD, event, dispute(3)]
    assert as_if(enumerate(history)) == file_of(*GOOD, event)
    assert fold_history(enumerate(history)).disputed == 1


def test_an_open_dispute_leaves_of_its_event_that_there_was_a_report_and_counts_it_r23():
    late = status("2026-09-30", "late_90")
    history = [*GOOD, late, dispute(3)]
    file = fold_history(enumerate(history))
    assert (file.disputed, file.repaired) == (1, True)
    account = file.accounts["bank.example:a"]
    assert (account.status, account.late) == ((month_of("2026-09-30"), ".0"), [])
    assert as_if(enumerate(history)) == left_in_doubt(file_of(*GOOD), [late])
    history += [undisputed(3)]
    assert fold_history(enumerate(history)).disputed == 0
    assert as_if(enumerate(history)) == file_of(*GOOD, late)
    history += [dispute(3), dispute(3)]  # opened again
    assert fold_history(enumerate(history)).disputed == 1
    assert as_if(enumerate(history)) == left_in_doubt(file_of(*GOOD), [late])


def test_what_is_left_of_each_report_in_doubt():
    reports = [
        opened("2026-10-02", account="b", opened_on="2019-04-01", limit_minor=500),
        opened("2026-10-03", account="b", opened_on="2019-05-01"),
        opened("2026-10-03", account="c"),
        statement("2026-09-30", 700, account="d", limit_minor=900),
        closed("2026-09-01", account="d"),
        rent("2026-11-01", "late"),
        rent("2026-10-01", "settled"),
        placed(et.CourtDebt, "2026-11-02"),
        inquiry("2026-11-03"),
    ]
    file = fold_history(enumerate([*reports, *map(dispute, range(len(reports)))]))
    october = month_of("2026-10-01")
    assert (file.disputed, file.reported) == (len(reports), october + 1)
    assert file.accounts == {
        "bank.example:b": Account(first=october, opened_in_doubt="2019-04-01"),
        "bank.example:c": Account(first=october),
        "bank.example:d": Account(first=october - 1),
    }
    assert file.community == {"bank.example:rent:flat": (october, "..")}
    assert file.records == {"bank.example:court_debt:c-1": Record()}
    assert not file.inquiries
    assert decode_file(encode_file(file)) == file


def test_what_is_in_doubt_keeps_its_place_among_the_names_that_a_file_has_room_for():
    """Else a dispute of one case could bring in another one, that is worse."""
    cases = [placed(et.CourtDebt, "2020-01-01", f"c-{number:03d}") for number in range(NAMES_MAX + 1)]
    history = [*cases, dispute(7)]
    assert fold_history(enumerate(history)).records.keys() == file_of(*cases).records.keys()


def test_the_first_version_of_the_fold_left_nothing_of_what_is_in_doubt():
    history = [*GOOD, status("2026-09-30", "late_90"), dispute(3)]
    file = fold_history(enumerate(history), 1)
    file.repaired, file.disputed = False, 0
    assert file == file_of(*GOOD)


def test_a_dispute_about_a_correction_is_about_the_corrected_event():
    late = status("2026-09-30", "late_90")
    history = [*GOOD, late, correction(3, late, status="late_120"), dispute(4)]
    assert as_if(enumerate(history)) == left_in_doubt(file_of(*GOOD), [late])
    assert as_if(enumerate([*history, undisputed(4)])) == file_of(*GOOD, status("2026-09-30", "late_120"))


def test_disputes_about_what_is_not_there_or_retracted_count_for_nothing():
    history = [*GOOD, dispute(99), retraction(2), dispute(2)]
    assert fold_history(enumerate(history)).disputed == 0
    assert as_if(enumerate(history)) == file_of(*GOOD[:2])


@given(histories(max_size=14), st.data())
def test_after_repairs_the_file_is_that_of_a_history_that_was_right_from_the_start_r27(history, data):
    indices = [index for index, _ in history]
    gone = data.draw(st.sets(st.sampled_from(indices), max_size=4)) if indices else set()
    repairs = [
        (1000 + index, data.draw(st.sampled_from([retraction(index), dispute(index)]))) for index in gone
    ]
    kept = {event.target for _, event in repairs if type(event) is et.DisputeOpened}
    right = [
        (index, event)
        for index, event in history
        if index not in gone or (index in kept and only_helps(event))
    ]
    doubtful = [event for index, event in history if index in kept and not only_helps(event)]
    expected = left_in_doubt(fold(File(), right), doubtful)
    assert as_if(data.draw(st.permutations(history + repairs))) == expected


@given(histories(max_size=14), histories(max_size=8), st.data())
def test_a_repaired_file_takes_further_events_one_at_a_time(history, more, data):
    more = [(2000 + index, event) for index, event in more]
    targets = data.draw(st.lists(st.sampled_from(range(15)), max_size=3))
    repairs = [(1000 + n, dispute(target)) for n, target in enumerate(targets)]
    stepwise = fold(fold_history(history + repairs), more)
    assert stepwise == fold_history(history + repairs + more)


def test_a_history_without_repairs_folds_as_it_comes():
    assert fold_history(enumerate(GOOD)) == file_of(*GOOD)
    assert not fold_history(enumerate(GOOD)).repaired


@given(records(days("2020-01-01", TODAY)))
def test_records_never_make_a_file_thick(event):
    assert scored([event]).insufficient == ("too_young", "nothing_reported")
