"""Enrolment by code, sign-in by passkey, sessions: one code one passkey, one challenge one sign-in, and nobody else's."""

import itertools
import json
import os
import re
from types import SimpleNamespace

import pytest

from app.core.errors import (
    ConflictError,
    FormatError,
    NotFoundError,
    RuleError,
    SignatureError,
)
from app.services.citizens import acts, enrolment, links, passkeys, sessions, sign_in
from app.services.citizens.records import entries
from tests.authenticator import ATTESTED, PRESENT, VERIFIED, Authenticator, b64, enrol, unb64
from tests.conftest import url_of
from tests.services.builders import Ledger

NUMBERS = itertools.count(1, 2)


@pytest.fixture(scope="module")
def office(template_database, administer, server_url, tmp_path_factory):
    """One ledger for all tests; each has citizens of its own."""
    name = f"credence_enrolment_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("enrolment"), url_of(server_url, name))
    made.report(140, months=1)
    made.step()
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def citizen(office):
    """The ledger, with a citizen (`me`) and another one whom nobody else has."""
    number = next(NUMBERS)
    own = {"me": f"uci:{number}", "other": f"uci:{number + 1}"}
    return SimpleNamespace(bureau=office.bureau, clock=office.clock, step=office.step, **own)


def code_session(ledger, citizen=None, ref="form-17"):
    code = enrolment.issue_code(ledger.bureau, citizen or ledger.me, ref)
    return links.open_link(ledger.bureau, code, "Chrome, Mac")


def options(ledger, token):
    said, draft = enrolment.begin(ledger.bureau, token, lambda name: name[:4] + "***")
    return json.loads(said), draft


def made(ledger, token, passkey, **more):
    """The registration of a new passkey, up to its fields."""
    said, draft = options(ledger, token)
    answer = passkey.registered(unb64(said["challenge"]), unb64(said["user"]["id"]), **more)
    return enrolment.finish(ledger.bureau, token, draft, answer)


def enrolled(ledger, passkey=None):
    """(a session, a passkey registered in it)."""
    passkey, token = passkey or Authenticator(), code_session(ledger)
    enrolment.register(ledger.bureau, token, made(ledger, token, passkey))
    return token, passkey


def signed_in(ledger, passkey, **more):
    challenge = unb64(sign_in.challenge(ledger.bureau))
    return sign_in.with_passkey(ledger.bureau, passkey.got(challenge, **more), "Firefox, Linux")


def file_of(ledger):
    with ledger.bureau.transaction() as connection:
        return passkeys.files_now(connection, ledger.bureau.people.find(connection, [ledger.me]))[ledger.me]


# ---- enrolment


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_code_registers_a_passkey_that_signs_in_and_signs(citizen, algorithm):
    token, passkey = enrolled(citizen, Authenticator(None, algorithm))
    assert passkeys.standing(file_of(citizen)) == [passkey.credential]
    session = signed_in(citizen, passkey)
    assert links.session_citizen(citizen.bureau, session) == links.session_citizen(citizen.bureau, token)
    draft = acts.draft(citizen.bureau, session, [("freeze", {})], "Freeze.", "/record")
    challenge = unb64(acts.open_draft(citizen.bureau, session, draft).challenges[0])
    acts.sign(citizen.bureau, session, draft, [passkey.assertion(challenge)])
    assert file_of(citizen).freezes


def test_the_event_names_the_paper_that_the_code_was_given_for(citizen):
    token, _ = enrolled(citizen)
    citizen.step()
    read = entries(citizen.bureau, links.session_citizen(citizen.bureau, token))
    (added,) = [item for item in read.items if item.type == "passkey_added"]
    assert (added.fields["basis"], added.fields["basis_ref"]) == ("paper", "form-17")


def test_one_code_registers_one_passkey(citizen):
    token, _ = enrolled(citizen)
    assert enrolment.ground(citizen.bureau, token) is None
    with pytest.raises(ConflictError):
        enrolment.register(citizen.bureau, token, made(citizen, token, Authenticator()))
    assert len(passkeys.standing(file_of(citizen))) == 1


