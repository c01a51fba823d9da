"""`credence verify`: golden transcripts, exit codes, and what it does not load."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from .conftest import check_golden, run

HERE = Path(__file__).parent
NOW = ("--at", "2026-11-22T16:00:00Z")


def test_the_transcript_is_as_it_was(files):
    check_golden("verify")


def test_exit_codes(files):
    assert run("verify", "score.proof", "--policy", "policy", *NOW)[0] == 0
    assert run("verify", "score.proof", "--policy", "policy-witnessed", "--citizen", "uci:1", *NOW)[0] == 1
    assert run("verify", "nothing.proof", "--policy", "policy")[0] == 2
    assert run("verify", "score.proof", "--policy", "nothing")[0] == 2


def test_a_failure_is_json_too(files):
    code, output = run("verify", "score.proof", "--policy", "policy", "--citizen", "uci:1", "--json", *NOW)
    answer = orjson.loads(output)
    assert (code, answer["proved"], answer["code"]) == (1, False, "proof-failed")


def test_the_json_and_the_sentences_agree(files):
    answer = orjson.loads(run("verify", "score.proof", "--policy", "policy", "--json", *NOW)[1])
    sentences = run("verify", "score.proof", "--policy", "policy", *NOW)[1]
    assert f"the score {answer['score']}" in " ".join(sentences.split())
    assert answer["identity_checked"] is False
    assert "Not proved: whose file this is" in sentences


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 100, b"{" * 70_000, b"credence"])
def test_any_file_is_answered_with_1(files, content):
    (files / "any.proof").write_bytes(content)
    code, output = run("verify", "any.proof", "--policy", "policy", *NOW)
    assert (code, output[:12]) == (1, "NOT PROVED: ")


def test_a_huge_file_is_not_read(files):
    with (files / "huge.proof").open("wb") as file:
        file.truncate(1 << 34)
    assert run("verify", "huge.proof", "--policy", "policy", *NOW)[0] == 1


def test_the_clock_is_read_when_no_moment_is_given(files):
    code, output = run("verify", "score.proof", "--policy", "policy", "--max-age", "1s")
    assert code == 1
    assert "step 6" in output


PROGRAM = """
import sys
from app.cli import main
try:
    main(["verify", "score.proof", "--policy", "policy", "--citizen", "uci:17", "--at", "2026-11-22T16:00:00Z"])
except SystemExit as stop:
    assert stop.code == 0, stop.code
unwanted = {"flask", "sqlalchemy", "psycopg", "alembic", "requests", "rich", "werkzeug", "app.services", "app.db", "app.web"}
sys.exit(", ".join(sorted(unwanted & set(sys.modules))) or 0)
"""


def test_it_loads_neither_flask_nor_sqlalchemy(files):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the score 540" in done.stdout


def test_it_starts_quickly(files):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    best_s = 10.0
    for _ in range(3):
        begin_s = processor_time_of_children_s()
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, env=environment, check=True)
        best_s = min(best_s, processor_time_of_children_s() - begin_s)
    assert 0 < best_s < 1.0


def processor_time_of_children_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
