"""Citizens by identifier: enrolled under a tag by intake, under a citizen key from their first block on."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest

from app.core.errors import RefusedError
from app.core.state import sealing, vrf
from app.core.state.enrolment import tag_of
from app.db import migrate
from app.services.bureau import Bureau
from app.services.citizens.tagging import tag_all
from app.services.ledger.intake import admit
from tests.services import replay
from tests.services.audited import Tamper

CITIZENS = [f"uci:{n}" for n in range(1, 21)]


def table(ledger, query, *parameters):
    with ledger.bureau.transaction() as connection:
        return connection.execute(query, parameters, binary=True).fetchall()


def found(bureau, identifiers=CITIZENS):
    with bureau.transaction() as connection:
        return bureau.people.find(connection, identifiers)


def no_evaluation(*_):
    raise AssertionError("the VRF was evaluated")


def test_intake_knows_citizens_without_the_vrf(ledger, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(vrf.VrfKey, "evaluate", no_evaluation)
        patch.setattr(vrf.VrfKey, "begin", no_evaluation)
        ledger.report(20)
        first = found(ledger.reopen())
        assert first.keys() == set(CITIZENS)
        assert {(person.key, person.vrf_proof) for person in first.values()} == {(b"", b"")}
        assert found(ledger.bureau, ["uci:99"]) == {}
    assert table(ledger, "SELECT FROM citizens") == []
    ledger.step()
    after = found(ledger.bureau)
    for identifier, person in after.items():
        alpha = vrf.citizen_alpha(ledger.bureau.origin, identifier)
        assert vrf.citizen_key(vrf.verify(ledger.bureau.vrf.public, alpha, person.vrf_proof)) == person.key
        assert (person.id, person.data_key) == (first[identifier].id, first[identifier].data_key)


def test_a_crash_between_intake_and_block_loses_nobody(ledger, monkeypatch):
    ledger.report(20)
    with monkeypatch.context() as patch, ledger.sequencer() as sequencer:
        patch.setattr("app.db.ledger.insert_block", no_evaluation)  # behind the citizens' rows
        with pytest.raises(AssertionError):
            sequencer.step(now=True)
    assert table(ledger, "SELECT FROM citizens") == []
    ledger.step()
    assert table(ledger, "SELECT count(*) FROM citizens") == [(20,)]
    replay.check(ledger.url, ledger.home)


def test_citizens_of_an_earlier_block_keep_their_rows(ledger):
    ledger.report(10)
    ledger.step()
    before = table(ledger, "SELECT * FROM citizens ORDER BY id")
    ledger.report(20)
    ledger.step()
    after = table(ledger, "SELECT * FROM citizens ORDER BY id")
    assert (len(before), len(after)) == (10, 20)
    assert after[:10] == before


def test_an_enrolment_that_was_rolled_back_leaves_nobody(ledger):
    with suppress(KeyboardInterrupt), ledger.bureau.transaction() as connection:
        ledger.bureau.people.enrol(connection, CITIZENS)
        raise KeyboardInterrupt
    assert found(ledger.bureau) == {}
    assert table(ledger, "SELECT FROM enrolments") == table(ledger, "SELECT FROM citizen_keys") == []


def test_two_processes_that_meet_the_same_new_citizens_enrol_them_once(ledger):
    """Batches in opposite order, at once: the second transaction waits for the first and takes what it stored."""
    lender, names = ledger.lender, [f"uci:{n}" for n in range(1, 301)]
    batches = [lender.batch([lender.payment(name) for name in order]) for order in (names, names[::-1])]
    start = Barrier(2)

    def at_once(bureau, body):
        start.wait()
        return admit(bureau, body)

    with ThreadPoolExecutor(2) as pool:
        assert all(done.fresh for done in pool.map(at_once, [ledger.bureau, ledger.reopen()], batches))
    assert table(ledger, "SELECT count(*) FROM enrolments") == [(300,)]
    ledger.step()
    replay.check(ledger.url, ledger.home)


def test_the_second_of_two_takes_the_secrets_of_the_first(ledger):
    other = ledger.reopen()
    with ThreadPoolExecutor(1) as pool, ledger.bureau.transaction() as connection:
        first = ledger.bureau.people.enrol(connection, CITIZENS)
        with other.transaction() as second:
            other.people.hold(second)
            waiting = pool.submit(other.people.enrol, second, [*CITIZENS[10:], "uci:77"])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            connection.commit()
            enrolled = waiting.result(timeout=10)
    assert {name: enrolled[name] for name in CITIZENS[10:]} == {name: first[name] for name in CITIZENS[10:]}
    assert enrolled["uci:77"].id not in {person.id for person in first.values()}


def test_somebody_under_a_changed_tag_is_not_taken_in_a_second_time(ledger):
    """Intake cannot know; the citizen key of the second file is that of the first, and nothing is signed over it."""
    ledger.report(2)
    ledger.step()
    tamper = Tamper(ledger)
    tamper.connection.execute("UPDATE enrolments SET tag = %s WHERE citizen = 1", (bytes(32),))
    tamper.close()
    lender = ledger.lender
    admit(ledger.reopen(), lender.batch([lender.payment("uci:1"), lender.payment("uci:2")]))
    with ledger.sequencer() as sequencer, pytest.raises(RefusedError) as refused:
        sequencer.step(now=True)
    assert refused.value.code == "enrolled-twice"


# ---- a ledger from before there were tags


def as_before_tags(ledger):
    """Take away what migrations 0027 and 0028 have made, and wrap the keys as they were then."""
    tamper = Tamper(ledger)
    keys = {row["id"]: row["key"] for row in tamper.rows("citizens")}
    for row in tamper.rows("citizen_keys"):
        wrap_key, key = ledger.bureau.people.wrap_key, keys[row["citizen"]]
        opened = sealing.unwrap(wrap_key, row["citizen"], key, row["wrapped"])
        old = sealing.seal(wrap_key, bytes(24), key + opened.data_key + opened.salt_key)
        tamper.connection.execute(
            "UPDATE citizen_keys SET wrapped = %s WHERE citizen = %s", (old, row["citizen"])
        )
    tamper.connection.execute(
        "DROP TABLE enrolments, settled; CREATE TABLE recalled_keys (tag bytea PRIMARY KEY, sealed bytea NOT NULL);"
        "ALTER TABLE citizens ALTER id ADD GENERATED ALWAYS AS IDENTITY;"
        "UPDATE alembic_version SET version_num = '0026'"
    )
    tamper.close()


def test_a_ledger_from_before_tags_gets_them_and_goes_on(ledger):
    ledger.report(20)
    ledger.step()
    before = {name: (person.id, person.key) for name, person in found(ledger.reopen()).items()}
    as_before_tags(ledger)
    migrate.upgrade(ledger.url)
    with pytest.raises(RefusedError) as refused:
        Bureau.open(ledger.home, ledger.url)
    assert refused.value.code == "untagged"
    assert tag_all(ledger.home, ledger.url) == 20
    assert tag_all(ledger.home, ledger.url) == 0
    bureau = ledger.reopen()
    assert {name: (person.id, person.key) for name, person in found(bureau).items()} == before
    lender = ledger.lender
    admit(bureau, lender.batch([lender.payment("uci:1"), lender.payment("uci:21")]))
    ledger.step()
    assert found(bureau, ["uci:21"])["uci:21"].id > max(number for number, _ in before.values())
    tamper = Tamper(ledger)
    assert tamper.audit() == []
    tamper.close()
    replay.check(ledger.url, ledger.home)


def test_a_ledger_whose_bodies_do_not_open_gets_no_tags_at_all(ledger):
    ledger.report(3)
    ledger.step()
    as_before_tags(ledger)
    migrate.upgrade(ledger.url)
    tamper = Tamper(ledger)
    row = tamper.rows("citizen_keys")[1]
    with tamper.replaced("citizen_keys", [row], []), pytest.raises(RefusedError) as refused:
        tag_all(ledger.home, ledger.url)
    assert refused.value.code == "untagged"
    assert tamper.rows("enrolments") == []
    assert tag_all(ledger.home, ledger.url) == 3
    wrap_key = ledger.bureau.people.wrap_key
    assert {row["tag"] for row in tamper.rows("enrolments")} == {
        tag_of(wrap_key, f"uci:{n}") for n in (1, 2, 3)
    }
    tamper.close()
