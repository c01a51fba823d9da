"""`credence enrol`: a code is printed for who has a file, with the link that it is too."""

import re

from app.services.citizens.acts import on_paper
from app.services.citizens.links import open_link

CITIZEN = "uci:9001"


def test_a_code_is_printed_once_somebody_was_seen(ledger):
    on_paper(ledger.bureau, CITIZEN, "freeze", {}, "form-1")
    code, output, errors = ledger.run(
        "enrol", CITIZEN, "--ref", "form-17", CREDENCE_ADDRESS="https://credence.example"
    )
    assert code == 0, errors
    printed = re.fullmatch(r"((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})\nhttps://credence\.example/open/\1\n", output)
    assert open_link(ledger.bureau, printed[1])


def test_without_a_file_or_a_reference_there_is_none(ledger):
    code, _, errors = ledger.run("enrol", "uci:404", "--ref", "form-17")
    assert (code, "there is no file" in errors) == (1, True)
    code, _, errors = ledger.run("enrol", "uci:404")
    assert (code, "--ref" in errors) == (2, True)
    code, _, errors = ledger.run("enrol", "uci:404", "--ref", "two words")
    assert (code, "a reference" in errors) == (1, True)
