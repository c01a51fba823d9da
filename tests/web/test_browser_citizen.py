"""The journey of a citizen who looks, verifies, shares and leaves with everything, in a real browser with a virtual passkey.

On every page of it axe-core finds nothing and nothing is wider than a phone, in both languages.
"""

from __future__ import annotations

import email
import email.policy
import re
import subprocess
import sys

import pytest

from tests.web.conftest import BANK, ENROLMENT, LENDER
from tests.web.test_browser import CHROMIUM, WIDTHS, browser, judge, open_record, visit  # noqa: F401 - fixtures
from tests.web.test_browser_access import Phone, address  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)
CITIZENS = {"en": "uci:7201", "zh": "uci:7202"}


@pytest.fixture(scope="module")
def citizens(world):
    """Two citizens with nine good months, a consent, and a passkey to come."""
    from app.services.ledger.intake import admit

    card = {"account": "card-1", "currency": "TWD"}
    lines, consents = [], []
    for each in CITIZENS.values():
        opened = {"opened_on": world.day(400), "day": world.day(400), "class": "card"}
        lines.append(world.line(LENDER, "account_opened", each, **card, **opened))
        for ago in range(270, 0, -30):
            paid = {"account": "card-1", "status": "on_time", "paid": "full"}
            lines.append(world.line(LENDER, "status", each, day=world.day(ago), **paid))
        given = {"grantee": BANK, "purposes": ["credit_application"], "until": world.day(-9)}
        ground = {"basis": "research", "basis_ref": "p"}
        consents.append(world.line(ENROLMENT, "consent_given", each, **given, **ground))
    admit(world.bureau, world.batch(LENDER, lines))
    admit(world.bureau, world.batch(ENROLMENT, consents))
    world.step()
    return CITIZENS


def look_at(page, name, language):
    """Each page in both languages and at both widths, but not in all four ways: that is what the layout's own test does."""
    width = {"en": "phone", "zh": "desktop"}[language]
    page.set_viewport_size({"width": WIDTHS[width], "height": 800})
    judge(page, f"citizen-{name}", language, width)


def late(world, citizen):
    from app.services.ledger.intake import admit

    told = {"first_delinquent_on": world.day(50), "notified_on": world.day(20), "notified_by": "letter"}
    line = world.line(LENDER, "status", citizen, account="card-1", status="late_30", **told)
    admit(world.bureau, world.batch(LENDER, [line]))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_journey_of_a_citizen_who_looks_shares_and_leaves(visit, world, citizens, language, tmp_path):  # noqa: F811
    from app.services.banks.inquiries import inquire

    citizen, page = citizens[language], visit(language)
    Phone(page)
    open_record(page, world, citizen)
    page.goto("/record/security")
    page.click("form[data-passkey] button")
    page.wait_for_selector("#passkeys ~ ul .credence-event")
    world.step()
    page.goto("/record")
    look_at(page, "overview", language)

    # a look and a late report are news, and the way leads to the entry, which verifies
    inquire(world.bureau, world.inquiry(citizen))
    late(world, citizen)
    world.step()
    page.goto("/record")
    assert (
        page.inner_text(".credence-count").split()[0] == "4"
    )  # also the code, and the passkey on its ground
    page.click("nav a[href$='/record/alerts'], .govuk-service-navigation a[href='/record/alerts']")
    look_at(page, "news", language)
    page.click(".credence-news__item a[href*=looks]")
    page.wait_for_load_state()  # of half a page the last summary may be another's
    entry = page.locator(page.evaluate("location.hash"))
    entry.locator("summary").last.click()
    entry.locator("[data-verify]").last.click()
    entry.locator(".credence-verdict--good").wait_for()
    look_at(page, "look-verified", language)
    assert page.locator(".credence-count").count() == 0

    told_by_mail(page, world, language)
    shared(page, visit(language), visit(language, javascript=False), language, world)

    page.goto("/record/export")
    look_at(page, "export", language)
    with page.expect_download() as download:
        page.click("a[href$='export.zip']")
    path = tmp_path / "credence-export.zip"
    download.value.save_as(path)
    command = [sys.executable, "-m", "app.cli", "verify", str(path), "--citizen", citizen]
    verified = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"})
    assert verified.returncode == 0, verified.stdout + verified.stderr


def told_by_mail(page, world, language):
    """An address is given, confirmed, and written to."""
    page.goto("/record/alerts/mail")
    look_at(page, "mail", language)
    page.fill("#address", "nobody")
    page.click("main button[type=submit]")
    page.wait_for_selector(".govuk-error-summary")
    look_at(page, "mail-wrong", language)
    page.fill("#address", f"journey-{language}@example.org")
    page.click("main button[type=submit]")
    page.wait_for_selector("#code")
    look_at(page, "mail-code", language)
    texts = (path.read_text() for path in (world.bureau.home.path / "mail").glob("*.eml"))
    (letter,) = (text for text in texts if f"To: journey-{language}@" in text)
    said = email.message_from_string(letter, policy=email.policy.default).get_content()
    page.fill("#code", re.search(r"\d{6}", said)[0])
    page.keyboard.press("Enter")
    page.wait_for_selector(".govuk-button--warning")
    look_at(page, "mail-confirmed", language)


def shared(page, bank, plain, language, world):
    """A range goes to a bank, by a link; the bank's browser checks it, or the server for who has no JavaScript."""
    page.goto("/record/share")
    look_at(page, "share", language)
    page.select_option("#audience", BANK)
    page.fill("#at_least", "849")
    page.click("main form button[type=submit]")
    page.wait_for_selector(".govuk-error-summary")
    look_at(page, "share-wrong", language)
    page.fill("#at_least", "401")
    page.click("main form button[type=submit]")
    page.wait_for_url("**/record/share/*")
    world.step()
    page.goto(page.url)
    look_at(page, "share-sign", language)
    page.click("form[data-passkey] button")
    page.wait_for_selector(".credence-qr")
    look_at(page, "share-link", language)
    link = page.get_attribute(".credence-code a", "href")
    bank.goto(link)
    bank.wait_for_selector("[data-local=done].credence-panel--good")
    look_at(bank, "shared", language)
    plain.goto(link)
    for seen in (bank, plain):
        assert "401" in seen.inner_text("[data-part=proved]")
        assert seen.locator("[data-part=proved] li").count() >= 3
    page.goto("/record/share")
    look_at(page, "shares", language)
    page.click("form[action$=end] button")
    page.wait_for_url("**/record/share")
    assert bank.goto(link).status == 410


def test_sharing_and_exporting_pages_work_without_javascript(visit, world, citizens):  # noqa: F811
    page = visit(javascript=False)
    open_record(page, world, CITIZENS["en"])
    for path in ("/record/events", "/record/looks", "/record/alerts", "/record/share", "/record/export"):
        assert page.goto(path).status == 200
        assert page.locator("h1").inner_text()
        assert page.locator("[data-verify]:visible").count() == 0
