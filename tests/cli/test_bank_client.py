"""A bank's client and its commands against a real bureau; docs/client.md runs; and what a lying bureau gets away with: nothing."""

import csv
import datetime as dt
import json
import re
import secrets
from pathlib import Path

import pytest

from app.core import canon
from app.core.errors import CredenceError, FormatError, ProofError, RuleError
from app.core.log.note import Signer

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
BANK, LENDER, ENROLMENT = "client-bank.example", "client-lender.example", "client-enrolment.example"
FIRST = 7000
PEOPLE = [f"uci:{FIRST + number}" for number in range(6)]


@pytest.fixture(scope="module")
def bank(ledger):
    """The client of a bank with consents of all but the last citizen, and the lender's signer to report more."""
    from app.client import Bank
    from app.services.ledger.intake import admit
    from app.services.ledger.register import register_key

    signers = {}
    for name, role in ((BANK, "bank"), (LENDER, "lender"), (ENROLMENT, "enrolment")):
        signers[name] = Signer.generate_from_seed(name, secrets.token_bytes(32))
        register_key(ledger.bureau, signers[name], role)
    ledger.step()
    (ledger.folder / "client.key").write_text(signers[BANK].encode() + "\n")
    (ledger.folder / "policy").write_bytes(ledger.policy())
    made = Bank(ledger.url, signers[BANK], ledger.policy())
    made.report = lambda name, lines: admit(ledger.bureau, batch(ledger, signers[name], lines))
    made.report(LENDER, [each for citizen in PEOPLE for each in history(citizen)])
    made.report(ENROLMENT, [consent(citizen) for citizen in PEOPLE[:-1]])
    ledger.step()
    return made


def day(ago=0):
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=8) - dt.timedelta(days=ago)).date().isoformat()


def batch(ledger, signer, events):
    from app.core.fields import uuid7
    from app.core.reporting.batch import make_batch

    common = {"v": 1, "ledger": ledger.bureau.origin, "furnisher": signer.name}
    lines = [
        canon.encode(
            common
            | {"id": uuid7(1_760_000_000_000, secrets.token_bytes(10)), "nonce": secrets.token_urlsafe(32)}
            | event
        )
        for event in events
    ]
    return make_batch(signer, ledger.bureau.origin, secrets.token_hex(8), lines)


def history(citizen):
    card = {"citizen": citizen, "account": "c", "currency": "CNY"}
    yield card | {"type": "account_opened", "class": "card", "limit_minor": 100_000, "day": day(400)}
    for month in range(12, 0, -1):
        yield card | {"type": "statement", "balance_minor": 2_000, "day": day(30 * month)}
        yield {
            "type": "status",
            "citizen": citizen,
            "account": "c",
            "status": "on_time",
            "day": day(30 * month),
        }


def consent(citizen, grantee=BANK, purposes=("credit_application",)):
    return {
        "type": "consent_given",
        "citizen": citizen,
        "grantee": grantee,
        "purposes": list(purposes),
        "until": day(-300),
        "day": day(),
        "basis": "paper",
        "basis_ref": "p-1",
    }


def inquiry(citizen, **more):
    from app.client import Inquiry

    return Inquiry(citizen, "credit_application", **more)


def test_an_answer_is_verified_before_it_is_given(bank, ledger):
    answer = bank.inquire(inquiry(PEOPLE[0], class_="card", case="loan-1"))
    assert 300 <= answer.verified.score <= 850
    assert answer.verified.identity_checked
    assert answer.event["score"] == answer.verified.score
    assert "advisory" in answer.advice


def test_r20_an_answer_holds_the_fields_of_its_purpose_and_no_other(bank):
    """Score and its receipt are shown; file, flags and history stay hidden in the proof, and the event has no more to say."""
    answer = bank.inquire(inquiry(PEOPLE[0]))
    assert sorted(answer.verified.shown) == ["receipt", "score"]
    assert sorted(answer.verified.hidden) == ["file", "flags", "history"]
    common = {"v", "ledger", "furnisher", "id", "type", "citizen", "nonce", "day"}
    assert set(answer.event) == common | {
        "inquiry",
        "recipient",
        "purpose",
        "time",
        "block",
        "shown",
        "score",
    }


def test_r36_the_answer_says_that_it_is_advisory_and_how_to_ask_for_a_person(bank):
    advice = bank.inquire(inquiry(PEOPLE[0])).advice
    for said in ("advisory", "never declines", "ask the bureau for a person"):
        assert said in advice


def test_many_are_asked_in_one_batch_and_come_in_order(bank):
    from app.client import RefusalError, Refused

    outcomes = list(bank.inquire_all([inquiry(citizen) for citizen in PEOPLE]))
    assert [each.inquiry.citizen for each in outcomes] == PEOPLE
    assert all(each.verified.score for each in outcomes[:-1])
    assert isinstance(outcomes[-1], Refused)
    assert isinstance(outcomes[-1].error, RefusalError)
    assert outcomes[-1].error.code == "no-consent"


