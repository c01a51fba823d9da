"""One contract for every error: RFC 9457 for programs, a page that says what to do for people, and the headers that belong to it."""

from __future__ import annotations

import io

import pytest

from tests.web.conftest import BANK, CITIZEN, FROZEN, LENDER, UTILITY

REQUIRED = {"type", "title", "status", "detail", "code", "request_id"}


def check_problem(answer, status, code=None, kind=None):
    """What every problem looks like; gives its members back."""
    assert answer.status_code == status, answer.data
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    members = answer.get_json(force=True)
    assert set(members) >= REQUIRED
    assert members["status"] == status
    assert members["request_id"] == answer.headers["X-Request-Id"]
    assert members["type"] == ("about:blank" if kind is None else f"/problems#{kind}")
    assert all(isinstance(members[name], str) and members[name] for name in REQUIRED - {"status"})
    if code is not None:
        assert members["code"] == code
    return members


def bad_batches(world):
    """(name, body, status, kind): every way in which a batch is refused."""
    good = world.line(LENDER, "payment", CITIZEN, account="card-1", currency="TWD", amount_minor=5)
    body = world.batch(LENDER, [good], "same-id")
    yield "empty", b"", 400, "malformed"
    yield "not json", b"hello\n", 400, "malformed"
    yield "not utf-8", b"\xff\xfe\n", 400, "malformed"
    yield "truncated", body[:-20], 400, "malformed"
    yield "duplicate key", body.replace(b'{"note"', b'{"note":"x","note"'), 400, "malformed"
    broken = body.replace(b'"amount_minor":5', b'"amount_minor":6')
    yield "wrong root", broken, None, None
    yield "float", world.batch(LENDER, [good.replace(b'"amount_minor":5', b'"amount_minor":5.5')]), None, None
    yield (
        "unknown field",
        world.batch(
            LENDER,
            [
                world.line(
                    LENDER, "payment", CITIZEN, account="c", currency="TWD", amount_minor=5, mood="good"
                )
            ],
        ),
        422,
        "rule",
    )
    yield (
        "sensitive field",
        world.batch(
            LENDER,
            [
                world.line(
                    LENDER, "payment", CITIZEN, account="c", currency="TWD", amount_minor=5, religion="x"
                )
            ],
        ),
        422,
        "rule",
    )
    yield (
        "wrong role",
        world.batch(
            UTILITY, [world.line(UTILITY, "statement", CITIZEN, account="c", currency="TWD", balance_minor=5)]
        ),
        422,
        "rule",
    )


def test_every_bad_batch_is_refused_as_a_problem(client, world):
    before = client.get("/v1/figures").get_json()["batches"]
    for name, body, status, kind in bad_batches(world):
        answer = client.post("/v1/batches", data=body, content_type="application/x-ndjson")
        assert answer.status_code in (400, 403, 422), (name, answer.data)
        members = answer.get_json(force=True)
        check_problem(answer, status or answer.status_code, kind=kind or members["type"].partition("#")[2])
        if answer.status_code == 422 and name != "wrong root":
            assert members["problems"], name
            assert all(set(each) == {"line", "rule", "detail"} for each in members["problems"])
            assert members["problems"][0]["line"] == 2, name
    assert client.get("/v1/figures").get_json()["batches"] == before


def test_a_sensitive_field_names_rule_and_article(client, world):
    line = world.line(LENDER, "payment", CITIZEN, account="c", currency="TWD", amount_minor=5, religion="x")
    members = check_problem(client.post("/v1/batches", data=world.batch(LENDER, [line])), 422, kind="rule")
    assert members["problems"][0]["rule"] == "R2"
    assert "14" in members["problems"][0]["detail"]


def test_only_the_first_ten_lines_are_named(client, world):
    lines = [
        world.line(LENDER, "payment", CITIZEN, account="c", currency="TWD", amount_minor=5, mood="x")
        for _ in range(15)
    ]
    members = check_problem(client.post("/v1/batches", data=world.batch(LENDER, lines)), 422, kind="rule")
    assert 1 <= len(members["problems"]) <= 10


