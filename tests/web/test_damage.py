"""What the bureau stores of somebody was changed: who asks is told that, not that their request was wrong, and the others go on."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from functools import partial

import pytest

from app.core.reporting.batch import parse_batch
from app.core.state import sealing
from tests.services.audited import Tamper
from tests.services.builders import gathered
from tests.web.conftest import BANK, ENROLMENT, UTILITY
from tests.web.test_errors import check_problem, csrf_of
from tests.web.test_pages import sign_in
from tests.web.test_seats import take_seat

BENT_KEYS, NO_KEYS, BENT_STATE, OTHER_STATE = DAMAGED = ("uci:7101", "uci:7102", "uci:7103", "uci:7104")
FINE = ("uci:7105", "uci:7106")
HTML = {"Accept": "text/html"}
TOLD = {
    "en": ("What the bureau stores was damaged", "Nothing that you sent is wrong", "credence audit"),
    "zh": ("征信机构存储的内容已损坏", "您提交的内容没有问题", "credence audit"),
}

AGAIN = {"en": "Load the page again", "zh": "重新加载"}


@pytest.fixture(scope="module")
def cookies(world, app):
    """Six citizens, what they have signed in with, all of it in blocks."""
    from app.services.citizens.links import create_link
    from app.services.ledger.intake import admit

    may = {"grantee": BANK, "purposes": ["credit_application"], "until": world.day(-365)}
    paid = {"account": "meter", "status": "on_time"}
    for who, kind, more in (
        (UTILITY, "utility", paid),
        (ENROLMENT, "consent_given", {**may, "basis": "research", "basis_ref": "p-7"}),
    ):
        lines = [world.line(who, kind, citizen, **more) for citizen in (*DAMAGED, *FINE)]
        admit(world.bureau, world.batch(who, lines))
    world.step()
    found = {}
    for citizen in (*DAMAGED, *FINE):
        client = app.test_client()
        sign_in(client, create_link(world.bureau, citizen))
        found[citizen] = client.get_cookie("session").value
    world.step()
    return found


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("damage") / "web.jsonl"


@pytest.fixture(scope="module")
def damaged(world, cookies, log):
    """The application once somebody was at the database. It remembers nobody's keys from before."""
    from app.services.bureau import Bureau
    from app.web import create_app

    with world.bureau.transaction() as connection:
        people = world.bureau.people.find(connection, DAMAGED)

    def bent(row, column):
        return row | {column: row[column][:50] + bytes([row[column][50] ^ 1]) + row[column][51:]}

    with closing(Tamper(world)) as tamper, ExitStack() as damage:
        keys = {row["citizen"]: row for row in tamper.rows("citizen_keys")}
        states = {row["citizen"]: row for row in tamper.rows("account_bodies")}  # the newest of each
        first, second, third, fourth = (people[each].id for each in DAMAGED)
        now = [bent(keys[first], "wrapped")]
        damage.enter_context(tamper.replaced("citizen_keys", [keys[first], keys[second]], now))
        other = sealing.seal(people[OTHER_STATE].data_key, os.urandom(sealing.NONCE_SIZE), b'{"uci:7104":')
        now = [bent(states[third], "sealed"), states[fourth] | {"sealed": other}]
        damage.enter_context(tamper.replaced("account_bodies", [states[third], states[fourth]], now))
        bureau = Bureau.open(world.home, world.url)
        yield create_app(bureau, log=log)
        bureau.close()


def client_of(damaged, cookies, citizen):
    client = damaged.test_client()
    client.set_cookie("session", cookies[citizen])
    return client


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("citizen", DAMAGED)
def test_a_record_that_does_not_open_is_said_to_be_damaged_here(damaged, cookies, citizen, language):
    client = client_of(damaged, cookies, citizen)
    client.set_cookie("lang", language)
    for path in ("/record", "/record/events", "/record/score.proof"):
        page = client.get(path, headers=HTML)
        assert page.status_code == 500, path
        assert all(each in page.text for each in TOLD[language]), path
        assert citizen not in page.text
        assert AGAIN[language] not in page.text


