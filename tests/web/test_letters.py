"""Letters over HTTP: a bank's program, a bank's seat, and the citizen read the same one (R38)."""

from __future__ import annotations

import re
import threading

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from tests.papers import needs_pdf
from tests.web.conftest import BANK, CITIZEN
from tests.web.test_errors import csrf_of
from tests.web.test_pages import sign_in
from tests.web.test_seats import take_seat


def signed(world, answer_id, name=BANK):
    from app.core.exchange.request_note import LetterNote

    return LetterNote(world.bureau.origin, name, answer_id, world.bureau.now()).sign(world.signers[name])


@pytest.fixture
def answer(client, world):
    """What the bank was told about the citizen with a late month."""
    return client.post("/v1/inquiries", data=world.inquiry(CITIZEN)).get_json()["answer"]


def test_r38_a_bank_gets_the_letter_over_the_api_in_either_language_and_form(client, world, answer):
    note = signed(world, answer["id"])
    first = client.post("/v1/letters", data=note)
    assert (first.status_code, first.content_type) == (201, "text/plain; charset=utf-8")
    assert str(answer["score"]) in first.text
    assert first.headers["Cache-Control"] == "no-store"
    again = client.post("/v1/letters", data=note, headers={"Accept-Language": "zh-Hans"})
    assert again.status_code == 200
    assert "您的权利" in again.text
    unknown = client.post("/v1/letters", data=signed(world, "019ab6a4-0000-7000-8000-000000000000"))
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "no-answer")
    assert client.post("/v1/letters", data=b"nonsense").status_code == 400


@needs_pdf()
def test_a_letter_comes_as_a_pdf_when_that_is_asked_for(client, world, answer):
    got = client.post("/v1/letters", data=signed(world, answer["id"]), headers={"Accept": "application/pdf"})
    assert (got.content_type, got.data[:5]) == ("application/pdf", b"%PDF-")


def test_r38_a_seat_of_the_bank_asks_with_a_signed_note_and_the_citizen_reads_the_same(
    app, client, world, answer, link
):
    bank = app.test_client()
    take_seat(bank, world, "bank", BANK)
    refused = bank.post("/bank/letters", data={"csrf_token": csrf_of(bank, "/bank/letters"), "note": "x"})
    assert refused.status_code == 400
    note = signed(world, answer["id"]).decode().replace("\n", "\r\n")  # as browsers send text areas
    done = bank.post("/bank/letters", data={"csrf_token": csrf_of(bank, "/bank/letters"), "note": note})
    assert done.status_code == 303
    page = bank.get(done.headers["Location"]).text
    assert answer["id"] in page
    assert answer["id"] in bank.get("/bank/letters").text
    sign_in(client, link)
    listed = client.get("/record/letters").text
    number = re.search(r'href="/record/letters/(\d+)"', listed)[1]
    assert done.headers["Location"] == f"/bank/letters/{number}"
    theirs = client.get(f"/record/letters/{number}").text
    paragraphs = re.compile(r'<p class="govuk-body credence-measure">(.*?)</p>')
    assert paragraphs.findall(theirs) == paragraphs.findall(page) != []
    assert "/record/letters" in client.get("/record").text


def test_a_letter_is_nobody_elses(app, client, world, answer):
    from app.services.citizens.links import create_link

    assert client.post("/v1/letters", data=signed(world, answer["id"])).status_code in {200, 201}
    other, stranger = app.test_client(), app.test_client()
    take_seat(other, world, "bank", "other.example")
    sign_in(stranger, create_link(world.bureau, "uci:22"))
    for each, path in ((other, "/bank/letters/1"), (stranger, "/record/letters/1")):
        assert each.get(path).status_code == 404
        assert each.get(f"{path}.pdf").status_code == 404
    assert client.get("/record/letters").status_code == 403
    assert client.get("/bank/letters").status_code == 403


def test_the_command_prints_the_letter_and_the_note(app, world, answer, tmp_path):
    from app.cli import main
    from app.core.exchange.request_note import LetterNote

    key = tmp_path / "bank.key"
    key.write_text(world.signers[BANK].encode())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        run = ["letter", "--key", str(key), "--answer", answer["id"], "--url", url]
        said = CliRunner().invoke(main, [*run, "--language", "zh-Hans"])
        note = CliRunner().invoke(main, [*run, "--note"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert said.exit_code == 0, said.output
    assert "所用的信用评分" in said.output
    assert answer["id"] in said.output
    assert LetterNote.parse(note.output.encode()).answer == answer["id"]


def test_a_bank_watches_over_the_api_and_the_citizen_sees_who_does(app, client, world, answer, monkeypatch):
    from base64 import b64encode

    from app.core.exchange.watch_note import WatchEndNote, WatchesNote, WatchNote
    from app.core.log.note import Verifier, open_note
    from app.services.citizens.links import create_link
    from app.services.ledger.intake import admit

    monkeypatch.setenv("CREDENCE_WEBHOOK_NETWORKS", "127.0.0.0/8")
    origin, signer = world.bureau.origin, world.signers[BANK]
    given = world.line(
        "enrolment.example", "consent_given", CITIZEN, grantee=BANK, purposes=["account_review"],
        until=world.day(-365), basis="research", basis_ref="p-9",
    )  # fmt: skip
    admit(world.bureau, world.batch("enrolment.example", [given]))
    asked = world.inquiry(CITIZEN, purpose="account_review")
    reviewed = client.post("/v1/inquiries", data=asked).get_json()["answer"]

    def watch(about, url="https://127.0.0.1/hooks"):
        return WatchNote(origin, BANK, about["id"], (600, 650), url, world.bureau.now()).sign(signer)

    made = client.post("/v1/watches", data=watch(reviewed))
    assert (made.status_code, made.get_json()["lines"]) == (201, [600, 650])
    assert client.post("/v1/watches", data=watch(reviewed)).status_code == 200
    assert client.post("/v1/watches", data=watch(answer)).status_code == 422, "for credit, not for a review"
    private = client.post("/v1/watches", data=watch(reviewed, "https://10.0.0.1/"))
    assert (private.status_code, private.get_json()["code"]) == (400, "private-address")

    def listed():
        note = WatchesNote(origin, BANK, 0, world.bureau.now()).sign(signer)
        return client.get(
            "/v1/watches", headers={"Authorization": f"Credence-Note {b64encode(note).decode()}"}
        )

    number = made.get_json()["watch"]
    assert listed().get_json() == {"watches": [made.get_json()], "after": number}
    assert client.get("/v1/watches").status_code == 401
    citizen = app.test_client()
    sign_in(citizen, create_link(world.bureau, CITIZEN))
    assert f"{BANK}, at 600, 650" in citizen.get("/record/letters").text
    ending = WatchEndNote(origin, BANK, number, world.bureau.now()).sign(signer)
    assert client.post("/v1/watches/end", data=ending).get_json() == {"watch": number}
    assert listed().get_json()["watches"][0]["ended"] == "asked"
    told = client.get("/v1/webhooks/key").get_json()
    service = Verifier.parse(world.bureau.service.verifier.encode())
    opened = open_note(told["note"].encode(), [service])
    assert opened.verified
    assert opened.text.decode().splitlines() == ["credence/webhooks@v1", origin, told["key"]]
