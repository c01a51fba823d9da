"""Range credentials: chains for every score and threshold of small ranges, the vectors' lies by step, any bytes at all."""

from __future__ import annotations

import datetime as dt
import importlib.util
import itertools
import json
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import CredenceError, FormatError, RuleError
from app.core.log.policy import Policy
from app.core.proving import range_credential
from app.core.proving.claims.head import Asked
from app.core.proving.claims.range_proof import CREDENTIAL_KIND, parse_range, present, signed
from app.core.proving.claims.verify import verify_claim
from app.core.proving.holder import Assertion, Holder
from app.core.proving.range_credential import AT_LEAST, AT_MOST, Chain, chains, seed_of, step

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_for_ranges", VECTORS / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make, ranges = load("make"), load("ranges")
FILE = json.loads((VECTORS / "range.json").read_text(encoding="utf-8"))
USUAL = ranges.Ranges(make)
PROOF = USUAL.proof()
CONTEXT, SEED = bytes(range(32)), bytes(range(32, 64))


def asked(**more):
    usual = {"audience": ranges.AUDIENCE, "nonce": ranges.NONCE}
    return Asked(Policy.parse(make.POLICY_ALONE), make.NOW, **usual | more)


# ---- chains


def every_small_range():
    """(low, high, score) of every range of up to seven scores."""
    for low, width in itertools.product((0, 300, 65_528), range(1, 7)):
        for score in range(low, low + width + 1):
            yield low, low + width, score


@pytest.mark.parametrize(("low", "high", "score"), list(every_small_range()))
def test_a_threshold_can_be_proved_exactly_when_it_is_true_and_says_something(low, high, score):
    for direction, end, true in (
        (AT_LEAST, low, lambda t: score >= t),
        (AT_MOST, high, lambda t: score <= t),
    ):
        chain = Chain(direction, CONTEXT, low, high)
        commitment = chain.commitment(score, SEED)
        for threshold in range(max(low - 2, 0), high + 3):
            if low <= threshold <= high and threshold != end and true(threshold):
                assert chain.end(threshold, chain.prove(score, SEED, threshold)) == commitment
            else:
                with pytest.raises(RuleError):
                    chain.prove(score, SEED, threshold)


@pytest.mark.parametrize(("low", "high", "score"), list(every_small_range()))
def test_the_chains_are_those_of_the_document(low, high, score):
    down = up = SEED
    at_least, at_most = {score: down}, {score: up}
    for t in range(score, low, -1):
        down = at_least[t - 1] = step("G", t, CONTEXT, down)
    for t in range(score, high):
        up = at_most[t + 1] = step("L", t, CONTEXT, up)
    for chain, values, end in (
        (Chain("G", CONTEXT, low, high), at_least, low),
        (Chain("L", CONTEXT, low, high), at_most, high),
    ):
        assert chain.commitment(score, SEED) == values[end]
        assert {t: chain.prove(score, SEED, t) for t in values if t != end} == {
            t: value for t, value in values.items() if t != end
        }


@pytest.mark.parametrize("score", range(300, 307))
def test_no_value_that_the_holder_can_make_proves_more_than_is_true(score):
    """Whatever is hashed from the seed on, in any number of steps, is no value of a higher threshold."""
    chain = Chain(AT_LEAST, CONTEXT, 300, 306)
    commitment = chain.commitment(score, SEED)
    reachable = {SEED, commitment} | {
        step(d, t, CONTEXT, chain.prove(score, SEED, known))
        for d in "GL"
        for t in range(299, 308)
        for known in range(301, score + 1)
    }
    for threshold, value in itertools.product(range(max(score, 300) + 1, 307), reachable):
        assert chain.end(threshold, value) != commitment


def test_every_value_depends_on_direction_score_and_context():
    values = {
        step(d, t, context, SEED) for d in "GL" for t in range(300, 310) for context in (CONTEXT, bytes(32))
    }
    assert len(values) == 40


