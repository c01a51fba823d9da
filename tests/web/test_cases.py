"""A citizen asks for a person, a clerk answers: the pages of both."""

from __future__ import annotations

import pytest

from tests.web.conftest import CITIZEN
from tests.web.test_approvals import post
from tests.web.test_pages import sign_in
from tests.web.test_seats import take_seat

TEXT = "I was <b>never</b> late.\r\nPlease look."


@pytest.fixture
def clerk(app, world):
    """A clerk's browser."""
    other = app.test_client()
    take_seat(other, world, "clerk", label="Case clerk")
    return other


@pytest.fixture
def citizen(client, link):
    sign_in(client, link)
    return client


def test_r36_from_question_to_answer(citizen, clerk, world):
    asked = post(citizen, "/record/cases", about="entry", text=TEXT)
    assert asked.status_code == 303
    page = citizen.get("/record/cases").text
    assert "I was &lt;b&gt;never&lt;/b&gt; late.\nPlease look." in page
    assert "waits for somebody" in page
    import re

    at = re.findall(r'href="(/staff/cases/\d+)"', clerk.get("/staff").text)[-1]
    assert "Please look" not in clerk.get(at).text, "not before it is taken"
    assert clerk.get(f"{at}/record").status_code == 303
    assert post(clerk, f"{at}/look", at).status_code == 422
    assert post(clerk, f"{at}/take", at).status_code == 303
    page = clerk.get(at).text
    assert "Please look" in page
    assert CITIZEN not in page
    assert clerk.get(f"{at}/record").status_code == 303, "nothing is shown before the look is recorded"
    opened = post(clerk, f"{at}/look", at)
    assert opened.headers["Location"] == f"{at}/record"
    record = clerk.get(f"{at}/record").text
    assert "Payment status" in record
    assert CITIZEN not in record
    world.step()
    assert f"case-{at.rpartition('/')[2]}" in citizen.get("/record/looks").text
    assert post(clerk, f"{at}/answer", at, text="").status_code == 422
    assert post(clerk, f"{at}/answer", at, text="We looked.").status_code == 303
    assert "We looked." in citizen.get("/record/cases").text
    assert clerk.get(f"{at}/record").status_code == 303, "an answered case opens no record"


@pytest.mark.parametrize(
    ("language", "words", "why"),
    [
        ("en", "Nothing was done", "Choose what it is about."),
        ("zh", "未执行任何操作", "请选择您要咨询的内容。"),
    ],
)
def test_a_form_that_is_not_filled_in_says_so_and_keeps_what_was_written(citizen, language, words, why):
    citizen.set_cookie("lang", language)
    answer = post(citizen, "/record/cases", text="kept <text>")
    assert answer.status_code == 422
    assert words in answer.text
    assert why in answer.text
    assert "choose what it is about" not in answer.text, "the program's own words"
    assert "kept &lt;text&gt;" in answer.text


def test_a_case_from_the_counter(clerk):
    path = "/staff/cases/new"
    made = post(clerk, path, identifier=CITIZEN, about="other", text="At the counter, form 7")
    assert made.status_code == 303
    assert CITIZEN not in made.headers["Location"]
    assert post(clerk, path, identifier="uci:99999", about="other", text="x").status_code == 422
    at = made.headers["Location"]
    post(clerk, f"{at}/take", at)
    assert post(clerk, f"{at}/give-back", at).status_code == 303


def test_cases_are_for_clerks_and_ones_own_for_citizens(app, client, world):
    assert client.get("/record/cases").status_code == 403
    take_seat(client, world, "officer", label="A. Chen")
    for path in ("/staff", "/staff/cases/new", "/staff/cases/1", "/staff/cases/1/record"):
        assert client.get(path).status_code == 403
    for act in ("take", "look", "answer", "give-back"):
        assert post(client, f"/staff/cases/1/{act}", "/seat").status_code == 403
    take_seat(client, world, "clerk", label="Case clerk")
    assert client.get("/staff/cases/999999").status_code == 404
    assert post(client, "/staff/cases/999999/take", "/seat").status_code == 404
