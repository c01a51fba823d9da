"""Figures: how well furnishers report (R43), how the card does (R42), and looks = answers (R44)."""

from __future__ import annotations

import json
from collections import Counter

import hypothesis
import pytest
from hypothesis import strategies as st

from app.core.errors import RuleError
from app.core.months import month_of
from app.core.scoring import folded
from app.core.scoring.scorecard import expert_card
from app.services.banks.inquiries import inquire
from app.services.bureau import utc_now
from app.services.citizens import links
from app.services.organisations import furnishing, given, quality
from app.services.scoring import counted, kept, monitoring
from app.services.scoring.kept import Report
from app.services.scoring.statistics import auc
from tests.services.builders import LENDER, PAPER, UTILITY, Clock, Ledger

given_example = hypothesis.given(st.lists(st.tuples(st.integers(300, 310), st.booleans()), max_size=30))
CITIZENS = [f"uci:{number}" for number in range(1, 13)]


# ---- R43


def test_r43_what_a_furnisher_reported_late_corrected_and_disputed_is_counted_once(ledger):
    lender = ledger.lender
    ledger.admit(lender.batch([line for each in CITIZENS for line in lender.card_history(each, months=2)]))
    ledger.step()
    loaded = 12 * 7
    ledger.clock.move(days=60)
    fresh, old = [lender.status("uci:1", ago=3)], [lender.statement("uci:2", ago=50, account="new")]
    ledger.admit(lender.batch(fresh + old), ledger.utility.batch([ledger.utility.utility("uci:1")]))
    ledger.step()
    target = _index_of(ledger, fresh[0])
    dispute = ledger.enrolment.event("dispute_opened", "uci:1", target=target, ground="not_mine", **PAPER)
    ledger.admit(ledger.enrolment.batch([dispute]))
    ledger.step()
    retraction = lender.event("retraction", "uci:1", ago=3, target=target, reason="reported_in_error")
    ledger.admit(lender.batch([retraction]))
    ledger.step()
    wrong = [lender.status("uci:1", ago=3, late=True, notified_on="2026-13-01") for _ in range(3)]
    with pytest.raises(RuleError):
        furnishing.admit(ledger.bureau, lender.batch([*wrong, lender.status("uci:1", ago=2)]))
    assert quality.count(ledger.bureau) == 4
    assert quality.count(ledger.bureau) == 0
    by_name: dict[str, Counter] = {}
    for each in quality.figures(ledger.bureau):
        by_name.setdefault(each.furnisher, Counter()).update(each.counts)
    assert by_name[LENDER] == {
        "reported": loaded + 2, "late": 1, "disputed": 1, "corrected": 1, "refused": 3,
    }  # fmt: skip
    assert by_name[UTILITY] == {"reported": 1}
    assert [each.furnisher for each in quality.figures(ledger.bureau, UTILITY)] == [UTILITY]


def _index_of(ledger, line):
    from hashlib import sha256

    with ledger.bureau.transaction() as connection:
        row = connection.execute(
            "SELECT p.first_index + 1 + e.position FROM events e JOIN placements p ON p.admission = e.batch"
            " WHERE e.commitment = %s",
            (sha256(line).digest(),),
        ).fetchone()
    return row[0]


def test_r43_small_cells_are_not_told_to_the_public():
    told = quality.Quality("x", "2026-Q4", {"reported": 200, "late": 9, "disputed": 10}).public()
    assert (told["reported"], told["late"], told["disputed"], told["refused"]) == (200, None, 10, 0)
    few = quality.Quality("x", "2026-Q4", {"reported": 9, "late": 9})
    assert (few.share("late"), few.public()["reported"]) == (None, None)
    assert quality.Quality("x", "2026-Q4", {"reported": 200, "late": 10}).share("late") == 0.05


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        ("2026-01-01", "2026-Q1"),
        ("2026-03-31", "2026-Q1"),
        ("2026-04-01", "2026-Q2"),
        ("2026-12-31", "2026-Q4"),
    ],
)
def test_days_have_their_quarter(day, quarter):
    assert kept.quarter_of(day) == quarter


# ---- R42


