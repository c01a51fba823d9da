"""The journey of a citizen with a wrong entry, in a real browser: dispute it with evidence, see it corrected and the new score;
then erase what rests on consent, and an old proof still holds. On every page axe-core finds nothing, in both languages.
"""

from __future__ import annotations

import pytest

from tests.web.conftest import ENROLMENT, LENDER
from tests.web.test_browser import CHROMIUM, WIDTHS, browser, judge, visit  # noqa: F401 - fixtures
from tests.web.test_browser_access import Phone, address, sign  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)
CITIZENS = {"en": "uci:7301", "zh": "uci:7302"}
GO_ON = "main form.credence-measure button.govuk-button:last-of-type"
LATE_AGO = 35


@pytest.fixture(scope="module")
def citizens(world):
    """Two citizens with a card of ten months, late once."""
    from app.services.ledger.intake import admit

    for citizen in CITIZENS.values():
        card = {"account": "card-1", "currency": "TWD", "class": "card"}
        opened = {"day": world.day(400), "opened_on": world.day(400), **card}
        lines = [world.line(LENDER, "account_opened", citizen, **opened)]
        for ago in range(5, 305, 30):
            what = {"status": "on_time"} if ago != LATE_AGO else late(world)
            lines.append(world.line(LENDER, "status", citizen, account="card-1", day=world.day(ago), **what))
        admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    return CITIZENS


def late(world):
    return {
        "status": "late_60", "first_delinquent_on": world.day(100), "notified_on": world.day(LATE_AGO),
        "notified_by": "letter",
    }  # fmt: skip


def look_at(page, name, language):
    for width in WIDTHS if language == "zh" else ["phone"]:
        page.set_viewport_size({"width": WIDTHS[width], "height": 800})
        judge(page, f"repair-{name}", language, width)


def score_of(page):
    page.goto("/record")
    return int(page.locator(".credence-score").first.inner_text().split()[0])


def enrolled(visit, world, citizen, language):  # noqa: F811
    """A page of somebody who is signed in and has a passkey."""
    from app.services.citizens.enrolment import issue_code

    page = visit(language)
    Phone(page)
    page.goto("/enrol")
    page.fill("#code", issue_code(world.bureau, citizen, "form-1"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/record/security")
    page.click("form[data-passkey] button")
    page.wait_for_selector("#passkeys ~ ul .credence-event")
    world.step()
    return page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_journey_of_a_wrong_entry(visit, world, citizens, address, language, tmp_path):  # noqa: F811, PLR0917
    citizen = citizens[language]
    page = enrolled(visit, world, citizen, language)
    before = score_of(page)
    page.goto("/record/events?show=negative")
    page.click(".credence-wrong a")
    page.wait_for_url("**/record/disputes/new/*")
    begin = page.url
    item = int(begin.rsplit("/", 1)[1])
    page.click(GO_ON)
    look_at(page, "ground-wrong", language)
    page.check("input[value=wrong_status]")
    page.click(GO_ON)
    look_at(page, "words", language)
    page.fill("#text", "我已按时还款。I paid on time.")
    page.click(GO_ON)
    page.set_input_files("#file", {"name": "bad.exe", "mimeType": "x/x", "buffer": b"MZ\0"})
    page.click("button[name=add]")
    look_at(page, "evidence-wrong", language)
    page.set_input_files("#file", {"name": "statement.txt", "mimeType": "x/x", "buffer": b"paid on the 3rd"})
    page.click("button[name=add]")
    page.wait_for_selector("button[name=remove]")
    look_at(page, "evidence", language)
    page.click(GO_ON)
    page.wait_for_url("**/check")
    look_at(page, "check", language)
    page.click("main form button.govuk-button >> nth=0")
    sign(page, "sign-dispute", language)
    page.wait_for_url("**/done")
    look_at(page, "done", language)
    world.step()
    assert score_of(page) > before, "while it is checked it does not count"
    page.goto("/record/disputes")
    look_at(page, "disputes-open", language)
    answer(world, citizen, item)
    page.goto("/record/disputes")
    look_at(page, "disputes", language)
    assert page.locator(".govuk-tag--green").count() == 1
    assert score_of(page) > before
    page.goto("/record/statements")
    page.fill("#text", "Thank you.")
    look_at(page, "statements", language)
    page.click(GO_ON)
    sign(page, "sign-statement", language)
    page.wait_for_url("**/record/statements")
    assert page.locator(".credence-written").count() == 1
    erase(page, world, citizen, language, tmp_path)


def answer(world, citizen, item):
    """The furnisher's: the citizen was right."""
    from app.services.ledger.intake import admit

    fields = {"account": "card-1", "day": world.day(LATE_AGO), "status": "on_time"}
    about = {
        "target": item,
        "outcome": "corrected",
        "reason": "The payment had been booked to another account.",
    }
    lines = [
        world.line(LENDER, "correction", citizen, target=item, fields=fields, day=fields["day"]),
        world.line(LENDER, "dispute_closed", citizen, **about),
    ]
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()


def erase(page, world, citizen, language, tmp_path):
    from app.services.citizens import erasure
    from app.services.ledger.intake import admit

    page.goto("/record")
    with page.expect_download() as download:
        page.click("a[href$='score.proof'] >> nth=0")
    download.value.save_as(tmp_path / "old.proof")
    page.goto("/record/erase")
    page.click(GO_ON)
    look_at(page, "erase-wrong", language)
    page.check("input[name=sure]")
    page.click(GO_ON)
    sign(page, "sign-erase", language)
    page.wait_for_url("**/record/erase")
    world.step()
    page.reload()
    look_at(page, "erase-asked", language)
    page.click("main form[action$=stop] button")
    sign(page, "sign-stop", language)
    page.wait_for_url("**/record/erase")
    world.step()
    paper = {"scope": "consent_based", "basis": "research", "basis_ref": "p-40", "day": world.day(8)}
    admit(world.bureau, world.batch(ENROLMENT, [world.line(ENROLMENT, "erasure", citizen, **paper)]))
    world.step()
    assert erasure.carry_out(world.bureau)
    for _ in range(3):
        world.step()
    page.goto("/record/erase")
    look_at(page, "erased", language)
    page.goto("/record/events")
    look_at(page, "events-erased", language)
    assert "card-1" not in page.locator("main").inner_text(), (
        "the late report was wrong, so nothing of the card stays"
    )
    page.goto("/check")
    page.set_input_files("input[type=file]", tmp_path / "old.proof")
    page.click("main button[type=submit]")
    page.wait_for_selector(".credence-panel--good")
