"""What citizens sign with passkeys, made from fixed seeds: histories with good assertions and with bad ones.

`assertions_file(make)` is the file of vectors; `make` is the module of make.py, which loads this one.
"""

from __future__ import annotations

from app.core import canon
from app.core.errors import CredenceError
from app.core.reporting.assertions import Passkeys
from app.core.reporting.events import decode_stored
from tests.authenticator import Authenticator

PHONE, KEY, OTHER = Authenticator(b"phone"), Authenticator(b"key", "EdDSA"), Authenticator(b"other")
PAPER = {"basis": "paper", "basis_ref": "form-17"}
HOST, ORIGIN = "credence.example", "https://pages.credence.example"


def line(make, kind, number, **fields):
    """An event of a citizen by an enrolment office."""
    common = {
        "v": 1, "ledger": make.ORIGIN, "furnisher": "enrolment.example", "id": f"0192f3b6-7d2a-7000-8000-{number:012d}",
        "type": kind, "citizen": "uci:17", "nonce": "A" * 42 + "AEIMQUYcgkosw048"[number % 16], "day": "2026-11-22",
    }  # fmt: skip
    return canon.encode(common | fields)


def by(passkey, text, **more):
    return passkey.signed(text, **{"rp_id": HOST, "origin": ORIGIN} | more)


def histories(make):
    """(name, lines)."""

    def made(kind, number, **fields):
        return line(make, kind, number, **fields)

    phone, key = (made("passkey_added", n, **each.added, **PAPER) for n, each in ((1, PHONE), (2, KEY)))
    freeze, thaw, gone = (
        made("freeze", 3),
        made("thaw", 4),
        made("passkey_removed", 5, credential=PHONE.credential),
    )
    given = made("consent_given", 6, grantee="bank.example", purposes=["collection"], until="2027-01-01")
    dispute = made("dispute_opened", 7, target=11, ground="other", text='这不是我的\n"quoted" \\ €')
    stolen = canon.decode_object(by(OTHER, freeze))
    stolen["assertion"] = stolen["assertion"] | {"credential": PHONE.credential}
    moved = canon.decode_object(by(PHONE, thaw)) | {
        "assertion": canon.decode_object(by(PHONE, freeze))["assertion"]
    }
    yield (
        "by an ES256 and an Ed25519 passkey",
        [phone, key, by(PHONE, freeze), by(KEY, thaw), by(KEY, given), by(PHONE, dispute)],
    )
    yield "on paper", [made("freeze", 3, **PAPER)]
    yield (
        "a passkey that registers another one",
        [phone, by(PHONE, made("passkey_added", 8, **OTHER.added)), by(OTHER, freeze)],
    )
    yield (
        "before its registration, and after its removal",
        [
            by(PHONE, freeze),
            phone,
            by(PHONE, gone),
            by(PHONE, thaw),
            made("passkey_added", 9, **PHONE.added, **PAPER),
            by(PHONE, given),
        ],
    )
    yield (
        "a passkey that registers itself",
        [by(OTHER, made("passkey_added", 8, **OTHER.added)), by(OTHER, freeze)],
    )
    yield "another one's signature under a known credential", [phone, canon.encode(stolen)]
    yield "an assertion over another event", [phone, canon.encode(moved)]
    yield (
        "another origin than the relying party's",
        [phone, by(PHONE, freeze, origin="https://evil.example"), by(PHONE, freeze, rp_id="other.example")],
    )
    yield (
        "not over https, but on this machine",
        [
            phone,
            by(PHONE, freeze, origin="http://credence.example"),
            by(PHONE, thaw, origin="http://localhost:8080", rp_id="localhost"),
        ],
    )
    yield "without its user; merely present", [phone, by(PHONE, freeze, flags=4), by(PHONE, thaw, flags=1)]
    yield (
        "of another type; in a frame",
        [phone, by(PHONE, freeze, type="webauthn.create"), by(PHONE, thaw, crossOrigin=True)],
    )


def verdicts(lines):
    """Of each event: none, holds or refused."""
    passkeys, said = Passkeys(), []
    for text in lines:
        try:
            said.append("none" if passkeys.follow(decode_stored(text)) is None else "holds")
        except CredenceError:
            said.append("refused")
    return said


def assertions_file(make):
    return {
        "histories": [
            {"name": name, "events": [each.decode() for each in lines], "verdicts": verdicts(lines)}
            for name, lines in histories(make)
        ]
    }
