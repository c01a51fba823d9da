"""The research data as events: counted, canonical, the same from the same home, and R8 holds on all of it.

Without a database: what intake would ask of each batch is asked here of every line.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
import lzma
import random
from collections import Counter, defaultdict
from hashlib import sha256
from importlib import resources

import pytest

from app.core import canon
from app.core.months import month_of
from app.core.reporting import event_types
from app.core.reporting.batch import check_root, parse_batch
from app.core.reporting.events import Header, decode_events
from app.core.scoring.episodes import contradictions
from app.services.home import Home
from app.services.scoring import research
from app.services.scoring.research import CITIZENS, EVENTS, LENDER, Calendar, Research

ORIGIN = "ledger.example/research"
TODAY = dt.date(2026, 11, 22)


@pytest.fixture
def made(tmp_path):
    return Research(Home(tmp_path), ORIGIN, TODAY)


def bodies(made, count=None):
    return [made.body(*batch)[0] for batch in itertools.islice(made.batches(), count)]


def judged(body, day="2026-11-22"):
    """The events of a batch as intake decodes them; there is no problem with any."""
    file = parse_batch(body)
    check_root(file)
    header = Header(ORIGIN, file.header.furnisher, "uci", day, 480)
    good, problems = decode_events(file.lines, header)
    assert problems == []
    return good


def test_all_of_it_is_canonical_counted_unique_and_keeps_r8(made):
    """563,103 events of 30,000 people, in the closed schema, no id twice, no episode with two first days."""
    total, types, people, ids = 0, Counter(), set(), defaultdict(set)
    for number, (signer, batch_id, group) in enumerate(made.batches()):
        body, count = made.body(signer, batch_id, group)
        good = judged(body)
        assert len(good) == count == parse_batch(body).header.count
        total += count
        types.update(event.type for event in good)
        people.update(event.citizen for event in good)
        new = {event.id for event in good}
        assert len(new) == count
        assert not new & ids[signer.name], "R6"
        ids[signer.name] |= new
        if signer.name == LENDER:
            _check_r8(good)
        if number < 2:
            lines = parse_batch(body).lines
            assert all(canon.encode(canon.decode(line)) == line for line in lines)
    assert (total, len(people)) == (EVENTS, CITIZENS)
    assert types["consent_given"] == types["account_opened"] == CITIZENS
    assert types["statement"] == types["status"] == 6 * CITIZENS
    assert types["payment"] == EVENTS - 14 * CITIZENS


def _check_r8(good):
    on_time, late = defaultdict(list), defaultdict(list)
    for event in good:
        if isinstance(event, event_types.Status):
            month = month_of(event.day)
            if event.status == "on_time":
                on_time[event.account].append(month)
            else:
                late[event.account].append((month, event.first_delinquent_on))
    assert late
    for account, reported in late.items():
        assert contradictions(on_time[account], {}, reported) == []


def test_the_same_home_gives_the_same_bytes_on_another_day(made, tmp_path):
    again = Research(Home(tmp_path), ORIGIN, dt.date(2027, 3, 1))
    assert bodies(again, 4) == bodies(made, 4)
    assert [sha256(each).digest() for each in bodies(again, 4)] == [
        sha256(each).digest() for each in bodies(made, 4)
    ]


def test_another_home_gives_other_ids_nonces_and_keys(made, tmp_path_factory):
    other = Research(Home(tmp_path_factory.mktemp("other")), ORIGIN, TODAY)
    mine, theirs = (parse_batch(bodies(each, 1)[0]).lines for each in (made, other))
    for field in ("id", "nonce"):
        one, two = ({json.loads(line)[field] for line in lines} for lines in (mine, theirs))
        assert not one & two

    def without(line):
        return {k: v for k, v in json.loads(line).items() if k not in ("id", "nonce")}

    assert list(map(without, mine)) == list(map(without, theirs))


@pytest.mark.parametrize(
    ("today", "september"),
    [
        (dt.date(2026, 11, 22), "2026-10"),
        (dt.date(2026, 1, 1), "2025-12"),
        (dt.date(2024, 3, 31), "2024-02"),
        (dt.date(2023, 3, 1), "2023-02"),
    ],
)
def test_september_2005_becomes_the_month_before_the_first_start(tmp_path, today, september):
    made = Research(Home(tmp_path), ORIGIN, today)
    last = max(event.day for event in judged(bodies(made, 1)[0], today.isoformat()))
    assert last[:7] == september
    assert made.calendar == Calendar.ending(september)
    consents = judged(bodies(made, 2)[1], today.isoformat())
    assert {event.day <= today.isoformat() < event.until for event in consents} == {True}


def test_rows_become_events_as_the_data_says(made):
    clients = list(itertools.islice(research.clients(), 1000))
    found = defaultdict(list)
    for event in judged(bodies(made, 1)[0]):
        found[event.citizen].append(event)
    for client in clients:
        mine = found[client.identifier]
        statements = [e.balance_minor for e in mine if e.type == "statement"]
        assert statements == list(reversed(client.bills_minor))
        assert [e.amount_minor for e in mine if e.type == "payment"] == [
            amount for amount in reversed(client.paid_minor) if amount
        ]
        late = [e.status != "on_time" for e in mine if e.type == "status"]
        assert late == [status > 0 for status in reversed(client.status)]
        assert all(e.notified_by == "synthetic" for e in mine if e.negative)
        assert mine[0].limit_minor == client.limit_minor


def test_the_label_is_in_no_event(made):
    assert b"default" not in bodies(made, 1)[0]


def test_the_ledger_takes_it_and_knows_it_again(ledger):
    """The first two batches through real intake; a second start sends the same bytes and gets the same receipts."""
    from app.services.ledger.intake import admit

    first = Research(ledger.home, ledger.bureau.origin, TODAY)
    first.register_keys(ledger.bureau)
    first.register_keys(ledger.bureau)
    ledger.clock.move(days=20)
    receipts = [admit(ledger.bureau, body) for body in bodies(first, 2)]
    second = Research(ledger.home, ledger.bureau.origin, dt.date(2026, 12, 24))
    again = [admit(ledger.bureau, body) for body in bodies(second, 2)]
    assert [each.fresh for each in receipts + again] == [True, True, False, False]
    assert [each.receipt for each in receipts] == [each.receipt for each in again]


# ---- R34
# --------------------------------------------------------------------------------------------------

PROTECTED = ("SEX", "AGE", "EDUCATION", "MARRIAGE")


def test_r34_who_somebody_is_changes_no_event(made, monkeypatch):
    """Sex, education, marriage and age dealt out anew among all people: the same batches, to the byte."""
    packed = resources.files("app").joinpath("data", research._FILE).read_bytes()
    rows = list(csv.DictReader(io.StringIO(lzma.decompress(packed).decode())))
    columns = [name for name in rows[0] if name.startswith(PROTECTED)]
    assert {name.partition("_")[0] for name in columns} == set(PROTECTED)
    before = [sha256(body).digest() for body in bodies(made)]
    people = [[row[name] for name in columns] for row in rows]
    random.Random(34).shuffle(people)
    moved = sum(person != [row[name] for name in columns] for row, person in zip(rows, people, strict=True))
    assert moved > 0.9 * len(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    for row, person in zip(rows, people, strict=True):
        writer.writerow(row | dict(zip(columns, person, strict=True)))
    monkeypatch.setattr(research.lzma, "decompress", lambda _: text.getvalue().encode())
    assert [sha256(body).digest() for body in bodies(made)] == before


def test_r34_no_event_has_room_for_who_somebody_is():
    """Neither the closed set of types nor the folded file has a field of theirs; an event that brings one is refused (R2)."""
    fields = set().union(*event_types.FIELDS_BY_TYPE.values())
    assert not {name.lower() for name in PROTECTED} & fields
    for name in ("sex", "age", "education", "marriage", "marital_status", "gender"):
        line = canon.encode({"type": "payment", name: 1})
        header = Header(ORIGIN, LENDER, "uci", "2026-11-22", 480)
        _, problems = decode_events([line], header)
        assert problems[0].rule in {"R1", "R2"}, name
