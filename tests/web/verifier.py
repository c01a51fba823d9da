"""The browser's verifier in Node, and all vectors that it has to judge."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

TESTS = Path(__file__).parents[1]
VECTORS = TESTS / "vectors"
NODE_MAJOR_MIN = 20
LANGUAGES = ("en", "zh-Hans")


def why_no_node():
    """The reason for which there is no Node to use, or None."""
    node = shutil.which("node")
    if node is None:
        return "node is not installed: tests/tools.sh does it"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    found = re.match(r"v(\d+)", version)
    if found is None or int(found[1]) < NODE_MAJOR_MIN:
        return f"node is {version}, and at least {NODE_MAJOR_MIN} is needed"
    return None


def names():
    """The words of the measures, by language, as the check page gives them to the verifier."""
    from app.core.scoring.card_words import EN, ZH

    both = zip(LANGUAGES, (EN, ZH), strict=True)
    return {language: {name: words.name for name, words in table.items()} for language, table in both}


class Node:
    """One process of Node; `ask` gives it a case of the vectors, or bytes judged like one."""

    def __init__(self, folder):
        (folder / "names.json").write_text(json.dumps(names()), encoding="utf-8")
        command = [
            "node",
            "--no-warnings",
            str(Path(__file__).parent / "verifier.mjs"),
            str(folder / "names.json"),
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def ask(self, case, proof=None):
        data = case["proof"].encode() if proof is None else proof
        row = {**case, "proof": base64.b64encode(data).decode()}
        self.process.stdin.write(json.dumps(row) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


def cases(wanted):
    """All cases of the vectors that are `valid` or `invalid`."""
    found = json.loads((VECTORS / f"score-proof-{wanted}.json").read_text(encoding="utf-8"))["cases"]
    for name in ("claims", "range"):
        found += json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))[wanted]
    return found


def kind_of(case):
    return json.loads(case["proof"])["kind"]
