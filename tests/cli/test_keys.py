"""`credence keys`: what works offline."""

import re
import stat

import pytest

from app.core.log.note import Signer, Verifier, open_note
from app.core.log.notices import possession_text

from .conftest import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_key_is_two_files(folder):
    code, output = run("keys", "new", "bank.example/cards", "--out", "keys")
    private, public = folder / "keys" / "bank.example_cards.key", folder / "keys" / "bank.example_cards.vkey"
    assert code == 0
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    signer = Signer.parse(private.read_text().removesuffix("\n"))
    assert signer.verifier == Verifier.parse(public.read_text().removesuffix("\n"))
    assert signer.name == "bank.example/cards"
    assert signer.encode() not in output
    assert "keys register" in output
    assert "keys apply" in output


def test_two_new_keys_differ(folder):
    run("keys", "new", "a", "--out", "1")
    run("keys", "new", "a", "--out", "2")
    assert (folder / "1" / "a.key").read_bytes() != (folder / "2" / "a.key").read_bytes()


@pytest.mark.parametrize("there", ["a.key", "a.vkey"])
def test_nothing_is_overwritten(folder, there):
    (folder / there).write_text("mine")
    code, output = run("keys", "new", "a")
    assert (code, "never overwritten" in output) == (1, True)
    assert (folder / there).read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {there}


@pytest.mark.parametrize("name", ["", "Bank", "a b", "a+b", "a\n", "..\\a", "é", "a" * 101])
def test_a_name_that_is_none_is_a_usage_error(folder, name):
    assert run("keys", "new", name)[0] == 2
    assert not list(folder.iterdir())


def test_a_name_cannot_leave_the_folder(folder):
    inner = folder / "inner"
    assert run("keys", "new", "../../up", "--out", inner)[0] == 0
    assert {path.name for path in inner.iterdir()} == {".._.._up.key", ".._.._up.vkey"}


def test_possession_is_proved_offline(folder):
    run("keys", "new", "bank.example")
    code, note = run("keys", "possession", "bank.example.key", "--ledger", "ledger.example", "--role", "bank")
    verifier = Verifier.parse((folder / "bank.example.vkey").read_text().strip())
    assert code == 0
    opened = open_note(note.encode(), [verifier])
    assert opened.text == possession_text("ledger.example", "bank.example", "bank", verifier.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PRIVATE+KEY+",
        b"PRIVATE+KEY+a+00000000+AQID",
        b"\xff\xfe",
        b"x\ny\n",
        b"a" * 100_000,
        b"bank+1+2",
    ],
)
def test_a_key_file_that_is_none_is_a_usage_error(folder, content):
    (folder / "bad.key").write_bytes(content)
    assert run("keys", "possession", "bad.key", "--ledger", "l", "--role", "bank")[0] == 2
    assert run("keys", "register", "bad.key", "--role", "bank")[0] == 2
    assert run("furnish", "bad.key", "--key", "bad.key")[0] == 2


def test_a_spoilt_key_is_never_printed(folder):
    run("keys", "new", "a")
    secret = (folder / "a.key").read_text().strip()
    (folder / "a.key").write_text(re.sub(r"\+[0-9a-f]{8}\+", "+00000000+", secret))
    code, output = run("keys", "possession", "a.key", "--ledger", "l", "--role", "bank")
    assert code == 2
    assert secret[-20:] not in output


def test_wrong_use_of_register(folder):
    run("keys", "new", "a")
    run("keys", "new", "b")
    note = run("keys", "possession", "b.key", "--ledger", "l", "--role", "bank")[1]
    (folder / "note").write_text(note)
    assert run("keys", "register", "a.vkey", "--role", "bank")[0] == 2
    assert run("keys", "register", "a.key", "--role", "king")[0] == 2
    assert run("keys", "register", "nothing.key", "--role", "bank")[0] == 2
    code, output = run("keys", "register", "a.vkey", "--role", "bank", "--possession", "note")
    assert (code, "about another key" in output) == (1, True)
