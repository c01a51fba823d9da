"""`credence witness`: every status of C2SP tlog-witness over HTTP, clients that race, and kill -9 in the middle."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.core.fields import format_b64
from app.core.log import witness as protocol
from app.core.log.checkpoint import parse_note
from app.core.log.cosignature import split_time
from app.core.log.note import COSIGNATURE_MLDSA44, Signer, Verifier, open_note, split
from app.core.log.policy import Policy, verify_checkpoint
from app.core.log.witness import origin_hash, parse_answer, parse_size
from tests.witnesses import History, WitnessProcess, history

from .conftest import run

LOG = Signer("log.example/one", b"1" * 32)
NAME = "witness.example/w"


LOGS = [Signer(f"log.example/t{n}", b"%032d" % n) for n in range(20)]
_unused = iter(LOGS)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A witness with both kinds of keys, for logs that each test takes one of."""
    folder = tmp_path_factory.mktemp("witness") / "w"
    made = WitnessProcess(folder, NAME, [log.verifier for log in LOGS], "ed25519", "ml-dsa-44")
    with made:
        yield made


@pytest.fixture
def log():
    """A log of which the witness has seen nothing."""
    return history(next(_unused))


def test_a_head_is_cosigned_and_a_quorum_accepts_it(one, log):
    answer = one.post(log.request(0, 5))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    note = log.note(5) + answer.content
    opened = open_note(note, one.verifiers)
    assert {good.verifier for good in opened.verified} == set(one.verifiers)
    assert all(split_time(good.signature.signature)[0] > 1_700_000_000 for good in opened.verified)
    for vkey in one.vkeys:  # as a policy has it
        policy = f"log {log.signer.verifier.encode()}\nwitness w {vkey}\nquorum w\n".encode()
        assert verify_checkpoint(Policy.parse(policy), note).checkpoint == log.head(5)
    assert one.get(f"{origin_hash(log.signer.name)}/checkpoint").content == note


def test_growth_and_the_same_again(one, log):
    for old, new in ((0, 1), (1, 4), (4, 4), (4, 63), (63, 64)):
        assert one.post(log.request(old, new)).status_code == 200
        assert parse_note(one.get(f"{origin_hash(log.signer.name)}/checkpoint").content) == log.head(new)


