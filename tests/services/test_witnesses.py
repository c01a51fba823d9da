"""Cosignatures beside the sequencer: three witnesses of which one is dead and one slow, witnesses that lie, and databases
that are not what witnesses remember (R41).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url
from werkzeug.serving import make_server

from app.cli import main
from app.cli.witness_http import create
from app.core.errors import FormatError, NotFoundError, ProofError, RefusedError, SignatureError
from app.core.log import checkpoint, witness
from app.core.log.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, Signer, split
from app.core.log.policy import Policy, verify_checkpoint
from app.core.log.witness import origin_hash
from app.core.proving.proof import verify_score_proof
from app.db import cosignatures
from app.db import ledger as rows
from app.services.bureau import Bureau, utc_now
from app.services.ledger import cosignature_intake, public_log, publishing, witness_policy
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.ledger.cosigning import Cosigner
from app.services.ledger.sequencer import Sequencer
from app.services.ledger.witnessing import Witness
from app.services.proving import proofs
from tests.services.builders import Clock, Ledger
from tests.witnesses import WitnessProcess, free_port

PATIENT_S = 60


@pytest.fixture
def clock():
    """Witnesses have clocks of their own, so the ledger's says what the wall says."""
    return Clock(utc_now())


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("CREDENCE_WITNESS_TIMEOUT_S", "1")
    monkeypatch.setenv("CREDENCE_QUORUM_PATIENCE_S", "3600")
    monkeypatch.setattr(proofs, "COSIGNATURES_AGE_MAX_S", 0.0)


