"""`credence scorecard`: publishing cards and running a challenger, against a real ledger (R37)."""

import datetime as dt
import json
import os
import signal
import subprocess

import click
import pytest

from app.cli import main
from app.cli.scorecard import scorecard
from app.core.scoring.scorecard import expert_card

from .conftest import CREDENCE, run

EXPERT = expert_card()


@pytest.fixture
def ledger(database_url, tmp_path, monkeypatch):
    """A ledger of its own with a block of today, to which the commands of this process belong."""
    from tests.services.builders import Clock, Ledger

    clock = Clock(dt.datetime.now(dt.UTC).replace(microsecond=0))
    made = Ledger(tmp_path / "home", database_url, clock=clock)
    made.report(12, months=9)
    made.step()
    monkeypatch.setenv("CREDENCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other(tmp_path):
    """The file of another card."""
    from tests.services.builders import card

    path = tmp_path / "other.json"
    path.write_bytes(card("Another card", 40))
    return path


# ---- the group


def test_the_group_lists_its_commands_and_each_explains_itself():
    names = scorecard.list_commands(click.Context(main))
    assert {"show", "list", "publish", "challenge", "compare"} <= set(names)
    for name in names:
        code, output = run("scorecard", name, "--help")
        assert code == 0
        assert f"    credence scorecard {name}" in output


def test_what_is_no_command_of_the_group():
    assert run("scorecard", "nonsense")[0] == 2


# ---- show, list, publish


def test_show_and_list_at_the_founding(ledger):
    code, listed = run("scorecard", "list")
    assert (code, listed.count("\n")) == (0, 1)
    today = ledger.clock.day()
    assert listed.startswith(
        f"* {EXPERT.hash.hex()[:16]}  champion    from {today}  log index 3  no report  "
    )
    code, shown = run("scorecard", "show")
    assert code == 0
    assert shown.startswith(f"{EXPERT.name}\n{EXPERT.hash.hex()}\n")
    for criterion in EXPERT.contents.criteria:
        assert f"{criterion.id}  (up to {max(criterion.points)}, expert)" in shown
    assert run("scorecard", "show", EXPERT.hash.hex()[:8].upper(), "--document") == (
        0,
        EXPERT.document.decode(),
    )


def test_publish_from_tomorrow_with_a_report(ledger, other, tmp_path):
    (tmp_path / "report.json").write_text('{"auc": 0.77}')
    code, output = run("scorecard", "publish", other, "--report", "report.json")
    assert code == 0, output
    tomorrow = ledger.clock.day(-1)
    assert f"blocks use it from {tomorrow} on" in output
    assert "waits for its block  report " in run("scorecard", "list")[1]
    ledger.step()
    first, second = run("scorecard", "list")[1].splitlines()
    assert first.startswith("* "), "tomorrow is not today"
    assert second.startswith("  ")
    assert "Another card" in second


def test_publish_for_today_is_in_force_with_the_next_block(ledger, other):
    assert run("scorecard", "publish", other, "--from", ledger.clock.day())[0] == 0
    ledger.step()
    assert run("scorecard", "show")[1].startswith("Another card\n")


def test_what_publish_refuses(ledger, other, tmp_path):
    for name, content in (("bad.json", b"{}"), ("huge.json", b" " * 70_000), ("report", b"<html>")):
        (tmp_path / name).write_bytes(content)
    for arguments, code, words in (
        (("bad.json",), 1, "bad.json: not a scorecard"),
        (("huge.json",), 1, "huge.json: "),
        ((other, "--report", "report"), 1, "the validation report is not JSON"),
        ((other, "--from", ledger.clock.day(1)), 1, "the past is not scored again"),
        ((other, "--from", "tomorrow"), 2, "is not a day like"),
        ((other, "--role", "king"), 2, "king"),
        (("nowhere.json",), 2, "nowhere.json"),
    ):
        found, output = run("scorecard", "publish", *arguments)
        assert (found, words in output) == (code, True), output
    assert ledger.waiting() == 0, "nothing was admitted"
    assert run("scorecard", "publish", other)[0] == 0
    code, output = run("scorecard", "publish", other)
    assert (code, "published as champion from" in output) == (1, True)


def test_a_hash_that_is_none(ledger):
    assert run("scorecard", "show", "61")[0] == 2
    code, output = run("scorecard", "show", "0" * 64)
    assert (code, "no published scorecard" in output) == (1, True)


# ---- challenge, compare


def test_challenge_and_compare(ledger, other, tmp_path):
    for name in ("challenge", "compare"):
        code, output = run("scorecard", name)
        assert (code, "no challenger is in force" in output) == (1, True)
    assert run("scorecard", "publish", other, "--role", "challenger", "--from", ledger.clock.day())[0] == 0
    ledger.step()
    code, output = run("scorecard", "compare")
    assert (code, "run `credence scorecard challenge`" in output) == (1, True)
    assert run("scorecard", "challenge") == (0, "Another card: accounts scored: 12\n")
    assert run("scorecard", "challenge") == (0, "Another card: accounts scored: 0\n")
    labels = "account,bad,test,group:sex\nlender.example:card-1,1,0,f\n"  # the very table that `fit` reads
    (tmp_path / "labels.csv").write_text(labels)
    code, output = run("scorecard", "compare", "--out", "deep/down", "--labels", "labels.csv")
    assert code == 0, output
    assert "12 accounts are scored by both cards." in output
    report = json.loads((tmp_path / "deep/down/comparison.json").read_text())
    assert report["mean"]["difference"] == 40
    assert report["labels"]["bad"] == 12
    assert "Another card" in (tmp_path / "deep/down/comparison.html").read_text()
    code, _ = run("scorecard", "compare", "--challenger", report["challenger"]["scorecard"][:12])
    assert code == 0
    assert json.loads((tmp_path / "comparison.json").read_text())["labels"] is None


@pytest.mark.parametrize(
    "content",
    [b"", b"account\n", b"account,bad\nx,2\n", b"account,bad\nx\n", b"\xff\xfe", b'account,bad\n"x,1\n'],
)
def test_labels_that_are_none(ledger, tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)
    code, output = run("scorecard", "compare", "--labels", "labels.csv")
    assert (code, "labels.csv" in output) == (1, True)


def test_challenge_follows_until_it_is_stopped(ledger, other):
    ledger.publish(other.read_bytes(), role="challenger")
    ledger.step()
    command = [CREDENCE, "scorecard", "challenge", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stdout.readline() == "Another card: accounts scored: 12\n"
            ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:3")]))
            ledger.step()
            assert process.stdout.readline() == "Another card: accounts scored: 1\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