def test_what_the_ledger_would_refuse_is_not_sent(bank):
    with pytest.raises(RuleError) as caught:
        bank.sign(inquiry(PEOPLE[0]), inquiry("uci:0"), inquiry(PEOPLE[1]))
    assert [each.line for each in caught.value.problems] == [3]
    with pytest.raises(RuleError) as caught:
        bank.sign(inquiry(PEOPLE[0]), inquiry(PEOPLE[1]), inquiry(PEOPLE[0]))
    assert [(each.line, each.rule) for each in caught.value.problems] == [(4, "limit")]


def test_a_batch_of_something_else_is_no_question(bank, ledger):
    from app.client import inquiries_of

    asked = inquiry(PEOPLE[0], class_="card", case="loan-1")
    assert inquiries_of(bank.sign(asked)) == [asked]
    for event in (consent(PEOPLE[0]), {"type": "inquiry", "day": day(), "citizen": PEOPLE[0]}):
        with pytest.raises(FormatError):
            inquiries_of(batch(ledger, bank.key, [event]))


class Meddler:
    """A service between bank and bureau that changes, cuts or repeats what comes."""

    def __init__(self, service, change):
        self.service, self.change, self.url, self.asked = service, change, service.url, 0

    def inquire(self, body):
        return self.change(self.service.inquire(body))

    def inquire_all(self, body):
        self.asked += 1
        yield from self.change(list(self.service.inquire_all(body)), self.asked)


@pytest.fixture
def meddled(bank, monkeypatch):
    def meddle(change):
        meddler = Meddler(bank.service, change)
        monkeypatch.setattr(bank, "service", meddler)
        return meddler

    assert bank.genesis  # known before anybody meddles
    return meddle


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score", 850),
        ("citizen", "uci:1"),
        ("inquiry", "00" * 32),
        ("recipient", "other.example"),
        ("purpose", "collection"),
        ("shown", ["file", "receipt", "score"]),
        ("block", 0),
        ("type", "look"),
    ],
)
def test_an_event_that_says_something_else_than_the_proof_is_refused(bank, meddled, name, value):
    meddled(lambda told: {**told, "answer": {**told["answer"], name: value}})
    with pytest.raises(ProofError):
        bank.inquire(inquiry(PEOPLE[0]))


def test_an_answer_about_somebody_else_is_refused(bank, meddled):
    other = bank.inquire(inquiry(PEOPLE[1]))
    meddled(lambda told: {**told, "proof": json.loads(other.proof)})
    with pytest.raises(ProofError):
        bank.inquire(inquiry(PEOPLE[0]))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: {},
        lambda told: {**told, "proof": "x"},
        lambda told: {**told, "receipts": told["receipts"][:1]},
        lambda told: {**told, "receipts": [told["receipts"][1], told["receipts"][1]]},
        lambda told: {**told, "advice": ""},
    ],
)
def test_an_answer_that_lacks_something_is_refused(bank, meddled, change):
    meddled(change)
    with pytest.raises((FormatError, ProofError)):
        bank.inquire(inquiry(PEOPLE[0]))


def test_a_stream_that_breaks_off_is_asked_for_again_and_nobody_twice(bank, meddled):
    meddler = meddled(lambda lines, asked: lines[: 2 * asked])
    people = PEOPLE[:5]
    outcomes = list(bank.inquire_all([inquiry(citizen) for citizen in people]))
    assert [each.inquiry.citizen for each in outcomes] == people
    assert meddler.asked == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda lines, _: lines[:1],
        lambda lines, _: lines[::-1],
        lambda lines, _: [*lines, lines[-1]],
        lambda lines, _: [b"{", *lines[1:]],
        lambda lines, _: [b"[]", *lines[1:]],
    ],
)
def test_a_stream_that_is_not_what_was_asked_for_is_refused(bank, meddled, change):
    meddled(change)
    with pytest.raises(CredenceError):
        list(bank.inquire_all([inquiry(citizen) for citizen in PEOPLE[:3]]))


def test_r27_corrections_are_told_to_whom_they_concern(bank, ledger):
    citizen = "uci:7999"
    bank.report(LENDER, history(citizen))
    bank.report(ENROLMENT, [consent(citizen)])
    ledger.step()
    key = json.loads(bank.inquire(inquiry(citizen)).proof)["key"]
    _, after = bank.corrections()
    index = _index_of(ledger, citizen)
    bank.report(
        LENDER,
        [
            {
                "type": "retraction",
                "citizen": citizen,
                "target": index,
                "reason": "reported_in_error",
                "day": day(400),
            }
        ],
    )
    found, newest = bank.corrections(after)
    assert [(each.citizen.hex(), each.index) for each in found] == [(key, index)]
    assert bank.corrections(newest) == ([], newest)
    code, output, errors = ledger.run("corrections", "--key", "client.key", "--after", str(after))
    assert (code, output.split()[:2]) == (0, [key, str(index)]), errors