class Served:
    """A witness on loopback, in a thread of this process. `answer` may take its place: (status, body) of a path."""

    def __init__(self, folder, name, log, algorithm=COSIGNATURE_ED25519):
        self.signer = Signer(name, name.encode().ljust(32), algorithm)
        self.witness = Witness(folder / name, [self.signer], [log], lambda: int(time.time()))
        self.server = make_server("127.0.0.1", 0, create(self.witness), threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.name, self.vkey = name, self.signer.verifier.encode()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def kept(self, origin):
        return checkpoint.parse_note(self.witness.checkpoint(origin_hash(origin)))

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def serve(tmp_path, ledger):
    made = []

    def start(name, **more):
        made.append(Served(tmp_path / "witnesses", name, ledger.bureau.verifier, **more))
        return made[-1]

    yield start
    for each in made:
        each.close()


def policy_of(bureau, witnesses, threshold):
    """A policy file with these (name, vkey, url)."""
    lines = [f"log {bureau.genesis.vkey}"]
    lines += [f"witness {name} {vkey} {url}" for name, vkey, url in witnesses]
    lines += [f"group quorum {threshold} {' '.join(name for name, _, _ in witnesses)}", "quorum quorum", ""]
    return "\n".join(lines).encode()


def configure(ledger, witnesses, threshold):
    file = policy_of(ledger.bureau, [(w.name, w.vkey, w.url) for w in witnesses], threshold)
    ledger.home.write(ledger.home.witnesses, file)
    return Policy.parse(file)


def until(cosigner, holds, limit_s=30):
    """Turns until `holds()`."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        cosigner.turn(0.02)


def shown(bureau):
    with bureau.transaction() as connection:
        return cosignatures.newest_shown(connection)


def newest(bureau):
    with bureau.transaction() as connection:
        return rows.newest_published_number(connection)


def cosigners(note):
    return {line.name for line in split(note)[1]} - {checkpoint.parse_note(note).origin}


def citizen_id(bureau, identifier):
    with bureau.transaction() as connection:
        query = "SELECT id FROM citizens WHERE key = %s"
        return connection.execute(query, (bureau.people.key_of(identifier),)).fetchone()[0]


# ---- three witnesses, processes of their own


def test_a_dead_and_a_slow_witness_stop_nothing(ledger, tmp_path):
    bureau, log = ledger.bureau, ledger.bureau.verifier
    one, slow, dead = (
        WitnessProcess(tmp_path / name, f"w.example/{name}", [log]) for name in ("one", "slow", "dead")
    )
    named = [(each.folder.name, each.vkeys[0], each.url) for each in (one, slow, dead)]
    ledger.home.write(ledger.home.witnesses, policy_of(bureau, named, 2))
    with one, slow:
        cosigner = Cosigner.open(bureau)
        ledger.report(3)
        ledger.step()
        until(
            cosigner, lambda: cosigners(public_log.checkpoint(bureau)) == {"w.example/one", "w.example/slow"}
        )
        until(cosigner, lambda: shown(bureau) == newest(bureau))
        first = newest(bureau)

        os.killpg(slow.process.pid, signal.SIGSTOP)
        try:
            with ledger.sequencer() as sequencer:
                for number in (10, 20, 30):
                    ledger.report(2, first=number)
                    assert sequencer.step(now=True), "no witness has a part in making blocks"
            assert newest(bureau) == first + 3
            until(cosigner, lambda: cosigners(public_log.checkpoint(bureau)) == {"w.example/one"})
            assert shown(bureau) == first, "proofs are made from the newest block with a quorum"
            quorum, all_three = (policy_of(bureau, named, threshold) for threshold in (2, 3))
            assert verify_checkpoint(Policy.parse(quorum), proof_checkpoint(bureau)).checkpoint
            with pytest.raises(ProofError):
                verify_checkpoint(Policy.parse(quorum), public_log.checkpoint(bureau))
        finally:
            os.killpg(slow.process.pid, signal.SIGCONT)
        until(cosigner, lambda: shown(bureau) == newest(bureau))

        file = tmp_path / "score.proof"
        file.write_bytes(proofs.score_proof(bureau, citizen_id(bureau, "uci:10")))
        for name, policy, code in (("two", quorum, 0), ("three", all_three, 1)):
            (tmp_path / name).write_bytes(policy)
            result = CliRunner().invoke(main, ["verify", str(file), "--policy", str(tmp_path / name)])
            assert result.exit_code == code, result.output
        assert "below the quorum" in result.output
        assert file.stat().st_size <= 4096 * 2

        dead.start()  # and it catches up, from nothing, by the conflict that it answers
        try:
            until(cosigner, lambda: len(cosigners(public_log.checkpoint(bureau))) == 3, limit_s=90)
            file.write_bytes(proofs.score_proof(bureau, citizen_id(bureau, "uci:10")))
            assert verify_score_proof(file.read_bytes(), all_three, at=utc_now()).cosignatures
        finally:
            dead.kill()
    source = DatabaseSource.open(ledger.home, ledger.url)
    report = audit(lambda: source, lambda *_: None, ledger_key=bureau.verifier, processes=0)
    assert report.findings == [], report.findings
    source.close()


def proof_checkpoint(bureau):
    """The checkpoint in proofs."""
    with bureau.transaction() as connection:
        return proofs.snapshot(bureau, connection).tlog.partition(b"\n\n")[2]


# ---- the policy


def test_without_the_file_nobody_is_asked_and_blocks_are_shown_at_once(ledger):
    assert Cosigner.open(ledger.bureau) is None
    ledger.report(2)
    ledger.step()
    assert shown(ledger.bureau) == newest(ledger.bureau) == 0


def test_the_policy_is_in_the_ledger_before_it_is_used(ledger, serve):
    bureau = ledger.bureau
    ledger.report(2)
    ledger.step()
    one = serve("one.example")
    configure(ledger, [one], 1)
    cosigner = Cosigner.open(bureau)
    cosigner.turn(0.01)
    assert cosigners(public_log.checkpoint(bureau)) == set(), "the notice is in no block yet"
    assert Cosigner.open(bureau), "declared once"
    ledger.step()
    until(cosigner, lambda: cosigners(public_log.checkpoint(bureau)) == {"one.example"})
    with bureau.transaction() as connection:
        assert witness_policy.declared(connection) == ledger.home.witnesses.read_bytes()
        assert len(witness_policy._notices(connection)) == 1
    assert one.kept(bureau.origin) == checkpoint.parse_note(public_log.checkpoint(bureau))


@pytest.mark.parametrize("bad", [b"", b"nonsense\n", b"quorum none\n", "no address", "other log"])
def test_a_bad_file_is_said_at_the_start(ledger, bad):
    key = Signer("w.example", bytes(32), COSIGNATURE_ED25519).verifier.encode()
    files = {
        "no address": f"log {ledger.bureau.genesis.vkey}\nwitness w {key} nowhere\nquorum w\n".encode(),
        "other log": f"log {Signer('x', bytes(32)).verifier.encode()}\nwitness w {key} http://127.0.0.1:1\nquorum w\n".encode(),
    }
    ledger.home.write(ledger.home.witnesses, files.get(bad, bad))
    with pytest.raises(RefusedError) as refused:
        Cosigner.open(ledger.bureau)
    assert refused.value.code == "bad-witnesses"


def test_a_witness_without_an_address_sends_and_counts_for_the_quorum(ledger, serve):
    one, auditor = serve("one.example"), Signer("auditor.example", bytes(32), COSIGNATURE_ED25519)
    file = f"log {ledger.bureau.genesis.vkey}\nwitness a {auditor.verifier.encode()}\n"
    file += f"witness w {one.vkey} {one.url}\ngroup both all a w\nquorum both\n"
    ledger.home.write(ledger.home.witnesses, file)
    bureau = ledger.bureau
    ledger.report(1)
    ledger.step()  # before the policy is declared
    early = public_log.checkpoint(bureau)
    cosigner = Cosigner.open(bureau)
    ledger.report(2)
    ledger.step()
    until(cosigner, lambda: cosigners(public_log.checkpoint(bureau)) == {"one.example"})
    assert shown(bureau) < newest(bureau), "the auditor is missing"

    text, lines = split(public_log.checkpoint(bureau))
    note, now_s = text + b"\n" + lines[0].line(), int(bureau.now().timestamp())
    assert lines[0].name == bureau.origin

    def sent(head=note, signer=auditor, time_s=now_s):
        return cosignature_intake.receive(bureau, head + checkpoint.cosign(signer, head, time_s))

    stranger = Signer("auditor.example", bytes([1] * 32), COSIGNATURE_ED25519)
    forged = note + auditor.sign_text(split(early)[0], time_s=now_s).line()  # over another head
    other = checkpoint.Checkpoint(bureau.origin, checkpoint.parse_note(note).size, bytes(32))
    forked = checkpoint.sign_checkpoint(ledger.home.signer("ledger"), other)
    for refused, error, code in (
        (lambda: cosignature_intake.receive(bureau, b"x"), FormatError, "malformed"),
        (lambda: cosignature_intake.receive(bureau, b"x" * 70_000), FormatError, "malformed"),
        (lambda: sent(split(note)[0] + b"\n" + auditor.sign_text(split(note)[0], time_s=1).line()), SignatureError, "unknown-key"),
        (lambda: cosignature_intake.receive(bureau, forged), SignatureError, "bad-signature"),
        (lambda: sent(early), NotFoundError, "no-witnesses"),
        (lambda: sent(signer=stranger), SignatureError, "unknown-key"),
        (lambda: sent(time_s=now_s + 3600), SignatureError, "stale"),
        (lambda: sent(time_s=now_s - 10**6), SignatureError, "stale"),
        (lambda: sent(forked), RefusedError, "forked"),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            refused()
        assert caught.value.code == code, caught.value
    assert cosigners(public_log.checkpoint(bureau)) == {"one.example"}, "nothing of these was kept"
    assert cosigners(sent()) == cosigners(sent()) == {"one.example", "auditor.example"}
    assert shown(bureau) == newest(bureau)


@pytest.mark.parametrize("name", ["CREDENCE_WITNESS_TIMEOUT_S", "CREDENCE_QUORUM_PATIENCE_S"])
@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "1e9"])
def test_bad_settings(ledger, serve, monkeypatch, name, value):
    configure(ledger, [serve("one.example")], 1)
    monkeypatch.setenv(name, value)
    with pytest.raises(RefusedError):
        Cosigner.open(ledger.bureau)


# ---- witnesses that do not do as they should


def started(ledger, witnesses, threshold=1):
    """A cosigner whose policy is in a block."""
    configure(ledger, witnesses, threshold)
    cosigner = Cosigner.open(ledger.bureau)
    ledger.report(2)
    ledger.step()
    return cosigner


def test_both_kinds_of_keys_and_a_quorum_of_both(ledger, serve):
    both = [serve("ed.example"), serve("pq.example", algorithm=COSIGNATURE_MLDSA44)]
    cosigner = started(ledger, both, 2)
    until(cosigner, lambda: shown(ledger.bureau) == newest(ledger.bureau))
    policy = Policy.parse(ledger.home.witnesses.read_bytes())
    assert len(verify_checkpoint(policy, proof_checkpoint(ledger.bureau)).cosignatures) == 2


class Liar:
    """Answers every POST with one answer, and every GET with 404."""

    def __init__(self, name, status, body, headers=()):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for key, value in headers:
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                liar.asked += 1

            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        liar, self.asked = self, 0
        self.signer = Signer(name, name.encode().ljust(32), COSIGNATURE_ED25519)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.name, self.vkey = name, self.signer.verifier.encode()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


WRONG = (
    Signer("liar.example", b"liar.example".ljust(32), COSIGNATURE_ED25519).sign_text(b"x\n", time_s=5).line()
)
OTHER = Signer("other.example", b"o" * 32, COSIGNATURE_ED25519).sign_text(b"x\n", time_s=5).line()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, WRONG, ()),
        (200, OTHER, ()),
        (200, b"", ()),
        (200, b"\xff" * 100, ()),
        (200, WRONG * 17, ()),
        (200, b"x" * (1 << 17), ()),
        (409, b"never\n", ()),
        (409, b"0\n", ()),
        (409, b"1\n", ()),
        (409, b"9223372036854775807\n", ()),
        (422, b"", ()),
        (403, b"", ()),
        (404, b"", ()),
        (500, b"", ()),
        (302, b"", (("Location", "/elsewhere"),)),
        (200, b"not gzip", (("Content-Encoding", "gzip"),)),
    ],
)
def test_a_witness_that_lies_adds_nothing_and_stops_nothing(ledger, status, body, headers):
    with Liar("liar.example", status, body, headers) as liar:
        cosigner = started(ledger, [liar])
        until(cosigner, lambda: cosigner._witnesses[0].failures)
        assert cosigner._witnesses[0].said, "the problem has words"
        assert cosigner.alarm is None, "a word without a head that we signed is no evidence"
        assert cosigners(public_log.checkpoint(ledger.bureau)) == set()
        assert liar.asked <= 2, "at once not more than twice"
        ledger.report(1, first=7)
        with Sequencer(ledger.bureau) as sequencer:
            sequencer._asked_witnesses = True  # at a start it is another matter: see below
            assert sequencer.step(now=True)


def test_lines_by_others_beside_the_right_one_are_ignored(ledger, serve):
    one = serve("one.example")
    add = one.witness.add_checkpoint
    one.witness.add_checkpoint = lambda body: OTHER + add(body)
    cosigner = started(ledger, [one])
    until(cosigner, lambda: cosigners(public_log.checkpoint(ledger.bureau)) == {"one.example"})


def test_when_patience_is_over_proofs_are_made_without_a_quorum(ledger, serve, monkeypatch):
    monkeypatch.setenv("CREDENCE_QUORUM_PATIENCE_S", "0.3")
    one = serve("one.example")
    absent = Served.__new__(Served)
    absent.name, absent.url = "absent.example", f"http://127.0.0.1:{free_port()}"
    absent.vkey = Signer("absent.example", bytes(32), COSIGNATURE_ED25519).verifier.encode()
    cosigner = started(ledger, [one, absent], 2)
    cosigner.turn(0.01)
    assert shown(ledger.bureau) == -1
    until(cosigner, lambda: shown(ledger.bureau) == newest(ledger.bureau))
    until(cosigner, lambda: cosigners(proof_checkpoint(ledger.bureau)) == {"one.example"})


def test_a_cosignature_that_comes_later_is_in_the_next_proof(ledger, serve):
    one, two = serve("one.example"), serve("two.example")
    add, gate = two.witness.add_checkpoint, threading.Event()
    two.witness.add_checkpoint = lambda body: (gate.wait(20), add(body))[1]
    cosigner = started(ledger, [one, two])
    until(cosigner, lambda: shown(ledger.bureau) == newest(ledger.bureau))
    assert cosigners(proof_checkpoint(ledger.bureau)) == {"one.example"}
    gate.set()
    until(cosigner, lambda: cosigners(proof_checkpoint(ledger.bureau)) == {"one.example", "two.example"})


def test_what_a_witness_saw_is_known_after_a_restart(ledger, serve):
    one = serve("one.example")
    bodies, add = [], one.witness.add_checkpoint
    one.witness.add_checkpoint = lambda body: (bodies.append(body), add(body))[1]
    cosigner = started(ledger, [one])
    until(cosigner, lambda: shown(ledger.bureau) == newest(ledger.bureau))
    seen = one.kept(ledger.bureau.origin).size
    again = Cosigner.open(ledger.bureau)
    again.turn(0.01)
    ledger.report(1, first=7)
    ledger.step()
    until(again, lambda: shown(ledger.bureau) == newest(ledger.bureau))
    asked = witness.parse_request(bodies[-1])
    assert asked.old_size == seen
    assert asked.hashes


# ---- R41: what witnesses remember


@pytest.fixture
def copies(administer, ledger):
    made = []

    def copy():
        url = make_url(ledger.url)
        ledger.bureau.engine.dispose()
        name = f"credence_older_{os.getpid()}_{len(made)}"
        administer(f"CREATE DATABASE {name} TEMPLATE {url.database}")
        made.append(name)
        return url.set(database=name).render_as_string(hide_password=False)

    yield copy
    for name in made:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


def put_back(ledger, copies, serve):
    """A machine that was put back whole, database and copy of the head, behind what its witness has seen: (bureau, witness)."""
    one = serve("one.example")
    cosigner = started(ledger, [one])
    older, head = copies(), ledger.home.head.read_bytes()
    ledger.report(2, first=5)
    ledger.step()
    until(cosigner, lambda: shown(ledger.bureau) == newest(ledger.bureau))
    ledger.home.write(ledger.home.head, head)
    return Bureau.open(ledger.home, older, now=ledger.clock), one


def test_a_machine_put_back_whole_is_refused(ledger, copies, serve):
    bureau, _ = put_back(ledger, copies, serve)
    with bureau.transaction() as connection:
        publishing.compare(bureau, connection)  # by itself it looks right
    with Sequencer(bureau) as sequencer, pytest.raises(RefusedError) as refused:
        sequencer.step(now=True)
    assert refused.value.code == "rolled-back"
    assert "head kept by the witness one.example" in refused.value.detail
    bureau.close()


def test_the_bare_word_of_a_witness_refuses_a_start(ledger, copies, serve):
    """One that serves no heads: there is only the size that it answers."""
    bureau, one = put_back(ledger, copies, serve)
    one.witness.checkpoint = lambda _: (_ for _ in ()).throw(RefusedError("not here"))
    with Sequencer(bureau) as sequencer, pytest.raises(RefusedError) as refused:
        sequencer.step(now=True)
    assert refused.value.code == "behind-witness"
    bureau.home.witnesses.unlink()  # the operator's decision
    with Sequencer(bureau) as sequencer:
        sequencer.step(now=True)
    bureau.close()


def test_a_fork_is_refused_at_the_start_and_ends_the_work(ledger, copies, serve):
    """While its witness is away, the machine that was put back signs on; then the witness is there again."""
    bureau, _ = put_back(ledger, copies, serve)
    file = bureau.home.witnesses.read_bytes()
    bureau.home.witnesses.unlink()
    fork = Ledger.__new__(Ledger)
    fork.__dict__ |= ledger.__dict__ | {"bureau": bureau}
    for number in (50, 60):
        fork.report(3, first=number)
        fork.step()
    bureau.home.write(bureau.home.witnesses, file)
    cosigner = Cosigner.open(bureau)
    until(cosigner, lambda: cosigner.alarm is not None)
    assert cosigner.alarm.code == "forked"
    with Sequencer(bureau) as sequencer, pytest.raises(RefusedError) as refused:
        sequencer.step(now=True)
    assert refused.value.code == "forked"
    assert cosigners(public_log.checkpoint(bureau)) == set()
    bureau.close()


def test_a_slow_witness_does_not_hold_up_a_start(ledger, serve):
    one = serve("one.example")
    started(ledger, [one])
    gate = threading.Event()
    one.witness.checkpoint = lambda _: gate.wait(30)
    ledger.report(1, first=9)
    with Sequencer(ledger.bureau) as sequencer:
        assert sequencer.step(now=True)
    gate.set()


def test_a_thread_takes_the_turns(ledger, serve):
    """As `credence sequencer` runs it."""
    configure(ledger, [serve("one.example")], 1)
    with (
        Cosigner.at_work(ledger.bureau) as cosigner,
        Sequencer(ledger.bureau, published=cosigner.wake) as sequencer,
    ):
        ledger.report(2)
        assert sequencer.step(now=True)
        deadline = time.monotonic() + 30
        while shown(ledger.bureau) < 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert cosigners(public_log.checkpoint(ledger.bureau)) == {"one.example"}
