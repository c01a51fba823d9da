"""An audit of a running service: a regulator's key, a real server process, the whole replay over HTTP."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests
from click.testing import CliRunner

from app.core.errors import CredenceError, FormatError, RefusedError, SignatureError
from app.core.exchange.audit_note import AuditNote
from app.core.log import notices
from app.core.log.note import Signer
from app.core.log.policy import LogKey, Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.db import admission
from app.services.ledger import retention
from app.services.ledger.audit import audit
from app.services.ledger.audit.remote import RemoteSource, open_remote
from app.services.ledger.audit.wire import CALLS
from app.services.ledger.register import register_key, revoke_key
from tests.conftest import url_of
from tests.services.audited import Tamper, fill
from tests.services.builders import Ledger
from tests.web.test_servers import ROOT, SERVERS, free_port, wait_until_live

REGULATOR = "regulator.example"


def now():
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def ledger(template_database, administer, server_url, tmp_path_factory):
    name = f"credence_remote_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("remote"), url_of(server_url, name))
    fill(made)
    made.clock.moment = max(made.clock.moment, now())
    made.signers[REGULATOR] = Signer.generate_from_seed(REGULATOR, bytes(range(32)))
    register_key(made.bureau, made.signers[REGULATOR], "regulator")
    made.settle()
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def address(ledger, tmp_path_factory):
    """Two workers of the server that `credence up` starts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {**os.environ, "CREDENCE_HOME": str(ledger.home.path), "DATABASE_URL": ledger.url}
    command = [sys.executable, *(part.format(port=port) for part in SERVERS["granian"])]
    with (tmp_path_factory.mktemp("log") / "server").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_live(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture
def tamper(ledger):
    made = Tamper(ledger)
    yield made
    made.close()


@pytest.fixture(scope="module")
def token(ledger, address):
    return open_remote(address, ledger.signers[REGULATOR], ledger.bureau.origin, "2026-1", now())


@pytest.fixture
def files(ledger, tmp_path):
    """The regulator's key and a policy with the ledger's key, as files."""
    (tmp_path / "regulator.key").write_text(ledger.signers[REGULATOR].encode() + "\n")
    (tmp_path / "policy").write_bytes(Policy((LogKey(ledger.bureau.verifier),), (), (), b"none").encode())
    return tmp_path


def command(*args):
    from app.cli import main

    result = CliRunner().invoke(main, ["audit", *map(str, args)], prog_name="credence")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def opened_audits(ledger):
    with ledger.bureau.transaction() as connection:
        decoded = [notices.decode(payload) for _, payload, _ in admission.all_notices(connection)]
    return [notice for notice in decoded if isinstance(notice, notices.AuditOpened)]


@contextmanager
def refusal(error, code):
    with pytest.raises(error) as caught:
        yield
    assert caught.value.code == code


# ---- the audit


def test_clean_ledger_over_the_network(ledger, address, files):
    code, output = command(
        "--url", address, "--key", files / "regulator.key", "--case", "2026-17", "--policy", files / "policy"
    )
    assert (code, output.splitlines()[-1]) == (0, "Nothing was found."), output
    ledger.settle()
    notice = opened_audits(ledger)[-1]
    assert (notice.case, notice.from_) == ("2026-17", 0)
    with ledger.bureau.transaction() as connection:
        placed = [index for _, payload, index in admission.all_notices(connection) if b'"2026-17"' in payload]
    assert placed[0] is not None, "the audit is in the log"
    assert placed[0] > notice.to


def test_remote_and_local_audit_report_the_same(ledger, address, token, tamper):
    remote = audit(lambda: RemoteSource(address, token), lambda *_: None, processes=0)
    assert remote == audit(lambda: tamper.source, lambda *_: None, processes=0)
    assert remote.findings == []
    assert remote.events > 300


def test_tampered_row_is_named_over_the_network(address, files, tamper):
    row = tamper.rows("accounts")[7]
    with tamper.replaced("accounts", [row], [{**row, "value": bytes(32)}]):
        code, output = command("--url", address, "--key", files / "regulator.key", "--case", "2026-18")
    assert code == 1
    assert f"FOUND  accounts: citizen {row['citizen']} block {row['block']}: value is 0000" in output
    assert output.splitlines()[-1] == "1 findings."


def test_every_call_answers_over_http_what_the_database_says(address, token, tamper):
    remote = RemoteSource(address, token)
    arguments = {
        "blocks": (0,), "publication": (2,), "admissions": (1,), "commitments": (11,), "tiles": (-1, 0, 2),
        "block-commitments": (1,), "trie-tiles": (0,), "citizen-pages": (10,), "citizens": (3, 9),
    }  # fmt: skip
    for name in CALLS:
        method = name.replace("-", "_")
        values = arguments.get(name, ())
        assert getattr(remote, method)(*values) == getattr(tamper.source, method)(*values), name


def test_policy_with_another_key_of_the_ledger(address, files, ledger):
    other = Signer.generate_from_seed(ledger.bureau.origin, bytes(32)).verifier
    (files / "policy").write_bytes(Policy((LogKey(other),), (), (), b"none").encode())
    code, output = command(
        "--url", address, "--key", files / "regulator.key", "--case", "2026-19", "--policy", files / "policy"
    )
    assert code == 1
    assert "no genesis can be read that goes with the ledger's key" in output


# ---- who may


def test_unknown_key_is_refused(ledger, address, files):
    before = len(opened_audits(ledger))
    stranger = Signer.generate_from_seed(REGULATOR, bytes(32))
    (files / "stranger.key").write_text(stranger.encode() + "\n")
    code, output = command("--url", address, "--key", files / "stranger.key", "--case", "2026-20")
    assert code == 1
    assert "[unknown-key]" in output
    assert len(opened_audits(ledger)) == before, "nobody looked, so nothing is announced"


def test_keys_of_other_roles_are_refused(ledger, address):
    for name in ("bank.example", "lender.example"):
        with refusal(SignatureError, "unknown-key"):
            open_remote(address, ledger.signers[name], ledger.bureau.origin, "c", now())


def test_note_is_fresh_and_for_this_ledger_and_used_once(ledger, address):
    signer, origin = ledger.signers[REGULATOR], ledger.bureau.origin
    for minutes in (-6, 6):
        with refusal(SignatureError, "stale"):
            open_remote(address, signer, origin, "c", now() + dt.timedelta(minutes=minutes))
    with refusal(SignatureError, "other-ledger"):
        open_remote(address, signer, "another.example/ledger", "c", now())
    note = AuditNote(origin, REGULATOR, "twice", now()).sign(signer)
    answers = [requests.post(f"{address}/v1/audits", data=note, timeout=5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[0].headers["Cache-Control"] == "no-store"
    assert answers[1].json()["code"] == "note-used"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"credence/audit@v1\n\n\n", b"x" * 5000])
def test_any_other_body_is_refused(address, body):
    answer = requests.post(f"{address}/v1/audits", data=body, timeout=5)
    assert answer.status_code in (400, 413)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer AAAA", "Basic QTpC", "Bearer \u00e9"])
def test_without_a_token_nothing_is_read(address, header):
    for name in CALLS:
        headers = {} if header is None else {"Authorization": header.encode()}
        answer = requests.get(f"{address}/v1/audits/current/{name}", headers=headers, timeout=5)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthorized"


def test_expired_token_is_refused(ledger, address, tamper):
    token = open_remote(address, ledger.signers[REGULATOR], ledger.bureau.origin, "c", now())
    source = RemoteSource(address, token)
    assert source.totals().citizens > 40
    tamper.connection.execute("UPDATE audits SET expires_at = now() - interval '1 second'")
    with refusal(SignatureError, "unauthorized"):
        source.totals()
    tamper.connection.execute("UPDATE audits SET expires_at = now() + interval '1 hour'")
    assert source.totals().citizens > 40


def test_token_ends_with_its_key(ledger, address):
    signer = Signer.generate_from_seed("other.example/regulator", bytes(32))
    register_key(ledger.bureau, signer, "regulator")
    source = RemoteSource(address, open_remote(address, signer, ledger.bureau.origin, "c", now()))
    assert source.head().published >= 6
    revoke_key(ledger.bureau, signer.name, "regulator", "the mandate ended")
    with refusal(SignatureError, "unauthorized"):
        source.head()
    with refusal(SignatureError, "unknown-key"):
        open_remote(address, signer, ledger.bureau.origin, "c", now())


def test_token_is_kept_as_a_hash_and_in_no_log(ledger, address, token, tamper):
    RemoteSource(address, token).head()
    kept = [value for row in tamper.rows("audits") for value in row.values() if isinstance(value, bytes)]
    assert kept
    assert token.encode() not in kept
    assert token not in (ledger.home.path / "log" / "web.jsonl").read_text()


# ---- what may be asked for


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("nothing", 404), ("blocks", 400), ("blocks?first=x", 400), ("blocks?first=1&first=2", 400),
        ("blocks?first=1&x=2", 400), (f"blocks?first={2**64}", 400), ("blocks?first=+1", 400), ("blocks?first=-1", 200),
        ("tiles?level=0&first=0&stop=257", 422), ("tiles?level=99&first=0&stop=1", 422), ("tiles?level=-2&first=0&stop=1", 422),
        ("citizen-pages?size=0", 422), ("citizen-pages?size=2001", 422), ("citizens?first=5&last=1", 200),
        (f"citizens?first={-2**63}&last={2**63 - 1}", 200), ("commitments?batch=-1", 200),
    ],
)  # fmt: skip
def test_query_is_exact_and_has_limits(address, token, query, status):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{address}/v1/audits/current/{query}", headers=headers, timeout=5)
    assert answer.status_code == status, answer.text


