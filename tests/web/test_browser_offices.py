"""One journey of the bureau's staff and a furnisher in a real browser: a citizen asks for a person, a clerk looks and splits the
file, the furnisher signs in its browser with its key file, two officers let a key in. axe-core finds nothing on any page of it, and
nothing is wider than a phone, in both languages.
"""

from __future__ import annotations

import os

import pytest

from app.core.log.note import Signer
from app.core.log.notices import possession_text
from tests.web.conftest import LENDER, UTILITY
from tests.web.test_browser import CHROMIUM, WIDTHS, address, browser, judge, open_record, visit  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)
LANG = {"en": "en", "zh": "zh-Hans"}
PEOPLE = {"en": ("uci:8101", "uci:8102"), "zh": ("uci:8201", "uci:8202")}


@pytest.fixture(scope="module")
def mixed(world):
    """For each language a citizen in whose file somebody else's late month stands."""
    from app.services.ledger.intake import admit

    told = {"notified_on": world.day(20), "notified_by": "letter", "first_delinquent_on": world.day(60)}
    lines = []
    for citizen, _ in PEOPLE.values():
        lines.append(world.line(LENDER, "payment", citizen, account="mine", currency="TWD", amount_minor=500))
        lines.append(
            world.line(
                LENDER, "status", citizen, day=world.day(30), account="other", status="late_30", **told
            )
        )
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    return PEOPLE


def look_at(page, name, language):
    """On a phone, with everything unfolded; on a desktop too for who wants pictures, as every look costs half a second."""
    for summary in page.locator("main summary").all():
        summary.click()
    for width in WIDTHS if os.environ.get("CREDENCE_SHOTS") else ("phone",):
        page.set_viewport_size({"width": WIDTHS[width], "height": 800})
        judge(page, f"office-{name}", language, width)


def own_late(world, citizen):
    """The log index of the late month of a citizen."""
    from app.services.ledger import history

    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [citizen])[citizen]
        return next(index for index, event in history.whole_history(connection, person) if event.negative)


def sit(page, world, role, organisation="bureau", label="A. Chen"):
    """Take a seat through its link."""
    from app.services.organisations import seats

    seat = seats.find(world.bureau, organisation, role, label) or seats.add(
        world.bureau, organisation, role, label
    )
    page.goto(f"/seat/open/{seats.create_link(world.bureau, seat.id)}")
    page.click("main button[type=submit]")
    page.wait_for_url("**/seat")


def press(page, action):
    """The button of the form that goes there."""
    page.click(f"main form[action$='{action}'] button[type=submit]")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_case_a_mixed_file_and_a_key(visit, world, mixed, tmp_path, language):  # noqa: F811
    citizen, other = mixed[language]
    own, clerk, lender = (visit(language) for _ in range(3))
    open_record(own, world, citizen)
    own.goto("/record/cases")
    press(own, "/record/cases")
    own.wait_for_selector(".govuk-error-summary")
    look_at(own, "case-refused", language)
    own.check("input[value=mixed]")
    own.fill("#text", "One of these is not mine.\n我没有这笔贷款。")
    press(own, "/record/cases")
    own.wait_for_selector(".credence-event")
    look_at(own, "cases", language)

    sit(clerk, world, "clerk")
    look_at(clerk, "seat", language)
    clerk.goto("/staff")
    look_at(clerk, "queue", language)
    clerk.locator("main .credence-events").first.locator("a").last.click()
    press(clerk, "/take")
    look_at(clerk, "case", language)
    press(clerk, "/look")
    clerk.wait_for_url("**/record")
    look_at(clerk, "record", language)
    clerk.click("main a[href$='/split']")
    clerk.wait_for_load_state()
    clerk.locator("main .govuk-checkboxes__input").last.check()
    clerk.fill("#other", other)
    look_at(clerk, "split", language)
    clerk.locator("main form button[type=submit]").click()
    clerk.wait_for_selector("#text")
    for path in (
        "/staff/codes",
        "/staff/paper",
        *(f"/staff/paper?kind={kind}" for kind in ("consent_given", "dispute_opened", "thaw")),
    ):
        clerk.goto(path)
        look_at(clerk, path.replace("/", "-").replace("?", "-"), language)

    key = tmp_path / "lender.key"
    key.write_text(f"{world.signers[LENDER].encode()}\n")
    sit(lender, world, "furnisher", LENDER)
    lender.goto("/furnisher")
    look_at(lender, "furnisher", language)
    for path in ("/furnisher/batches", "/furnisher/disputes", "/furnisher/entries", "/furnisher/quality"):
        lender.goto(path)
        look_at(lender, path.replace("/", "-"), language)
    lender.goto("/furnisher/orders")
    lender.locator("main .credence-event a").first.click()
    lender.fill("#notified_on", world.day(2))
    look_at(lender, "order", language)
    lender.locator("main form button[type=submit]").click()
    lender.wait_for_selector("#sign:not([hidden])")
    look_at(lender, "sign", language)
    for data, spoken in ((world.signers[UTILITY].encode().encode(), LANG[language]), (b"no key", "en")):
        lender.set_input_files("#key", {"name": "my.key", "mimeType": "text/plain", "buffer": data})
        lender.evaluate(
            "document.getElementById('sign').requestSubmit()"
        )  # a second click at once is not heard
        lender.wait_for_selector(f"#sign-problem[lang={spoken}]:not(:empty)")
    lender.set_input_files("#key", key)
    lender.click("#sign button[type=submit]")
    lender.wait_for_url("**/furnisher/receipts/*")
    look_at(lender, "receipt", language)
    world.step()

    clerk.goto("/staff")
    clerk.locator("main .credence-events").first.locator("a").last.click()
    clerk.fill("#text", "It was somebody else's; its lender has put it right.")
    press(clerk, "/answer")
    look_at(clerk, "answered", language)
    own.goto("/record/cases")
    own.wait_for_selector(".govuk-inset-text")
    own.goto("/record/looks")
    assert "case-" in own.inner_text("main")

    lender.goto(f"/furnisher/entries/{own_late(world, other)}")
    assert not lender.is_visible("#reason")
    look_at(lender, "entry", language)
    lender.check("input[value=retract]")
    lender.wait_for_selector("#reason")
    assert not lender.is_visible("#field-status")
    lender.check("input[value=correct]")
    lender.wait_for_selector("#field-status")
    look_at(lender, "entry-correct", language)
    _officers(visit, world, language, citizen)