def test_r42_a_running_bureau_reports_distribution_and_outcome_each_quarter(ledger):
    lender = ledger.lender
    lines = [line for each in CITIZENS for line in lender.card_history(each, months=9)]
    ledger.admit(lender.batch(lines))
    ledger.step()
    assert monitoring.make(ledger.bureau) == 1
    assert monitoring.make(ledger.bureau) == 0, "a week later, at the earliest"
    (first,) = kept.reports(ledger.bureau, monitoring.KIND)
    assert (first.period, first.body["citizens"], first.body["outcome"]) == ("2026-Q4", 12, None)
    assert first.body["stability"]["before"] is None
    assert first.scorecard == expert_card().hash.hex()
    ledger.clock.move(days=400)
    late = [lender.status(each, ago=35, status="late_90", first_delinquent_on=ledger.clock.day(130),
                          notified_on=ledger.clock.day(40), notified_by="letter") for each in CITIZENS[:4]]  # fmt: skip
    good = [lender.status(each, ago=35) for each in CITIZENS[4:11]]
    ledger.admit(lender.batch(late + good))
    ledger.step()
    assert monitoring.make(ledger.bureau) == 1
    newest, oldest = kept.reports(ledger.bureau, monitoring.KIND)
    assert (newest.period, oldest) == ("2027-Q4", first)
    outcome = newest.body["outcome"]
    assert (outcome["rows"], outcome["defaulted"], outcome["unknown"]) == (11, 4, 1)
    assert outcome["auc"] == 0.5, "they all had the same score then"
    assert sum(band["rows"] for band in outcome["bands"]) == 11
    assert newest.body["stability"]["before"]["period"] == "2026-Q4"
    assert newest.body["stability"]["before"]["alarm"]
    told = counted.public(newest.body)
    assert told["outcome"]["defaulted"] is None
    assert told["outcome"]["unknown"] is None
    assert all(count is None or count == 0 or count >= 10 for count in told["bands"])


def test_r42_a_moved_distribution_raises_the_alarm_and_an_equal_one_does_not():
    def before(bands):
        return [Report("monitoring", "2026-Q3", "", utc_now(), {"bands": bands})]

    same = [0, 0, 5, 20, 40, 80, 60, 30, 10, 5, 0]
    assert counted.stability(before(same), same) == {"period": "2026-Q3", "index": 0.0, "alarm": False}
    moved = [20, 60, 80, 40, 20, 5, 5, 0, 0, 0, 0]
    assert counted.stability(before(same), moved)["alarm"]
    assert counted.stability([], same) is None


def test_r42_four_fifths_is_judged_on_groups_of_enough_people():
    def people(group, low, high):
        return {("sex", group, 500): low, ("sex", group, 700): high}

    fair = counted.fairness(people("female", 40, 200) | people("male", 50, 200))
    assert [each["alarm"] for each in fair[0]["groups"]] == [False, False]
    unfair = counted.fairness(people("female", 150, 100) | people("male", 10, 990))
    (female, male) = unfair[0]["groups"]
    assert (female["alarm"], male["alarm"], male["ratio"]) == (True, False, 1.0)
    assert female["ratio"] == pytest.approx(0.4, abs=0.02)
    small = counted.fairness(people("female", 60, 20) | people("male", 10, 990))
    assert [each["ratio"] for each in small[0]["groups"]] == [None, 1.0]
    told = counted.public_groups(counted.fairness(people("few", 5, 4) | people("male", 10, 990)))
    assert [each["group"] for each in told[0]["groups"]] == ["male"]


@pytest.mark.parametrize(
    ("identifier", "groups"),
    [
        ("cn:11010519491231002X", {"sex": "female", "age": "60+"}),
        ("cn:110101199003071233", {"sex": "male", "age": "35-44"}),
        ("uci:17", {}),
    ],
)
def test_r42_only_a_resident_number_tells_of_groups(identifier, groups):
    assert monitoring.groups_of(identifier, "2026-11-22") == groups


def test_r42_a_table_from_outside_gives_groups_that_the_ledger_does_not_have(ledger):
    lender = ledger.lender
    ledger.admit(lender.batch([line for each in CITIZENS for line in lender.card_history(each, months=9)]))
    ledger.step()
    table = {f"{LENDER}:card-1": {"education": "school"}}
    body = monitoring.fairness_of(ledger.bureau, table)
    assert body["attributes"] == [
        {"attribute": "education", "least_approved": body["attributes"][0]["least_approved"],
         "groups": [{"group": "school", "rows": 12, "approved": 1.0, "ratio": None, "alarm": False}]}
    ]  # fmt: skip
    assert [each.body for each in kept.reports(ledger.bureau, monitoring.FAIRNESS)] == [body]


