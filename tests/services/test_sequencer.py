"""The sequencer: what stands in a block, when there is one, and that it is one or none whatever fails on the way."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from app.core.errors import DamagedError, RefusedError
from app.core.log import merkle, notices
from app.core.log.block import NO_PREVIOUS, Block
from app.core.log.entries import batch_entry, event_entry
from app.core.log.note import Signer
from app.core.reporting.batch import parse_batch
from app.core.scoring.scorecard import expert_card
from app.core.state import sealing
from app.core.state.trie_store import Trie
from app.db import admission, session, state
from app.db import ledger as log_rows
from app.db.engine import make_engine
from app.services.home import Home
from app.services.ledger import block_maker as maker
from app.services.ledger import folding, intake, public_log, publishing
from app.services.ledger import sequencer as module
from app.services.ledger.register import register_key, revoke_key
from tests.services import replay
from tests.services.builders import LENDER, ORIGIN, UTILITY, Desk, card

# ---- what stands in a block


def block_at(ledger, number=-1):
    """A block by its number, or from the end."""
    return Block.parse(replay.Rows(ledger.url).blocks[number][3])


def entries_of(batch):
    """The entries that a batch becomes."""
    file = parse_batch(batch)
    return [
        batch_entry(file.batch_hash),
        *(event_entry(hashlib.sha256(line).digest()) for line in file.lines),
    ]


def test_batches_and_notices_stand_in_the_order_of_their_admission_and_the_block_ends_it(ledger):
    desk = ledger.lender
    before = desk.batch([desk.status("uci:2"), desk.status("uci:1"), desk.statement("uci:2")])
    between = Signer.generate_from_seed("late.example", bytes(32))
    after = ledger.utility.batch([ledger.utility.utility("uci:1")])
    ledger.admit(before)
    register_key(ledger.bureau, between, "lender")
    ledger.admit(after)
    assert ledger.step()
    log = replay.log_of(ledger.url)
    assert [entry[0] for entry in log] == [4] * 8 + [2, 1, 1, 1] + [4] + [2, 1] + [3]
    assert log[8:12] == entries_of(before)
    assert notices.decode(log[12][1:]).name == between.name
    assert log[13:15] == entries_of(after)
    assert isinstance(notices.decode(log[0][1:]), notices.Genesis)
    assert replay.check(ledger.url, ledger.home).events == 4


def test_blocks_chain_by_the_leaf_hash_of_the_one_before(ledger):
    for first in (1, 2, 3):
        ledger.report(1, first=first)
        ledger.step()
    blocks = [Block.parse(row[3]) for row in replay.Rows(ledger.url).blocks]
    assert [block.number for block in blocks] == [0, 1, 2]
    assert [block.previous for block in blocks] == [
        NO_PREVIOUS,
        *(merkle.leaf_hash(b.entry()) for b in blocks[:2]),
    ]
    assert [block.accounts for block in blocks] == [1, 2, 3]
    replay.check(ledger.url, ledger.home)


def test_block_says_what_made_its_scores(ledger):
    ledger.report(1)
    ledger.step()
    block = block_at(ledger)
    assert block.scorecard == hashlib.sha256(expert_card().document).digest()
    assert block.vrf == ledger.bureau.vrf.public
    assert block.time == ledger.clock()
    with ledger.bureau.transaction() as connection:
        assert block.keys == ledger.bureau.register(connection).root()


@pytest.mark.parametrize("back", [{"seconds": -1}, {"hours": -13}, {"days": -400}])
def test_neither_time_nor_day_goes_back_with_the_clock(ledger, clock, back):
    ledger.report(1)
    ledger.step()
    first = block_at(ledger)
    clock.move(**back)
    ledger.report(1, first=2)
    ledger.step()
    second = block_at(ledger)
    assert (second.time, second.as_of) == (first.time, first.as_of)
    clock.move(**{unit: -2 * by for unit, by in back.items()})
    ledger.report(1, first=3)
    ledger.step()
    third = block_at(ledger)
    assert third.time == clock() > second.time
    assert third.as_of == dt.date.fromisoformat(clock.day())
    replay.check(ledger.url, ledger.home)


def test_day_of_a_block_is_the_ledgers_local_day(ledger, clock):
    clock.moment = dt.datetime(2026, 11, 2, 15, 59, 59, tzinfo=dt.UTC)  # 23:59:59 at +08:00
    ledger.report(1)
    ledger.step()
    assert block_at(ledger).as_of == dt.date(2026, 11, 2)
    clock.move(seconds=1)
    ledger.report(1, first=2)
    ledger.step()
    assert block_at(ledger).as_of == dt.date(2026, 11, 3)


# ---- when there is a block


def test_there_is_a_block_on_a_new_day_even_if_nothing_happened(ledger, clock):
    ledger.report(1)
    with ledger.sequencer() as sequencer:
        assert sequencer.step()
        assert not sequencer.step(now=True)
        clock.move(hours=11)
        assert not sequencer.step(now=True), "still the same local day"
        clock.move(hours=1)
        assert sequencer.step()
        assert not sequencer.step(now=True)
        clock.move(days=3)
        assert sequencer.step()
        assert not sequencer.step(now=True), "one for the day, none for the days that nobody was there"
    found = replay.check(ledger.url, ledger.home)
    assert (found.blocks, found.events) == (3, 7)
    assert [entry[0] for entry in replay.log_of(ledger.url)][-3:] == [3, 3, 3]


def test_empty_ledger_makes_its_first_block_of_the_notices_alone(ledger):
    with ledger.sequencer() as sequencer:
        assert sequencer.step()
    found = replay.check(ledger.url, ledger.home)
    assert (found.blocks, found.events, found.citizens, found.tree_size) == (1, 0, 0, 9)
    assert block_at(ledger).state == bytes(32)


def test_what_was_admitted_waits_for_the_interval_unless_a_block_is_full(ledger, monkeypatch):
    seconds = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    with ledger.sequencer(events_max=14) as sequencer:
        assert sequencer.step()
        ledger.report(1)
        assert not sequencer.step()
        seconds[0] += module.BLOCK_INTERVAL_S
        assert sequencer.step()
        ledger.report(1, first=2)
        ledger.report(1, first=3)
        assert sequencer.step(), "14 events are more than half of 14: no waiting"
        assert ledger.waiting() == 0


def settled(ledger):
    with ledger.bureau.transaction() as connection:
        return connection.execute("SELECT block, admission FROM settled ORDER BY block").fetchall()


def test_what_is_settled_is_known_after_a_restart(ledger):
    for number in (1, 2, 3):
        ledger.report(1, first=number)
        ledger.step()
    with ledger.sequencer() as sequencer:
        for number in (4, 5):
            ledger.report(1, first=number)
            assert sequencer.step(now=True)
        last = settled(ledger)[-1]
    ledger.report(1, first=6)
    ledger.step()
    assert settled(ledger)[-1][1] >= last[1] > 0


def test_batch_that_takes_long_to_admit_gets_into_a_block_however_many_overtake_it(ledger, monkeypatch):
    drawn, go_on, insert = threading.Event(), threading.Event(), admission.insert_batches

    def slowly(connection, ids, batches):
        if batches[0].furnisher == UTILITY:
            drawn.set()
            assert go_on.wait(60)
        insert(connection, ids, batches)

    monkeypatch.setattr(admission, "insert_batches", slowly)
    slow = ledger.utility.batch([ledger.utility.utility("uci:1")])
    with ledger.sequencer() as sequencer, ThreadPoolExecutor(1) as pool:
        while sequencer.step(now=True):
            pass
        admitted = pool.submit(ledger.admit, slow)
        assert drawn.wait(60)
        for number in range(2, 6):
            ledger.report(1, first=number)
            assert sequencer.step(now=True)
            assert not sequencer.step(now=True)
        go_on.set()
        admitted.result()
        for number in range(6, 9):
            ledger.report(1, first=number)
            assert sequencer.step(now=True)
        assert ledger.waiting() == 0
        assert sequencer._memory.placed_below > 0
    placed = {row[0]: row[2] for row in replay.Rows(ledger.url).placements}
    for block, upto in settled(ledger):
        assert all(number <= block for admission, number in placed.items() if admission <= upto)
    assert upto > min(admission for admission, number in placed.items() if number == block - 3), "it goes on"
    assert replay.check(ledger.url, ledger.home).events == 7 * 7 + 1


def test_blocks_hold_no_more_events_than_allowed_and_batches_stay_whole(ledger):
    desk = ledger.lender
    sizes = [4, 4, 5, 8, 12, 1]
    for number, size in enumerate(sizes):
        ledger.admit(desk.batch([desk.status(f"uci:{number + 1}", account=f"c{n}") for n in range(size)]))
    assert module.BLOCK_EVENTS_MAX == 65_536
    with ledger.sequencer(events_max=12) as sequencer:
        while sequencer.step(now=True):
            pass
    rows = replay.Rows(ledger.url)
    events = [
        sum(
            rows.batches[admission][1]
            for admission, _, block in rows.placements
            if block == number and admission in rows.batches
        )
        for number in range(len(rows.blocks))
    ]
    assert events == [8, 5, 8, 12, 1]
    assert replay.check(ledger.url, ledger.home).events == sum(sizes)


# ---- aging


def test_account_is_scored_again_when_its_until_has_come_and_not_before(ledger, clock):
    ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:1", months=3, late_ago=2)))
    ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:2", months=8)))
    ledger.admit(ledger.utility.batch([ledger.utility.utility("uci:3")]))
    ledger.step()
    days = []
    while (until := min(row[3] for row in newest_versions(ledger))) < NEVER and len(days) < 8:
        clock.move(days=(until - local_day(clock)).days - 1)
        before = replay.Rows(ledger.url).accounts
        ledger.step()
        assert block_at(ledger).as_of == until - dt.timedelta(days=1)
        assert replay.Rows(ledger.url).accounts == before, "no new leaf on the day before"
        clock.move(days=1)
        assert ledger.step()
        rows = replay.Rows(ledger.url)
        aged = [row for row in rows.accounts if row not in before]
        assert aged, "a new leaf on the day"
        assert all(row[0] == rows.blocks[-1][0] and row[3] > until for row in aged)
        replay.check(ledger.url, ledger.home)
        days.append(until)
    assert len(days) >= 3


def newest_versions(ledger):
    """The last row of each account."""
    return list({row[1]: row for row in replay.Rows(ledger.url).accounts}.values())


def local_day(clock):
    return dt.date.fromisoformat(clock.day())


NEVER = dt.date(2199, 12, 31)


def test_account_that_ages_and_has_news_in_one_block_is_written_once(ledger, clock):
    ledger.report(1)
    ledger.step()
    until = replay.Rows(ledger.url).accounts[0][3]
    clock.move(days=(until - dt.date.fromisoformat(clock.day())).days + 5)
    ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:1")]))
    ledger.step()
    assert [row[0] for row in replay.Rows(ledger.url).accounts] == [0, 1]
    replay.check(ledger.url, ledger.home)


def test_new_scorecard_scores_everybody_again_in_the_block_that_places_its_notice(ledger):
    ledger.report(3)
    ledger.step()
    digest = ledger.publish(card("Another card"))
    ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:1")]))
    ledger.step()
    assert block_at(ledger).scorecard.hex() == digest
    assert [row[0] for row in replay.Rows(ledger.url).accounts] == [0, 0, 0, 1, 1, 1]
    replay.check(ledger.url, ledger.home)
    assert not ledger.step(), "and that was it"


# ---- keys


def test_key_is_judged_at_the_index_of_the_batch_entry(ledger):
    old, new = ledger.signers[LENDER], Signer.generate_from_seed(LENDER, b"n" * 32)
    before = ledger.lender.batch([ledger.lender.status("uci:1")])
    ledger.admit(before)
    with ledger.bureau.transaction() as connection:
        rotated = notices.key_rotated(new, "lender", ORIGIN, ledger.clock(), old=old)
        admission.insert_notice(connection, notices.encode(rotated))
    desk = Desk(new, ORIGIN, ledger.clock)
    ledger.admit(desk.batch([desk.status("uci:1", account="c-2")]))
    revoke_key(ledger.bureau, UTILITY, "utility", "lost")
    ledger.step()
    log = replay.log_of(ledger.url)
    assert [entry[0] for entry in log] == [4] * 8 + [2, 1] + [4] + [2, 1] + [4] + [3]
    assert replay.check(ledger.url, ledger.home).batches == 2


def test_batch_of_a_key_that_is_not_valid_at_its_place_stops_the_sequencer(ledger, monkeypatch):
    ledger.step()
    batch = ledger.utility.batch([ledger.utility.utility("uci:1")])
    roles = frozenset({"utility"})
    revoke_key(ledger.bureau, UTILITY, "utility", "lost")
    with monkeypatch.context() as patch:  # an intake that does not look
        patch.setattr(intake, "check_signature", lambda *_: roles)
        ledger.admit(batch)
    with (
        ledger.sequencer() as sequencer,
        pytest.raises(RefusedError, match="not signed by a key valid at index 10"),
    ):
        sequencer.step(now=True)
    assert len(replay.Rows(ledger.url).blocks) == 1


def test_batch_with_a_receipt_that_is_not_ours_is_taken_when_its_signature_holds(ledger, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ledger.bureau, "service", Signer.generate_from_seed("stranger.example", b"s" * 32))
        ledger.report(1)
    assert ledger.step()
    assert replay.check(ledger.url, ledger.home).batches == 1


WRONG_SIGNATURE = "note = left(note, -40) || reverse(left(right(note, 40), 20)) || right(note, 20)"


@pytest.mark.parametrize("revoked", [False, True])
def test_receipt_vouches_for_a_signature_while_the_service_key_is_valid(ledger, database, revoked):
    ledger.step()
    if revoked:
        revoke_key(ledger.bureau, ledger.bureau.service.name, "service", "stolen")
    ledger.admit(ledger.utility.batch([ledger.utility.utility("uci:1")]))
    with database.begin() as owner:
        owner.execute(text("SET session_replication_role = replica"))  # no triggers
        owner.execute(text(f"UPDATE batches SET {WRONG_SIGNATURE}"))
    with ledger.sequencer() as sequencer:
        if revoked:
            with pytest.raises(RefusedError, match="not signed by a key"):
                sequencer.step(now=True)
        else:
            assert sequencer.step(now=True), "only the audit finds it"


def test_what_is_called_settled_and_waits_stops_the_sequencer(ledger, database):
    ledger.report(1)
    ledger.step()
    ledger.report(1, first=2)
    with database.begin() as owner:
        owner.execute(text("SET session_replication_role = replica"))
        owner.execute(text("UPDATE settled SET admission = 1000000"))
    for _ in range(2):
        with ledger.sequencer() as sequencer, pytest.raises(RefusedError, match="called settled"):
            sequencer.step(now=True)
    with database.begin() as owner:
        owner.execute(text("SET session_replication_role = replica"))
        owner.execute(text("DELETE FROM settled"))
    ledger.step()
    assert ledger.waiting() == 0


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("hash = sha256(hash)", "with the note of another"),
        ("note = replace(note, E'\\n1\\n', E'\\n2\\n')", "with the note of another"),
        ("note = left(note, -10)", "with a damaged note"),
        (f"{WRONG_SIGNATURE}, receipt = replace(receipt, 'receipt@v1', 'receipt@v2')", "not signed by a key"),
        (
            f"{WRONG_SIGNATURE}, receipt = (SELECT receipt FROM batches WHERE id < b.id)",
            "not signed by a key",
        ),
        (f"{WRONG_SIGNATURE}, receipt = replace(receipt, E'\\n1\\n', E'\\n2\\n')", "not signed by a key"),
    ],
)
def test_waiting_batch_that_was_changed_in_the_database_stops_the_sequencer(ledger, database, damage, says):
    for citizen in ("uci:1", "uci:2"):
        ledger.admit(ledger.utility.batch([ledger.utility.utility(citizen)]))
    with database.begin() as owner:
        owner.execute(text("SET session_replication_role = replica"))  # no triggers
        newest = "WHERE b.id = (SELECT max(id) FROM batches)"
        owner.execute(text(f"UPDATE batches b SET {damage} {newest}"))
    with ledger.sequencer() as sequencer, pytest.raises(RefusedError, match=says):
        sequencer.step(now=True)
    assert not replay.Rows(ledger.url).blocks


BENT = "set_byte({0}, 50, get_byte({0}, 50) # 1)"


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE citizen_keys SET wrapped = {BENT.format('wrapped')}",
        "DELETE FROM citizen_keys",
        f"UPDATE account_bodies SET sealed = {BENT.format('sealed')}",
        f"UPDATE event_bodies SET sealed = {BENT.format('sealed')} WHERE batch = (SELECT max(id) FROM batches)",
        "DELETE FROM event_bodies WHERE batch = (SELECT max(id) FROM batches)",
    ],
)
def test_somebody_whose_file_does_not_open_stops_the_sequencer_in_words(ledger, database, damage):
    ledger.report(2)
    ledger.step()
    ledger.admit(ledger.utility.batch([ledger.utility.utility("uci:2")]))
    with database.begin() as owner:
        owner.execute(text("SET session_replication_role = replica"))  # no triggers
        owner.execute(text(damage))
    with ledger.sequencer() as sequencer, pytest.raises(DamagedError) as refused:
        sequencer.step(now=True)
    assert "run `credence audit`" in refused.value.detail
    assert "uci:2" not in refused.value.detail
    assert len(replay.Rows(ledger.url).blocks) == 1


# ---- the pool


def rows_of(url):
    """What a block writes, as stored."""
    engine = make_engine(url, role=None)
    tables = ("accounts", "trie_tiles", "tiles", "log_edge", "blocks", "publications", "placements")
    with engine.connect() as connection:
        found = {
            name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}")))) for name in tables
        }
    engine.dispose()
    return found


def states_of(url, home):
    """The plaintext of every sealed account."""
    engine = make_engine(url, role=None)
    query = "SELECT citizen, block, c.key, wrapped, sealed FROM account_bodies JOIN citizen_keys USING (citizen) JOIN citizens c ON c.id = citizen"
    with engine.connect() as connection:
        rows = list(connection.execute(text(query)))
    engine.dispose()
    wrap_key = home.secret("wrap.key")
    return {
        (citizen, block): sealing.unseal(sealing.unwrap(wrap_key, citizen, key, wrapped).data_key, sealed)
        for citizen, block, key, wrapped, sealed in rows
    }


@pytest.fixture
def twin(ledger, administer, tmp_path):
    """A function that gives (database, home) as they are now, once more."""
    made = []

    def copy():
        name = ledger.url.rpartition("/")[2].partition("?")[0]
        ledger.bureau.engine.dispose()
        made.append(f"{name}_twin{len(made)}")
        administer(f"CREATE DATABASE {made[-1]} TEMPLATE {name}")
        folder = tmp_path / made[-1]
        shutil.copytree(ledger.home.path, folder)
        return ledger.url.replace(f"/{name}", f"/{made[-1]}"), Home(folder)

    yield copy
    for name in made:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


def test_pool_of_processes_gives_the_bytes_that_one_process_gives(ledger, clock, twin, monkeypatch):
    monkeypatch.setattr(maker, "IN_PROCESS_EVENTS_MAX", 5)
    ledger.report(9, months=3)
    ledger.admit(ledger.utility.batch([ledger.utility.utility(f"uci:{n}") for n in (3, 14, 5)]))
    url, home = twin()

    def blocks(bureau, pool):
        with module.Sequencer(bureau, pool=pool) as sequencer:
            assert sequencer.step(now=True)
            clock.move(days=40)
            assert sequencer.step(now=True), "aged accounts too"
            clock.move(days=-40)

    blocks(ledger.bureau, None)
    other = folding_bureau = type(ledger.bureau).open(home, url, now=clock)
    pool = folding.FoldingPool(url, folding_bureau.people.keyring, 3)
    try:
        blocks(folding_bureau, pool)
    finally:
        pool.close()
        other.close()
    assert rows_of(url) == rows_of(ledger.url)
    assert states_of(url, home) == states_of(ledger.url, ledger.home)
    assert replay.check(url, home) == replay.check(ledger.url, ledger.home)


def test_error_in_a_process_of_the_pool_is_raised_and_leaves_the_pool_fit_for_work(ledger, monkeypatch):
    monkeypatch.setattr(maker, "IN_PROCESS_EVENTS_MAX", 0)
    ledger.report(4)
    pool = folding.FoldingPool(ledger.url, ledger.bureau.people.keyring, 2)
    try:
        with ledger.sequencer(pool=pool) as sequencer:
            with monkeypatch.context() as patch:
                patch.setattr(maker, "card_in_force", lambda *_: (bytes(32), b"{}"))
                with pytest.raises(Exception, match="card"):
                    sequencer.step(now=True)
            assert sequencer.step(now=True)
    finally:
        pool.close()
    replay.check(ledger.url, ledger.home)


def test_process_of_the_pool_that_is_gone_ends_the_work_in_words(ledger, monkeypatch):
    monkeypatch.setattr(maker, "IN_PROCESS_EVENTS_MAX", 0)
    ledger.report(2)
    pool = folding.FoldingPool(ledger.url, ledger.bureau.people.keyring, 2)
    try:
        pool._processes[1].kill()
        pool._processes[1].join()
        with (
            ledger.sequencer(pool=pool) as sequencer,
            pytest.raises(RefusedError, match="folding process") as refused,
        ):
            sequencer.step(now=True)
        assert refused.value.code == "folding-ended"
    finally:
        pool.close()
    assert ledger.step(), "nothing happened, and the next one makes the block"
    replay.check(ledger.url, ledger.home)


# ---- one writer


def test_second_sequencer_is_refused_until_the_first_is_gone(ledger):
    ledger.report(1)
    with ledger.sequencer() as first:
        with pytest.raises(RefusedError, match="another sequencer is at work") as refused:
            ledger.sequencer()
        assert refused.value.code == "sequencer-running"
        assert first.step(now=True)
    with ledger.sequencer() as second:
        assert not second.step(now=True)


def test_sequencer_whose_lock_is_gone_makes_no_more_blocks(ledger, database):
    """A restarted or replaced server took the lock with it, and somebody else may hold it by now."""
    ledger.report(1)
    with ledger.sequencer() as sequencer:
        assert sequencer.step(now=True)
        ledger.report(1, first=2)
        with database.connect() as owner:
            pid = owner.execute(
                text(
                    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4871170003 % 4294967296"
                )
            ).scalar_one()
            assert owner.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar()
        with pytest.raises(RefusedError, match="lock") as refused:
            sequencer.step(now=True)
        assert refused.value.code == "lock-lost"
        with ledger.sequencer() as other:
            assert other.step(now=True)
    replay.check(ledger.url, ledger.home)


# ---- what is stored is looked at before anything is built on it


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE log_edge SET data = set_byte(data, 3, get_byte(data, 3) # 1) WHERE level = 0", "right edge"),
        ("UPDATE log_edge SET tile_index = 1 WHERE level = 0", "right edge"),
        ("DELETE FROM log_edge WHERE level = 0", "right edge"),
        ("UPDATE accounts SET value = set_byte(value, 0, get_byte(value, 0) # 1)", "accounts do not give"),
        ("DELETE FROM accounts WHERE citizen = 1", "accounts do not give"),
        (
            "UPDATE blocks SET entry = set_byte(entry, 12, get_byte(entry, 12) # 1)",
            "not the last entry|block is damaged",
        ),
    ],
)
def test_damaged_rows_are_refused_on_start(ledger, database, damage, says):
    ledger.report(2)
    ledger.step()
    with database.begin() as owner:
        owner.execute(text("SET session_replication_role = replica"))  # no triggers
        owner.execute(text(damage))
    ledger.report(1, first=3)
    with ledger.sequencer() as sequencer, pytest.raises(RefusedError, match=says):
        sequencer.step(now=True)
    assert len(replay.Rows(ledger.url).blocks) == 1


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("read_tiles", "not what was written|do not give the root"),
        ("read_edge", "not what was written|do not give the root"),
    ],
)
def test_what_the_database_gives_back_otherwise_than_it_was_written_is_not_signed(
    ledger, monkeypatch, function, says
):
    """Step 10: a disk, or a database, that loses a bit between write and signature."""
    with ledger.sequencer() as sequencer:
        sequencer.step(now=True)
        ledger.report(1)
        real = getattr(log_rows, function)

        def flipped(*arguments):
            found = real(*arguments)
            if isinstance(found, dict):
                return found | {0: (found[0][0], found[0][1][:-1] + bytes([found[0][1][-1] ^ 1]))}
            return [(index, data[:-1] + bytes([data[-1] ^ 1])) for index, data in found]

        with monkeypatch.context() as patch:
            patch.setattr(log_rows, function, flipped)
            with pytest.raises(RefusedError, match=says):
                sequencer.step(now=True)
        assert len(replay.Rows(ledger.url).blocks) == 1
        assert sequencer.step(now=True)
    replay.check(ledger.url, ledger.home)


# ---- every step may fail


class FaultError(Exception):
    """What the tests make happen."""


@dataclass(frozen=True)
class Fault:
    """`owner.name` raises before it has done its work, or after; and what is in the database then."""

    step: str
    owner: object
    name: str
    after: bool
    persisted: bool

    def __str__(self):
        when = "after" if self.after else "before"
        then = "failed but persisted" if self.persisted else "failed and nothing happened"
        return f"{self.step}, {when} {self.name}: {then}"


NOTHING, PERSISTED = False, True
BEFORE, AFTER = False, True
FAULTS = [
    Fault("4 take", admission, "pending", AFTER, NOTHING),
    Fault("5 append", log_rows, "commitments", AFTER, NOTHING),
    Fault("5 append", maker, "card_in_force", AFTER, NOTHING),
    Fault("6 fold", state, "events_of_batches", AFTER, NOTHING),
    Fault("6 fold", state, "load_accounts", AFTER, NOTHING),
    Fault("7 trie", Trie, "update", BEFORE, NOTHING),  # a thread feeds the database meanwhile
    Fault("7 trie", Trie, "update", AFTER, NOTHING),
    Fault("8 block", maker, "rules_hash", AFTER, NOTHING),
    Fault("9 store", maker.log_edge, "grow", BEFORE, NOTHING),  # and here
    Fault("9 store", log_rows, "insert_tiles", AFTER, NOTHING),
    Fault("9 store", log_rows, "replace_edge", AFTER, NOTHING),
    Fault("9 store", log_rows, "place", AFTER, NOTHING),
    Fault("9 store", state, "copy_accounts", AFTER, NOTHING),
    Fault("9 store", state, "copy_trie_tiles", AFTER, NOTHING),
    Fault("10 re-read", log_rows, "read_tiles", AFTER, NOTHING),
    Fault("10 re-read", log_rows, "read_edge", AFTER, NOTHING),
    Fault("11 sign", maker.checkpoint, "sign_checkpoint", AFTER, NOTHING),
    Fault("11 sign", log_rows, "insert_block", BEFORE, NOTHING),
    Fault("11 sign", log_rows, "insert_block", AFTER, NOTHING),
    Fault("12 commit", session, "transaction", BEFORE, NOTHING),
    Fault("12 commit", session, "transaction", AFTER, PERSISTED),
    Fault("13 publish", publishing, "read_head", BEFORE, PERSISTED),
    Fault("13 publish", Home, "write", BEFORE, PERSISTED),
    Fault("13 publish", Home, "write", AFTER, PERSISTED),
    Fault("13 publish", log_rows, "publish", BEFORE, PERSISTED),
    Fault("13 publish", log_rows, "publish", AFTER, PERSISTED),
]


@contextmanager
def injected(monkeypatch, fault):
    """The fault is there; for the transaction, in the one that inserts the block."""
    with monkeypatch.context() as patch:
        real = getattr(fault.owner, fault.name)

        def failing(*arguments, **more):
            if not fault.after:
                raise FaultError(str(fault))
            real(*arguments, **more)
            raise FaultError(str(fault))

        @contextmanager
        def failing_transaction(engine):
            inserted = []
            insert_block = log_rows.insert_block
            with patch.context() as inner:
                inner.setattr(log_rows, "insert_block", lambda *a: inserted.append(insert_block(*a)))
                with real(engine) as connection:
                    yield connection
                    if inserted and not fault.after:
                        raise FaultError(str(fault))
            if inserted:
                raise FaultError(str(fault))

        patch.setattr(
            fault.owner, fault.name, failing_transaction if fault.name == "transaction" else failing
        )
        yield


@pytest.mark.parametrize("restarted", [False, True], ids=["goes on", "restarted"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_block_is_whole_or_not_there_whatever_step_fails(ledger, monkeypatch, fault, restarted):
    ledger.report(2)
    sequencer = ledger.sequencer()
    try:
        sequencer.step(now=True)
        head, seen = ledger.home.head.read_bytes(), public_log.checkpoint(ledger.bureau)
        ledger.report(40, first=2)  # 280 events: a full tile
        with injected(monkeypatch, fault), pytest.raises(FaultError):
            sequencer.step(now=True)
        assert len(replay.Rows(ledger.url).blocks) == 1 + fault.persisted
        assert public_log.checkpoint(ledger.bureau) == seen, (
            "no reader sees a block before its head is outside"
        )
        if not fault.persisted:
            assert ledger.home.head.read_bytes() == head
        if restarted:
            sequencer.close()
            sequencer = ledger.sequencer()
        ledger.report(1, first=100)
        assert sequencer.step(now=True)
        assert ledger.waiting() == 0
    finally:
        sequencer.close()
    found = replay.check(ledger.url, ledger.home)
    assert (found.blocks, found.events) == (2 + fault.persisted, 7 * 43)


def test_committed_block_that_nobody_saw_is_published_on_start_without_another(ledger, monkeypatch):
    ledger.report(1)
    with (
        ledger.sequencer() as sequencer,
        injected(monkeypatch, Fault("", Home, "write", BEFORE, PERSISTED)),
        pytest.raises(FaultError),
    ):
        sequencer.step(now=True)
    assert not ledger.home.head.exists()
    assert not ledger.step()
    assert replay.check(ledger.url, ledger.home).blocks == 1