def _officers(visit, world, language, citizen):  # noqa: F811
    """A key, and an erasure on paper, are proposed by one and approved by another."""
    first, second = visit(language), visit(language)
    applicant = Signer.generate_from_seed(f"bank-{language}.example", bytes(range(32)))
    text = possession_text(world.bureau.origin, applicant.name, "bank", applicant.verifier.encode())
    sit(first, world, "officer")
    first.goto("/staff/approvals/new/key_registration")
    first.check("input[value=bank]")
    first.fill("#possession", applicant.sign(text).decode())
    look_at(first, "propose", language)
    first.locator("main form button[type=submit]").click()
    first.wait_for_selector(".credence-hash")
    look_at(first, "proposed", language)
    sit(second, world, "officer", label="B. Wang")
    second.goto(first.url)
    press(second, "/approve")
    second.wait_for_load_state()
    assert second.locator("main form[action$='/approve']").count() == 0
    for path in ("", "/new/key_revocation", "/new/scorecard", "/new/erasure"):
        second.goto(f"/staff/approvals{path}")
        look_at(second, f"approvals{path.replace('/', '-')}", language)
    first.goto("/staff/approvals/new/erasure")
    first.fill("#identifier", citizen)
    first.fill("#ref", f"form-{language}")
    first.locator("main form button[type=submit]").click()
    first.wait_for_selector(".credence-hash")
    second.goto(first.url)
    second.fill("#identifier", citizen[:-1])
    second.click("main button[formaction$='/look']")
    second.wait_for_selector(".govuk-error-summary")
    look_at(second, "erasure-other", language)
    second.fill("#identifier", citizen)
    second.click("main button[formaction$='/look']")
    second.wait_for_selector("main h2:not(.govuk-error-summary__title)")
    look_at(second, "erasure-preview", language)
    second.locator("main form[action$='/approve'] button[type=submit]").last.click()
    second.wait_for_url(first.url)
    second.wait_for_load_state()
    assert second.locator("main form[action$='/approve']").count() == 0
    for path in ("/staff/applications", "/staff/journal"):
        second.goto(path)
        look_at(second, path.replace("/", "-"), language)
    with world.bureau.transaction() as connection:
        assert [record.role for record in world.bureau.register(connection).current(applicant.name)] == [
            "bank"
        ]


def test_without_a_seat_the_page_says_what_to_do(visit):  # noqa: F811
    page = visit("zh")
    page.goto("/staff")
    look_at(page, "nobody", "zh")
    page.goto("/seat/open/x")
    look_at(page, "open", "zh")


def test_without_javascript_a_furnisher_still_reports(visit, world, mixed):  # noqa: F811
    page = visit(javascript=False)
    sit(page, world, "furnisher", LENDER, "No script")
    page.goto("/furnisher/batches")
    assert not page.is_visible("#sign")
    line = world.line(LENDER, "payment", mixed["en"][0], account="mine", currency="TWD", amount_minor=5)
    batch = {"name": "x.batch", "mimeType": "text/plain", "buffer": world.batch(LENDER, [line])}
    page.set_input_files("#batch", batch)
    page.click("#send button[type=submit]")
    page.wait_for_url("**/furnisher/receipts/*")
