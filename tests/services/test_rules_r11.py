"""R11 and R14: what is past its retention is gone, everywhere and for good, and everything else goes on as before."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
import orjson
import psycopg
import pytest
from click.testing import CliRunner

from app.cli import main
from app.core import canon
from app.core.errors import NotFoundError, RefusedError
from app.core.log import entries, merkle, notices
from app.core.state import account, account_state, sealing
from app.core.state.account_state import Opaque
from app.db import admission, people, state
from app.db import destruction as rows_destroyed
from app.db import engine as engines
from app.db import ledger as log_rows
from app.db.schema import metadata
from app.services.banks.inquiries import inquire
from app.services.bureau import Bureau, utc_now
from app.services.citizens import records
from app.services.citizens.links import create_link, open_link
from app.services.citizens.overview import overview
from app.services.ledger import block_maker, retention
from app.services.ledger import sequencer as sequencing
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.ledger.folding import FoldingPool
from app.services.ledger.intake import admit
from app.services.proving import proofs
from tests.services import replay
from tests.services.audited import Tamper, findings, opened_by_any, owner_dsn, surviving_keys, table
from tests.services.builders import Clock, Ledger
from tests.services.test_proofs import person_of, verify

CITIZEN, OTHER = "uci:1", "uci:2"
FIVE_YEARS_LATER = dt.datetime(2031, 11, 3, 4, 0, 0, tzinfo=dt.UTC)
SEALED = {"event_bodies": "batch, position, sealed", "account_bodies": "citizen, block, sealed"}


@pytest.fixture
def aged(ledger):
    """Two citizens, two late months of one of them, good reports five years later, and nothing destroyed yet."""
    lender = ledger.lender
    first = [
        *lender.card_history(CITIZEN, months=8, late_ago=6),
        *lender.card_history(OTHER, months=3),
        lender.status(CITIZEN, ago=2, late=True, account="loan-of-1"),
    ]
    ledger.admit(lender.batch(first))
    ledger.step()
    ledger.clock.moment = FIVE_YEARS_LATER
    fresh = [line for who in (CITIZEN, OTHER) for line in lender.card_history(who, months=7)[1:]]
    ledger.admit(lender.batch(fresh), ledger.enrolment.batch([ledger.enrolment.consent(CITIZEN)]))
    ledger.step()
    return ledger


def run(ledger, **more):
    return retention.run(ledger.bureau, lambda _: None, **more)


def destroy(ledger):
    """A run and the block that follows it."""
    done = run(ledger)
    assert (done.events, done.notices) == (2, 1)
    assert ledger.settle() == 1
    return done


def indices(ledger, citizen=CITIZEN):
    """Log index -> (batch, position) of a citizen's events in blocks."""
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        found = state.events_of_citizens(connection, [person.id])
    return {index: (row.batch, row.position) for row, index, _ in found if index is not None}


# ---- gone, everywhere


def test_r14_no_key_that_survives_opens_anything_destroyed_in_an_old_backup_or_here(aged):
    backup = {
        name: table(aged, name, columns) for name, columns in SEALED.items()
    }  # as `pg_dump` would have it
    own = set(indices(aged).values())
    lines = {row[:2]: opened_by_any(surviving_keys(aged), row[2]) for row in backup["event_bodies"]}
    assert all(lines.values()), "everything opens before"
    late = {place for place, line in lines.items() if b"late_30" in line}
    assert len(late) == 2
    assert late < own
    destroy(aged)
    secrets = surviving_keys(aged)
    person = person_of(aged.reopen(), CITIZEN)
    for row in backup["event_bodies"]:
        assert (opened_by_any(secrets, row[2]) is None) == (row[:2] in own)
    for citizen, _, sealed in backup["account_bodies"]:
        assert (opened_by_any(secrets, sealed) is None) == (citizen == person.id)
    now = {
        row[:2]: opened_by_any(secrets, row[2]) for row in table(aged, "event_bodies", SEALED["event_bodies"])
    }
    assert now == {place: line for place, line in lines.items() if place not in late}, (
        "the rest is there, to the byte"
    )
    states = [
        opened_by_any(secrets, row[2]) for row in table(aged, "account_bodies", SEALED["account_bodies"])
    ]
    assert not any(b"loan-of-1" in plain or b'"late"' in plain for plain in states)