# ---- who has no file


def ask_absence(address, token, body, **more):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain", **more}
    return requests.post(f"{address}/v1/audit/absences", data=body, headers=headers, timeout=5)


def asked_of(ledger, identifier):
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")
    return Asked(policy, ledger.clock.moment, identifier=identifier)


def test_a_regulator_is_proved_that_there_is_no_file(ledger, address, token):
    answer = ask_absence(address, token, "uci:999999")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), answer.text
    assert verify_claim(answer.content, asked_of(ledger, "uci:999999")).facts["identity_checked"]
    there = ask_absence(address, token, "uci:5")
    assert (there.status_code, there.json()["code"]) == (409, "file-exists")


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"uci:0", 400), (b"uci:7\n", 400), (b"cn:1", 400), (b"\xff", 400), (b"u" * 65, 413)]
)  # fmt: skip
def test_what_is_no_identifier_is_refused(address, token, body, status):
    assert ask_absence(address, token, body).status_code == status


def test_nobody_else_may_ask_who_has_no_file(address):
    for answer in (
        ask_absence(address, "AAAA", "uci:5"),
        requests.get(f"{address}/v1/audit/absences", timeout=5),
    ):
        assert answer.status_code in (401, 405)
        assert b"file-exists" not in answer.content


# ---- the client's side


