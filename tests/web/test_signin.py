"""Signing in on the pages: by passkey, by code, by an identity provider; sessions; and who must not get in."""

from __future__ import annotations

import html
import json
import re

import pytest

from tests.authenticator import Authenticator, sign, unb64
from tests.identity_provider import IdentityProvider
from tests.web.conftest import THIN, UTILITY
from tests.web.test_errors import csrf_of

REFUSED = "This did not work"
OWN = "uci:7301"


@pytest.fixture(scope="module", autouse=True)
def known(world):
    """A citizen of these tests alone, in a block."""
    from app.services.ledger.intake import admit

    bill = world.line(UTILITY, "utility", OWN, account="m", status="on_time")
    admit(world.bureau, world.batch(UTILITY, [bill]))
    world.step()


def data_of(page, name):
    return json.loads(html.unescape(re.search(rf'data-{name}="([^"]*)"', page)[1]))


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def code_for(world, citizen=OWN):
    from app.services.citizens.enrolment import issue_code

    return issue_code(world.bureau, citizen, "form-17")


def use_code(client, code):
    return client.post("/enrol", data={"csrf_token": csrf_of(client, "/enrol"), "code": code})


def register(client, passkey, **more):
    """Register this passkey on the page; the answer of the post."""
    page = client.get("/record/security").text
    options = data_of(page, "options")
    answer = passkey.registered(unb64(options["challenge"]), unb64(options["user"]["id"]))
    fields = {"csrf_token": hidden(page, "csrf_token"), "registration": hidden(page, "registration")}
    return client.post("/record/security/passkeys", data=fields | {"answer": json.dumps(answer)} | more)


def enter(client, passkey, **more):
    page = client.get("/sign-in").text
    (challenge,) = data_of(page, "challenges")
    answer = json.dumps(passkey.got(unb64(challenge), **more))
    return client.post("/sign-in", data={"csrf_token": hidden(page, "csrf_token"), "answer": answer})


@pytest.fixture
def phone(client, world):
    """A passkey of the citizen's; the client has the session in which it was registered."""
    passkey = Authenticator()
    assert use_code(client, code_for(world)).headers["Location"] == "/record/security"
    assert register(client, passkey).status_code == 303
    return passkey


def test_from_a_code_to_a_passkey_to_a_session(app, client, world, phone):
    page = client.get("/record/security").text
    assert page.count("Passkey added on") >= 1
    other = app.test_client()
    answer = enter(other, phone)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/record")
    assert other.get("/record").status_code == 200
    page = other.get("/record/security", headers={"User-Agent": "Mozilla/5.0 Firefox/140"}).text
    assert "with a one-time code" in page
    assert "with a passkey" in page
    assert "used for this session" in page


def test_a_second_passkey_is_signed_by_the_first_and_the_first_removed_by_the_second(app, client, phone):
    other = app.test_client()
    enter(other, phone)
    laptop = Authenticator()
    assert sign(other, register(other, laptop), phone).headers["Location"] == "/record/security"
    credentials = sorted([phone.credential, laptop.credential])
    enter(other, laptop)
    page = other.get("/record/security").text
    from app.services.citizens import sessions
    from app.web.citizens.record import TOKEN

    with other.session_transaction() as held:
        there = sessions.passkeys_of(app.extensions["credence"], held[TOKEN])
    assert set(credentials) <= {each.credential for each in there}
    place = [each.credential for each in there].index(phone.credential)
    asked = other.post("/record/security/passkeys/remove", data={"csrf_token": hidden(page, "csrf_token"), "place": place})  # fmt: skip
    assert sign(other, asked, laptop).status_code == 303
    assert enter(app.test_client(), phone).status_code == 422
    for wrong in (-1, 99, "x", ""):
        token = {"csrf_token": hidden(page, "csrf_token")}
        assert (
            other.post("/record/security/passkeys/remove", data=token | {"place": wrong}).status_code == 404
        )


def test_a_lost_passkey_is_replaced_on_the_page(app, client, world, phone):
    thief = app.test_client()
    enter(thief, phone)
    assert use_code(client, code_for(world)).status_code == 303
    assert "I have lost my old passkey" in client.get("/record/security").text
    new = Authenticator()
    assert register(client, new, lost="1").status_code == 303
    assert thief.get("/record").status_code == 403
    assert enter(app.test_client(), phone).status_code == 422
    assert enter(app.test_client(), new).status_code == 303


def test_sessions_are_ended_from_the_page(app, client, phone):
    other = app.test_client()
    enter(other, phone)
    page = client.get("/record/security").text
    path = re.findall(r'action="(/record/security/sessions/[^"]+)"', page)[0]
    token = hidden(page, "csrf_token")
    assert other.post(path).status_code == 400, "CSRF"
    assert client.post(path, data={"csrf_token": token}).status_code == 303
    assert other.get("/record").status_code == 403
    assert client.post(path, data={"csrf_token": token}).status_code == 404


def test_a_new_session_forgets_the_cookie_that_was_there(app, client, world, phone):
    """Session fixation: what somebody put into the browser before is nobody's session afterwards."""
    from app.web.citizens.record import TOKEN

    victim = app.test_client()
    use_code(victim, code_for(world, THIN))
    with victim.session_transaction() as held:
        held["planted"] = "x"
        before = held[TOKEN]
    enter(victim, phone)
    with victim.session_transaction() as held:
        assert held[TOKEN] != before
        assert "planted" not in held