def test_r14_scrubbed_the_newest_data_directory_holds_no_destroyed_key(aged):
    """PostgreSQL leaves deleted rows in its files; whoever carves out the old wrapped key could open an old backup."""
    person = person_of(aged.bureau, CITIZEN)
    old = dict(table(aged, "citizen_keys", "citizen, wrapped"))[person.id]
    with psycopg.connect(owner_dsn(aged.url), autocommit=True) as connection:
        folder = Path(connection.execute("SHOW data_directory").fetchone()[0])
        if not folder.is_dir():
            pytest.skip("the database is not on this machine")
        destroy(aged)
        connection.execute("CHECKPOINT")
        assert files_with(folder, old), "it is a deleted row"
    assert retention.scrub(aged.bureau)
    assert files_with(folder, old) == []
    new = dict(table(aged, "citizen_keys", "citizen, wrapped"))[person.id]
    assert files_with(folder, new), "that is how one looks for a key"
    assert findings(aged) == []


def files_with(folder, wrapped):
    """The files under a folder that hold the first half of these bytes: a page may end there."""
    found = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and wrapped[:68] in path.read_bytes():
                found.append(path)
    return found


def test_what_is_announced_has_to_be_destroyed_before_the_files_are_scrubbed(aged):
    assert run(aged).notices == 1
    with pytest.raises(RefusedError, match="is the sequencer at work"):
        retention.scrub(aged.bureau, patience_s=0)


def test_r14_nothing_of_it_is_in_any_other_table(aged):
    destroy(aged)
    names = [each.name for each in metadata.sorted_tables if len(each.columns) > 1]
    commitments = {row[0] for row in table(aged, "events", "commitment, batch")}
    assert len(commitments) == len(table(aged, "events")), "commitments stay"
    for name in names:
        assert b"loan-of-1" not in repr(table(aged, name)).encode()
        assert b"first_delinquent" not in repr(table(aged, name)).encode()


# ---- everything else stays


def test_r11_old_proofs_verify_and_new_ones_say_the_same_score(aged):
    person = person_of(aged.bureau, CITIZEN)
    old = proofs.score_proof(aged.bureau, person.id)
    before = verify(aged, old, CITIZEN)
    shown = overview(aged.bureau, person.id)
    destroy(aged)
    assert verify(aged, old, CITIZEN) == before
    new = verify(aged, proofs.score_proof(aged.bureau, person.id), CITIZEN)
    assert (new.score, new.receipt) == (before.score, before.receipt)
    assert new.score is not None
    assert new.shown["history"]["size"] == before.shown["history"]["size"]
    assert new.shown["history"]["root"] == before.shown["history"]["root"]
    assert "loan-of-1" in str(before.shown["file"])
    assert "loan-of-1" not in str(new.shown["file"])
    gone = late_positions(aged)
    assert len(gone) == 2
    parts = [Opaque(position, "retention", "2031-11-03") for position in gone]
    assert new.shown["history"]["opaque"] == account_state.opaque_hash(parts)
    after = overview(aged.bureau, person.id)
    assert (after.score, after.criteria, after.reasons) == (shown.score, shown.criteria, shown.reasons)
    assert not any(view.negative for view in records.entries(aged.bureau, person.id).items)
    assert (shown.past.is_cut, after.past.is_cut) == (False, True), (
        "older scores went with what they were made of"
    )
    assert [point.score for point in after.past.points] == [after.score]


def late_positions(ledger):
    """Positions in the citizen tree of the events that have no body."""
    own = indices(ledger)
    there = {row[:2] for row in table(ledger, "event_bodies", SEALED["event_bodies"])}
    return [n for n, index in enumerate(sorted(own)) if own[index] not in there]


