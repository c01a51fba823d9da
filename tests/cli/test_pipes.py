"""`credence ... | head -1`: a command whose reader is gone ends without a word, and not as one that failed."""

import os
import subprocess
import sys

import pytest

from app.cli.pipes import UNREAD, quiet_when_unread

from .conftest import CREDENCE

CONSOLE = """
import click
from app.cli.pipes import quiet_when_unread
from app.cli.terminal import Terminal

@click.command()
def lines():
    with quiet_when_unread():
        Terminal().print("read me")

lines()
"""


def unread(command, *, both=False):
    """(exit code, what it said on standard error) of a command whose output nobody reads; `both`: its errors neither."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdout=writing,
            stderr=writing if both else subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "--help"], ["verify", "--language", "zh-Hans"]])
def test_nobody_reads_what_is_printed(files, arguments):
    if arguments[0] == "verify":
        at = ["--citizen", "uci:17", "--at", "2026-11-22T16:00:00Z"]
        arguments = [*arguments, files / "score.proof", "--policy", files / "policy", *at]
    assert unread([CREDENCE, *arguments]) == (UNREAD, "") == (141, "")


def test_nobody_reads_the_errors_either(files):
    assert unread([CREDENCE, "keys", "--help"], both=True)[0] == UNREAD


def test_a_console_is_no_exception():
    assert unread([sys.executable, "-c", CONSOLE]) == (UNREAD, "")


def test_a_failure_that_is_read_stays_one(files):
    code, errors = unread([CREDENCE, "verify", "nothing.proof", "--policy", files / "policy"])
    assert (code, "does not exist" in errors) == (2, True)


def test_another_broken_pipe_is_not_passed_over():
    with pytest.raises(BrokenPipeError), quiet_when_unread():
        raise BrokenPipeError
