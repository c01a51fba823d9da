"""Intake: a receipt means durable, the same batch means the same receipt, and nothing else moves a row.

What is refused, and how that looks over HTTP, is in tests/web/test_http_batches.py; the rules are in test_rules_r1_r9.py.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core import canon
from app.core.errors import ConflictError, CredenceError, NotFoundError, RuleError, SignatureError
from app.core.log.note import open_note
from app.core.proving.proof_form import parse_score_proof
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.core.state import sealing
from app.db import state
from app.services.ledger import intake
from app.services.ledger.intake import BLOCK_WITHIN_S, NAMES_PER_BATCH_MAX, admit, receipt_of
from app.services.proving import proofs
from tests.services.builders import LENDER
from tests.services.replay import check

CITIZEN = "uci:1"


def counts(ledger):
    """Rows of the tables that intake writes."""
    tables = ("batches", "events", "event_bodies", "enrolments", "citizen_keys", "furnishers", "notices")
    with ledger.bureau.transaction() as connection:
        return {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}


@pytest.mark.parametrize("size", [1, 15, 16, 17, 300])
def test_a_receipt_says_what_was_admitted_and_until_when_it_is_in_a_block(ledger, size):
    """Small batches and large ones are stored in different ways."""
    body = ledger.lender.batch([ledger.lender.payment(f"uci:{number}") for number in range(1, size + 1)])
    receipt = Receipt.verify(admit(ledger.bureau, body).receipt, [ledger.bureau.service.verifier])
    assert receipt.origin == ledger.bureau.origin
    assert receipt.batch_hash == parse_batch(body).batch_hash
    assert receipt.count == size
    assert receipt.admitted_at == ledger.clock.moment
    assert (receipt.block_by - receipt.admitted_at).total_seconds() == BLOCK_WITHIN_S
    assert counts(ledger) == {
        "batches": 1,
        "events": size,
        "event_bodies": size,
        "enrolments": size,
        "citizen_keys": size,
        "furnishers": 1,
        "notices": counts(ledger)["notices"],
    }
    ledger.settle()
    assert check(ledger.url, ledger.home).events == size


def test_the_receipt_is_there_for_who_lost_it(ledger):
    body = ledger.lender.batch([ledger.lender.payment(CITIZEN)], "lost")
    receipt = admit(ledger.bureau, body).receipt
    assert receipt_of(ledger.reopen(), LENDER, "lost") == receipt
    for furnisher, batch_id in ((LENDER, "other"), ("nobody", "lost")):
        with pytest.raises(NotFoundError):
            receipt_of(ledger.bureau, furnisher, batch_id)


def test_bodies_are_sealed_and_open_to_the_bytes_that_were_signed(ledger):
    lines = [ledger.lender.payment(CITIZEN), ledger.lender.statement("uci:2")]
    admit(ledger.bureau, ledger.lender.batch(lines))
    with ledger.bureau.transaction() as connection:
        people = ledger.bureau.people.find(connection, ["uci:1", "uci:2"])
        rows = [row for row, *_ in state.events_of_citizens(connection, [p.id for p in people.values()])]
    for row, line in zip(sorted(rows, key=lambda row: row.position), lines, strict=True):
        owner = next(p for p in people.values() if p.id == row.citizen)
        other = next(p for p in people.values() if p.id != row.citizen)
        assert sealing.unseal(owner.data_key, row.sealed) == line
        assert row.commitment == sha256(line).digest()
        assert b"uci:" not in row.sealed
        with pytest.raises(CredenceError):
            sealing.unseal(other.data_key, row.sealed)


def test_the_same_batch_again_moves_nothing(ledger):
    body = ledger.lender.batch([ledger.lender.payment(CITIZEN)])
    first = admit(ledger.bureau, body)
    before = counts(ledger)
    ledger.clock.move(days=3)
    again = admit(ledger.bureau, body)
    ledger.settle()
    later = admit(ledger.reopen(), body)
    assert (first.fresh, again.fresh, later.fresh) == (True, False, False)
    assert first.receipt == again.receipt == later.receipt
    assert counts(ledger) == before


def test_the_same_name_for_other_content_is_a_conflict(ledger):
    admit(ledger.bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)], "one"))
    before = counts(ledger)
    with pytest.raises(ConflictError):
        admit(ledger.bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)], "one"))
    assert counts(ledger) == before
    assert admit(ledger.bureau, ledger.utility.batch([ledger.utility.utility(CITIZEN)], "one")).fresh


def test_a_receipt_is_not_for_who_cannot_sign(ledger):
    body = ledger.lender.batch([ledger.lender.payment(CITIZEN)])
    admit(ledger.bureau, body)
    file = parse_batch(body)
    head, _, signature = file.note.rpartition(b" ")
    other = parse_batch(ledger.lender.batch([ledger.lender.payment(CITIZEN)])).note.rpartition(b" ")[2]
    assert signature != other
    forged = canon.encode({"note": (head + b" " + other).decode()}) + b"\n" + file.lines[0] + b"\n"
    with pytest.raises(SignatureError):
        admit(ledger.bureau, forged)


def test_many_processes_many_batches_one_ledger(ledger):
    """Overlapping citizens, overlapping furnishers, a sequencer at work: all of it is there, once."""
    bodies = [
        ledger.lender.batch([ledger.lender.payment(f"uci:{1 + (7 * n + k) % 60}") for k in range(40)])
        for n in range(10)
    ] + [
        ledger.utility.batch(
            [
                ledger.utility.utility(f"uci:{1 + (11 * n + k) % 60}", account=f"m-{n}")
                for k in range(39, -1, -1)
            ]
        )
        for n in range(10)
    ]
    bureaus = [ledger.bureau, ledger.reopen()]
    with ThreadPoolExecutor(4) as pool, ledger.sequencer() as sequencer:
        sent = [pool.submit(admit, bureaus[n % 2], body) for n, body in enumerate(bodies * 2)]
        while not all(each.done() for each in sent):
            sequencer.step(now=True)
    receipts = [each.result() for each in sent]
    assert sum(each.fresh for each in receipts) == len(bodies)
    for n, each in enumerate(receipts[: len(bodies)]):
        assert each.receipt == receipts[n + len(bodies)].receipt
    ledger.settle()
    replayed = check(ledger.url, ledger.home)
    assert (replayed.batches, replayed.events, replayed.citizens) == (20, 800, 60)


def test_a_batch_that_loses_a_deadlock_is_tried_again(ledger, database, monkeypatch):
    """Another transaction holds the second event and comes for the first, as a batch in the other order does.

    PostgreSQL ends the one that has waited for a second when it looks: the batch, but on a busy machine perhaps the other;
    then the batch goes in at once, and the two meet again.
    """
    admit(ledger.bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)]))
    tried, real = [], intake._admit
    monkeypatch.setattr(intake, "_admit", lambda *args: tried.append(1) or real(*args))
    meetings, other_lost = 0, True
    while other_lost and meetings < 10:
        meetings += 1
        tried.clear()
        other_lost = _meets_another(ledger, database, [ledger.lender.payment(CITIZEN) for _ in range(2)])
        assert len(tried) == (1 if other_lost else 2)
    assert not other_lost, "the batch never lost"
    ledger.settle()
    assert check(ledger.url, ledger.home).events == 1 + 2 * meetings


def _meets_another(ledger, database, lines):
    """A batch of these lines is admitted, against a transaction that has the second; whether that was the one that lost."""
    insert = text(
        "INSERT INTO events SELECT 1000000, :n, citizen, furnisher, CAST(:id AS uuid), commitment FROM events LIMIT 1"
    )
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND :other = ANY(pg_blocking_pids(pid))")
    first, second = ({"n": n, "id": json.loads(line)["id"]} for n, line in enumerate(lines))
    with database.connect() as other, database.connect() as watch, ThreadPoolExecutor(1) as pool:
        other.execute(insert, second)
        its_pid = other.execute(text("SELECT pg_backend_pid()")).scalar_one()
        sent = pool.submit(admit, ledger.bureau, ledger.lender.batch(lines))
        while not watch.execute(waits, {"other": its_pid}).scalar_one():
            time.sleep(0.01)
        try:
            other.execute(insert, first)
        except DBAPIError as error:
            lost = isinstance(error.orig, DeadlockDetected)
            if not lost:
                raise
        else:
            lost = False
        other.rollback()
        assert sent.result(60).fresh
    return lost


def test_a_crash_before_the_commit_leaves_nothing(ledger, monkeypatch):
    from app.db import admission

    real = admission.insert_batches

    def insert_then_die(*args):
        real(*args)
        raise KeyboardInterrupt

    body = ledger.lender.batch([ledger.lender.payment(CITIZEN)])
    before = counts(ledger)
    monkeypatch.setattr(admission, "insert_batches", insert_then_die)
    with pytest.raises(KeyboardInterrupt):
        admit(ledger.bureau, body)
    monkeypatch.undo()
    assert counts(ledger) == before
    assert admit(ledger.bureau, body).fresh
    ledger.settle()
    check(ledger.url, ledger.home)


@pytest.mark.parametrize(("late_accounts", "limit"), [(3, 512), (3, 2)])
def test_r8_batches_about_the_same_accounts_wait_for_each_other(ledger, monkeypatch, late_accounts, limit):
    """With a lock an account, and with the one lock that stands for all when there are too many of them."""
    from app.db import admission

    monkeypatch.setattr(admission, "_ACCOUNT_LOCKS_MAX", limit)
    lender = ledger.lender
    for turn in range(5):
        accounts = [f"a-{turn}-{n}" for n in range(late_accounts)]
        bodies = []
        for ago, names in ((40, accounts), (39, accounts[::-1]), (38, accounts[:1])):
            day = lender.clock.day(ago)
            bodies.append(
                lender.batch(
                    [lender.status(CITIZEN, account=a, late=True, first_delinquent_on=day) for a in names]
                )
            )

        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(lambda body: rules_against(ledger, body), bodies))
        assert sorted(outcomes, key=len) == [set(), {"R8"}, {"R8"}]


def rules_against(ledger, body):
    """The rules that a batch was refused by; none when it was admitted."""
    try:
        admit(ledger.bureau, body)
    except RuleError as error:
        return {problem.rule for problem in error.problems}
    return set()


def test_an_erased_citizens_file_takes_nothing(ledger, monkeypatch):
    """Once their keys are destroyed nothing can be sealed for them."""
    from dataclasses import replace

    admit(ledger.bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)]))
    real = ledger.bureau.people.enrol
    monkeypatch.setattr(
        type(ledger.bureau.people),
        "enrol",
        lambda _self, *args: {i: replace(p, data_key=b"", salt_key=b"") for i, p in real(*args).items()},
    )
    before = counts(ledger)
    with pytest.raises(RuleError) as caught:
        admit(ledger.bureau, ledger.lender.batch([ledger.lender.payment(CITIZEN)]))
    assert [(p.line, p.rule) for p in caught.value.problems] == [(2, "R40")]
    assert counts(ledger) == before


def test_the_largest_batch_goes_in_and_one_more_event_does_not(ledger):
    from app.core.reporting.batch import EVENTS_MAX

    line = json.loads(ledger.lender.payment(CITIZEN))

    def numbered(count):
        start = line["id"][:-12]
        return [canon.encode(line | {"id": f"{start}{n:012x}"}) for n in range(count)]

    body = ledger.lender.batch(numbered(EVENTS_MAX))
    assert admit(ledger.bureau, body).fresh
    assert counts(ledger)["events"] == EVENTS_MAX
    with pytest.raises(CredenceError) as caught:
        ledger.lender.batch(numbered(EVENTS_MAX + 1))
    assert caught.value.code == "malformed"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_batch_is_refused_by_our_own_error_and_moves_nothing(ledger, data):
    body = bytearray(ledger.lender.batch([ledger.lender.payment(CITIZEN), ledger.lender.status(CITIZEN)]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        how = data.draw(st.sampled_from(["byte", "cut", "drop", "double"]))
        if how == "byte":
            body[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del body[at + 1 :]
        elif how == "drop":
            del body[at : at + data.draw(st.integers(1, 50))]
        else:
            body[at:at] = body[at : at + data.draw(st.integers(1, 50))]
        if not body:
            break
    before = counts(ledger)
    try:
        admission = admit(ledger.bureau, bytes(body))
    except CredenceError:
        assert counts(ledger) == before
    else:  # the mutation undid itself
        assert open_note(admission.receipt, [ledger.bureau.service.verifier]).verified


def test_no_admitted_batch_can_stop_the_blocks(ledger):
    """One batch names a bounded number of things, and so does the file that many batches make."""
    names = NAMES_PER_BATCH_MAX

    def months(first, count):
        return [
            ledger.utility.event("utility", CITIZEN, account=f"{n:05d}" + "m" * 59, status="on_time")
            for n in range(first, first + count)
        ]

    with pytest.raises(RuleError) as refused:
        ledger.admit(ledger.utility.batch(months(0, names + 1)))
    assert [(p.line, p.rule) for p in refused.value.problems] == [(names + 2, "limit")]
    for start in range(0, 5 * names, names):
        ledger.admit(ledger.utility.batch(months(start, names)))
    ledger.settle()
    ledger.admit(ledger.utility.batch(months(9_000, 1)))
    ledger.settle()
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN]
    proof = proofs.score_proof(ledger.bureau, person.id)
    kept = parse_score_proof(proof).shown.values["file"]["community"]
    assert len(kept) == names, "the fold keeps so many of one furnisher, and no more"
