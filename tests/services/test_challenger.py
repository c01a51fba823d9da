"""R37: a challenger scores everybody beside the champion, incrementally and unseen; the comparison says sums and no more."""

from __future__ import annotations

import json
import random
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.scoring import score
from app.core.scoring.folded import reopen_file
from app.core.scoring.profiles import CN
from app.core.scoring.scorecard import expert_card, parse_card
from app.db import challenging
from app.services.ledger import retention
from app.services.scoring import challenger, comparison
from app.services.scoring.challenger import Pair, Result
from app.services.scoring.comparison import Frame, Subject
from app.services.scoring.comparison_page import page
from tests.services.builders import LENDER, card
from tests.services.test_rules_r37 import findings, new_day, newest_states

OTHER = card("Challenger", 40)


@pytest.fixture
def beside(ledger):
    """A ledger with a block and a challenger in force: its card."""
    ledger.report(12, months=9)
    ledger.admit(ledger.utility.batch([ledger.utility.utility("uci:90")]))
    ledger.publish(OTHER, role="challenger")
    ledger.step()
    _, found = challenger.cards_in_force(ledger.bureau)
    assert found.document == OTHER
    return found


def run(ledger, of):
    told = []
    scored = challenger.score_all(ledger.bureau, of, told.append)
    assert sum(told) == scored
    return scored


def rows(ledger):
    with ledger.bureau.transaction() as connection:
        query = "SELECT citizen, block, sealed, scorecard FROM challenger_scores ORDER BY citizen"
        return connection.execute(query, binary=True).fetchall()


# ---- scoring


def test_everybody_is_scored_once_and_then_what_changed(ledger, beside):
    assert challenger.count_stale(ledger.bureau, beside) == 13
    assert run(ledger, beside) == 13
    assert challenger.count_stale(ledger.bureau, beside) == run(ledger, beside) == 0
    before = rows(ledger)
    ledger.admit(
        ledger.lender.batch(
            [ledger.lender.statement("uci:3"), *ledger.lender.card_history("uci:77", months=2)]
        )
    )
    ledger.step()
    assert challenger.count_stale(ledger.bureau, beside) == run(ledger, beside) == 2
    after = rows(ledger)
    assert len(set(before) & set(after)) == 12, "the others were left alone"
    assert [row[1] for row in after].count(1) == 2


def test_a_score_beside_is_what_the_card_gives_on_the_champion_s_day(ledger, beside):
    run(ledger, beside)
    ledger.clock.move(days=3)
    states = newest_states(ledger)
    found = list(challenger.pairs(ledger.bureau, beside))
    for (_, each), pair in zip((states[n] for n in sorted(states)), found, strict=True):
        shown, file = orjson.loads(bytes(each.score)), reopen_file(bytes(each.file))
        assert pair.champion.score == shown.get("score")
        scored = score.score_file(file, shown["as_of"], beside, CN)
        assert pair.challenger.score == scored.score
        assert pair.challenger.points == {name: points for name, _, points, _ in scored.criteria}
    assert sum(pair.champion.score != pair.challenger.score for pair in found) == 12


def test_it_is_in_no_block_and_the_audit_is_clean(ledger, beside):
    run(ledger, beside)
    ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:3")]))
    ledger.step()
    run(ledger, beside)
    assert findings(ledger) == []
    for _, state in newest_states(ledger).values():
        assert orjson.loads(bytes(state.score))["scorecard"] == expert_card().hash.hex()


def test_portions_end_where_the_citizens_end(ledger, beside, monkeypatch):
    monkeypatch.setattr(challenger, "ACCOUNTS_AT_ONCE", 5)
    assert run(ledger, beside) == 13
    assert len(list(challenger.pairs(ledger.bureau, beside))) == 13


def test_an_interrupted_run_goes_on(ledger, beside, monkeypatch):
    monkeypatch.setattr(challenger, "ACCOUNTS_AT_ONCE", 5)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        challenger.score_all(ledger.bureau, beside, stop)
    assert len(rows(ledger)) == 5
    assert run(ledger, beside) == 8


def test_what_is_stored_is_sealed_under_the_citizens_keys(ledger, beside):
    run(ledger, beside)
    assert not any(b"score" in row[2] or b"receipt" in row[2] for row in rows(ledger))


def test_an_older_result_never_replaces_a_newer_one(ledger, beside):
    run(ledger, beside)
    citizen = rows(ledger)[0][0]
    with ledger.bureau.transaction() as connection:
        challenging.store(connection, beside.hash, [(citizen, 7, b"newer")])
        challenging.store(connection, beside.hash, [(citizen, 6, b"older")])
    assert rows(ledger)[0][1:3] == (7, b"newer")


