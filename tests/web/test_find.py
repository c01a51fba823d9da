"""`credence find` against a running service: a batch in the public log, and its events in their citizens' files."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode

import pytest
import requests

from app.core import canon
from app.core.exchange.request_note import FiledNote
from app.core.log import notices
from app.core.log.note import Signer
from app.core.log.policy import LogKey, Policy
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.db import admission
from app.services.bureau import utc_now
from app.services.ledger import retention
from tests.cli.conftest import run
from tests.services.builders import LENDER, UTILITY, Ledger
from tests.web.serving import served


@pytest.fixture
def ledger(database_url, tmp_path):
    made = Ledger(tmp_path / "home", database_url)
    made.clock.moment = utc_now()
    yield made
    made.close()


@pytest.fixture
def place(ledger, tmp_path):
    """The files of a furnisher."""
    (tmp_path / "policy").write_bytes(Policy((LogKey(ledger.bureau.verifier),), (), (), b"none").encode())
    for name in (LENDER, UTILITY):
        (tmp_path / f"{name.partition('/')[0]}.key").write_text(ledger.signers[name].encode() + "\n")
    return tmp_path


def put(ledger, place, name, batch, receipt=None):
    (place / name).write_bytes(batch)
    if receipt is None:
        (admitted,) = ledger.admit(batch)
        receipt = admitted.receipt
    (place / f"{name}.receipt").write_bytes(receipt)
    return place / name


def test_from_the_receipt_to_the_citizens_files(ledger, place):
    lender, bureau = ledger.lender, ledger.bureau
    ledger.report(3)
    ledger.step()
    old = lender.status("uci:2", late=True, ago=2200)
    file = put(
        ledger, place, "one.batch", lender.batch([lender.status("uci:1"), lender.opened("uci:9"), old])
    )
    with served(ledger, place / "server.log") as url:

        def find(path, *more):
            return run("find", path, "--policy", place / "policy", "--url", url, *more)

        code, said = find(file)
        assert (code, "in no block yet" in said) == (3, True), said
        ledger.clock.moment = utc_now()
        ledger.settle()
        code, said = find(file)
        assert (code, "the batch and its 3 events are in block 1" in said) == (0, True), said
        code, said = find(file, "--key", place / f"{LENDER}.key")
        assert (code, "3 events are in the files of the citizens" in said) == (0, True), said
        assert find(file, "--key", place / "power.example.key")[0] == 2

        assert retention.run(bureau, lambda *_: None).events == 1
        ledger.settle()
        code, said = find(file, "--key", place / f"{LENDER}.key")
        assert (code, "2 events are" in said, "of 1 the plaintext was destroyed" in said) == (
            0,
            True,
            True,
        ), said

        now = bureau.now()
        hidden = lender.batch([lender.status("uci:1")])
        ended = Receipt(
            bureau.origin,
            parse_batch(hidden).batch_hash,
            1,
            now - dt.timedelta(hours=2),
            now - dt.timedelta(hours=1),
        )
        path = put(ledger, place, "two.batch", hidden, ended.sign(bureau.service))
        code, said = find(path)
        assert (code, "MISSING" in said, "two.batch.overdue" in said) == (1, True, True), said
        code, said = run("verify", place / "two.batch.overdue", "--policy", place / "policy")
        assert (code, "the bureau has broken" in said) == (0, True), said
        wrong = put(ledger, place, "three.batch", hidden, (place / "one.batch.receipt").read_bytes())
        assert find(wrong)[0] == 2
        forged = put(ledger, place, "four.batch", hidden, ended.sign(ledger.signers[LENDER]))
        code, said = find(forged)
        assert (code, "no service key" in said) == (1, True), said
        code, said = find(place / "one.batch.receipt")
        assert (code, "the batch is in block 1" in said) == (0, True), said
        other = Signer.generate_from_seed(LENDER, b"\x07" * 32)
        notice = notices.key_rotated(other, "lender", bureau.origin, bureau.now(), old=None)
        with bureau.transaction() as connection:
            admission.insert_notice(connection, notices.encode(notice))
        ledger.settle()
        code, said = find(file, "--key", place / f"{LENDER}.key")
        assert (code, "another key signs as" in said) == (1, True), said
        ledger.signers[LENDER] = other
        _asks(ledger, url, parse_batch(file.read_bytes()).header.batch_id)


def _asks(ledger, url, batch_id):
    """What `GET /v1/filed` gives, and to whom."""
    origin, signer = ledger.bureau.origin, ledger.signers[LENDER]

    def ask(note, scheme="Credence-Note"):
        given = {"Authorization": f"{scheme} {b64encode(note).decode()}"}
        return requests.get(f"{url}/v1/filed", headers=given, timeout=10)

    def signed(by=signer, name=batch_id, first=0, ledger_=origin, at=None):
        return FiledNote(ledger_, by.name, name, first, at or utc_now()).sign(by)

    answer = ask(signed(first=1))
    lines = [canon.decode_object(line) for line in answer.content.splitlines()]
    assert (answer.headers["Cache-Control"], [line.get("kind") for line in lines]) == (
        "no-store",
        ["event", None],
    )
    assert set(lines[1]) == {"destroyed", "v"}
    assert ask(signed(first=3)).content == b""
    other = ledger.signers[UTILITY]
    forged = FiledNote(origin, LENDER, batch_id, 0, utc_now())
    impostor = type(other).generate_from_seed(LENDER, bytes(32))
    for note, status, code in (
        (signed(other), 404, "no-batch"),
        (signed(name="none-such"), 404, "no-batch"),
        (forged.sign(impostor), 403, "unknown-key"),
        (signed(ledger_="other.example"), 403, "other-ledger"),
        (signed(at=utc_now() - dt.timedelta(minutes=6)), 403, "stale"),
        (b"credence/filed@v1\n", 400, "malformed"),
    ):
        answer = ask(note)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert ask(signed(), "Bearer").status_code == 401
