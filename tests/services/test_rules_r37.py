"""R37: a scorecard is published before its first use, a switch scores everybody anew in one block, old blocks keep theirs.

The audit is asked about honest ledgers with several cards, and about ledgers of a bureau that signs what it should not.
"""

from __future__ import annotations

import datetime as dt
import random
from hashlib import sha256

import orjson
import pytest

from app.core.errors import ConflictError, FormatError, ProofError, RefusedError, RuleError
from app.core.log.policy import LogKey, Policy
from app.core.proving import proof
from app.core.scoring import folded, score
from app.core.scoring.profiles import CN
from app.core.scoring.scorecard import expert_card, parse_card
from app.core.state import account_state, sealing
from app.db import people as people_rows
from app.db import state
from app.services.ledger import block_maker as module
from app.services.ledger import cards
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.proving import proofs
from tests.services import replay
from tests.services.builders import card

EXPERT = expert_card().hash.hex()


def blocks(ledger):
    """(as_of, scorecard) of every block."""
    rows = [orjson.loads(row[3]) for row in replay.Rows(ledger.url).blocks]
    return [(block["as_of"], block["scorecard"]) for block in rows]


def new_day(ledger, days=1):
    """The clock moves, nothing else happens, and a block is made all the same."""
    ledger.clock.move(days=days)
    with ledger.sequencer() as sequencer:
        assert sequencer.step()


def findings(ledger):
    source = DatabaseSource.open(ledger.home, ledger.url)
    try:
        report = audit(lambda: source, lambda *_: None, ledger_key=ledger.bureau.verifier, processes=0)
        return [str(finding) for finding in report.findings]
    finally:
        source.close()


def newest_states(ledger):
    """Citizen number -> (block, account state) of the newest version."""
    with ledger.bureau.transaction() as connection:
        citizens = people_rows.citizens_after(connection, 0, 10_000)
        keys = {each.id: ledger.bureau.people.unwrap(each).data_key for each in citizens}
        loaded = state.load_accounts(connection, list(keys))
    return {
        a.citizen: (a.block, account_state.decode(sealing.unseal(keys[a.citizen], a.sealed))) for a in loaded
    }


# ---- publishing


def test_r37_a_card_is_used_from_its_day_on_and_not_before(ledger):
    ledger.report(2)
    ledger.step()
    other = ledger.publish(card("Announced"), ahead=2)
    ledger.step()
    assert blocks(ledger)[-1][1] == EXPERT, "it is in the log, and its day has not come"
    new_day(ledger)
    assert blocks(ledger)[-1][1] == EXPERT
    new_day(ledger)
    assert blocks(ledger)[-1][1] == other
    assert [card for _, card in blocks(ledger)] == [EXPERT] * 3 + [other]
    assert findings(ledger) == []
    replay.check(ledger.url, ledger.home)


def test_r37_a_mistake_is_taken_back_by_publishing_again_for_the_same_day(ledger):
    ledger.report(1)
    ledger.step()
    ledger.publish(card("Mistake"), ahead=1)
    ledger.step()
    ledger.publish(expert_card().document, ahead=1)
    new_day(ledger)
    new_day(ledger)
    assert {card for _, card in blocks(ledger)} == {EXPERT}
    assert len(replay.Rows(ledger.url).accounts) == 1, "and nobody was scored anew for nothing"
    assert findings(ledger) == []


def test_r37_a_challenger_changes_no_block(ledger):
    ledger.report(3)
    ledger.step()
    ledger.publish(card("Challenger", 20), role="challenger")
    ledger.step()
    new_day(ledger)
    assert {card for _, card in blocks(ledger)} == {EXPERT}
    assert {block for block, _ in newest_states(ledger).values()} == {0}
    assert findings(ledger) == []


