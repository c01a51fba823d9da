"""The pages in a real browser: axe-core on every page in both languages on a phone and on a desktop, keyboard, no JavaScript, print.

Set CREDENCE_SHOTS to a folder to get a picture of every page. Without Chromium the tests are skipped and say so.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from tests.web import signing, verifier
from tests.web.conftest import CITIZEN, THIN

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What is loaded and missing is looked at by status; passkeys with RSA keys are not taken, which the browser deplores.
HARMLESS = ("Failed to load resource", "pubKeyCredParams is missing")
WIDTHS = {"phone": 360, "desktop": 1280}
SHOT_HEIGHT_MAX = 2400

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)


@pytest.fixture(scope="module")
def address(app):
    """The application on a port of the loopback."""
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, address, app):
    """visit(language=..., width=..., javascript=...) -> a page of a fresh visitor; whatever the browser complains about fails the test."""
    from app.web.limits import limiter

    with app.app_context():
        limiter.reset()
    contexts, complaints = [], []

    def new(language="en", width="desktop", *, javascript=True, **more):
        context = browser.new_context(
            viewport={"width": WIDTHS[width], "height": 800},
            base_url=address,
            java_script_enabled=javascript,
            **more,
        )
        context.add_cookies([{"name": "lang", "value": language, "url": address}])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if not any(each in message.text for each in HARMLESS)
                else None
            ),
        )
        return page

    yield new
    for context in contexts:
        context.close()
    assert not complaints


def open_record(page, world, citizen=CITIZEN):
    from app.services.citizens.links import create_link

    page.goto(f"/open/{create_link(world.bureau, citizen)}")
    page.click("main button[type=submit]")
    page.wait_for_url("**/record")


def proof_file(world, tmp_path):
    from app.services.proving.proofs import score_proof

    path = tmp_path / "score.proof"
    path.write_bytes(score_proof(world.bureau, 1))
    return path


def judge(page, name, language, width):
    """No violation that axe knows, nothing wider than the screen, a picture if one is wanted."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state()  # a click waits only for the answer to begin
    folder = os.environ.get("CREDENCE_SHOTS")
    if folder:
        height = min(SHOT_HEIGHT_MAX, page.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": WIDTHS[width], "height": height}
        page.screenshot(path=f"{folder}/{name}-{language}-{width}.png", full_page=True, clip=clip)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert not [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found], name
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width], name
    assert page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_page_is_accessible(visit, world, tmp_path, language, width):
    page = visit(language, width)
    for name, path in (
        ("home", "/"),
        ("problems", "/problems"),
        ("check", "/check"),
        ("open", "/open/x"),
        ("404", "/nope"),
        ("403", "/record"),
    ):
        page.goto(path)
        for summary in page.locator("summary").all():
            summary.click()
        judge(page, name, language, width)
    page.goto("/open/never-was")
    page.click("main button[type=submit]")
    judge(page, "410", language, width)
    page.goto("/check")
    page.click("main button[type=submit]")
    page.wait_for_selector(".govuk-error-summary")
    judge(page, "check-error", language, width)
    for name, data in (("check-bad", b"{}"), ("check-good", proof_file(world, tmp_path).read_bytes())):
        page.goto("/check")
        page.set_input_files(
            "input[type=file]", {"name": "score.proof", "mimeType": "application/json", "buffer": data}
        )
        page.click("main button[type=submit]")
        page.wait_for_selector(".credence-panel--good" if name == "check-good" else ".govuk-error-summary")
        judge(page, name, language, width)
    open_record(page, world)
    judge(page, "record", language, width)
    page.goto("/record/events")
    page.locator(".credence-event summary").first.click()
    judge(page, "events", language, width)
    page.goto("/record/events?page=2")
    judge(page, "events-2", language, width)
    page.goto("/record/looks")
    page.locator(".credence-event summary").first.click()
    judge(page, "looks", language, width)
    open_record(page, world, THIN)
    judge(page, "record-thin", language, width)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_trying_what_would_change_a_score(visit, world, debtor, language, width):
    """From the advice in the record to an answer, a mistake and another answer."""
    page = visit(language, width)
    open_record(page, world, debtor)
    assert page.locator(".credence-advice").count() >= 2
    judge(page, "record-advice", language, width)
    page.click("section[aria-labelledby=reasons] a")
    page.wait_for_url("**/record/what-if")
    judge(page, "what-if", language, width)
    page.fill("#pay_amount", "9,999,999")
    page.click("button[value=pay]")
    page.wait_for_function("document.activeElement.className == 'govuk-error-summary'")
    judge(page, "what-if-error", language, width)
    page.click(".govuk-error-summary a")
    assert page.evaluate("document.activeElement.id") == "pay_amount"
    assert page.input_value("#pay_amount") == "9,999,999"
    page.fill("#pay_amount", "3,913.00")
    page.keyboard.press("Enter")
    page.wait_for_selector(".credence-panel .credence-score")
    judge(page, "what-if-answer", language, width)
    assert page.url.endswith("/record/what-if")
    page.click("button[value=miss]")
    page.wait_for_selector(".credence-panel .credence-score")
    page.click(".govuk-back-link")
    page.wait_for_url("**/record")
    open_record(page, world, THIN)
    page.click("section[aria-labelledby=score] a[href$=what-if]")
    judge(page, "what-if-thin", language, width)


