"""From plain events to batches: what is filled in, what is refused, where batches begin."""

import datetime as dt
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import preparing
from app.core import canon
from app.core.errors import CredenceError, FormatError, RuleError
from app.core.fields import uuid7
from app.core.log import notices
from app.core.reporting.batch import check_root, parse_batch

from .conftest import load_make

make = load_make()
GENESIS = make.NOTICES[0]
NOW = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
PLAIN = b'{"type":"payment", "day": "2026-10-31","citizen":"uci:17","account":"c-1","currency":"TWD","amount_minor":500}'


def complete(source):
    (draft,) = preparing.drafts(source)
    return draft, preparing.complete(draft, GENESIS, "bank.example", NOW, secrets.token_bytes)


def test_the_paperwork_is_filled_in():
    draft, lines = complete(PLAIN + b"\n" + PLAIN)
    events = [canon.decode_object(line) for line in lines]
    assert {event["ledger"] for event in events} == {notices.decode(notices.encode(GENESIS)).origin}
    assert {event["furnisher"] for event in events} == {"bank.example"}
    assert len({event["id"] for event in events}) == len({event["nonce"] for event in events}) == 2
    signer = make.signer("bank.example")
    file = parse_batch(preparing.sign(draft, lines, GENESIS, signer))
    assert (file.header.batch_id, file.header.count) == (draft.batch_id, 2)
    check_root(file)


def test_what_is_given_stays():
    nonce, event_id = "A" * 43, "019ab6a4-0000-7000-8000-000000000001"
    source = PLAIN[:-1] + f',"nonce":"{nonce}","id":"{event_id}"}}'.encode()
    (line,) = complete(source)[1]
    event = canon.decode_object(line)
    assert (event["nonce"], event["id"]) == (nonce, event_id)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (PLAIN.replace(b"500", b"5.0"), "format"),
        (PLAIN.replace(b"500", b"NaN"), "format"),
        (PLAIN.replace(b"500", b"null"), "format"),
        (PLAIN.replace(b"500", b"9007199254740992"), "format"),
        (PLAIN.replace(b"500", b'"500"'), "R7"),
        (PLAIN.replace(b'"payment"', b'"payment","type":"statement"'), "format"),
        (PLAIN.replace(b"payment", b"gossip"), "R1"),
        (PLAIN[:-1] + b',"religion":"none"}', "R2"),
        (PLAIN[:-1] + b',"ledger":"other.example"}', "origin"),
        (PLAIN.replace(b"2026-10-31", b"2026-11-24"), "day"),
        (PLAIN.replace(b"uci:17", b"cn:17"), "scheme"),
        (b"", "format"),
        (b"[]", "format"),
        (b"\xff", "format"),
        (b"[" * 100_000, "format"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_signed(line, rule):
    with pytest.raises(RuleError) as refusal:
        complete(PLAIN + b"\n" + line + b"\n" + PLAIN + b"\n")
    (problem,) = refusal.value.problems
    assert (problem.line, problem.rule) == (2, rule)


def test_the_first_ten_bad_lines_are_named():
    with pytest.raises(RuleError) as refusal:
        complete(b"\n".join([PLAIN, *[b"{}"] * 12]))
    assert [problem.line for problem in refusal.value.problems] == list(range(2, 12))


def test_an_empty_file_has_no_events():
    with pytest.raises(FormatError):
        preparing.drafts(b"")


@given(st.binary(max_size=200))
def test_any_bytes_are_drafts_or_an_error(source):
    try:
        drafts = preparing.drafts(source)
    except CredenceError:
        return
    assert sum(len(draft.events) for draft in drafts) == len(source.removesuffix(b"\n").split(b"\n"))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7])
def test_batches_of_three_have_all_events_once(monkeypatch, count):
    monkeypatch.setattr(preparing, "EVENTS_MAX", 3)
    drafts = preparing.drafts(b"".join(b'{"n":%d}\n' % number for number in range(count)))
    assert [event["n"] for draft in drafts for event in draft.events] == list(range(count))
    assert [draft.first_line for draft in drafts] == list(range(1, count + 1, 3))
    assert len({draft.batch_id for draft in drafts}) == len(drafts) == -(-count // 3)


def test_batches_have_a_size(monkeypatch):
    monkeypatch.setattr(preparing, "PLAIN_BYTES_MAX", 19)
    assert len(preparing.drafts(b'{"n":1234}\n' * 3)) == 3


def test_the_same_file_has_the_same_batch_ids():
    ids = [draft.batch_id for draft in preparing.drafts(PLAIN) + preparing.drafts(PLAIN)]
    assert ids[0] == ids[1]
    assert re.fullmatch(r"[0-9a-f]{32}\.1-of-1", ids[0])
    assert preparing.drafts(PLAIN + b"\n" + PLAIN)[0].batch_id != ids[0]


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_uuid7(now_ms, random):
    text = uuid7(now_ms, random)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)
    assert int(text.replace("-", "")[:12], 16) == now_ms