def test_an_unknown_key_and_a_wrong_signature_are_403(client, world):
    from app.core.log.note import Signer
    from app.core.reporting.batch import make_batch

    line = world.line("stranger", "payment", CITIZEN, account="c", currency="TWD", amount_minor=5)
    stranger = make_batch(Signer.generate_from_seed("stranger", b"s" * 32), world.bureau.origin, "x", [line])
    check_problem(client.post("/v1/batches", data=stranger), 403, kind="bad-signature")
    forged = make_batch(
        Signer.generate_from_seed(LENDER, b"s" * 32),
        world.bureau.origin,
        "x",
        [world.line(LENDER, "payment", CITIZEN, account="c", currency="TWD", amount_minor=5)],
    )
    check_problem(client.post("/v1/batches", data=forged), 403, kind="bad-signature")


def test_the_same_batch_id_for_other_content_is_409(client, world):
    lines = [
        world.line(LENDER, "payment", CITIZEN, account="card-1", currency="TWD", amount_minor=n)
        for n in (5, 6)
    ]
    assert client.post("/v1/batches", data=world.batch(LENDER, lines[:1], "taken")).status_code == 201
    check_problem(
        client.post("/v1/batches", data=world.batch(LENDER, lines[1:], "taken")), 409, kind="conflict"
    )


def test_no_consent_is_403_and_frozen_is_423_each_with_a_receipt(client, world):
    for citizen, status, reason in (("uci:55555", 403, "no_consent"), (FROZEN, 423, "frozen")):
        members = check_problem(
            client.post("/v1/inquiries", data=world.inquiry(citizen)), status, kind="no-consent"
        )
        assert members["reason"] == reason
        assert members["receipt"].startswith("credence/receipt@v1\n")
        assert world.bureau.origin in members["receipt"]


def test_a_file_that_is_in_no_block_yet_is_409_with_retry_after(client, world):
    from app.services.ledger.intake import admit
    from tests.web.conftest import ENROLMENT

    fields = {
        "grantee": BANK,
        "purposes": ["credit_application"],
        "until": world.day(-9),
        "basis": "research",
        "basis_ref": "p",
    }
    admit(
        world.bureau, world.batch(ENROLMENT, [world.line(ENROLMENT, "consent_given", "uci:4444", **fields)])
    )
    answer = client.post("/v1/inquiries", data=world.inquiry("uci:4444"))
    check_problem(answer, 409, kind="not-yet", code="not-yet")
    assert int(answer.headers["Retry-After"]) >= 1


def test_too_large_is_413_announced_or_not(client):
    check_problem(client.post("/v1/inquiries", data=b"x" * (64 * 1024 + 1)), 413)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    stream = io.BytesIO(b"x" * (64 * 1024 + 1))
    check_problem(client.post("/v1/inquiries", input_stream=stream, environ_overrides=chunked), 413)
    announced = client.post(
        "/v1/batches", data=b"x", environ_overrides={"CONTENT_LENGTH": str(128 * 2**20 + 1)}
    )
    check_problem(announced, 413, code="request-entity-too-large")


def test_a_compressed_body_is_415(client):
    check_problem(client.post("/v1/batches", data=b"x", headers={"Content-Encoding": "gzip"}), 415)


@pytest.mark.parametrize("path", ["/v1/nope", "/v1/receipts/a/b/", "/tile/"])
def test_a_path_for_machines_that_is_not_there_is_404_and_never_html(client, path):
    check_problem(client.get(path, headers={"Accept": "text/html"}), 404, code="not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/receipts/nobody/b",
        "/tile/0/x1",
        "/tile/0/000.p/256",
        "/tile/64/000",
        "/tile/x/000",
        "/tile/entries/999",
    ],
)
def test_what_the_ledger_does_not_hold_is_404(client, path):
    check_problem(client.get(path, headers={"Accept": "text/html"}), 404, kind="not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/batches", "POST"), ("PUT", "/v1/inquiries", "POST"), ("DELETE", "/checkpoint", "GET")],
)
def test_a_wrong_method_is_405_and_says_which_are_allowed(client, method, path, allowed):
    answer = client.open(path, method=method)
    check_problem(answer, 405, code="method-not-allowed")
    assert allowed in answer.headers["Allow"]


def test_a_fault_of_ours_is_500_and_tells_nothing(world, tmp_path):
    """The log names the place and never the message."""
    from app.web import create_app

    log = tmp_path / "web.jsonl"
    app = create_app(world.bureau, log=log)

    def fail():
        raise ZeroDivisionError("cn:110101199003071234")

    app.add_url_rule("/v1/fail", view_func=fail)
    app.add_url_rule("/fail", view_func=fail, endpoint="fail-page")
    client = app.test_client()
    members = check_problem(client.get("/v1/fail"), 500, code="internal-server-error")
    assert "110101199003071234" not in str(members)
    page = client.get("/fail", headers={"Accept": "text/html"})
    assert page.status_code == 500
    assert page.content_type == "text/html; charset=utf-8"
    written = log.read_text()
    assert "ZeroDivisionError" in written
    assert "test_errors.py" in written
    assert "110101199003071234" not in written


