"""Any bytes to any door: an answer of ours, never a fault. Valid batches are the seeds, so that mutants get deep."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.reporting.batch import BatchNote, parse_batch, verify_root
from tests.web.conftest import BANK, CITIZEN, ENROLMENT, LENDER, UTILITY

SETTINGS = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DOORS = ("/v1/batches", "/v1/inquiries")
ODD = (
    b'{"note":"\\ud800"}\n',
    b'{"note":"\\u0000"}\n',
    b"{" * 5000 + b"\n",
    b"[" * 50_000 + b"\n",
    b'{"note":"' + b"\\n" * 4000 + b'"}\n',
    b"\xef\xbb\xbf{}\n",
    b"\x00\n",
    b"null\n",
    b"1e999\n",
    b'{"note":"' + "é".encode() * 3000 + b'"}\n',
)


def answered(answer):
    """2xx, or a 4xx that is a problem with the right status in it."""
    assert answer.status_code < 500, answer.data
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        members = answer.get_json(force=True)
        assert members["status"] == answer.status_code
        assert members["detail"]
        assert members["code"]
    return answer


def seeds(world):
    """A signed batch of each kind."""
    told = {"notified_on": world.day(9), "notified_by": "letter"}
    late = {"status": "late_30", "first_delinquent_on": world.day(40), **told}
    consent = {
        "grantee": BANK,
        "purposes": ["self"],
        "until": world.day(-9),
        "basis": "paper",
        "basis_ref": "p",
    }
    lines = [
        world.line(LENDER, "payment", CITIZEN, account="c", currency="TWD", amount_minor=5),
        world.line(LENDER, "status", CITIZEN, account="c", **late),
        world.line(LENDER, "retraction", CITIZEN, target=9, reason="ordered"),
        world.line(LENDER, "correction", CITIZEN, target=9, fields={"day": world.day(), "account": "c"}),
    ]
    return [
        world.batch(LENDER, lines),
        world.batch(LENDER, lines[:1]),
        world.batch(UTILITY, [world.line(UTILITY, "utility", CITIZEN, account="m", status="on_time")]),
        world.batch(ENROLMENT, [world.line(ENROLMENT, "consent_given", CITIZEN, **consent)]),
        world.inquiry(CITIZEN),
        world.inquiry("uci:77777"),
    ]


def mutant(body, numbers):
    """A few bytes changed, cut, dropped, doubled or put in."""
    changed = bytearray(body)
    for _ in range(numbers.randint(1, 4)):
        at = numbers.randrange(len(changed) + 1)
        how = numbers.randrange(5)
        if how == 0 and at < len(changed):
            changed[at] = numbers.randrange(256)
        elif how == 1:
            del changed[at:]
        elif how == 2:
            del changed[at : at + numbers.randint(1, 40)]
        elif how == 3:
            changed[at:at] = changed[at : at + numbers.randint(1, 40)]
        else:
            changed[at:at] = numbers.choice(
                (b'"', b"\\", b"\n", b"{", b"}", b"\xff", b"\x00", b"-1", b"null", b"e9")
            )
    return bytes(changed)


def signed_again(world, body, numbers):
    """The events of a file mutated, and signed as they are: past the signature and the root."""
    file = parse_batch(body)
    lines = [mutant(line, numbers).replace(b"\n", b"").replace(b"\r", b"") or b"{}" for line in file.lines]
    name = file.header.furnisher
    note = BatchNote(
        file.header.origin, name, f"z-{numbers.random()}"[:40], len(lines), verify_root(lines)[2]
    )
    head = canon.encode({"note": world.signers[name].sign(note.text()).decode()})
    return b"\n".join([head, *lines, b""])


@pytest.mark.parametrize("door", DOORS)
@SETTINGS
@given(body=st.binary(max_size=2000) | st.text(max_size=500).map(str.encode) | st.sampled_from(ODD))
@example(body=b"")
def test_any_bytes(client, door, body):
    answered(client.post(door, data=body))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("odd", range(len(ODD)))
def test_odd_bytes(client, door, odd):
    assert answered(client.post(door, data=ODD[odd])).status_code == 400


@pytest.mark.parametrize("door", DOORS)
@SETTINGS
@given(seed=st.integers(0, 2**32))
def test_mutants_of_signed_batches(client, world, door, seed):
    numbers = random.Random(seed)
    answered(client.post(door, data=mutant(numbers.choice(seeds(world)), numbers)))


@pytest.mark.parametrize("door", DOORS)
@SETTINGS
@given(seed=st.integers(0, 2**32))
def test_mutants_that_are_signed(client, world, door, seed):
    numbers = random.Random(seed)
    answered(client.post(door, data=signed_again(world, numbers.choice(seeds(world)), numbers)))


PATHS = st.text(alphabet="/.x0123456789pentris%\\é\x00\n ?#-_~", max_size=60)


@pytest.mark.parametrize(
    "prefix", ["/tile/", "/tile/0/", "/tile/entries/", "/v1/receipts/", "/v1/receipts/a/"]
)
@SETTINGS
@given(rest=PATHS)
@example(rest="0/000.p/0")
@example(rest="x999/x999/x999/x999/x999/x999/999")
@example(rest="0/x999/x999/x999/x999/x999/x999/999.p/1")
@example(rest="63/x036/x028/x797/x018/x963/x967")
@example(rest="000" * 90)
@example(rest="../../etc/passwd")
def test_any_path(client, prefix, rest):
    answer = client.get(prefix + rest)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        answered(answer)


@SETTINGS
@given(st.lists(st.integers(-1, 10**6), min_size=3, max_size=3), st.booleans())
def test_any_tile_of_the_right_form(client, numbers, partial):
    level, index, width = numbers
    name = "entries" if level < 0 else str(level)
    path = f"/tile/{name}/{index % 1000:03}" + (f".p/{width}" if partial else "")
    answer = client.get(path)
    assert answer.status_code in (200, 404)
    answered(answer)
