"""The JSON API with real batches: what goes in, what comes out, and that the description of it is true."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode, b64encode

from app.core.exchange.request_note import CorrectionsNote, DisputesNote
from app.db import corrections
from app.services.ledger import history
from tests.web.conftest import BANK, CITIZEN, ENROLMENT, LENDER, UTILITY


def test_a_batch_is_admitted_once_and_its_receipt_stays(client, world):
    body = world.batch(
        UTILITY, [world.line(UTILITY, "utility", "uci:9", account="m", status="on_time")], "twice"
    )
    first = client.post("/v1/batches", data=body, content_type="application/x-ndjson")
    again = client.post("/v1/batches", data=body, content_type="application/x-ndjson")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content_type == "text/plain; charset=utf-8"
    assert first.data == again.data
    assert first.data.startswith(b"credence/receipt@v1\n")
    kept = client.get(f"/v1/receipts/{UTILITY}/twice")  # the furnisher's name holds a slash
    assert (kept.status_code, kept.data) == (200, first.data)


def test_an_inquiry_is_answered_with_a_proof_that_holds(client, world):
    from app.core.proving.proof import verify_score_proof
    from app.web.machines.public_log import own_policy_of

    answer = client.post("/v1/inquiries", data=world.inquiry(CITIZEN))
    assert answer.status_code == 200, answer.data
    assert answer.headers["Cache-Control"] == "no-store"
    members = json.loads(answer.data)
    assert set(members) == {"answer", "receipts", "proof", "advice"}
    start = answer.data.index(b'"proof":') + len(b'"proof":')
    proof = answer.data[start : answer.data.index(b',"advice"')]  # the canonical bytes, not an equal object
    verified = verify_score_proof(
        proof, own_policy_of(world.bureau), at=dt.datetime.now(dt.UTC), identifier=CITIZEN
    )
    assert verified.score == members["answer"]["score"]
    assert all(receipt.startswith("credence/receipt@v1\n") for receipt in members["receipts"])


def test_figures_are_the_ledgers(client, world):
    figures = client.get("/v1/figures").get_json()
    assert figures["origin"] == world.bureau.origin
    assert figures["events"] > 70
    assert len(bytes.fromhex(figures["root"])) == 32
    assert dt.datetime.fromisoformat(figures["last_block_time"]).tzinfo is not None


def test_r27_a_bank_reads_its_corrections_with_a_signed_note_in_a_header(client, world):
    def read(note, scheme="Credence-Note"):
        given = {} if note is None else {"Authorization": f"{scheme} {b64encode(note).decode()}"}
        return client.get("/v1/corrections", headers=given)

    bank, origin = world.signers[BANK], world.bureau.origin
    note = CorrectionsNote(origin, BANK, 0, dt.datetime.now(dt.UTC).replace(microsecond=0)).sign(bank)
    key = world.bureau.people.key_of(CITIZEN)
    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [CITIZEN])[CITIZEN]
        corrections.add(connection, [(BANK, person.id, 7), ("other.example", person.id, 8)])
    answer = read(note)
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.get_json()
    assert told["corrections"] == [{"citizen": key.hex(), "index": 7}]
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    later = read(CorrectionsNote(origin, BANK, told["after"], now).sign(bank))
    assert later.get_json() == {"corrections": []}
    missing = read(None)
    assert (missing.status_code, missing.headers["WWW-Authenticate"]) == (
        401,
        "Credence-Note realm=corrections",
    )
    assert read(note, "Bearer").status_code == 401
    assert client.get("/v1/corrections", headers={"Authorization": "Credence-Note %%%"}).status_code == 400
    assert read(b"not a note").status_code == 400
    lender = CorrectionsNote(origin, LENDER, 0, now).sign(world.signers[LENDER])
    assert read(lender).status_code == 403


def test_the_description_names_every_endpoint_and_status(client):
    spec = client.get("/v1/openapi.json").get_json()
    assert spec["openapi"].startswith("3.1")
    assert set(spec["paths"]) >= {
        "/v1/batches",
        "/v1/inquiries",
        "/v1/figures",
        "/v1/corrections",
        "/checkpoint",
        "/tile/{rest}",
        "/policy",
    }
    post = spec["paths"]["/v1/batches"]["post"]
    assert set(post["responses"]) == {"200", "201", "400", "403", "409", "413", "415", "422", "429", "503"}
    assert list(post["requestBody"]["content"]) == ["application/x-ndjson"]
    for status, response in post["responses"].items():
        wanted = "text/plain; charset=utf-8" if status.startswith("2") else "application/problem+json"
        assert list(response["content"]) == [wanted], status


def test_every_endpoint_is_in_the_handbook(app):
    """docs/http.md names every route that there is."""
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    missing = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and f"`{rule.rule}`" not in text
    }
    assert not missing


def test_a_chunked_body_without_a_length_is_read_whole(client, world):
    import io

    body = world.batch(
        LENDER, [world.line(LENDER, "payment", CITIZEN, account="card-1", currency="TWD", amount_minor=5)]
    )
    answer = client.post(
        "/v1/batches",
        input_stream=io.BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 201, answer.data


def test_r36_every_answer_says_that_it_is_advisory_and_how_to_ask_for_a_person(client, world):
    answer = json.loads(client.post("/v1/inquiries", data=world.inquiry(CITIZEN)).data)
    assert "advisory" in answer["advice"]
    assert "never declines" in answer["advice"]
    assert "ask the bureau for a person" in answer["advice"]
    told = json.dumps(answer["answer"]).lower()
    assert not any(verdict in told for verdict in ("decline", "reject", "approve", "accept"))


def test_r36_the_citizens_page_says_it_too(client, world, link):
    from tests.web.test_pages import sign_in

    sign_in(client, link)
    page = client.get("/record").text
    assert "Credence never declines anybody" in page
    assert "ask it for a person" in page


def test_r24_a_furnisher_is_given_what_is_disputed_of_its_items(client, world, debtor):
    from app.services.citizens import evidence
    from app.services.ledger.intake import admit

    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [debtor])[debtor]
        item = history.whole_history(connection, person)[0][0]
    evidence.add_file(world.bureau, person.id, item, "信.txt", "还了".encode())
    bundle = evidence.bundle(world.bureau, person.id, item).hex()
    filing = {
        "target": item,
        "ground": "not_mine",
        "evidence": bundle,
        "basis": "research",
        "basis_ref": "p-9",
    }
    admit(world.bureau, world.batch(ENROLMENT, [world.line(ENROLMENT, "dispute_opened", debtor, **filing)]))
    origin, now = world.bureau.origin, dt.datetime.now(dt.UTC).replace(microsecond=0)

    def read(after, name=LENDER):
        note = DisputesNote(origin, name, after, now).sign(world.signers[name])
        return client.get(
            "/v1/disputes", headers={"Authorization": f"Credence-Note {b64encode(note).decode()}"}
        )

    answer = read(0)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    (case,) = answer.json["disputes"]
    assert (case["citizen"], case["index"], case["said"]) == (
        debtor,
        item,
        [{"ground": "not_mine", "text": ""}],
    )
    ((name, files),) = [(each["hash"], each["files"]) for each in case["evidence"]]
    assert (name, files[0]["name"], files[0]["type"]) == (bundle, "信.txt", "text/plain")
    assert b64decode(files[0]["data"]).decode() == "还了"
    assert read(answer.json["after"]).json == {"disputes": []}
    assert read(0, BANK).status_code == 403
    assert client.get("/v1/disputes").status_code == 401
    closing = world.line(
        LENDER, "dispute_closed", debtor, target=item, outcome="upheld", reason="It is theirs."
    )
    admit(world.bureau, world.batch(LENDER, [closing]))
    world.step()
    assert read(0).json == {"disputes": []}
