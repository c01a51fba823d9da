"""The folded file's bytes are canonical JSON, and any other bytes are refused."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import FormatError
from app.core.scoring.fold import fold, fold_history
from app.core.scoring.folded import FILE_BYTES_MAX, File, copy_file, decode_file, encode_file, reopen_file
from app.core.scoring.profiles import CN
from app.core.scoring.score import flags_of, score_file
from tests.core.fold_samples import CARD, TODAY, file_of, histories, opened, payment, statement, status

FULL = file_of(
    opened("2026-10-31", opened_on="2026-10-31", limit_minor=2_000_000),
    statement("2026-10-31", 125_000),
    payment("2026-10-31", 125_000),
    status("2026-10-31", "late_30", first="2026-09-20"),
)


@given(histories())
def test_the_bytes_are_canonical_and_come_back_as_the_same_file(history):
    file = fold(File(), history)
    data = encode_file(file)
    assert canon.encode(orjson.loads(data)) == data
    canon.decode(data)
    assert decode_file(data) == reopen_file(data) == copy_file(file) == file


def test_the_bytes_of_one_account():
    assert encode_file(FULL).decode() == (
        '{"accounts":{"bank.example:a":{"class":"card","currency":"CNY","first":24322,'
        '"late":[[24322,"2026-09-20","2026-10-31"]],"limit_at":["2026-10-31",0],"limit_minor":2000000,'
        '"opened_at":["2026-10-31",0],"opened_on":"2026-10-31","paid":[[24322,125000]],'
        '"statements":[[24322,"2026-10-31",1,125000,-1,-1]],"status":[24322,"2"]}},"reported":24322}'
    )


def test_an_empty_file_is_an_empty_object():
    assert encode_file(File()) == b"{}"
    assert decode_file(b"{}") == File()


def changed(path, value):
    data = orjson.loads(encode_file(FULL))
    at = data
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


ACCOUNT = ("accounts", "bank.example:a")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("extra",), 1),
        (("repaired",), False),
        (("disputed",), 0),
        (("disputed",), -1),
        (("consents",), {}),
        (("reported",), 0),
        (("reported",), True),
        (("reported",), 24322.0),
        ((*ACCOUNT, "class"), "savings"),
        ((*ACCOUNT, "opened_on"), "2026-02-30"),
        ((*ACCOUNT, "opened_on"), ""),
        ((*ACCOUNT, "limit_at"), ["2026-10-32", 0]),
        ((*ACCOUNT, "limit_minor"), 2**53),
        ((*ACCOUNT, "paid"), [[24322, 0]]),
        ((*ACCOUNT, "paid"), [[24322, 1], [24322, 1]]),
        ((*ACCOUNT, "paid"), [[24322, 1], [24321, 1]]),
        ((*ACCOUNT, "paid"), [[24298, 1], [24322, 1]]),
        ((*ACCOUNT, "paid"), [[24322, 1, 1]]),
        ((*ACCOUNT, "statements"), [[24321, "2026-10-31", 1, 125000, -1, -1]]),
        ((*ACCOUNT, "statements"), [[24322, "2026-10-31", 1, 125000, -2, -1]]),
        ((*ACCOUNT, "statements"), [[24322, "2026-10-31", 1, 125000, -1]]),
        ((*ACCOUNT, "status"), [24322, "7"]),
        ((*ACCOUNT, "status"), [24322, "-2"]),
        ((*ACCOUNT, "status"), [24321, "2-"]),
        ((*ACCOUNT, "status"), [24322, ""]),
        ((*ACCOUNT, "status"), [24322, "0"]),
        ((*ACCOUNT, "status"), [24321, "22"]),
        ((*ACCOUNT, "status"), [24202, "0" * 120 + "2"]),
        ((*ACCOUNT, "status"), None),
        ((*ACCOUNT, "late"), None),
        ((*ACCOUNT, "late"), [[24322, "2026-09-20", "2026-09-30"]]),
        ((*ACCOUNT, "late"), [[24322, "2026-9-20", "2026-10-31"]]),
        (("community",), {"u:rent:a": [24322, "3"]}),
        (("community",), {"u:rent:a": [26400, "00"]}),
        (("inquiries",), [["2026-10-02", "card", 1], ["2026-10-01", "card", 2]]),
        (("inquiries",), [["2024-09-30", "card", 1], ["2026-10-01", "card", 2]]),
        (("inquiries",), [["2026-10-02", "loan", 1]]),
        (("freezes",), [["2026-10-02", 1, 2, "", ""]]),
        (("freezes",), [["2026-10-02", 1, 0, "", "soon"]]),
        (("records",), {"g:court_debt:c": {"kind": "court_debt", "placed": "yesterday"}}),
        (("records",), {"g:court_debt:c": {"kind": "lawsuit"}}),
        (("accounts",), {"bank.example": {}}),
        (("accounts",), {"bank.example:a b": {}}),
        (("community",), {"u:water:a": [24322, "0"]}),
        (("community",), {"u:a": [24322, "0"]}),
        (("records",), {"g:lawsuit:c": {"placed": "2026-10-02"}}),
        (("records",), {"g:c": {"placed": "2026-10-02"}}),
        (("passkeys",), {"AAAA": {"added": "x"}}),
        (("consents",), {"c": {"from": "x"}}),
    ],
)
def test_what_no_fold_writes_is_refused(path, value):
    with pytest.raises(FormatError):
        decode_file(changed(path, value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{} ",
        b'{"reported":24322,"disputed":1}',
        b'{"disputed":1,"disputed":1}',
        b'{"reported":null}',
        b"\xff",
        b"[" * 100_000,
        b" " * (FILE_BYTES_MAX + 1),
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(FormatError):
        decode_file(data)


@given(histories(max_size=8), st.data())
def test_any_bytes_give_a_file_that_can_be_scored_or_our_error(history, data):
    wire = bytearray(encode_file(fold(File(), history)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(wire) - 1))
        wire[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b"9", b"-", b"0"])
        )
        if not wire:
            break
    try:
        file = decode_file(bytes(wire))
    except FormatError:
        return
    assert encode_file(file) == bytes(wire)
    score_file(file, TODAY, CARD, CN)
    flags_of(file, TODAY)


def test_a_repaired_file_says_so():
    file = fold_history([])
    file.repaired, file.disputed = True, 2
    assert encode_file(file) == b'{"disputed":2,"repaired":true}'


def test_foreign_bytes_have_a_limit_and_our_own_have_none():
    """What was admitted must be folded, whatever its size; what others send is refused beyond a size."""
    from app.core.scoring.folded import Passkey

    crowd = {f"{n:05d}": Passkey(added="2026-01-01", public_key="A" * 1000) for n in range(1_100)}
    data = encode_file(File(passkeys=crowd))
    assert len(data) > FILE_BYTES_MAX
    assert encode_file(reopen_file(data)) == data
    with pytest.raises(FormatError, match="over the limit"):
        decode_file(data)
