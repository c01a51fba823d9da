"""The pages with a real record behind them, in both languages, without a browser."""

from __future__ import annotations

import io
import re

import pytest

from app.core.log.note import Signer
from tests.web import verifier
from tests.web.conftest import CITIZEN, LENDER, THIN
from tests.web.test_errors import csrf_of

LANGUAGES = ["en", "zh"]


def sign_in(client, token):
    answer = client.post(f"/open/{token}", data={"csrf_token": csrf_of(client, f"/open/{token}")})
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"] == "/record"


@pytest.fixture
def record(client, link):
    """The client of a citizen who is signed in."""
    sign_in(client, link)
    return client


def test_home_shows_the_ledgers_figures(client):
    figures = client.get("/v1/figures").get_json()
    page = client.get("/").text
    assert f"<dd>{figures['events']:,}</dd>" in page
    assert figures["root"] in page
    for address in ("/check", "/record", "/checkpoint", "/v1/openapi.json", "/problems"):
        assert f'href="{address}"' in page
        assert client.get(address).status_code in (200, 403)


def test_looking_at_a_link_does_not_use_it_up(client, link):
    for _ in range(3):
        page = client.get(f"/open/{link}")
        assert page.status_code == 200
    assert "uci:" not in page.text
    sign_in(client, link)
    assert client.get("/record").status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_works_once(client, link, language):
    client.set_cookie("lang", language)
    sign_in(client, link)
    again = client.post(f"/open/{link}", data={"csrf_token": csrf_of(client, "/check")})
    assert again.status_code == 410
    assert ("once" if language == "en" else "一次") in again.text


def test_the_overview_shows_the_score_and_how_the_points_add_up(record, world):
    from app.services.citizens import overview

    page = record.get("/record").text
    assert CITIZEN not in page  # masked
    assert "uci:***" in page
    shown = overview.overview(world.bureau, 1)
    assert f'<p class="credence-score">{shown.score}</p>' in page
    points = [int(each) for each in re.findall(r'__cell--numeric">\s*(\d+)\s*<svg', page)]
    assert shown.base + sum(points) == shown.score
    assert len(points) == len(shown.criteria)
    assert shown.past.points[-1].score == shown.score
    for way in ("/record/events", "/record/looks"):
        assert f'<a class="credence-way" href="{way}"' in page
        assert record.get(way).status_code == 200


def test_every_event_is_shown_and_says_where_it_is_in_the_ledger(record, world):
    from app.services.citizens import records

    world.step()
    read = records.entries(world.bureau, 1)
    shown, number = [], 1
    while (answer := record.get(f"/record/events?page={number}")).status_code == 200:
        assert CITIZEN not in answer.text
        shown += re.findall(r'<li class="credence-event" id="entry-(\d+)"', answer.text)
        number += 1
    assert [int(each) for each in shown] == [item.log_index for item in read.items]
    page = record.get("/record/events").text
    assert re.search(r"In the ledger since [^<]+, block 0", page)
    path = re.search(r'href="(/tile/entries/[^"]+)"', page)[1]
    assert record.get(path).status_code == 200
    assert "connect-src 'self'" in record.get("/record/events").headers["Content-Security-Policy"]
    assert "connect-src" not in record.get("/record").headers["Content-Security-Policy"]
    negative = record.get("/record/events?show=negative").text
    assert negative.count('class="credence-event"') == sum(item.negative for item in read.items) == 1
    assert record.get("/record/events?show=nothing").status_code == 404


def test_r16_looks_are_shown_with_who_why_and_what_was_shown(record, world):
    from app.services.banks.inquiries import inquire

    inquire(world.bureau, world.inquiry(CITIZEN))
    world.step()
    page = record.get("/record/looks").text
    newest = page[page.index('class="credence-event"') :]
    newest = (
        newest[: newest.index('<li class="credence-event"')]
        if '<li class="credence-event"' in newest
        else newest
    )
    assert "bank.example" in newest
    assert "application for credit" in newest
    assert "Was shown: the score, the points of each criterion." in newest
    assert "Inquiry" in newest  # the question stands below its answer, not beside it