def test_r11_the_leaf_of_what_is_gone_is_still_in_the_log_and_in_the_citizen_s_tree(aged):
    line = next(line for place, line in opened_bodies(aged).items() if b"loan-of-1" in line)
    destroy(aged)
    log = replay.log_of(aged.url)
    entry = entries.event_entry(sha256(line).digest())
    index = log.index(entry)
    leaf = merkle.leaf_hash(entry)
    own = sorted(indices(aged))
    person = person_of(aged.reopen(), CITIZEN)
    hashes = [
        merkle.leaf_hash(
            account.citizen_entry(account.salt(person.salt_key, "event", i), i, merkle.leaf_hash(log[i]))
        )
        for i in own
    ]
    verified = verify(aged, proofs.score_proof(aged.bureau, person.id), CITIZEN)
    assert merkle.root(hashes).hex() == verified.shown["history"]["root"]
    assert index in own
    assert leaf == merkle.leaf_hash(log[index])


def opened_bodies(ledger):
    secrets = surviving_keys(ledger)
    return {
        row[:2]: opened_by_any(secrets, row[2])
        for row in table(ledger, "event_bodies", SEALED["event_bodies"])
    }


def test_r11_a_proof_of_an_older_block_says_that_the_plaintext_is_gone(aged):
    person = person_of(aged.bureau, CITIZEN)
    destroy(aged)
    bureau = aged.reopen()
    with bureau.transaction() as connection:
        for number in (0, 1):
            at = proofs.snapshot_at(bureau, connection, number)
            with pytest.raises(NotFoundError, match=f"as of block {number} was destroyed") as gone:
                proofs.account_at(connection, person, at)
            assert gone.value.code == "destroyed"
        other = bureau.people.find(connection, [OTHER])[OTHER]
        assert proofs.account_at(connection, other, proofs.snapshot_at(bureau, connection, 0))[0] == 0
    bureau.close()


def test_the_record_shows_what_was_removed_and_nothing_that_is_over_r10(aged):
    person = person_of(aged.bureau, CITIZEN)
    before = records.entries(aged.bureau, person.id)
    assert [each.day for each in before.removed] == [None, None], "over, and not destroyed yet"
    assert not any(view.negative for view in before.items)
    destroy(aged)
    after = records.entries(aged.bureau, person.id)
    assert [(each.log_index, each.reason, each.day) for each in after.removed] == [
        (each.log_index, "retention", "2031-11-03") for each in before.removed
    ]
    assert after.items == before.items
    assert records.entries(aged.bureau, person_of(aged.bureau, OTHER).id).removed == []


# ---- the ledger goes on


def test_a_service_that_remembers_the_old_key_never_uses_it_again(aged):
    """Web workers remember citizens' keys: what they seal and open behind the block is under the new one."""
    web = aged.reopen()
    lender, bank = aged.lender, aged.bank
    admit(web, lender.batch([lender.status(CITIZEN, account="x")]))  # it remembers CITIZEN now
    aged.step()
    old = web.people._persons[CITIZEN]
    destroy(aged)
    admit(web, lender.batch([lender.status(CITIZEN, account="loan-of-1", late=True)]))
    assert web.people._persons[CITIZEN].data_key != old.data_key
    answer = inquire(web, bank.batch([bank.inquiry(CITIZEN)]))
    assert answer.answer["block"] == 3
    open_link(web, create_link(web, CITIZEN))
    assert aged.step()
    web.close()
    assert replay.check(aged.url, aged.home).blocks == 5
    assert findings(aged) == []


def test_an_inquiry_that_is_repeated_gets_its_answer_until_that_file_is_gone(aged):
    bank = aged.bank
    asked = bank.batch([bank.inquiry(CITIZEN)])
    first = inquire(aged.bureau, asked)
    assert inquire(aged.bureau, asked) == first
    aged.step()
    destroy(aged)
    with pytest.raises(NotFoundError, match="as of block 1 was destroyed") as gone:
        inquire(aged.bureau, asked)
    assert gone.value.code == "destroyed"
    assert verify(aged, first.proof, CITIZEN).score == first.answer["score"]
    assert inquire(aged.bureau, bank.batch([bank.inquiry(CITIZEN)])).answer["block"] > first.answer["block"]


