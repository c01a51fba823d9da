"""News: what is told, to whom, how often; and the mail that says there is some."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import ssl
import threading

import pytest

from app.core.errors import ConflictError, FormatError, RuleError
from app.services.banks.inquiries import inquire
from app.services.banks.replies import ConsentError
from app.services.citizens import alerts, mail, mailing
from app.services.citizens.links import Began, begin, create_link, open_link, person_by_id
from app.services.ledger import retention
from tests.services.builders import BANK, PAPER

CITIZEN = "uci:1"


@pytest.fixture
def citizen(ledger):
    """Somebody with a card, in a block; the number."""
    ledger.report(1)
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(CITIZEN, basis="research")]))
    ledger.step()
    with ledger.bureau.transaction() as connection:
        return ledger.bureau.people.find(connection, [CITIZEN])[CITIZEN].id


@pytest.fixture
def mailer(tmp_path):
    return mail.Folder(tmp_path / "mail", mail.FROM_DEFAULT)


def letters(mailer):
    """Who, what, in the order of the files' names."""
    found = []
    for path in sorted(mailer.path.glob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        found.append((message["To"], message["Subject"], message.get_content()))
    return found


def subscribe(bureau, mailer, citizen, address="me@example.org", language="en"):
    mailing.ask(bureau, mailer, citizen, address, language)
    ((to, _, text),) = letters(mailer)
    assert to == address
    assert mailing.confirm(bureau, citizen, re.search(r"\d{6}", text)[0])
    for path in mailer.path.glob("*.eml"):
        path.unlink()


def kinds(bureau, citizen):
    return [(each.kind, each.is_new) for each in alerts.newest(bureau, citizen, 50)]


def test_r16_every_look_and_every_bad_entry_is_news_within_a_block(ledger, citizen):
    bureau = ledger.bureau
    assert alerts.unread(bureau, citizen) == 0  # who comes for the first time has read it all
    inquire(bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)]))
    assert alerts.unread(bureau, citizen) == 0
    ledger.step()
    assert kinds(bureau, citizen) == [("looked", True)]
    with pytest.raises(ConsentError):
        inquire(bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN, purpose="collection")]))
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN, late=True)]))
    open_link(bureau, create_link(bureau, CITIZEN))  # somebody had the code in hand before the citizen
    with bureau.transaction() as connection:
        bureau.people.hold(connection)  # the citizen's own look, by passkey, is none
        begin(bureau, connection, person_by_id(bureau, connection, citizen), Began("passkey"))
    ledger.admit(
        ledger.lender.batch([ledger.lender.status(CITIZEN, account="card-2")])
    )  # nor is what is good
    ledger.step()
    assert alerts.unread(bureau, citizen) == 4
    seen = alerts.newest(bureau, citizen, 50)
    assert sorted(each.kind for each in seen) == ["looked", "negative", "opened", "refused"]
    assert [each.log_index for each in seen] == sorted((each.log_index for each in seen), reverse=True)
    alerts.mark_read(bureau, citizen, seen)
    assert alerts.unread(bureau, citizen) == 0
    assert not any(is_new for _, is_new in kinds(bureau, citizen))


def test_repairs_and_what_is_done_on_paper_are_news(ledger, citizen):
    bureau, desk = ledger.bureau, ledger.enrolment
    assert alerts.unread(bureau, citizen) == 0
    opened = ledger.report(1, first=2)
    assert opened
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN, late=True)]))
    ledger.step()
    (late,) = alerts.newest(bureau, citizen, 50)
    disputed = desk.event("dispute_opened", CITIZEN, target=late.log_index, ground="paid", **PAPER)
    ledger.admit(desk.batch([disputed, desk.consent(CITIZEN), desk.freeze(CITIZEN)]))
    ledger.step()
    closed = ledger.lender.event(
        "dispute_closed", CITIZEN, target=late.log_index, outcome="upheld", reason="so"
    )
    ledger.admit(ledger.lender.batch([closed]))
    ledger.step()
    assert [kind for kind, _ in kinds(bureau, citizen)] == ["repaired", *["in_your_name"] * 3, "negative"]


def test_r21_an_audit_is_news_to_everybody_in_its_range(ledger, citizen):
    from app.core.log import notices
    from app.db import admission

    bureau = ledger.bureau
    assert alerts.unread(bureau, citizen) == 0
    ledger.report(1, first=2)
    ledger.step()
    with bureau.transaction() as connection:
        late = bureau.people.find(connection, ["uci:2"])["uci:2"].id
        opened = notices.AuditOpened(v=1, time="2026-11-02T04:00:00Z", case="c-7", from_=0, to=12)
        admission.insert_notice(connection, notices.encode(opened))
    assert alerts.unread(bureau, late) == 0
    ledger.step()
    (audit,) = alerts.newest(bureau, citizen, 50)
    assert (audit.kind, audit.event.fields, audit.is_new) == ("audit", {"case": "c-7"}, True)
    assert alerts.newest(bureau, late, 50) == []


