"""R14: with an old ordinary backup, the newest database and every key that survives, nothing destroyed can be read.

Every column of every table is looked at, with a challenger's scores, enrolments, drafts, evidence, mail and a share present.
"""

from __future__ import annotations

import psycopg
import pytest

from app.core.state import erasure, sealing
from app.core.state.enrolment import tag_of
from app.db.schema import SHORT_LIVED, metadata
from app.services.citizens import acts, evidence, sharing
from app.services.citizens import erasure as service
from app.services.citizens.evidence import Draft
from app.services.citizens.links import create_link, open_link
from app.services.ledger import retention
from app.services.scoring import challenger
from tests.authenticator import Authenticator, enrol, unb64
from tests.services import busy
from tests.services.audited import Tamper, opened_by_any, owner_dsn
from tests.services.builders import BANK, PAPER, card
from tests.services.test_proofs import person_of
from tests.services.test_rules_r23_r28 import late_index

CITIZEN = "uci:1"
MARKS = b"gone-card", b"777123", b"in my own words", b"me1@example.org"
TABLES = [table.name for table in metadata.sorted_tables]


@pytest.fixture
def filled(ledger, monkeypatch):
    """Somebody with a good card of whom every table has something, a late loan, and ten others."""
    monkeypatch.setenv("CREDENCE_WEBHOOK_NETWORKS", "127.0.0.0/8")
    lender, desk = ledger.lender, ledger.enrolment
    ledger.report(10, first=2, months=3)
    lines = lender.card_history(CITIZEN, months=9)
    good = [line.replace(b'"card-1"', b'"gone-card"').replace(b":12500", b":777123") for line in lines]
    loan = [lender.status(CITIZEN, ago=30 * n, late=n == 2, account="loan") for n in (3, 2, 1)]
    ledger.publish(card("Challenger", 40), role="challenger")
    ledger.admit(
        lender.batch([*good, *loan]), desk.batch([desk.consent(CITIZEN, purposes=["account_review"])])
    )
    ledger.step()
    phone = enrol(ledger.bureau, CITIZEN, Authenticator(b"r14"))
    ledger.step()
    person = person_of(ledger.bureau, CITIZEN)
    busy.watch(ledger, CITIZEN, "http://127.0.0.1:9/")
    busy.subscribe(ledger, CITIZEN)
    share = sharing.begin(ledger.bureau, person.id, sharing.Wanted(BANK, 301, 20 * 86_400))
    ledger.settle()
    sharing.sign(
        ledger.bureau,
        person.id,
        share,
        phone.assertion(unb64(sharing.draft(ledger.bureau, person.id, share).challenge)),
    )
    item = next(
        i for i, event in busy.events_of(ledger, CITIZEN) if getattr(event, "account", "") == "gone-card"
    )
    evidence.save(ledger.bureau, person.id, item, Draft("other", "in my own words"))
    evidence.add_file(ledger.bureau, person.id, item, "a.txt", b"in my own words")
    assert open_link(ledger.bureau, create_link(ledger.bureau, CITIZEN))
    ledger.settle()
    score_beside(ledger)
    return ledger


def score_beside(ledger):
    _, found = challenger.cards_in_force(ledger.bureau)
    challenger.score_all(ledger.bureau, found, lambda _: None)


def rows(ledger, names):
    """Every value of every row: (table, number of the row, column) -> value."""
    found = {}
    with psycopg.connect(owner_dsn(ledger.url)) as connection:
        for name in names:
            cursor = connection.execute(f"SELECT * FROM {name}", binary=True)
            columns = [each.name for each in cursor.description]
            for number, row in enumerate(cursor.fetchall()):
                found |= {(name, number, column): value for column, value in zip(columns, row, strict=True)}
    return found


def secrets_of(ledger):
    """Every secret of 32 bytes that there is, and those that follow from them and the identifiers."""
    wrap = ledger.home.secret("wrap.key")
    found = {
        wrap,
        ledger.home.secret("vrf.seed"),
        *(tag_of(wrap, f"uci:{n}") for n in range(1, 12)),
    }
    values = rows(ledger, ["citizens", "citizen_keys", "evidence_keys"])
    keys = {
        values["citizens", n, "id"]: values["citizens", n, "key"]
        for t, n, c in values
        if (t, c) == ("citizens", "id")
    }
    for table, number, column in list(values):
        if (table, column) == ("citizen_keys", "wrapped"):
            citizen = values[table, number, "citizen"]
            opened = sealing.unwrap(wrap, citizen, keys[citizen], values[table, number, column])
            found |= {opened.data_key, opened.salt_key}
    for (table, _, column), value in values.items():
        if (table, column) == ("evidence_keys", "sealed"):
            found.add(opened_by_any(found, value))
    return found - {None}


def plain(secrets, values):
    """What can be read of these values: as they are, and opened."""
    found = {}
    for place, value in values.items():
        if isinstance(value, bytes | memoryview):
            found[place] = bytes(value) + b"\0" + (opened_by_any(secrets, bytes(value)) or b"")
        else:
            found[place] = str(value).encode()
    return found


def marked(read):
    return {place for place, value in read.items() if any(mark in value for mark in MARKS)}


