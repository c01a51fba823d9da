"""What an organisation signs in its browser, under Node: the vectors' own bytes, whoever makes them."""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess

import pytest

from tests.web import signing, verifier

pytestmark = pytest.mark.skipif(verifier.why_no_node() is not None, reason=str(verifier.why_no_node()))


def test_node_signs_the_vectors_to_the_byte():
    done = subprocess.run(
        ["node", "--no-warnings", str(signing.HERE / "signing.mjs")],
        input=json.dumps(signing.given()),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == signing.expected()


CELLS = ["", "uci:1", "a,b", 'say "yes"', "two\nlines", "张三", "x y", "'"]


def tables():
    """Every table of two cells in one or two rows, and one of three columns."""
    rows = [list(pair) for pair in itertools.product(CELLS, repeat=2)]
    return [[row] for row in rows] + [[rows[n], rows[-n]] for n in range(1, len(rows))] + [[CELLS[1:4]]]


def written(table, line_end):
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end).writerows(table)
    return out.getvalue()


def test_tables_are_read_and_written_as_everybody_does():
    given = tables()
    texts = [written(table, end) for end in ("\n", "\r\n") for table in given]
    odd = ["", "\n\n", "a", " a , b \n\n c,d", 'a,"b', "a\rb", '"a""b", c']
    formulas = [[["=1+1", "+1", "-1", "@x", "ok"]]]
    done = subprocess.run(
        ["node", "--no-warnings", str(signing.HERE / "tables.mjs")],
        input=json.dumps({"texts": texts + odd, "tables": given + formulas}),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    answer = json.loads(done.stdout)
    kept = [[row for row in table if any(row)] for table in given]
    assert answer["parsed"][: len(texts)] == kept + kept
    assert answer["parsed"][len(texts) :] == [
        [],
        [],
        [["a"]],
        [["a", "b"], ["c", "d"]],
        [],
        [["a"], ["b"]],
        [['a"b', "c"]],
    ]
    for table, text in zip(given, answer["written"], strict=False):
        assert list(csv.reader(io.StringIO(text, newline=""))) == table
    assert answer["written"][-1] == "'=1+1,'+1,'-1,'@x,ok\n", "spreadsheets do not run it"