@pytest.mark.parametrize("citizen", DAMAGED)
def test_programs_get_a_problem_of_its_own(damaged, world, cookies, citizen):
    client = client_of(damaged, cookies, citizen)
    asked = client.get("/record/score.proof", headers={"Accept": "application/json"})
    code = "damaged" if citizen == OTHER_STATE else "seal-broken"
    for answer in (asked, client.post("/v1/inquiries", data=world.inquiry(citizen))):
        members = check_problem(answer, 500, kind="damaged", code=code)
        assert "run `credence audit`" in members["detail"]
        assert citizen not in answer.text
    assert 'id="damaged"' in client.get("/problems").text, "signed in, too"


def test_who_asks_in_the_same_moment_about_others_is_answered(damaged, world):
    from app.core.errors import DamagedError
    from app.services.banks.inquiries import _serve
    from app.services.banks.replies import Answer

    bureau = damaged.extensions["credence"]
    asked = [parse_batch(world.inquiry(each)) for each in (*DAMAGED, *FINE)]
    outcomes = gathered(bureau.inquiries, asked, partial(_serve, bureau))
    assert [type(each) for each in outcomes] == [DamagedError] * len(DAMAGED) + [Answer] * len(FINE)


def test_who_fetches_proofs_in_the_same_moment_gets_theirs(damaged, cookies):
    from hashlib import sha256

    from app.core.errors import DamagedError
    from app.services.proving.proofs import _of_sessions

    bureau = damaged.extensions["credence"]
    read = damaged.session_interface.get_signing_serializer(damaged).loads
    tokens = [sha256(read(cookies[each])["citizen"].encode()).digest() for each in (*DAMAGED, *FINE)]
    proofs = gathered(bureau.sessions, tokens, partial(_of_sessions, bureau))
    assert [type(each) for each in proofs] == [DamagedError] * len(DAMAGED) + [bytes] * len(FINE)


@pytest.mark.parametrize("citizen", DAMAGED[:1] + DAMAGED[2:])
def test_banks_and_the_regulator_get_the_page_too(damaged, world, citizen):
    client = damaged.test_client()
    take_seat(client, world, "regulator", "regulator.example")
    for path, form in (
        ("/bank", {"batch": world.inquiry(citizen).decode()}),
        ("/regulator/look", {"citizen": citizen, "case": "2026-7"}),
    ):
        answer = client.post(path, data={"csrf_token": csrf_of(client, path)} | form, headers=HTML)
        assert answer.status_code == 500, path
        assert all(each in answer.text for each in TOLD["en"]), path
        assert citizen not in answer.text


def test_the_log_has_the_kind_of_damage_and_the_request_and_nobody(damaged, cookies, log):
    answer = client_of(damaged, cookies, BENT_STATE).get("/record", headers=HTML)
    (line,) = [
        each
        for each in log.read_text().splitlines()
        if answer.headers["X-Request-Id"] in each and '"event":"request"' not in each
    ]
    assert '"event":"damaged"' in line
    assert '"code":"seal-broken"' in line
    assert "uci:" not in log.read_text()


@pytest.mark.parametrize("citizen", DAMAGED)
def test_on_the_command_line_it_is_a_sentence(damaged, world, citizen, tmp_path):
    from click.testing import CliRunner

    from app.cli import main

    environment = {"DATABASE_URL": world.url, "CREDENCE_HOME": str(world.home.path)}
    command = ["prove", "history", citizen, "--out", str(tmp_path / "history.proof")]
    result = CliRunner().invoke(main, command, env=environment)
    assert result.exit_code == 1
    assert "damaged: run `credence audit`" in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_the_stream_to_an_auditor_breaks_off_before_the_accounts_that_do_not_open(damaged):
    from app.core.errors import DamagedError
    from app.db import ledger
    from app.services.proving.transitions import transition

    bureau = damaged.extensions["credence"]
    with bureau.transaction() as connection:
        newest = ledger.newest_block(connection).number
    lines = transition(bureau, newest)
    next(lines)  # the head, which says how many accounts follow
    with pytest.raises(DamagedError):
        next(lines)
