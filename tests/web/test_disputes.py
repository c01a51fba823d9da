"""Disputes, statements and erasure as a citizen goes through them: one thing per page, signed with the passkey."""

from __future__ import annotations

import html
import io
import re

import pytest

from app.core.reporting import event_types as types
from app.core.state import erasure
from app.services.citizens import disputes
from app.services.citizens import erasure as erasing
from app.services.ledger import history
from app.services.ledger.intake import admit
from tests.authenticator import Authenticator, enrol, sign
from tests.web.conftest import LENDER
from tests.web.test_errors import csrf_of
from tests.web.test_pages import sign_in

WHO = "uci:4042"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


@pytest.fixture(scope="module")
def citizen(world):
    """Somebody with a card that was late once, and a passkey."""
    lines = [
        world.line(LENDER, "account_opened", WHO, account="c", currency="TWD", day=world.day(900), **{"class": "card"}),
        *(world.line(LENDER, "status", WHO, account="c", status="on_time", day=world.day(ago)) for ago in (95, 65, 5)),
        world.line(
            LENDER, "status", WHO, account="c", status="late_30", day=world.day(35), first_delinquent_on=world.day(70),
            notified_on=world.day(35), notified_by="letter",
        ),
    ]  # fmt: skip
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    passkey = enrol(world.bureau, WHO, Authenticator())
    world.step()
    return passkey


@pytest.fixture
def signed_in(client, world, citizen):
    from app.services.citizens.links import create_link

    sign_in(client, create_link(world.bureau, WHO))
    world.step()
    return client


def person(world):
    with world.bureau.transaction() as connection:
        return world.bureau.people.find(connection, [WHO])[WHO]


def late(world):
    with world.bureau.transaction() as connection:
        events = history.whole_history(connection, person(world))
    return next(index for index, event in events if getattr(event, "status", "") == "late_30")


def post(client, path, **form):
    return client.post(path, data={"csrf_token": csrf_of(client, path), **form})


def text_of(response):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", response.text)))


def test_r23_to_r26_a_dispute_from_the_entry_to_its_outcome(signed_in, world, citizen):
    client, index = signed_in, late(world)
    begin = f"/record/disputes/new/{index}"
    assert f'href="{begin}"' in client.get("/record/events").text
    assert client.get(f"{begin}/check").status_code == 303, "nothing is filed before something is said"
    assert post(client, begin).status_code == 422
    answer = post(client, begin, ground="paid")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{begin}/words")
    assert post(client, f"{begin}/words", text="x" * 1001).status_code == 422
    assert post(client, f"{begin}/words", text="Paid\r\non the 3rd.\x07").status_code == 303
    evidence = f"{begin}/evidence"
    for bad in (b"", b"MZ\x00", b"\x89PNG\r\n\x1a\n" + bytes(5 << 20)):
        answer = post(client, evidence, file=(io.BytesIO(bad), "x.png"), add="1")
        assert answer.status_code == 422, "with a sentence"
        assert "govuk-error-summary" in answer.text
    assert post(client, evidence, file=(io.BytesIO(PNG * 30_000), "large.png"), add="1").status_code == 303
    assert post(client, evidence, file=(io.BytesIO(PNG), "凭证.png"), add="1").status_code == 303
    number = re.search(r'name="remove" value="(\d+)"', client.get(evidence).text)[1]
    assert post(client, evidence, remove=number).status_code == 303
    assert "large.png" not in client.get(evidence).text
    assert post(client, evidence).headers["Location"] == f"{begin}/check"
    shown = text_of(client.get(f"{begin}/check"))
    assert "Payment status" in shown, "which entry it is about"
    assert "30 to 59 days late" in shown
    assert "I have paid it" in shown
    assert "凭证.png" in shown
    assert "+ 20 days =" in shown
    done = sign(client, post(client, f"{begin}/check"), citizen)
    assert (done.status_code, done.headers["Location"]) == (303, f"{begin}/done")
    assert "+ 20 days =" in text_of(client.get(f"{begin}/done"))
    (view,) = disputes.of_citizen(world.bureau, person(world).id)
    assert view.dispute.opened[0].text == "Paid\non the 3rd."
    assert [each.media_type for each in view.evidence] == ["image/png"]
    world.step()
    assert "being checked" in client.get("/record/disputes").text
    assert "Signed with your passkey" in text_of(client.get("/record/events")).replace("Signed: ", "Signed ")
    assert "You have disputed this entry" in client.get(begin).text
    closing = world.line(
        LENDER, "dispute_closed", WHO, target=index, outcome="upheld", reason="The bank saw nothing."
    )
    admit(world.bureau, world.batch(LENDER, [closing]))
    world.step()
    shown = client.get("/record/disputes").text
    assert "The bank saw nothing." in shown
    about = f"/record/statements/new/{index}"
    assert about in shown
    assert post(client, about, text="").status_code == 422
    signed = sign(client, post(client, about, text="I did <pay>."), citizen)
    assert signed.headers["Location"] == "/record/statements"
    assert "I did &lt;pay&gt;." in client.get("/record/statements").text


