"""A regulator's pages, and what everybody may see: one file under a case, audits of everything, figures, notices (R21, R42-R44)."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets

import pytest
from sqlalchemy import text

from tests.web.conftest import CITIZEN, LENDER, World
from tests.web.test_errors import csrf_of
from tests.web.test_pages import sign_in
from tests.web.test_seats import take_seat

REGULATOR = "regulator.example"


@pytest.fixture(scope="module")
def world(template_database, administer, server_url, tmp_path_factory):
    """A ledger of this module's own: an audit is seen by everybody in it."""
    from app.core.log.note import Signer
    from app.services.ledger.register import register_key
    from tests.conftest import url_of

    name = f"credence_regulator_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = World(tmp_path_factory.mktemp("home"), url_of(server_url, name))
    made.signers[REGULATOR] = Signer.generate_from_seed(REGULATOR, secrets.token_bytes(32))
    register_key(made.bureau, made.signers[REGULATOR], "regulator")
    made.fill()
    yield made
    made.bureau.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def app(world, tmp_path_factory):
    from app.web import create_app

    return create_app(world.bureau, log=tmp_path_factory.mktemp("log") / "web.jsonl")


@pytest.fixture
def regulator(app, client, world):
    """A browser in which the regulator's seat is open."""
    browser = app.test_client()
    take_seat(browser, world, "regulator", REGULATOR)
    return browser


def post(browser, path, **fields):
    return browser.post(path, data={"csrf_token": csrf_of(browser, path), **fields})


def try_again(browser, period):
    token = csrf_of(browser, "/regulator/audits")
    return browser.post("/regulator/audits/again", data={"csrf_token": token, "audit": period})


def looks_of(app, world):
    from app.services.citizens.links import create_link

    citizen = app.test_client()
    sign_in(citizen, create_link(world.bureau, CITIZEN))
    return citizen.get("/record/looks").text


def test_r21_a_look_needs_a_case_and_the_citizen_sees_it(app, world, regulator):
    without = post(regulator, "/regulator/look", citizen=CITIZEN, case="")
    assert (without.status_code, "R21" in without.text) == (422, True)
    assert REGULATOR not in looks_of(app, world)
    nobody = post(regulator, "/regulator/look", citizen="uci:4711", case="2026-17")
    assert nobody.status_code == 422
    seen = post(regulator, "/regulator/look", citizen=CITIZEN, case="2026-17")
    assert seen.status_code == 200
    assert seen.headers["Cache-Control"] == "no-store"
    assert CITIZEN not in seen.text, "the identifier is masked"
    assert LENDER in seen.text
    world.step()
    theirs = looks_of(app, world)
    assert REGULATOR in theirs
    assert "2026-17" in theirs


def test_r21_an_audit_is_announced_run_and_shown_to_everyone_in_range(app, world, regulator):
    from app.core.exchange.audit_note import AuditNote
    from app.services.organisations import audits

    def note(name, case):
        return (
            AuditNote(world.bureau.origin, name, case, world.bureau.now()).sign(world.signers[name]).decode()
        )

    assert post(regulator, "/regulator/audits", note="nonsense").status_code == 400
    regulator.set_cookie("lang", "zh")
    refused = post(regulator, "/regulator/audits", note=note(LENDER, "2026-18")).text
    assert '<a href="#note">这份文书由其他机构签名，而非贵机构。</a>' in refused
    assert re.search(r'<p class="govuk-body" lang="en">the note is by .*\[other-name\]</span></p>', refused)
    regulator.set_cookie("lang", "en")
    other = post(regulator, "/regulator/audits", note=note(LENDER, "2026-18"))
    assert (other.status_code, "another organisation" in other.text) == (400, True)
    opened = post(regulator, "/regulator/audits", note=note(REGULATOR, "2026-18").replace("\n", "\r\n"))
    assert (opened.status_code, opened.headers["Location"]) == (303, "/regulator/audits")
    assert "being replayed" in regulator.get("/regulator/audits").text
    world.step()
    assert audits.run(world.bureau) == 1
    assert audits.run(world.bureau) == 0
    done = regulator.get("/regulator/audits").text
    assert "nothing was found" in done
    assert "2026-18" in done
    theirs = looks_of(app, world)
    assert "under the case 2026-18" in theirs
    assert "under the case 2026-18" in regulator.get("/regulator/notices").text


def test_an_audit_finds_what_was_changed(world, regulator):
    from app.db.engine import make_engine
    from app.services.organisations import audits
    from app.services.scoring import kept

    body = {"regulator": REGULATOR, "case": "x", "from": 0, "to": 9, "state": audits.WAITING}
    kept.put(world.bureau, audits.KIND, "1999-01-01T00:00:00Z x", body)
    engine = make_engine(world.url, role=None)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE accounts DISABLE TRIGGER USER"))
        changed = "UPDATE accounts SET until = until + 1 WHERE citizen = 1 AND block = 0"
        connection.execute(text(changed))
    try:
        assert audits.run(world.bureau) == 1
    finally:
        with engine.begin() as connection:
            connection.execute(text(changed.replace("+ 1", "- 1")))
            connection.execute(text("ALTER TABLE accounts ENABLE TRIGGER USER"))
        engine.dispose()
    page = regulator.get("/regulator/audits").text
    assert "accounts: " in page
    (found,) = [each.body for each in kept.reports(world.bureau, audits.KIND) if each.body["case"] == "x"]
    assert found["count"] == len(found["findings"]) > 0