def test_scores_end_with_the_citizen_s_keys_and_with_the_challenger(ledger, beside):
    from tests.services.audited import Tamper

    run(ledger, beside)
    gone = rows(ledger)[4][0]
    tamper = Tamper(ledger)
    tamper.connection.execute("DELETE FROM citizen_keys WHERE citizen = %s", (gone,))
    tamper.close()
    assert len(list(challenger.pairs(ledger.bureau, beside))) == 12, "nobody can open them any more"
    assert run(ledger, beside) == 0
    assert challenger.forget_others(ledger.bureau, beside) == 1
    assert gone not in [row[0] for row in rows(ledger)]
    newer = parse_card(card("Newer challenger", 7))
    ledger.publish(newer.document, role="challenger")
    ledger.step()
    assert challenger.cards_in_force(ledger.bureau)[1].hash == newer.hash
    run(ledger, newer)
    assert challenger.forget_others(ledger.bureau, newer) == 12
    assert {bytes(row[3]) for row in rows(ledger)} == {newer.hash}


def test_a_challenger_begins_on_its_day_and_ends_with_its_promotion(ledger):
    ledger.report(1)
    ledger.publish(OTHER, role="challenger", ahead=1)
    assert challenger.cards_in_force(ledger.bureau) == (None, None), "nothing is in a block yet"
    ledger.step()
    assert challenger.cards_in_force(ledger.bureau)[1] is None
    new_day(ledger)
    assert challenger.cards_in_force(ledger.bureau)[1].document == OTHER
    ledger.publish(OTHER, ahead=1)
    new_day(ledger)
    champion, none = challenger.cards_in_force(ledger.bureau)
    assert (champion.document, none) == (OTHER, None)


# ---- the comparison of a ledger


def test_the_report_has_its_keys_in_order_and_nobody_in_it(ledger, beside):
    run(ledger, beside)
    ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:55", months=9)))
    ledger.step()
    labels = {f"{LENDER}:card-1": True}
    report = challenger.comparison(ledger.bureau, beside, labels)
    again = challenger.comparison(ledger.bureau, beside, labels)
    assert json.dumps(report) == json.dumps(again)
    assert list(report) == [
        "v", "kind", "origin", "block", "as_of", "champion", "challenger", "accounts", "bands", "mean", "correlation",
        "population_stability_index", "swap_sets", "movers", "labels",
    ]  # fmt: skip
    assert report["accounts"] == {
        "scored_by_both": 12, "by_champion_only": 0, "by_challenger_only": 0, "by_none": 1, "not_scored_by_challenger_yet": 1,
    }  # fmt: skip
    assert report["mean"]["difference"] == 40
    assert (report["labels"]["accounts"], report["labels"]["bad"]) == (12, 12)
    text = json.dumps(report) + page(report)
    assert not re.search(r"uci:|card-1|citizen", text)
    with ledger.bureau.transaction() as connection:
        for (key,) in connection.execute("SELECT key FROM citizens", binary=True).fetchall():
            assert bytes(key).hex() not in text


# ---- the arithmetic, against itself done another way


def pair(champion, challenger_score, *, accounts=(), **points):
    less = {name: before for name, (before, _) in points.items()}
    more = {name: after for name, (_, after) in points.items()}
    return Pair(Result(champion, less), Result(challenger_score, more), accounts)


def report_of(pairs, labels=None):
    frame = Frame("ledger.example", 3, "2026-11-02")
    subjects = [Subject(name * 64, f"Card {name}") for name in "ab"]
    return comparison.compare(pairs, frame, *subjects, labels)


SCORES = st.lists(st.tuples(st.integers(300, 850), st.integers(300, 850)), min_size=1, max_size=60)


@given(SCORES)
def test_every_account_is_in_one_band_and_one_part_of_each_swap_set(scores):
    report = report_of([pair(a, b) for a, b in scores])
    for name in ("champion", "challenger"):
        assert sum(band[name] for band in report["bands"]) == len(scores)
    assert (report["bands"][0]["from"], report["bands"][-1]["to"]) == (300, 850)
    for row in report["swap_sets"]:
        parts = [row[name] for name in ("both", "champion_only", "challenger_only", "none")]
        assert sum(parts) == len(scores)
        assert parts[0] + parts[1] == sum(a >= row["champion_from"] for a, _ in scores)
        assert parts[0] + parts[2] == sum(b >= row["challenger_from"] for _, b in scores)
    percentile = report["swap_sets"][0]
    assert sum(a < percentile["champion_from"] for a, _ in scores) <= len(scores) * 0.2


@given(SCORES)
def test_stability_and_correlation(scores):
    same = [(a, a) for a, _ in scores]
    assert comparison.stability(same) == 0
    assert comparison.stability(scores) >= 0
    assert comparison.stability(scores) == pytest.approx(comparison.stability([(b, a) for a, b in scores]))
    if len({a for a, _ in scores}) > 1:
        assert comparison.correlation(same) == pytest.approx(1)
        assert comparison.correlation([(a, 1150 - a) for a, _ in scores]) == pytest.approx(-1)
    else:
        assert comparison.correlation(same) is None


def test_a_stability_index_that_was_worked_out_by_hand():
    scores = [(310, 360)] * 50 + [(360, 360)] * 50  # 50 and 50 become 0 (half) and 100
    by_hand = (0.005 - 0.5) * -4.605170 + (1 - 0.5) * 0.693147
    assert comparison.stability(scores) == pytest.approx(by_hand, abs=1e-5)


