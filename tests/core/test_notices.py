"""Notices: every kind there and back, every other form refused."""

import datetime as dt
import json

import pytest
import rfc8785

from app.core.errors import FormatError
from app.core.log import note, notices
from app.core.log.note import Signer

ORIGIN = "credence.example/ledger"
TIME = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
LEDGER = Signer(ORIGIN, b"L" * 32)
BANK = Signer("bank.example/cards", b"B" * 32)
NEXT = Signer("bank.example/cards", b"C" * 32)
GENESIS = notices.genesis(
    LEDGER.verifier, vrf_public=b"\x07" * 32, profile="cn", utc_offset_minutes=480, scheme="uci", random=bytes(32), time=TIME
)  # fmt: skip
ONE_OF_EACH = [
    GENESIS,
    notices.key_registered(BANK, "lender", ORIGIN, TIME),
    notices.key_rotated(NEXT, "lender", ORIGIN, TIME, old=BANK),
    notices.key_rotated(NEXT, "bank", ORIGIN, TIME, old=None),
    notices.key_revoked(BANK.verifier, "lender", "lost at the fair", TIME),
    notices.scorecard_published(b"\x01" * 32, "champion", TIME.date(), TIME),
    notices.scorecard_published(b"\x01" * 32, "challenger", TIME.date(), TIME, report=b"\x02" * 32),
    notices.witness_policy(b"\x03" * 32, TIME),
    notices.audit_opened("2026-r-1", 0, 2**53 - 1, TIME),
    notices.erasure_done(17, TIME),
    notices.destroyed([30, 2**53 - 1, 7], "retention", TIME),
]


@pytest.mark.parametrize("notice", ONE_OF_EACH, ids=lambda n: n.kind)
def test_there_and_back(notice):
    raw = notices.encode(notice)
    assert notices.decode(raw) == notice
    fields = json.loads(raw)
    assert rfc8785.dumps(fields) == raw
    assert fields["v"] == 1
    assert fields["notice"] == notice.kind
    assert fields["time"] == "2026-11-22T15:24:00Z"


def test_the_kinds():
    assert sorted(notices.NOTICE_KINDS) == [
        "audit_opened", "destroyed", "erasure", "genesis", "key_registered", "key_revoked", "key_rotated", "scorecard_published", "witness_policy",
    ]  # fmt: skip
    assert {n.kind for n in ONE_OF_EACH} == set(notices.NOTICE_KINDS)


def test_the_genesis_field_by_field():
    assert json.loads(notices.encode(GENESIS)) == {
        "v": 1, "notice": "genesis", "time": "2026-11-22T15:24:00Z", "origin": ORIGIN, "vkey": LEDGER.verifier.encode(), "vrf": "07" * 32, "profile": "cn",
        "utc_offset_minutes": 480, "scheme": "uci", "random": "A" * 43,
    }  # fmt: skip


def test_a_key_is_registered_from_the_note_its_holder_sent():
    whole = notices.key_registered(BANK, "lender", ORIGIN, TIME)
    assert notices.key_possessed(BANK.verifier, "lender", whole.possession, TIME) == whole
    with pytest.raises(FormatError):
        notices.key_possessed(BANK.verifier, "lender", "trust me", TIME)


def test_what_possession_and_rotation_sign():
    vkey = NEXT.verifier.encode()
    rotated = notices.key_rotated(NEXT, "lender", ORIGIN, TIME, old=BANK)
    opened = note.open_note(rotated.possession.encode(), [NEXT.verifier])
    assert opened.text == f"credence/possession@v1\n{ORIGIN}\nbank.example/cards\nlender\n{vkey}\n".encode()
    opened = note.open_note(rotated.signed_by_old.encode(), [BANK.verifier])
    assert opened.text == f"credence/rotation@v1\n{ORIGIN}\nbank.example/cards\nlender\n{vkey}\n".encode()


@pytest.mark.parametrize("notice", ONE_OF_EACH, ids=lambda n: n.kind)
def test_missing_unknown_and_null_fields(notice):
    fields = json.loads(notices.encode(notice))
    optional = {"signed_by_old", "recovery"} if notice.kind != "key_rotated" else set()
    for name in fields:
        if name not in optional:
            with pytest.raises(FormatError):
                notices.decode(rfc8785.dumps({k: v for k, v in fields.items() if k != name}))
        for value in (None, 1.5, [], {}, "\0", fields[name] is not True, -1000, "x" * 5000):
            with pytest.raises(FormatError):
                notices.decode(rfc8785.dumps(fields | {name: value}))
    with pytest.raises(FormatError):
        notices.decode(rfc8785.dumps(fields | {"extra": 1}))


@pytest.mark.parametrize(
    ("index", "changes"),
    [
        (0, {"profile": "fr"}), (0, {"scheme": "ssn"}), (0, {"utc_offset_minutes": 841}), (0, {"utc_offset_minutes": -721}), (0, {"origin": "other.example"}),
        (0, {"vkey": BANK.verifier.encode()}), (0, {"vrf": "0" * 63}), (0, {"random": "A" * 42 + "B"}), (0, {"time": "2026-11-22"}),
        (1, {"role": "regulator"}), (1, {"name": "other.example"}), (1, {"vkey": Signer(BANK.name, b"B" * 32, note.COSIGNATURE_ED25519).verifier.encode()}),
        (2, {"recovery": True}), (2, {"recovery": False}), (3, {"recovery": False}), (4, {"reason": ""}), (4, {"reason": "a\tb"}), (5, {"scorecard": "0G" * 32}),
        (5, {"role": "lender"}), (5, {"from": "2026-02-29"}), (6, {"from": "2026-1-01"}), (6, {"report": ""}),
        (8, {"case": ""}), (8, {"from": 2, "to": 1}), (8, {"to": 2**53}), (9, {"index": 2**53}),
        (10, {"reason": "space"}), (10, {"entries": [7, 7]}), (10, {"entries": [8, 7]}), (10, {"entries": [2**53]}), (10, {"entries": list(range(1501))}),
    ],
)  # fmt: skip
def test_other_values(index, changes):
    fields = json.loads(notices.encode(ONE_OF_EACH[index]))
    with pytest.raises(FormatError):
        notices.decode(json.dumps(fields | changes, sort_keys=True, separators=(",", ":")).encode())


def test_other_bytes():
    raw = notices.encode(GENESIS)
    for bad in (
        b"",
        b"{}",
        b"[]",
        b"null",
        raw + b"\n",
        raw.replace(b":1,", b": 1,"),
        raw.replace(b'"v":1,', b'"v":1,"v":1,'),
        b" " * 40_000,
        b"\xff",
        b"[" * 30_000,
    ):
        with pytest.raises(FormatError):
            notices.decode(bad)


def test_as_many_log_indices_as_a_notice_may_name_always_fit():
    most = range(2**53 - notices.DESTROYED_MAX, 2**53)
    assert notices.decode(notices.encode(notices.destroyed(most, "retention", TIME))).entries == tuple(most)


def test_builders_refuse_what_the_format_does_not_have():
    for build in (
        lambda: notices.key_registered(BANK, "king", ORIGIN, TIME),
        lambda: notices.key_registered(Signer("Bank", bytes(32)), "lender", ORIGIN, TIME),
        lambda: notices.key_revoked(BANK.verifier, "lender", "", TIME),
        lambda: notices.audit_opened("no good", 0, 1, TIME),
        lambda: notices.audit_opened("r", 2, 1, TIME),
        lambda: notices.destroyed([], "retention", TIME),
        lambda: notices.destroyed([1], "boredom", TIME),
    ):
        with pytest.raises(FormatError):
            build()