@pytest.mark.parametrize(
    "path", ["/sign-in", "/enrol", "/record/security/passkeys", "/record/security/passkeys/remove"]
)
def test_nothing_happens_without_a_csrf_token(client, phone, path):
    assert client.post(path, data={"code": "x", "answer": "{}", "place": 0}).status_code == 400


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_wrong_passkey_or_code_is_told_in_the_same_words(client, world, language):
    client.set_cookie("lang", language)
    stranger = Authenticator()
    answer = enter(client, stranger)
    assert answer.status_code == 422
    for code in ("", "AAAA-BBBB-CCCC-DDDD", "x" * 5000):
        said = use_code(client, code)
        assert said.status_code == 422
        assert ("does not work" if language == "en" else "无法使用") in said.text


def test_guessing_codes_is_slowed_down(client):
    token = csrf_of(client, "/enrol")
    answers = [client.post("/enrol", data={"csrf_token": token, "code": f"{n:016}"}) for n in range(11)]
    assert [each.status_code for each in answers] == [422] * 10 + [429]


@pytest.mark.parametrize("given", ["", "[]", "{}", "nonsense", '{"response":{}}', "[" * 3000])
def test_any_answer_is_refused_in_words(client, phone, given):
    page = client.get("/sign-in").text
    answer = client.post("/sign-in", data={"csrf_token": hidden(page, "csrf_token"), "answer": given})
    assert (answer.status_code, REFUSED in answer.text) == (422, True)
    page = client.get("/record/security").text
    fields = {"csrf_token": hidden(page, "csrf_token"), "registration": hidden(page, "registration")}
    assert client.post("/record/security/passkeys", data=fields | {"answer": given}).status_code == 422


def test_nobody_is_signed_in_by_pages_alone(client):
    for path in ("/record/security", "/record/sign/AAAA"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "/sign-in" in answer.text
    for path in ("/sign-in", "/enrol"):
        assert client.get(path).headers["Cache-Control"] == "no-store"
    assert client.get("/sign-in/identity").status_code == 404, "no provider is set up"


# ---- an identity provider


@pytest.fixture(scope="module")
def provider():
    with IdentityProvider() as running:
        yield running


@pytest.fixture
def at_provider(app, client, provider):
    """The client comes back from the provider: at_provider(number, **lies) -> the page that it gets."""
    from app.services.citizens.identity import Provider

    app.extensions["credence_identity"] = Provider(**provider.configuration())

    def come_back(number="7301", **lies):
        provider.person, provider.lie = {"resident_number": number}, lies
        away = client.get("/sign-in/identity")
        assert away.status_code == 303
        back = provider.authorize(away.headers["Location"])
        assert back.startswith("http://localhost:8080/sign-in/identity/back?")
        return client.get(back.removeprefix("http://localhost:8080"))

    yield come_back
    app.extensions["credence_identity"] = None
    provider.lie, provider.away, provider.signing_key = {}, False, provider.key


def test_a_provider_says_who_it_is_and_a_passkey_can_be_registered(app, client, at_provider):
    assert "Test ID" in client.get("/sign-in").text
    assert at_provider().headers["Location"] == "/record"
    assert "by the identity provider" in client.get("/record/security").text
    passkey = Authenticator()
    assert register(client, passkey).status_code == 303
    assert enter(app.test_client(), passkey).status_code == 303


def test_who_has_no_file_is_told_so(client, at_provider):
    answer = at_provider("404404")
    assert answer.status_code == 404
    assert "There is no file about you" in answer.text
    assert client.get("/record").status_code == 403


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": None},
        {"resident_number": None},
        {"resident_number": "17 OR 1=1"},
        {"resident_number": ["1"]},
    ],
    ids=str,
)
def test_a_word_that_does_not_hold_signs_nobody_in(client, at_provider, lies):
    answer = at_provider(**lies)
    assert (answer.status_code, REFUSED in answer.text) == (422, True)
    assert client.get("/record").status_code == 403


def test_another_key_than_the_providers_signs_nobody_in(client, at_provider, provider):
    from joserfc.jwk import ECKey

    provider.signing_key = ECKey.generate_key("P-256", {"kid": "1"})
    assert at_provider().status_code == 422


def test_an_answer_belongs_to_the_browser_that_asked_and_comes_once(app, client, at_provider, provider):
    at_provider()
    away = client.get("/sign-in/identity").headers["Location"]
    back = provider.authorize(away).removeprefix("http://localhost:8080")
    assert app.test_client().get(back).status_code == 422, "somebody else's browser: login CSRF"
    other = app.test_client()
    other.get("/sign-in/identity")
    assert other.get(back).status_code == 422, "another state"
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 422
    client.get("/sign-in/identity")
    assert client.get("/sign-in/identity/back?error=access_denied").status_code == 422


def test_a_provider_that_is_away_is_told(client, at_provider, provider):
    provider.away = True
    assert client.get("/sign-in/identity").status_code == 503


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"issuer":"http://id.example","client_id":"c","name":"n"}', '{"issuer":"https://id.example","client_id":"c","name":"n","more":1}'],
)  # fmt: skip
def test_a_provider_is_set_up_by_a_file(tmp_path, monkeypatch, text):
    from app.core.errors import RefusedError
    from app.services.citizens.identity import Provider
    from app.services.home import Home

    home = Home(tmp_path)
    assert Provider.load(home) is None
    (tmp_path / "identity.json").write_text('{"issuer":"https://id.example","client_id":"c","name":"n"}')
    assert Provider.load(home).claim == "resident_number"
    monkeypatch.setenv("CREDENCE_IDENTITY", str(tmp_path / "other.json"))
    with pytest.raises(RefusedError):
        Provider.load(home)
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(RefusedError):
        Provider.load(home)
