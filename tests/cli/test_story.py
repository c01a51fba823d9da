"""The commands against a real bureau, each as its own process: keys, reports, a consent, an inquiry, its proof."""

import datetime as dt
import json
import threading

import pytest

from app.core.log.note import open_note
from app.core.proving.proof import verify_score_proof

LENDER, BANK, ENROLMENT = "lender.example/cards", "bank.example", "enrolment.example"


def days_ago(count):
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=8)).date() - dt.timedelta(days=count)


def ndjson(path, events):
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


def reports():
    common = {"citizen": "uci:17", "account": "c-1", "currency": "TWD"}
    opened = {"type": "account_opened", "class": "card", "limit_minor": 2000000, "day": str(days_ago(800))}
    yield common | opened
    for month in range(12):
        yield common | {"type": "statement", "balance_minor": 300000, "day": str(days_ago(30 * month + 5))}
        yield {
            "type": "status",
            "citizen": "uci:17",
            "account": "c-1",
            "status": "on_time",
            "paid": "full",
            "day": str(days_ago(30 * month + 3)),
        }


def consent(consent_id):
    return {
        "type": "consent_given",
        "id": consent_id,
        "citizen": "uci:17",
        "grantee": BANK,
        "purposes": ["credit_application"],
        "until": str(days_ago(-30)),
        "basis": "research",
        "basis_ref": "r-1",
        "day": str(days_ago(1)),
    }


@pytest.fixture(scope="session")
def furnished(ledger):
    """Keys registered, reports and a consent in a block, and the policy on file."""
    for name, role in ((LENDER, "lender"), (BANK, "bank"), (ENROLMENT, "enrolment")):
        assert ledger.run("keys", "new", name)[0] == 0
        code, _, errors = ledger.run("keys", "register", f"{name.replace('/', '_')}.key", "--role", role)
        assert code == 0, errors
    ledger.step()
    ndjson(ledger.folder / "reports.ndjson", reports())
    ndjson(ledger.folder / "consents.ndjson", [consent("019ab6a4-0000-7000-8000-000000000001")])
    for file, key in (
        ("reports.ndjson", "lender.example_cards.key"),
        ("consents.ndjson", "enrolment.example.key"),
    ):
        code, output, errors = ledger.run("furnish", file, "--key", key)
        assert code == 0, errors
        assert " admitted, in a block by " in output
    ledger.step()
    (ledger.folder / "policy").write_bytes(ledger.policy())
    return ledger


def test_the_whole_story(furnished):
    ledger = furnished
    ask = ("inquire", "--key", "bank.example.key", "--citizen", "uci:17", "--purpose", "credit_application")

    code, output, errors = ledger.run(
        *ask, "--consent", "019ab6a4-0000-7000-8000-000000000001", "--out", "17.proof", "--policy", "policy"
    )
    assert code == 0, errors
    assert "advisory" in output
    assert "Proved: block" in output
    assert "belongs to the identifier" in output

    proof = (ledger.folder / "17.proof").read_bytes()
    verified = verify_score_proof(proof, ledger.policy(), at=dt.datetime.now(dt.UTC), identifier="uci:17")
    answer = json.loads((ledger.folder / "17.proof.answer").read_text())
    assert answer["answer"]["score"] == verified.score
    assert ledger.run("verify", "17.proof", "--policy", "policy", "--citizen", "uci:17")[0] == 0
    assert ledger.run("verify", "17.proof", "--policy", "policy", "--citizen", "uci:18")[0] == 1

    code, _, errors = ledger.run(*ask, "--out", "17.proof")
    assert (code, "is there already" in errors) == (1, True)

    code, checkpoint, errors = ledger.run("checkpoint", "--policy", "policy")
    assert code == 0, errors
    assert open_note(checkpoint.encode(), [ledger.bureau.verifier])
    assert ledger.run("checkpoint", "--local", "--policy", "policy")[1] == checkpoint


def test_an_inquiry_that_was_not_answered_is_sent_again_as_it_was(furnished):
    ledger, folder = furnished, furnished.folder
    ask = (
        "inquire",
        "--key",
        "bank.example.key",
        "--citizen",
        "uci:17",
        "--purpose",
        "credit_application",
        "--out",
        "again.proof",
    )
    assert ledger.run(*ask)[0] == 0
    asked, answer = (folder / "again.proof.batch").read_bytes(), (folder / "again.proof.answer").read_bytes()
    (folder / "again.proof").unlink()
    code, _, errors = ledger.run(*ask, "--case", "other")
    assert (code, "asks something else" in errors) == (1, True)
    code, _, errors = ledger.run(*ask)
    assert code == 0, errors
    assert (folder / "again.proof.batch").read_bytes() == asked
    assert (
        json.loads((folder / "again.proof.answer").read_bytes())["receipts"] == json.loads(answer)["receipts"]
    )