def test_mail_says_once_that_there_is_news_and_nothing_else(ledger, citizen, mailer):
    bureau = ledger.bureau
    subscribe(bureau, mailer, citizen)
    assert mailing.send_due(bureau, mailer) == 0
    inquire(bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)]))
    assert mailing.send_due(bureau, mailer) == 0
    ledger.step()
    assert [mailing.send_due(bureau, mailer) for _ in range(3)] == [1, 0, 0]
    ((to, subject, text),) = letters(mailer)
    assert to == "me@example.org"
    said = subject + text
    for secret in (CITIZEN, BANK, "http", "score", "bank", "look"):
        assert secret not in said.lower()
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN)]))  # in the file, and no news
    ledger.step()
    assert mailing.send_due(bureau, mailer) == 0
    mailing.forget(bureau, citizen)
    inquire(bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)]))
    ledger.step()
    assert mailing.send_due(bureau, mailer) == 0
    assert len(letters(mailer)) == 1


def test_a_letter_that_does_not_go_out_is_tried_again_and_told_once(ledger, citizen, mailer, clock):
    bureau = ledger.bureau
    subscribe(bureau, mailer, citizen)
    inquire(bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)]))
    ledger.step()
    unreachable = mail.Relay("127.0.0.1", _closed_port(), mail.FROM_DEFAULT)
    assert mailing.send_due(bureau, unreachable) == 0
    assert mailing.subscription(bureau, citizen).is_failing
    assert mailing.send_due(bureau, mailer) == 0  # not at once
    clock.move(seconds=61)
    assert mailing.send_due(bureau, unreachable) == 0
    clock.move(seconds=61)
    assert mailing.send_due(bureau, mailer) == 0  # twice as long
    clock.move(seconds=60)
    assert mailing.send_due(bureau, mailer) == 1
    assert not mailing.subscription(bureau, citizen).is_failing
    assert len(letters(mailer)) == 1


def test_an_address_is_confirmed_by_its_code(ledger, citizen, mailer, clock):
    bureau = ledger.bureau
    for wrong in (
        "",
        "me",
        "me@",
        "@x",
        "a b@x.org",
        "me@x.org\nBcc: you@x.org",
        "me@x..org",
        "é@x.org",
        "m" * 300,
    ):
        with pytest.raises(FormatError):
            mailing.ask(bureau, mailer, citizen, wrong, "en")
    with pytest.raises(ConflictError):
        mailing.confirm(bureau, citizen, "000000")
    mailing.ask(bureau, mailer, citizen, "me@example.org", "zh-Hans")
    with pytest.raises(RuleError):
        mailing.ask(bureau, mailer, citizen, "me@example.org", "en")
    ((_, _, text),) = letters(mailer)
    code = re.search(r"\d{6}", text)[0]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert [mailing.confirm(bureau, citizen, wrong) for _ in range(5)] == [False] * 5
    with pytest.raises(ConflictError):
        mailing.confirm(bureau, citizen, code)  # it was guessed at too often
    assert mailing.subscription(bureau, citizen) is None
    mailing.ask(bureau, mailer, citizen, "me@example.org", "en")
    clock.move(seconds=mailing.CODE_S)
    with pytest.raises(ConflictError):
        mailing.confirm(bureau, citizen, code)
    with pytest.raises(mail.MailError):
        mailing.ask(bureau, mail.Relay("127.0.0.1", _closed_port(), "a@b"), citizen, "me@example.org", "en")
    assert mailing.subscription(bureau, citizen) is None


def test_an_address_is_sealed_and_outlives_a_new_data_key(ledger, citizen, mailer, clock):
    bureau = ledger.bureau
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN, ago=5 * 366, late=True, account="old")]))
    ledger.step()
    subscribe(bureau, mailer, citizen)

    def stored():
        with bureau.transaction() as connection:
            return bytes(connection.execute("SELECT sealed FROM mail_addresses").fetchone()[0])

    before = stored()
    assert b"example.org" not in before
    assert retention.run(bureau, lambda _: None).notices == 1
    ledger.step()
    assert stored() != before
    assert mailing.subscription(bureau, citizen).address == "me@example.org"


def test_a_relay_is_spoken_to_under_encryption_alone():
    """A relay without STARTTLS gets no sender, no recipient and no text."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection, connection.makefile("rwb") as wire:
                wire.write(b"220 plain\r\n")
                wire.flush()
                for line in wire:
                    heard.append(line.strip().upper())
                    wire.write(b"250 plain\r\n")
                    wire.flush()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        relay = mail.Relay("127.0.0.1", server.getsockname()[1], "a@b", context=ssl.create_default_context())
        letter = mail.Letter("me@example.org", "s", "t", "1", mailing.dt.datetime.now(mailing.dt.UTC))
        with pytest.raises(mail.MailError):
            relay.send(letter)
        thread.join(10)
    assert heard
    assert not [line for line in heard if b"EXAMPLE" in line or line.startswith((b"MAIL", b"RCPT", b"DATA"))]


def _closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