def test_statuses(one, log):
    url = f"{origin_hash(log.signer.name)}/checkpoint"
    assert one.get(url).status_code == 404, "nothing was cosigned yet"
    assert one.post(log.request(0, 8)).status_code == 200
    seen = one.get(url).content
    stranger = history(Signer("log.example/unknown", bytes(32)))
    impostor = history(Signer(log.signer.name, b"x" * 32))
    wrong_line = log.signer.sign_text(b"another text\n").line()
    empty = log.signer.sign(f"{log.signer.name}\n0\n{format_b64(bytes(32))}\n".encode())
    fork = log.fork(5)
    cases = [
        (b"", 400),
        (b"old 8\n\n", 400),
        (b"old 8\n\nno checkpoint\n", 400),
        (b"old 08" + log.request(8, 9)[5:], 400),
        (b"old 9\n\n" + log.note(8), 400),
        (b"old 8\n" + 64 * b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" + b"\n" + log.note(9), 400),
        (stranger.request(8, 9), 404),
        (impostor.request(8, 9), 403),
        (log.request(8, 9) + wrong_line, 403),
        (b"old 8\n\n" + log.note(9), 422),
        (fork.request(8, 9), 422),
        (fork.request(8, 12), 422),
        (log.request(8, 9).replace(b"\n\n", b"\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n", 1), 422),
        (b"old 0\n\n" + empty, 409),
        (b"x" * (protocol.REQUEST_BYTES_MAX + 1), 413),
    ]
    for body, status in cases:
        assert one.post(body).status_code == status, (status, body[:200])
    for old, new in ((0, 9), (7, 9), (7, 7), (0, 3)):
        answer = one.post(log.request(old, new))
        assert (answer.status_code, answer.headers["Content-Type"]) == (409, "text/x.tlog.size")
        assert parse_size(answer.content) == 8
    assert one.get(url).content == seen, "no refusal changes the memory"
    assert one.get("add-checkpoint").status_code == 405
    assert one.get("0" * 64 + "/checkpoint").status_code == 404
    assert one.get("%2e%2e/checkpoint").status_code == 404
    assert one.get("nothing/of/that").status_code == 404


def test_empty_trees(one, log):
    origin = log.signer.name
    wrong = log.signer.sign(f"{origin}\n0\n{format_b64(bytes(32))}\n".encode())
    assert one.post(b"old 0\n\n" + wrong).status_code == 422
    assert (
        one.post(b"old 0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" + log.note(3)).status_code == 422
    )
    assert one.post(log.request(0, 0)).status_code == 200
    assert one.post(log.request(0, 3)).status_code == 200


def test_other_logs_than_credence(one, log):
    """Extension lines are under the Ed25519 cosignature; others' cosignatures are not kept."""
    text = log.head(5).text() + b"an extension\n"
    other = Signer("witness.example/other", b"o" * 32, COSIGNATURE_MLDSA44)
    note = log.signer.sign(text) + other.sign_text(text, time_s=9).line()
    answer = one.post(b"old 0\n\n" + note)
    assert answer.status_code == 200
    assert len(parse_answer(answer.content)) == 2
    kept = one.get(f"{origin_hash(log.signer.name)}/checkpoint").content
    assert kept == log.signer.sign(text) + answer.content
    assert len(open_note(kept, one.verifiers).verified) == 2


def test_two_signed_heads_of_one_size_are_kept_and_the_log_is_trusted_no_longer(one, log, tmp_path):
    """R41: whoever passes it on, and whatever old size they claim."""
    assert one.post(log.request(0, 8)).status_code == 200
    address = origin_hash(log.signer.name)
    assert one.get(f"{address}/contradiction").status_code == 404
    assert one.post(log.fork(5).request(0, 8)).status_code == 403
    proof = json.loads(one.get(f"{address}/contradiction").content)
    assert (proof["kind"], proof["v"]) == ("contradiction", 1)
    heads = [parse_note(proof[name].encode()) for name in ("first", "second")]
    assert heads == [log.head(8), log.fork(5).head(8)]
    for name in ("first", "second"):
        assert open_note(proof[name].encode(), [log.signer.verifier])
    path = one.folder / "heads" / address / "contradiction.proof"
    (tmp_path / "policy").write_text(f"log {log.signer.verifier.encode()}\nquorum none\n")
    code, said = run("verify", path, "--policy", tmp_path / "policy")
    assert (code, "has signed two heads that cannot both be of one ledger" in said) == (0, True), said
    before = path.read_bytes()
    assert one.post(log.request(8, 9)).status_code == 403, "the true history is refused as well"
    assert one.post(log.fork(2).request(0, 8)).status_code == 403
    assert path.read_bytes() == before, "it stays as it is"
    assert parse_note(one.get(f"{address}/checkpoint").content) == log.head(8)


def test_what_it_says_of_itself(one):
    lines = one.get("").text.splitlines()
    assert [line.split()[2] for line in lines if line.startswith("witness ")] == one.vkeys
    assert {line.split()[1] for line in lines if line.startswith("log ")} == {
        each.verifier.encode() for each in LOGS
    }


def accepted_of(answers):
    """(size, root) of every head that was cosigned, from (request, response) pairs."""
    return {
        parse_note(request.partition(b"\n\n")[2])
        for request, response in answers
        if response.status_code == 200
    }


def on_one_history(heads, histories):
    return any(all(head == each.head(head.size) for head in heads) for each in histories)


def test_clients_that_race_with_two_histories(one, log):
    """Each takes the size that it is told and goes on from there, on its own history; sizes never meet, so that only the
    proofs keep them apart.
    """
    histories = (log, log.fork(4))
    assert one.post(log.request(0, 4)).status_code == 200
    together, answers = threading.Barrier(8), []

    def client(number):
        own, rng = histories[number % 2], random.Random(number)
        together.wait()
        old = 4
        for _ in range(12):
            sizes = [size for size in range(max(old, 5), 64) if size % 2 == number % 2]
            if not sizes:
                return
            body = own.request(old, rng.choice(sizes[:5]))
            response = one.post(body)
            answers.append((body, response))
            assert response.status_code in (200, 409, 422)
            if response.status_code == 409:
                old = parse_size(response.content)
            elif response.status_code == 200:
                old = parse_note(body.partition(b"\n\n")[2]).size

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(client, number) for number in range(8)]:
            done.result()
    heads = accepted_of(answers)
    assert heads
    assert {r.status_code for _, r in answers} == {200, 409, 422}, "they did get into each other's way"
    assert on_one_history(heads, histories)
    newest = parse_note(one.get(f"{origin_hash(log.signer.name)}/checkpoint").content)
    assert newest.size == max(head.size for head in heads), "nothing was rolled back by a slower request"