def test_trying_works_without_javascript(visit, world, debtor):
    page = visit(javascript=False)
    open_record(page, world, debtor)
    page.goto("/record/what-if")
    page.fill("#months", "12")
    page.click("button[value=on_time]")
    assert "→" in page.inner_text(".credence-score")


def test_the_keyboard_reaches_the_content_first(visit):
    page = visit()
    page.goto("/check")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("govuk-skip-link")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main-content"


def test_the_language_switch_keeps_the_page(visit):
    page = visit("en", "phone")
    page.goto("/check")
    page.click("button[value=zh]")
    assert page.url.endswith("/check")
    assert page.inner_text("h1") == "核验证明"
    page.click("button[value=en]")
    assert page.inner_text("h1") == "Check a proof"


def drop(page, text):
    transfer = page.evaluate_handle(
        "(text) => { const t = new DataTransfer(); t.items.add(new File([text], 'score.proof')); return t; }",
        text,
    )
    page.dispatch_event(".govuk-file-upload-button", "drop", {"dataTransfer": transfer})


def ready_and_cut_off(page):
    """The check page once it has its verifier, without a network from then on; gives the list of what it asks for all the same."""
    page.goto("/check")
    page.wait_for_selector("form[data-local=ready]")
    page.context.set_offline(True)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_a_dropped_file_is_checked_without_a_network(visit, world, tmp_path, language, width):
    page = visit(language, width)
    asked = ready_and_cut_off(page)
    text = proof_file(world, tmp_path).read_text()
    drop(page, text)
    page.fill("#identifier", CITIZEN)
    page.click("main button[type=submit]")
    page.wait_for_selector("#answer .credence-panel--good")
    local = {"en": "Checked in this browser; nothing was sent.", "zh": "已在此浏览器中核验，未发送任何内容。"}
    assert local[language] in page.inner_text("#answer")
    assert page.evaluate("document.activeElement.className").startswith("credence-panel")
    judge(page, "check-local-good", language, width)
    for name, identifier, changed in (
        ("score", CITIZEN, text.replace('"disputed":0', '"disputed":1')),
        ("citizen", "uci:4711", text),
        ("bytes", "", "{"),
    ):
        drop(page, changed)
        page.fill("#identifier", identifier)
        page.click("main button[type=submit]")
        page.wait_for_selector("#answer .govuk-error-summary")
        assert local[language] in page.inner_text("#answer")
        judge(page, f"check-local-{name}", language, width)
    page.fill("#identifier", "17")
    page.click("main button[type=submit]")
    page.wait_for_selector("#answer a[href='#identifier']")
    judge(page, "check-local-problem", language, width)
    page.click("#answer a[href='#identifier']")
    assert page.evaluate("document.activeElement.id") == "identifier"
    assert not [each for each in asked if "favicon" not in each]  # which Chromium fetches when it likes


@pytest.mark.parametrize("language", ["en", "zh"])
def test_browser_and_server_say_the_same(visit, world, tmp_path, language):
    """The same file and identifier: sentence for sentence, but for the moment of judging."""
    said = []
    for javascript in (True, False):
        page = visit(language, javascript=javascript)
        page.goto("/check")
        if javascript:
            page.wait_for_selector("form[data-local=ready]")
        page.set_input_files("input[type=file]", proof_file(world, tmp_path))
        page.fill("#identifier", CITIZEN)
        page.click("main button[type=submit]")
        page.wait_for_selector("#answer .credence-panel--good")
        page.evaluate("document.querySelector('#answer details').open = true") if javascript else page.click(
            "#answer summary"
        )
        text = page.inner_text("#answer")
        said.append([line for line in text.splitlines() if line.strip() and "UTC" not in line])
    local, server = said
    assert [line for line in local if line not in server] == [
        line for line in local if "浏览器" in line or "this browser" in line
    ]
    assert [line for line in server if line not in local] == []


