"""What is vendored is what VENDOR.md says, and nothing that only GOV.UK may use is in it."""

from __future__ import annotations

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
