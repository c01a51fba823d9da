"""Score proofs of the product's own ledger: for everybody, at every block, and nothing else holds."""

from __future__ import annotations

import json
import secrets
from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import CredenceError, NotFoundError, ProofError
from app.core.log.policy import LogKey, Policy
from app.core.proving.proof import verify_score_proof
from app.core.state import account
from app.services.citizens import links
from app.services.proving import proofs, trie_reader
from app.services.proving.trie_reader import TrieReader
from tests.services.builders import gathered


def policy(ledger):
    return Policy((LogKey(ledger.bureau.verifier),), (), (), b"none").encode()


def person_of(bureau, citizen):
    with bureau.transaction() as connection:
        return bureau.people.find(connection, [citizen])[citizen]


def verify(ledger, proof, citizen):
    return verify_score_proof(proof, policy(ledger), at=ledger.clock.moment, identifier=citizen)


@pytest.mark.parametrize("citizens", [1, 2, 40])
def test_everybody_has_a_proof_and_it_is_theirs_alone(ledger, citizens):
    ledger.report(citizens, months=8)
    ledger.step()
    for number in range(1, citizens + 1):
        proof = proofs.score_proof(ledger.bureau, person_of(ledger.bureau, f"uci:{number}").id)
        verified = verify(ledger, proof, f"uci:{number}")
        assert set(verified.shown) == set(account.NAMES)
        assert verified.identity_checked
        with pytest.raises(ProofError):
            verify(ledger, proof, f"uci:{number + 1}")


def test_a_proof_at_each_of_several_blocks_while_the_trie_grows(ledger):
    """The same process keeps parts of the trie between questions: another block must not see them."""
    blocks = []
    for turn in range(6):
        ledger.report(60, first=1 + 60 * turn, months=1)
        ledger.admit(ledger.lender.batch([ledger.lender.statement("uci:1", balance_minor=1000 + turn)]))
        ledger.step()
        blocks.append(turn)
        for number in (1, 30 * turn + 1, 60 * turn + 60):
            citizen = f"uci:{number}"
            proof = proofs.score_proof(ledger.bureau, person_of(ledger.bureau, citizen).id)
            assert verify(ledger, proof, citizen).block_number == turn
    person = person_of(ledger.bureau, "uci:1")
    for block in blocks:
        with ledger.bureau.transaction() as connection:
            at = proofs.snapshot_at(ledger.bureau, connection, block)
            opened = proofs.account_at(connection, person, at)
            old = proofs.build(connection, person, at, opened, proofs.SHOWN_TO_CITIZENS)
        verified = verify(ledger, old, "uci:1")
        assert verified.block_number == block
        accounts = verified.shown["file"]["accounts"]
        assert accounts["lender.example:card-1"]["statements"][-1][3] == 1000 + block


def test_paths_are_those_of_all_tiles_however_they_are_come_by(ledger, monkeypatch):
    """Where tiles lie further down than thought, and where the upper ones were asked for ahead of time."""
    ledger.report(150, months=1)
    ledger.step()
    persons = [person_of(ledger.bureau, f"uci:{number}") for number in range(1, 151)]
    with ledger.bureau.transaction() as connection:
        keys = [person.key for person in persons]
        expected = TrieReader(0, 150).paths(connection, keys)
        assert TrieReader(0, 1).paths(connection, keys) == expected
        monkeypatch.setattr(trie_reader, "READ_AHEAD_FROM", 1)
        ahead = TrieReader(0, 150)
        for key in keys:
            assert ahead.paths(connection, [key])[key] == expected[key]
        assert ahead.is_read_ahead
    assert len(expected) == 150