def test_kill_9_never_lets_two_histories_through(tmp_path):
    """Killed in the middle of requests, again and again: what was answered is remembered, what is remembered is of one history."""
    log = history(LOG)
    histories, rng = (log, log.fork(4)), random.Random(9)
    one = WitnessProcess(tmp_path / "w", NAME, [LOG.verifier])
    with one:
        assert one.post(log.request(0, 4)).status_code == 200
    cosigned, size, interrupted = {log.head(4)}, 4, 0
    for round_number in range(6):
        one.start()
        remembered = parse_size(one.post(log.request(0, 3)).content)
        assert remembered >= size, "what was answered was on disk"
        kept = parse_note(one.get(f"{origin_hash(LOG.name)}/checkpoint").content)
        assert kept.size == remembered
        cosigned.add(kept)
        assert on_one_history(cosigned, histories)
        old, stop, answers = remembered, threading.Event(), []

        def flood(own, parity, old=old, stop=stop, answers=answers):
            for new in range(old + 1, 64):
                if new % 2 != parity or new <= old or stop.is_set():
                    continue
                body = own.request(old, new)
                try:
                    response = one.post(body)
                    whole = len(response.content) == int(response.headers["Content-Length"])
                except requests.RequestException:
                    whole = False
                answers.append((body, response if whole else None))
                if not whole:
                    return
                if response.status_code == 200:
                    old = new
                elif response.status_code == 409:
                    old = max(old, parse_size(response.content))

        threads = [threading.Thread(target=flood, args=(own, n)) for n, own in enumerate(histories)]
        for thread in threads:
            thread.start()
        threading.Event().wait(rng.uniform(0.0, 0.03))
        one.kill()
        stop.set()
        for thread in threads:
            thread.join()
        interrupted += any(response is None for _, response in answers)
        heads = accepted_of((b, r) for b, r in answers if r is not None)
        cosigned |= heads
        size = max([head.size for head in heads], default=remembered)
        assert on_one_history(cosigned, histories), round_number
    assert interrupted, "it was killed in the middle of something"


# ---- the command


def test_it_needs_a_name_once_and_keeps_it(tmp_path):
    home = tmp_path / "w"
    code, output = run("witness", "--home", home)
    assert (code, "[no-witness]" in output) == (1, True)
    code, vkey = run("witness", "--home", home, "--key", NAME, "--log", LOG.verifier.encode())
    assert code == 0
    assert Verifier.parse(vkey.strip()).name == NAME
    assert run("witness", "--home", home) == (0, vkey)
    assert run("witness", "--home", home, "--key", NAME) == (0, vkey)
    code, output = run("witness", "--home", home, "--key", "witness.example/other")
    assert (code, "[other-witness]" in output) == (1, True)
    assert (home / "logs").read_text() == LOG.verifier.encode() + "\n"
    assert (home / "keys" / "witness.ed25519.key").stat().st_mode & 0o777 == 0o600
    cosigner = Signer("log.example", bytes(32), 4)
    assert run("witness", "--home", home, "--log", cosigner.verifier.encode())[0] == 1
    assert run("witness", "--home", home, "--log", "nonsense")[0] == 2


def test_a_damaged_memory_cosigns_nothing(tmp_path):
    log = history(LOG)
    with WitnessProcess(tmp_path / "w", NAME, [LOG.verifier]) as one:
        assert one.post(log.request(0, 4)).status_code == 200
        assert (one.folder / "stderr").read_text() == "", "it warns of nothing while all is well"
        path = one.folder / "heads" / origin_hash(LOG.name) / "checkpoint"
        whole = path.read_bytes()
        path.write_bytes(whole[:20])
        assert one.post(log.request(0, 5)).status_code == 500
        path.write_bytes(whole)
        assert one.post(log.request(4, 5)).status_code == 200
        assert len(split(path.read_bytes())[1]) == 2


def test_histories_of_this_test_do_differ():
    log = history(LOG)
    fork = log.fork(4)
    assert isinstance(fork, History)
    assert log.head(4) == fork.head(4)
    assert all(log.head(size) != fork.head(size) for size in range(5, 64))
