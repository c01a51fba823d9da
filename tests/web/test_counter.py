"""The counter and the officers' desk, through the pages: codes, papers, their journal, applications, erasure."""

from __future__ import annotations

import re

import pytest

from app.core.log.note import Signer
from app.core.log.notices import possession_text
from tests.web.conftest import BANK, CITIZEN, UTILITY
from tests.web.test_approvals import post
from tests.web.test_seats import take_seat


@pytest.fixture
def clerk(client, world):
    take_seat(client, world, "clerk", label="Counter clerk")
    return client


@pytest.fixture
def officer(app, world):
    other = app.test_client()
    take_seat(other, world, "officer", label="A. Chen")
    return other


def test_a_code_is_shown_once_and_opens_the_record(app, clerk, officer):
    answer = post(clerk, "/staff/codes", identifier=CITIZEN, ref="form-1")
    assert answer.status_code == 200
    code = re.search(r"credence-code credence-hash\">([^<]+)<", answer.text)[1]
    assert code not in clerk.get("/staff/codes").text
    citizen = app.test_client()
    assert post(citizen, f"/open/{code}").status_code == 303
    assert post(clerk, "/staff/codes", identifier="uci:98765", ref="x").status_code == 422
    assert "form-1" in officer.get("/staff/journal").text


@pytest.fixture(scope="module")
def somebody(world):
    """Whose consents and freezes are nobody else's affair: the ledger is the whole session's."""
    from app.services.ledger.intake import admit

    citizen = "uci:60708"
    admit(
        world.bureau,
        world.batch(UTILITY, [world.line(UTILITY, "utility", citizen, account="meter", status="on_time")]),
    )
    world.step()
    return citizen


@pytest.mark.parametrize(("language", "words"), [("en", "it counts at once"), ("zh", "立即生效")])
def test_papers_are_entered(clerk, somebody, language, words):
    clerk.set_cookie("lang", language)
    for kind in (
        "freeze",
        "thaw",
        "consent_given",
        "consent_withdrawn",
        "dispute_opened",
        "citizen_statement",
    ):
        assert words in clerk.get(f"/staff/paper?kind={kind}").text
    form = {"identifier": somebody, "ref": f"p-{language}"}
    at = "/staff/paper?kind=freeze"
    given = {"grantee": BANK, "purposes": "credit_application", "until": "2199-01-01"}
    for more in (
        {"kind": "consent_given"} | given,
        {"kind": "consent_withdrawn", "grantee": BANK},
        {"kind": "freeze"},
        {"kind": "thaw", "grantee": "", "until": ""},
        {"kind": "citizen_statement", "text": "My own words."},
    ):
        answer = clerk.post("/staff/paper", data={"csrf_token": _csrf(clerk, at)} | form | more)
        assert answer.status_code == 303, (more, answer.text)
        assert somebody not in answer.headers["Location"]
        assert clerk.get(answer.headers["Location"]).status_code == 200
    for more in (
        {"kind": "consent_withdrawn", "grantee": ""},
        {"kind": "dispute_opened", "target": "x", "ground": "other"},
        {"kind": "dispute_opened", "target": "9" * 30, "ground": "other"},
        {"kind": "nothing"},
        {},
    ):
        answer = clerk.post("/staff/paper", data={"csrf_token": _csrf(clerk, at)} | form | more)
        assert answer.status_code == 422, more


def _csrf(client, path):
    from tests.web.test_errors import csrf_of

    return csrf_of(client, path)


def test_an_application_is_proposed_or_refused(officer, world):
    from app.services.organisations import applications

    numbers = []
    for name in ("newbank.example", "oldbank.example"):
        key = Signer.generate_from_seed(name, bytes(range(32)))
        note = key.sign(possession_text(world.bureau.origin, name, "bank", key.verifier.encode()))
        reference = applications.apply(world.bureau, note, organisation=f"Org {name}", contact="desk 7")
        numbers.append(applications.of_reference(world.bureau, reference).id)
    page = officer.get("/staff/applications").text
    assert "Org newbank.example" in page
    at = f"/staff/applications/{numbers[0]}"
    proposed = post(officer, f"{at}/propose", at)
    assert "/staff/approvals/" in proposed.headers["Location"]
    assert "newbank.example" in officer.get(proposed.headers["Location"]).text
    assert post(officer, f"{at}/propose", "/seat").status_code == 422
    at = f"/staff/applications/{numbers[1]}"
    assert post(officer, f"{at}/refuse", at, reason="").status_code == 422
    assert post(officer, f"{at}/refuse", at, reason="We called; nobody knew.").status_code == 303
    assert "nobody knew" in officer.get(at).text


def test_r40_erasure_on_paper_is_proposed_without_a_name(officer, world):
    path = "/staff/approvals/new/erasure"
    made = post(officer, path, identifier=CITIZEN, ref="form-40")
    page = officer.get(made.headers["Location"]).text
    assert CITIZEN not in page
    assert world.bureau.people.key_of(CITIZEN).hex() in page
    for wrong in ({"identifier": "nobody", "ref": "x"}, {"identifier": "uci:98765", "ref": "x"}, {}):
        assert post(officer, path, **wrong).status_code == 422


def test_each_to_their_own_desk(client, clerk, officer):
    for path in ("/staff/journal", "/staff/applications", "/staff/applications/1", "/staff/approvals"):
        assert clerk.get(path).status_code == 403
    for path in ("/staff/codes", "/staff/paper", "/staff"):
        assert officer.get(path).status_code == 403
    assert officer.get("/staff/applications/999999").status_code == 404
