"""A citizen shows a bank a range of the score: signed with a passkey, opened by a link, ended; and the score stays home."""

from __future__ import annotations

import html
import json
import re

import pytest

from tests.authenticator import Authenticator, enrol, unb64
from tests.web.conftest import BANK, CITIZEN
from tests.web.test_errors import csrf_of
from tests.web.test_pages import LANGUAGES, sign_in

SHARE = "/record/share"


@pytest.fixture(scope="module")
def phone(world):
    made = enrol(world.bureau, CITIZEN, Authenticator(b"share"))
    world.step()
    return made


@pytest.fixture
def score(world):
    from app.services.citizens import overview

    return overview.score(world.bureau, 1)


@pytest.fixture
def mine(client, link):
    sign_in(client, link)
    return client


def ask(client, **fields):
    usual = {"audience": BANK, "at_least": "650", "days": "1", "csrf_token": csrf_of(client, "/record")}
    return client.post(SHARE, data=usual | fields)


def answer(client, path, passkey, **more):
    """The page's form, sent as the browser would after the passkey has signed."""
    page = client.get(path).text
    (challenge,) = json.loads(html.unescape(re.search(r'data-challenges="([^"]*)"', page)[1]))
    assert [passkey.credential] == json.loads(
        html.unescape(re.search(r'data-credentials="([^"]*)"', page)[1])
    )
    signed = json.dumps([passkey.assertion(more.pop("challenge", unb64(challenge)), **more)])
    return client.post(path, data={"csrf_token": csrf_of(client, path), "answer": signed})


def link_of(client, path):
    page = client.get(path).text
    (token,) = set(re.findall(r'/shared/([^"<]+)', page))
    return f"/shared/{token}", page


def shared(client, world, phone, **fields):
    """A share that is on: (its page, the link's path)."""
    begun = ask(client, **fields)
    assert begun.status_code == 303, begun.text
    world.step()
    path = begun.headers["Location"]
    assert answer(client, path, phone).status_code == 303
    return path, link_of(client, path)[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bank_sees_the_range_and_never_the_score(mine, world, phone, score, language):
    from app.core.errors import ProofError
    from app.core.log.policy import Policy
    from app.core.proving.claims.head import Asked
    from app.core.proving.claims.verify import verify_claim
    from app.web.machines.public_log import own_policy_of

    mine.set_cookie("lang", language)
    assert score != 650
    path, link = shared(mine, world, phone)
    page = mine.get(path).text
    assert '<svg role="img"' in page
    assert "uci:" not in link
    bank = mine.application.test_client()
    bank.set_cookie("lang", language)
    seen = bank.get(link)
    assert seen.status_code == 200
    assert seen.headers["Cache-Control"] == "no-store"
    text = html.unescape(re.sub(r"<script.*?</script>", "", seen.text, flags=re.DOTALL))
    assert ("The proof holds" if language == "en" else "证明成立") in text
    assert re.search("at least 650" if language == "en" else "不低于 650", text)
    places = r"(entry|block|第) [\d,]+|[\d,]+ (entries|个条目)"  # in the log, which other tests fill too
    assert not re.search(rf"(?<![\w,-]){score}(?![\w,-])", re.sub(places, "", text))
    assert CITIZEN not in seen.text
    proof = bank.get(f"{link}.proof").data
    told = json.loads(proof)
    assert {"score", "seed_ge", "seed_le"}.isdisjoint(told)
    said = json.dumps({name: told[name] for name in told.keys() - {"tlog", "index", "scored_index", "block"}})
    assert not re.search(rf"[:\[ ]{score}[,\]}}]", re.sub(r'"note": "[^"]*"', "", said))
    asked = Asked(Policy.parse(own_policy_of(world.bureau)), world.bureau.now(), audience=BANK)
    assert verify_claim(proof, asked)
    with pytest.raises(ProofError):
        verify_claim(proof, Asked(asked.policy, asked.at, audience="other.example"))
    assert re.search("Opened 1 times" if language == "en" else "已打开 1 次", mine.get(SHARE).text)
    assert mine.post(f"{path}/end", data={"csrf_token": csrf_of(mine, SHARE)}).status_code == 303
    assert bank.get(link).status_code == bank.get(f"{link}.proof").status_code == 410
    assert path not in mine.get(SHARE).text


def test_a_share_is_on_once_its_own_passkey_has_signed(mine, world, phone, app):
    begun = ask(mine)
    world.step()
    path = begun.headers["Location"]
    assert "Not signed yet" in mine.get(SHARE).text
    assert "/shared/" not in mine.get(path).text
    other = Authenticator(b"another")
    other.credential = phone.credential
    assert answer(mine, path, other).status_code == 422
    assert answer(mine, path, phone, challenge=b"x" * 32).status_code == 422
    assert answer(mine, path, phone, flags=0).status_code == 422
    for junk in ("", "{}", "[]", "[1]", '[{"signature":1}]'):
        form = {"csrf_token": csrf_of(mine, path), "answer": junk}
        assert mine.post(path, data=form).status_code == 422
    assert answer(mine, path, phone).status_code == 303
    link, _ = link_of(mine, path)
    assert app.test_client().get(link).status_code == 200


def test_what_cannot_be_shown_is_said_beside_its_field(mine, world, phone, score):
    for fields, words in (
        ({"at_least": str(score + 1)}, "Your score is not that high"),
        ({"at_least": "300"}, "from 301 to 850"),
        ({"at_least": "6x0"}, "from 301 to 850"),
        ({"audience": "nobody.example"}, "Choose a bank"),
    ):
        page = ask(mine, **fields)
        assert page.status_code == 422
        assert words in page.text
        assert "govuk-error-summary" in page.text
    exact = ask(mine, at_least=str(score))
    assert exact.status_code == 303
    mine.post(f"{exact.headers['Location']}/end", data={"csrf_token": csrf_of(mine, SHARE)})


def test_shares_belong_to_their_citizen(mine, world, phone, app):
    from app.services.citizens.links import create_link
    from tests.web.conftest import THIN

    path, _ = shared(mine, world, phone)
    other = app.test_client()
    assert other.get(SHARE).status_code == other.get(path).status_code == 403
    sign_in(other, create_link(world.bureau, THIN))
    assert other.get(path).status_code == 404
    assert other.post(f"{path}/end", data={"csrf_token": csrf_of(other, "/check")}).status_code == 404
    assert mine.get(path).status_code == 200
    page = other.get(SHARE)
    assert page.status_code == 200
    assert "You have no score yet" in page.text
    for name in ("", "x", "A" * 22):
        assert mine.get(f"{SHARE}/{name}").status_code == 404
        assert other.get(f"/shared/{name or 'y'}").status_code == 410


def test_a_share_is_sealed_and_its_token_is_kept_as_a_hash(mine, world, phone):
    _, link = shared(mine, world, phone)
    with world.bureau.transaction() as connection:
        rows = connection.execute("SELECT * FROM shares").fetchall()
    assert rows
    values = [
        bytes(each) if isinstance(each, memoryview) else str(each).encode() for row in rows for each in row
    ]
    assert b"650" not in values, "the claimed score is in no column of its own"
    for secret in (link.rpartition("/")[2], BANK, "at_least", phone.credential):
        for value in values:
            assert secret.encode() not in value


def test_a_share_ends_with_its_time(mine, world, phone, app):
    _, link = shared(mine, world, phone)
    with world.bureau.transaction() as connection:
        connection.execute("UPDATE shares SET expires_at = now() - interval '1 second'")
    assert app.test_client().get(link).status_code == 410
    assert "Not opened yet" not in mine.get(SHARE).text