@pytest.mark.parametrize("most", [0, 1000])
def test_pages_that_go_on_to_later_blocks_give_the_paths_of_those_blocks(ledger, monkeypatch, most):
    """Leaves change, new ones come, pages get too full, and a block may be passed over; with `most` 0 nothing goes on."""
    monkeypatch.setattr(trie_reader, "CARRIED_MAX", most)
    reader, keys = TrieReader(-1, 0), []
    for block in range(5):
        ledger.report(25, first=1 + 20 * block, months=1)
        ledger.step()
        if block == 3:
            continue
        count = 25 + 20 * block
        with ledger.bureau.transaction() as connection:
            known = ledger.bureau.people.find(connection, [f"uci:{n}" for n in range(1, count + 1)]).values()
            keys = [person.key for person in known]
            reader = reader.carried(connection, block, count)
            assert bool(reader._pages) == (most > 0 and block > 0)
            assert reader.paths(connection, keys) == TrieReader(block, count).paths(connection, keys)
    assert len(keys) == 105
    with ledger.bureau.transaction() as connection:
        assert reader.carried(connection, 5, 105)._pages
        assert not reader.carried(connection, 5, 3_000)._pages, "pages lie deeper there"


def test_who_looked_a_moment_earlier_gets_the_older_block_and_takes_nothing_from_the_newer(ledger):
    ledger.report(40, months=1)
    ledger.step()
    keys = [person_of(ledger.bureau, f"uci:{number}").key for number in range(1, 41)]
    changed = [ledger.lender.statement(f"uci:{number}", balance_minor=1000) for number in range(1, 40)]
    ledger.admit(ledger.lender.batch(changed))
    ledger.step()
    with ledger.bureau.transaction() as connection:
        newest = proofs.snapshot(ledger.bureau, connection, 1)
        newest.trie.paths(connection, keys)
        older = proofs.snapshot(ledger.bureau, connection, 0)
        assert older.trie.paths(connection, keys) == TrieReader(0, 40).paths(connection, keys)
        backwards = newest.trie.carried(connection, 0, 40)
        assert backwards.paths(connection, keys) == TrieReader(0, 40).paths(connection, keys)
        assert proofs.snapshot(ledger.bureau, connection, 1) is newest


def session_of(bureau, citizen):
    """The token of a new session, which does not expire: the ledger's clock is behind the one that sweeps."""
    token = secrets.token_urlsafe(32)
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [citizen])[citizen]
        values = (sha256(token.encode()).digest(), person.id)
        connection.execute("INSERT INTO sessions VALUES (%s, %s, 'infinity')", values)
    return token


def test_sessions_that_ask_together_get_each_their_own(ledger):
    """Proofs of several sessions in one go: whose session it is decides, and what is wrong with one harms no other."""
    ledger.report(20, months=2)
    early = session_of(ledger.bureau, "uci:1")
    with pytest.raises(NotFoundError):  # no block yet
        proofs.score_proof_of_session(ledger.bureau, early)
    assert proofs.score_proof_of_session(ledger.bureau, "nobody's") is None
    ledger.step()
    ledger.report(1, first=99, months=1)
    citizens = [f"uci:{number}" for number in (3, 1, 20, 1)]
    tokens = [session_of(ledger.bureau, each) for each in citizens]
    tokens += ["nobody's", session_of(ledger.bureau, "uci:99"), tokens[0]]
    hashes = [sha256(token.encode()).digest() for token in tokens]
    got = gathered(ledger.bureau.sessions, hashes, partial(proofs._of_sessions, ledger.bureau))
    for citizen, proof in zip(citizens, got, strict=False):
        assert verify(ledger, proof, citizen).identity_checked
        assert proof == proofs.score_proof(ledger.bureau, person_of(ledger.bureau, citizen).id)
    assert got[4] == b""
    assert isinstance(got[5], NotFoundError)
    assert got[5].code == "not-yet"
    assert got[6] == got[0]
    links.end_session(ledger.bureau, tokens[0])
    assert proofs.score_proof_of_session(ledger.bureau, tokens[0]) is None


