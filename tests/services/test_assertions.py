"""What a citizen signs with a passkey: taken at admission, and found out by every audit when the bureau made it up."""

import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import msgspec
import orjson
import pytest

from app.core.errors import CredenceError, RuleError
from app.core.log.policy import LogKey, Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.core.proving.transition import AuditorState, check
from app.core.reporting import events as event_formats
from app.core.reporting.batch import parse_batch
from app.db import admission
from app.services.address import Address
from app.services.banks.inquiries import inquire
from app.services.banks.replies import ConsentError
from app.services.ledger import intake
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.proving import claims
from app.services.proving.transitions import transition
from tests.authenticator import Authenticator
from tests.services.builders import PAPER

CITIZEN = "uci:1"
PHONE, OTHER = Authenticator(b"phone"), Authenticator(b"other")


@pytest.fixture
def enrolled(ledger):
    """Two citizens with a card, in a block; then a passkey for the first, admitted and in no block yet."""
    ledger.report(2)
    ledger.step()
    desk = ledger.enrolment
    ledger.admit(desk.batch([desk.event("passkey_added", CITIZEN, **PHONE.added, **PAPER)]))
    return ledger


def refused(ledger, line, said):
    with pytest.raises(RuleError, match=said) as caught:
        ledger.admit(ledger.enrolment.batch([line]))
    assert caught.value.problems[0].rule == "assertion"


def freeze(ledger, citizen=CITIZEN):
    return ledger.enrolment.event("freeze", citizen)


def test_a_signed_freeze_and_thaw_hold_at_once(enrolled):
    """R18, by the citizen's own passkey, with nothing in a block yet."""
    desk, bank = enrolled.enrolment, enrolled.bank
    consent = desk.event("consent_given", CITIZEN, grantee=bank.signer.name, purposes=["credit_application"], until=enrolled.clock.day(-30))  # fmt: skip
    enrolled.admit(desk.batch([PHONE.signed(consent), PHONE.signed(freeze(enrolled))]))
    with pytest.raises(ConsentError) as frozen:
        inquire(enrolled.bureau, bank.batch([bank.inquiry(CITIZEN)]))
    assert frozen.value.reason == "frozen"
    enrolled.admit(desk.batch([PHONE.signed(desk.event("thaw", CITIZEN))]))
    assert inquire(enrolled.bureau, bank.batch([bank.inquiry(CITIZEN)])).proof


def test_a_passkey_signs_for_its_citizen_alone(enrolled):
    refused(enrolled, PHONE.signed(freeze(enrolled, "uci:2")), "never registered")
    refused(enrolled, PHONE.signed(freeze(enrolled, "uci:404")), "never registered")
    refused(enrolled, OTHER.signed(freeze(enrolled)), "never registered")


def test_an_assertion_is_for_one_event(enrolled):
    signed = orjson.loads(PHONE.signed(freeze(enrolled)))
    other = orjson.loads(PHONE.signed(freeze(enrolled)))
    refused(enrolled, orjson.dumps(other | {"assertion": signed["assertion"]}, option=orjson.OPT_SORT_KEYS), "something else")  # fmt: skip


def test_the_same_signed_event_comes_once(enrolled):
    """R6: an assertion that was seen in the ledger cannot be played again."""
    line = PHONE.signed(freeze(enrolled))
    enrolled.admit(enrolled.enrolment.batch([line]))
    with pytest.raises(RuleError, match="R6"):
        enrolled.admit(enrolled.enrolment.batch([line]))


@pytest.mark.parametrize(
    ("origin", "rp_id"),
    [
        ("http://localhost:9999", "localhost"),
        ("https://evil.example", "evil.example"),
        ("https://a.localhost", "localhost"),
    ],
)
def test_an_assertion_is_made_on_a_page_of_ours(enrolled, origin, rp_id):
    refused(enrolled, PHONE.signed(freeze(enrolled), rp_id=rp_id, origin=origin), "none of this ledger's")


def test_other_pages_of_the_same_relying_party_are_named(enrolled):
    enrolled.bureau.address = Address.parse("https://credence.example https://enrol.credence.example")
    line = freeze(enrolled)
    enrolled.admit(enrolled.enrolment.batch([PHONE.signed(line, rp_id="credence.example", origin="https://enrol.credence.example")]))  # fmt: skip
    refused(enrolled, PHONE.signed(freeze(enrolled)), "none of this ledger's")


@pytest.mark.parametrize("text", ["http://credence.example", "credence.example", "https://", "https://a/b"])
def test_an_address_is_an_origin(text):
    with pytest.raises(CredenceError, match="CREDENCE_ADDRESS"):
        Address.parse(text)


def test_a_removed_passkey_signs_no_more(enrolled):
    desk = enrolled.enrolment
    removal = desk.event("passkey_removed", CITIZEN, credential=PHONE.credential)
    refused(
        enrolled, PHONE.signed(desk.event("passkey_removed", "uci:2", credential=PHONE.credential)), "never"
    )
    enrolled.admit(desk.batch([PHONE.signed(removal)]))
    refused(enrolled, PHONE.signed(freeze(enrolled)), "was removed")
    enrolled.step()
    refused(enrolled, PHONE.signed(freeze(enrolled)), "was removed")


