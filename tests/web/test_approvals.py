"""Two officers and what they do together, through the pages."""

from __future__ import annotations

import io
import re

import pytest

from app.core.log.note import Signer
from app.core.log.notices import possession_text
from tests.web.conftest import LENDER
from tests.web.test_errors import csrf_of
from tests.web.test_seats import take_seat

NEW, OTHER = (
    Signer.generate_from_seed(name, bytes(range(32))) for name in ("applicant.example", "another.example")
)


@pytest.fixture
def officers(app, client, world):
    """Two browsers, an officer at each."""
    other = app.test_client()
    take_seat(client, world, "officer", label="A. Chen")
    take_seat(other, world, "officer", label="B. Wang")
    return client, other


def post(client, path, form_at=None, **data):
    return client.post(path, data={"csrf_token": csrf_of(client, form_at or path)} | data)


def note(world, role, key=NEW):
    return key.sign(possession_text(world.bureau.origin, key.name, role, key.verifier.encode()))


def test_a_key_is_registered_by_two_and_revoked_by_two(officers, world):
    first, second = officers
    path = "/staff/approvals/new/key_registration"
    pasted = note(world, "utility").decode().replace("\n", "\r\n")  # as a browser sends it
    made = post(first, path, role="utility", possession=pasted)
    assert made.status_code == 303, made.text
    at = made.headers["Location"]
    page = first.get(at).text
    assert "applicant.example" in page
    assert "You proposed this" in page
    digest = re.search(r"credence-hash\">([0-9a-f]{64})<", page)[1]
    alone = post(first, f"{at}/approve", at, digest=digest)
    assert (alone.status_code, "who proposes something" in alone.text) == (422, True)
    assert post(second, f"{at}/approve", at, digest="0" * 64).status_code == 422
    assert post(second, f"{at}/approve", at, digest=digest).status_code == 303
    assert "approved and done" in second.get(at).text
    path = "/staff/approvals/new/key_revocation"
    assert "applicant.example utility" in first.get(path).text
    made = post(first, path, key="applicant.example utility", reason="a trial")
    at = made.headers["Location"]
    digest = re.search(r"credence-hash\">([0-9a-f]{64})<", second.get(at).text)[1]
    assert post(second, f"{at}/approve", at, digest=digest).status_code == 303
    with world.bureau.transaction() as connection:
        assert world.bureau.register(connection).current("applicant.example") == []


def test_a_note_comes_as_a_file_and_a_proposal_is_turned_down(officers, world):
    first, second = officers
    path = "/staff/approvals/new/key_registration"
    file = (io.BytesIO(note(world, "bank", OTHER)), "possession.note")
    at = post(first, path, role="bank", file=file).headers["Location"]
    assert at in second.get("/staff/approvals").text
    assert post(second, f"{at}/turn-down", at).status_code == 303
    assert "refused" in first.get(at).text


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("key_registration", {"role": "bank", "possession": "hello"}),
        ("key_registration", {}),
        ("key_revocation", {"key": "nobody bank", "reason": "x"}),
        ("key_revocation", {"key": ""}),
        ("scorecard", {"role": "champion", "from": "2026-13-01"}),
        ("scorecard", {"role": "champion", "from": "2200-01-01", "scorecard": "zz"}),
    ],
)
def test_what_cannot_work_is_said_on_the_form(client, world, kind, data):
    take_seat(client, world, "officer", label="A. Chen")
    for language, words in (("en", "Nothing was done"), ("zh", "未执行任何操作")):
        client.set_cookie("lang", language)
        answer = post(client, f"/staff/approvals/new/{kind}", **data)
        assert answer.status_code == 422
        assert words in answer.text


@pytest.mark.parametrize("role", ["bank", "furnisher", "regulator", "clerk"])
def test_approvals_are_for_officers(client, world, role):
    take_seat(client, world, role, "bureau" if role == "clerk" else "org.example")
    for path in ("", "/new/scorecard", "/1"):
        assert client.get(f"/staff/approvals{path}").status_code == 403
    for path in ("/1/approve", "/1/turn-down"):
        assert post(client, f"/staff/approvals{path}", "/seat").status_code == 403


def test_what_is_not_there(client, world):
    take_seat(client, world, "officer", label="A. Chen")
    assert client.get("/staff/approvals/999999").status_code == 404
    assert client.get("/staff/approvals/new/nothing").status_code == 404


def test_r40_whoever_approves_an_erasure_reads_off_the_paper_whose_it_is_and_is_shown_how_much_goes(
    officers, world
):
    from app.services.ledger.intake import admit

    person, other = "uci:8801", "uci:8802"
    lines = [
        world.line(LENDER, "payment", each, account="c", currency="TWD", amount_minor=5)
        for each in (person, other)
    ]
    admit(world.bureau, world.batch(LENDER, lines))
    first, second = officers
    early = post(first, "/staff/approvals/new/erasure", identifier=person, ref="form-88")
    assert (early.status_code, "Try again in a few seconds" in early.text) == (422, True), (
        "no block has the file yet"
    )
    world.step()
    made = post(first, "/staff/approvals/new/erasure", identifier=person, ref="form-88")
    assert made.status_code == 303, made.text
    at = made.headers["Location"]
    page = second.get(at).text
    assert person not in page
    assert "Show how much would be erased" in page
    digest = re.search(r"credence-hash\">([0-9a-f]{64})<", page)[1]
    for wrong in ("", "nobody", other):
        for do in ("look", "approve"):
            answer = post(second, f"{at}/{do}", at, digest=digest, identifier=wrong)
            assert answer.status_code == 422, (wrong, do)
            assert "What would be erased" not in answer.text
    assert "is not that of the file" in answer.text
    shown = post(second, f"{at}/look", at, identifier=person)
    assert shown.status_code == 200
    assert "Payment: 1" in re.sub(r"\s+", " ", shown.text)
    world.step()
    looks = [event for event in events_of(world, person) if event["type"] == "look"]
    assert [(each["case"], each["shown"]) for each in looks] == [
        (f"approval-{at.rpartition('/')[2]}", ["history"])
    ]
    assert post(second, f"{at}/approve", at, digest=digest, identifier=person).status_code == 303
    world.step()
    assert [each["basis_ref"] for each in events_of(world, person) if each["type"] == "erasure"] == [
        "form-88"
    ]
    assert events_of(world, other)[-1]["type"] == "payment"
    assert post(second, f"{at}/look", "/staff/approvals/new/erasure").status_code == 404, "it is decided"


def events_of(world, identifier):
    import json

    from app.core.reporting.events import encode_event
    from app.services.ledger import history

    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [identifier])[identifier]
        return [json.loads(encode_event(event)) for _, event in history.with_waiting(connection, person)]
