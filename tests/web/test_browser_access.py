"""The journey of a citizen with a passkey, in a real browser with a virtual authenticator: enrol, sign in, consent, freeze, sessions.

On every page of it axe-core finds nothing and nothing is wider than a phone, in both languages.
"""

from __future__ import annotations

import threading

import pytest
import requests

from tests.web.conftest import BANK, LENDER
from tests.web.test_browser import CHROMIUM, WIDTHS, browser, judge, visit  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)
CITIZENS = {"en": "uci:7101", "zh": "uci:7102"}


@pytest.fixture(scope="module")
def address(app, world):
    """The application at a name, for which passkeys can be: no browser makes one for a number."""
    from werkzeug.serving import make_server

    from app.services.address import Address

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    before, world.bureau.address = (
        world.bureau.address,
        Address.parse(f"http://localhost:{server.server_port}"),
    )
    yield world.bureau.address.origin
    world.bureau.address = before
    server.shutdown()
    thread.join(5)


@pytest.fixture(scope="module")
def citizens(world):
    """Two citizens with a card and nothing else."""
    from app.services.ledger.intake import admit

    card = {"account": "card-1", "currency": "TWD", "class": "card"}
    days = {"day": world.day(400), "opened_on": world.day(400)}
    lines = [world.line(LENDER, "account_opened", each, **days, **card) for each in CITIZENS.values()]
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    return CITIZENS


class Phone:
    """The browser's own authenticator, which the test holds."""

    def __init__(self, page):
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def refuse(self, refuses):
        """Whether its user shows no finger."""
        self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": not refuses})

    def credentials(self):
        return self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]


def look_at(page, name, language):
    """At both widths."""
    for width in WIDTHS:
        page.set_viewport_size({"width": WIDTHS[width], "height": 800})
        judge(page, f"access-{name}", language, width)


def sign(page, name, language):
    """On the page that `web.citizens.signing.ask` leads to."""
    page.wait_for_url("**/record/sign/*")
    look_at(page, name, language)
    page.click("form[data-passkey] button")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_journey_of_a_citizen_with_a_passkey(visit, world, citizens, address, language):  # noqa: F811
    from app.services.citizens.enrolment import issue_code

    citizen = citizens[language]
    page = visit(language)
    phone = Phone(page)

    def inquire():
        return requests.post(f"{address}/v1/inquiries", data=world.inquiry(citizen), timeout=30).status_code

    # enrolment
    page.goto("/enrol")
    look_at(page, "enrol", language)
    page.fill("#code", "0000-0000-0000-0000")
    page.click("main button[type=submit]")
    page.wait_for_selector(".govuk-error-summary")
    look_at(page, "enrol-wrong", language)
    page.fill("#code", issue_code(world.bureau, citizen, "form-17").lower())
    page.keyboard.press("Enter")
    page.wait_for_url("**/record/security")
    look_at(page, "security-new", language)
    phone.refuse(True)
    page.click("form[data-passkey] button")
    page.wait_for_selector("[data-says=cancelled]:focus")
    look_at(page, "security-cancelled", language)
    phone.refuse(False)
    page.click("form[data-passkey] button")
    page.wait_for_selector("#passkeys ~ ul .credence-event")
    (made,) = phone.credentials()
    assert made["isResidentCredential"]
    look_at(page, "security", language)

    # the passkey alone
    page.click(".credence-sign-out button")
    page.wait_for_url(f"{address}/")
    page.goto("/sign-in")
    look_at(page, "sign-in", language)
    page.click("form[data-passkey] button")
    page.wait_for_url("**/record")

    # consent
    assert inquire() == 403
    page.goto("/record/consents")
    look_at(page, "consents-none", language)
    page.click("main a.govuk-button")
    page.wait_for_url("**/record/consents/new")
    look_at(page, "consent-new", language)
    page.click("main form.credence-measure button[type=submit]")
    page.wait_for_selector(".govuk-error-summary")
    look_at(page, "consent-wrong", language)
    page.select_option("#grantee", BANK)
    page.check("input[value=credit_application]")
    page.click("main form.credence-measure button[type=submit]")
    sign(page, "sign-consent", language)
    page.wait_for_url("**/record/consents")
    look_at(page, "consents", language)
    assert inquire() == 200

    # limit: two events, two signatures, one click
    page.click("a[href$=limit]")
    look_at(page, "consent-limit", language)
    page.check("input[value=other]")
    page.fill("#last", world.day(-9))
    page.click("main form.credence-measure button[type=submit]")
    sign(page, "sign-limit", language)
    page.wait_for_url("**/record/consents")
    assert inquire() == 200

    # freeze and thaw
    page.goto("/record/freeze")
    look_at(page, "not-frozen", language)
    page.click("main form[action$=freeze] button")
    sign(page, "sign-freeze", language)
    page.wait_for_url("**/record/freeze")
    look_at(page, "frozen", language)
    assert inquire() == 423
    page.click("main form[action$=thaw] button")
    sign(page, "sign-thaw", language)
    page.wait_for_url("**/record/freeze")
    assert inquire() == 200

    # sessions: another browser, ended from here
    other = visit(language)
    other.goto(f"/open/{issue_code(world.bureau, citizen, 'form-18')}")
    other.click("main button[type=submit]")
    other.wait_for_url("**/record")
    page.goto("/record/security")
    assert page.locator("#sessions ~ ul .credence-event").count() == 2
    look_at(page, "sessions", language)
    page.click("form[action*=sessions] button")
    page.wait_for_url("**/record/security")
    assert page.locator("#sessions ~ ul .credence-event").count() == 1
    assert other.goto("/record").status == 403


def test_without_javascript_it_is_said_what_is_needed(visit, address):  # noqa: F811
    page = visit(javascript=False)
    page.goto("/sign-in")
    assert page.locator("noscript").first.inner_text() or "JavaScript" in page.content()
    page.goto(address.replace("localhost", "127.0.0.1") + "/sign-in")
    assert address in page.locator(".govuk-inset-text").inner_text()