def _index_of(ledger, citizen):
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, [citizen])[citizen]
        query = (
            "SELECT p.first_index + 1 + e.position FROM events e JOIN placements p ON p.admission = e.batch"
            " WHERE e.citizen = %s ORDER BY 1 LIMIT 1"
        )
        return connection.execute(query, (person.id,)).fetchone()[0]


def test_a_file_of_citizens_by_the_command_line(bank, ledger):
    folder = ledger.folder
    (folder / "customers.csv").write_text(
        f"citizen,class,case\n{PEOPLE[0]},card,a-1\n{PEOPLE[5]},,\n{PEOPLE[1]},,a-3\n"
    )
    ask = ("inquire", "--key", "client.key", "--bulk", "customers.csv", "--policy", "policy")
    ask = (*ask, "--purpose", "credit_application")
    code, output, errors = ledger.run(*ask, "-o", "october")
    assert code == 0, errors
    assert output.startswith("2 answered and verified, 1 refused, 0 not answered")
    rows = list(csv.DictReader((folder / "october" / "results.csv").open()))
    assert [(row["line"], row["citizen"], row["outcome"]) for row in rows] == [
        ("2", PEOPLE[0], "answered"),
        ("3", PEOPLE[5], "no-consent"),
        ("4", PEOPLE[1], "answered"),
    ]
    assert (
        ledger.run("verify", "october/proofs/2.proof", "--policy", "policy", "--citizen", PEOPLE[0])[0] == 0
    )
    answers = (folder / "october" / "answers.ndjson").read_bytes()
    assert json.loads(answers.splitlines()[1])["receipt"].startswith("credence/receipt@v1\n")
    assert ledger.run(*ask, "-o", "october")[0] == 0
    assert (folder / "october" / "answers.ndjson").read_bytes() == answers, "the same batch, the same answers"
    for fewer in (f"citizen,class,case\n{PEOPLE[0]},card,a-1\n", f"{PEOPLE[0]}\n{PEOPLE[1]}\n"):
        (folder / "customers.csv").write_text(fewer)
        code, _, errors = ledger.run(*ask, "-o", "october")
        assert (code, "asks something else" in errors) == (1, True)
    assert ledger.run(*ask, "-o", "plain.csv")[0] == 0
    assert len(list(csv.DictReader((folder / "plain.csv").open()))) == 2


@pytest.mark.parametrize("text", ["", "citizen\n", "citizen,name\nuci:1,x\n", "uci:1\nnobody\n", "\x00\xff"])
def test_a_file_that_is_no_list_of_citizens_is_wrong_use(bank, ledger, text):
    (ledger.folder / "wrong.csv").write_text(text)
    code, _, _ = ledger.run(
        *("inquire", "--key", "client.key", "--bulk", "wrong.csv", "--policy", "policy"),
        *("--purpose", "credit_application", "-o", "wrong"),
    )
    assert code in (1, 2)
    assert not (ledger.folder / "wrong" / "results.csv").exists()


def test_the_page_does_what_it_says(bank, ledger, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bank.report(LENDER, [each for row in (17, 18, 19) for each in history(f"uci:71{row}")])
    both = ("account_review", "credit_application")
    bank.report(ENROLMENT, [consent(f"uci:71{row}", purposes=both) for row in (17, 19)])
    ledger.step()
    (tmp_path / "bank.key").write_text(bank.key.encode() + "\n")
    (tmp_path / "policy").write_bytes(ledger.policy())
    program = "".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    program = program.replace("http://127.0.0.1:8080", ledger.url).replace("uci:", "uci:71")
    monkeypatch.setenv("CREDENCE_WEBHOOK_NETWORKS", "127.0.0.0/8")  # no names are looked up here
    program = program.replace("https://bank.example/", "http://127.0.0.1:1/")
    exec(compile(program, str(PAGE), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("no-consent ") for line in lines)
    assert [line.split()[0] for line in lines if line.startswith("uci:")] == [
        "uci:7117",
        "uci:7118",
        "uci:7119",
    ]
    assert any(line.endswith("[(600, 650)]") for line in lines)
    assert any("recourse" in line.lower() or "rights" in line.lower() for line in lines), "the letter"
    assert (tmp_path / "17.proof").exists()
    assert [each.ended != "" for each in bank.watches()] == [True]


def test_a_key_is_applied_for_from_elsewhere(ledger):
    from app.services.organisations import applications

    assert ledger.run("keys", "new", "far.example")[0] == 0
    about = ("--organisation", "Far Bank", "--contact", "Z. Li")
    code, output, errors = ledger.run("keys", "apply", "far.example.key", "--role", "bank", *about)
    assert code == 0, errors
    found = applications.of_reference(ledger.bureau, output.strip().rsplit("/", 1)[1])
    assert (found.name, found.role, found.state) == ("far.example", "bank", "open")
    assert (ledger.folder / "far.example.key").read_text().strip().rsplit("+", 1)[1] not in output
    assert ledger.run("keys", "apply", "far.example.key", "--role", "bank", *about)[0] == 1
    assert ledger.run("keys", "apply", "far.example.key", "--role", "regulator", *about)[0] == 2
