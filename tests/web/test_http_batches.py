"""Batches over real HTTP, through granian with two workers: what is refused, how it is said, and that nothing stays.

Every way of being wrong is a row of a table: status, code, and the lines with their rules as problem+json names them.
After each the tables hold exactly the rows that they held before.
"""

from __future__ import annotations

import itertools
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import orjson
import pytest
import requests
from sqlalchemy import text

from app.core import canon
from app.core.log.note import Signer
from app.core.reporting import batch as batches
from tests.services.builders import LENDER, PAPER, Clock, Desk, Ledger
from tests.web.serving import served

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ledger(template_database, administer, server_url, tmp_path_factory):
    """A ledger on the real clock, shared by this module: nothing here leaves anything behind that another minds."""
    import datetime as dt

    from tests.conftest import url_of

    name = f"credence_http_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    clock = Clock(dt.datetime.now(dt.UTC).replace(microsecond=0))
    made = Ledger(tmp_path_factory.mktemp("home"), url_of(server_url, name), clock=clock)
    made.report(2)
    made.step()
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def server(ledger, tmp_path_factory):
    """The address of `credence serve` over the ledger."""
    with served(ledger, tmp_path_factory.mktemp("server") / "output") as address:
        yield address


@pytest.fixture(scope="module")
def owner(ledger):
    from app.db.engine import make_engine

    engine = make_engine(ledger.url, role=None)
    yield engine
    engine.dispose()


def rows_of(owner):
    """How many rows each table has, but for what tells a furnisher of its refusals."""
    with owner.connect() as connection:
        names = [
            row[0]
            for row in connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        ]
        counted = [name for name in names if name not in {"refused_lines", "furnisher_counts"}]
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in counted
        }


def post(server, body, door="batches"):
    return requests.post(
        f"{server}/v1/{door}", data=body, headers={"Content-Type": "application/x-ndjson"}, timeout=30
    )


def refused(answer):
    """(status, code, [(line, rule), ...]) of an answer that is a problem by RFC 9457."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    members = answer.json()
    assert members["status"] == answer.status_code
    assert all(
        isinstance(members[name], str) and members[name] for name in ("type", "title", "detail", "code")
    )
    assert all(
        set(each) == {"line", "rule", "detail"} and each["detail"] for each in members.get("problems", [])
    )
    return (
        answer.status_code,
        members["code"],
        [(each["line"], each["rule"]) for each in members.get("problems", [])],
    )


# ---- the table
# ----------------------------------------------------------------------------------------------------------


def _rewritten(line, **fields):
    return canon.encode({k: v for k, v in (orjson.loads(line) | fields).items() if v is not None})


def _one(lender, **fields):
    return [lender.payment("uci:1"), _rewritten(lender.payment("uci:2"), **fields)]


def _unsigned(lender, lines, count=None, root=None):
    """A file whose note is signed, but says what it likes about count and root."""
    root = batches.verify_root(lines)[2] if root is None else root
    note = batches.BatchNote(
        lender.origin, lender.signer.name, f"u-{next(_numbers)}", count or len(lines), root
    )
    head = canon.encode({"note": lender.signer.sign(note.text()).decode()})
    return b"\n".join([head, *lines, b""])


def _twice(lender):
    line = lender.payment("uci:1")
    return lender.batch([line, lender.payment("uci:2"), _rewritten(line, amount_minor=7)])


def _with_line(lender, line):
    return lender.batch([lender.payment("uci:1"), line])


def _stranger(lender, name="stranger.example", origin=None):
    desk = Desk(Signer.generate_from_seed(name, b"s" * 32), origin or lender.origin, lender.clock)
    return desk.batch([desk.payment("uci:1")])


def _moved_signature(lender):
    """The right key's signature, taken from another batch."""
    one, other = (batches.parse_batch(lender.batch(_one(lender))) for _ in range(2))
    note = one.note.partition(b"\n\n")[0] + b"\n\n" + other.note.partition(b"\n\n")[2]
    return b"\n".join([canon.encode({"note": note.decode()}), *one.lines, b""])


