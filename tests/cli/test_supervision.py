"""The commands of regulators, and of banks that watch, against a running bureau and on its own database."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from app.cli import main
from app.core.exchange import webhook
from app.core.exchange.audit_note import AuditNote
from app.core.log.note import Signer
from app.services.banks import webhooks
from app.services.banks.inquiries import inquire
from app.services.ledger.register import register_key
from app.services.organisations import audits
from app.services.scoring import kept
from tests.services.builders import BANK, LENDER, Clock, Ledger
from tests.web.serving import served

CITIZEN, REGULATOR = "uci:1", "regulator.example"


@pytest.fixture
def ledger(database_url, tmp_path, monkeypatch):
    """A ledger of now, whose home and database the commands find."""
    from app.services.bureau import utc_now

    made = Ledger(tmp_path / "home", database_url, clock=Clock(utc_now()))
    made.signers[REGULATOR] = Signer.generate_from_seed(REGULATOR, b"r" * 32)
    register_key(made.bureau, made.signers[REGULATOR], "regulator")
    given = made.enrolment.consent(CITIZEN, purposes=["account_review"])
    made.admit(made.lender.batch(made.lender.card_history(CITIZEN, months=9)), made.enrolment.batch([given]))
    made.step()
    monkeypatch.setenv("CREDENCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CREDENCE_WEBHOOK_NETWORKS", "127.0.0.0/8")
    for name in (BANK, REGULATOR):
        (tmp_path / f"{name}.key").write_text(made.signers[name].encode())
    yield made
    made.close()


def run(*words, **more):
    done = CliRunner().invoke(main, list(words), **more)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_bank_watches_and_a_regulator_has_its_note_from_the_command_line(ledger, tmp_path):
    asked = ledger.bank.batch([ledger.bank.inquiry(CITIZEN, purpose="account_review")])
    answer = inquire(ledger.bureau, asked).answer
    bank = ("--key", str(tmp_path / f"{BANK}.key"))
    with served(ledger, tmp_path / "out") as url:
        where = ("--url", url)
        add = ("--answer", answer["id"], "--line", "650", "--line", "600", "--to", "https://127.0.0.1/x")
        assert "watch 1 on the citizen" in run("watch", "add", *bank, *add, *where)
        assert "[600, 650]  https://127.0.0.1/x" in run("watch", "list", *bank, *where)
        assert "watch 1 has ended" in run("watch", "end", "1", *bank, *where)
        assert run("watch", "list", *bank, *where).strip().endswith("asked")
        regulator = ("--key", str(tmp_path / f"{REGULATOR}.key"), "--case", "2026-17")
        note = run("regulator", "note", *regulator, *where)
    assert AuditNote.parse(note.encode()).case == "2026-17"
    audits.open_audit(ledger.bureau, REGULATOR, note.encode())
    ledger.step()
    assert run("regulator", "audits") == "1 audits run\n"
    (done,) = audits.of(ledger.bureau, REGULATOR)
    assert (done.body["state"], done.body["count"]) == ("done", 0)


def test_the_scheduler_lets_a_process_of_its_own_run_what_a_regulator_opened(ledger):
    assert audits.start(ledger.bureau) == 0
    bureau, signer = ledger.bureau, ledger.signers[REGULATOR]
    audits.open_audit(
        bureau, REGULATOR, AuditNote(bureau.origin, REGULATOR, "2026-18", bureau.now()).sign(signer)
    )
    assert audits.start(bureau) == 1
    assert audits.start(bureau) == 0, "one at a time"
    (child,) = audits._children  # the module's own list: nobody else has these processes
    assert child.wait(60) == 0
    (done,) = audits.of(bureau, REGULATOR)
    assert (done.body["state"], done.body["count"]) == ("done", 0)
    assert audits.start(bureau) == 0


def test_figures_and_fairness_are_printed(ledger, tmp_path):
    figures = json.loads(run("regulator", "figures"))
    assert [each["furnisher"] for each in figures["quality"]] == [LENDER]
    assert figures["monitoring"][0]["citizens"] == 1
    table = tmp_path / "groups.csv"
    table.write_text(f"account,bad,group:education\n{LENDER}:card-1,0,school\n")
    body = json.loads(run("regulator", "fairness", "--labels", str(table)))
    assert body["attributes"][0]["groups"][0]["group"] == "school"
    assert len(kept.reports(ledger.bureau, "fairness")) == 1


def test_a_message_is_checked_on_the_command_line(ledger):
    from app.services.bureau import utc_now

    signer, body = webhooks.signer_of(ledger.bureau), b'{"data":{}}'
    headers = webhook.headers(signer, "msg_1_2", int(utc_now().timestamp()), body)
    words = [
        "watch", "check", "--webhook-key", webhook.public_key(signer), "--id", "msg_1_2",
        "--timestamp", headers["webhook-timestamp"], "--signature", headers["webhook-signature"],
    ]  # fmt: skip
    assert "is by this key" in run(*words, input=body)
    assert CliRunner().invoke(main, words, input=body + b" ").exit_code == 1
