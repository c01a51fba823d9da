"""Labels: what became of accounts, and what fairness is judged by. A table beside the ledger, which never sees it.

A CSV file in UTF-8 with a head and a row for each account; the first two columns are required, their order is free:

    account     as the ledger names it: `<furnisher>:<account>`
    bad         1 when the holder defaulted afterwards, 0 when not
    test        1 for the rows that a fit must not see; without the column, those whose SHA-256 of `account` begins below 77
    group:NAME  what fairness is judged by: sex, age, education
    raw:NAME    numbers for the comparison with a machine that may use anything

    account,bad,test,group:sex,raw:LIMIT_BAL
    cards.research:card-1,1,0,female,20000.0

A byte order mark and line ends of either kind are allowed, as spreadsheets write them.

Source: RFC 4180; docs/scorecard.md.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING

from app.core.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LABELS_BYTES_MAX = 1 << 28
TEST_BYTE_BELOW = 77


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of one account from outside."""

    bad: bool
    test: bool
    groups: dict[str, str] = field(default_factory=dict)
    raw: dict[str, float] = field(default_factory=dict)


def read_labels(path: Path) -> dict[str, Label]:
    """The table by account. Raises FormatError, which names the file and the line."""
    with path.open("rb") as file:
        data = file.read(LABELS_BYTES_MAX + 1)
    if len(data) > LABELS_BYTES_MAX:
        raise FormatError(f"{path}: a table of labels has at most {LABELS_BYTES_MAX >> 20} MiB")
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8: {error}") from None
    labels: dict[str, Label] = {}
    try:
        head = _head(next(rows, []))
        for row in filter(None, rows):  # a line without anything is none
            _add(labels, head, row)
    except (csv.Error, ValueError) as error:
        raise FormatError(f"{path}, line {max(rows.line_num, 1)}: {error}") from None
    return labels


def _head(names: list[str]) -> list[str]:
    if not {"account", "bad"} <= set(names):
        raise ValueError("a table of labels has the columns account and bad")
    if len(set(names)) != len(names):
        raise ValueError("a column for the second time")
    return names


def _add(labels: dict[str, Label], head: list[str], row: list[str]) -> None:
    if len(row) != len(head):
        raise ValueError(f"{len(row)} cells under a head of {len(head)}")
    named = dict(zip(head, row, strict=True))
    if named["account"] in labels:
        raise ValueError(f"the account {named['account']!r} for the second time")
    labels[named["account"]] = _label(named)


def _label(row: Mapping[str, str]) -> Label:
    chosen = row.get("test") or str(int(sha256(row["account"].encode()).digest()[0] < TEST_BYTE_BELOW))
    if {row["bad"], chosen} - {"0", "1"}:
        raise ValueError("bad and test are 0 or 1")
    return Label(
        row["bad"] == "1",
        chosen == "1",
        {name.removeprefix("group:"): value for name, value in row.items() if name.startswith("group:")},
        {name.removeprefix("raw:"): _number(value) for name, value in row.items() if name.startswith("raw:")},
    )


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is not a number to compute with")
    return number
