"""The key register: which key counts where, and which notices do not hold."""

import dataclasses
import hashlib
import itertools

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import RuleError
from app.core.log import merkle, notices
from app.core.log.note import Signer, join
from app.core.log.register import STILL_VALID, KeyRecord, Register
from tests.core.test_notices import BANK, GENESIS, NEXT, ORIGIN, TIME

THIRD = Signer(BANK.name, b"D" * 32)
STATE = Signer("court.example", b"E" * 32)


def registered(signer, role="lender"):
    return notices.key_registered(signer, role, ORIGIN, TIME)


def rotated(new, old, role="lender"):
    return notices.key_rotated(new, role, ORIGIN, TIME, old=old)


def revoked(signer, role="lender"):
    return notices.key_revoked(signer.verifier, role, "left", TIME)


def refuses(pairs, words):
    with pytest.raises(RuleError, match=words) as caught:
        Register.fold(pairs)
    assert caught.value.code == "bad-notice"
    Register.fold(pairs[:-1])  # it was the last one


STORY = [
    (0, GENESIS),
    (2, registered(BANK)),
    (3, registered(STATE, "public_body")),
    (4, registered(BANK, "bank")),
    (7, rotated(NEXT, BANK)),
    (8, notices.scorecard_published(bytes(32), "champion", TIME.date(), TIME)),
    (9, revoked(NEXT)),
    (12, registered(THIRD)),
]


def test_a_key_is_valid_strictly_between_its_notices():
    register = Register.fold(STORY)
    valid = {
        BANK.verifier: set(range(3, 7)),
        NEXT.verifier: {8},
        THIRD.verifier: set(range(13, 20)),
    }
    for index in range(20):
        expected = [key for key, indices in valid.items() if index in indices]
        found = register.verifier_for(BANK.name, "lender", index)
        assert ([] if found is None else [found]) == expected
        grouped = dict(register.verifiers(BANK.name, index))
        assert {key for key, roles in grouped.items() if "lender" in roles} == set(expected)
        assert any("bank" in roles for roles in grouped.values()) == (index > 4)
    assert register.verifiers("nobody", 5) == []
    assert register.verifier_for(BANK.name, "service", 5) is None
    assert dict(register.verifiers(BANK.name, 5)) == {BANK.verifier: {"lender", "bank"}}


def test_records_and_current():
    register = Register.fold(STORY)
    assert register.origin == ORIGIN
    assert register.records() == [
        KeyRecord(BANK.name, "lender", BANK.verifier.encode(), 2, 7),
        KeyRecord(STATE.name, "public_body", STATE.verifier.encode(), 3, STILL_VALID),
        KeyRecord(BANK.name, "bank", BANK.verifier.encode(), 4, STILL_VALID),
        KeyRecord(BANK.name, "lender", NEXT.verifier.encode(), 7, 9),
        KeyRecord(BANK.name, "lender", THIRD.verifier.encode(), 12, STILL_VALID),
    ]
    assert [(r.role, r.verifier) for r in register.current(BANK.name)] == [
        ("bank", BANK.verifier),
        ("lender", THIRD.verifier),
    ]
    assert register.current("nobody") == []


def test_the_root_by_the_book():
    register = Register.fold(STORY[:4])
    keys = [(2, BANK, "lender"), (3, STATE, "public_body"), (4, BANK, "bank")]
    canonical = [
        rfc8785.dumps(
            {"from": i, "name": s.name, "role": role, "to": 9007199254740991, "vkey": s.verifier.encode()}
        )
        for i, s, role in keys
    ]
    a, b, c = (hashlib.sha256(b"\0" + record).digest() for record in sorted(canonical))
    left = hashlib.sha256(b"\1" + a + b).digest()
    assert register.root() == hashlib.sha256(b"\1" + left + c).digest()
    assert Register.fold(STORY[:1]).root() == merkle.EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(st.integers(0, len(STORY)))
def test_a_fold_goes_on_where_another_ended(cut):
    if cut == 0:
        return
    first = Register.fold(STORY[:cut])
    before = first.root()
    assert Register.fold(STORY[cut:], after=first) == Register.fold(STORY)
    assert first.root() == before  # and leaves it as it was


