"""In a real browser: a bank signs for a letter, a regulator signs for an audit and looks at a file; every page fits and is accessible."""

from __future__ import annotations

import pytest

from tests.papers import needs_pdf
from tests.web.conftest import BANK, CITIZEN
from tests.web.test_browser import CHROMIUM, address, browser, judge, open_record, visit  # noqa: F401 - fixtures
from tests.web.test_regulator import REGULATOR, app, counted, world  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)


def take_seat(page, world, role, organisation):  # noqa: F811
    from app.services.organisations import seats

    seat = seats.find(world.bureau, organisation, role, "A. Chen") or seats.add(
        world.bureau, organisation, role, "A. Chen"
    )
    page.goto(f"/seat/open/{seats.create_link(world.bureau, seat.id)}")
    page.click("main button[type=submit]")
    page.wait_for_url("**/seat")


def key_file(world, name):  # noqa: F811
    return {"name": "my.key", "mimeType": "text/plain", "buffer": world.signers[name].encode().encode()}


@pytest.mark.parametrize(("language", "width"), [("en", "desktop"), ("zh", "phone")])
def test_r38_a_bank_signs_for_a_letter_and_the_citizen_reads_it(visit, world, client, language, width):  # noqa: F811
    answer = client.post("/v1/inquiries", data=world.inquiry(CITIZEN)).get_json()["answer"]
    page = visit(language, width)
    take_seat(page, world, "bank", BANK)
    page.goto("/bank/letters")
    judge(page, "letters-bank", language, width)
    page.set_input_files("#key", key_file(world, BANK) | {"buffer": b"no key"})
    page.click("#sign")
    page.wait_for_selector("#sign-error span[lang=en]")
    page.fill("#answer", "no answer")
    page.set_input_files("#key", key_file(world, BANK))
    page.click("#sign")
    page.wait_for_selector(".govuk-error-summary")
    judge(page, "letters-bank-error", language, width)
    page.fill("#answer", answer["id"])
    page.set_input_files("#key", key_file(world, REGULATOR))
    page.click("#sign")
    page.wait_for_selector(".govuk-error-summary")
    page.fill("#answer", answer["id"])
    page.set_input_files("#key", key_file(world, BANK))
    page.click("#sign")
    page.wait_for_url("**/bank/letters/*")
    judge(page, "letter-bank", language, width)
    said = page.locator("main ol").first.inner_text()
    citizen = visit(language, width)
    open_record(citizen, world)
    citizen.goto("/record/letters")
    judge(citizen, "letters", language, width)
    citizen.click("main li a[href^='/record/letters/']")
    judge(citizen, "letter", language, width)
    assert citizen.locator("main ol").first.inner_text() == said


@needs_pdf()
def test_r38_the_letter_is_taken_along_as_a_pdf(visit, world, client):  # noqa: F811
    from app.core.exchange.request_note import LetterNote

    answer = client.post("/v1/inquiries", data=world.inquiry(CITIZEN)).get_json()["answer"]
    note = LetterNote(world.bureau.origin, BANK, answer["id"], world.bureau.now()).sign(world.signers[BANK])
    assert client.post("/v1/letters", data=note).status_code == 201
    page = visit("zh", "phone", javascript=False)
    open_record(page, world)
    page.goto("/record/letters")
    page.click("main li a[href^='/record/letters/']")
    with page.expect_download() as download:
        page.click("a[href$='.pdf']")
    assert download.value.path().read_bytes().startswith(b"%PDF-1.7")


@pytest.mark.parametrize(("language", "width"), [("en", "phone"), ("zh", "desktop")])
def test_r21_a_regulator_audits_looks_and_reads(visit, world, counted, language, width):  # noqa: F811
    from app.services.organisations import audits
    from app.services.scoring import kept

    page = visit(language, width)
    page.goto("/transparency")
    judge(page, "transparency", language, width)
    take_seat(page, world, "regulator", REGULATOR)
    for name in ("regulator", "regulator/figures", "regulator/notices", "regulator/blocks", "regulator/look"):
        page.goto(f"/{name}")
        judge(page, name.replace("/", "-"), language, width)
    page.fill("#citizen", CITIZEN)
    page.fill("#case", "")
    page.click("main button[type=submit]")
    page.wait_for_selector(".govuk-error-summary")
    judge(page, "regulator-look-error", language, width)
    page.fill("#case", f"case-{language}")
    page.click("main button[type=submit]")
    page.wait_for_selector(".credence-event")
    judge(page, "regulator-file", language, width)
    page.goto("/regulator/audits")
    page.fill("#case", f"audit-{language}")
    page.set_input_files("#key", key_file(world, REGULATOR))
    page.click("#sign")
    page.wait_for_selector(f".credence-event :text('audit-{language}')")
    asked = audits.of(world.bureau, REGULATOR)[0]
    failed = {"failures": 2, "failed": "ProofError bad-root", "try_at": "2199-01-01T00:00:00Z"}
    kept.put(world.bureau, audits.KIND, asked.period, asked.body | failed)
    page.goto("/regulator/audits")
    judge(page, "regulator-audit-failed", language, width)
    page.click("form[action$='/again'] button")
    page.wait_for_url("**/regulator/audits")
    audits.run(world.bureau)
    page.goto("/regulator/audits")
    page.wait_for_selector(".govuk-tag--green")
    judge(page, "regulator-audits", language, width)
    world.step()
    citizen = visit(language, width)
    open_record(citizen, world)
    citizen.goto("/record/looks")
    assert f"case-{language}" in citizen.content()
    assert f"audit-{language}" in citizen.content()
    judge(citizen, "looks-audited", language, width)
