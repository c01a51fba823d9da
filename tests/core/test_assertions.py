"""Assertions: only the citizen's own passkey, over this very event, with its user present."""

from hashlib import sha256

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import CredenceError, FormatError, SignatureError
from app.core.reporting import assertions
from app.core.reporting.assertions import Passkeys, challenge_of
from app.core.reporting.events import decode_stored
from app.core.scoring.folded import Passkey
from tests.authenticator import Authenticator, b64, unb64
from tests.core.event_samples import COMMON, PAPER

PHONE, KEY, OTHER = Authenticator(b"phone"), Authenticator(b"key", "EdDSA"), Authenticator(b"other")


def line(kind, **fields):
    return canon.encode(COMMON | {"type": kind} | fields)


FREEZE = line("freeze", **PAPER)


def event(text):
    return decode_stored(text)


def owned(*passkeys):
    return Passkeys({each.credential: Passkey("2026-01-01", each.public_key) for each in passkeys})


@pytest.mark.parametrize("passkey", [PHONE, KEY])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("freeze", {}),
        ("thaw", {"grantee": "bank.example", "until": "2027-01-01"}),
        ("consent_given", {"grantee": "b", "purposes": ["collection"], "until": "2027-01-01"}),
        ("dispute_opened", {"target": 7, "ground": "paid", "text": "I paid.\n付清了"}),
        ("passkey_added", OTHER.added),
    ],
)
def test_a_passkey_signs_an_event(passkey, kind, fields):
    signed = event(passkey.signed(line(kind, **fields)))
    signing = owned(PHONE, KEY).follow(signed)
    assert signing.origin == "http://localhost:8080"
    assert signing.user_verified
    assert challenge_of(signed) == challenge_of(msgspec.structs.replace(signed, assertion=None))


def test_the_challenge_is_the_hash_of_the_line_without_the_assertion():
    bare = {key: value for key, value in orjson.loads(FREEZE).items() if not key.startswith("basis")}
    assert challenge_of(event(PHONE.signed(FREEZE))) == sha256(canon.encode(bare)).digest()


def test_what_has_no_assertion_is_not_judged():
    assert Passkeys().follow(event(FREEZE)) is None


def swapped(**parts):
    """The freeze, signed, with parts of the assertion exchanged."""
    signed = orjson.loads(PHONE.signed(FREEZE))
    signed["assertion"] |= parts
    return canon.encode(signed)


def other_freeze():
    return orjson.loads(PHONE.signed(line("freeze", **PAPER | {"nonce": "A" * 43})))["assertion"]


REFUSED = {
    "for another event": (lambda: swapped(**other_freeze()), "something else"),
    "signature of another event": (
        lambda: swapped(signature=other_freeze()["signature"]),
        "signature of the assertion is wrong",
    ),
    "another passkey's signature": (
        lambda: swapped(**orjson.loads(OTHER.signed(FREEZE))["assertion"] | {"credential": PHONE.credential}),
        "signature of the assertion is wrong",
    ),
    "another citizen's passkey": (lambda: OTHER.signed(FREEZE), "never registered"),
    "nobody present": (lambda: PHONE.signed(FREEZE, flags=4), "without its user"),
    "a registration": (lambda: PHONE.signed(FREEZE, type="webauthn.create"), "webauthn.get"),
    "another challenge": (lambda: PHONE.signed(FREEZE, challenge="AAAA"), "something else"),
    "no origin": (lambda: PHONE.signed(FREEZE, origin=5), "frame of another site"),
    "in a frame": (lambda: PHONE.signed(FREEZE, crossOrigin=True), "frame of another site"),
    "another site's relying party": (
        lambda: PHONE.signed(FREEZE, origin="https://evil.example"),
        "relying party",
    ),
    "a domain below the origin's": (lambda: PHONE.signed(FREEZE, rp_id="a.localhost"), "relying party"),
    "not over https": (
        lambda: PHONE.signed(FREEZE, rp_id="credence.example", origin="http://credence.example"),
        "relying party",
    ),
    "short authenticator data": (lambda: swapped(authenticator_data="AAAA"), "at least 37"),
    "client data that is no JSON": (lambda: swapped(client_data="AAAA"), "JSON object"),
    "client data that is no object": (lambda: swapped(client_data="W10"), "JSON object"),
    "a changed field": (lambda: PHONE.signed(FREEZE).replace(b"uci:17", b"uci:18"), "something else"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_citizen_did_not_sign_is_refused(name):
    make, why = REFUSED[name]
    with pytest.raises(CredenceError, match=why):
        owned(PHONE).follow(event(make()))


def test_a_page_under_the_relying_partys_domain_may_ask():
    signed = PHONE.signed(FREEZE, rp_id="credence.example", origin="https://pages.credence.example:8443")
    assert owned(PHONE).follow(event(signed)).origin == "https://pages.credence.example:8443"


def test_passkeys_count_in_the_order_of_the_log():
    """Added by an earlier event, and from the removal on no longer, whatever the days say."""
    added = event(line("passkey_added", **PHONE.added, **PAPER))
    removed = event(line("passkey_removed", credential=PHONE.credential, day="2026-09-01", **PAPER))
    freeze = event(PHONE.signed(FREEZE))
    passkeys = Passkeys()
    with pytest.raises(SignatureError) as early:
        passkeys.follow(freeze)
    assert early.value.code == assertions.UNKNOWN_PASSKEY
    passkeys.follow(added)
    assert passkeys.follow(freeze)
    passkeys.follow(removed)
    passkeys.follow(added)
    with pytest.raises(SignatureError, match="was removed"):
        passkeys.follow(freeze)


def test_a_passkey_cannot_register_itself_but_another_one_can():
    itself = event(OTHER.signed(line("passkey_added", **OTHER.added)))
    with pytest.raises(SignatureError, match="never registered"):
        owned(PHONE).follow(itself)
    passkeys = owned(PHONE)
    passkeys.follow(event(PHONE.signed(line("passkey_added", **OTHER.added))))
    assert passkeys.follow(event(OTHER.signed(FREEZE)))


def test_following_leaves_the_file_as_it_was():
    known = {PHONE.credential: Passkey("2026-01-01", PHONE.public_key)}
    Passkeys(known).follow(event(PHONE.signed(line("passkey_removed", credential=PHONE.credential))))
    assert known[PHONE.credential].removed is None


@pytest.mark.parametrize("good", [PHONE.public_key, KEY.public_key])
def test_keys_have_one_encoding(good):
    assert assertions.is_public_key(good)
    for bad in (good[:-4], good + "AAAA", good[:2] + "A" + good[3:], "pQECAyYgASFYIA", "AAAA"):
        assert not assertions.is_public_key(bad), bad


def test_a_point_off_the_curve_is_no_key():
    data = bytearray(unb64(PHONE.public_key))
    data[-1] ^= 1
    with pytest.raises(FormatError, match="not a point"):
        assertions.verify_signature(b64(bytes(data)), b"", b"")


@settings(max_examples=60)
@given(
    st.sampled_from(["credential", "authenticator_data", "client_data", "signature"]),
    st.binary(min_size=1, max_size=120),
)
def test_any_bytes_are_refused_in_words(part, data):
    with pytest.raises(CredenceError):
        owned(PHONE).follow(event(swapped(**{part: b64(data)})))