def test_a_database_that_is_away_is_503_with_retry_after(world):
    import dataclasses

    from app.db.engine import make_engine
    from app.web import create_app

    away = make_engine("postgresql+psycopg://nobody@127.0.0.1:9/none")
    client = create_app(dataclasses.replace(world.bureau, engine=away)).test_client()
    answer = client.get("/v1/figures")
    check_problem(answer, 503, code="database-unavailable")
    assert answer.headers["Retry-After"] == "5"
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "text/html" in page.content_type
    ready = check_problem(client.get("/readyz"), 503, code="not-ready")
    assert ready["problems"]
    assert client.get("/livez").status_code == 200
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("path", "status"), [("/nope", 404), ("/record", 403), ("/record?page=9", 403)])
def test_people_get_pages(client, path, status, language):
    client.set_cookie("lang", language)
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert answer.content_type == "text/html; charset=utf-8"
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}"' in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize(("language", "heading"), [("en", "Sign in first"), ("zh", "请先登录")])
@pytest.mark.parametrize("path", ["/record", "/record/cases", "/record/score.proof"])
def test_who_is_not_signed_in_is_told_so_and_how_to_do_it(app, path, language, heading):
    client = app.test_client()
    client.set_cookie("lang", language)
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert f'<h1 class="govuk-heading-l">{heading}</h1>' in answer.text
    main = answer.text.partition("<main")[2]
    assert 'href="/sign-in"' in main
    assert 'href="/enrol"' in main


@pytest.mark.parametrize(
    ("language", "said"), [("en", "How to reach the bureau: "), ("zh", "征信机构联系方式：")]
)
def test_how_to_reach_the_bureau_stands_on_pages_of_failures_too(client, monkeypatch, language, said):
    client.set_cookie("lang", language)
    for path in ("/", "/nope", "/record"):
        assert said not in client.get(path, headers={"Accept": "text/html"}).text, path
    monkeypatch.setenv("CREDENCE_CONTACT", "1 Example <Road>, +86 10 5555 0100")
    for path in ("/", "/nope", "/record"):
        text = client.get(path, headers={"Accept": "text/html"}).text
        assert f"{said}1 Example &lt;Road&gt;, +86 10 5555 0100" in text, path


def test_too_many_tries_to_open_a_link_are_429(client, app):
    from app.web.limits import limiter

    token = csrf_of(client, "/open/none")
    answers = [client.post("/open/none", data={"csrf_token": token}) for _ in range(11)]
    assert {answer.status_code for answer in answers[:10]} == {410}
    assert answers[10].status_code == 429
    assert int(answers[10].headers["Retry-After"]) >= 1
    with app.app_context():
        limiter.reset()


LIMITED = {
    "alerts.change_mail",
    "api.post_batch",
    "applications.post_application",
    "approvals.look",
    "audits.open_audit",
    "bank.apply_for",
    "check.check",
    "disputes.evidence",
    "export.archive",
    "export.paper",
    "letters.for_bank_pdf",
    "letters.for_citizen_pdf",
    "log.take_cosignature",
    "record.open_record",
    "seats.open_seat",
    "security.add",
    "share.begin",
    "share.opened",
    "share.proof",
    "share.sign",
    "signin.back_from_provider",
    "signin.enter",
    "signin.show",
    "signin.to_provider",
    "signin.use_code",
    "signing.sign",
}


def test_every_endpoint_with_a_limit_is_among_those_that_are_counted(app):
    """Only views that `limited` has marked are counted: no limit is written above a view for nothing, and none is lost."""
    from app.web.limits import is_limited, limiter

    limited = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if limiter.limit_manager.decorated_limits(f"{view.__module__}.{view.__qualname__}.{view.__name__}")
    }
    with app.app_context():
        assert limited == {endpoint for endpoint in app.view_functions if is_limited(endpoint)} == LIMITED


def test_a_form_without_its_token_is_400(client, link):
    assert client.post(f"/open/{link}").status_code == 400
    assert client.post("/record/sign-out").status_code == 400


def csrf_of(client, path):
    import re

    return re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)[1]
