"""docs/verify.md: its commands print what it says, and its program runs. `CREDENCE_GOLDEN=write` writes the outputs."""

import os
import re
from pathlib import Path

from .conftest import transcript

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
CONSOLE = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)


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