@pytest.mark.parametrize("shown", [("score",), ("score", "receipt"), ("score", "flags"), account.NAMES])
def test_what_is_not_shown_is_not_in_the_proof(ledger, shown):
    ledger.report(3, months=8)
    ledger.step()
    proof = proofs.score_proof(ledger.bureau, person_of(ledger.bureau, "uci:2").id, shown)
    verified = verify(ledger, proof, "uci:2")
    assert set(verified.shown) == set(shown)
    assert set(verified.hidden) == set(account.NAMES) - set(shown)
    assert (b"card-1" in proof) == ("file" in shown)
    assert b"uci:2" not in proof


def test_a_bank_gets_at_most_four_kilobytes(ledger):
    ledger.report(40, months=24)
    ledger.step()
    for number in range(1, 41):
        proof = proofs.score_proof(
            ledger.bureau, person_of(ledger.bureau, f"uci:{number}").id, proofs.SHOWN_TO_BANKS
        )
        assert len(proof) <= 4096


def test_no_block_no_proof(ledger):
    with pytest.raises(NotFoundError):
        proofs.score_proof(ledger.bureau, 1)
    ledger.report(1)
    with pytest.raises(NotFoundError):
        proofs.score_proof(ledger.bureau, person_of(ledger.bureau, "uci:1").id)
    ledger.step()
    ledger.report(1, first=2)
    with pytest.raises(NotFoundError) as caught:
        proofs.score_proof(ledger.bureau, person_of(ledger.bureau, "uci:2").id)
    assert caught.value.code == "not-yet"


def test_a_proof_ages_with_its_block(ledger):
    import datetime as dt

    ledger.report(1, months=8)
    ledger.step()
    proof = proofs.score_proof(ledger.bureau, person_of(ledger.bureau, "uci:1").id)
    at = ledger.clock.moment
    verify_score_proof(proof, policy(ledger), at=at + dt.timedelta(hours=48))
    for moment in (at + dt.timedelta(hours=48, seconds=1), at - dt.timedelta(minutes=6)):
        with pytest.raises(ProofError):
            verify_score_proof(proof, policy(ledger), at=moment)


def test_changed_proofs_do_not_hold(ledger):
    """Bytes at random places, and every value of the proof's own JSON in turn."""
    ledger.report(5, months=8)
    ledger.step()
    proof = proofs.score_proof(ledger.bureau, person_of(ledger.bureau, "uci:1").id, proofs.SHOWN_TO_BANKS)

    @settings(max_examples=150, deadline=None)
    @given(at=st.integers(0, len(proof) - 1), bit=st.integers(0, 7))
    def one_bit(at, bit):
        bad = bytearray(proof)
        bad[at] ^= 1 << bit
        with pytest.raises(CredenceError):
            verify(ledger, bytes(bad), "uci:1")

    one_bit()
    for field in json.loads(proof):
        cut = {name: value for name, value in json.loads(proof).items() if name != field}
        with pytest.raises(CredenceError):
            verify(ledger, json.dumps(cut, sort_keys=True, separators=(",", ":")).encode(), "uci:1")


def test_many_threads_share_one_snapshot(ledger):
    from concurrent.futures import ThreadPoolExecutor

    ledger.report(50, months=1)
    ledger.step()
    ids = [person_of(ledger.bureau, f"uci:{number}").id for number in range(1, 51)]
    ledger.bureau.snapshot = None
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda number: proofs.score_proof(ledger.bureau, number), ids * 3))
    for number, proof in enumerate(made):
        verify(ledger, proof, f"uci:{number % 50 + 1}")


def test_full_caches_are_emptied_without_harm(ledger, monkeypatch):
    ledger.report(60, months=1)
    ledger.step()
    for limit in ("_TILES_MAX", "_PAGES_MAX", "_PATHS_MAX"):
        monkeypatch.setattr(trie_reader, limit, 0)
    for number in range(1, 61):
        proof = proofs.score_proof(ledger.bureau, person_of(ledger.bureau, f"uci:{number}").id)
        verify(ledger, proof, f"uci:{number}")
