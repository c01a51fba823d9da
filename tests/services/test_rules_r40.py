"""R40 and R14: what rests on consent is destroyed when the citizen wishes it, in time, for good, and nothing else is."""

from __future__ import annotations

import pytest

from app.core.errors import CredenceError, NotFoundError
from app.core.log import notices
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.core.proving.holder import Holder
from app.core.proving.proof import verify_score_proof
from app.core.reporting import event_types as types
from app.core.scoring.profiles import CN
from app.core.scoring.repairs import SETTLEMENTS
from app.core.scoring.scorecard import expert_card
from app.core.state import erasure
from app.db import admission, state
from app.services.banks import watching
from app.services.banks.inquiries import inquire
from app.services.banks.replies import ConsentError
from app.services.citizens import disputes, evidence, mailing, sharing
from app.services.citizens import erasure as service
from app.services.citizens.evidence import Draft
from app.services.citizens.links import create_link, open_link
from app.services.ledger import history
from app.services.ledger.intake import admit
from app.services.proving import claims, proofs, range_credentials
from app.services.proving.range_credentials import Wish
from app.services.scheduler import Scheduler
from tests.services import replay
from tests.services.audited import Tamper, findings, opened_by_any, surviving_keys, table
from tests.services.builders import BANK, NOON, PAPER
from tests.services.test_proofs import person_of, policy, verify
from tests.services.test_transitions import follow

CITIZEN, OTHER = "uci:1", "uci:2"
SEALED = {
    "event_bodies": "batch, position, sealed", "account_bodies": "citizen, block, sealed",
    "evidence": "citizen, item, body", "dispute_drafts": "citizen, item, sealed",
    "challenger_scores": "citizen, block, sealed",
}  # fmt: skip


@pytest.fixture
def filled(ledger):
    """Somebody with a good card, one that was late, a collection, a meter, a consent and a look at it; and somebody else."""
    lender, utility, told = (
        ledger.lender,
        ledger.utility,
        {"notified_on": ledger.clock.day(50), "notified_by": "letter"},
    )
    ledger.admit(
        lender.batch([
            *lender.card_history(CITIZEN, months=8),
            lender.status(CITIZEN, ago=70, late=True, account="loan"), lender.status(CITIZEN, ago=40, account="loan"),
            lender.opened(CITIZEN, ago=400, account="loan"), *lender.card_history(OTHER, months=4),
        ]),
        utility.batch([utility.utility(CITIZEN, ago=5), utility.event("collection_placed", CITIZEN, ago=9, case="k", **told)]),
        ledger.enrolment.batch([ledger.enrolment.consent(CITIZEN)]),
    )  # fmt: skip
    ledger.step()
    inquire(ledger.bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)]))
    ledger.step()
    return ledger


def ask(ledger, citizen=CITIZEN):
    desk = ledger.enrolment
    ledger.admit(desk.batch([desk.event("erasure", citizen, scope="consent_based", **PAPER)]))
    ledger.settle()


def run_jobs(ledger):
    """The scheduler's turns and the sequencer's blocks, until nothing more happens."""
    done = 0
    for _ in range(4):
        ledger.clock.move(seconds=600)
        with Scheduler(ledger.bureau) as working:
            done += working.turn()["erasures"]
        ledger.settle()
    return done


def erased(ledger):
    ask(ledger)
    ledger.clock.move(days=erasure.COOLING_OFF_DAYS)
    assert run_jobs(ledger) == 2, "consents end, then it is announced"
    return ledger


def left(ledger, citizen=CITIZEN):
    person = person_of(ledger.bureau, citizen)
    with ledger.bureau.transaction() as connection:
        return history.with_waiting(connection, person)


def kinds(ledger):
    return sorted({(event.__struct_config__.tag, getattr(event, "account", "")) for _, event in left(ledger)})


def all_surviving_keys(ledger):
    secrets = surviving_keys(ledger)
    of_files = [opened_by_any(secrets, row[1]) for row in table(ledger, "evidence_keys", "number, sealed")]
    assert None not in of_files
    return secrets + of_files


