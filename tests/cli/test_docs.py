"""The documentation against the program: its commands exist with their options, its links lead somewhere, the modules, files,
targets of make and variables that it names are there; and docs/verify.md prints what it says (`CREDENCE_GOLDEN=write` writes it).
"""

import os
import re
from functools import cache
from pathlib import Path

import click
import pytest

from app.cli import main

from .conftest import transcript

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
PAGE = ROOT / "docs" / "verify.md"
CONSOLE = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
COMMAND = re.compile(r"(?<![\w./-])credence ([a-z][^`|\n]*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)(?![\w-])")
FILE = re.compile(r"`((?:app|tests|docs|benchmarks|migrations)/[\w./*-]+)`")


@cache
def read(page):
    return page.read_text(encoding="utf-8").replace("\\\n", " ")


def command_of(words):
    """(the command that the words begin with, the words that are left)"""
    command, context = main, click.Context(main)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0].rstrip(".,:;)"))
        if found is None:
            return None, words
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_exist_with_their_options(page):
    for said in COMMAND.findall(read(page)):
        command, rest = command_of(said.partition("  ")[0].split())
        assert command is not None, said
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        assert set(OPTION.findall(" ".join(rest))) <= known, said


def test_commands_are_looked_for_where_they_stand():
    """Of a test that finds nothing nobody would hear."""
    said = [each for page in PAGES for each in COMMAND.findall(read(page))]
    assert len(said) > 100
    assert sum("--" in each for each in said) > 30
    assert command_of(["keys", "nonsense"])[0] is None


def anchors(page):
    """The fragments that a page's headings have on GitHub."""
    headings = re.findall(
        r"^#+ +(.*?) *$", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for link in LINK.findall(re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_are_named_are_there(page):
    for name in FILE.findall(read(page)):
        assert list(ROOT.glob(name)) or (ROOT / f"{name}.py").exists(), name


def test_modules_and_targets_that_are_named_are_there():
    rows = re.findall(r"^\| (`[^|]*`) \|", read(ROOT / "docs" / "architecture.md"), re.MULTILINE)
    modules = [
        name for row in rows for name in re.findall(r"`((?:core|db|services|web|client|cli)\b[\w/]*)`", row)
    ]
    assert len(modules) > 100
    for name in modules:
        assert (ROOT / "app" / f"{name}.py").exists() or (ROOT / "app" / name / "__init__.py").exists(), name
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^    (?:\$ )?)make ([a-z-]+)", read(page), re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_every_variable_of_the_environment_is_explained():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    used = set(re.findall(r"\bCREDENCE_[A-Z_]*[A-Z]\b", code))
    explained = set(
        re.findall(r"^\| `(CREDENCE_[A-Z_]+)` \|", read(ROOT / "docs" / "operations.md"), re.MULTILINE)
    )
    assert used == explained


def test_the_commands_print_what_the_page_says(files):
    text = PAGE.read_text(encoding="utf-8")
    again = CONSOLE.sub(lambda block: transcript(block[0]), text)
    if os.environ.get("CREDENCE_GOLDEN") == "write":
        PAGE.write_text(again, encoding="utf-8")
        return
    assert again.count("$ credence verify") >= 6
    assert again == text


def test_the_program_prints_what_the_page_says(files, capsys):
    text = PAGE.read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(program, "docs/verify.md", "exec"), {})
    assert f"prints `{capsys.readouterr().out.strip()}`" in text