def test_client_keeps_its_token_to_itself(token):
    with refusal(RefusedError, "not-encrypted"):
        RemoteSource("http://bureau.example", token)
    for url in ("ftp://127.0.0.1", "127.0.0.1:8080", "https://"):
        with pytest.raises(FormatError):
            RemoteSource(url, token)


def test_service_that_is_not_there_is_an_error_in_words():
    with refusal(CredenceError, "unreachable"):
        open_remote(
            f"http://127.0.0.1:{free_port()}",
            Signer.generate_from_seed("r.example", bytes(32)),
            "l",
            "c",
            now(),
        )


def test_usage(files):
    for args in (("--url", "http://127.0.0.1:1"), ("--case", "1"), ("--key", files / "regulator.key")):
        code, output = command(*args)
        assert code == 2, output


def test_what_was_destroyed_is_opaque_over_the_network_too(ledger, address, files, token):
    late = ledger.lender.status("uci:70", late=True, ago=2200)
    ledger.admit(ledger.lender.batch([late, ledger.lender.opened("uci:70", account="other")]))
    ledger.settle()
    assert retention.run(ledger.bureau, lambda _: None).events == 1
    ledger.settle()
    remote = RemoteSource(address, token)
    report = audit(lambda: remote, lambda *_: None, ledger_key=ledger.bureau.verifier, processes=0)
    assert report.findings == []
    assert (report.opaque.events, report.opaque.citizens) == (1, 1)
    arguments = ("--url", address, "--key", files / "regulator.key", "--case", "2026-70")
    code, output = command(*arguments, "--policy", files / "policy")
    assert code == 0, output
    assert "The plaintext of 1 events of 1 citizens was destroyed, as notices say, since block" in output
    assert "for 1 account versions from before, the stored hashes stand in." in output
    with ledger.bureau.transaction() as connection:
        (announced,) = [index for _, _, index in admission.notices_with(connection, b'"notice":"destroyed"')]
    proof = requests.get(f"{address}/v1/erasures/{announced}", timeout=5)  # for anybody: no token
    assert verify_claim(proof.content, asked_of(ledger, None)).facts["reason"] == "retention"
    assert proof.headers["Access-Control-Allow-Origin"] == "*"
    assert requests.get(f"{address}/v1/erasures/{announced - 1}", timeout=5).status_code == 404
    assert requests.get(f"{address}/v1/erasures/{10**30}", timeout=5).status_code == 404