def test_a_session_by_passkey_registers_another_one_only_by_signature(citizen):
    _, phone = enrolled(citizen)
    token, laptop = signed_in(citizen, phone), Authenticator()
    fields = made(citizen, token, laptop)
    with pytest.raises(ConflictError):
        enrolment.register(citizen.bureau, token, fields)
    draft = acts.draft(citizen.bureau, token, [("passkey_added", fields)], "Add.", "/record")
    challenge = unb64(acts.open_draft(citizen.bureau, token, draft).challenges[0])
    with pytest.raises(RuleError, match="never registered"):
        acts.sign(citizen.bureau, token, draft, [laptop.assertion(challenge)])
    acts.sign(citizen.bureau, token, draft, [phone.assertion(challenge)])
    assert signed_in(citizen, laptop)


def test_a_lost_passkey_is_replaced_and_its_sessions_end(citizen):
    _, lost = enrolled(citizen)
    thief = signed_in(citizen, lost)
    token, new = code_session(citizen, ref="form-18"), Authenticator()
    enrolment.register(citizen.bureau, token, made(citizen, token, new), [lost.credential])
    assert passkeys.standing(file_of(citizen)) == [new.credential]
    assert links.session_citizen(citizen.bureau, thief) is None
    assert links.session_citizen(citizen.bureau, token) is not None
    with pytest.raises(SignatureError):
        signed_in(citizen, lost)
    citizen.step()
    types = [e.type for e in entries(citizen.bureau, links.session_citizen(citizen.bureau, token)).items]
    assert types.count("passkey_added") == 2, "who has the old one sees that there is a new one"
    assert types.count("passkey_removed") == 1


def test_the_old_passkeys_sessions_end_even_if_it_is_kept(citizen):
    _, old = enrolled(citizen)
    elsewhere = signed_in(citizen, old)
    token = code_session(citizen)
    enrolment.register(citizen.bureau, token, made(citizen, token, Authenticator()))
    assert links.session_citizen(citizen.bureau, elsewhere) is None


def test_a_removal_on_paper_ends_the_sessions_of_that_passkey_alone(citizen):
    _, phone = enrolled(citizen)
    by_code = code_session(citizen)
    by_phone = signed_in(citizen, phone)
    acts.on_paper(citizen.bureau, citizen.me, "passkey_removed", {"credential": phone.credential}, "form-20")
    assert links.session_citizen(citizen.bureau, by_phone) is None
    assert links.session_citizen(citizen.bureau, by_code) is not None


def test_a_registration_is_for_its_session_once_and_for_ten_minutes(citizen):
    token, other = code_session(citizen), code_session(citizen, citizen.other)
    said, draft = options(citizen, token)
    answer = Authenticator().registered(unb64(said["challenge"]))
    with pytest.raises(NotFoundError):
        enrolment.finish(citizen.bureau, other, draft, answer)
    enrolment.finish(citizen.bureau, token, draft, answer)
    with pytest.raises(NotFoundError):
        enrolment.finish(citizen.bureau, token, draft, answer)
    _, late = options(citizen, token)
    citizen.clock.move(seconds=600)
    with pytest.raises(NotFoundError):
        enrolment.finish(citizen.bureau, token, late, answer)


def test_a_registration_is_nothing_to_sign_and_the_other_way_round(citizen):
    token, _ = enrolled(citizen)
    _, registration = options(citizen, token)
    with pytest.raises(NotFoundError):
        acts.open_draft(citizen.bureau, token, registration)
    draft = acts.draft(citizen.bureau, token, [("freeze", {})], "Freeze.", "/record")
    with pytest.raises(NotFoundError):
        enrolment.finish(citizen.bureau, token, draft, {})


BAD_REGISTRATIONS = {
    "another challenge": lambda p, c: p.registered(bytes(32)),
    "another page": lambda p, c: p.registered(c, origin="https://evil.example"),
    "another relying party": lambda p, c: p.registered(c, rp_id="evil.example"),
    "nobody verified": lambda p, c: p.registered(c, flags=PRESENT | ATTESTED),
    "nobody there": lambda p, c: p.registered(c, flags=ATTESTED),
    "an assertion": lambda p, c: p.got(c),
    "nothing": lambda p, c: {},
    "no attestation": lambda p, c: p.registered(c, flags=PRESENT | VERIFIED),
}