def test_each_term_changes_the_context():
    terms = USUAL.terms
    others = {
        "origin": "credence.example/other",
        "key": bytes(32),
        "credential": "A" * 43,
        "block_hash": bytes(32),
        "holder": USUAL.passkey_text,
        "audience": "bank.example/loans",
        "expires": terms.expires + dt.timedelta(seconds=1),
        "low": 301,
        "high": 849,
    }
    contexts = {replace(terms, **{name: value}).context for name, value in others.items()}
    assert len(contexts | {terms.context}) == len(others) + 1
    assert set(others) == set(terms.__dataclass_fields__)


def test_seeds_differ_by_direction_context_and_citizen():
    seeds = [seed_of(key, d, c) for key in (SEED, CONTEXT) for d in "GL" for c in (CONTEXT, bytes(32))]
    assert len(set(seeds)) == 8


def test_committing_and_proving_hash_as_often_for_every_score(monkeypatch):
    """Constant work: what takes as many hashes for every score takes as long."""
    counted = Counter()
    honest = range_credential.sha256

    def counting(data):
        counted["hashes"] += 1
        return honest(data)

    monkeypatch.setattr(range_credential, "sha256", counting)

    def hashes_of(act):
        counted.clear()
        act()
        return counted["hashes"]

    for direction, thresholds in ((AT_LEAST, (301, 310, 320)), (AT_MOST, (319, 310, 300))):
        chain = Chain(direction, CONTEXT, 300, 320)

        def attempt(score, threshold, chain=chain):
            with suppress(RuleError):
                chain.prove(score, SEED, threshold)

        for score in range(300, 321):
            assert hashes_of(lambda s=score, c=chain: c.commitment(s, SEED)) == 20
            for threshold in thresholds:
                assert hashes_of(lambda s=score, t=threshold: attempt(s, t)) == 20


def test_presenting_hashes_as_often_for_every_score(monkeypatch):
    counted = Counter()
    honest = range_credential.sha256
    files = [ranges.Ranges(make, score=score).credential for score in (501, 540, 700, 850)]

    def counting(data):
        counted["hashes"] += 1
        return honest(data)

    monkeypatch.setattr(range_credential, "sha256", counting)
    numbers = set()
    for file in files:
        counted.clear()
        present(file, at_least=500, at_most=850 - 1 if file is not files[-1] else None)
        numbers.add((counted["hashes"], file is files[-1]))
    assert numbers == {(1100, False), (550, True)}


# ---- presentations


def judge(each):
    return verify_claim(
        each["proof"].encode(),
        Asked(
            Policy.parse(each["policy"].encode()),
            ranges.moment(each["at"]),
            each["max_age_s"],
            each["identifier"],
            each["audience"],
            each["nonce"],
        ),
    )


@pytest.mark.parametrize("each", FILE["valid"], ids=lambda each: each["name"])
def test_a_presentation_that_holds(each):
    said = judge(each)
    told = canon.decode_object(each["proof"].encode())
    for name in ("at_least", "at_most"):
        assert said.facts.get(name) == (told[name][0] if name in told else None)
    assert said.facts["nonce_checked"] == (each["nonce"] is not None)
    assert "score" not in said.facts
    assert all("540" not in s or each["name"] in ("exactly", "by a passkey") for s in said.sentences())


@pytest.mark.parametrize("each", FILE["invalid"], ids=lambda each: each["name"])
def test_a_presentation_that_does_not_hold_is_refused_in_its_step(each):
    with pytest.raises(CredenceError) as refusal:
        judge(each)
    assert refusal.value.detail.startswith(f"step {each['step']}, "), refusal.value.detail


def test_the_sentences_say_what_is_not_proved():
    said = verify_claim(PROOF, asked(nonce=None)).sentences()
    assert "at least 500" in said[0]
    for what in ("whose file", "before", "score itself", "auditor opens", "another day"):
        assert any(sentence.startswith("Not ") and what in sentence for sentence in said), what
    assert len(said) == len(verify_claim(PROOF, asked(nonce=None)).sentences("zh-Hans"))


