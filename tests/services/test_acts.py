"""Acts: drafted for a session, signed with a passkey, admitted by the bureau; and entered from paper."""

import pytest

from app.core.errors import CredenceError, FormatError, NotFoundError, RuleError, SignatureError
from app.services.citizens import acts, passkeys
from app.services.citizens.links import create_link, open_link
from tests.authenticator import PRESENT, Authenticator, enrol, unb64

CITIZEN = "uci:1"
PHONE, OTHER = Authenticator(b"phone"), Authenticator(b"other")


@pytest.fixture
def enrolled(ledger):
    ledger.report(2)
    ledger.step()
    enrol(ledger.bureau, CITIZEN, PHONE)
    return ledger


def session(ledger, citizen=CITIZEN):
    return open_link(ledger.bureau, create_link(ledger.bureau, citizen))


def drafted(ledger, token, *wanted):
    return acts.draft(ledger.bureau, token, wanted or [("freeze", {})], "Freeze your file.", "/record/freeze")


def signed(ledger, token, draft, passkey=PHONE, page=(), **more):
    challenges = acts.open_draft(ledger.bureau, token, draft).challenges
    answers = [passkey.assertion(unb64(each), *page, **more) for each in challenges]
    return acts.sign(ledger.bureau, token, draft, answers)


def file_of(ledger, citizen=CITIZEN):
    with ledger.bureau.transaction() as connection:
        return passkeys.files_now(connection, ledger.bureau.people.find(connection, [citizen]))[citizen]


def test_a_draft_is_signed_and_counts_at_once(enrolled):
    token = session(enrolled)
    draft = drafted(enrolled, token)
    opened = acts.open_draft(enrolled.bureau, token, draft)
    assert (opened.sentence, opened.credentials) == ("Freeze your file.", [PHONE.credential])
    assert not file_of(enrolled).freezes, "nothing is recorded before it is signed"
    assert signed(enrolled, token, draft) == "/record/freeze"
    assert [entry.frozen for entry in file_of(enrolled).freezes] == [1]
    with pytest.raises(NotFoundError):
        acts.open_draft(enrolled.bureau, token, draft)


def test_several_events_are_admitted_together_or_not_at_all(enrolled):
    token = session(enrolled)
    draft = drafted(enrolled, token, ("freeze", {}), ("thaw", {"grantee": "bank.example"}))
    challenges = acts.open_draft(enrolled.bureau, token, draft).challenges
    good = [PHONE.assertion(unb64(each)) for each in challenges]
    for bad in (
        [good[0]],
        [good[0], good[0]],
        [good[1], good[0]],
        [good[0], OTHER.assertion(unb64(challenges[1]))],
    ):
        with pytest.raises(CredenceError):
            acts.sign(enrolled.bureau, token, draft, bad)
    assert not file_of(enrolled).freezes
    acts.sign(enrolled.bureau, token, draft, good)
    assert [entry.frozen for entry in file_of(enrolled).freezes] == [1, 0]


def test_a_draft_is_its_sessions_own_and_for_ten_minutes(enrolled):
    token, others, again = session(enrolled), session(enrolled, "uci:2"), session(enrolled)
    draft = drafted(enrolled, token)
    for wrong in (others, again, "nobody's"):
        with pytest.raises(NotFoundError):
            acts.open_draft(enrolled.bureau, wrong, draft)
    for wrong in ("", "AAAA", draft[:-1] + "!", "A" * 22):
        with pytest.raises(NotFoundError):
            acts.open_draft(enrolled.bureau, token, wrong)
    enrolled.clock.move(seconds=599)
    assert acts.open_draft(enrolled.bureau, token, draft)
    enrolled.clock.move(seconds=1)
    with pytest.raises(NotFoundError):
        signed(enrolled, token, draft)


def test_what_a_passkey_of_the_citizens_did_not_sign_is_refused(enrolled):
    token = session(enrolled)
    draft, another = drafted(enrolled, token), drafted(enrolled, token)
    challenge = unb64(acts.open_draft(enrolled.bureau, token, another).challenges[0])
    with pytest.raises(RuleError, match="never registered"):
        signed(enrolled, token, draft, OTHER)
    with pytest.raises(RuleError, match="none of this ledger's"):
        signed(enrolled, token, draft, page=("evil.example", "https://evil.example"))
    with pytest.raises(SignatureError, match="something else"):
        acts.sign(enrolled.bureau, token, draft, [PHONE.assertion(challenge)])
    with pytest.raises(SignatureError, match="who is there"):
        signed(enrolled, token, draft, flags=PRESENT)
    for nonsense in ({}, {"credential": 5}, PHONE.assertion(challenge) | {"more": "x"}):
        with pytest.raises(FormatError):
            acts.sign(enrolled.bureau, token, draft, [nonsense])
    assert signed(enrolled, token, draft)


def test_a_passkey_removed_meanwhile_signs_no_more(enrolled):
    token = session(enrolled)
    draft = drafted(enrolled, token)
    acts.on_paper(enrolled.bureau, CITIZEN, "passkey_removed", {"credential": PHONE.credential}, "form-18")
    assert acts.open_draft(enrolled.bureau, token, draft).credentials == []
    with pytest.raises(RuleError, match="was removed"):
        signed(enrolled, token, draft)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("freeze", {"reason": "because"}),
        ("consent_given", {"grantee": "BANK", "purposes": ["collection"], "until": "2027-01-01"}),
        ("consent_given", {"grantee": "b", "purposes": ["collection"], "until": "2020-01-01"}),
        ("dispute_opened", {"target": 3, "ground": "paid", "text": "x" * 1001}),
        ("no_such_type", {}),
    ],
)
def test_what_can_never_be_admitted_is_refused_before_it_is_signed(enrolled, kind, fields):
    with pytest.raises(CredenceError):
        drafted(enrolled, session(enrolled), (kind, fields))


def test_a_draft_is_sealed(enrolled):
    token = session(enrolled)
    drafted(enrolled, token)
    with enrolled.bureau.transaction() as connection:
        row = connection.execute("SELECT sealed FROM drafts").fetchone()
    assert b"Freeze" not in bytes(row[0])
    assert CITIZEN.encode() not in bytes(row[0])


def test_paper_is_named_in_the_event(enrolled):
    acts.on_paper(enrolled.bureau, CITIZEN, "freeze", {}, "form-99")
    assert [entry.frozen for entry in file_of(enrolled).freezes] == [1]
    with pytest.raises(RuleError, match="basis_ref"):
        acts.on_paper(enrolled.bureau, CITIZEN, "freeze", {}, "not a ref")