def test_a_citizen_of_whom_nothing_can_be_read_keeps_a_leaf_and_comes_back(aged):
    lender = aged.lender
    aged.admit(lender.batch([lender.status("uci:9", late=True, ago=1900)]))
    aged.step()
    assert run(aged).concerned == 2
    aged.settle()
    assert findings(aged) == []
    proof = verify(aged, proofs.score_proof(aged.bureau, person_of(aged.bureau, "uci:9").id), "uci:9")
    assert proof.insufficient == ("too_young", "nothing_reported")
    assert (proof.shown["history"]["size"], proof.shown["file"]) == (1, {})
    aged.admit(lender.batch([lender.opened("uci:9")]))
    aged.step()
    proof = verify(aged, proofs.score_proof(aged.bureau, person_of(aged.bureau, "uci:9").id), "uci:9")
    assert proof.shown["history"]["size"] == 2
    assert findings(aged) == []
    replay.check(aged.url, aged.home)


def test_what_waits_for_the_next_block_is_sealed_anew_too(aged):
    assert run(aged).notices == 1
    lender = aged.lender
    aged.admit(
        lender.batch([lender.status(CITIZEN, account="x")])
    )  # behind the notice, perhaps in a later block
    assert aged.settle() == 2
    assert run(aged).events == 0
    assert replay.check(aged.url, aged.home).blocks == 4
    assert findings(aged) == []


def test_a_repair_a_second_run_and_new_years_go_on_from_there(aged):
    destroy(aged)
    lender, index = aged.lender, max(indices(aged))
    aged.admit(lender.batch([lender.status(CITIZEN, account="y", late=True, ago=20)]))
    aged.step()
    aged.admit(
        lender.batch([lender.event("retraction", CITIZEN, target=max(indices(aged)), reason="ordered")])
    )
    aged.step()
    assert index < max(indices(aged))
    assert findings(aged) == []
    aged.clock.move(days=5 * 366)
    aged.admit(lender.batch(lender.card_history(CITIZEN, months=6)[1:]))
    aged.step()
    done = run(aged)
    assert (done.concerned, done.events) == (1, 2), "the late report and its retraction"
    aged.settle()
    assert findings(aged) == []
    replay.check(aged.url, aged.home)
    assert len(records.entries(aged.bureau, person_of(aged.bureau, CITIZEN).id).removed) == 4


def test_intake_waits_for_a_block_that_destroys_and_the_block_for_intake(aged):
    """Nobody seals under a key that is being replaced: either one goes first."""
    web = aged.reopen()
    lender = aged.lender
    assert run(aged).notices == 1
    done = []

    def make_block():
        done.append(aged.settle())

    worker = threading.Thread(target=make_block)
    with web.transaction() as connection:
        web.people.hold(connection)
        worker.start()
        with psycopg.connect(owner_dsn(aged.url), autocommit=True) as watcher:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while watcher.execute(query).fetchone() == (0,):
                assert worker.is_alive(), "the block waits for whoever holds the keys"
        assert not done
    worker.join(timeout=60)
    assert done == [1]
    admit(web, lender.batch([lender.status(CITIZEN, account="x")]))
    aged.step()
    web.close()
    assert replay.check(aged.url, aged.home).blocks == 4


def test_many_entries_make_several_notices_and_a_block_each(aged, monkeypatch):
    lender = aged.lender
    people_ = [f"uci:{n}" for n in range(10, 17)]
    old = [lender.status(who, late=True, ago=1900 - n, account=f"a{n}") for who in people_ for n in range(3)]
    aged.admit(lender.batch(old))
    aged.step()
    monkeypatch.setattr(notices, "DESTROYED_MAX", 2)
    done = run(aged)
    assert (done.concerned, done.events) == (8, 23)
    assert done.notices == 15, "three entries of a citizen are two notices"
    assert run(aged).events == 0, "what is announced is not announced again"
    assert aged.settle() == 15
    monkeypatch.undo()
    assert findings(aged) == []
    replay.check(aged.url, aged.home)


