"""R39: everything about a citizen as a file that verifies offline in another process, and on paper."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import CredenceError
from app.core.proving.export import LIMITS, build_export, open_export, verify_export
from tests import papers
from tests.web.conftest import CITIZEN, THIN
from tests.web.test_pages import LANGUAGES, sign_in


@pytest.fixture(scope="module")
def exported(app, world):
    """A citizen's export, as the page gives it."""
    from app.services.citizens.links import create_link

    client = app.test_client()
    sign_in(client, create_link(world.bureau, CITIZEN))
    world.step()
    assert client.get("/record/export").status_code == 200
    answer = client.get("/record/export.zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="credence-export.zip"'
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.data


def files(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check(world, data, **more):
    asked = {"at": world.bureau.now(), "max_age_s": 3600} | more
    return verify_export(data, asked.pop("policy", None), **asked)


def test_r39_an_export_verifies_offline_in_another_process(exported, tmp_path):
    path = tmp_path / "credence-export.zip"
    path.write_bytes(exported)

    def verify(*more):
        command = [sys.executable, "-m", "app.cli", "verify", str(path), *more]
        found = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"})
        return found.returncode, found.stdout + found.stderr

    code, said = verify()
    assert code == 0, said
    said = " ".join(said.split())
    for words in (
        "score.proof",
        "history.proof",
        "none was left out",
        "was worked out again from exactly these events",
        "The file belongs to the identifier",
        "The plain files say what the proofs say",
        "give one of your own",
    ):
        assert words in said, words
    (tmp_path / "policy").write_bytes(files(exported)["policy"])
    code, said = verify("--policy", str(tmp_path / "policy"), "--json")
    told = json.loads(said)
    assert (code, told["proved"], told["own_policy"]) == (0, True, False)
    assert told["score"]["score"] == json.loads(files(exported)["account.json"])["score"]["score"]
    assert verify("--citizen", "uci:4711")[0] == 1
    assert verify("--language", "zh-Hans")[0] == 0


def test_r39_everything_is_in_it(exported, world):
    from app.services.citizens import records

    parts = files(exported)
    events = json.loads(parts["events.json"])
    shown = records.entries(world.bureau, 1)
    placed = {each.log_index for item in [*shown.items, *shown.looks] for each in (item, *item.about)} - {
        None
    }
    assert placed <= {each["index"] for each in events}
    assert all(each["event"]["citizen"] == CITIZEN for each in events)
    assert json.loads(parts["manifest.json"])["citizen"] == CITIZEN
    assert "credence verify credence-export.zip" in parts["README.txt"].decode()
    assert {"mail", "shares"} == set(json.loads(parts["beside/settings.json"]))


def test_an_export_that_was_changed_does_not_verify(exported, world):
    parts = files(exported)
    check(world, exported)
    check(world, exported, policy=parts["policy"])
    changes = {
        "events.json": (b"391300", b"391301"),
        "account.json": (b'"disputed": 0', b'"disputed": 1'),
        "score.proof": (b'"disputed":0', b'"disputed":1'),
        "history.proof": (b"391300", b"391301"),
        "scorecard.json": (b'"base":300', b'"base":301'),
        "manifest.json": (CITIZEN.encode(), b"uci:2"),
        "policy": (b"log ", b"lag "),
    }
    assert set(changes) == set(LIMITS)
    for name, (old, new) in changes.items():
        assert old in parts[name], name
        with pytest.raises(CredenceError):
            check(world, build_export(parts | {name: parts[name].replace(old, new, 1)}))
        with pytest.raises(CredenceError):
            check(world, build_export({other: data for other, data in parts.items() if other != name}))
    with pytest.raises(CredenceError):
        check(world, exported, identifier="uci:2")


def test_two_citizens_do_not_make_one_export(exported, app, world):
    from app.services.citizens.links import create_link

    client = app.test_client()
    sign_in(client, create_link(world.bureau, THIN))
    world.step()
    other = files(client.get("/record/export.zip").data)
    check(world, build_export(other))
    mixed = files(exported) | {
        name: other[name] for name in ("history.proof", "events.json", "scorecard.json")
    }
    with pytest.raises(CredenceError):
        check(world, build_export(mixed))


def test_a_zip_that_lies_is_refused(exported):
    with pytest.raises(CredenceError):
        open_export(build_export(files(exported) | {"manifest.json": b" " * 5_000}))
    broken = bytearray(exported)
    at = exported.rindex(b"PK\x01\x02", 0, exported.rindex(b"policy"))
    broken[at + 8 : at + 10] = struct.pack("<H", 1)  # encrypted, says the directory
    with pytest.raises(CredenceError):
        open_export(bytes(broken))
    doubled = io.BytesIO(exported)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(doubled, "a") as archive:
        archive.writestr("policy", b"another")
    with pytest.raises(CredenceError):
        open_export(doubled.getvalue())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_bytes_give_an_export_or_an_error_of_ours(exported, data):
    raw = bytearray(exported)
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=3)):
        raw[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for each in (bytes(raw), bytes(raw[:cut]), bytes(raw[cut:])):
        with contextlib.suppress(CredenceError):
            assert set(open_export(each)) == set(LIMITS)


@papers.needs_pdf()
@pytest.mark.parametrize("language", LANGUAGES)
def test_r39_the_record_on_paper(client, link, language):
    client.set_cookie("lang", language)
    sign_in(client, link)
    answer = client.get("/record/export.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/pdf"
    squeezed = "".join(papers.read(answer.data).text.split())
    for words in (
        ("Yourcreditrecord", "Whatwasreported") if language == "en" else ("您的信用记录", "上报记录")
    ):
        assert words in squeezed
    assert "lender.example" in squeezed


def test_an_export_belongs_to_its_session(app):
    for path in ("/record/export", "/record/export.zip", "/record/export.pdf"):
        assert app.test_client().get(path).status_code == 403