def test_r40_what_rests_on_consent_goes_in_time_and_what_is_reported_against_the_citizen_stays(filled):
    person = person_of(filled.bureau, CITIZEN)
    old = proofs.score_proof(filled.bureau, person.id)
    before = verify(filled, old, CITIZEN)
    ask(filled)
    shown = service.of_citizen(filled.bureau, person.id)
    assert (str(shown.due_on), shown.last_day) == ("2026-11-09", "2026-12-02")
    assert shown.going == 27
    filled.clock.move(days=erasure.COOLING_OFF_DAYS - 1)
    assert run_jobs(filled) == 0
    assert len(left(filled)) > shown.staying
    filled.clock.move(days=1)
    assert run_jobs(filled) == 2
    assert kinds(filled) == [
        ("answer", ""), ("collection_placed", ""), ("consent_given", ""), ("consent_withdrawn", ""), ("erasure", ""),
        ("inquiry", ""), ("status", "loan"),
    ]  # fmt: skip
    assert service.of_citizen(filled.bureau, person.id).carried_out_on == "2026-11-09"
    person = person_of(filled.reopen(), CITIZEN)
    after = verify(filled, proofs.score_proof(filled.bureau, person.id), CITIZEN)
    at_that_time = verify_score_proof(old, policy(filled), at=NOON, identifier=CITIZEN)
    assert at_that_time == before, "old proofs still verify"
    assert after.shown["history"]["size"] == before.shown["history"]["size"] + 2, (
        "nothing ever leaves the tree"
    )
    assert "card-1" not in str(after.shown["file"])
    assert len(left(filled, OTHER)) == 13
    with pytest.raises(ConsentError):
        inquire(filled.bureau, filled.bank.batch([filled.bank.inquiry(CITIZEN)]))
    assert findings(filled) == []
    replay.check(filled.url, filled.home)


def test_r14_no_key_that_survives_opens_anything_erased_in_an_old_backup_or_here(filled):
    item = next(i for i, e in left(filled) if getattr(e, "account", "") == "loan" and e.negative)
    card = next(i for i, e in left(filled) if getattr(e, "account", "") == "card-1")
    person = person_of(filled.bureau, CITIZEN)
    for about in (item, card):
        evidence.save(filled.bureau, person.id, about, Draft("other", "in my words"))
        evidence.add_file(filled.bureau, person.id, about, "a.txt", b"a letter about %d" % about)
    bundle = evidence.bundle(filled.bureau, person.id, item).hex()
    desk = filled.enrolment
    filing = {"target": item, "ground": "paid", "evidence": bundle}
    filled.admit(desk.batch([desk.event("dispute_opened", CITIZEN, **filing, **PAPER)]))
    filled.settle()
    web = filled.reopen()  # another process, which remembers the keys
    assert person_of(web, CITIZEN).salt_key == person.salt_key
    backup = {name: table(filled, name, columns) for name, columns in SEALED.items()}
    places = own_places(filled)
    erased(filled)
    secrets = all_surviving_keys(filled)
    assert not {person.data_key, person.salt_key} & set(secrets), "both keys are new"
    for name, rows in backup.items():
        for first, second, sealed in rows:
            own = (first, second) in places if name == "event_bodies" else first == person.id
            own &= (name, second) != ("evidence", item)  # of an open dispute: it is there still
            assert (opened_by_any(secrets, sealed) is None) == own, name
    here = [
        opened_by_any(secrets, row[2])
        for name, columns in SEALED.items()
        for row in table(filled, name, columns)
    ]
    assert None not in here
    assert not any(
        b"card-1" in plain
        for plain in here
        if b'"citizen":"%s"' % OTHER.encode() not in plain and other_state(plain)
    )
    assert evidence.files_of_draft(filled.bureau, person.id, card) == []
    assert evidence.draft(filled.bureau, person.id, card) == Draft()
    (shown,) = disputes.of_citizen(filled.bureau, person.id)
    assert shown.evidence, "the evidence of an open dispute stays with it"
    admit(
        web, filled.lender.batch([filled.lender.payment(CITIZEN)])
    )  # under the new key, whatever it remembers
    filled.settle()
    assert findings(filled) == []
    web.close()


