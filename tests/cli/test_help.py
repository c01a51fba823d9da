"""The group itself: what it lists, what each command says of itself, and commands whose file is not there."""

import click
import pytest

from app.cli import COMMANDS, main, plain, sentence
from app.core.errors import LineProblem, RuleError

from .conftest import run

OURS = ("keys", "furnish", "inquire", "verify", "simulate", "checkpoint", "credential")


def test_the_group_lists_the_commands_that_are_there():
    code, output = run("--help")
    assert code == 0
    for name in main.list_commands(click.Context(main)):
        assert f"  {name} " in output
        assert COMMANDS[name] in " ".join(output.split())
    assert set(OURS) <= set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("name", OURS)
def test_each_command_explains_itself_with_an_example(name):
    code, output = run(name, "--help")
    assert code == 0
    assert f"    credence {name} " in output


@pytest.mark.parametrize("name", ["new", "possession", "register", "revoke", "list"])
def test_each_command_of_keys_explains_itself(name):
    code, output = run("keys", name, "--help")
    assert code == 0
    assert f"    credence keys {name}" in output


@pytest.mark.parametrize("name", ["nonsense", "__init__", "params", "client", "../cli"])
def test_what_is_not_in_the_table_is_no_command(name):
    code, output = run(name)
    assert code == 2
    assert "No such command" in output


def test_a_batch_s_problems_are_lines():
    error = RuleError(
        "refused",
        code="rule",
        problems=(LineProblem(2, "R1", "no such\x1b[2J type"), LineProblem(9, "R7", "float")),
    )
    assert sentence(error).split("\n") == [
        "refused [rule]",
        "  line 2: R1: no such [2J type",
        "  line 9: R7: float",
    ]


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\rb", "a\nb", "a\x00b", "a\x7fb", "a\u202eb"])
def test_no_control_character_reaches_the_terminal(text):
    assert plain(text)[1] == " "