def test_who_has_news_is_left_to_the_next_run(aged):
    lender = aged.lender
    aged.admit(lender.batch([lender.status(CITIZEN, account="x")]))
    assert run(aged).events == 0
    aged.step()
    destroy(aged)


def test_the_pool_and_the_block_that_destroys_share_the_work(aged, monkeypatch):
    monkeypatch.setattr(block_maker, "IN_PROCESS_EVENTS_MAX", 0)
    lender = aged.lender
    assert run(aged).notices == 1
    aged.admit(lender.batch([lender.status(who, account="x") for who in (CITIZEN, OTHER)]))
    pool = FoldingPool(aged.url, aged.bureau.people.keyring, 2)
    try:
        with aged.sequencer(pool=pool) as sequencer:
            while aged.waiting():
                sequencer.step(now=True)
    finally:
        pool.close()
    replay.check(aged.url, aged.home)
    assert findings(aged) == []


# ---- all or nothing


class FaultError(Exception):
    pass


FAULTS = [
    (people, "lock_keys"),
    (rows_destroyed, "owners"),
    (rows_destroyed, "seal_anew"),
    (state, "copy_accounts"),
    (log_rows, "insert_block"),
]


@pytest.mark.parametrize(("owner", "name"), FAULTS, ids=[name for _, name in FAULTS])
def test_a_block_that_fails_destroys_nothing(aged, monkeypatch, owner, name):
    assert run(aged).notices == 1
    tables = [*SEALED, "citizen_keys", "accounts"]
    before = [table(aged, each) for each in tables]
    with monkeypatch.context() as patch:
        real = getattr(owner, name)

        def failing(*arguments):
            real(*arguments)
            raise FaultError

        patch.setattr(owner, name, failing)
        with pytest.raises(FaultError):
            aged.step()
    assert [table(aged, each) for each in tables] == before
    assert aged.settle() == 1
    assert replay.check(aged.url, aged.home).blocks == 3
    assert findings(aged) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from app.db import destruction, ledger
from app.services.bureau import Bureau, utc_now
from app.services.home import Home
from app.services.ledger.sequencer import Sequencer
owner, name = {"seal_anew": (destruction, "seal_anew"), "insert_block": (ledger, "insert_block")}[sys.argv[3]]
real = getattr(owner, name)
def dying(*arguments):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, name, dying)
with Sequencer(Bureau.open(Home(Path(sys.argv[1])), sys.argv[2])) as sequencer:
    sequencer.step(now=True)
