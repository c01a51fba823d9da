"""Keys enter and leave the register by notices; one that nobody could fold is never let in."""

from __future__ import annotations

import pytest

from app.core.errors import ConflictError, CredenceError, NotFoundError, RuleError
from app.core.log import notices
from app.core.log.note import Signer
from app.core.log.register import STILL_VALID
from app.services.bureau import load_register
from app.services.ledger.register import OPEN_ROLES, enter_notice, list_keys, register_key, revoke_key
from tests.services.replay import check

NAME = "new.example/desk"


def key(seed=b"k", name=NAME):
    return Signer.generate_from_seed(name, seed * 32)


def possession(signer, role, origin):
    text = notices.possession_text(origin, signer.name, role, signer.verifier.encode())
    return signer.sign(text)


def fold(ledger):
    """The register as a process that starts now would fold it."""
    with ledger.reopen().transaction() as connection:
        return load_register(connection)


@pytest.mark.parametrize("role", OPEN_ROLES)
def test_a_key_is_registered_by_its_signer_or_its_possession_note(ledger, role):
    record = register_key(ledger.bureau, key(), role)
    assert (record.name, record.role, record.to_index) == (NAME, role, STILL_VALID)
    assert register_key(ledger.bureau, key(), role) == record, "again: the same"
    note = possession(key(b"o", "other.example"), role, ledger.bureau.origin)
    assert register_key(ledger.bureau, note, role).name == "other.example"
    ledger.settle()
    assert [r.encode() for r in fold(ledger).records()] == [r.encode() for r in list_keys(ledger.bureau)]
    check(ledger.url, ledger.home)


def test_a_second_key_of_a_name_in_a_role_is_a_conflict_and_another_role_is_not(ledger):
    register_key(ledger.bureau, key(), "lender")
    with pytest.raises(ConflictError):
        register_key(ledger.bureau, key(b"2"), "lender")
    assert register_key(ledger.bureau, key(), "utility").role == "utility"
    assert register_key(ledger.bureau, key(b"2"), "bank").role == "bank"


@pytest.mark.parametrize("role", ["service", "bureau", "king", ""])
def test_the_bureaus_own_roles_are_not_given_away(ledger, role):
    with pytest.raises(RuleError):
        register_key(ledger.bureau, key(), role)


def test_a_possession_note_is_for_this_ledger_this_role_and_this_key(ledger):
    origin = ledger.bureau.origin
    good = possession(key(), "lender", origin)
    thief = key(b"t")
    text = notices.possession_text(origin, NAME, "lender", key().verifier.encode())
    for bad in (
        possession(key(), "bank", origin),
        possession(key(), "lender", "other.example/ledger"),
        thief.sign(text),
        good.replace(b"credence/possession@v1", b"credence/possession@v2"),
        good[:-1],
        b"",
        b"\n\n\n\n\n",
        "\n".join(["", "", "", "", key().verifier.encode(), ""]).encode(),
    ):
        with pytest.raises(CredenceError):
            register_key(ledger.bureau, bad, "lender")
    assert not fold(ledger).current(NAME)
    assert register_key(ledger.bureau, good, "lender").name == NAME


def test_a_key_that_has_ended_never_comes_back_and_the_ledger_goes_on(ledger):
    """Its notice would be one that no register folds: everything would stop."""
    register_key(ledger.bureau, key(), "lender")
    revoke_key(ledger.bureau, NAME, "lender", "lost")
    for given in (key(), possession(key(), "lender", ledger.bureau.origin)):
        with pytest.raises(RuleError) as caught:
            register_key(ledger.bureau, given, "lender")
        assert "never comes back" in str(caught.value)
    with pytest.raises(RuleError):
        register_key(ledger.bureau, key(), "utility")
    register_key(ledger.bureau, key(b"2"), "lender")
    ledger.settle()
    assert len(fold(ledger).current(NAME)) == 1
    check(ledger.url, ledger.home)


def test_a_revocation_needs_a_key_and_is_there_once(ledger):
    with pytest.raises(NotFoundError):
        revoke_key(ledger.bureau, NAME, "lender", "x")
    register_key(ledger.bureau, key(), "lender")
    revoke_key(ledger.bureau, NAME, "lender", "x")
    with pytest.raises(NotFoundError):
        revoke_key(ledger.bureau, NAME, "lender", "x")
    (record,) = [r for r in list_keys(ledger.bureau) if r.name == NAME]
    assert record.to_index != STILL_VALID


def test_a_rotation_that_the_old_key_did_not_sign_is_not_let_in(ledger):
    register_key(ledger.bureau, key(), "lender")
    origin, now = ledger.bureau.origin, ledger.clock()
    for old in (key(b"x"), key(b"2")):
        with pytest.raises(RuleError):
            enter_notice(ledger.bureau, notices.key_rotated(key(b"2"), "lender", origin, now, old=old))
    with pytest.raises(RuleError):
        enter_notice(ledger.bureau, notices.key_rotated(key(b"2"), "bank", origin, now, old=key()))
    enter_notice(ledger.bureau, notices.key_rotated(key(b"2"), "lender", origin, now, old=key()))
    assert [r.vkey for r in fold(ledger).current(NAME)] == [key(b"2").verifier.encode()]
    ledger.settle()
    check(ledger.url, ledger.home)


def test_a_second_genesis_is_not_let_in(ledger):
    with pytest.raises(RuleError):
        enter_notice(ledger.bureau, ledger.bureau.genesis)


def test_two_processes_register_the_same_name_at_once(ledger):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    barrier = Barrier(2)

    def register(bureau, signer):
        barrier.wait(10)
        try:
            return register_key(bureau, signer, "lender")
        except ConflictError:
            return None

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(register, [ledger.bureau, ledger.reopen()], [key(), key(b"2")]))
    assert sorted(each is None for each in made) == [False, True]
    assert len(fold(ledger).current(NAME)) == 1


@pytest.mark.parametrize("name", ["bureau", "service"])
def test_the_bureaus_own_names_are_given_to_nobody(ledger, name):
    signer = Signer.generate_from_seed(name, bytes(range(32)))
    with pytest.raises(RuleError) as refused:
        register_key(ledger.bureau, signer, "lender")
    assert refused.value.code == "reserved-name"