SAID_OF_A_FAILURE = {
    "en": (
        "by a fault of the bureau",
        "It is tried again at 2 ",
        "in a few seconds",
        "was ended before it was done",
    ),
    "zh": ("重放因征信机构方面的故障中断", "将于 1999年", "几秒后重试", "重放进程在完成之前被终止"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_audit_that_failed_says_why_and_when_it_is_tried_again(world, regulator, language):
    from app.services.organisations import audits
    from app.services.scoring import kept

    broke_off, later, soon, ended = SAID_OF_A_FAILURE[language]
    regulator.set_cookie("lang", language)
    period = f"1999-01-02T00:00:00Z {language}"
    body = {"regulator": REGULATOR, "case": language, "from": 0, "to": 9, "state": audits.WAITING}
    body |= {"failures": 3, "failed": "UndefinedTable", "try_at": "1999-01-02T00:00:00Z"}
    kept.put(world.bureau, audits.KIND, period, body)
    try:
        page = regulator.get("/regulator/audits").text
        assert broke_off in page
        assert later in page
        assert "&lt;span" not in page
        assert '<span class="credence-hash" lang="en">UndefinedTable</span>' in page
        again = try_again(regulator, period)
        assert (again.status_code, again.headers["Location"]) == (303, "/regulator/audits")
        assert soon in regulator.get("/regulator/audits").text
        assert try_again(regulator, "x").status_code == 404
        kept.put(world.bureau, audits.KIND, period, body | {"failed": audits.ENDED})
        assert ended in regulator.get("/regulator/audits").text
    finally:
        kept.put(world.bureau, audits.KIND, period, body | {"regulator": "gone.example", "state": "done"})


@pytest.fixture(scope="module")
def counted(world):
    from app.services.organisations import given, quality
    from app.services.scoring import monitoring

    quality.count(world.bureau)
    monitoring.make(world.bureau)
    given.compare(world.bureau)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_r42_r43_r44_everybody_reads_the_figures_without_small_cells(app, client, counted, language):
    client.set_cookie("lang", language)
    page = client.get("/transparency")
    assert page.status_code == 200
    assert LENDER in page.text
    assert {"en": "fewer than 10", "zh": "少于 10"}[language] in page.text
    told = client.get("/v1/transparency").get_json()
    lender = next(each for each in told["quality"] if each["furnisher"] == LENDER)
    assert lender["reported"] > 10
    assert all(
        count is None or count == 0 or count >= told["cell_min"]
        for each in told["quality"]
        for name, count in each.items()
        if name not in {"furnisher", "quarter"}
    )
    assert told["monitoring"][0]["unscored"] is None, "three people"
    assert all(each["missing"] == each["unplaced"] == 0 for each in told["answers"])
    assert CITIZEN not in page.text


def test_a_regulator_reads_whole_figures_and_takes_them_along(regulator, counted):
    assert "fewer than 10" not in regulator.get("/regulator/figures").text
    table = list(csv.DictReader(io.StringIO(regulator.get("/regulator/quality.csv").text)))
    assert {row["furnisher"] for row in table} >= {LENDER, "power.example/grid"}
    whole = regulator.get("/regulator/figures.json").get_json()
    (quarter,) = whole["monitoring"].values()
    assert quarter["unscored"] > 0
    blocks = regulator.get("/regulator/blocks").text
    assert "Cosigned by nobody" in blocks


def test_only_a_regulator_gets_in(app, client, world):
    bank = app.test_client()
    take_seat(bank, world, "bank", "bank.example")
    for path in ("", "/figures", "/figures.json", "/quality.csv", "/notices", "/blocks", "/audits", "/look"):
        assert client.get(f"/regulator{path}").status_code == 403
        assert bank.get(f"/regulator{path}").status_code == 403
    assert regulator_links(client) == []


def regulator_links(browser):
    return re.findall(r'href="(/regulator[^"]*)"', browser.get("/transparency").text)


def test_every_kind_of_notice_has_a_sentence(app):
    from app.core.log import notices
    from app.web.organisations import notice_words
    from tests.core.test_notices import ONE_OF_EACH

    for code in ("en", "zh"):
        with app.test_request_context(headers={"Cookie": f"lang={code}"}):
            said = [notice_words.sentence(each) for each in ONE_OF_EACH]
        assert {each.kind for each in ONE_OF_EACH} == set(notices.NOTICE_KINDS)
        assert len(set(said)) == len(said)
        assert all("%" not in sentence for sentence in said)
