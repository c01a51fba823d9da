"""Security headers, cookies, the access log and metrics: what every answer carries and what is never written down."""

from __future__ import annotations

import json
import re

import pytest

from app.services.scheduler import Job, Scheduler
from tests.web.test_errors import csrf_of

PAGES = ["/", "/check", "/problems", "/open/some-token", "/nope"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_a_strict_policy_with_a_fresh_nonce(client, path):
    first, second = client.get(path), client.get(path)
    policy = first.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)[1]
    assert nonce not in second.headers["Content-Security-Policy"]
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert scripts
    assert all(f'nonce="{nonce}"' in script for script in scripts)
    assert " style=" not in first.text
    assert not re.search(r"\son[a-z]+=", first.text)
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in first.headers
    assert "Access-Control-Allow-Origin" not in first.headers


def test_what_is_no_page_may_do_nothing_in_a_browser(client):
    for path in ("/v1/figures", "/checkpoint", "/livez", "/metrics", "/v1/nope"):
        assert (
            client.get(path).headers["Content-Security-Policy"]
            == "default-src 'none'; frame-ancestors 'none'"
        )


def test_with_https_cookies_are_secure_and_hsts_is_sent(world):
    from app.web import create_app

    client = create_app(world.bureau, https=True).test_client()
    answer = client.get("/check", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_who_only_reads_gets_no_cookie(client):
    for path in ("/", "/problems", "/v1/figures", "/checkpoint"):
        assert "Set-Cookie" not in client.get(path).headers


def test_the_language_cookie_goes_back_only_to_a_path_of_ours(client):
    for wanted, given in (
        ("/check", "/check"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nX: y", "/"),
    ):
        answer = client.post("/language", data={"language": "zh", "next": wanted})
        assert (answer.status_code, answer.headers["Location"]) == (303, given)
        assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert client.post("/language", data={"language": "xx"}).status_code == 400


def test_the_browser_chooses_the_language_until_somebody_does(client):
    for asked, lang in (("zh-CN,zh;q=0.9,en;q=0.5", "zh-Hans"), ("de,en;q=0.5", "en"), ("", "en")):
        assert f'<html lang="{lang}"' in client.get("/", headers={"Accept-Language": asked}).text
    client.set_cookie("lang", "en")
    assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "zh-CN"}).text


def test_a_request_has_an_id_and_a_proxys_is_kept(client):
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/livez").headers["X-Request-Id"])
    assert (
        client.get("/livez", headers={"X-Request-Id": "proxy-4711-abc"}).headers["X-Request-Id"]
        == "proxy-4711-abc"
    )
    assert client.get("/livez", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


def test_the_access_log_says_what_happened_and_to_nobody(world, link, tmp_path):
    from app.web import create_app

    log = tmp_path / "web.jsonl"
    client = create_app(world.bureau, log=log).test_client()
    token = csrf_of(client, f"/open/{link}")
    client.post(f"/open/{link}", data={"csrf_token": token}, headers={"User-Agent": "secret-agent"})
    client.get("/record?page=1")
    client.post("/check?identifier=uci:4711", data={})
    client.get("/nope/uci:4711")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("GET", "/open/<token>", 200),
        ("POST", "/open/<token>", 303),
        ("GET", "/record", 200),
        ("POST", "/check", 400),
        ("GET", "(none)", 404),
    ]
    assert all(
        set(line)
        == {"event", "time", "request_id", "method", "route", "status", "ms", "bytes_in", "bytes_out"}
        for line in requests
    )
    written = re.sub(r'"request_id": ?"[0-9a-f]{32}"', "", log.read_text())
    assert not re.search("[0-9a-f]{32}", written)
    for secret in (link, "4711", "secret-agent", "127.0.0.1", "uci"):
        assert secret not in written


def test_metrics_count_by_route_and_hold_nothing_personal(client, link, world):
    client.get(f"/open/{link}")
    client.get("/nope")
    with Scheduler(world.bureau, (Job("count", 60, lambda _: 3),)) as scheduler:
        scheduler.turn()
    text = client.get("/metrics").text
    assert 'credence_job_failures{job="count"} 0.0' in text
    assert 'credence_job_failed_for{job="count"} 0.0' in text
    assert 'credence_job_done_total{job="count"} 3.0' in text
    assert 'credence_job_succeeded_timestamp_seconds{job="count"}' in text
    assert 'credence_http_requests_total{method="GET",route="/open/<token>",status="200"}' in text
    assert 'route="(none)",status="404"' in text
    assert "credence_ledger_tree_size" in text
    assert link not in text
    assert "uci:" not in text


def test_metrics_of_several_processes_are_added_up(world, tmp_path):
    """Two worker processes with one parent share a directory; either of them answers for both."""
    import os
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from app.web.machines.metrics import Metrics; m = Metrics(Path(sys.argv[1]));"
        "m.observe('GET', '/', 200, seconds=0.1, received=0, sent=7); print(m.render(None).decode())"
    )
    run = [sys.executable, "-c", code, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": "."}
    outputs = [
        subprocess.run(run, capture_output=True, text=True, check=True, env=environ).stdout for _ in range(2)
    ]
    assert 'credence_http_requests_total{method="GET",route="/",status="200"} 1.0' in outputs[0]
    assert 'credence_http_requests_total{method="GET",route="/",status="200"} 2.0' in outputs[1]


def test_two_applications_in_one_process_count_each_for_itself(tmp_path):
    from app.web.machines.metrics import Metrics

    one, other = Metrics(tmp_path / "one"), Metrics(tmp_path / "other")
    for metrics, route in ((one, "/a"), (other, "/b"), (one, "/c"), (one, "/a")):
        metrics.observe("GET", route, 200, seconds=0.1, received=1, sent=7)
    counted = 'credence_http_requests_total{{method="GET",route="{}",status="200"}} {}'
    text = one.render(None).decode()
    assert counted.format("/a", 2.0) in text
    assert counted.format("/c", 1.0) in text
    assert '"/b"' not in text
    assert counted.format("/b", 1.0) in other.render(None).decode()


def test_ready_names_what_is_missing(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503  # no sequencer is at work in this test
    problems = [each["detail"] for each in answer.get_json(force=True)["problems"]]
    assert problems == ["no sequencer is at work"]
