"""What people at furnishers do, through the pages: batches, disputes, repairs; the signing stands in for the browser's."""

from __future__ import annotations

import html
import io
import json
import re

import pytest

from app.core.errors import RuleError
from tests.web.conftest import LENDER, UTILITY
from tests.web.test_approvals import post
from tests.web.test_errors import csrf_of
from tests.web.test_seats import take_seat

PERSON = "uci:4711"


@pytest.fixture
def lender(client, world):
    """A browser at the lender."""
    take_seat(client, world, "furnisher", LENDER)
    return client


@pytest.fixture(scope="module")
def entries(world):
    """Log indices of three late months of somebody, each of which one test may mend."""
    from app.services.ledger.intake import admit

    told = {"notified_on": world.day(35), "notified_by": "letter"}
    lines = [
        world.line(
            LENDER, "status", PERSON, day=world.day(30 + each), account=f"card-{each}", status="late_30",
            first_delinquent_on=world.day(70 + each), **told,
        )
        for each in range(3)
    ]  # fmt: skip
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    with world.bureau.transaction() as connection:
        ((first,),) = connection.execute("SELECT max(first_index) + 1 FROM placements").fetchall()
    return [first, first + 1, first + 2]


def send(client, body, path="/furnisher/batches"):
    data = {"csrf_token": csrf_of(client, path), "batch": (io.BytesIO(body), "x.batch")}
    return client.post(path, data=data)


def signed(world, page, furnisher=LENDER):
    """What the browser makes of a page that asks for a signature: the batch, by the key of this furnisher."""
    given = json.loads(html.unescape(re.search(r'id="given"[^>]*>(.*?)</script>', page, re.DOTALL)[1]))
    assert given["furnisher"] == LENDER
    lines = []
    for event in given["events"]:
        fields = dict(event)
        lines.append(world.line(furnisher, fields.pop("type"), fields.pop("citizen"), **fields))
    return world.batch(furnisher, lines, given["batchId"])


def test_a_batch_is_taken_and_its_receipt_is_there_again(lender, world):
    body = world.batch(
        LENDER, [world.line(LENDER, "payment", PERSON, account="c", currency="TWD", amount_minor=5)]
    )
    sent = send(lender, body)
    assert sent.status_code == 303
    receipt = lender.get(sent.headers["Location"]).text
    assert "credence/receipt@v1" in receipt
    assert send(lender, body).headers["Location"] == sent.headers["Location"]
    assert sent.headers["Location"] in lender.get("/furnisher").text


@pytest.mark.parametrize(("language", "words"), [("en", "Nothing was done"), ("zh", "未执行任何操作")])
def test_a_refused_batch_is_said_line_by_line_and_remembered(lender, world, language, words):
    lender.set_cookie("lang", language)
    bad = [world.line(LENDER, "payment", PERSON, account="c", currency="TWD", amount_minor=5, mood="good")]
    answer = send(lender, world.batch(LENDER, bad, f"bad-{language}"))
    assert answer.status_code == 422
    assert words in answer.text
    assert "R1" in answer.text
    assert "<li>R1: " in answer.text
    page = lender.get("/furnisher").text
    assert f"bad-{language}" in page
    in_chinese = "该事件类型或其中某个字段不在本账本的采集范围内。"
    for shown in (answer.text, page):
        assert (in_chinese in shown) == (language == "zh")
    assert re.search(r'<span lang="en">[^<]+</span>', page), (
        "what the rule says in full, marked as what it is"
    )
    assert "mood" not in page
    for body in (
        b"",
        b"{}",
        world.batch(UTILITY, [world.line(UTILITY, "rent", PERSON, account="x", status="on_time")]),
    ):
        assert send(lender, body).status_code == 422


def test_r26_r27_a_dispute_is_answered_with_a_correction_that_the_furnisher_signs(lender, world, entries):
    from app.services.ledger.intake import admit

    target = entries[0]
    filed = world.line("enrolment.example", "dispute_opened", PERSON, target=target, ground="wrong_status",
        text="I <b>paid</b>.", basis="paper", basis_ref="p-9")  # fmt: skip
    admit(world.bureau, world.batch("enrolment.example", [filed]))
    world.step()
    inbox = lender.get("/furnisher/disputes").text
    at = re.search(r'href="(/furnisher/disputes/\d+)"', inbox)[1]
    page = lender.get(at).text
    assert "I &lt;b&gt;paid&lt;/b&gt;." in page
    assert PERSON in page
    assert post(lender, at, how="").status_code == 422
    assert post(lender, at, how="upheld", said="").status_code == 422
    day = world.day(30)
    right = {"field-account": "card-0", "field-status": "on_time", "field-paid": "full", "field-day": day}
    wrong = post(lender, at, how="correct", said="You are right.", **right | {"field-status": "perhaps"})
    assert wrong.status_code == 422
    asked = post(lender, at, how="correct", said="You are right.", **right)
    assert asked.status_code == 200
    assert "Nothing has happened yet" in asked.text
    forged = signed(world, asked.text, UTILITY)
    assert send(lender, forged).status_code == 422, "signed by somebody else"
    assert send(lender, signed(world, asked.text)).status_code == 303
    assert at not in lender.get("/furnisher/disputes").text
    assert lender.get(at).status_code == 404
    world.step()
    assert "paid on time" in lender.get(f"/furnisher/entries/{target}").text