def test_r37_what_cannot_be_published(ledger, clock):
    ledger.report(1)
    ledger.step()
    clock.move(days=3)
    with pytest.raises(RuleError, match="the past is not scored again") as refused:
        ledger.publish(card("Late"), ahead=-4)
    assert refused.value.code == "past-day"
    with pytest.raises(FormatError):
        ledger.publish(b"{}")
    for report in (b"", b"<html>", b"[1]", b"\xff", b"[" * 100_000):
        with pytest.raises(FormatError, match="the validation report is not"):
            ledger.publish(card("With a report"), report=report)
    with pytest.raises(FormatError, match="at most"):
        ledger.publish(card("With a report"), report=b" " * (cards.REPORT_BYTES_MAX + 1))
    for about in (b'{"scorecard":"' + EXPERT.encode() + b'"}', b"{}", b"null"):
        report = b'{"kind":"scorecard-validation","card":' + about + b"}"
        with pytest.raises(RuleError, match="the validation report is about the scorecard") as refused:
            ledger.publish(card("With another's report"), report=report)
        assert refused.value.code == "other-card"
    ledger.publish(card("Twice"), ahead=1)
    with pytest.raises(ConflictError, match="already"):
        ledger.publish(card("Twice"), ahead=1)
    ledger.publish(card("Twice"), ahead=1, role="challenger")
    ledger.publish(card("Twice"), ahead=2)
    ledger.publish(card("Other"), ahead=1)
    ledger.publish(card("Twice"), ahead=1)
    ledger.step()
    assert findings(ledger) == [], "what was refused left nothing behind"


def test_r37_fitted_points_need_their_report_with_them_or_before(ledger):
    document, report = cards.fitted_card()
    ledger.report(2)
    ledger.step()
    with pytest.raises(RuleError, match="fitted") as refused:
        ledger.publish(document, ahead=1)
    assert refused.value.code == "no-report"
    ledger.publish(document, role="challenger")
    with pytest.raises(RuleError, match="fitted"):
        ledger.publish(document, ahead=1)
    ledger.publish(document, ahead=1, role="challenger", report=report)
    used = ledger.publish(document, ahead=1)
    new_day(ledger)
    assert blocks(ledger)[-1][1] == used
    assert findings(ledger) == []


def test_r37_no_block_before_the_first_card_s_day(ledger, clock):
    clock.move(days=-1)
    with ledger.sequencer() as sequencer, pytest.raises(RefusedError, match="no scorecard is published for"):
        sequencer.step(now=True)
    clock.move(days=1)
    ledger.step()
    replay.check(ledger.url, ledger.home)


def test_r37_publishing_while_the_sequencer_runs(ledger):
    ledger.report(2)
    with ledger.sequencer() as sequencer:
        sequencer.step(now=True)
        other = ledger.publish(card("Meanwhile"))
        sequencer.step(now=True)
    assert [card for _, card in blocks(ledger)] == [EXPERT, other]


# ---- switching


def test_r37_a_switch_scores_everybody_anew_in_one_block(ledger):
    ledger.report(320, months=9)
    lender, utility = ledger.lender, ledger.utility
    young = [utility.utility(f"uci:{n}") for n in range(400, 405)]
    silent = [ledger.enrolment.consent(f"uci:{n}") for n in range(500, 505)]
    ledger.admit(utility.batch(young), ledger.enrolment.batch(silent))
    ledger.step()
    other = ledger.publish(card("Switch", 30), ahead=1)
    ledger.step()
    ledger.clock.move(days=1)
    news = [lender.statement("uci:7"), lender.status("uci:8"), *lender.card_history("uci:900", months=2)]
    ledger.admit(lender.batch(news))
    ledger.step()

    states = newest_states(ledger)
    assert len(states) == 331
    assert {block for block, _ in states.values()} == {2}, "one block wrote them all"
    switched, insufficient, moved = parse_card(card("Switch", 30)), 0, 0
    for _, each in states.values():
        shown, file = orjson.loads(bytes(each.score)), folded.reopen_file(bytes(each.file))
        scored = score.score_file(file, ledger.clock.day(), switched, CN)
        assert (shown["scorecard"], shown.get("score")) == (other, scored.score)
        assert shown["as_of"] == ledger.clock.day()
        insufficient += "insufficient" in shown
        moved += scored.score != score.score_file(file, ledger.clock.day(), expert_card(), CN).score
    assert insufficient >= 10
    assert moved >= 300
    accounts = replay.Rows(ledger.url).accounts
    assert len(accounts) == len({row[:2] for row in accounts}) == 330 + 331
    assert findings(ledger) == []
    replay.check(ledger.url, ledger.home)
    assert not ledger.step(), "and that was it"