"""


@pytest.mark.parametrize("name", ["seal_anew", "insert_block"])
def test_kill_9_in_the_middle_destroys_nothing_and_the_next_block_does(aged, name):
    assert run(aged).notices == 1
    before = [table(aged, each) for each in (*SEALED, "citizen_keys")]
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(aged.home.path), aged.url, name], check=False, env=dict(os.environ)
    )
    assert died.returncode == -signal.SIGKILL
    assert [table(aged, each) for each in (*SEALED, "citizen_keys")] == before
    with aged.sequencer(patience_s=30) as sequencer:
        assert sequencer.step(now=True)
    replay.check(aged.url, aged.home)
    assert findings(aged) == []


def test_a_user_that_may_not_destroy_is_told_so_and_nothing_happens(aged, administer):
    name = f"credence_weak_{os.getpid()}"
    administer(f"CREATE ROLE {name} LOGIN")
    administer(f"GRANT credence_app TO {name}")
    try:
        weak = engines.make_url(aged.url).set(username=name).render_as_string(hide_password=False)
        bureau = Bureau.open(aged.home, weak, now=aged.clock)
        with pytest.raises(RefusedError, match="GRANT credence_retention"):
            retention.run(bureau, lambda _: None)
        assert retention.run(bureau, lambda _: None, dry=True).events == 2
        assert run(aged).notices == 1
        with (
            pytest.raises(RefusedError, match=f"GRANT credence_retention TO {name}"),
            sequencing.Sequencer(bureau) as s,
        ):
            s.step(now=True)
        bureau.close()
    finally:
        administer(f"DROP ROLE {name}")
    assert aged.settle() == 1


# ---- the audit


def test_the_audit_says_what_is_opaque_and_finds_nothing(aged):
    destroy(aged)
    source = DatabaseSource.open(aged.home, aged.url)
    report = audit(lambda: source, lambda *_: None, ledger_key=aged.bureau.verifier, processes=0)
    source.close()
    assert report.findings == []
    opaque = report.opaque
    assert (opaque.events, opaque.versions, opaque.citizens) == (2, 2, 1)
    assert (opaque.since_block, opaque.since_day) == (2, "2031-11-03")


def test_the_audit_names_every_lie(aged):
    kept = {name: Tamper(aged).rows(name) for name in (*SEALED, "citizen_keys")}
    destroy(aged)
    tamper = Tamper(aged)
    assert tamper.audit() == []
    gone = [
        row
        for row in kept["event_bodies"]
        if (row["batch"], row["position"])
        not in {(r["batch"], r["position"]) for r in tamper.rows("event_bodies")}
    ]
    own = set(indices(aged).values())
    person = person_of(aged.bureau, CITIZEN)
    secrets = sealing.unwrap(
        aged.home.secret("wrap.key"),
        person.id,
        person.key,
        next(r["wrapped"] for r in tamper.rows("citizen_keys") if r["citizen"] == person.id),
    )

    def found(table_name, old, new):
        with tamper.replaced(table_name, old, new):
            return tamper.audit()

    # the destroyed body is still there, under the old key or under the new one
    place = (
        f"event_bodies: batch {gone[0]['batch']} position {gone[0]['position']}: block 2 was to destroy it"
    )
    assert any(f.startswith(place) for f in found("event_bodies", [], [gone[0]]))
    again = gone[0] | {"sealed": sealing.seal(secrets.data_key, bytes(24), b"{}")}
    assert any(f.startswith(place) for f in found("event_bodies", [], [again]))
    # so is an old version of the account
    old = next(row for row in kept["account_bodies"] if row["citizen"] == person.id)
    what = f"account_bodies: citizen {person.id} block {old['block']}: was to be destroyed"
    assert any(f.startswith(what) for f in found("account_bodies", [], [old]))
    # a body is missing that no notice names
    survivor = next(r for r in tamper.rows("event_bodies") if (r["batch"], r["position"]) in own)
    what = (
        f"event_bodies: batch {survivor['batch']} position {survivor['position']}: the sealed body is missing"
    )
    assert what in found("event_bodies", [survivor], [])
    # the values that stand in are those that were signed, and none is left out
    versions = [row for row in tamper.rows("accounts") if row["citizen"] == person.id]
    for version in versions[:2]:
        assert any(
            f"blocks: block {version['block']}: state" in f
            for f in found("accounts", [version], [version | {"value": bytes(32)}])
        )
        missing = f"accounts: citizen {person.id} block {version['block']}: this version is missing"
        assert missing in found("accounts", [version], [])
    # `opaque` of the newest state is what the notices say
    newest = next(
        row for row in tamper.rows("account_bodies") if (row["citizen"], row["block"]) == (person.id, 2)
    )
    opened = account_state.decode(sealing.unseal(secrets.data_key, newest["sealed"]))
    history = orjson.loads(bytes(opened.history)) | {"opaque": account_state.opaque_hash([])}
    lie = account_state.encode(msgspec.structs.replace(opened, history=canon_raw(history)))
    bad = newest | {"sealed": sealing.seal(secrets.data_key, bytes(24), lie)}
    what = f"account_bodies: citizen {person.id} block 2: history is not what the events fold to"
    assert what in found("account_bodies", [newest], [bad])
    tamper.close()


def canon_raw(value):
    return msgspec.Raw(canon.encode(value))


def announce(ledger, *log_indices):
    """A notice as a bureau that lies would admit it."""
    with ledger.bureau.transaction() as connection:
        notice = notices.destroyed(log_indices, "retention", ledger.bureau.now())
        return admission.insert_notice(connection, notices.encode(notice))


def test_the_audit_judges_what_is_announced_while_it_can_still_be_read(aged):
    young = max(indices(aged))
    number = announce(aged, young)
    assert findings(aged) == [
        f"notices: notice {number}: destroys log index {young:,}, which is not past its retention on 2031-11-03"
    ]


def test_a_notice_that_names_what_is_no_event_or_not_there_yet_destroys_nothing_and_is_found(aged):
    destroy(aged)
    bodies = table(aged, "event_bodies")
    size = replay.Rows(aged.url).blocks[-1][1]
    already = sorted(indices(aged))[late_positions(aged)[0]]
    number = announce(aged, 0, already, size - 1, size + 5)
    lender = aged.lender
    aged.admit(lender.batch([lender.status(CITIZEN, account="x") for _ in range(9)]))
    assert aged.settle() >= 1
    assert len(table(aged, "event_bodies")) == len(bodies) + 9
    passed_over = (
        f"destroys what is in no earlier block, or was destroyed before: log index {already:,}, {size + 5:,}"
    )
    assert sorted(findings(aged)) == [
        f"notices: notice {number}: destroys log index 0, which is no event",
        f"notices: notice {number}: destroys log index {size - 1:,}, which is no event",
        f"notices: notice {number}: {passed_over}",
    ]


class Meanwhile:
    """A source behind which something happens once, between the log and the citizens."""

    def __init__(self, source, action):
        self._source, self._action = source, action

    def __getattr__(self, name):
        if name == "citizen_pages" and self._action:
            action, self._action = self._action, None
            action()
        return getattr(self._source, name)


@pytest.mark.parametrize("announced_before", [True, False])
def test_an_audit_under_way_when_something_is_destroyed_finds_nothing(aged, announced_before):
    if announced_before:
        assert run(aged).notices == 1
    source = DatabaseSource.open(aged.home, aged.url)

    def act():
        if not announced_before:
            run(aged)
        aged.settle()

    meanwhile = Meanwhile(source, act)
    report = audit(lambda: meanwhile, lambda *_: None, ledger_key=aged.bureau.verifier, processes=0)
    assert (report.findings, report.opaque) == ([], None)
    # and the same without a notice is found
    tamper = Tamper(aged)
    row = next(
        r for r in tamper.rows("event_bodies") if (r["batch"], r["position"]) in set(indices(aged).values())
    )
    meanwhile = Meanwhile(source, lambda: (aged.report(1), aged.step(), tamper.delete("event_bodies", row)))
    report = audit(lambda: meanwhile, lambda *_: None, ledger_key=aged.bureau.verifier, processes=0)
    assert [str(f) for f in report.findings] == [
        f"event_bodies: batch {row['batch']} position {row['position']}: the sealed body is missing"
    ]
    tamper.close()
    source.close()


# ---- the command


def test_the_command_counts_then_announces(database_url, tmp_path):
    """It goes by the real clock, so this ledger began seven years before it."""
    long_ago = utc_now() - dt.timedelta(days=7 * 366)
    old = Ledger(tmp_path / "home", database_url, clock=Clock(long_ago))
    lender = old.lender
    old.admit(lender.batch([lender.opened(CITIZEN), lender.status(CITIZEN, late=True), lender.opened(OTHER)]))
    old.step()

    def command(*arguments):
        environment = {"DATABASE_URL": old.url, "CREDENCE_HOME": str(old.home.path)}
        result = CliRunner().invoke(main, ["retention", *arguments], env=environment)
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    counted = "Looked at 2 citizens: 1 events of 1 citizens are past their retention."
    assert command("--dry-run") == command("--dry-run", "--thorough") == [counted]
    assert command() == [counted, "The next blocks destroy their plaintext, as 1 notices in the ledger say."]
    old.clock.moment = utc_now()
    assert old.settle() == 1
    none = "Looked at 2 citizens: 0 events of 0 citizens are past their retention."
    assert command("--scrub")[0] == none
    old.close()