def test_all_vectors_in_a_browser_without_a_network(visit):
    """Every proof of tests/vectors, good or bad, by the verifier in Chromium, in the step that the vectors name."""
    page = visit(bypass_csp=True)  # the page itself hands its verifier to nobody
    page.goto("/check")
    page.evaluate("async () => { window.verifier = await import('/static/verify/verify.js'); }")
    page.context.set_offline(True)
    cases = verifier.cases("valid") + verifier.cases("invalid")
    answers = page.evaluate(
        """async (cases) => {
            const { verify, sentences, Refused } = window.verifier;
            const bytes = (text) => new TextEncoder().encode(text);
            const answers = [];
            for (const each of cases) {
                const asked = { atS: Date.parse(each.at) / 1000, maxAgeS: each.max_age_s, identifier: each.identifier,
                                audience: each.audience ?? null, nonce: each.nonce ?? null };
                try {
                    const found = await verify(bytes(each.proof), bytes(each.policy), asked);
                    answers.push(sentences(found, "en").proved.length && sentences(found, "zh-Hans").proved.length ? null : "silent");
                } catch (error) {
                    answers.push(error instanceof Refused ? error.step : String(error.stack));
                }
            }
            return answers;
        }""",
        cases,
    )
    wrong = [
        (case["name"], case["step"], got)
        for case, got in zip(cases, answers, strict=True)
        if case["step"] != got
    ]
    assert not wrong


def test_a_browser_signs_the_vectors_to_the_byte(visit):
    page = visit(bypass_csp=True)
    page.goto("/check")
    source = (signing.HERE / "signing.js").read_text()
    work = source[source.index("async (") :].rstrip().rstrip(";")
    made = page.evaluate(f"(given) => ({work})(given, '/static')", signing.given())
    assert made == signing.expected()


def test_everything_works_without_javascript(visit, world, tmp_path):
    page = visit(javascript=False)
    open_record(page, world)
    assert page.is_visible("text=How the points add up")
    page.goto("/check")
    page.set_input_files("input[type=file]", proof_file(world, tmp_path))
    page.click("main button[type=submit]")
    assert page.is_visible("text=The proof holds")


def test_on_paper_there_is_the_record_and_no_menus(visit, world):
    page = visit()
    open_record(page, world)
    page.emulate_media(media="print")
    assert page.is_visible("text=How the points add up")
    for part in (".govuk-service-navigation", ".credence-language", ".credence-sign-out", ".credence-footer"):
        assert not page.is_visible(part), part


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_entry_is_verified_without_leaving_the_page(visit, world, language):
    """*Verify this*: the proof is fetched and checked in the browser; one that is about something else is told."""
    page = visit(language)
    open_record(page, world)
    page.goto("/record/events")
    entry = page.locator(".credence-event").first
    entry.locator("summary").click()
    entry.locator("[data-verify]").click()
    entry.locator(".credence-verdict--good").wait_for()
    furnisher = entry.locator(".credence-event__title").inner_text().rsplit("· ", 1)[1].split()[0]
    assert furnisher in entry.locator(".credence-verdict").inner_text()
    tell = entry.locator(".credence-verdict a[href='/record/cases?about=entry']")
    assert tell.count() == 0
    judge(page, "events-verified", language, "desktop")
    entry.locator("[data-verify]").evaluate("(button) => { button.dataset.day = '2001-01-01'; }")
    entry.locator("[data-verify]").click()
    entry.locator(".credence-verdict--bad").wait_for()
    assert tell.count() == 1, "whoever sees that can tell somebody"
    assert page.url.endswith("/record/events")


def test_errors_take_the_focus(visit):
    page = visit()
    page.goto("/check")
    page.click("main button[type=submit]")
    page.wait_for_function("document.activeElement.className == 'govuk-error-summary'")
    page.click(".govuk-error-summary a")
    assert page.evaluate("document.activeElement.id").startswith("proof")
