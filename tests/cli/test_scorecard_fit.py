"""`credence scorecard labels` and `validate` on a real ledger: both files, a line for each bar, 1 when one is not met (R42)."""

import csv
import datetime as dt
import json

import pytest

from app.core.scoring.scorecard import expert_card
from app.services.ledger import cards

from .conftest import run

pytest.importorskip("optbinning", reason="the extra `fit` is not installed: pip install -e '.[fit]'")

CITIZENS = 800


@pytest.fixture
def ledger(database_url, tmp_path, monkeypatch):
    """A ledger of people who all have the same history."""
    from tests.services.builders import Clock, Ledger

    lines: list[bytes] = []
    made = Ledger(
        tmp_path / "home", database_url, clock=Clock(dt.datetime.now(dt.UTC).replace(microsecond=0))
    )
    for number in range(CITIZENS):
        account, citizen = f"card-{number}", f"uci:{number + 1}"
        lines.append(made.lender.opened(citizen, ago=245, account=account))
        lines += [made.lender.status(citizen, ago=30 * month, account=account) for month in range(1, 9)]
    made.admit(made.lender.batch(lines))
    made.step()
    monkeypatch.setenv("CREDENCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    yield made
    made.close()


@pytest.fixture
def labels(ledger, tmp_path):
    """Good and bad by turns, to fit and to test by turns."""
    from app.services.scoring.statistics import files

    path = tmp_path / "labels.csv"
    accounts = sorted(account for file in files(ledger.bureau) for account in file.accounts)
    with path.open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["account", "bad", "test", "group:half"])
        rows.writerows([name, n % 2, n // 2 % 2, "ab"[n % 3 == 0]] for n, name in enumerate(accounts))
    return path


def test_a_card_that_tells_nobody_apart_misses_its_bars_and_both_files_are_there(labels, tmp_path):
    (tmp_path / "card.json").write_bytes(cards.fitted_card()[0])
    command = ("scorecard", "validate", "card.json", "--labels", str(labels), "--out", "report")
    code, output = run(*command)
    assert code == 1
    assert "NOT met  area under the curve on the test rows: 0.5 (must be at least 0.765)" in output
    assert "met      population stability index: 0.0" in output
    first = (tmp_path / "report" / "report.json").read_bytes()
    assert json.loads(first)["rows"]["test"] == {"rows": CITIZENS // 2, "bad": CITIZENS // 4}
    assert (tmp_path / "report" / "index.html").read_text().startswith("<!DOCTYPE html>")
    assert run(*command)[0] == 1
    assert (tmp_path / "report" / "report.json").read_bytes() == first
    code, output = run(*command, "--baseline", "report/report.json")
    baseline = json.loads((tmp_path / "report" / "report.json").read_bytes())["stability"]["baseline"]
    assert baseline == {"scorecard": json.loads(first)["card"]["scorecard"], "index": 0.0}


def test_what_cannot_be_validated_is_said(labels, tmp_path):
    (tmp_path / "expert.json").write_bytes(expert_card().document)
    code, output = run("scorecard", "validate", "expert.json", "--labels", str(labels), "--out", "report")
    assert code != 0
    assert "does not say what a score means" in output
    (tmp_path / "bad.json").write_text("{}")
    code, output = run("scorecard", "validate", "bad.json", "--labels", str(labels), "--out", "report")
    assert code != 0
    assert "not a scorecard" in output
    assert not (tmp_path / "report").exists()