@pytest.mark.parametrize("name", BAD_REGISTRATIONS)
def test_what_no_authenticator_of_ours_made_is_refused(citizen, name):
    token = code_session(citizen)
    said, draft = options(citizen, token)
    with pytest.raises(SignatureError):
        enrolment.finish(citizen.bureau, token, draft, BAD_REGISTRATIONS[name](Authenticator(), unb64(said["challenge"])))  # fmt: skip
    assert enrolment.ground(citizen.bureau, token), "the code can still be used"


def test_what_the_authenticator_keeps_names_nobody(citizen):
    token, passkey = enrolled(citizen)
    said, _ = options(citizen, token)
    assert said["user"]["name"] == "uci:***"
    assert (said["rp"]["id"], said["authenticatorSelection"]["residentKey"]) == ("localhost", "required")
    assert [each["id"] for each in said["excludeCredentials"]] == [passkey.credential]
    handle = unb64(said["user"]["id"])
    number = links.session_citizen(citizen.bureau, token)
    assert len(handle) == 24
    assert number.to_bytes(8, "big") not in handle
    assert enrolment.citizen_of(citizen.bureau, handle) == number
    assert handle == enrolment.handle_of(citizen.bureau, number), (
        "an authenticator replaces, and does not pile up"
    )
    for wrong in (
        b"",
        handle[:-1],
        handle + b"x",
        bytes(24),
        handle[:16] + bytes(8),
        bytes(16) + handle[16:],
    ):
        assert enrolment.citizen_of(citizen.bureau, wrong) is None


# ---- codes


def test_codes_are_read_however_they_are_typed(citizen):
    code = enrolment.issue_code(citizen.bureau, citizen.me, "form-1")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}", code)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert links.open_link(citizen.bureau, typed)
    with pytest.raises(NotFoundError):
        links.open_link(citizen.bureau, code)


def test_a_code_is_for_who_has_a_file_and_for_a_good_reference(citizen):
    with pytest.raises(NotFoundError):
        enrolment.issue_code(citizen.bureau, "uci:404404", "form-1")
    with pytest.raises(FormatError):
        enrolment.issue_code(citizen.bureau, "nobody", "form-1")
    with pytest.raises(FormatError):
        enrolment.issue_code(citizen.bureau, citizen.me, "no ref")
    with pytest.raises(FormatError):
        enrolment.issue_code(citizen.bureau, citizen.me, "form-1", basis="research-ish")


def test_code_and_session_are_stored_as_hashes_and_sealed(citizen):
    code = enrolment.issue_code(citizen.bureau, citizen.me, "form-77")
    token = links.open_link(citizen.bureau, code, "Chrome, Mac")
    with citizen.bureau.transaction() as connection:
        stored = b"".join(
            bytes(column)
            for table in ("links", "sessions")
            for row in connection.execute(f"SELECT * FROM {table}").fetchall()
            for column in row
            if isinstance(column, bytes | memoryview)
        )
    for secret in (
        code.replace("-", "").encode(),
        token.encode(),
        b"form-77",
        b"Chrome",
        citizen.me.encode(),
    ):
        assert secret not in stored


# ---- sign-in


def test_signing_in_is_a_look_that_never_counts(citizen):
    """R16, R22."""
    _, passkey = enrolled(citizen)
    session = signed_in(citizen, passkey)
    citizen.step()
    looks = entries(citizen.bureau, links.session_citizen(citizen.bureau, session)).looks
    assert [look.fields["purpose"] for look in looks] == ["self", "self"]
    assert not file_of(citizen).inquiries