def own_places(ledger):
    person = person_of(ledger.bureau, CITIZEN)
    with ledger.bureau.transaction() as connection:
        return {(row.batch, row.position) for row, _, _ in state.events_of_citizens(connection, [person.id])}


def other_state(plain):
    """Not the other citizen's account, who has a card of that name too."""
    return b'"status":[' not in plain or b'"loan"' in plain


def test_r40_who_follows_block_by_block_sees_it_and_goes_on(filled):
    state_ = follow(filled)
    ask(filled)
    filled.clock.move(days=8)
    for _ in range(3):
        filled.clock.move(seconds=600)
        with Scheduler(filled.bureau) as working:
            working.turn()
        while filled.waiting():
            filled.step()
            state_ = follow(filled, state_)
    filled.admit(filled.lender.batch([filled.lender.payment(CITIZEN)]))
    filled.step()
    item = next(i for i, e in left(filled) if getattr(e, "account", "") == "loan" and e.negative)
    filled.admit(
        filled.lender.batch([filled.lender.event("retraction", CITIZEN, target=item, reason="ordered")])
    )
    filled.step()
    state_ = follow(filled, state_)  # a repair shows the whole history, with the salts that were kept
    going = erasure.consent_based(left(filled, OTHER))
    with filled.bureau.transaction() as connection:
        notice = notices.destroyed(going, erasure.REASON, filled.bureau.now())
        admission.insert_notice(connection, notices.encode(notice))
    filled.step()
    with pytest.raises(CredenceError, match="the citizen had not asked for it"):
        follow(filled, state_)


def test_r40_a_whole_history_is_proved_over_the_kept_salts(filled):
    erased(filled)
    filled.admit(filled.lender.batch([filled.lender.payment(CITIZEN)]))
    filled.settle()
    proof = claims.history_of(filled.bureau, person_of(filled.bureau, CITIZEN).id)
    asked = Asked(Policy.parse(policy(filled)), filled.clock.moment, identifier=CITIZEN)
    found = verify_claim(proof, asked, card=expert_card(), profile=CN)
    assert (found.facts["events"], found.facts["refolded"], found.facts["opaque"]) == (36, True, 27)


def test_r40_a_range_credential_from_before_goes_with_its_salt_key(filled):
    holder = Holder.of(filled.signers[BANK].verifier).text
    wish = Wish(audience="shop.example", holder=holder, lifetime_s=20 * 86_400)
    name = range_credentials.issue(filled.bureau, CITIZEN, wish).credential
    filled.settle()
    assert range_credentials.fetch(filled.bureau, CITIZEN, name)
    erased(filled)
    with pytest.raises(CredenceError):
        range_credentials.fetch(filled.bureau, CITIZEN, name)  # no proof is made from another key
    assert findings(filled) == []


def test_r40_it_may_be_called_off_until_then_and_asked_for_again(filled):
    ask(filled)
    desk = filled.enrolment
    index = next(i for i, e in left(filled) if isinstance(e, types.Erasure))
    statement = desk.event("citizen_statement", CITIZEN, target=index, text="I want to keep it.", **PAPER)
    filled.admit(desk.batch([statement]))
    filled.settle()
    person = person_of(filled.bureau, CITIZEN)
    assert service.of_citizen(filled.bureau, person.id).asked_on is None
    filled.clock.move(days=8)
    assert run_jobs(filled) == 1
    assert ("account_opened", "card-1") in kinds(filled)
    filled.clock.move(days=40)
    assert findings(filled) == []
    erased(filled)
    assert ("account_opened", "card-1") not in kinds(filled)


def test_r40_who_comes_back_goes_on_under_new_keys_and_may_be_erased_again(filled):
    erased(filled)
    lender = filled.lender
    filled.admit(lender.batch(lender.card_history(CITIZEN, months=3)))
    filled.step()
    token = open_link(filled.bureau, create_link(filled.bureau, CITIZEN))
    assert token
    filled.step()
    assert ("account_opened", "card-1") in kinds(filled)
    assert findings(filled) == []
    ask(filled)
    filled.clock.move(days=8)
    assert run_jobs(filled) == 1, "there is no consent left to end"
    assert ("account_opened", "card-1") not in kinds(filled)
    assert findings(filled) == []
    replay.check(filled.url, filled.home)