def test_r14_an_erasure_leaves_nothing_to_read_in_any_table_or_old_backup(filled):
    person = person_of(filled.bureau, CITIZEN)
    before = secrets_of(filled)
    everything = rows(filled, TABLES)
    seen = marked(plain(before, everything))
    assert {place[0] for place in seen} == {
        "event_bodies", "account_bodies", "dispute_drafts", "evidence", "mail_addresses",
    }, "that is how one looks"  # fmt: skip
    beside = {
        n
        for (t, n, c), value in everything.items()
        if (t, c, value) == ("challenger_scores", "citizen", person.id)
    }
    assert beside, "a challenger's score of them is there"
    backup = {
        place: everything[place] for place in everything if place[0] not in {t.name for t in SHORT_LIVED}
    }
    desk = filled.enrolment
    filled.admit(desk.batch([desk.event("erasure", CITIZEN, scope="consent_based", **PAPER)]))
    filled.settle()
    filled.clock.move(days=erasure.COOLING_OFF_DAYS)
    for _ in range(3):
        service.carry_out(filled.bureau)
        filled.settle()
    after = secrets_of(filled)
    assert not {person.data_key, person.salt_key} & after
    assert marked(plain(after, rows(filled, TABLES))) == set()
    assert marked(plain(after, backup)) == set()
    for number in beside:
        sealed = backup["challenger_scores", number, "sealed"]
        assert opened_by_any(before, sealed)
        assert opened_by_any(after, sealed) is None
    check_enrolled(filled, person.id)
    check_beside(filled, after, person.id)


def check_enrolled(ledger, citizen):
    """Whose file it is can still be asked, by the identifier alone: a new enrolment goes on under the same number."""
    values = rows(ledger, ["enrolments"])
    tags = {
        values["enrolments", n, "citizen"]: values["enrolments", n, "tag"] for _, n, c in values if c == "tag"
    }
    assert tags[citizen] == tag_of(ledger.home.secret("wrap.key"), CITIZEN)


def check_beside(ledger, secrets, citizen):
    """No score beside is left of what was; a new one is of what there is now."""

    def own():
        values = rows(ledger, ["challenger_scores"])
        numbers = {n for (_, n, column), value in values.items() if (column, value) == ("citizen", citizen)}
        return [opened_by_any(secrets, values["challenger_scores", n, "sealed"]) for n in numbers]

    assert own() == []
    score_beside(ledger)
    (made,) = own()
    assert made is not None
    assert not any(mark in made for mark in MARKS)
    tamper = Tamper(ledger)
    try:
        assert tamper.audit() == []
    finally:
        tamper.close()


def test_r14_evidence_is_destroyed_by_its_own_key_when_its_time_is_over(ledger):
    """Swept half a year behind its dispute, and with a draft; the citizen's own keys stay as they are."""
    lender = ledger.lender
    ledger.admit(lender.batch(lender.card_history(CITIZEN, late_ago=3)))
    ledger.step()
    person, item = person_of(ledger.bureau, CITIZEN), late_index(ledger)
    evidence.add_file(ledger.bureau, person.id, item, "a.txt", b"in my own words")
    bundle = evidence.bundle(ledger.bureau, person.id, item).hex()
    filing = {"target": item, "ground": "paid", "evidence": bundle}
    acts.on_paper(ledger.bureau, CITIZEN, "dispute_opened", filing, "form-17")
    ledger.settle()
    evidence.add_file(ledger.bureau, person.id, item, "b.txt", b"in my own words, again")
    kept = rows(ledger, ["evidence"])
    assert len(marked(plain(secrets_of(ledger), kept))) == 2
    ledger.clock.move(days=2)
    assert evidence.sweep(ledger.bureau) == 1, "the draft"
    assert len(marked(plain(secrets_of(ledger), kept))) == 1
    ledger.clock.move(days=20)
    from app.services.citizens import disputes

    assert disputes.close_overdue(ledger.bureau) == 1
    ledger.settle()
    ledger.clock.move(days=evidence.KEPT_DAYS + 1)
    assert evidence.sweep(ledger.bureau) == 1
    assert rows(ledger, ["evidence", "evidence_keys"]) == {}, "a file goes with its key"
    assert marked(plain(secrets_of(ledger), kept)) == set()
    assert person_of(ledger.reopen(), CITIZEN).data_key == person.data_key


def test_r14_a_new_data_key_takes_the_keys_of_evidence_over_and_leaves_the_files_alone(ledger):
    lender = ledger.lender
    ledger.admit(
        lender.batch(
            [
                *lender.card_history(CITIZEN, late_ago=3),
                lender.status(CITIZEN, late=True, ago=1900, account="old"),
            ]
        )
    )
    ledger.step()
    person, item = person_of(ledger.bureau, CITIZEN), late_index(ledger)
    evidence.add_file(ledger.bureau, person.id, item, "a.txt", b"in my own words")
    before = rows(ledger, ["evidence", "evidence_keys"])
    assert retention.run(ledger.bureau, lambda _: None).events == 1
    ledger.settle()
    after = rows(ledger, ["evidence", "evidence_keys"])
    assert {place for place in before if before[place] != after[place]} == {("evidence_keys", 0, "sealed")}
    assert person_of(ledger.reopen(), CITIZEN).data_key != person.data_key
    (file,) = evidence.files_of_draft(ledger.bureau, person.id, item)
    assert file.data == b"in my own words"