def test_r37_a_switch_shared_by_the_pool_s_processes(ledger, monkeypatch):
    from app.services.ledger import folding

    monkeypatch.setattr(module, "IN_PROCESS_EVENTS_MAX", 0)
    ledger.report(9)
    pool = folding.FoldingPool(ledger.url, ledger.bureau.people.keyring, 2)
    try:
        with ledger.sequencer(pool=pool) as sequencer:
            sequencer.step(now=True)
            other = ledger.publish(card("Shared", 10))
            sequencer.step(now=True)
    finally:
        pool.close()
    assert {orjson.loads(bytes(s.score))["scorecard"] for _, s in newest_states(ledger).values()} == {other}
    assert findings(ledger) == []


def three_cards(ledger):
    """A ledger in which three cards were in force one after the other, with news under each."""
    lender = ledger.lender
    ledger.report(4, months=9)
    ledger.step()
    second, third = card("Second", 11), card("Third", 22)
    ledger.publish(second, ahead=1, report=b'{"auc": 0.77}')
    new_day(ledger)
    ledger.admit(lender.batch([lender.statement("uci:2")]))
    ledger.step()
    ledger.publish(third, ahead=30)
    new_day(ledger, 30)
    ledger.admit(lender.batch([lender.statement("uci:3"), lender.opened("uci:77")]))
    ledger.step()
    return [EXPERT, parse_card(second).hash.hex(), parse_card(third).hash.hex()]


def test_r37_old_blocks_audit_under_their_own_card(ledger):
    first, second, third = three_cards(ledger)
    assert [card for _, card in blocks(ledger)] == [first, second, second, third, third]
    assert findings(ledger) == []


def test_r37_every_leaf_s_card_is_its_block_s_so_old_proofs_and_new_ones_verify(ledger):
    three_cards(ledger)
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, ["uci:1"])["uci:1"]
        made = {}
        for number, (_, used) in enumerate(blocks(ledger)):
            at = proofs.snapshot_of(connection, number)
            opened = proofs.account_at(connection, person, at)
            made[number] = proofs.build(connection, person, at, opened, ("score", "receipt"))
            checked = verify(policy, made[number], ledger)
            assert checked.scorecard.hex() == used
    shown = {verify(policy, each, ledger).score for each in made.values()}
    assert len(shown) == 3, "each card gave its own score"


def verify(policy, data, ledger):
    return proof.verify_score_proof(data, policy.encode(), at=ledger.clock(), max_age_s=90 * 86_400)


# ---- a bureau that signs what it should not


def test_r37_audit_names_a_card_that_was_used_before_its_day(ledger, monkeypatch):
    ledger.report(3)
    ledger.step()
    eager = ledger.publish(card("Eager"), ahead=5)
    with monkeypatch.context() as patch:
        patch.setattr(module, "card_in_force", lambda *_: (bytes.fromhex(eager), card("Eager")))
        ledger.step()
    day = ledger.clock.day(-5)
    [found] = findings(ledger)
    today = ledger.clock.day()
    assert found == (
        f"blocks: block 1: scorecard is {eager}: it is published from {day} on, and the block is of {today};"
        f" in force is {EXPERT}, from {today} on (R37)"
    )


@pytest.mark.parametrize("stored", [True, False])
def test_r37_audit_names_a_card_that_was_never_published(ledger, monkeypatch, stored):
    ledger.report(3)
    ledger.step()
    secret = card("Secret", 44)
    digest = sha256(secret).digest()
    if stored:
        with ledger.bureau.transaction() as connection:
            cards.ledger.store_document(connection, digest, secret)
    ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:1")]))
    with monkeypatch.context() as patch:
        patch.setattr(module, "card_in_force", lambda *_: (digest, secret))
        ledger.step()
    found = findings(ledger)
    named = (
        f"blocks: block 1: scorecard is {digest.hex()}: no notice before the block publishes it as champion"
    )
    assert any(each.startswith(named) for each in found), found
    missing = f"documents: {digest.hex()}: " + (
        "is named by no notice" if stored else "the scorecard of block 1 is not stored"
    )
    assert missing in found
    assert len(found) == 2