def test_whose_score_a_dispute_would_lower_reads_both_numbers_before_signing(client, world):
    """A file of six months, one of them late: that one can be disputed without losing the score."""
    from app.services.citizens.links import create_link

    who = "uci:4043"
    lines = [
        world.line(LENDER, "account_opened", who, account="c", currency="TWD", day=world.day(300), **{"class": "card"}),
        world.line(
            LENDER, "status", who, account="c", status="late_30", day=world.day(36), first_delinquent_on=world.day(70),
            notified_on=world.day(36), notified_by="letter",
        ),
        world.line(
            LENDER, "statement", who, account="c", currency="TWD", day=world.day(5), balance_minor=100, limit_minor=10_000,
        ),
        *(
            world.line(LENDER, "status", who, account="c", status="on_time", day=world.day(5 + 31 * month))
            for month in range(6) if month != 1
        ),
    ]  # fmt: skip
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    with world.bureau.transaction() as connection:
        found = world.bureau.people.find(connection, [who])[who]
        events = history.whole_history(connection, found)
    sign_in(client, create_link(world.bureau, who))
    world.step()
    for index, event in events:
        if not isinstance(event, types.AccountOpened | types.Statement | types.Status):
            continue
        begin, warned = f"/record/disputes/new/{index}", not isinstance(event, types.Status)
        found_lower = disputes.lowered(world.bureau, found.id, index)
        assert (found_lower is not None) is warned, event
        said = f"would be {found_lower.then} instead of {found_lower.now}" if found_lower else "instead of"
        assert (said in text_of(client.get(begin))) is warned
        post(client, begin, ground="paid")
        assert (said in text_of(client.get(f"{begin}/check"))) is warned


def test_what_is_not_yours_or_not_to_be_disputed_is_not_there(signed_in, world):
    for index in (0, 1, 10**6, 2**53 + 5):
        for path in ("/record/disputes/new/%d", "/record/disputes/new/%d/check", "/record/statements/new/%d"):
            assert signed_in.get(path % index).status_code == 404
    signed_in.get("/record")


@pytest.mark.parametrize(
    "path", ["/record/disputes", "/record/disputes/new/3", "/record/statements", "/record/erase"]
)
def test_nobody_gets_there_without_signing_in(client, path):
    assert client.get(path).status_code == 403


def test_r40_erasure_is_explained_asked_for_with_the_passkey_and_called_off(signed_in, world, citizen):
    client = signed_in
    page = client.get("/record/erase")
    assert page.headers["Cache-Control"] == "no-store"
    assert "What stays, and why" in page.text
    assert post(client, "/record/erase").status_code == 422
    assert sign(client, post(client, "/record/erase", sure="yes"), citizen).status_code == 303
    world.step()
    shown = text_of(client.get("/record/erase"))
    assert f"+ {erasure.COOLING_OFF_DAYS} days =" in shown
    assert "Call it off" in shown
    stop = client.post("/record/erase/stop", data={"csrf_token": csrf_of(client, "/record/erase")})
    assert sign(client, stop, citizen).status_code == 303
    world.step()
    assert erasing.of_citizen(world.bureau, person(world).id).asked_on is None
    assert "What stays, and why" in client.get("/record/erase").text


def test_the_pages_speak_chinese(signed_in, world):
    signed_in.set_cookie("lang", "zh")
    assert "哪里不对" in signed_in.get(f"/record/disputes/new/{late(world)}").text
    assert "将保留的内容及原因" in signed_in.get("/record/erase").text
    assert "您的声明" in signed_in.get("/record/statements").text
