"""R31, R22: a citizen tries what would change their score; nothing is stored, nothing personal is in an address."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import CITIZEN, LENDER, THIN
from tests.web.test_errors import csrf_of
from tests.web.test_pages import sign_in

PATH = "/record/what-if"
NOBODY = "uci:70707"
CARD, COLLECTION = f"{LENDER}:card-1", f"{LENDER}:collection:k-9"
ACTIONS = {
    "pay": {"pay_account": CARD, "pay_amount": "3,913.00"},
    "miss": {"miss_account": CARD},
    "settle": {"record": COLLECTION},
    "open_card": {"limit": "50000"},
    "on_time": {"months": "6"},
}


def standing_of(world, citizen):
    from app.services.citizens import simulation

    with world.bureau.transaction() as connection:
        person = world.bureau.people.find(connection, [citizen])[citizen]
    return simulation.standing(world.bureau, person.id)


def enter(client, world, citizen, language="en"):
    from app.services.citizens.links import create_link

    client.set_cookie("lang", language)
    sign_in(client, create_link(world.bureau, citizen))
    return client


def attempt(client, action, **fields):
    return client.post(PATH, data={"csrf_token": csrf_of(client, PATH), "action": action, **fields})


def counts(world):
    with world.bureau.transaction() as connection:
        tables = ("events", "notices", "sessions", "links", "blocks")
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("action", list(ACTIONS))
def test_r31_every_action_shows_what_the_scorer_says(client, world, debtor, action, language):
    from app.core.scoring.scenario import Step
    from app.core.scoring.what_if import changes, try_out

    enter(client, world, debtor, language)
    standing = standing_of(world, debtor)
    step = {
        "pay": Step("pay", CARD, "TWD", 391_300),
        "miss": Step("miss", CARD),
        "settle": Step("settle", COLLECTION),
        "open_card": Step("open_card", currency="TWD", amount_minor=5_000_000),
        "on_time": Step("on_time", months=6),
    }[action]
    tried = try_out(standing, [step])
    answer = attempt(client, action, **ACTIONS[action])
    assert answer.status_code == 200
    shown = re.search(r'<p class="credence-score" aria-hidden="true">(\d+) → (\d+)</p>', answer.text)
    assert [int(each) for each in shown.groups()] == [tried.now.score, tried.then.score]
    assert tried.now.score != tried.then.score
    rows = re.findall(r'numeric">(\d+)</td>', answer.text)
    expected = changes(tried, standing.card, "en")
    assert rows == [str(n) for each in expected for n in (each.points_now, each.points_then)]
    assert sum(each.points_then - each.points_now for each in expected) == tried.then.score - tried.now.score
    said = ("Nothing was stored", "not a promise") if language == "en" else ("没有保存任何内容", "不构成承诺")
    for sentence in said:
        assert sentence in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_r22_trying_leaves_nothing_behind(client, world, debtor):
    enter(client, world, debtor)
    before = counts(world)
    for action, fields in ACTIONS.items():
        for _ in range(5):
            assert attempt(client, action, **fields).status_code == 200
    assert counts(world) == before


@pytest.mark.parametrize("language", ["en", "zh"])
def test_only_what_the_file_allows_is_offered(client, world, debtor, language):
    offered = {}
    for citizen in (debtor, CITIZEN, THIN):
        enter(client, world, citizen, language)
        offered[citizen] = re.findall(r'id="(\w+)-title"', client.get(PATH).text)
    assert offered[debtor] == ["pay", "settle", "on_time", "miss", "open_card"]
    assert offered[CITIZEN] == ["pay", "on_time", "miss", "open_card"]
    assert offered[THIN] == ["on_time", "open_card"]


WRONG = [
    ("", {}, "action", "Choose what to try.", "请选择要试算的情形。"),
    ("nonsense", {}, "action", "Choose what to try.", "请选择要试算的情形。"),
    ("pay", {"pay_account": "x:y", "pay_amount": "5"}, "pay_account", "Choose an account.", "请选择一个账户。"),
    ("pay", {"pay_account": CARD, "pay_amount": ""}, "pay_amount", "Enter an amount above zero in TWD", "请输入大于零的金额"),
    ("pay", {"pay_account": CARD, "pay_amount": "0"}, "pay_amount", "Enter an amount above zero in TWD", "请输入大于零的金额"),
    ("pay", {"pay_account": CARD, "pay_amount": "five"}, "pay_amount", "Enter an amount above zero in TWD", "请输入大于零的金额"),
    ("pay", {"pay_account": CARD, "pay_amount": "3913.01"}, "pay_amount", "No more than NT$3,913.00 is owed", "该账户的欠款不超过"),
    ("pay", {"pay_account": CARD, "pay_amount": "1e9"}, "pay_amount", "Enter an amount above zero in TWD", "请输入大于零的金额"),
    ("miss", {"miss_account": "nobody:x"}, "miss_account", "Choose an account.", "请选择一个账户。"),
    ("settle", {"record": CARD}, "record", "Choose a record.", "请选择一条记录。"),
    ("settle", {}, "record", "Choose a record.", "请选择一条记录。"),
    ("open_card", {"limit": "-5"}, "limit", "Enter an amount above zero in TWD", "请输入大于零的金额"),
    ("open_card", {"limit": "9" * 40}, "limit", "Enter an amount above zero in TWD", "请输入大于零的金额"),
    ("on_time", {"months": "0"}, "months", "Enter a whole number from 1 to 60.", "请输入 1 至 60 之间的整数。"),
    ("on_time", {"months": "61"}, "months", "Enter a whole number from 1 to 60.", "请输入 1 至 60 之间的整数。"),
    ("on_time", {"months": "1.5"}, "months", "Enter a whole number from 1 to 60.", "请输入 1 至 60 之间的整数。"),
    ("on_time", {"months": "٣"}, "months", "Enter a whole number from 1 to 60.", "请输入 1 至 60 之间的整数。"),
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_input_that_cannot_be_used_says_why_and_stays(client, world, debtor, language):
    enter(client, world, debtor, language)
    for action, fields, field, en, zh in WRONG:
        answer = attempt(client, action, **fields)
        assert answer.status_code == 400, (action, fields)
        assert "govuk-error-summary" in answer.text
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}"' in answer.text
        assert (en if language == "en" else zh) in answer.text
        for name in ("pay_amount", "limit", "months"):
            if fields.get(name):
                assert f'value="{fields[name]}"' in answer.text
        assert 'class="credence-score"' not in answer.text


def test_what_is_typed_is_shown_as_text(client, world, debtor):
    enter(client, world, debtor)
    answer = attempt(client, "on_time", months='"><script>alert(1)</script>')
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_choice_that_the_file_does_not_allow_is_refused(client, world):
    enter(client, world, CITIZEN)
    assert attempt(client, "settle", record=COLLECTION).status_code == 400
    enter(client, world, THIN)
    assert attempt(client, "pay", pay_account=CARD, pay_amount="5").status_code == 400
    assert attempt(client, "miss", miss_account=CARD).status_code == 400


def test_a_form_without_its_token_is_refused(client, world, debtor):
    enter(client, world, debtor)
    assert client.post(PATH, data={"action": "on_time", "months": "6"}).status_code == 400
    answer = client.post(PATH, data={"action": "on_time", "months": "6", "csrf_token": "x"})
    assert answer.status_code == 400
    assert "credence-score" not in answer.text


def test_it_belongs_to_a_session(client, world):
    assert client.get(PATH).status_code == 403
    token = csrf_of(client, "/check")
    answer = client.post(PATH, data={"csrf_token": token, "action": "on_time", "months": "6"})
    assert answer.status_code == 403


def test_nothing_personal_is_in_an_address(client, world, debtor):
    enter(client, world, debtor)
    for page in (client.get("/record"), client.get(PATH), attempt(client, "pay", **ACTIONS["pay"])):
        for address in re.findall(r'(?:href|action|src)="([^"]*)"', page.text):
            plain = re.sub(
                r"\?(v|entry)=[0-9a-f]+(#entry-\d+)?", "", address
            )  # files' versions, places in the log
            assert not re.search(r"card-1|k-9|lender|0606|uci|391|3,913", plain), address
    answer = client.get(f"{PATH}?action=pay&pay_account={CARD}&pay_amount=5")
    assert 'class="credence-score"' not in answer.text, "an address does not try anything"
    assert 'value="5"' not in answer.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_r35_a_thin_file_learns_what_is_missing_and_when_a_number_would_come(client, world, language):
    from app.core.scoring.advice import first_score
    from app.web.language import format_day

    enter(client, world, THIN, language)
    first = first_score(*standing_of(world, THIN))
    with client.application.test_request_context(headers={"Cookie": f"lang={language}"}):
        day = format_day(first.day)
    for path in ("/record", PATH):
        assert day in client.get(path).text, path
    page = client.get(PATH).text
    assert ("You have no score yet" if language == "en" else "您暂无信用分") in page
    assert ("6 months old yet" if language == "en" else "没有开立满 6 个月的账户") in page
    soon = attempt(client, "on_time", months="1")
    assert soon.status_code == 200
    assert ("there would be no score" if language == "en" else "不会有信用分") in soon.text
    later = attempt(client, "on_time", months=str(first.months))
    assert f'aria-hidden="true">{first.scored.score}</p>' in later.text


def test_a_citizen_in_no_block_yet_is_told_to_wait(client, world):
    from app.services.ledger.intake import admit

    admit(
        world.bureau,
        world.batch(LENDER, [world.line(LENDER, "status", NOBODY, account="c", status="on_time")]),
    )
    enter(client, world, NOBODY)
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "2")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_r31_the_record_says_what_would_help(client, world, debtor, language):
    """Each sentence's gain is what the page of trying gives for the same step."""
    from app.core.scoring.advice import advice_for
    from app.core.scoring.what_if import try_out

    enter(client, world, debtor, language)
    page = client.get("/record").text
    assert f'href="{PATH}"' in page
    standing = standing_of(world, debtor)
    given = advice_for(*standing)
    said = re.findall(r'<span class="credence-advice">(.*?)</span>', page)
    assert {each.steps[0].action for each in given} >= {"pay", "settle"}
    assert len(said) == len(given) > 0
    for sentence, each in zip(said, given, strict=True):
        tried = try_out(standing, each.steps)
        assert tried.then.score - tried.now.score == each.gain
        assert str(each.gain) in sentence
    assert ("not a promise" if language == "en" else "不构成承诺") in page


def test_r31_the_same_comes_out_offline(client, world, debtor, tmp_path, monkeypatch):
    """From what the bureau serves (proof, card, policy) `credence simulate` says what the page says."""
    import orjson
    from click.testing import CliRunner

    from app.cli import main

    enter(client, world, debtor)
    monkeypatch.chdir(tmp_path)
    proof = client.get("/record/score.proof").data
    scorecard = orjson.loads(client.get("/v1/scorecards").data)["scorecards"][0]["scorecard"]
    for name, data in {
        "score.proof": proof,
        "card.json": client.get(f"/v1/scorecards/{scorecard}").data,
        "policy": client.get("/policy").data,
    }.items():
        (tmp_path / name).write_bytes(data)

    def simulate(*options):
        command = ["simulate", "score.proof", "--card", "card.json", "--policy", "policy", *options]
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        return done.output

    answer = orjson.loads(simulate("--pay", f"{CARD}=3913", "--json"))
    page = attempt(client, "pay", **ACTIONS["pay"]).text
    assert f"{answer['now']['score']} → {answer['then']['score']}</p>" in page
    advised = client.get("/record").text.count('class="credence-advice"')
    assert len(orjson.loads(simulate("--json"))["advice"]) == advised