def test_r40_on_paper_two_of_the_staff_ask_for_it(filled):
    key = filled.bureau.people.key_of(OTHER)
    with filled.bureau.transaction() as connection:
        service.ask_on_paper(filled.bureau, connection, key, "form-99")
    filled.settle()
    filled.clock.move(days=8)
    run_jobs(filled)
    assert {event.__struct_config__.tag for _, event in left(filled, OTHER)} == {"erasure"}
    proof = verify(filled, proofs.score_proof(filled.bureau, person_of(filled.bureau, OTHER).id), OTHER)
    assert proof.insufficient, "nothing is reported any more"
    assert open_link(filled.bureau, create_link(filled.bureau, OTHER))
    filled.step()
    assert findings(filled) == []


def test_r40_the_notices_name_the_event_and_what_went(filled):
    erased(filled)
    with filled.bureau.transaction() as connection:
        stored = [notices.decode(payload) for _, payload, _ in admission.all_notices(connection)]
    index = next(i for i, e in left(filled) if isinstance(e, types.Erasure))
    (done,) = [n for n in stored if isinstance(n, notices.ErasureDone)]
    (gone,) = [n for n in stored if isinstance(n, notices.Destroyed)]
    assert (done.index, gone.reason, len(gone.entries)) == (index, "erasure", 27)


def test_r40_lies_erased_without_being_asked_and_asked_for_without_being_erased(filled):
    ask(filled, OTHER)
    going = erasure.consent_based(left(filled))
    with filled.bureau.transaction() as connection:
        notice = notices.destroyed(going, erasure.REASON, filled.bureau.now())
        admission.insert_notice(connection, notices.encode(notice))
    filled.settle()
    found = findings(filled)
    assert len(found) == len(going)
    assert all("the citizen had not asked for it" in each for each in found)
    filled.clock.move(days=31)
    with filled.sequencer() as sequencer:
        sequencer.step()
    (late,) = set(findings(filled)) - set(found)
    assert "was not carried out within 30 days" in late


def test_r40_a_citizen_of_whom_no_event_is_left_can_still_sign_in(ledger):
    """Retention can take the last event too; who it was is kept, sealed under the new key."""
    from app.services.ledger import retention

    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:9", late=True, ago=1900)]))
    ledger.step()
    assert retention.run(ledger.bureau, lambda _: None).events == 1
    ledger.settle()
    assert left(ledger, "uci:9") == []
    assert open_link(ledger.bureau, create_link(ledger.bureau, "uci:9"))
    ledger.step()
    assert [event.__struct_config__.tag for _, event in left(ledger, "uci:9")] == ["look"]
    assert findings(ledger) == []


def test_r40_every_type_is_decided_on():
    """Whoever adds a type has to say whether it rests on consent."""
    from app.core.reporting.events import CLASS_BY_TYPE

    against = (types.CourtDebt, types.Insolvency, types.Arrears, types.CollectionPlaced, *SETTLEMENTS)
    looks = (types.Inquiry, types.Answer, types.Look, types.RefusalGiven)
    own = (
        types.PasskeyAdded, types.PasskeyRemoved, types.ConsentGiven, types.ConsentWithdrawn, types.Freeze, types.Thaw,
        types.Erasure,
    )  # fmt: skip
    consent = (
        types.AccountOpened,
        types.Statement,
        types.Payment,
        types.Status,
        types.AccountClosed,
        types.Community,
    )
    followers = (
        types.Correction, types.Retraction, types.DisputeOpened, types.DisputeClosed, types.CitizenStatement,
    )  # fmt: skip
    for name, cls in CLASS_BY_TYPE.items():
        groups = [g for g in (against, looks, own, consent, followers) if issubclass(cls, g)]
        assert len(groups) == 1, name