def test_a_challenge_signs_in_once(citizen):
    _, passkey = enrolled(citizen)
    answer = passkey.got(unb64(sign_in.challenge(citizen.bureau)))
    assert sign_in.with_passkey(citizen.bureau, answer, "")
    with pytest.raises(SignatureError):
        sign_in.with_passkey(citizen.bureau, answer, "")
    late = passkey.got(unb64(sign_in.challenge(citizen.bureau)))
    citizen.clock.move(seconds=300)
    with pytest.raises(SignatureError):
        sign_in.with_passkey(citizen.bureau, late, "")


def changed(answer, **response):
    return answer | {"response": answer["response"] | response}


BAD_SIGN_INS = {
    "a challenge of its own": lambda p, c, bureau: p.got(bytes(32)),
    "another page": lambda p, c, bureau: p.got(c, origin="https://evil.example"),
    "another relying party": lambda p, c, bureau: p.got(c, rp_id="evil.example"),
    "nobody verified": lambda p, c, bureau: p.got(c, flags=PRESENT),
    "no handle": lambda p, c, bureau: changed(p.got(c), userHandle=""),
    "a handle of nobody": lambda p, c, bureau: changed(p.got(c), userHandle=b64(bytes(24))),
    "another citizen's handle": lambda p, c, bureau: changed(p.got(c), userHandle=b64(enrolment.handle_of(bureau, enrolment.citizen_of(bureau, p.user_handle) % 100 + 1))),
    "an unknown passkey": lambda p, c, bureau: changed(Authenticator().got(c), userHandle=b64(p.user_handle)),
    "another passkey's signature": lambda p, c, bureau: Authenticator().got(c) | {"id": p.credential, "rawId": p.credential},
    "an assertion for an event": lambda p, c, bureau: p.got(c, type="webauthn.create"),
    "nothing": lambda p, c, bureau: {},
    "no texts": lambda p, c, bureau: {"response": {"clientDataJSON": 5}},
    "client data that is a list": lambda p, c, bureau: changed(p.got(c), clientDataJSON=b64(b"[]")),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SIGN_INS)
def test_nobody_else_signs_in(citizen, name):
    _, passkey = enrolled(citizen)
    challenge = unb64(sign_in.challenge(citizen.bureau))
    with pytest.raises(SignatureError, match="the passkey was not accepted"):
        sign_in.with_passkey(citizen.bureau, BAD_SIGN_INS[name](passkey, challenge, citizen.bureau), "")


def test_a_passkey_that_the_ledger_got_otherwise_signs_in_too(citizen):
    """An enrolment office of its own registers it; the ledger is what counts."""
    passkey = enrol(citizen.bureau, citizen.me, Authenticator())
    with citizen.bureau.transaction() as connection:
        number = citizen.bureau.people.find(connection, [citizen.me])[citizen.me].id
    passkey.user_handle = enrolment.handle_of(citizen.bureau, number)
    assert signed_in(citizen, passkey)


# ---- sessions


def test_sessions_are_listed_and_ended(citizen):
    _, passkey = enrolled(citizen)
    citizen.clock.move(seconds=60)
    own, others = signed_in(citizen, passkey), code_session(citizen, citizen.other)
    listed = sessions.listed(citizen.bureau, own)
    assert [(each.began.how, each.began.browser, each.own) for each in listed] == [
        ("passkey", "Firefox, Linux", True),
        ("code", "Chrome, Mac", False),
    ]
    (foreign,) = sessions.listed(citizen.bureau, others)
    for wrong in (foreign.id, "nonsense", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFoundError):
            sessions.end(citizen.bureau, own, wrong)
    sessions.end(citizen.bureau, own, listed[1].id)
    assert [each.own for each in sessions.listed(citizen.bureau, own)] == [True]
    assert links.session_citizen(citizen.bureau, others) is not None
    citizen.clock.move(seconds=links.SESSION_S)
    with pytest.raises(NotFoundError):
        sessions.listed(citizen.bureau, own)


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Gecko/20100101 Firefox/140.0", "Firefox, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/130 Mobile Safari/537 MicroMessenger/8", "WeChat, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge, Windows"),
        ("curl/8", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_browsers_are_told_apart_in_two_words(agent, kind):
    assert sessions.browser_of(agent) == kind
