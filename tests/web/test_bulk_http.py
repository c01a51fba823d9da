"""POST /v1/inquiries/bulk: a line an inquiry, each what a single one would have been answered with."""

from __future__ import annotations

import json

import pytest

from app.core import canon
from app.core.proving.proof import verify_score_proof
from tests.web.conftest import BANK, CITIZEN, FROZEN, THIN

PATH = "/v1/inquiries/bulk"


def file_of(world, *citizens, **fields):
    from app.core.fields import format_instant

    more = {"purpose": "credit_application", "time": format_instant(world.bureau.now())} | fields
    return world.batch(BANK, [world.line(BANK, "inquiry", each, **more) for each in citizens])


def test_a_line_an_inquiry_in_order_with_proof_receipts_and_advice(client, world):
    response = client.post(PATH, data=file_of(world, CITIZEN, THIN, FROZEN))
    assert (response.status_code, response.mimetype) == (200, "application/x-ndjson")
    assert response.headers["Cache-Control"] == "no-store"
    answered, stranger, frozen = (json.loads(line) for line in response.data.splitlines())
    assert [each["line"] for each in (answered, stranger, frozen)] == [2, 3, 4]
    assert set(answered) == {"line", "answer", "receipts", "proof", "advice"}
    proof = canon.encode(answered["proof"])
    verified = verify_score_proof(
        proof, client.get("/policy").data, at=world.bureau.now(), identifier=CITIZEN
    )
    assert verified.score == answered["answer"]["score"]
    assert (stranger["status"], stranger["reason"]) == (403, "no_consent")
    assert (frozen["status"], frozen["code"], frozen["type"]) == (423, "frozen", "/problems#no-consent")
    assert stranger["receipt"].startswith("credence/receipt@v1\n")


def test_the_same_file_again_gives_the_same_lines(client, world):
    body = file_of(world, CITIZEN, FROZEN)
    headers = {"X-Request-Id": "the-same-id"}
    first, second = (client.post(PATH, data=body, headers=headers).data for _ in range(2))
    assert first == second


def test_a_file_is_refused_before_anything_is_answered(client, world):
    twice = client.post(PATH, data=file_of(world, CITIZEN, FROZEN, CITIZEN))
    assert twice.status_code == 422
    assert [(each["line"], each["rule"]) for each in twice.json["problems"]] == [(4, "limit")]
    assert client.post(PATH, data=b"{}").status_code == 400
    assert client.post(PATH, data=b"x" * (16 * 1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize("ending", ["read", "dropped"])
def test_so_many_files_at_a_time_and_no_more(client, world, ending):
    from app.web.machines import api

    bodies = [file_of(world, CITIZEN, each) for each in (THIN, FROZEN, "uci:99")]
    streams = [client.post(PATH, data=body, buffered=False) for body in bodies[: api.BULKS_AT_ONCE]]
    busy = client.post(PATH, data=bodies[-1])
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "5")
    if ending == "read":
        assert all(stream.data.count(b"\n") == 2 for stream in streams)
    for stream in streams:
        stream.close()
    again = client.post(PATH, data=bodies[-1])
    assert again.status_code == 200
    assert again.data.count(b"\n") == 2


def test_the_line_in_the_log_has_the_bytes_that_left(client, world, app):
    size = len(
        client.post(PATH, data=file_of(world, CITIZEN, FROZEN), headers={"X-Request-Id": "counted-0001"}).data
    )
    text = client.get("/metrics").text
    assert 'credence_http_requests_total{method="POST",route="/v1/inquiries/bulk",status="200"}' in text
    (sent,) = (line for line in text.splitlines() if 'sent_bytes_total{route="/v1/inquiries/bulk"}' in line)
    assert float(sent.split()[-1]) >= size