def test_order_and_genesis():
    refuses(STORY[1:2], "genesis")
    refuses([(1, GENESIS)], "genesis")
    refuses([(0, GENESIS), (1, GENESIS)], "genesis")
    refuses([(0, GENESIS), (0, registered(BANK))], "order")
    refuses([(0, GENESIS), (5, registered(BANK)), (5, registered(STATE))], "order")
    refuses([(0, GENESIS), (STILL_VALID, registered(BANK))], "order")
    assert Register.fold([]).records() == []


def test_one_valid_key_in_a_role():
    refuses([*STORY[:2], (3, registered(NEXT))], "rotate it")
    refuses([(0, GENESIS), (1, rotated(NEXT, BANK))], "no valid key")
    refuses([(0, GENESIS), (1, rotated(NEXT, None))], "no valid key")
    refuses([(0, GENESIS), (1, revoked(BANK))], "no valid key")
    refuses([*STORY[:2], (3, revoked(NEXT))], "not the one")
    refuses([*STORY[:2], (3, revoked(BANK, "bank"))], "no valid key")


def test_a_key_that_ended_never_comes_back():
    refuses([*STORY, (13, rotated(BANK, THIRD))], "never comes back")
    refuses([*STORY[:2], (3, revoked(BANK)), (4, registered(BANK))], "never comes back")
    refuses([*STORY[:2], (3, revoked(BANK)), (4, registered(BANK, "utility"))], "never comes back")
    refuses([*STORY[:2], (3, rotated(BANK, BANK))], "never comes back")


def test_a_lost_key_is_replaced_by_recovery():
    register = Register.fold([*STORY[:2], (3, rotated(NEXT, None))])
    assert [r.vkey for r in register.current(BANK.name)] == [NEXT.verifier.encode()]


def test_possession_is_of_this_key_name_role_and_ledger():
    good = registered(BANK)
    wrong = [
        notices.key_registered(BANK, "lender", "other.example/ledger", TIME).possession,
        notices.key_registered(BANK, "utility", ORIGIN, TIME).possession,
        registered(NEXT).possession,
        NEXT.sign(notices.possession_text(ORIGIN, BANK.name, "lender", BANK.verifier.encode())).decode(),
        BANK.sign(notices.rotation_text(ORIGIN, BANK.name, "lender", BANK.verifier.encode())).decode(),
        good.possession.replace("lender", "bank"),
        good.possession[:-1],
        "nonsense",
    ]
    text = notices.possession_text(ORIGIN, BANK.name, "lender", BANK.verifier.encode())
    wrong.append(join(text, [BANK.sign_text(text), STATE.sign_text(text)]).decode())
    for possession in wrong:
        refuses([(0, GENESIS), (2, msgspec.structs.replace(good, possession=possession))], "possession")


def test_a_rotation_is_signed_by_the_key_that_it_ends():
    for old in (THIRD, NEXT):
        refuses([*STORY[:2], (3, rotated(NEXT, old))], "signed_by_old")
    good = rotated(NEXT, BANK)
    for other in (rotated(THIRD, BANK), notices.key_rotated(NEXT, "bank", ORIGIN, TIME, old=BANK)):
        refuses(
            [*STORY[:2], (3, msgspec.structs.replace(good, signed_by_old=other.signed_by_old))],
            "signed_by_old",
        )
        refuses([*STORY[:2], (3, msgspec.structs.replace(good, possession=other.possession))], "possession")
    refuses([*STORY[:2], (3, msgspec.structs.replace(good, signed_by_old=None))], "signed by the old key")


def test_every_order_of_two_names_gives_the_same_keys():
    """Names do not touch each other: only the indices differ."""
    for order in itertools.permutations(
        [registered(BANK), registered(STATE, "public_body"), registered(BANK, "bank")]
    ):
        register = Register.fold([(0, GENESIS), *enumerate(order, 1)])
        assert {(r.name, r.role) for r in register.records()} == {
            (BANK.name, "lender"),
            (STATE.name, "public_body"),
            (BANK.name, "bank"),
        }


def test_a_register_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Register.fold(STORY).origin = "other"