@given_example
def test_the_area_under_the_curve_from_counts_is_that_of_the_rows(rows):
    counts = Counter(rows)
    if {bad for _, bad in rows} == {True, False}:
        assert counted.area(counts) == pytest.approx(auc(rows))


def test_r42_who_defaulted_follows_from_the_file_alone():
    month = month_of("2026-01-15")

    def file(codes="", placed=None):
        made = folded.File()
        if codes:
            made.accounts["x:1"] = folded.Account(status=(month, codes))
        if placed:
            made.records["x:collection:1"] = folded.Record(kind="collection", placed=placed)
        return made

    assert monitoring.defaulted(file("4"), month, 12) is None, "the month itself was known"
    assert monitoring.defaulted(file("00"), month, 12) is False
    assert monitoring.defaulted(file("0."), month, 12) is None, "in doubt, and nothing else"
    assert monitoring.defaulted(file("0.0"), month, 12) is False
    assert monitoring.defaulted(file("03"), month, 12) is False
    assert monitoring.defaulted(file("04"), month, 12) is True
    assert monitoring.defaulted(file("0" * 13 + "6"), month, 12) is False, "behind the window"
    assert monitoring.defaulted(file(placed="2026-02-01"), month, 12) is True
    assert monitoring.defaulted(file(placed="2026-01-31"), month, 12) is None
    assert monitoring.defaulted(file(placed="2027-02-01"), month, 12) is None


# ---- R44


@pytest.fixture
def now_ledger(database_url, tmp_path):
    """A ledger of today: ids begin with the real time."""
    made = Ledger(tmp_path / "home", database_url, clock=Clock(utc_now()))
    made.report(2, months=9)
    made.admit(made.enrolment.batch([made.enrolment.consent(each) for each in ("uci:1", "uci:2")]))
    made.step()
    yield made
    made.close()


def ask(ledger, citizen):
    from app.web.machines.api import inquiry_body

    asked = ledger.bank.batch([ledger.bank.inquiry(citizen)])
    return asked, json.loads(inquiry_body(ledger.bureau, inquire(ledger.bureau, asked)))["answer"]


def newest(ledger):
    return kept.reports(ledger.bureau, given.KIND)[0].body


def test_r44_answers_and_looks_given_are_those_of_the_ledger(now_ledger):
    from app.web.machines.api import inquiry_body

    ledger = now_ledger
    asked, _ = ask(ledger, "uci:1")
    ask(ledger, "uci:2")
    inquiry_body(ledger.bureau, inquire(ledger.bureau, asked))
    links.open_link(ledger.bureau, links.create_link(ledger.bureau, "uci:1"))
    ledger.step()
    assert given.compare(ledger.bureau) == 0
    both = {"answer": 2, "look": 1}
    assert newest(ledger) == {
        "given": both, "recorded": both, "missing": 0, "unplaced": 0, "unsent": 0, "named": [],
    }  # fmt: skip


def test_r44_an_answer_without_its_entry_is_found_and_one_never_sent_is_counted(now_ledger):
    ledger = now_ledger
    asked = ledger.bank.batch([ledger.bank.inquiry("uci:1")])
    inquire(ledger.bureau, asked)
    secret = _event_id_of_now()
    given_now = ledger.bureau.given
    given_now.note("answer", secret, ledger.clock())
    assert given.compare(ledger.bureau) == 1
    body = newest(ledger)
    assert (body["missing"], body["unsent"], body["named"]) == (1, 1, [secret])


def test_r44_what_no_block_holds_after_an_hour_is_found(now_ledger):
    ledger = now_ledger
    ask(ledger, "uci:1")
    assert given.compare(ledger.bureau) == 0
    ledger.clock.move(hours=2)
    assert given.compare(ledger.bureau) == 1
    ledger.step()
    assert given.compare(ledger.bureau) == 0


def test_r44_a_look_whose_transaction_failed_was_not_given(now_ledger):
    ledger = now_ledger

    def look():
        with ledger.bureau.transaction() as connection:
            ledger.bureau.will_give(connection, "look", _event_id_of_now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    assert given.compare(ledger.bureau) == 0
    assert kept.reports(ledger.bureau, given.KIND) == []


def _event_id_of_now():
    import os
    import time

    from app.core.fields import uuid7

    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))
