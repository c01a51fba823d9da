"""Notes for letters, watches, corrections and disputes, and the messages that come of them: there and back, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import CredenceError, FormatError
from app.core.exchange import letter, webhook
from app.core.exchange.request_note import CorrectionsNote, DisputesNote, LetterNote
from app.core.exchange.watch_note import WatchEndNote, WatchesNote, WatchNote
from app.core.log.note import Signer

ORIGIN, BANK = "ledger.example", "bank.example"
SIGNER = Signer.generate_from_seed(BANK, b"b" * 32)
TIME = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
ANSWER = "019ab6a4-0000-7000-8000-000000000000"
URL = "https://bank.example/hooks"
LETTER = LetterNote(ORIGIN, BANK, ANSWER, TIME)
WATCH = WatchNote(ORIGIN, BANK, ANSWER, (600, 650), URL, TIME)
KINDS = (WatchesNote, WatchEndNote, CorrectionsNote, DisputesNote)
NUMBERS = [kind(ORIGIN, BANK, 7, TIME) for kind in KINDS]
PARSERS = {
    "letter": LetterNote.parse,
    "watch": WatchNote.parse,
    **{kind.__name__: kind.parse for kind in KINDS},
}
GOOD = [LETTER.sign(SIGNER), WATCH.sign(SIGNER), *(each.sign(SIGNER) for each in NUMBERS)]


def test_there_and_back():
    values = [LETTER, WATCH, *NUMBERS]
    for value, note, parse in zip(values, GOOD, PARSERS.values(), strict=True):
        assert parse(note) == value
    assert GOOD[1].decode().splitlines()[:4] == [
        "credence/watch@v1",
        ORIGIN,
        BANK,
        f'{{"answer":"{ANSWER}","lines":[600,650],"url":"{URL}"}}',
    ]


def test_one_kind_of_note_is_never_another():
    for number, note in enumerate(GOOD):
        for other, parse in enumerate(PARSERS.values()):
            if number != other:
                with pytest.raises(FormatError):
                    parse(note)


@pytest.mark.parametrize(
    "subject",
    [
        f'{{"answer":"{ANSWER}","lines":[],"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":[650,600],"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":[600,600],"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":[true],"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":[300],"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":600,"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":[600]}}',
        f'{{"answer":"{ANSWER}","lines":[600],"url":"{URL}","x":1}}',
        f'{{"answer":"x","lines":[600],"url":"{URL}"}}',
        f'{{"answer":"{ANSWER}","lines":[600],"url":"http://bank.example/"}}',
        f'{{"answer": "{ANSWER}","lines":[600],"url":"{URL}"}}',
        "7",
    ],
)
def test_what_is_no_watch_is_refused(subject):
    text = "".join(
        f"{line}\n" for line in ("credence/watch@v1", ORIGIN, BANK, subject, "2026-11-22T15:24:00Z")
    )
    with pytest.raises(FormatError):
        WatchNote.parse(SIGNER.sign(text.encode()))


@given(st.data())
def test_any_bytes_give_a_value_or_an_error_of_ours(data):
    note = bytearray(data.draw(st.sampled_from(GOOD)))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(note) - 1))
        note[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    for parse in PARSERS.values():
        try:
            parse(bytes(note))
        except CredenceError:
            continue


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=90), st.binary(max_size=40))
def test_any_headers_give_an_id_or_an_error_of_ours(message_id, time, signature, body):
    received = {"webhook-id": message_id, "webhook-timestamp": time, "webhook-signature": signature}
    for key in (webhook.public_key(SIGNER), signature):
        with pytest.raises(CredenceError):
            webhook.verify(key, received, body, 1_795_431_840)


@given(st.text(max_size=40), st.sampled_from(["", "https://", "http://127.0.0.1", "https://[", "https://a:"]))
def test_any_text_is_an_address_or_refused(text, begin):
    try:
        assert webhook.check_url(begin + text) == begin + text
    except FormatError:
        return


def test_a_message_has_the_bytes_that_the_formats_say():
    data = {"block": 1204, "citizen": "5f", "direction": "down", "lines": [600], "watch": 7}
    body = webhook.body("score.crossed", data, TIME)
    assert body == (
        b'{"data":{"block":1204,"citizen":"5f","direction":"down","lines":[600],"watch":7},'
        b'"timestamp":"2026-11-22T15:24:00Z","type":"score.crossed"}'
    )
    headers = webhook.headers(SIGNER, "msg_7_1204", 1_795_431_840, body)
    key = webhook.public_key(SIGNER)
    assert webhook.verify(key, headers, body, 1_795_431_840) == "msg_7_1204"
    also = headers | {"webhook-signature": f"v1a,AAAA v1,xyz {headers['webhook-signature']}"}
    assert webhook.verify(key, also, body, 1_795_431_840 + 300) == "msg_7_1204"


@given(st.text("信用 ab，。（）1.", max_size=200))
def test_lines_of_a_letter_fit_and_lose_nothing(paragraph):
    lines = letter._wrapped(paragraph, 20)
    assert "".join(lines).replace(" ", "") == paragraph.replace(" ", "")
    pieces = letter._UNBROKEN.findall(paragraph)
    fits = [letter._width(line) <= 20 for line in lines]
    assert all(fits) or any(letter._width(piece.rstrip()) > 20 for piece in pieces), (
        "only what cannot be broken is wider"
    )
