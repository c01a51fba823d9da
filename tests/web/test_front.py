"""The front door gives what Flask would have given, and everything else is Flask's."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise

import pytest

from tests.web.conftest import CITIZEN, FROZEN, THIN

PROOF, INQUIRIES = "/record/score.proof", "/v1/inquiries"
UNLIKE = re.compile(r'"(ms|time)":[^,}]+')


@pytest.fixture(params=[False, True], ids=["http", "https"])
def served(request, world, tmp_path):
    """(application, its log): with HSTS and the other cookie name too."""
    from app.web import create_app

    log = tmp_path / "web.jsonl"
    return create_app(world.bureau, log=log, https=request.param), log


def call(application, method, path, body=b"", **environ):
    """The whole answer of a WSGI application: status, headers in their order, body."""
    given = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_X_REQUEST_ID": "proxy-4711",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **({"CONTENT_LENGTH": str(len(body))} if body else {}),
        **environ,
    }
    began = []
    answer = application(given, lambda status, headers, _=None: began.append((status, headers)))
    whole = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    ((status, headers),) = began
    return status, headers, whole


def both(served, *request, **environ):
    """The same request through the front door and past it: what is answered, written and counted has to be the same."""
    application, log = served
    answers, written = [], [b""]
    for entrance in (application.wsgi_app, application.wsgi_app.inner):
        answers.append(call(entrance, *request, **environ))
        written.append(log.read_bytes())
    lines = [UNLIKE.sub("", late.removeprefix(early).decode()) for early, late in pairwise(written)]
    assert answers[0] == answers[1]
    assert lines[0] == lines[1]
    assert lines[0].count("\n") == 1
    return answers[0]


def session_cookie(application, world):
    """A session, beside another cookie."""
    from app.services.citizens.links import create_link, open_link

    token = open_link(world.bureau, create_link(world.bureau, CITIZEN))
    value = application.session_interface.get_signing_serializer(application).dumps({"citizen": token})
    return f"lang=zh; {application.config['SESSION_COOKIE_NAME']}={value}"


def refuse(*_):
    raise AssertionError("this was for the front door")


def test_a_proof_is_served_in_front_and_just_as_flask_serves_it(served, world):
    cookie = session_cookie(served[0], world)
    status, headers, body = both(served, "GET", PROOF, HTTP_COOKIE=cookie)
    assert status == "200 OK"
    assert json.loads(body)["kind"] == "score"
    assert dict(headers)["X-Request-Id"] == "proxy-4711"
    served[0].wsgi_app.inner = refuse
    assert call(served[0].wsgi_app, "GET", PROOF, HTTP_COOKIE=cookie) == (status, headers, body)
    fresh = dict(call(served[0].wsgi_app, "GET", PROOF, HTTP_COOKIE=cookie, HTTP_X_REQUEST_ID="a b")[1])
    assert re.fullmatch("[0-9a-f]{32}", fresh["X-Request-Id"])


def test_an_inquiry_is_served_in_front_and_just_as_flask_serves_it(served, world):
    inquiry = world.inquiry(CITIZEN)
    status, headers, body = both(served, "POST", INQUIRIES, inquiry)  # again: the same answer
    assert status == "200 OK"
    assert set(json.loads(body)) == {"answer", "receipts", "proof", "advice"}
    served[0].wsgi_app.inner = refuse
    assert call(served[0].wsgi_app, "POST", INQUIRIES, inquiry) == (status, headers, body)


def test_both_doors_count_on_the_same_counters(served, world):
    application, _ = served
    cookie = session_cookie(application, world)

    def counted():
        metrics = application.test_client().get("/metrics").text
        names = ("requests_total", "seconds_count", "seconds_bucket", "sent_bytes_total")
        lines = (line for line in metrics.splitlines() if f'route="{PROOF}"' in line and "403" not in line)
        return {
            key: float(value)
            for key, _, value in (line.rpartition(" ") for line in lines)
            if any(n in key for n in names)
        }

    call(application.wsgi_app, "GET", PROOF, HTTP_COOKIE=cookie)
    before = counted()
    call(application.wsgi_app, "GET", PROOF, HTTP_COOKIE=cookie)
    between = counted()
    call(application.wsgi_app.inner, "GET", PROOF, HTTP_COOKIE=cookie)
    after = counted()
    assert before.keys() == between.keys() == after.keys()
    certain = [key for key in before if 'le="' not in key or 'le="+Inf"' in key]
    assert len(certain) == 4
    assert all(between[key] - before[key] == after[key] - between[key] > 0 for key in certain)


@pytest.mark.parametrize(
    ("status", "unusual"),
    [
        (403, {}),
        (403, {"HTTP_COOKIE": "session=nonsense; __Host-session=nonsense"}),
        (403, {"HTTP_COOKIE": "lang=zh"}),
        (403, {"HTTP_COOKIE": "{cookie}x"}),
        (200, {"HTTP_COOKIE": "{cookie}", "QUERY_STRING": "a=b"}),
        (200, {"HTTP_COOKIE": "{cookie}", "CONTENT_LENGTH": "0"}),
        (200, {"HTTP_COOKIE": "{cookie}", "REQUEST_METHOD": "HEAD"}),
        (405, {"HTTP_COOKIE": "{cookie}", "REQUEST_METHOD": "POST"}),
        (404, {"HTTP_COOKIE": "{cookie}", "PATH_INFO": "/record/score.proof/"}),
    ],
    ids=str,
)
def test_whatever_is_unusual_about_a_proof_is_for_flask(served, world, status, unusual):
    cookie = session_cookie(served[0], world)
    given = {name: value.format(cookie=cookie) for name, value in unusual.items()}
    answer = both(served, "GET", PROOF, HTTP_ACCEPT="application/json", **given)
    assert answer[0].startswith(f"{status} ")


def test_an_ended_session_is_for_flask(served, world):
    cookie = session_cookie(served[0], world)
    with world.bureau.transaction() as connection:
        connection.execute("UPDATE sessions SET expires_at = 'epoch'")
    assert both(served, "GET", PROOF, HTTP_ACCEPT="application/json", HTTP_COOKIE=cookie)[0].startswith(
        "403 "
    )


@pytest.mark.parametrize(
    ("status", "unusual"),
    [
        (200, {"CONTENT_TYPE": "text/html"}),
        (415, {"HTTP_CONTENT_ENCODING": "gzip"}),
        (413, {"CONTENT_LENGTH": "65537"}),
        (400, {"CONTENT_LENGTH": "0"}),
        (400, {"CONTENT_LENGTH": "-1"}),
        (400, {"CONTENT_LENGTH": "²"}),
        (400, {"CONTENT_LENGTH": "99"}),
        (400, {"CONTENT_LENGTH": "60000"}),  # more than comes
        (405, {"REQUEST_METHOD": "PUT"}),
    ],
    ids=str,
)
def test_whatever_is_unusual_about_an_inquiry_is_for_flask(served, world, status, unusual):
    answer = both(served, "POST", INQUIRIES, world.inquiry(CITIZEN), **unusual)
    assert answer[0].startswith(f"{status} ")


@pytest.mark.parametrize(
    ("citizen", "status"), [(FROZEN, 423), (THIN, 403), ("uci:4711", 403), ("nobody", 422)]
)
def test_a_refusal_is_told_by_flask(served, world, citizen, status):
    assert both(served, "POST", INQUIRIES, world.inquiry(citizen))[0].startswith(f"{status} ")


@pytest.mark.parametrize(("method", "path"), [("GET", PROOF), ("POST", INQUIRIES)])
def test_what_failed_in_front_is_told_and_not_tried_again(served, method, path):
    """The request itself would be refused for other reasons, had it been looked at."""
    from app.services.banks.inquiries import NotYetError

    told = {"credence.failed": NotYetError("in front"), "HTTP_ACCEPT": "application/json"}
    status, headers, body = call(served[0].wsgi_app.inner, method, path, **told)
    assert (status, dict(headers)["Retry-After"]) == ("409 CONFLICT", "2")
    assert json.loads(body)["detail"] == "in front"
