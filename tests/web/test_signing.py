"""The page where a citizen signs with a passkey: only their own draft, by their own session, and then to a path of ours."""

from __future__ import annotations

import html
import json
import re

import pytest

from tests.authenticator import Authenticator, enrol, sign
from tests.web.conftest import THIN, UTILITY
from tests.web.test_errors import csrf_of
from tests.web.test_pages import sign_in

OWN = "uci:7401"


@pytest.fixture(scope="module", autouse=True)
def known(world):
    """A citizen of these tests alone, in a block."""
    from app.services.ledger.intake import admit

    bill = world.line(UTILITY, "utility", OWN, account="m", status="on_time")
    admit(world.bureau, world.batch(UTILITY, [bill]))
    world.step()


@pytest.fixture(scope="module")
def phone(world, known):
    return enrol(world.bureau, OWN, Authenticator())


@pytest.fixture
def asked(app, client, world):
    """asked(kind, **fields): what `signing.ask` answers to a citizen who is signed in."""
    from app.services.citizens.links import create_link
    from app.web.citizens import signing

    sign_in(client, create_link(world.bureau, OWN))

    def ask(kind="freeze", done="/record", **fields):
        with client.session_transaction() as held:
            kept = dict(held)
        with app.test_request_context("/record/x", method="POST"):
            from flask import session

            session.update(kept)
            return signing.ask(kind, fields, "Freeze <your> file.", done)

    return ask


def response_of(asked, **more):
    answer = asked(**more)
    assert answer.status_code == 303
    return answer


def test_a_citizen_signs_and_goes_on(client, asked, phone, world):
    answer = asked(done="/record?page=1")
    page = client.get(answer.headers["Location"])
    assert "Freeze &lt;your&gt; file." in page.text
    assert page.headers["Cache-Control"] == "no-store"
    done = sign(client, answer, phone)
    assert (done.status_code, done.headers["Location"]) == (303, "/record?page=1")
    assert client.get(answer.headers["Location"]).status_code == 410
    thaw = sign(client, asked("thaw"), phone)
    assert thaw.status_code == 303


@pytest.mark.parametrize(
    "done", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_afterwards_nobody_is_sent_elsewhere(client, asked, phone, done):
    answer = asked("thaw", done=done)
    assert sign(client, answer, phone).headers["Location"] == "/record"


def test_a_wrong_signature_is_told_and_can_be_made_again(client, asked, phone):
    answer = asked("thaw")
    wrong = sign(client, answer, Authenticator())
    assert wrong.status_code == 422
    assert "not accepted" in wrong.text
    elsewhere = sign(client, answer, phone, flags=1)
    assert elsewhere.status_code == 422
    assert sign(client, answer, phone).status_code == 303


@pytest.mark.parametrize("given", ["", "{}", "[]", "[1]", "[{}]", "nonsense", "[" * 5000, "x" * 70_000])
def test_any_answer_is_refused_in_words(client, asked, phone, given):
    path = asked("thaw").headers["Location"]
    token = csrf_of(client, path)
    answer = client.post(path, data={"csrf_token": token, "answer": given})
    assert answer.status_code == 422
    assert "Traceback" not in answer.text


def test_a_draft_is_for_the_session_that_made_it(app, client, asked, phone, world):
    from app.services.citizens.links import create_link

    path = asked().headers["Location"]
    for citizen in (THIN, OWN):
        other = app.test_client()
        sign_in(other, create_link(world.bureau, citizen))
        assert other.get(path).status_code == 410
        token = csrf_of(other, "/check")
        assert other.post(path, data={"csrf_token": token, "answer": "[]"}).status_code in (410, 422)
    assert app.test_client().get(path).status_code == 403


def test_nothing_is_signed_without_a_csrf_token(client, asked, phone):
    assert client.post(asked().headers["Location"], data={"answer": "[]"}).status_code == 400


def test_who_has_no_passkey_is_told_how_to_get_one(app, client, world):
    from app.services.citizens.links import create_link
    from app.web.citizens import signing

    sign_in(client, create_link(world.bureau, THIN))
    with client.session_transaction() as held:
        kept = dict(held)
    with app.test_request_context("/record/x", method="POST"):
        from flask import session

        session.update(kept)
        answer = signing.ask("freeze", {}, "Freeze.", "/record")
    page = client.get(answer.headers["Location"]).text
    assert "You have no passkey yet" in page
    assert "data-passkey" not in page


def test_the_page_says_where_passkeys_work(client, asked, phone):
    path = asked().headers["Location"]
    assert "http://localhost:8080" in client.get(path).text
    assert "Open this service there" not in client.get(path, base_url="http://localhost:8080").text
    found = re.search(r'data-credentials="([^"]*)"', client.get(path).text)
    assert json.loads(html.unescape(found[1])) == [phone.credential]