@pytest.mark.parametrize("language", LANGUAGES)
def test_repairs_stand_with_what_they_are_about(client, world, language):
    from app.services.citizens import records
    from app.services.citizens.links import create_link
    from app.services.ledger.intake import admit
    from tests.web.conftest import ENROLMENT

    citizen = f"uci:{880 + LANGUAGES.index(language)}"
    told = {"notified_on": world.day(40), "notified_by": "letter"}
    late = {"account": "c", "status": "late_30", "first_delinquent_on": world.day(70), **told}
    admit(
        world.bureau, world.batch(LENDER, [world.line(LENDER, "status", citizen, day=world.day(30), **late)])
    )
    world.step()
    sign_in(client, create_link(world.bureau, citizen))
    with world.bureau.transaction() as connection:
        number = world.bureau.people.find(connection, [citizen])[citizen].id
    (item,) = (each for each in records.entries(world.bureau, number).items if each.type == "status")
    assert item.is_disputable
    wrong = f'href="/record/disputes/new/{item.log_index}"'
    assert wrong in client.get("/record/events").text
    signed = {"basis": "paper", "basis_ref": "p-1"}
    opened = world.line(ENROLMENT, "dispute_opened", citizen, target=item.log_index, ground="paid", **signed)
    admit(world.bureau, world.batch(ENROLMENT, [opened]))
    world.step()
    client.set_cookie("lang", language)
    disputed = client.get("/record/events?show=disputed").text
    assert ("in dispute" if language == "en" else "异议中") in disputed
    assert wrong not in disputed
    (item,) = (each for each in records.entries(world.bureau, number).items if each.type == "status")
    assert (item.state, item.is_disputable, [each.type for each in item.about]) == (
        "disputed",
        False,
        ["dispute_opened"],
    )
    right = {"account": "c", "status": "on_time", "day": world.day(30)}
    fixed = world.line(LENDER, "correction", citizen, day=world.day(30), target=item.log_index, fields=right)
    closed = world.line(
        LENDER, "dispute_closed", citizen, target=item.log_index, outcome="corrected", reason="so"
    )
    admit(world.bureau, world.batch(LENDER, [fixed, closed]))
    world.step()
    (item,) = (each for each in records.entries(world.bureau, number).items if each.type == "status")
    assert (item.state, len(item.about), item.negative, item.speaks_against) == ("corrected", 3, True, False)
    page = client.get("/record/events").text
    assert ("paid on time" if language == "en" else "按时") in page
    again = world.line(ENROLMENT, "dispute_opened", citizen, target=item.log_index, ground="other", **signed)
    admit(world.bureau, world.batch(ENROLMENT, [again]))
    unanswered = world.line(
        LENDER, "dispute_closed", citizen, target=item.log_index, outcome="unverifiable", reason="so"
    )
    admit(world.bureau, world.batch(LENDER, [unanswered]))
    world.step()
    (item,) = (each for each in records.entries(world.bureau, number).items if each.type == "status")
    assert (item.state, item.is_disputable, item.speaks_against) == (
        "corrected",
        True,
        False,
    )  # it helps: it stays


def test_the_proof_can_be_taken_along_and_checked(record, world):
    proof = record.get("/record/score.proof")
    assert proof.headers["Content-Disposition"] == 'attachment; filename="score.proof"'
    page = check(record, proof.data, identifier=CITIZEN)
    assert page.status_code == 200
    assert "The proof holds" in page.text
    assert "The file belongs to the identifier" in page.text
    assert "careful" in page.text


def test_every_link_of_the_navigations_leads_to_a_page(app):
    from app.web.citizens import menu
    from app.web.organisations import regulator, seats

    links = [link.path for _, group in menu.GROUPS for link in (*group, *menu.BAR)]
    places = [path for each in seats.PLACES.values() for path, _ in each] + [
        each[0] for each in regulator.PLACES
    ]
    assert {*links, *places} <= {rule.rule for rule in app.url_map.iter_rules()}
    assert set(seats.PLACES) == set(seats.ROLES)


def test_pages_that_are_not_there(record):
    for wrong in ("0", "99", "-1"):
        for path in ("/record/events", "/record/looks"):
            assert record.get(f"{path}?page={wrong}").status_code == 404


def test_signing_out_ends_the_session_on_the_server(record):
    with record.session_transaction() as session:
        kept = dict(session)
    answer = record.post("/record/sign-out", data={"csrf_token": csrf_of(record, "/record")})
    assert answer.status_code == 303
    assert record.get("/record").status_code == 403
    with record.session_transaction() as session:
        session.update(kept)  # the old cookie again
    assert record.get("/record").status_code == 403


def test_a_thin_file_has_no_number_and_says_what_is_missing(client, world):
    from app.services.citizens.links import create_link

    sign_in(client, create_link(world.bureau, THIN))
    page = client.get("/record").text
    assert "No score yet" in page
    assert "This is not a low score" in page
    assert "six months" in page
    assert '<svg class="credence-scale"' not in page


def test_a_citizen_in_no_block_yet_is_told_to_wait(client, world):
    from app.services.citizens.links import create_link
    from app.services.ledger.intake import admit
    from tests.web.conftest import UTILITY

    admit(
        world.bureau,
        world.batch(UTILITY, [world.line(UTILITY, "utility", "uci:77", account="m", status="on_time")]),
    )
    sign_in(client, create_link(world.bureau, "uci:77"))
    answer = client.get("/record")
    assert answer.status_code == 409
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_proof_goes_to_its_session_alone(app, record, world):
    """The endpoint asks one question for session and account; it ends with the session like every other."""
    assert app.test_client().get("/record/score.proof").status_code == 403
    answer = record.get("/record/score.proof")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "Cookie" in answer.headers["Vary"]
    with world.bureau.transaction() as connection:
        connection.execute("UPDATE sessions SET expires_at = 'epoch'")
    assert record.get("/record/score.proof").status_code == 403


