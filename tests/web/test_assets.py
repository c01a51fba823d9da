"""What is vendored is what VENDOR.md says, and nothing that only GOV.UK may use is in it."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "app" / "web" / "static"


def test_hashes_are_those_written_down():
    listed = dict(
        re.findall(
            r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$",
            (STATIC / "vendor" / "VENDOR.md").read_text(),
            re.MULTILINE,
        )
    )
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").iterdir()
        if path.name != "VENDOR.md"
    }
    assert {name: listed.get(name) for name in files} == files


def test_neither_crown_nor_crest_nor_their_font():
    for path in STATIC.rglob("*.css"):
        text = path.read_text()
        assert not re.search(r"GDS Transport|crest|crown|@font-face|url\(", text), path.name


def test_static_files_may_be_kept_and_change_their_address_with_their_content(client):
    page = client.get("/").text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(addresses) >= 3
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "31536000" in answer.headers["Cache-Control"]
        assert "?v=" in address or re.search(r"\d+\.\d+\.\d+", address)


def test_files_travel_compressed_and_pages_do_not(client):
    """Files are the same for everybody; a page with secrets in it must not be compressed (BREACH)."""
    accepting = {"Accept-Encoding": "gzip, br"}
    for path in STATIC.rglob("*"):
        if path.suffix not in (".css", ".js", ".svg"):
            continue
        address = f"/static/{path.relative_to(STATIC)}"
        packed, plain = client.get(address, headers=accepting), client.get(address)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data == path.read_bytes()
        assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
        again = client.get(address, headers=accepting | {"If-None-Match": packed.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    assert client.get("/static/nothing.css", headers=accepting).status_code == 404
    part = client.get("/static/check.js", headers=accepting | {"Range": "bytes=0-9"})
    assert (part.status_code, len(part.data)) == (206, 10)
    assert "Content-Encoding" not in client.get("/", headers=accepting).headers


def test_the_first_page_is_small(client, link):
    """Everything that a browser with nothing in its cache loads for the overview: at most 150 KB."""
    from tests.web.test_pages import sign_in

    sign_in(client, link)
    page = client.get("/record")
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    addresses.add("/static/vendor/govuk-frontend-6.6.0.min.js")  # which credence.js imports
    files = sum(len(client.get(each, headers={"Accept-Encoding": "gzip"}).data) for each in addresses)
    assert len(addresses) == 5
    assert len(page.data) + files < 150_000
