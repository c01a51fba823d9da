"""Consents and the freeze on the pages: signed with the passkey, and what they do to banks at once, over HTTP (R15, R17, R18)."""

from __future__ import annotations

import re

import pytest

from tests.authenticator import Authenticator, enrol, sign
from tests.web.conftest import BANK, LENDER, UTILITY
from tests.web.test_pages import sign_in

OWN, OTHERS = "uci:7001", "uci:7002"


@pytest.fixture(scope="module")
def phone(world):
    """Two citizens with a card; the first has this passkey."""
    from app.services.ledger.intake import admit

    card = {"account": "card-1", "currency": "TWD", "class": "card"}
    lines = [
        world.line(LENDER, "account_opened", each, day=world.day(400), opened_on=world.day(400), **card)
        for each in (OWN, OTHERS)
    ]
    admit(world.bureau, world.batch(LENDER, lines))
    bills = [world.line(UTILITY, "utility", each, account="m", status="on_time") for each in (OWN, OTHERS)]
    admit(world.bureau, world.batch(UTILITY, bills))
    passkey = enrol(world.bureau, OWN, Authenticator())
    world.step()
    return passkey


@pytest.fixture
def citizen(client, world, phone):
    from app.services.citizens.links import create_link

    sign_in(client, create_link(world.bureau, OWN))
    return client


def inquire(client, world, purpose="credit_application", citizen=OWN):
    """The status of a bank's inquiry, and the reason of a refusal."""
    answer = client.post("/v1/inquiries", data=world.inquiry(citizen, purpose=purpose))
    return answer.status_code, answer.get_json().get("reason")


def post(client, path, *, page="/record/consents/new", **fields):
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)[1]
    return client.post(path, data={"csrf_token": token, **fields})


def give(client, phone, **more):
    fields = {
        "grantee": BANK,
        "purposes": ["credit_application", "account_review"],
        "term": "other",
        "last": "",
    }
    answer = post(client, "/record/consents/new", **fields | more)
    return sign(client, answer, phone)


def withdraw_all(client, phone):
    while found := re.search(
        r'action="(/record/consents/[^"]+/withdraw)"', client.get("/record/consents").text
    ):
        assert sign(client, post(client, found[1]), phone).status_code == 303


def test_a_consent_is_given_limited_and_withdrawn_and_counts_at_once(citizen, world, phone):
    assert inquire(citizen, world) == (403, "no_consent")
    done = give(citizen, phone, last=world.day(-30))
    assert (done.status_code, done.headers["Location"]) == (303, "/record/consents")
    assert BANK in citizen.get("/record/consents").text
    assert inquire(citizen, world) == (200, None)
    assert inquire(citizen, world, "account_review") == (200, None)
    (path,) = re.findall(r'href="(/record/consents/[^"]+/limit)"', citizen.get("/record/consents").text)
    page = citizen.get(path).text
    assert page.count("checked") == 3, "both purposes, and the end as it was"
    asked = post(citizen, path, page=path, purposes="account_review", term=world.day(-31))
    assert "takes the place" in citizen.get(asked.headers["Location"]).text
    assert inquire(citizen, world)[0] == 200, "nothing happens before it is signed"
    assert sign(citizen, asked, phone).status_code == 303
    assert inquire(citizen, world) == (403, "wrong_purpose")
    assert inquire(citizen, world, "account_review") == (200, None)
    assert citizen.get(path).status_code == 404, "what was replaced cannot be limited again"
    withdraw_all(citizen, phone)
    assert inquire(citizen, world, "account_review") == (403, "consent_withdrawn")
    page = citizen.get("/record/consents").text
    assert "No bank may ask about you now." in page
    assert "withdrawn on" in page


