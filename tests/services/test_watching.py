"""A bank watches scores that it may review: told of crossed lines, and of nothing else (R15, R16, R17)."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import closing, suppress
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.core.errors import FormatError, NotFoundError, RuleError, SignatureError
from app.core.exchange import webhook
from app.core.exchange.watch_note import WatchEndNote, WatchesNote, WatchNote
from app.core.log.note import Signer
from app.services.banks import watching, webhooks
from app.services.banks.inquiries import inquire
from app.services.banks.replies import ConsentError
from app.services.citizens.records import entries
from app.services.one_by_one import PartlyDoneError
from tests.services.audited import Tamper
from tests.services.builders import BANK, ORIGIN, PAPER
from tests.services.test_proofs import person_of

CITIZEN = "uci:1"
DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture
def answered(ledger):
    """A bank reviewed the account of somebody with nine good months: (ledger, the answer, the consent's id)."""
    given = ledger.enrolment.consent(CITIZEN, purposes=["account_review"])
    ledger.admit(
        ledger.lender.batch(ledger.lender.card_history(CITIZEN, months=9)), ledger.enrolment.batch([given])
    )
    ledger.step()
    asked = ledger.bank.inquiry(CITIZEN, purpose="account_review")
    answer = inquire(ledger.bureau, ledger.bank.batch([asked])).answer
    return ledger, answer, json.loads(given)["id"]


def note(ledger, answer, receiver, lines=None, **changes):
    lines = lines or (answer["score"], answer["score"] - 10)
    wanted = {"answer": answer["id"], "lines": tuple(sorted(lines))} | changes
    wanted.setdefault("url", receiver and receiver.url)
    return WatchNote(ORIGIN, BANK, time=ledger.clock(), **wanted).sign(ledger.signers[BANK])


def number_note(ledger, kind, number):
    return kind(ORIGIN, BANK, number, ledger.clock()).sign(ledger.signers[BANK])


def fall(ledger):
    """The citizen is late, and a block says so."""
    ledger.admit(ledger.lender.batch([ledger.lender.status(CITIZEN, ago=1, late=True)]))
    ledger.step()


def looks(ledger):
    """The looks that the citizen sees: (who, purpose, what was shown)."""
    seen = entries(ledger.bureau, person_of(ledger.bureau, CITIZEN).id).looks
    return [
        (each.fields["recipient"], each.fields["purpose"], each.fields["shown"])
        for each in seen
        if each.type == "look"
    ]


def watches(ledger):
    return watching.listed(ledger.bureau, number_note(ledger, WatchesNote, 0))


def test_r16_a_crossed_line_is_told_once_without_score_or_identifier_and_the_citizen_sees_the_look(
    answered, receiver
):
    ledger, answer, _ = answered
    watch, fresh = watching.put(ledger.bureau, note(ledger, answer, receiver))
    assert fresh
    assert watching.look(ledger.bureau) == 0
    fall(ledger)
    assert watching.look(ledger.bureau) == 1
    assert watching.look(ledger.bureau) == 0
    assert watching.send(ledger.bureau) == 1
    assert watching.send(ledger.bureau) == 0
    ((path, headers, body),) = receiver.came
    assert path == "/hooks?bank=1"
    key = webhook.public_key(webhooks.signer_of(ledger.bureau))
    now_s = int(ledger.clock().timestamp())
    assert webhook.verify(key, headers, body, now_s) == f"msg_{watch.number}_1"
    message = json.loads(body)
    assert message["type"] == "score.crossed"
    assert message["data"] == {
        "block": 1,
        "citizen": watch.key.hex(),
        "direction": "down",
        "lines": sorted([answer["score"] - 10, answer["score"]]),
        "watch": watch.number,
    }
    assert CITIZEN.encode() not in body
    ledger.step()
    assert looks(ledger) == [(BANK, "account_review", ["score"])]


@pytest.mark.parametrize("change", ["body", "id", "time", "late", "key"])
def test_a_changed_or_old_message_is_refused(change):
    signer = Signer.generate_from_seed("ledger.example", b"w" * 32)
    key, body = webhook.public_key(signer), b'{"data":{}}'
    now_s = 1_795_431_840
    headers = webhook.headers(signer, "msg_1_2", now_s, body)
    assert webhook.verify(key, headers, body, now_s) == "msg_1_2"
    if change == "body":
        body += b" "
    elif change == "id":
        headers["webhook-id"] = "msg_1_3"
    elif change == "time":
        headers["webhook-timestamp"] = str(now_s + 1)
    elif change == "late":
        now_s += webhook.TOLERANCE_S + 1
    else:
        key = webhook.public_key(Signer.generate_from_seed("ledger.example", b"x" * 32))
    with pytest.raises(SignatureError):
        webhook.verify(key, headers, body, now_s)


def test_the_receiver_of_the_documentation_takes_what_is_sent(answered, receiver, monkeypatch):
    ledger, answer, _ = answered
    watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    watching.look(ledger.bureau)
    watching.send(ledger.bureau)
    ((_, headers, body),) = receiver.came
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    bank = {}
    exec(code, bank)
    monkeypatch.setattr(bank["time"], "time", lambda: ledger.clock().timestamp())
    key = webhook.public_key(webhooks.signer_of(ledger.bureau))
    assert bank["receive"](key, headers, body)["data"]["direction"] == "down"
    assert bank["receive"](key, headers, body) is None
    with pytest.raises(ValueError, match="not signed"):
        bank["receive"](key, headers, body.replace(b"down", b"up"))


def test_a_receiver_that_fails_gets_the_same_message_again_and_a_redirect_is_not_followed(answered, receiver):
    ledger, answer, _ = answered
    watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    watching.look(ledger.bureau)
    receiver.statuses = [500, 302]
    assert watching.send(ledger.bureau) == 0
    assert watching.send(ledger.bureau) == 0, "not due yet"
    for wait_s in webhooks.RETRY_AFTER_S[:2]:
        ledger.clock.move(seconds=wait_s)
        arrived = watching.send(ledger.bureau)
    assert arrived == 1
    assert [path for path, _, _ in receiver.came] == ["/hooks?bank=1"] * 3
    assert len({(headers["webhook-id"], body) for _, headers, body in receiver.came}) == 1
    assert len({headers["webhook-signature"] for _, headers, _ in receiver.came}) == 3


def test_a_message_waits_for_keys_that_are_missing(answered, receiver):
    ledger, answer, _ = answered
    watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    watching.look(ledger.bureau)
    with closing(Tamper(ledger)) as tamper:
        keys = tamper.rows("citizen_keys")
        with tamper.replaced("citizen_keys", keys, []), pytest.raises(PartlyDoneError):
            watching.send(ledger.bureau)
    ledger.clock.move(seconds=webhooks.RETRY_AFTER_S[0])
    assert watching.send(ledger.bureau) == 1
    assert len(receiver.came) == 1


def test_after_three_days_nobody_tries_any_more(answered, receiver):
    ledger, answer, _ = answered
    watch, _ = watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    watching.look(ledger.bureau)
    receiver.statuses = [503] * 20
    for wait_s in (0, *webhooks.RETRY_AFTER_S, 86_400):
        ledger.clock.move(seconds=wait_s)
        watching.send(ledger.bureau)
    assert len(receiver.came) == 1 + len(webhooks.RETRY_AFTER_S)
    assert [each.number for each in watches(ledger) if each.ended_at is None] == [watch.number]


def test_a_receiver_that_wants_no_more_ends_the_watch(answered, receiver):
    ledger, answer, _ = answered
    watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    watching.look(ledger.bureau)
    receiver.statuses = [410]
    assert watching.send(ledger.bureau) == 0
    assert [each.ended_why for each in watches(ledger)] == ["gone"]


def test_r23_what_is_disputed_is_not_told(answered, receiver):
    """The dispute is admitted before anybody looked: the block with the fall is passed over, and the next has none."""
    ledger, answer, _ = answered
    watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    person = person_of(ledger.bureau, CITIZEN)
    late = next(e for e in entries(ledger.bureau, person.id).items if e.negative)
    opened = ledger.enrolment.event(
        "dispute_opened", CITIZEN, target=late.log_index, ground="not_mine", **PAPER
    )
    ledger.admit(ledger.enrolment.batch([opened]))
    assert watching.look(ledger.bureau) == 0
    ledger.step()
    assert watching.look(ledger.bureau) == 0
    assert (watching.send(ledger.bureau), receiver.came) == (0, [])


def test_r17_an_ended_consent_ends_the_watch_and_drops_what_waits(answered, receiver):
    ledger, answer, consent = answered
    watch, _ = watching.put(ledger.bureau, note(ledger, answer, receiver))
    fall(ledger)
    assert watching.look(ledger.bureau) == 1
    withdrawn = ledger.enrolment.event("consent_withdrawn", CITIZEN, consent=consent, **PAPER)
    ledger.admit(ledger.enrolment.batch([withdrawn]))
    assert watching.send(ledger.bureau) == 0, "told before the withdrawal, and not sent after it"
    assert receiver.came == []
    (ended,) = watches(ledger)
    assert (ended.number, ended.ended_why) == (watch.number, "consent_withdrawn")


def test_r17_nothing_is_looked_at_after_the_consent_has_expired(answered, receiver):
    ledger, answer, _ = answered
    watching.put(ledger.bureau, note(ledger, answer, receiver))
    ledger.clock.move(days=366)
    fall(ledger)
    before = len(looks(ledger))
    assert watching.look(ledger.bureau) == 0
    assert (watching.send(ledger.bureau), receiver.came) == (0, [])
    assert [each.ended_why for each in watches(ledger)] == ["consent_expired"]
    ledger.step()
    assert len(looks(ledger)) == before


def test_r15_without_consent_there_is_no_watch_and_the_refusal_is_an_event(answered, receiver):
    ledger, answer, consent = answered
    withdrawn = ledger.enrolment.event("consent_withdrawn", CITIZEN, consent=consent, **PAPER)
    ledger.admit(ledger.enrolment.batch([withdrawn]))
    with pytest.raises(ConsentError) as refused:
        watching.put(ledger.bureau, note(ledger, answer, receiver))
    assert refused.value.reason == "consent_withdrawn"
    ledger.step()
    seen = entries(ledger.bureau, person_of(ledger.bureau, CITIZEN).id).looks
    assert [each.fields["reason"] for each in seen if each.type == "refusal"] == ["consent_withdrawn"]
    assert watches(ledger) == []


def test_a_refused_watch_is_no_reply_to_the_inquiry_that_its_answer_names(ledger, receiver):
    given = ledger.enrolment.consent(CITIZEN, purposes=["account_review"])
    history = ledger.lender.card_history(CITIZEN, months=9)
    ledger.admit(ledger.lender.batch(history), ledger.enrolment.batch([given]))
    ledger.step()
    body = ledger.bank.batch([ledger.bank.inquiry(CITIZEN, purpose="account_review")])
    answer = inquire(ledger.bureau, body).answer
    end = ledger.enrolment.event("consent_withdrawn", CITIZEN, **PAPER, consent=json.loads(given)["id"])
    ledger.admit(ledger.enrolment.batch([end]))
    with pytest.raises(ConsentError) as watch:
        watching.put(ledger.bureau, note(ledger, answer, receiver))
    for _ in range(2):
        with pytest.raises(ConsentError) as again:
            inquire(ledger.bureau, body)
        assert again.value.receipt != watch.value.receipt


def test_a_watch_continues_an_answer_for_a_review_and_for_nothing_else(answered, receiver):
    ledger, answer, _ = answered
    ledger.admit(ledger.enrolment.batch([ledger.enrolment.consent(CITIZEN)]))
    credit = inquire(ledger.bureau, ledger.bank.batch([ledger.bank.inquiry(CITIZEN)])).answer
    with pytest.raises(RuleError, match="account_review"):
        watching.put(ledger.bureau, note(ledger, credit, receiver))
    nothing = answer | {"id": "019ab6a4-0000-7000-8000-000000000000"}
    with pytest.raises(NotFoundError):
        watching.put(ledger.bureau, note(ledger, nothing, receiver))
    for lines in ((), (300,), (851,), tuple(range(400, 411))):
        with pytest.raises(FormatError):
            note(ledger, answer, receiver, lines=lines or (299,))


def test_a_bank_changes_lists_and_ends_its_watches(answered, receiver):
    ledger, answer, _ = answered
    first, _ = watching.put(ledger.bureau, note(ledger, answer, receiver))
    again, fresh = watching.put(ledger.bureau, note(ledger, answer, receiver, (400,)))
    assert (again.number, again.lines, fresh) == (first.number, (400,), False)
    fall(ledger)
    assert watching.look(ledger.bureau) == 0, "400 is far below"
    assert [
        each.number for each in watching.of_citizen(ledger.bureau, person_of(ledger.bureau, CITIZEN).id)
    ] == [1]
    assert watching.end(ledger.bureau, number_note(ledger, WatchEndNote, first.number)) == first.number
    assert watching.of_citizen(ledger.bureau, person_of(ledger.bureau, CITIZEN).id) == []
    with pytest.raises(NotFoundError):
        watching.end(ledger.bureau, number_note(ledger, WatchEndNote, 99))


def test_what_moved_is_said_exactly():
    lines = (600, 650)
    for before in (None, 300, 599, 600, 649, 650, 850):
        for now in (None, 300, 599, 600, 649, 650, 850):
            move = watching.moved(before, now, lines)
            if before == now:
                assert move is None
            elif before is None or now is None:
                assert move == watching.Move("score.lost" if now is None else "score.found", {})
            else:
                crossed = [line for line in lines if (before < line) != (now < line)]
                said = {"direction": "up" if now > before else "down", "lines": crossed}
                assert move == (watching.Move("score.crossed", said) if crossed else None)


@pytest.mark.parametrize(
    "url",
    [
        "http://bank.example/x",
        "ftp://127.0.0.1/x",
        "https://user:pw@bank.example/",
        "https://bank.example/#x",
        "https:///x",
        "https://bank.example:0/",
        "https://bank.example:99999/",
        "https://bank.example/ x",
        "https://银行.example/",
        "https://" + "a" * 500,
        "",
    ],
)
def test_addresses_of_another_form_are_refused(url):
    with pytest.raises(FormatError):
        webhook.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://192.168.1.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[::a00:1]/",
        "https://[::ffff:0:a00:1]/",
        "https://[fec0::1]/",
    ],
)
def test_addresses_of_networks_that_are_not_allowed_are_not_reached(url):
    with pytest.raises(FormatError) as refused:
        webhooks.resolve(url, [])
    assert refused.value.code == "private-address"
    assert webhooks.send([], url, {}, b"{}") is None


