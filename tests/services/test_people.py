"""Citizens by identifier: the same key whether it is evaluated, recalled, or a row was tampered with."""

from contextlib import suppress

import pytest

from app.core.state import vrf
from app.core.state.recall import Recall
from app.db import people

CITIZENS = [f"uci:{n}" for n in range(1, 21)]


@pytest.fixture
def enrolled(ledger):
    with ledger.bureau.transaction() as connection:
        ledger.bureau.people.enrol(connection, CITIZENS)
    return ledger


def found(bureau, identifiers):
    with bureau.transaction() as connection:
        return {i: (p.id, p.key) for i, p in bureau.people.find(connection, identifiers).items()}


def no_evaluation(*_):
    raise AssertionError("the VRF was evaluated")


def test_another_process_recalls_keys_without_the_vrf(enrolled, monkeypatch):
    expected = found(enrolled.bureau, CITIZENS)
    assert len(expected) == len(CITIZENS)
    stranger = enrolled.reopen()
    monkeypatch.setattr(vrf.VrfKey, "begin", no_evaluation)
    assert found(stranger, CITIZENS) == expected
    with pytest.raises(AssertionError):
        found(stranger, ["uci:99"])


def test_a_recalled_key_is_the_vrfs(enrolled):
    bureau = enrolled.bureau
    for identifier, (_, key) in found(enrolled.reopen(), CITIZENS).items():
        assert key == vrf.citizen_key(bureau.vrf.evaluate(vrf.citizen_alpha(bureau.origin, identifier)))


@pytest.mark.parametrize(
    "change", ["SET sealed = sealed || 'x'", "SET sealed = (SELECT max(sealed) FROM recalled_keys)"]
)
def test_changed_and_moved_rows_lead_to_nobody_elses_file(enrolled, change):
    expected = found(enrolled.bureau, CITIZENS)
    with enrolled.bureau.transaction() as connection:
        connection.execute(f"UPDATE recalled_keys {change}")
    stranger = enrolled.reopen()
    assert found(stranger, CITIZENS) == expected
    with stranger.transaction() as connection:
        stranger.people.enrol(connection, CITIZENS)  # which mends the rows
    assert found(enrolled.reopen(), CITIZENS) == expected


def test_an_enrolment_that_was_rolled_back_leaves_nobody(ledger):
    with suppress(KeyboardInterrupt), ledger.bureau.transaction() as connection:
        ledger.bureau.people.enrol(connection, CITIZENS)
        raise KeyboardInterrupt
    assert found(ledger.bureau, CITIZENS) == {}
    with ledger.bureau.transaction() as connection:
        ledger.bureau.people.enrol(connection, CITIZENS)
    assert len(found(ledger.reopen(), CITIZENS)) == len(CITIZENS)


MANY = [f"uci:{n}" for n in range(1, 201)]


def enrol_and_roll_back(bureau, identifiers):
    with suppress(KeyboardInterrupt), bureau.transaction() as connection:
        bureau.people.enrol(connection, identifiers)
        raise KeyboardInterrupt


def test_what_one_process_works_out_about_many_new_citizens_another_one_need_not(ledger, monkeypatch):
    enrol_and_roll_back(ledger.bureau, MANY)  # nobody is enrolled, and what was worked out stays
    stranger = ledger.reopen()
    with monkeypatch.context() as patch:
        patch.setattr(vrf.VrfKey, "begin", no_evaluation)
        with stranger.transaction() as connection:
            enrolled = stranger.people.enrol(connection, MANY)
    for identifier, person in enrolled.items():
        alpha = vrf.citizen_alpha(stranger.origin, identifier)
        assert vrf.citizen_key(vrf.verify(stranger.vrf.public, alpha, person.vrf_proof)) == person.key
    assert len(enrolled) == len(MANY)


def test_a_row_of_many_that_was_changed_is_worked_out_again_and_mended(ledger):
    enrol_and_roll_back(ledger.bureau, MANY)
    with ledger.bureau.transaction() as connection:
        connection.execute("UPDATE recalled_keys SET sealed = sealed || 'x'")
    stranger = ledger.reopen()
    enrol_and_roll_back(stranger, MANY)
    with ledger.bureau.transaction() as connection:
        assert connection.execute("SELECT DISTINCT length(sealed) FROM recalled_keys").fetchall() == [
            (32 + 80 + 40,)
        ]


def test_nobody_waits_for_another_who_remembers_the_same_citizens(ledger):
    other = ledger.reopen()
    tags = {Recall.of(other.people.wrap_key, i).tag: b"?" for i in MANY}
    with suppress(KeyboardInterrupt), other.transaction() as held:
        people.remember(held, tags)
        with ledger.bureau.transaction() as connection:
            assert len(ledger.bureau.people.enrol(connection, MANY)) == len(MANY)
        raise KeyboardInterrupt
