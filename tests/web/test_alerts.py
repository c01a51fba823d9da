"""News on the citizen's pages: the number in the bar, the page that reads it, and the mail."""

from __future__ import annotations

import email
import email.policy
import re
from zlib import crc32

import pytest

from tests.web.conftest import LENDER
from tests.web.test_errors import csrf_of
from tests.web.test_pages import LANGUAGES, sign_in

MAIL = "/record/alerts/mail"


@pytest.fixture
def citizen(world, request):
    """Somebody of this test alone, with a bank's consent."""
    from app.services.ledger.intake import admit
    from tests.web.conftest import BANK, ENROLMENT

    name = f"uci:{70_000 + crc32(request.node.name.encode()) % 9_000}"
    given = {"grantee": BANK, "purposes": ["credit_application"], "until": world.day(-9)}
    admit(
        world.bureau, world.batch(LENDER, [world.line(LENDER, "status", name, account="c", status="on_time")])
    )
    consent = world.line(ENROLMENT, "consent_given", name, **given, basis="research", basis_ref="p")
    admit(world.bureau, world.batch(ENROLMENT, [consent]))
    world.step()
    return name


@pytest.fixture
def mine(client, world, citizen):
    """The client of that citizen, signed in and with everything read."""
    from app.services.citizens.links import create_link

    sign_in(client, create_link(world.bureau, citizen))
    world.step()
    assert "credence-count" not in client.get("/record").text
    return client


def report_late(world, citizen):
    from app.services.ledger.intake import admit

    late = {"account": "c", "status": "late_90", "first_delinquent_on": world.day(99)}
    told = {"notified_on": world.day(20), "notified_by": "letter"}
    admit(world.bureau, world.batch(LENDER, [world.line(LENDER, "status", citizen, **late, **told)]))
    world.step()


@pytest.mark.parametrize("language", LANGUAGES)
def test_r16_a_look_and_a_bad_entry_are_counted_until_they_are_read(mine, world, citizen, language):
    from app.services.banks.inquiries import inquire

    mine.set_cookie("lang", language)
    inquire(world.bureau, world.inquiry(citizen))
    report_late(world, citizen)
    for path in ("/record", "/record/looks", "/record/events"):
        assert re.search(r'credence-count">2<', mine.get(path).text), path
    overview = mine.get("/record").text
    for way in re.findall(r'href="(/record/[a-z]+\?entry=\d+)#(entry-\d+)"', overview):
        assert f'id="{way[1]}"' in mine.get(way[0]).text
    assert overview.count("credence-news__item") == 3, "these two, and that the record was opened with a code"
    assert ("opened with a code" if language == "en" else "发放的登记码打开了您的档案") in overview
    page = mine.get("/record/alerts").text
    assert ("bank.example looked at your file" if language == "en" else "bank.example 查看了您的档案") in page
    assert "credence-count" not in page
    assert "credence-count" not in mine.get("/record").text
    assert page.count("govuk-tag--blue") == 2
    assert "govuk-tag--blue" not in mine.get("/record/alerts").text


@pytest.mark.parametrize(("language", "tell"), [("en", "Tell the bureau"), ("zh", "告知征信机构")])
def test_where_somebody_is_to_tell_us_there_is_a_way_to(mine, language, tell):
    """The record was opened with a code from paper: the link leads to a case about just that."""
    mine.set_cookie("lang", language)
    for path in ("/record", "/record/alerts"):
        ((address, text),) = re.findall(
            r'href="([^"]*)"[^>]*>([^<]*)<span class="govuk-visually-hidden">: ', mine.get(path).text
        )
        assert text == tell
        form = mine.get(address).text
        assert re.search(r'value="look"[^>]* checked', form)
        assert 'href="#' not in form.partition("<main")[2], "nothing was sent yet, so nothing is refused"


def post(client, **fields):
    return client.post(MAIL, data={"csrf_token": csrf_of(client, MAIL), **fields})


@pytest.mark.parametrize("language", LANGUAGES)
def test_mail_goes_to_an_address_that_its_owner_confirmed(mine, world, citizen, language):
    from app.services.citizens import mail, mailing

    mine.set_cookie("lang", language)
    folder = world.bureau.home.path / "mail"
    assert post(mine, action="ask", address="me at example").status_code == 422
    assert post(mine, action="confirm", code="123456").status_code == 422
    assert post(mine, action="ask", address=f"{language}@example.org").status_code == 303
    page = mine.get(MAIL)
    assert f"{language}@example.org" in page.text
    letters = [path.read_text() for path in folder.glob("*.eml")]
    (letter,) = (each for each in letters if f"To: {language}@example.org" in each)
    text = email.message_from_string(letter, policy=email.policy.default).get_content()
    code = re.search(r"\d{6}", text)[0]
    assert post(mine, action="confirm", code="x").status_code == 422
    assert post(mine, action="ask", address="you@example.org").status_code == 422  # so soon
    assert post(mine, action="confirm", code=f" {code} ").status_code == 303
    report_late(world, citizen)
    assert mailing.send_due(world.bureau, mail.from_environment(world.bureau.home.path)) == 1
    assert post(mine, action="end").status_code == 303
    assert f"{language}@example.org" not in mine.get(MAIL).text


def test_news_belongs_to_its_session(app):
    for path in ("/record/alerts", MAIL):
        assert app.test_client().get(path).status_code == 403
