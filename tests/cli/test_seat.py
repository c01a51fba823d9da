"""`credence seat`: a seat is made, its link printed, and it ends."""

import re


def test_a_seat_is_made_listed_and_ended(ledger):
    code, output, errors = ledger.run(
        "seat", "add", "bank.example", "bank", "A. Chen", "--url", "http://127.0.0.1:1"
    )
    assert code == 0, errors
    assert re.fullmatch(r"http://127\.0\.0\.1:1/seat/open/[\w-]{43}\n", output)
    code, listed, _ = ledger.run("seat", "list")
    (number,) = re.findall(r"^ *(\d+)  bank +bank\.example  A\. Chen$", listed, re.MULTILINE)
    code, again, _ = ledger.run("seat", "link", number)
    assert code == 0
    assert again != output
    assert ledger.run("seat", "end", number)[0] == 0
    assert "ended" in ledger.run("seat", "list")[1]
    code, _, errors = ledger.run("seat", "link", number)
    assert (code, "no-seat" in errors) == (1, True)


def test_a_seat_before_its_key_is_made_and_pointed_out(ledger):
    code, output, errors = ledger.run("seat", "add", "bank.exmaple", "bank", "B. Wang")
    assert (code, len(output.splitlines())) == (0, 1)
    assert "No key is registered for bank.exmaple as bank" in errors
    (ending,) = re.findall(r"credence (seat end \d+)$", errors.strip())
    assert ledger.run(*ending.split())[0] == 0
    assert ledger.run("seat", "add", "bureau", "clerk", "B. Wang")[2] == ""