def test_a_narrower_range_says_what_it_tells():
    said = verify_claim(ranges.Ranges(make, low=500, high=600).proof(at_least=501), asked()).sentences()
    assert any("from 500 to 600" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({}, "at least, at most, or both"),
        ({"at_least": 541}, "not at least"),
        ({"at_most": 539}, "not at most"),
        ({"at_least": 300}, "say nothing"),
        ({"at_most": 850}, "say nothing"),
        ({"at_least": 851}, "not a score"),
        ({"at_least": 540, "at_most": 539}, "nothing is"),
    ],
)
def test_what_is_untrue_or_says_nothing_is_not_presented(bounds, why):
    with pytest.raises(RuleError, match=why):
        present(USUAL.credential, **bounds)


def test_a_nonce_has_a_form():
    for nonce in ("two words", "a\nb", "x" * 65):
        with pytest.raises(FormatError):
            present(USUAL.credential, at_least=500, nonce=nonce)


def test_what_the_holder_shows_has_nothing_else_of_his_file():
    secrets = ("score", "seed_ge", "seed_le")
    file = canon.decode_object(USUAL.credential)
    shown = canon.decode_object(PROOF)
    assert set(shown) == set(file) - set(secrets) | {"at_least", "nonce", "signature"}
    assert (file["kind"], shown["kind"]) == (CREDENTIAL_KIND, "range")
    assert all(file[name] == shown[name] for name in set(file) & set(shown) - {"kind"})


def test_two_presentations_of_one_credential_tell_no_more_than_both_say():
    """The value of a lower threshold follows from that of a higher one, and not the other way."""
    down, _ = chains(USUAL.terms)
    high, low = (bytes.fromhex(FILE["at_least"][t]) for t in ("539", "500"))
    value = high
    for t in range(539, 500, -1):
        value = step("G", t, down.context, value)
    assert value == low


# ---- any bytes


def judged(data):
    """Every other outcome than a CredenceError fails the test."""
    try:
        verify_claim(data, asked())
    except CredenceError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(PROOF) - 1), bit=st.integers(0, 7))
def test_no_changed_bit_is_accepted(at, bit):
    data = bytearray(PROOF)
    data[at] ^= 1 << bit
    # a cosignature that the policy does not know may be anything
    assert not judged(bytes(data)) or PROOF.find("— witness".encode()) < at


FIELDS = canon.decode_object(PROOF)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(sorted(FIELDS)),
    value=st.recursive(
        st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=60),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abv"), inner, max_size=3)
        ),
        max_leaves=4,
    ),
)
def test_no_other_value_of_a_field_is_accepted(name, value):
    if value != FIELDS[name] or type(value) is not type(FIELDS[name]):
        assert not judged(canon.encode(FIELDS | {name: value}))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300) | st.integers(0, len(PROOF) - 1).map(lambda end: PROOF[:end]))
def test_any_bytes_are_a_presentation_or_an_error_of_ours(data):
    with suppress(CredenceError):
        parse_range(data)
        raise AssertionError("nothing drawn here is one")
    with suppress(CredenceError):
        present(data, at_least=500)
        raise AssertionError("nothing drawn here is a credential")


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=120) | st.text("A-_", min_size=43, max_size=44).map("es256:".__add__))
def test_any_text_is_a_holder_or_an_error_of_ours(text):
    with suppress(CredenceError):
        assert Holder.parse(text).text == text


@settings(max_examples=100, deadline=None)
@given(
    value=st.dictionaries(
        st.sampled_from(["authenticator_data", "client_data", "signature"]), st.text(max_size=80)
    )
)
def test_any_assertion_is_read_or_an_error_of_ours(value):
    with suppress(CredenceError):
        Assertion.parse(value)


def test_parsed_and_written_again_it_is_the_same():
    text, draft = present(USUAL.credential, at_least=500, nonce=ranges.NONCE)
    assert signed(draft, USUAL.holder.sign_text(text).signature) == PROOF
    passkey = ranges.Ranges(make, holder=USUAL.passkey_text).proof()
    assertion = canon.decode_object(passkey)["assertion"]
    assert Assertion.parse(assertion).as_json() == assertion