def _other_ledger(lender):
    desk = Desk(lender.signer, "ledger.example/other", lender.clock)
    return desk.batch([desk.payment("uci:1")])


def _in_the_middle(body, old, new):
    assert body.count(old) >= 1
    return body.replace(old, new, 1)


MALFORMED = (400, "malformed")
REFUSED = (422, "batch-refused")
TABLE = {
    "nothing": (lambda d: b"", MALFORMED, [(1, "format")]),
    "a newline": (lambda d: b"\n", MALFORMED, [(1, "format")]),
    "not JSON": (lambda d: b"hello\n", MALFORMED, [(1, "format")]),
    "note is a number": (lambda d: b'{"note":1}\n', MALFORMED, [(1, "format")]),
    "only the note": (lambda d: d.batch(_one(d)).split(b"\n")[0] + b"\n", MALFORMED, [(1, "format")]),
    "note not canonical": (lambda d: b" " + d.batch(_one(d)), MALFORMED, [(1, "format")]),
    "duplicate key in the note": (
        lambda d: _in_the_middle(d.batch(_one(d)), b'{"note"', b'{"note":"","note"'),
        MALFORMED,
        [(1, "format")],
    ),
    "two signatures": (
        lambda d: _in_the_middle(d.batch(_one(d)), b'\\n"}', b'\\n\xe2\x80\x94 lender.example AAAAAAAA\\n"}'),
        MALFORMED,
        [(1, "format")],
    ),
    "event not canonical": (
        lambda d: _with_line(d, d.payment("uci:2").replace(b',"type"', b', "type"')),
        REFUSED,
        [(3, "format")],
    ),
    "keys out of order": (
        lambda d: _with_line(d, orjson.dumps(dict(reversed(orjson.loads(d.payment("uci:2")).items())))),
        REFUSED,
        [(3, "format")],
    ),
    "duplicate key in an event": (
        lambda d: _with_line(
            d, d.payment("uci:2").replace(b'"amount_minor"', b'"amount_minor":5,"amount_minor"')
        ),
        REFUSED,
        [(3, "format")],
    ),
    "event is a list": (lambda d: _with_line(d, b"[1]"), REFUSED, [(3, "format")]),
    "float": (
        lambda d: _with_line(d, d.payment("uci:2").replace(b":12500,", b":12500.0,")),
        REFUSED,
        [(3, "R7")],
    ),
    "float that is no money": (
        lambda d: _with_line(d, d.payment("uci:2").replace(b'"v":1', b'"v":1.0')),
        REFUSED,
        [(3, "format")],
    ),
    "money as text": (lambda d: d.batch(_one(d, amount_minor="5")), REFUSED, [(3, "R7")]),
    "null": (
        lambda d: _with_line(d, d.payment("uci:2").replace(b'"account":"card-1"', b'"account":null')),
        REFUSED,
        [(3, "format")],
    ),
    "unknown type": (lambda d: d.batch(_one(d, type="gossip")), REFUSED, [(3, "R1")]),
    "unknown field": (lambda d: d.batch(_one(d, mood="good")), REFUSED, [(3, "R1")]),
    "sensitive field": (lambda d: d.batch(_one(d, religion="x")), REFUSED, [(3, "R2")]),
    "income": (lambda d: d.batch(_one(d, income_minor=5)), REFUSED, [(3, "R3")]),
    "untold": (
        lambda d: d.batch([_rewritten(d.status("uci:1", late=True), notified_on=None, notified_by=None)]),
        REFUSED,
        [(2, "R5")],
    ),
    "an id twice": (_twice, REFUSED, [(4, "R6")]),
    "another's event": (lambda d: d.batch(_one(d, furnisher="bank.example")), REFUSED, [(3, "furnisher")]),
    "event of another ledger": (lambda d: d.batch(_one(d, ledger="x.example")), REFUSED, [(3, "origin")]),
    "citizen of another scheme": (lambda d: d.batch(_one(d, citizen="cn:1")), REFUSED, [(3, "scheme")]),
    "tomorrow": (lambda d: d.batch(_one(d, day=d.clock.day(-2))), REFUSED, [(3, "day")]),
    "a type of another role": (lambda d: d.batch([d.utility("uci:1")]), REFUSED, [(2, "R4")]),
    "an inquiry at the wrong door": (lambda d: d.batch([d.inquiry("uci:1")]), REFUSED, [(2, "R4")]),
    "a target that is none": (
        lambda d: d.batch([d.event("retraction", "uci:1", target=0, reason="ordered")]),
        REFUSED,
        [(2, "R27")],
    ),
    "eleven bad lines": (
        lambda d: d.batch([_rewritten(d.payment("uci:1"), mood="x") for _ in range(11)]),
        REFUSED,
        [(line, "R1") for line in range(2, 12)],
    ),
    "wrong count": (lambda d: _unsigned(d, _one(d), count=3), MALFORMED, [(1, "format")]),
    "a line too many": (lambda d: d.batch(_one(d)) + d.payment("uci:1") + b"\n", MALFORMED, [(1, "format")]),
    "wrong root": (lambda d: _unsigned(d, _one(d), root=b"r" * 32), (400, "wrong-root"), [(1, "format")]),
    "changed on the way": (
        lambda d: _in_the_middle(d.batch(_one(d)), b":12500", b":12501"),
        (400, "wrong-root"),
        [(1, "format")],
    ),
    "truncated": (lambda d: d.batch(_one(d))[:-1], MALFORMED, [(3, "format")]),
    "truncated in a line": (lambda d: d.batch(_one(d))[:-90], MALFORMED, [(3, "format")]),
    "an empty line": (lambda d: _unsigned(d, [b"", *_one(d)]), MALFORMED, [(2, "format")]),
    "carriage returns": (
        lambda d: _in_the_middle(d.batch(_one(d)), b'"v":1}\n', b'"v":1}\r\n'),
        MALFORMED,
        [(2, "format")],
    ),
    "not UTF-8": (
        lambda d: _unsigned(d, [*_one(d), d.payment("uci:1").replace(b"card-1", b"card-\xff")]),
        MALFORMED,
        [(4, "format")],
    ),
    "a line too long": (
        lambda d: _unsigned(d, [*_one(d), b'{"account":"' + b"a" * 8192 + b'"}']),
        MALFORMED,
        [(4, "format")],
    ),
    "65,537 events": (
        lambda d: d.batch(_one(d)) + b"{}\n" * 65_536,
        (400, "too-large"),
        [(65_538, "format")],
    ),
    "unknown key": (_stranger, (403, "unknown-key"), [(1, "R4")]),
    "wrong signature": (lambda d: _stranger(d, LENDER), (403, "unknown-key"), [(1, "R4")]),
    "signature over another text": (_moved_signature, (403, "bad-signature"), [(1, "R4")]),
    "other ledger": (_other_ledger, (403, "other-ledger"), [(1, "origin")]),
}