def test_a_refused_inquiry_leaves_its_receipt(furnished):
    code, output, errors = furnished.run(
        "inquire",
        "--key",
        "bank.example.key",
        "--citizen",
        "uci:99",
        "--purpose",
        "credit_application",
        "--out",
        "99.proof",
    )
    assert code == 1
    assert "no-consent" in errors
    assert "receipt of the refusal" in output
    assert (furnished.folder / "99.proof.refusal").read_bytes().startswith(b"credence/receipt@v1\n")
    assert not (furnished.folder / "99.proof").exists()


def test_the_same_file_is_furnished_once(furnished):
    ledger, key = furnished, ("--key", "lender.example_cards.key")
    receipt = (ledger.folder / "reports.ndjson.001.batch.receipt").read_bytes()

    code, output, _ = ledger.run("furnish", "reports.ndjson", *key)
    assert (code, "admitted before" in output) == (0, True)
    assert (ledger.folder / "reports.ndjson.001.batch.receipt").read_bytes() == receipt

    code, output, _ = ledger.run("furnish", "reports.ndjson.001.batch")
    assert (code, "admitted before" in output) == (0, True)

    (ledger.folder / "again").mkdir()
    (ledger.folder / "again" / "reports.ndjson").write_bytes((ledger.folder / "reports.ndjson").read_bytes())
    code, _, errors = ledger.run("furnish", "again/reports.ndjson", *key)
    assert (code, "has these events already" in errors) == (1, True), errors

    with (ledger.folder / "reports.ndjson").open("a") as file:
        file.write("{}\n")
    code, _, errors = ledger.run("furnish", "reports.ndjson", *key)
    assert (code, "another content" in errors) == (1, True)


def test_what_the_ledger_would_refuse_is_not_signed(furnished):
    bad = next(reports()) | {"religion": "none"}
    ndjson(furnished.folder / "bad.ndjson", [next(reports()), bad])
    code, _, errors = furnished.run("furnish", "bad.ndjson", "--key", "lender.example_cards.key")
    assert code == 1
    assert "  line 2: R2: " in errors
    assert not list(furnished.folder.glob("bad.ndjson.*"))


def test_what_only_the_ledger_can_know_is_named_by_the_line_of_the_file(furnished):
    """R6: an event id that is in the ledger already. The good file before it goes in all the same."""
    ndjson(furnished.folder / "new.ndjson", [consent("019ab6a4-0000-7000-8000-000000000002")])
    ndjson(
        furnished.folder / "twice.ndjson",
        [consent("019ab6a4-0000-7000-8000-000000000003"), consent("019ab6a4-0000-7000-8000-000000000001")],
    )
    code, output, errors = furnished.run(
        "furnish", "new.ndjson", "twice.ndjson", "--key", "enrolment.example.key"
    )
    assert code == 1
    assert output.startswith("new.ndjson.001.batch: 1 event admitted")
    assert "  line 2: R6: " in errors


def test_a_revoked_key_is_refused_and_listed(furnished):
    furnished.run("keys", "new", "careless.example")
    assert furnished.run("keys", "register", "careless.example.key", "--role", "lender")[0] == 0
    revoke = ("keys", "revoke", "careless.example", "--role", "lender", "--reason")
    code, output, _ = furnished.run(*revoke, "the laptop was lost")
    assert (code, "is revoked" in output) == (0, True)
    furnished.step()
    ndjson(furnished.folder / "late.ndjson", [next(reports())])
    code, _, errors = furnished.run("furnish", "late.ndjson", "--key", "careless.example.key")
    assert code == 1
    assert errors.startswith("late.ndjson: ")
    code, output, _ = furnished.run("keys", "list")
    assert code == 0
    (line,) = [line for line in output.splitlines() if line.startswith("lender ") and "careless" in line]
    assert "ended at entry" in line
    code, _, errors = furnished.run(*revoke, "again")
    assert (code, "no valid lender key" in errors) == (1, True)


def test_a_key_of_another_organisation_comes_in_by_its_possession_note(furnished):
    ledger = furnished
    ledger.run("keys", "new", "other.example")
    code, note, _ = ledger.run(
        "keys", "possession", "other.example.key", "--ledger", ledger.bureau.origin, "--role", "lender"
    )
    assert code == 0
    (ledger.folder / "note").write_text(note)
    code, output, errors = ledger.run(
        "keys", "register", "other.example.vkey", "--role", "lender", "--possession", "note"
    )
    assert code == 0, errors
    assert "other.example is registered as lender" in output
    code, _, errors = ledger.run(
        "keys", "register", "other.example.vkey", "--role", "bank", "--possession", "note"
    )
    assert (code, "possession" in errors) == (1, True)