def test_r40_an_erasure_that_cannot_be_carried_out_does_not_hold_up_the_others(filled):
    """Somebody's keys cannot be opened; the other citizen, who asked later, is erased in time."""
    ask(filled)
    ask(filled, OTHER)
    filled.clock.move(days=erasure.COOLING_OFF_DAYS + 1)
    tamper = Tamper(filled)
    try:
        keys = [
            row
            for row in tamper.rows("citizen_keys")
            if row["citizen"] == person_of(filled.bureau, CITIZEN).id
        ]
        spoilt = [row | {"wrapped": bytes(len(row["wrapped"]))} for row in keys]
        with tamper.replaced("citizen_keys", keys, spoilt), pytest.raises(CredenceError):
            service.carry_out(filled.bureau)
    finally:
        tamper.close()
    other = person_of(filled.bureau, OTHER).id
    assert service.of_citizen(filled.bureau, other).carried_out_on is not None
    assert service.of_citizen(filled.bureau, person_of(filled.bureau, CITIZEN).id).carried_out_on is None


def reach(ledger, citizen, url):
    """A watched score with a message that waits, a confirmed address, and a link to a range of the score: its token."""
    from tests.authenticator import Authenticator, enrol, unb64
    from tests.services import busy

    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(citizen, purposes=["account_review"])]))
    phone = enrol(ledger.bureau, citizen, Authenticator(citizen.encode()))
    ledger.settle()
    busy.watch(ledger, citizen, url)
    busy.subscribe(ledger, citizen)
    person = person_of(ledger.bureau, citizen).id
    share = sharing.begin(ledger.bureau, person, sharing.Wanted(BANK, 301, 20 * 86_400))
    ledger.settle()
    challenge = unb64(sharing.draft(ledger.bureau, person, share).challenge)
    return sharing.sign(ledger.bureau, person, share, phone.assertion(challenge))


def test_r40_what_reaches_or_shows_the_citizen_by_itself_ends_with_it(ledger, monkeypatch):
    """Of somebody whose good conduct goes, and of somebody of whom nothing goes but that."""
    monkeypatch.setenv("CREDENCE_WEBHOOK_NETWORKS", "127.0.0.0/8")
    lender, told = ledger.lender, {"notified_on": ledger.clock.day(50), "notified_by": "letter"}
    ledger.admit(
        lender.batch([
            *lender.card_history(CITIZEN, months=8),
            *[lender.status(OTHER, ago=30 * n, late=n == 8, account="loan") for n in range(9, 0, -1)],
        ]),
        ledger.utility.batch([ledger.utility.event("collection_placed", OTHER, ago=9, case="k", **told)]),
    )  # fmt: skip
    ledger.step()
    tokens = {each: reach(ledger, each, "http://127.0.0.1:9/") for each in (CITIZEN, OTHER)}
    for each in tokens:
        ask(ledger, each)
    lender_says = [lender.status(each, ago=1, late=True, account="loan") for each in tokens]
    ledger.admit(lender.batch(lender_says))
    ledger.settle()
    assert watching.look(ledger.bureau) == 2
    ledger.settle()
    ledger.clock.move(days=erasure.COOLING_OFF_DAYS)
    for citizen, token in tokens.items():
        assert sharing.opened(ledger.bureau, token).audience == BANK
        assert mailing.subscription(ledger.bureau, person_of(ledger.bureau, citizen).id)
        assert watching.of_citizen(ledger.bureau, person_of(ledger.bureau, citizen).id)
    assert service.of_citizen(ledger.bureau, person_of(ledger.bureau, OTHER).id).going == 0
    for _ in range(3):
        service.carry_out(ledger.bureau)
        ledger.settle()
    for citizen, token in tokens.items():
        person = person_of(ledger.bureau, citizen).id
        assert service.of_citizen(ledger.bureau, person).carried_out_on
        assert len(left(ledger, citizen)) > 5
        with pytest.raises(NotFoundError):
            sharing.opened(ledger.bureau, token)
        assert sharing.shares(ledger.bureau, person) == []
        assert mailing.subscription(ledger.bureau, person) is None
        assert watching.of_citizen(ledger.bureau, person) == []
    assert set(table(ledger, "watches", "number, ended_why")) == {(1, "erased"), (2, "erased")}
    assert {row[1:] for row in table(ledger, "webhooks", "id, due_at, sealed, outcome")} == {
        (None, None, "ended")
    }
    with Scheduler(ledger.bureau) as working:
        assert working.turn()["mail"] == 0
    assert findings(ledger) == []
