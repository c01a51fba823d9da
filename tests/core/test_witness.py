"""The witness protocol: the wire format for any bytes, and the judgement for every pair of small trees."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import CredenceError, FormatError, NotFoundError, ProofError, SignatureError
from app.core.log import merkle, witness
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.note import COSIGNATURE_MLDSA44, Signer
from app.core.log.witness import AddCheckpoint, SizeConflictError

ORIGIN = "example.com/behind-the-sofa"
LOG = Signer(ORIGIN, bytes(range(32)))
SPECIFICATION = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()
ANSWER = """\
— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
""".encode()

LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(17)]


def reader(leaves):
    def read(ids):
        return [merkle.root(leaves[index << level : (index + 1) << level]) for level, index in ids]

    return SimpleNamespace(read_hashes=read)


def head(size, leaves=LEAVES):
    return Checkpoint(ORIGIN, size, merkle.root(leaves[:size]))


def test_the_examples_of_the_specification():
    request = witness.parse_request(SPECIFICATION)
    assert (request.old_size, len(request.hashes)) == (20852014, 4)
    assert request.note == SPECIFICATION[SPECIFICATION.index(b"\n\n") + 2 :]
    assert request.encode() == SPECIFICATION
    assert [line.name for line in witness.parse_answer(ANSWER)] == [
        "witness.example/w1",
        "witness.example/w2",
    ]
    assert b"".join(line.line() for line in witness.parse_answer(ANSWER)) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\nnote",
        b"old\n\nnote",
        b"old  0\n\nnote",
        b"old 00\n\nnote",
        b"old -1\n\nnote",
        b"old +1\n\nnote",
        b"Old 1\n\nnote",
        b"old 1 \n\nnote",
        b"old 1\r\n\nnote",
        b"old \xd9\xa1\n\nnote",
        b"old 9223372036854775808\n\nnote",
        b"\nold 1\n\nnote",
        b"old 1\nAAAA\n\nnote",
        b"old 1\n" + b"A" * 43 + b"B=\n\nnote",
        b"old 1\n" + 64 * (b"A" * 43 + b"=\n") + b"\nnote",
        b"old 1\n\n" + b"n" * witness.REQUEST_BYTES_MAX,
    ],
)
def test_malformed_requests(body):
    with pytest.raises(FormatError):
        witness.parse_request(body)


def test_as_many_hashes_as_the_specification_allows():
    body = b"old 1\n" + 63 * (b"A" * 43 + b"=\n") + b"\nnote"
    assert witness.parse_request(body).hashes == (bytes(32),) * 63


@pytest.mark.parametrize(
    "body", [b"", b"1", b"01\n", b"1\n\n", b" 1\n", b"-1\n", b"\xd9\xa1\n", b"1\r\n", b"1" * 20 + b"\n"]
)
def test_malformed_sizes(body):
    with pytest.raises(FormatError):
        witness.parse_size(body)


@pytest.mark.parametrize(
    "body", [b"", ANSWER[:-1], ANSWER + b"\n", b"\n" + ANSWER, ANSWER * 9, b"- w AAAAAAA=\n"]
)
def test_malformed_answers(body):
    with pytest.raises(FormatError):
        witness.parse_answer(body)


def mutated(data):
    """Strategies of bytes near `data`."""
    cut = st.tuples(st.integers(0, len(data)), st.integers(0, len(data)), st.binary(max_size=6))
    return cut.map(lambda c: data[: min(c[:2])] + c[2] + data[max(c[:2]) :])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), mutated(SPECIFICATION), mutated(ANSWER)))
def test_any_bytes_are_a_value_or_our_error(data):
    def opened(body):
        request = witness.parse_request(body)
        assert request.encode() == body, "one value, one spelling"
        return witness.open_request(request.note, {ORIGIN: [LOG.verifier]})

    for parse in (opened, witness.parse_answer, witness.parse_size):
        with suppress(CredenceError):
            parse(data)


def test_every_pair_of_small_trees():
    """All old and new sizes, with the right proof, with each hash of it changed, with one too many and too few."""
    for old in range(len(LEAVES) + 1):
        for new in range(old, len(LEAVES) + 1):
            latest, checkpoint = head(old), head(new)
            hashes = tuple(merkle.consistency_proof(old, new, reader(LEAVES)))
            witness.judge(AddCheckpoint(old, hashes, b""), checkpoint, latest)
            wrong = [(*hashes, bytes(32)), *((hashes[:-1],) if hashes else ())]
            wrong += [(*hashes[:at], bytes(32), *hashes[at + 1 :]) for at in range(len(hashes))]
            for each in wrong:
                with pytest.raises(ProofError):
                    witness.judge(AddCheckpoint(old, each, b""), checkpoint, latest)


def test_every_fork_of_small_trees_is_refused():
    """The log swaps one leaf that the witness has cosigned, and proves its new tree as well as it can."""
    for old in range(1, 10):
        for changed in range(old):
            fork = [*LEAVES[:changed], bytes(32), *LEAVES[changed + 1 :]]
            for new in range(old, 12):
                request = AddCheckpoint(old, tuple(merkle.consistency_proof(old, new, reader(fork))), b"")
                with pytest.raises(ProofError):
                    witness.judge(request, head(new, fork), head(old))


def test_refusals_in_the_specification_s_order():
    with pytest.raises(FormatError):  # before the conflict
        witness.judge(AddCheckpoint(6, (), b""), head(5), head(4))
    with pytest.raises(SizeConflictError) as conflict:  # before the proof is looked at
        witness.judge(AddCheckpoint(3, (bytes(32),), b""), head(5), head(4))
    assert conflict.value.size == 4
    assert witness.parse_size(witness.format_size(4)) == 4
    with pytest.raises(SizeConflictError):  # an older head, which it may well have cosigned
        witness.judge(AddCheckpoint(3, (), b""), head(3), head(4))
    with pytest.raises(ProofError):
        witness.judge(AddCheckpoint(0, (), b""), Checkpoint(ORIGIN, 0, bytes(32)), witness.NEVER)
    with pytest.raises(ProofError):
        witness.judge(AddCheckpoint(0, (bytes(32),), b""), head(5), witness.NEVER)
    witness.judge(AddCheckpoint(0, (), b""), head(0), witness.NEVER)
    witness.judge(AddCheckpoint(0, (), b""), head(5), head(0))


def test_whom_a_witness_trusts():
    note = sign_checkpoint(LOG, head(5))
    other = Signer(ORIGIN, bytes(32))
    assert witness.open_request(note, {ORIGIN: [other.verifier, LOG.verifier]}) == head(5)
    with pytest.raises(NotFoundError):
        witness.open_request(note, {"example.com/another": [LOG.verifier]})
    with pytest.raises(SignatureError):
        witness.open_request(note, {ORIGIN: [other.verifier]})
    bad = other.sign_text(b"another text\n").line()
    with pytest.raises(SignatureError):  # one good signature, and one that a known key did not make
        witness.open_request(note + bad, {ORIGIN: [other.verifier, LOG.verifier]})
    assert witness.open_request(note + other.sign_text(b"x\n").line(), {ORIGIN: [LOG.verifier]}) == head(5)


def test_checkpoints_of_other_logs():
    """Extension lines, and a log that signs with ML-DSA-44."""
    extended = LOG.sign(head(5).text() + b"extension\n")
    assert witness.open_request(extended, {ORIGIN: [LOG.verifier]}) == head(5)
    quantum = Signer(ORIGIN, bytes(32), COSIGNATURE_MLDSA44)
    text = head(5).text()
    note = text + b"\n" + quantum.sign_text(text, time_s=7).line()
    assert witness.open_request(note, {ORIGIN: [quantum.verifier]}) == head(5)
    with pytest.raises(FormatError):
        witness.open_request(LOG.sign(head(5).text() + b"\n\n"), {ORIGIN: [LOG.verifier]})


def test_address_of_a_log():
    assert witness.origin_hash(ORIGIN) == hashlib.sha256(ORIGIN.encode()).hexdigest()