@pytest.mark.parametrize("name", list(TABLE))
def test_refused_whole_and_nothing_is_stored(ledger, server, owner, name):
    make, (status, code), problems = TABLE[name]
    body = make(ledger.lender)
    before = rows_of(owner)
    answer = post(server, body)
    assert refused(answer) == (status, code, problems)
    assert rows_of(owner) == before
    assert refused(post(server, body)) == (status, code, problems), "and again the same"


def test_a_revoked_key_is_refused_and_its_old_batches_keep_their_receipts(ledger, server, owner):
    from app.services.ledger.register import register_key, revoke_key

    signer = Signer.generate_from_seed("leaving.example", b"l" * 32)
    register_key(ledger.bureau, signer, "lender")
    desk = Desk(signer, ledger.lender.origin, ledger.clock)
    admitted, late = desk.batch([desk.payment("uci:1")]), desk.batch([desk.payment("uci:1")])
    first = post(server, admitted)
    assert first.status_code == 201
    revoke_key(ledger.bureau, "leaving.example", "lender", "closed down")
    before = rows_of(owner)
    assert refused(post(server, late)) == (403, "unknown-key", [(1, "R4")])
    assert rows_of(owner) == before
    again = post(server, admitted)
    assert (again.status_code, again.content) == (200, first.content)