def test_r37_audit_names_a_challenger_that_was_used_and_a_card_that_stayed_too_long(ledger, monkeypatch):
    ledger.report(2)
    ledger.step()
    beside = ledger.publish(card("Beside"), role="challenger")
    with monkeypatch.context() as patch:
        patch.setattr(module, "card_in_force", lambda *_: (bytes.fromhex(beside), card("Beside")))
        ledger.step()
    late = ledger.publish(card("Late"))
    ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:1")]))
    with monkeypatch.context() as patch:
        patch.setattr(module, "card_in_force", lambda *_: (bytes.fromhex(EXPERT), expert_card().document))
        ledger.step()
    first, second = findings(ledger)
    assert f"block 1: scorecard is {beside}: no notice before the block publishes it as champion" in first
    assert f"block 2: scorecard is {EXPERT}: another one has taken its place; in force is {late}" in second


def test_r37_audit_names_the_account_that_was_not_scored_anew(ledger, monkeypatch):
    ledger.report(5)
    ledger.step()
    ledger.publish(card("Unfair", 33))
    everybody = state.scored
    with monkeypatch.context() as patch:
        patch.setattr(state, "scored", lambda connection: everybody(connection)[1:])
        ledger.step()
    [spared] = set(newest_states(ledger)) - {
        c for c, (block, _) in newest_states(ledger).items() if block == 1
    }
    found = findings(ledger)
    assert found[0].startswith("blocks: block 1: state is "), "the root says so first"
    assert (
        f"accounts: citizen {spared} block 1: this version is missing; its scorecard is new, so every account is"
        " scored again" in found
    )
    assert [each for each in found if each.startswith("accounts")] == found[1:2]


def test_r37_no_proof_of_an_account_that_was_not_scored_anew_verifies(ledger, monkeypatch):
    ledger.report(3, months=9)
    ledger.step()
    ledger.publish(card("Unfair", 33))
    with monkeypatch.context() as patch:
        patch.setattr(state, "scored", lambda _: [])
        ledger.step()
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, ["uci:1"])["uci:1"]
    with pytest.raises(ProofError, match="another scorecard than the block's"):
        verify(policy, proofs.score_proof(ledger.bureau, person.id), ledger)


@pytest.mark.parametrize("seed", range(4))
def test_r37_any_schedule_of_cards_gives_blocks_by_the_rule_and_a_clean_audit(ledger, seed):
    """Publications for any day ahead, days, news and blocks in any order; the rule is worked out from its words."""
    chance = random.Random(seed)
    published, waiting, expected = [(ledger.clock.day(), EXPERT)], [], [EXPERT]
    ledger.report(6, months=8)
    ledger.step()
    for step in range(14):
        action = chance.choice(("publish", "publish", "day", "news", "block"))
        if action == "publish":
            ahead = chance.randrange(4)
            document = card(f"Card {chance.randrange(3)}", chance.randrange(40))
            waiting.append((ledger.clock.day(-ahead), ledger.publish(document, ahead=ahead)))
        elif action == "news":
            ledger.admit(ledger.lender.batch([ledger.lender.statement(f"uci:{chance.randrange(1, 9)}")]))
        else:
            ledger.clock.move(days=action == "day")
        with ledger.sequencer() as sequencer:
            if (action != "publish" or chance.random() < 0.5) and sequencer.step(now=True):
                published += waiting
                waiting = []
                standing = None
                for first in sorted({day for day, _ in published if day <= ledger.clock.day()}):
                    standing = [each for day, each in published if day == first][-1]
                expected.append(standing)
        assert [used for _, used in blocks(ledger)] == expected, f"step {step}"
    assert findings(ledger) == []


def test_r37_audit_names_a_notice_whose_card_or_report_is_not_stored(ledger):
    from tests.services.audited import Tamper

    three_cards(ledger)
    tamper = Tamper(ledger)
    try:
        for row in tamper.rows("documents"):
            with tamper.replaced("documents", [row], []):
                found = tamper.audit()
            digest = row["hash"].hex()
            assert any(each.startswith(f"documents: {digest}: the ") for each in found), found
    finally:
        tamper.close()


def test_r37_the_clock_may_stand_still_over_a_switch(ledger):
    """Many publications on one day: each block uses the last one before it."""
    ledger.report(2)
    used = []
    with ledger.sequencer() as sequencer:
        for n in range(4):
            used.append(ledger.publish(card(f"Card {n}", n)))
            sequencer.step(now=True)
    assert [card for _, card in blocks(ledger)] == used
    assert dt.date.fromisoformat(blocks(ledger)[-1][0]).isoformat() == ledger.clock.day()
    assert findings(ledger) == []
