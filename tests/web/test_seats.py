"""People at organisations sign in, see what their role may open, and end their sessions."""

from __future__ import annotations

import re

import pytest

from tests.web.test_errors import csrf_of


def take_seat(client, world, role, organisation="bureau", label="A. Chen"):
    """Sign this client in, in a role; the seat."""
    from app.services.organisations import seats

    seat = seats.find(world.bureau, organisation, role, label) or seats.add(
        world.bureau, organisation, role, label
    )
    path = f"/seat/open/{seats.create_link(world.bureau, seat.id)}"
    assert client.post(path, data={"csrf_token": csrf_of(client, path)}).status_code == 303
    return seat


def test_looking_at_a_link_does_not_use_it_up(client, world):
    from app.services.organisations import seats

    seat = seats.add(world.bureau, "bank.example", "bank", "Looks twice")
    path = f"/seat/open/{seats.create_link(world.bureau, seat.id)}"
    for _ in range(3):
        assert client.get(path).status_code == 200
    answer = client.post(path, data={"csrf_token": csrf_of(client, path)})
    assert answer.headers["Location"] == "/seat"
    page = client.get("/seat").text
    assert "Looks twice" in page
    assert "bank.example" in page
    again = client.post(path, data={"csrf_token": csrf_of(client, "/check")})
    assert again.status_code == 410


@pytest.mark.parametrize(("language", "words"), [("en", "Sign in first"), ("zh", "请先登录")])
def test_without_a_seat_there_is_a_page_that_says_how_to_get_one(client, language, words):
    client.set_cookie("lang", language)
    answer = client.get("/seat")
    assert answer.status_code == 403
    assert words in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_citizens_session_is_no_seat_and_a_seat_no_citizens_session(client, world, link):
    from tests.web.test_pages import sign_in

    sign_in(client, link)
    assert client.get("/seat").status_code == 403
    take_seat(client, world, "clerk")
    assert client.get("/seat").status_code == 200
    assert client.get("/record").status_code == 403


def test_other_sessions_are_ended_from_the_page(app, client, world):
    take_seat(client, world, "clerk")
    other = app.test_client()
    take_seat(other, world, "clerk")
    page = other.get("/seat").text
    assert page.count("/end") >= 1
    import re

    for number in re.findall(r"/seat/sessions/(\d+)/end", page):
        answer = other.post(f"/seat/sessions/{number}/end", data={"csrf_token": csrf_of(other, "/seat")})
        assert answer.status_code == 303
    assert client.get("/seat").status_code == 403
    assert other.get("/seat").status_code == 200


def test_signing_out_ends_the_session_on_the_server(client, world):
    take_seat(client, world, "clerk")
    with client.session_transaction() as session:
        kept = dict(session)
    client.post("/seat/sign-out", data={"csrf_token": csrf_of(client, "/seat")})
    with client.session_transaction() as session:
        session.update(kept)
    assert client.get("/seat").status_code == 403


def test_forms_of_seats_need_their_token(client, world):
    take_seat(client, world, "clerk")
    assert client.post("/seat/sign-out").status_code == 400


@pytest.mark.parametrize(
    ("role", "path", "place"),
    [
        ("bank", "/bank/letters", "Letters"),
        ("clerk", "/staff/codes", "Enrolment codes"),
        ("clerk", "/staff/cases/new", "Cases"),
        ("officer", "/staff/approvals", "Approvals"),
        ("clerk", "/seat", "Your seat"),
    ],
)
def test_one_place_of_the_menu_is_where_one_is(client, world, role, path, place):
    take_seat(client, world, role, "bank.example" if role == "bank" else "bureau")
    page = client.get(path).text
    menu = page[page.index("govuk-service-navigation__list") :]
    marked = re.findall(
        r'aria-current="(?:page|true)"[^>]*>\s*(?:<strong[^>]*>)?\s*([^<]+?)\s*<', menu[: menu.index("</ul>")]
    )
    assert marked == [place]
