"""The HTTP client against servers that are slow, broken or hostile; each failure is one sentence and exit code 1."""

import http.server
import socket
import threading
import time

import pytest

from app.client import transport as client
from app.core.errors import CredenceError, FormatError, NotFoundError, RuleError

from .conftest import run


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers with what the server object holds: a list of (status, headers, body)."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.path, self.rfile.read(length)))
        status, headers, body = (
            self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        )
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    made.asked, made.answers = [], [(200, {}, b"")]
    made.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


PROBLEM = b'{"detail":"line 3 is wrong\\u001b[2J","code":"rule","problems":[{"line":3,"rule":"R7","detail":"float"},7,{}]}'


def test_a_problem_is_a_rule_error_with_its_lines(server):
    server.answers = [(422, {"Content-Type": "application/problem+json"}, PROBLEM)]
    with pytest.raises(RuleError) as refusal:
        client.Service(server.url).submit(b"x")
    assert [(p.line, p.rule) for p in refusal.value.problems] == [(3, "R7"), (0, "?"), (0, "?")]


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (404, {}, b"<html>"),
        (400, {}, b"[1]"),
        (400, {}, b'{"detail":7,"code":[]}'),
        (422, {}, b'{"detail":"x","problems":"y"}'),
        (301, {"Location": "http://example.invalid/"}, b""),
        (204, {"X": "y"}, b""),
        (200, {"Content-Length": "1000"}, b"cut"),
        (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        (200, {}, b"\0" * (client.ANSWER_BYTES_MAX + 1)),
        (200, {}, b"no checkpoint"),
    ],
)
def test_whatever_comes_back_is_said_in_a_sentence(server, answer):
    server.answers = [answer]
    code, output = run("checkpoint", "--url", server.url)
    assert code == 1
    assert output.startswith("Error: ")
    assert len(output) < 500


def test_a_terminal_is_not_steered(server):
    server.answers = [(400, {}, PROBLEM)]
    code, output = run("checkpoint", "--url", server.url)
    assert (code, "\x1b" in output) == (1, False)


def test_not_found(server):
    server.answers = [(404, {}, b'{"detail":"no block yet","code":"not-found"}')]
    with pytest.raises(NotFoundError, match="no block yet"):
        client.Service(server.url).checkpoint()


def test_it_asks_again_when_it_is_told_to_wait(server):
    server.answers = [
        (503, {"Retry-After": "0"}, b""),
        (429, {"retry-after": "0"}, b""),  # as granian writes it
        (201, {}, b"receipt"),
    ]
    assert client.Service(server.url).submit(b"the batch") == client.Submitted(b"receipt", fresh=True)
    assert [body for _, body in server.asked] == [b"the batch"] * 3


@pytest.mark.parametrize("wait", ["3600", "-1", "Sun, 22 Nov 2026 15:24:00 GMT", "1e3", "\u00b2"])
def test_it_does_not_wait_for_ever(server, wait):
    server.answers = [(503, {"Retry-After": wait.encode("utf-8").decode("latin-1")}, b"")]
    begin_s = time.monotonic()
    with pytest.raises(CredenceError):
        client.Service(server.url, patience_s=1).checkpoint()
    assert time.monotonic() - begin_s < 5


def test_nobody_is_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, output = run("checkpoint", "--url", f"http://127.0.0.1:{port}")
    assert (code, "no connection" in output) == (1, True)


@pytest.mark.parametrize(
    "url", ["bureau", "ftp://x", "http://", "http:///path", "http://[", "http://a b/", "http://x:y"]
)
def test_an_address_that_is_none(url):
    code, output = run("checkpoint", "--url", url)
    assert (code, output[:6]) == (1, "Error:")


def test_the_server_does_not_choose_the_first_entry(server, make):
    checkpoint = make.WORLD.checkpoint()
    server.answers = [(200, {}, checkpoint), (200, {}, b"\xff\xff")]
    with pytest.raises(FormatError):
        client.Service(server.url).genesis()
    assert [path for path, _ in server.asked] == ["/checkpoint", "/tile/entries/000.p/15"]


def test_genesis(server, make):
    from app.core.log.tiles import encode_bundle

    server.answers = [(200, {}, make.WORLD.checkpoint()), (200, {}, encode_bundle(make.WORLD.entries()))]
    assert client.Service(server.url).genesis() == make.NOTICES[0]


def test_a_checkpoint_is_verified_against_the_policy(server, make, files):
    server.answers = [(200, {}, make.WORLD.checkpoint())]
    code, output = run("checkpoint", "--url", server.url, "--policy", "policy-witnessed")
    assert code == 0
    assert "cosigned by 2" in output
    assert make.WORLD.checkpoint().decode() in output
    server.answers = [(200, {}, make.WORLD.checkpoint(log=make.signer("credence.example/other")))]
    assert run("checkpoint", "--url", server.url, "--policy", "policy")[0] == 1