def test_within_a_batch_passkeys_count_from_their_line_on(enrolled):
    desk = enrolled.enrolment
    added = PHONE.signed(desk.event("passkey_added", CITIZEN, **OTHER.added))
    by_it = OTHER.signed(freeze(enrolled))
    with pytest.raises(RuleError):
        enrolled.admit(desk.batch([by_it, added]))
    enrolled.admit(desk.batch([added, by_it]))


def test_a_removal_that_is_under_way_counts_for_who_comes_meanwhile(enrolled):
    """Passkeys of one citizen change and sign one after the other: no signature slips in behind a removal."""
    desk, bureau = enrolled.enrolment, enrolled.bureau
    removal = desk.event("passkey_removed", CITIZEN, credential=PHONE.credential, **PAPER)
    signed = desk.batch([PHONE.signed(freeze(enrolled))])
    with ThreadPoolExecutor(1) as pool:
        with bureau.transaction() as connection:
            admission.lock_access(connection, [CITIZEN])
            meanwhile = pool.submit(intake.admit, bureau, signed)
            while not _somebody_waits(connection):
                time.sleep(0.01)
            file = parse_batch(desk.batch([removal]))
            intake.store(
                bureau, connection, [intake.check(bureau, bureau.register(connection), file, bureau.today())]
            )
        with pytest.raises(RuleError, match="was removed"):
            meanwhile.result(30)


def _somebody_waits(connection):
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return connection.execute(query).fetchone()[0] > 0


# ---- a bureau that makes up what citizens will


def forge(ledger, line):
    """Store an event as a bureau does that asks nobody."""
    bureau, file = ledger.bureau, parse_batch(ledger.enrolment.batch([line]))
    with bureau.transaction() as connection:
        events = [event_formats.decode_stored(line)]
        commitments = [sha256(line).digest()]
        intake.store(bureau, connection, [intake.CheckedBatch(file, events, commitments, frozenset({"enrolment"}))])  # fmt: skip


FORGED = {
    "a consent": lambda desk: desk.event(
        "consent_given", CITIZEN, grantee="b", purposes=["collection"], until=desk.clock.day(-9)
    ),
    "a freeze": lambda desk: desk.event("freeze", CITIZEN),
    "a thaw": lambda desk: desk.event("thaw", CITIZEN),
    "a dispute": lambda desk: desk.event("dispute_opened", CITIZEN, target=9, ground="paid"),
    "a passkey": lambda desk: desk.event("passkey_added", CITIZEN, **OTHER.added),
}


def findings(ledger):
    source = DatabaseSource.open(ledger.home, ledger.url)
    try:
        report = audit(lambda: source, lambda *_: None, ledger_key=ledger.bureau.verifier, processes=0)
    finally:
        source.close()
    return [str(finding) for finding in report.findings]


def followed(ledger):
    state = AuditorState.start(ledger.bureau.verifier)
    for number in range(3):
        state = check(state, transition(ledger.bureau, number))


def history_of(ledger):
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN].id
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")
    return verify_claim(claims.history_of(ledger.bureau, person), Asked(policy, ledger.clock.moment))


def test_what_the_citizen_signed_passes_every_audit(enrolled):
    desk = enrolled.enrolment
    for make in FORGED.values():
        enrolled.admit(desk.batch([PHONE.signed(make(desk))]))
        if make is FORGED["a consent"]:
            enrolled.step()
    enrolled.admit(desk.batch([desk.event("passkey_removed", CITIZEN, credential=PHONE.credential, **PAPER)]))
    enrolled.step()
    assert findings(enrolled) == []
    followed(enrolled)
    assert history_of(enrolled).facts["signed"] == len(FORGED)


@pytest.mark.parametrize("name", FORGED)
def test_a_will_that_the_bureau_made_up_is_caught_by_audit_follower_and_citizen(enrolled, name):
    """The bureau has no passkey of the citizen's: it signs with one of its own, or takes an old assertion again."""
    desk = enrolled.enrolment
    enrolled.step()
    line = FORGED[name](desk)
    by_another = OTHER.signed(line)
    forged = orjson.loads(by_another)
    forged["assertion"]["credential"] = PHONE.credential
    forge(enrolled, orjson.dumps(forged, option=orjson.OPT_SORT_KEYS))
    enrolled.step()
    (found,) = findings(enrolled)
    assert "the signature of the assertion is wrong" in found
    with pytest.raises(CredenceError, match="was not signed by the citizen"):
        followed(enrolled)
    with pytest.raises(CredenceError, match="was not signed by the citizen"):
        history_of(enrolled)


def test_a_passkey_that_nobody_registered_and_one_removed_are_caught(enrolled):
    desk = enrolled.enrolment
    forge(enrolled, OTHER.signed(freeze(enrolled)))
    enrolled.admit(desk.batch([desk.event("passkey_removed", CITIZEN, credential=PHONE.credential, **PAPER)]))
    forge(enrolled, PHONE.signed(desk.event("thaw", CITIZEN)))
    enrolled.step()
    assert (
        len(
            [
                each
                for each in findings(enrolled)
                if "never registered for this citizen, or was removed" in each
            ]
        )
        == 2
    )
    with pytest.raises(CredenceError, match="never registered"):
        followed(enrolled)


def test_events_keep_their_bytes(enrolled):
    """What is signed is the event as it will be stored, but for the assertion."""
    signed = event_formats.decode_stored(PHONE.signed(freeze(enrolled)))
    assert msgspec.structs.replace(signed, assertion=None).furnisher == enrolled.enrolment.signer.name