def test_two_at_once_furnish_the_same_file(furnished):
    ndjson(furnished.folder / "both.ndjson", [consent("019ab6a4-0000-7000-8000-000000000009")])
    assert (
        furnished.run(
            "furnish", "both.ndjson", "--key", "enrolment.example.key", CREDENCE_URL="http://127.0.0.1:9"
        )[0]
        == 1
    )
    assert not (furnished.folder / "both.ndjson.001.batch").exists()  # without the ledger nothing is signed
    results = []
    threads = [
        threading.Thread(
            target=lambda: results.append(
                furnished.run("furnish", "both.ndjson", "--key", "enrolment.example.key")
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 in [code for code, _, _ in results]
    assert furnished.run("furnish", "both.ndjson", "--key", "enrolment.example.key")[0] == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--citizen", "uci:0", "--purpose", "self"),
        ("--citizen", "cn:11010519491231002X", "--purpose", "self"),
        ("--citizen", "uci:17", "--purpose", "curiosity"),
        ("--citizen", "uci:17"),
    ],
)
def test_wrong_use_of_inquire(furnished, args):
    code, _, errors = furnished.run("inquire", "--key", "bank.example.key", "--out", "x.proof", *args)
    assert (code, errors[:6]) == (2, "Usage:")
    assert not list(furnished.folder.glob("x.proof*"))


def test_wrong_use_of_furnish(furnished):
    assert furnished.run("furnish")[0] == 2
    assert furnished.run("furnish", "nothing.batch")[0] == 2
    assert furnished.run("furnish", "reports.ndjson")[0] == 2  # no key
    assert furnished.run("furnish", "policy")[0] == 2  # neither .batch nor .ndjson
    (furnished.folder / "bad.batch").write_bytes(b'{"note":"x"}\n')
    code, _, errors = furnished.run("furnish", "bad.batch")
    assert (code, errors.startswith("bad.batch: ")) == (1, True)


def test_without_a_ledger_keys_say_so(ledger):
    ledger.run("keys", "new", "a")
    code, _, errors = ledger.run(
        "keys", "register", "a.key", "--role", "bank", CREDENCE_HOME=str(ledger.folder / "elsewhere")
    )
    assert code == 1
    assert errors.startswith("Error: ")


def test_a_credential_is_issued_presented_and_checked(furnished):
    ledger, folder = furnished, furnished.folder
    assert ledger.run("keys", "new", "phone")[0] == 0
    assert ledger.run("keys", "new", "thief")[0] == 0
    issue = (
        "credential",
        "issue",
        "--citizen",
        "uci:17",
        "--audience",
        "bank.demo",
        "--holder",
        "phone.vkey",
    )
    code, _, errors = ledger.run(*issue, "--at-least", "850", "--out", "none.credential")
    assert (code, "not at least 850" in errors) == (1, True)
    code, output, errors = ledger.run(*issue, "--at-least", "350", "--wait", "1s", "--out", "17.credential")
    assert (code, "No block holds it yet" in errors) == (1, True)
    number = output.split("recorded as ")[1].split(",")[0]
    ledger.step()
    fetch = ("credential", "fetch", "--citizen", "uci:17", "--out", "17.credential", "--id", number)
    code, output, errors = ledger.run(*fetch)
    assert code == 0, errors
    assert "for the citizen alone" in output
    assert (folder / "17.credential").stat().st_mode & 0o777 == 0o600
    assert ledger.run(*fetch)[0] == 1, "never overwritten"

    present = ("credential", "present", "17.credential", "--nonce", "visit-7", "--at-least", "350")
    code, output, errors = ledger.run(
        *present, "--holder", "phone.key", "--out", "share.proof", DATABASE_URL="", CREDENCE_HOME="/nowhere"
    )
    assert code == 0, errors
    code, _, errors = ledger.run(*present, "--holder", "thief.key", "--out", "other.proof")
    assert (code, "another key" in errors) == (1, True)

    verify = ("verify", "share.proof", "--policy", "policy")
    own = ("--audience", "bank.demo", "--nonce", "visit-7", "--citizen", "uci:17")
    code, output, errors = ledger.run(*verify, *own)
    assert code == 0, errors
    assert "is at least 350." in " ".join(output.split())
    told = json.loads(ledger.run(*verify, *own, "--json")[1])
    assert (told["proved"], told["at_least"], told["credential"]) == (True, 350, number)
    assert "score" not in told
    for wrong in (
        (),
        ("--audience", "bank.example"),
        ("--audience", "bank.demo", "--nonce", "visit-8"),
        (*own[:-1], "uci:18"),
    ):
        assert ledger.run(*verify, *wrong)[0] == 1
