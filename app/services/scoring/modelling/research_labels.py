"""The table of labels of the research data: who defaulted, the groups for fairness, and the raw columns.

`test` is the split that every figure of the project is made with: `sha256("taiwan:<ID>")[0] < 77`, about 30 % of the rows.
"""

from __future__ import annotations

import csv
import io
import lzma
from hashlib import sha256
from importlib import resources

from app.services.scoring.labels import TEST_BYTE_BELOW
from app.services.scoring.research import LENDER

_EDUCATION = {1: "graduate school", 2: "university", 3: "high school"}
_AGES = ((25, "21-24"), (30, "25-29"), (40, "30-39"), (50, "40-49"), (200, "50 and over"))
_RAW = (
    "LIMIT_BAL",
    *(f"PAY_{n}" for n in (0, 2, 3, 4, 5, 6)),
    *(f"BILL_AMT{n}" for n in range(1, 7)),
    *(f"PAY_AMT{n}" for n in range(1, 7)),
)


def table() -> str:
    """The table as CSV, a row for each of the 30,000 accounts."""
    packed = resources.files("app").joinpath("data", "default-of-credit-card-clients.csv.xz").read_bytes()
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(
        [
            "account",
            "bad",
            "test",
            "group:sex",
            "group:age",
            "group:education",
            *(f"raw:{name}" for name in _RAW),
        ]
    )
    for row in csv.DictReader(io.StringIO(lzma.decompress(packed).decode())):
        test = sha256(f"taiwan:{row['ID']}".encode()).digest()[0] < TEST_BYTE_BELOW
        rows.writerow(
            [
                f"{LENDER}:card-{row['ID']}",
                row["default-payment-next-month"],
                int(test),
                "female" if row["SEX"] == "1" else "male",
                next(name for below, name in _AGES if int(row["AGE"]) < below),
                _education(row),
                *(row[name] for name in _RAW),
            ]
        )
    return out.getvalue()


def _education(row: dict[str, str]) -> str:
    chosen = next(n for n in range(7) if row[f"EDUCATION_{n}"] == "1")
    return _EDUCATION.get(chosen, "other or unknown")