def test_too_large_is_refused_whether_announced_or_not(server, owner):
    before = rows_of(owner)
    with socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 134217729\r\n\r\n")
        assert raw.recv(65_536).startswith(b"HTTP/1.1 413 ")
    answer = post(server, (b"x" * 8192 for _ in range(9)), "inquiries")
    assert refused(answer)[:2] == (413, "request-entity-too-large")
    assert rows_of(owner) == before


def test_the_same_batch_again_gives_the_same_receipt(ledger, server, owner):
    body = ledger.lender.batch([ledger.lender.payment("uci:1")])
    first = post(server, body)
    before = rows_of(owner)
    again = post(server, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    assert rows_of(owner) == before


def test_the_same_note_around_other_bytes_is_not_the_same_batch(ledger, server, owner):
    """The hash covers the note's text; neither its receipt nor its events are for who did not sign it."""
    body = ledger.lender.batch([ledger.lender.payment("uci:1")], "known")
    assert post(server, body).status_code == 201
    before = rows_of(owner)
    assert refused(post(server, body.replace(b":12500", b":12501")))[:2] == (400, "wrong-root")
    forged = Signer.generate_from_seed(LENDER, b"f" * 32)
    file = batches.parse_batch(body)
    head = canon.encode({"note": forged.sign(file.header.text()).decode()})
    assert refused(post(server, b"\n".join([head, *file.lines, b""]))) == (403, "unknown-key", [(1, "R4")])
    assert rows_of(owner) == before


def test_the_same_id_for_other_content_is_a_conflict(ledger, server, owner):
    assert post(server, ledger.lender.batch([ledger.lender.payment("uci:1")], "taken")).status_code == 201
    before = rows_of(owner)
    other = ledger.lender.batch([ledger.lender.payment("uci:1")], "taken")
    assert refused(post(server, other)) == (409, "batch-id-taken", [])
    assert rows_of(owner) == before


def test_r6_an_event_id_of_an_earlier_batch_names_its_line(ledger, server, owner):
    line = ledger.lender.payment("uci:1")
    assert post(server, ledger.lender.batch([line])).status_code == 201
    before = rows_of(owner)
    again = ledger.lender.batch([ledger.lender.payment("uci:9"), _rewritten(line, amount_minor=9)])
    assert refused(post(server, again)) == (*REFUSED, [(3, "R6")])
    assert rows_of(owner) == before, "the new citizen was not enrolled either"


# ---- at the same time
# ---------------------------------------------------------------------------------------------------


def at_once(server, bodies, door="batches"):
    """The answers to requests that are sent at the same moment."""
    barrier = Barrier(len(bodies))

    def send(body):
        barrier.wait(10)
        return post(server, body, door)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def test_the_same_batch_at_once_is_admitted_once(ledger, server, owner):
    for _ in range(5):
        body = ledger.lender.batch([ledger.lender.payment(f"uci:{5000 + n}") for n in range(200)])
        before = rows_of(owner)
        answers = at_once(server, [body] * 4)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
        assert len({answer.content for answer in answers}) == 1
        after = rows_of(owner)
        assert (after["batches"] - before["batches"], after["events"] - before["events"]) == (1, 200)


def test_the_same_new_citizens_in_opposite_order_are_enrolled_once(ledger, server, owner):
    for turn in range(5):
        people = [f"uci:{10_000 + 1000 * turn + n}" for n in range(300)]
        before = rows_of(owner)
        bodies = [
            ledger.lender.batch([ledger.lender.payment(each) for each in people]),
            ledger.utility.batch([ledger.utility.utility(each) for each in reversed(people)]),
        ]
        assert [answer.status_code for answer in at_once(server, bodies)] == [201, 201]
        after = rows_of(owner)
        assert (
            after["enrolments"] - before["enrolments"]
            == after["citizen_keys"] - before["citizen_keys"]
            == 300
        )
        assert after["event_bodies"] - before["event_bodies"] == 600


@pytest.mark.parametrize("size", [1, 100])
def test_r6_of_two_batches_with_the_same_events_at_once_one_wins(ledger, server, owner, size):
    """In opposite order, so that each would wait for the other."""
    for _ in range(4):
        lines = [ledger.lender.payment("uci:1") for _ in range(size)]
        bodies = [ledger.lender.batch(lines), ledger.lender.batch(lines[::-1])]
        before = rows_of(owner)
        answers = sorted(at_once(server, bodies), key=lambda answer: answer.status_code)
        assert answers[0].status_code == 201
        expected = [(line, "R6") for line in range(2, 2 + min(size, 10))]
        assert refused(answers[1]) == (*REFUSED, expected)
        after = rows_of(owner)
        assert (after["batches"] - before["batches"], after["events"] - before["events"]) == (1, size)


def test_two_batches_with_the_same_id_at_once_are_a_conflict_for_one(ledger, server):
    for _ in range(4):
        name = f"same-{next(_numbers)}"
        bodies = [ledger.lender.batch([ledger.lender.payment("uci:1")], name) for _ in range(2)]
        answers = sorted(at_once(server, bodies), key=lambda answer: answer.status_code)
        assert answers[0].status_code == 201
        assert refused(answers[1]) == (409, "batch-id-taken", [])


def test_r8_two_batches_that_contradict_each_other_at_once(ledger, server):
    lender = ledger.lender
    for turn in range(4):
        lines = [
            lender.status("uci:77", account=f"a-{turn}", late=True, first_delinquent_on=lender.clock.day(ago))
            for ago in (40, 39)
        ]
        answers = sorted(
            at_once(server, [lender.batch([line]) for line in lines]), key=lambda a: a.status_code
        )
        assert answers[0].status_code == 201
        assert refused(answers[1]) == (*REFUSED, [(2, "R8")])


def test_the_same_inquiry_at_once_is_answered_once(ledger, server, owner):
    lender, enrolment = ledger.lender, ledger.enrolment
    ledger.admit(
        lender.batch(lender.card_history("uci:88")), enrolment.batch([enrolment.consent("uci:88", ago=1)])
    )
    ledger.settle()
    body = ledger.bank.batch([ledger.bank.inquiry("uci:88")])
    before = rows_of(owner)
    answers = at_once(server, [body] * 4, "inquiries")
    assert {answer.status_code for answer in answers} == {200}, [answer.text[:300] for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    after = rows_of(owner)
    assert after["events"] - before["events"] == 2


def test_withdrawal_wins_over_every_inquiry_that_begins_after_its_receipt(ledger, server):
    """While blocks are made: nothing may be lost between the account and what is not in it yet."""
    enrolment, bank = ledger.enrolment, ledger.bank
    consent = enrolment.consent("uci:89", ago=1)
    ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:89")), enrolment.batch([consent]))
    ledger.settle()
    assert post(server, bank.batch([bank.inquiry("uci:89")]), "inquiries").status_code == 200
    gone = enrolment.event("consent_withdrawn", "uci:89", consent=orjson.loads(consent)["id"], **PAPER)
    assert post(server, enrolment.batch([gone])).status_code == 201
    with ThreadPoolExecutor(1) as pool, ledger.sequencer() as sequencer:
        asked = [
            pool.submit(post, server, bank.batch([bank.inquiry("uci:89")]), "inquiries") for _ in range(25)
        ]
        while not all(each.done() for each in asked):
            sequencer.step(now=True)
    assert {refused(each.result())[:2] for each in asked} == {(403, "consent-withdrawn")}