def check(client, data, **fields):
    form = {"csrf_token": csrf_of(client, "/check"), "proof": (io.BytesIO(data), "x.proof"), **fields}
    return client.post("/check", data=form, content_type="multipart/form-data")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_proof_that_does_not_hold_is_refused_in_words(record, language):
    record.set_cookie("lang", language)
    good = record.get("/record/score.proof").data
    bad = {"nothing": b"{}", "binary": b"\xff" * 99, "changed": re.sub(rb'"score":\d+', b'"score":849', good)}
    for name, data in bad.items():
        page = check(record, data)
        assert page.status_code == 422, name
        assert ("This file proves nothing" if language == "en" else "此文件不能证明任何事") in page.text
    assert check(record, good, identifier="uci:2").status_code == 422
    other = (
        "quorum none\nlog " + Signer.generate_from_seed("other.example", bytes(32)).verifier.encode() + "\n"
    )
    assert check(record, good, policy=other).status_code == 422
    assert check(record, good).status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_takes_every_kind_of_proof(client, language):
    """Those of the vectors are of another ledger and long ago, so the policy is theirs and only what has no age can hold."""
    client.set_cookie("lang", language)
    held = set()
    for case in verifier.cases("valid"):
        page = check(client, case["proof"].encode(), policy=case["policy"], audience=case.get("audience", ""))
        if page.status_code == 200:
            held.add(verifier.kind_of(case))
            assert ("The proof holds" if language == "en" else "证明成立") in page.text
        else:
            assert page.status_code == 422
            why = (
                "step 2, ",
                "step 6, how old it is",
                "step 5, for whom and when: the credential has expired on",
            )
            assert any(each in page.text for each in why), case["name"]
    assert {"consistency", "contradiction"} <= held


def test_a_form_that_cannot_be_used_says_why(client):
    for fields, words in (
        ({"data": b""}, "Choose a .proof file."),
        ({"data": b"x" * ((1 << 20) + 1)}, "larger than 1 MiB"),
        ({"data": b"x", "identifier": "u" * 129}, "shorter than this"),
        ({"data": b"x", "nonce": "u" * 129}, "shorter than this"),
        ({"data": b"x", "identifier": "17"}, "Write it like uci:17."),
        ({"data": b"x", "policy": "nonsense"}, "This is not a policy."),
    ):
        page = check(client, **fields)
        assert page.status_code == 400
        assert words in page.text
        assert "govuk-error-summary" in page.text
    assert check(client, b"x" * 1_400_000).status_code == 413


def test_what_is_typed_in_is_shown_as_text(client):
    page = check(client, b"x", identifier='"><script>alert(1)</script>')
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("path", ["/", "/check", "/problems", "/open/t", "/record", "/nope"])
def test_chinese_pages_have_no_english_left(client, path):
    client.set_cookie("lang", "zh")
    skipped = r"<(script|style|code|pre)\b.*?</\1>|<(span|button|p)[^>]*lang=\"en\"[^>]*>[^<]*</\2>|<[^>]+>"
    text = re.sub(skipped, " ", client.get(path).text, flags=re.DOTALL)
    allowed = r"Credence|OpenAPI|RFC|C2SP|tlog|policy|KiB|proof|cn|UTC|application|problem|json|type|code|docs|formats|md|Retry|After|ledger\S*|[a-z]+-[a-z-]+|failed|malformed|rule|conflict|damaged|credence audit|refused|error|[0-9a-f]{32,}|quot"
    assert not [word for word in re.findall(r"[A-Za-z]{4,}", re.sub(allowed, " ", text)) if word]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_removed_after_retention_is_named_by_its_entry_alone(client, world, language):
    from app.services.citizens.links import create_link
    from app.services.ledger import retention
    from app.services.ledger.intake import admit

    citizen, then = f"uci:{990 + LANGUAGES.index(language)}", world.day(6 * 366)
    told = {"first_delinquent_on": then, "notified_on": then, "notified_by": "letter"}
    late = world.line(LENDER, "status", citizen, day=then, account="gone-card", status="late_90", **told)
    kept = world.line(LENDER, "status", citizen, account="kept-card", status="on_time")
    admit(world.bureau, world.batch(LENDER, [late, kept]))
    world.step()
    client.set_cookie("lang", language)
    sign_in(client, create_link(world.bureau, citizen))
    soon, removed = (
        ("will be destroyed", "removed after retention on")
        if language == "en"
        else ("将在一天之内销毁", "已于")
    )
    page = client.get("/record/events").text
    assert soon in page
    assert "gone-card" not in page
    world.step()  # the look is news, and whoever has news is left to the next run
    assert retention.run(world.bureau, lambda _: None).notices == 1
    world.step()
    page = client.get("/record/events").text
    assert removed in page
    assert soon not in page
    assert "kept-card" in page