def test_a_frozen_file_refuses_new_credit_at_once_and_a_thaw_works_at_once(citizen, world, phone):
    """R18, over HTTP: 423 for new credit, account review goes on; a thaw may name a bank and an end."""
    give(citizen, phone, last=world.day(-30))
    assert inquire(citizen, world)[0] == 200
    assert "Your file is not frozen" in citizen.get("/record/freeze").text
    done = sign(citizen, post(citizen, "/record/freeze", page="/record/freeze"), phone)
    assert done.headers["Location"] == "/record/freeze"
    assert inquire(citizen, world) == (423, "frozen")
    assert inquire(citizen, world, "account_review")[0] == 200
    page = citizen.get("/record/freeze").text
    assert "Your file is frozen" in page

    def thaw(**fields):
        return post(citizen, "/record/freeze/thaw", page="/record/freeze", **fields)

    assert sign(citizen, thaw(grantee=BANK, term=world.day(-30)), phone).status_code == 303
    assert inquire(citizen, world)[0] == 200
    assert BANK in re.search(r"Thawed</h2>(.*?)</ul>", citizen.get("/record/freeze").text, re.DOTALL)[1]
    sign(citizen, post(citizen, "/record/freeze", page="/record/freeze"), phone)
    assert inquire(citizen, world) == (423, "frozen")
    assert sign(citizen, thaw(grantee="", term="always"), phone).status_code == 303
    assert inquire(citizen, world)[0] == 200
    assert "Your file is not frozen" in citizen.get("/record/freeze").text
    withdraw_all(citizen, phone)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"grantee": ""}, "grantee"),
        ({"grantee": LENDER}, "grantee"),
        ({"grantee": "BANK"}, "grantee"),
        ({"purposes": []}, "purposes"),
        ({"purposes": ["self"]}, "purposes"),
        ({"purposes": ["regulator", "account_review"]}, "purposes"),
        ({"last": ""}, "until"),
        ({"last": "2020-01-01"}, "until"),
        ({"last": "2199-01-01"}, "until"),
        ({"last": "9999-12-31"}, "until"),
        ({"last": "tomorrow"}, "until"),
        ({"term": ""}, "until"),
        ({"term": "20261231"}, "until"),
        ({"term": "2026-W50-1"}, "until"),
    ],
)
def test_what_makes_no_consent_is_told_at_its_field(citizen, world, fields, field):
    usual = {"grantee": BANK, "purposes": ["credit_application"], "term": "other", "last": world.day(-30)}
    answer = post(citizen, "/record/consents/new", **usual | fields)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


def test_a_consent_is_never_made_wider_by_limiting_it(citizen, world, phone):
    give(citizen, phone, purposes=["account_review"], last=world.day(-30))
    (path,) = re.findall(r'href="(/record/consents/[^"]+/limit)"', citizen.get("/record/consents").text)
    for wider in (
        {"purposes": ["account_review", "credit_application"], "term": world.day(-20)},
        {"purposes": ["account_review"], "term": world.day(-60)},
        {"purposes": ["account_review"], "term": world.day(-31)},
        {"purposes": [], "term": world.day(-20)},
    ):
        assert post(citizen, path, page=path, **wider).status_code == 422, wider
    withdraw_all(citizen, phone)


def test_consents_are_ones_own(app, citizen, world, phone):
    from app.services.citizens.links import create_link

    give(citizen, phone, last=world.day(-30))
    (path,) = re.findall(r'href="(/record/consents/[^"]+)/limit"', citizen.get("/record/consents").text)
    other = app.test_client()
    sign_in(other, create_link(world.bureau, OTHERS))
    assert other.get(f"{path}/limit").status_code == 404
    for action in ("limit", "withdraw"):
        assert post(other, f"{path}/{action}").status_code == 404
        assert other.post(f"{path}/{action}").status_code == 400, "CSRF"
    withdraw_all(citizen, phone)


@pytest.mark.parametrize(
    "fields", [{"grantee": LENDER, "term": "always"}, {"term": "other", "last": "x"}, {}]
)
def test_a_thaw_that_cannot_be_is_told(citizen, phone, fields):
    sign(citizen, post(citizen, "/record/freeze", page="/record/freeze"), phone)
    assert post(citizen, "/record/freeze/thaw", page="/record/freeze", **fields).status_code == 422
    sign(citizen, post(citizen, "/record/freeze/thaw", page="/record/freeze", term="always"), phone)


def test_without_a_session_there_is_nothing(app):
    other = app.test_client()
    for path in ("/record/consents", "/record/consents/new", "/record/freeze"):
        assert other.get(path).status_code == 403


def test_a_consent_on_paper_is_the_same_consent(citizen, world, phone):
    """Who has no device: staff enters it, and it can be withdrawn by whoever has a passkey later."""
    from app.services.citizens.acts import on_paper

    terms = {"grantee": BANK, "purposes": ["collection"], "until": world.day(-9)}
    on_paper(world.bureau, OWN, "consent_given", terms, "form-3")
    assert inquire(citizen, world, "collection")[0] == 200
    withdraw_all(citizen, phone)
    assert inquire(citizen, world, "collection") == (403, "consent_withdrawn")