def test_an_allowed_network_is_reached_and_a_public_address_always():
    assert webhooks.resolve("https://10.1.2.3:8443/x", [ip_network("10.1.0.0/16")]) == ("10.1.2.3", 8443)
    assert webhooks.resolve("https://93.184.215.14/", []) == ("93.184.215.14", 443)
    with pytest.raises(FormatError):
        webhooks.resolve("https://10.2.0.1/", [ip_network("10.1.0.0/16")])
    assert webhooks.resolve("https://[2606:2800:21f::1]/", []) == ("2606:2800:21f::1", 443)


@pytest.mark.parametrize("host", ["a..example", ".example", "a" * 64 + ".example"])
def test_a_name_that_no_host_can_have_is_refused(answered, host):
    ledger, answer, _ = answered
    with pytest.raises(FormatError):
        watching.put(ledger.bureau, note(ledger, answer, None, lines=(600,), url=f"https://{host}/"))


def test_no_name_is_looked_up_for_whom_the_register_does_not_know(answered, receiver):
    ledger, answer, _ = answered
    stranger = Signer.generate_from_seed(BANK, bytes(32))
    forged = WatchNote(ORIGIN, BANK, answer["id"], (600,), "https://10.0.0.1/", ledger.clock()).sign(stranger)
    with pytest.raises(SignatureError):
        watching.put(ledger.bureau, forged)


def test_a_receiver_that_never_comes_to_an_end_is_hung_up_on(monkeypatch):
    """Each byte of its answer comes in time, and there is no last one."""
    monkeypatch.setattr(webhooks, "ATTEMPT_S", 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    hung_up = threading.Event()

    def drip():
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            while not hung_up.wait(0.01):
                connection.sendall(b"H")
        hung_up.set()

    thread = threading.Thread(target=drip)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    assert webhooks.send([ip_network("127.0.0.0/8")], url, {}, b"{}") is None
    hung_up.set()
    thread.join()
    listener.close()
