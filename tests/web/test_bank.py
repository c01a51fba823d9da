"""The bank's pages without a browser: a signed batch in, an answer in words out; applications; and what they never show."""

from __future__ import annotations

import json
import re

import pytest

from app.core.exchange.request_note import CorrectionsNote
from app.core.log.note import Signer
from app.core.log.notices import possession_text
from tests.web.conftest import BANK, CITIZEN, FROZEN, THIN
from tests.web.test_errors import csrf_of
from tests.web.test_seats import take_seat

LANGUAGES = ["en", "zh"]


def post(client, path, **fields):
    return client.post(path, data={"csrf_token": csrf_of(client, path), **fields})


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_is_shown_in_words_with_what_it_is_not_for(client, world, language):
    client.set_cookie("lang", language)
    page = post(client, "/bank", batch=world.inquiry(CITIZEN, **{"class": "card"}).decode())
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    (whole,) = re.findall(r'data-part="whole"[^>]*>(.*?)</script>', page.text, re.DOTALL)
    told = json.loads(whole)
    score = json.loads(told["answer"])["answer"]["score"]
    assert f'<p class="credence-score">{score} ' in page.text
    assert json.loads(told["proof"])["kind"] == "score"
    assert told["citizen"] == CITIZEN
    advisory = {"en": "Credence never declines anybody", "zh": "Credence 从不拒绝任何人"}
    assert advisory[language] in page.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("citizen", "purpose", "reason"),
    [
        (THIN, "credit_application", "no_consent"),
        (FROZEN, "credit_application", "frozen"),
        (CITIZEN, "collection", "wrong_purpose"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(  # noqa: PLR0917 - the table's columns
    client, world, language, citizen, purpose, reason
):
    from flask_babel import force_locale, gettext

    from app.web.organisations.bank import REFUSED

    client.set_cookie("lang", language)
    page = post(client, "/bank", batch=world.inquiry(citizen, purpose=purpose).decode())
    assert page.status_code == 403
    with client.application.test_request_context(), force_locale({"en": "en", "zh": "zh_Hans"}[language]):
        for text in REFUSED[reason]:
            assert gettext(text) in page.text
    assert "credence/receipt@v1" in page.text


def test_every_reason_for_a_refusal_has_its_words():
    from app.core.scoring.access import REASONS
    from app.web.organisations.bank import REFUSED

    assert set(REFUSED) == set(REASONS)


@pytest.mark.parametrize("batch", ["", "nonsense", '{"note":"x"}\n'])
def test_what_is_no_inquiry_is_an_error_of_the_page(client, batch):
    page = post(client, "/bank", batch=batch)
    assert page.status_code == 422
    assert "govuk-error-summary" in page.text


def test_nothing_is_asked_without_the_forms_token(client, world):
    assert client.post("/bank", data={"batch": world.inquiry(CITIZEN).decode()}).status_code == 400


def test_who_is_in_no_block_yet_waits(client, world):
    from app.services.ledger.intake import admit
    from tests.web.conftest import ENROLMENT

    somebody = "uci:8123"
    consent = {"grantee": BANK, "purposes": ["credit_application"], "until": world.day(-365)}
    line = world.line(ENROLMENT, "consent_given", somebody, **consent, basis="research", basis_ref="p-9")
    admit(world.bureau, world.batch(ENROLMENT, [line]))
    page = post(client, "/bank", batch=world.inquiry(somebody).decode())
    assert page.status_code == 409
    assert "next block" in page.text
    world.step()
    assert post(client, "/bank", batch=world.inquiry(somebody).decode()).status_code == 200


def test_corrections_are_asked_for_with_a_signed_note(client, world):
    note = CorrectionsNote(world.bureau.origin, BANK, 0, world.bureau.now()).sign(world.signers[BANK])
    page = post(client, "/bank/corrections", note=note.decode(), after="0")
    assert page.status_code == 200
    assert 'data-part="after">' in page.text
    assert post(client, "/bank/corrections", note="x", after="0").status_code == 422


def test_what_was_sent_is_for_the_banks_own_seat_and_names_nobody(client, world):
    assert client.get("/bank/inquiries").status_code == 403
    body = world.inquiry(CITIZEN)
    client.post("/v1/inquiries", data=body)
    take_seat(client, world, "bank", BANK)
    page = client.get("/bank/inquiries").text
    receipts = re.findall(r"credence/receipt@v1", page)
    assert receipts
    assert "uci:" not in page
    take_seat(client, world, "bank", "other.example")
    assert "credence/receipt@v1" not in client.get("/bank/inquiries").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_application_and_what_becomes_of_it(client, world, language):
    from app.services.organisations import applications, seats

    client.set_cookie("lang", language)
    key = Signer.generate_from_seed(f"applicant-{language}.example", bytes(range(32)))
    note = key.sign(possession_text(world.bureau.origin, key.name, "bank", key.verifier.encode())).decode()
    about = {"organisation": "New Bank", "contact": "Z. Li", "possession": note.replace("\n", "\r\n")}
    refused = post(client, "/bank/apply", **{**about, "possession": "x"})
    assert refused.status_code == 422
    assert 'value="New Bank"' in refused.text
    answer = post(client, "/bank/apply", **about)
    assert answer.status_code == 303, answer.text
    address = answer.headers["Location"]
    waits, done = {"en": ("Waits to be looked at", "Registered"), "zh": ("等待处理", "已登记")}[language]
    assert waits in client.get(address).text
    assert "Z. Li" not in client.get(address).text
    found = applications.of_reference(world.bureau, address.rsplit("/", 1)[1])
    first, second = (
        seats.add(world.bureau, "bureau", "officer", f"{label} {language}") for label in ("A", "B")
    )
    number = applications.propose(world.bureau, first, found.id)
    from app.services.organisations import approvals

    approvals.approve(world.bureau, second, number, approvals.proposal(world.bureau, number).digest)
    assert f">{done}</h2>" in client.get(address).text
    assert client.get("/bank/apply/" + "x" * 43).status_code == 404


def test_a_program_applies_with_a_note_and_asks_what_became_of_it(client, world):
    key = Signer.generate_from_seed("program.example", bytes(range(32)))
    note = key.sign(possession_text(world.bureau.origin, key.name, "utility", key.verifier.encode())).decode()
    given = {"possession": note, "organisation": "Power and Light", "contact": "Z. Li"}
    taken = client.post("/v1/applications", json=given)
    assert (taken.status_code, taken.get_json()["state"]) == (201, "open")
    again = client.get(f"/v1/applications/{taken.get_json()['reference']}")
    assert again.get_json() == taken.get_json()
    assert client.post("/v1/applications", json=given).status_code == 409
    for wrong, status in (
        ([], 400),
        ({"possession": note}, 400),
        ({**given, "contact": 1}, 400),
        ({**given, "possession": note.replace("utility", "lender", 1)}, 403),
        ({**given, "organisation": "x" * 201, "possession": note}, 422),
    ):
        assert client.post("/v1/applications", json=wrong).status_code == status
    assert client.get("/v1/applications/" + "x" * 43).status_code == 404