@given(st.lists(st.tuples(st.integers(300, 310), st.booleans()), max_size=40))
def test_ks_is_the_largest_distance_at_any_cut(scored):
    bad, good = ([s for s, label in scored if label is which] for which in (True, False))
    wanted = 0.0
    if bad and good:
        wanted = max(
            abs(sum(s <= cut for s in bad) / len(bad) - sum(s <= cut for s in good) / len(good))
            for cut in range(300, 311)
        )
    assert comparison.ks(scored) == pytest.approx(wanted)


def test_labels_of_any_account_make_a_citizen_bad_and_the_better_card_ranks_better():
    chance = random.Random(7)
    pairs, labels = [], {}
    for n in range(200):
        bad = n % 4 == 0
        good_card, poor_card = 600 - 150 * bad + chance.randrange(50), chance.randrange(300, 850)
        pairs.append(pair(poor_card, good_card, accounts=(f"l:a{n}", f"l:b{n}")))
        labels |= {f"l:a{n}": False, f"l:b{n}": bad}
    found = report_of([*pairs, pair(500, 500, accounts=("l:unknown",))], labels)["labels"]
    assert (found["accounts"], found["bad"]) == (200, 50)
    assert found["challenger"] == {"auc": 1.0, "gini": 1.0, "ks": 1.0}
    assert 0.4 < found["champion"]["auc"] < 0.6


def test_movers_are_named_by_criterion_and_only_in_company():
    still = [pair(500, 500, current=(50, 50), opened=(9, 9)) for _ in range(190)]
    moved = [pair(500, 540 + n, current=(50, 30), oldest_age=(0, 60 + n)) for n in range(20)]
    movers = report_of(still + moved)["movers"]
    assert (movers["accounts"], movers["points_at_least"]) == (20, 40)
    assert [row["criterion"] for row in movers["criteria"]] == ["oldest_age", "current"]
    assert movers["criteria"][1]["mean_points"] == -20
    alone = report_of(still[:20] + moved[:1])["movers"]
    assert alone == {"accounts": 0, "points_at_least": None, "criteria": []}
    assert report_of(still)["movers"]["criteria"] == []


def test_cards_with_other_criteria_and_files_without_a_number():
    pairs = [pair(500, 400, only_old=(200, 0)), pair(None, 450), pair(450, None), pair(None, None), None]
    report = report_of(pairs)
    assert list(report["accounts"].values()) == [1, 1, 1, 1, 1]
    assert report["mean"]["difference"] == -100


def test_nobody_at_all_is_a_report_too():
    report = report_of([])
    assert report["correlation"] is report["population_stability_index"] is report["mean"]["champion"] is None
    assert "nobody was scored by both" in page(report)


def test_the_page_stands_alone_and_escapes_what_others_wrote():
    frame = Frame("ledger.example", 3, "2026-11-02")
    evil = Subject("a" * 64, "<script>alert(1)</script>")
    text = page(comparison.compare([pair(500, 510)] * 20, frame, evil, evil, {}))
    assert "<script" not in text
    assert not re.search(r"(src|href)=|url\(|@import", text)
    assert text.startswith("<!DOCTYPE html>")
    assert text.count("<table") == text.count("</table>") == 7


# ---- when plaintext is destroyed (R11)


def test_destruction_in_the_block_of_a_switch_with_a_challenger_beside_it(ledger):
    """The citizen has another key afterwards: the old result opens nothing and is made anew, and the audit is clean."""
    lender = ledger.lender
    ledger.admit(
        lender.batch(
            [*lender.card_history("uci:1", months=8, late_ago=6), *lender.card_history("uci:2", months=8)]
        )
    )
    ledger.step()
    ledger.clock.move(days=5 * 366)
    fresh = [line for who in ("uci:1", "uci:2") for line in lender.card_history(who, months=8)[1:]]
    ledger.publish(OTHER, role="challenger")
    ledger.admit(lender.batch(fresh))
    ledger.step()
    _, beside = challenger.cards_in_force(ledger.bureau)
    assert run(ledger, beside) == 2
    before = {row[0]: row[2] for row in rows(ledger)}
    switched = ledger.publish(card("Switched", 5))
    assert retention.run(ledger.bureau, lambda _: None).notices == 1
    ledger.step()
    states = newest_states(ledger)
    assert {orjson.loads(bytes(state.score))["scorecard"] for _, state in states.values()} == {switched}
    assert {block for block, _ in states.values()} == {2}
    assert list(challenger.pairs(ledger.bureau, beside)) == [None, None]
    assert run(ledger, beside) == 2
    assert all(pair is not None for pair in challenger.pairs(ledger.bureau, beside))
    assert all(before[row[0]] != row[2] for row in rows(ledger))
    assert ledger.waiting() == 0, "one block took both notices in"
    assert findings(ledger) == []
