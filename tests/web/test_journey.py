"""The whole journey of a citizen in a real browser, with the bank, the furnisher and the scheduler at work around it.

    enrol, look, consent, inquiry, news, dispute, correction, new score, export verified offline by another process;
    freeze, and a refused bank; erasure, and old proofs that still verify

Each area has tests of its own; here they follow one another on one ledger, in both languages, on a phone and on a desktop.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest
import requests

from app.core.state import erasure as erasure_rules
from tests.web.conftest import BANK, LENDER, World
from tests.web.test_browser import CHROMIUM, WIDTHS, browser, judge, visit
from tests.web.test_browser_access import Phone, address

__all__ = ["address", "browser", "visit"]
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed: tests/tools.sh does it"
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
WHO = {"en": ("uci:8101", "desktop"), "zh": ("uci:8102", "phone")}


@pytest.fixture(scope="module")
def world(template_database, administer, server_url, tmp_path_factory):
    """A ledger of its own, on a clock that the test can put forward."""
    from tests.conftest import url_of

    name = f"credence_journey_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = World(tmp_path_factory.mktemp("home"), url_of(server_url, name))
    for citizen, _ in WHO.values():
        admit_a_file(made, citizen)
    made.step()
    yield made
    made.bureau.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


def admit_a_file(world, citizen):
    """Two years of a card that was paid on time, but for one month that was reported wrong."""
    from app.services.ledger.intake import admit

    card = {"account": "card-1", "currency": "TWD"}
    opened = {"day": world.day(700), "opened_on": world.day(700), "limit_minor": 2_000_000}
    lines = [world.line(LENDER, "account_opened", citizen, **opened, **card, **{"class": "card"})]
    for ago in range(661, 0, -30):
        late = {
            "first_delinquent_on": world.day(ago + 40),
            "notified_on": world.day(ago),
            "notified_by": "letter",
        }
        state = {"status": "late_60", **late} if ago == 91 else {"status": "on_time", "paid": "full"}
        more = {"balance_minor": 391_300, "limit_minor": 2_000_000, "minimum_minor": 20_000}
        lines += [
            world.line(LENDER, "statement", citizen, day=world.day(ago), **card, **more),
            world.line(LENDER, "status", citizen, day=world.day(ago), account="card-1", **state),
        ]
    admit(world.bureau, world.batch(LENDER, lines))


@pytest.fixture(scope="module")
def app(world, tmp_path_factory):
    from app.web import create_app

    return create_app(world.bureau, log=tmp_path_factory.mktemp("log") / "web.jsonl")


class Citizen:
    """A person with a browser and a passkey in it."""

    def __init__(self, page, language, width):
        self.page, self.language, self.width = page, language, width
        page.set_viewport_size({"width": WIDTHS[width], "height": 800})
        self.phone = Phone(page)

    def see(self, name, path=None):
        """The page, judged."""
        if path is not None:
            self.page.goto(path)
        judge(self.page, f"journey-{name}", self.language, self.width)

    def press(self, selector="main form button[type=submit], main form button.govuk-button"):
        self.page.locator(selector).last.click()

    def sign(self, then):
        self.page.wait_for_url("**/record/sign/*")
        self.page.click("form[data-passkey] button")
        self.page.wait_for_url(then)

    def score(self):
        self.page.goto("/record")
        return int(self.page.inner_text(".credence-score"))


def events_of(world, citizen):
    from app.services.ledger import history

    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [citizen])[citizen]
        return history.whole_history(connection, person)


def verify(path, *more):
    """In another process that has neither the database nor our home: its exit code, and what it says."""
    command = [sys.executable, "-m", "app.cli", "verify", str(path), *map(str, more)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"})
    return ran.returncode, ran.stdout + ran.stderr


def saved(page, selector, path):
    with page.expect_download() as download:
        page.locator(selector).first.click()
    path.write_bytes(download.value.path().read_bytes())
    return path


def instant(world):
    return world.bureau.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def put_forward(world, time):
    before = world.bureau.now
    world.bureau.now = lambda: before() + time


def turn(world):
    """Whatever the scheduler has to do now, and the block that takes it in."""
    from app.services.scheduler import Scheduler

    with Scheduler(world.bureau) as scheduler:
        scheduler.turn()
    world.step()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_whole_journey(visit, world, address, tmp_path, language):
    from app.services.citizens.enrolment import issue_code

    who, width = WHO[language]
    citizen = Citizen(visit(language, width), language, width)
    page = citizen.page

    def inquire():
        body = world.inquiry(who)
        return requests.post(f"{address}/v1/inquiries", data=body, timeout=30)

    # enrol and look
    page.goto("/enrol")
    page.fill("#code", issue_code(world.bureau, who, f"form-{language}"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/record/security")
    page.click("form[data-passkey] button")
    page.wait_for_selector("#passkeys ~ ul .credence-event")
    world.step()
    before = citizen.score()
    citizen.see("overview")
    citizen.see("events", "/record/events")
    citizen.see("looks", "/record/looks")

    # consent, inquiry, news
    assert inquire().status_code == 403
    page.goto("/record/consents/new")
    page.select_option("#grantee", BANK)
    page.check("input[value=credit_application]")
    citizen.see("consent")
    citizen.press("main form.credence-measure button[type=submit]")
    citizen.sign("**/record/consents")
    world.step()
    answer = inquire()
    assert answer.status_code == 200, answer.text
    assert answer.json()["answer"]["score"] == before
    world.step()
    citizen.see("news", "/record/alerts")
    assert BANK in page.inner_text("main")
    page.goto("/record/looks")
    assert BANK in page.inner_text("main")

    # dispute, correction, new score
    wrong = next(index for index, event in events_of(world, who) if getattr(event, "status", "") == "late_60")
    page.goto("/record/events")
    page.goto(f"/record/disputes/new/{wrong}")
    page.check("input[value=paid]")
    citizen.see("dispute")
    citizen.press()
    page.wait_for_url("**/words")
    page.fill("#text", "I paid on the 3rd; the receipt is attached.")
    citizen.press()
    page.wait_for_url("**/evidence")
    page.set_input_files("#file", {"name": "receipt.png", "mimeType": "image/png", "buffer": PNG})
    page.click("button[name=add]")
    page.wait_for_selector("button[name=remove]")
    citizen.press()
    page.wait_for_url("**/check")
    citizen.see("dispute-check")
    citizen.press()
    citizen.sign("**/done")
    citizen.see("dispute-done")
    world.step()
    assert citizen.score() > before, "R23: while it is open it does not count"
    corrected = {
        name: getattr(next(event for index, event in events_of(world, who) if index == wrong), name)
        for name in ("account", "day")
    } | {"status": "on_time", "paid": "full"}
    mended = [
        world.line(LENDER, "correction", who, day=corrected["day"], target=wrong, fields=corrected),
        world.line(LENDER, "dispute_closed", who, target=wrong, outcome="corrected", reason="The receipt shows it."),
    ]  # fmt: skip
    body = world.batch(LENDER, mended)
    assert requests.post(f"{address}/v1/batches", data=body, timeout=30).status_code == 201
    world.step()
    after = citizen.score()
    assert after > before
    citizen.see("disputes", "/record/disputes")

    # export, verified offline
    page.goto("/record/export")
    citizen.see("export")
    export = saved(page, "a[download$='.zip']", tmp_path / "credence-export.zip")
    code, said = verify(export, "--at", instant(world))
    assert code == 0, said
    assert str(after) in said

    # freeze, and a refused bank
    page.goto("/record/freeze")
    page.click("main form[action$=freeze] button")
    citizen.sign("**/record/freeze")
    citizen.see("frozen")
    assert inquire().status_code == 423
    page.click("main form[action$=thaw] button")
    citizen.sign("**/record/freeze")
    assert inquire().status_code == 200

    # erasure, and old proofs that still verify
    policy = tmp_path / "policy"
    policy.write_bytes(requests.get(f"{address}/policy", timeout=30).content)
    world.step()
    page.goto("/record")
    proof = saved(page, "a[download='score.proof']", tmp_path / "score.proof")
    at = instant(world)
    page.goto("/record/erase")
    page.check("input[name=sure]")
    citizen.see("erase")
    citizen.press("main form button.govuk-button--warning")
    citizen.sign("**/record/erase")
    citizen.see("erase-asked")
    world.step()
    days = erasure_rules.COOLING_OFF_DAYS + 1
    for later in (dt.timedelta(days=days), dt.timedelta(hours=1), dt.timedelta(hours=1)):
        put_forward(world, later)
        turn(world)
    assert not [event for _, event in events_of(world, who) if event.type in {"account_opened", "statement"}]
    assert inquire().status_code == 403, "consents ended with it"
    code, said = verify(proof, "--policy", policy, "--at", at)
    assert code == 0, said
    assert str(after) in said