def test_an_entry_is_taken_back_without_a_browser_that_signs(lender, world, entries):
    index = entries[1]
    found = lender.get(f"/furnisher/entries?entry={index}")
    assert found.headers["Location"] == f"/furnisher/entries/{index}"
    asked = post(lender, found.headers["Location"], how="retract", reason="reported_in_error")
    assert asked.status_code == 200
    lines = html.unescape(
        re.search(r"<textarea name=\"lines\" hidden>(.*?)</textarea>", asked.text, re.DOTALL)[1]
    )
    file = lender.post(
        "/furnisher/plain", data={"csrf_token": csrf_of(lender, "/furnisher/batches"), "lines": lines}
    )
    assert file.headers["Content-Disposition"].startswith("attachment")
    from hashlib import sha256

    from app.cli import furnish  # noqa: F401 - what reads this file, and makes the same id of it

    assert f"{sha256(file.data).hexdigest()[:32]}.1-of-1" in asked.text
    assert json.loads(file.data)["reason"] == "reported_in_error"
    assert send(lender, signed(world, asked.text)).status_code == 303
    world.step()
    assert "You have taken it back" in lender.get(f"/furnisher/entries/{index}").text


@pytest.mark.parametrize(
    ("language", "words", "not_words"),
    [("en", "The citizen was told on", "You were told on"), ("zh", "告知公民的日期", "您")],
)
def test_an_entry_speaks_of_the_citizen_to_its_furnisher(lender, entries, language, words, not_words):
    lender.set_cookie("lang", language)
    panel = (
        lender.get(f"/furnisher/entries/{entries[2]}")
        .text.partition("credence-panel")[2]
        .partition("<form")[0]
    )
    assert words in panel
    assert not_words not in panel


def test_nobody_sees_what_another_furnisher_reported(client, world, entries):
    take_seat(client, world, "furnisher", UTILITY)
    assert client.get(f"/furnisher/entries/{entries[2]}").status_code == 404
    assert client.get(f"/furnisher/entries?entry={entries[2]}").status_code == 404
    for path in ("/entries/99999999", "/entries/99999999999999999999999", "/disputes/1", "/disputes/1/evidence/1",
                 "/receipts/nothing", "/entries?entry=x", "/entries?entry=99999999999999999999999"):  # fmt: skip
        assert client.get(f"/furnisher{path}").status_code == 404, path
    take_seat(client, world, "bank", "bank.example")
    for path in (
        "",
        "/batches",
        "/disputes",
        "/disputes/1",
        "/entries",
        f"/entries/{entries[2]}",
        "/receipts/x",
    ):
        assert client.get(f"/furnisher{path}").status_code == 403, path


def test_r43_a_furnisher_sees_its_own_figures(lender, world, entries):
    from app.services.organisations import quality

    quality.count(world.bureau)
    (own,) = quality.figures(world.bureau, LENDER)
    page = lender.get("/furnisher/quality").text
    assert f">{own.counts['reported']:,}" in page
    assert entries
    take_seat(lender, world, "furnisher", "newcomer.example")
    assert "Nothing has been counted yet" in lender.get("/furnisher/quality").text


def test_who_has_no_key_is_told_how_to_get_one(client, world):
    take_seat(client, world, "furnisher", "newcomer.example")
    assert "credence keys possession" in client.get("/furnisher").text


def test_the_programs_door_remembers_refusals_too(client, world):
    from app.services.organisations import furnishing

    bad = world.batch(LENDER, [world.line(LENDER, "gossip", PERSON)], "by-program")
    assert client.post("/v1/batches", data=bad).status_code == 422
    assert "by-program" in {each.batch_id for each in furnishing.standing(world.bureau, LENDER).refusals}
    with pytest.raises(RuleError):
        furnishing.admit(world.bureau, bad)


def test_a_mixed_file_is_split_by_a_clerk_and_its_furnisher(app, lender, world, entries):
    from app.services.ledger.intake import admit

    clerk = app.test_client()
    take_seat(clerk, world, "clerk", label="Splitting clerk")
    right = [world.line(LENDER, "payment", PERSON, account="mine", currency="TWD", amount_minor=77)]
    admit(world.bureau, world.batch(LENDER, right))
    world.step()
    at = post(clerk, "/staff/cases/new", identifier=PERSON, about="mixed", text="Not mine").headers[
        "Location"
    ]
    assert clerk.get(f"{at}/split").status_code == 303, "not before it is open"
    for act in ("take", "look"):
        post(clerk, f"{at}/{act}", at)
    page = clerk.get(f"{at}/split").text
    assert f'value="{entries[2]}"' in page
    assert post(clerk, f"{at}/split", other="uci:4712").status_code == 422
    assert post(clerk, f"{at}/split", item=str(entries[2]), other=PERSON).status_code == 422
    assert post(clerk, f"{at}/split", item=str(entries[2]), other="uci:4712").status_code == 303
    assert "nothing yet" in clerk.get(at).text
    order = re.search(r'href="(/furnisher/orders/\d+)"', lender.get("/furnisher/orders").text)[1]
    assert "/furnisher/orders" in lender.get("/furnisher").text
    assert "uci:4712" in lender.get(order).text
    assert post(lender, order, notified_by="letter").status_code == 422, "the right person was not told"
    asked = post(lender, order, notified_on=world.day(3), notified_by="letter")
    assert send(lender, signed(world, asked.text)).status_code == 303
    assert "nothing yet" not in clerk.get(at).text
    assert "done" in lender.get("/furnisher/orders").text
    take_seat(lender, world, "furnisher", UTILITY)
    assert lender.get(order).status_code == 404
    assert order not in lender.get("/furnisher/orders").text
