"""`credence simulate`: a golden transcript, exit codes, files that do not fit, and what it does not load."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from app.core import canon
from app.core.reporting import event_types as et
from app.core.scoring import score
from app.core.scoring.folded import encode_file
from app.core.scoring.profiles import CN, rules_hash
from app.core.scoring.scorecard import expert_card
from app.core.state.account import NAMES
from tests.core.fold_samples import (
    TODAY,
    WIDE,
    ago,
    file_of,
    inquiry,
    opened,
    payment,
    placed,
    rent,
    statement,
    status,
)

from .conftest import check_golden, run

HERE = Path(__file__).parent
NOW = ("--at", "2026-11-22T16:00:00Z")
CARD = expert_card()
EVENTS = [
    opened("2021-01-01", "c-1", opened_on="2021-01-01", limit_minor=1_000_00),
    *(statement(ago(months), 950_00, "c-1", minimum_minor=30_00) for months in range(1, 13)),
    *(payment(ago(months), 30_00, "c-1") for months in range(1, 12)),
    *(status(ago(months), account="c-1") for months in range(2, 13)),
    status(ago(1), "late_30", account="c-1"),
    placed(et.CollectionPlaced, ago(3), "k-9"),
    inquiry(ago(2)),
]
YOUNG = [rent(ago(months)) for months in range(1, 4)]


def proof_of(make, events, card=CARD, shown=NAMES, **changes):
    """A ledger of the vectors in which uci:17 has the file of these events, and its proof."""
    file = file_of(*events)
    scored = score.score_file(file, TODAY, card, CN)
    values = {
        "file": canon.decode(encode_file(file)),
        "flags": canon.decode(score.flags_json(score.flags_of(file, TODAY))),
        "receipt": canon.decode(score.receipt_json(scored)),
        "score": canon.decode(score.score_json(scored, file, TODAY, card)) | changes,
    }
    return make.World(values=values, scorecard=card.hash).proof(shown)


@pytest.fixture
def own(files, make, monkeypatch):
    """score.proof of somebody in debt, young.proof of a thin file, card.json, policy."""
    monkeypatch.setattr(make, "RULES", rules_hash(CN))
    (files / "score.proof").write_bytes(proof_of(make, EVENTS))
    (files / "young.proof").write_bytes(proof_of(make, YOUNG))
    (files / "card.json").write_bytes(CARD.document)
    return files


def test_the_transcript_is_as_it_was(own):
    check_golden("simulate")


def test_r31_every_advice_holds_when_it_is_tried(own):
    """What is said without an option is what the same option gives."""
    answer = orjson.loads(run("simulate", "score.proof", "--card", "card.json", "--json")[1])
    assert [each["criterion"] for each in answer["advice"]] == [
        reason
        for reason in answer["now"]["reasons"]
        if reason in {each["criterion"] for each in answer["advice"]}
    ]
    assert {step["action"] for each in answer["advice"] for step in each["steps"]} == {
        "pay",
        "settle",
        "on_time",
    }
    for each in answer["advice"]:
        options = []
        for step in each["steps"]:
            options += {
                "pay": ["--pay", f"{step.get('account')}={step.get('amount_minor', 0) / 100:.2f}"],
                "settle": ["--settle", step.get("account")],
                "on_time": ["--on-time", step.get("months")],
            }[step["action"]]
        tried = orjson.loads(run("simulate", "score.proof", "--card", "card.json", "--json", *options)[1])
        assert tried["then"]["score"] - tried["now"]["score"] == each["gain"] > 0
        assert tried["then"]["day"] == each["day"]


def test_steps_happen_on_top_of_each_other(own):
    pay = ("--pay", "bank.example:c-1=475.00")
    once = orjson.loads(run("simulate", "score.proof", "--card", "card.json", "--json", *pay)[1])
    twice = orjson.loads(run("simulate", "score.proof", "--card", "card.json", "--json", *pay, *pay)[1])
    assert twice["then"]["score"] > once["then"]["score"] > once["now"]["score"]
    code, output = run("simulate", "score.proof", "--card", "card.json", *pay, *pay, *pay)
    assert (code, "nothing is owed" in output) == (2, True)


WRONG = [
    ("--pay", "bank.example:c-2=5"),
    ("--pay", "5"),
    ("--pay", "bank.example:c-1=five"),
    ("--pay", "bank.example:c-1=950.01"),
    ("--pay", "bank.example:c-1=0"),
    ("--miss", "bank.example:c-2"),
    ("--settle", "bank.example:c-1"),
    ("--settle", "bank.example:collection:k-1"),
    ("--open-card", "lots", "CNY"),
    ("--open-card", "500", "yuan"),
    ("--on-time", "0"),
    ("--on-time", "61"),
]


@pytest.mark.parametrize("options", WRONG)
def test_what_the_file_does_not_allow_is_wrong_use(own, options):
    code, output = run("simulate", "score.proof", "--card", "card.json", *options)
    assert code == 2
    if options[0] != "--on-time":
        assert "--pay bank.example:c-1=950.00" in output, "and what it does allow is said"


def test_wrong_use(own):
    assert run("simulate", "score.proof")[0] == 2
    assert run("simulate", "nothing.proof", "--card", "card.json")[0] == 2
    assert run("simulate", "score.proof", "--card", "nothing.json")[0] == 2


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 100, b"{" * 70_000, b"credence"])
def test_any_file_is_answered_with_1(own, content):
    (own / "any").write_bytes(content)
    assert run("simulate", "any", "--card", "card.json")[0] == 1
    assert run("simulate", "score.proof", "--card", "any")[0] == 1


def test_files_that_do_not_fit_are_refused_with_1(own, make, monkeypatch):
    def refusal(proof, card=CARD):
        (own / "wrong.proof").write_bytes(proof)
        (own / "wrong.json").write_bytes(card.document)
        code, output = run("simulate", "wrong.proof", "--card", "wrong.json")
        return code, output.strip().rpartition(" ")[2]

    good = (own / "score.proof").read_bytes()
    assert refusal(good, WIDE) == (1, "[other-card]")
    assert refusal(proof_of(make, EVENTS, shown=("score", "receipt"))) == (1, "[no-file]")
    assert refusal(proof_of(make, EVENTS, score=800)) == (1, "[other-score]")
    fields = canon.decode_object(good)
    fields["disclosures"] = [
        [salt, name, value | {"accounts": {"x": {}}} if name == "file" else value]
        for salt, name, value in fields["disclosures"]
    ]
    assert refusal(canon.encode(fields)) == (1, "[malformed]")
    monkeypatch.setattr(make, "RULES", bytes(32))
    assert refusal(proof_of(make, EVENTS)) == (1, "[other-rules]")


def test_with_a_policy_a_forged_file_is_refused(own):
    forged = (own / "score.proof").read_bytes().replace(b"k-9", b"k-8")
    (own / "forged.proof").write_bytes(forged)
    code, output = run("simulate", "forged.proof", "--card", "card.json")
    assert code == 0
    assert "The proof was not checked" in output
    code, output = run("simulate", "forged.proof", "--card", "card.json", "--policy", "policy", *NOW)
    assert (code, "[proof-failed]" in output) == (1, True)
    code, output = run("simulate", "score.proof", "--card", "card.json", "--policy", "policy", *NOW)
    assert code == 0
    assert "The proof was checked" in output


PROGRAM = """
import sys
from app.cli import main
try:
    main(["simulate", "score.proof", "--card", "card.json", "--policy", "policy", "--at", "2026-11-22T16:00:00Z", "--on-time", "6"])
except SystemExit as stop:
    assert stop.code == 0, stop.code
unwanted = {"flask", "sqlalchemy", "psycopg", "alembic", "requests", "rich", "werkzeug", "babel", "app.services", "app.db", "app.web"}
sys.exit(", ".join(sorted(unwanted & set(sys.modules))) or 0)
"""


def test_it_loads_neither_flask_nor_sqlalchemy(own):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the score would be" in done.stdout
