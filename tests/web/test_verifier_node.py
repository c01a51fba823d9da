"""The browser's verifier under Node: every vector, the server's own sentences, and random changes.

It was written from docs/formats.md and not from the Python code, so what both say of a proof is said twice.
"""

from __future__ import annotations

import datetime as dt
import json
import random

import pytest

from app.core.errors import CredenceError
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import KINDS, verify_claim
from app.core.proving.proof import verify_score_proof
from tests.services.test_mutations import SECONDS_MAX, _bytes_changed, _json_changed, also_true
from tests.soak import examples
from tests.web import verifier

pytestmark = pytest.mark.skipif(verifier.why_no_node() is not None, reason=str(verifier.why_no_node()))

VALID, INVALID = verifier.cases("valid"), verifier.cases("invalid")
CHANGES = examples(2_000)
WITNESSED = next(case["policy"] for case in VALID if "\nwitness" in case["policy"])


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    opened = verifier.Node(tmp_path_factory.mktemp("node"))
    yield opened
    opened.close()


def ids(cases):
    return [case["name"] for case in cases]


def verify(case):
    """The same by the product."""
    data, at = case["proof"].encode(), dt.datetime.fromisoformat(case["at"])
    given = {"at": at, "max_age_s": case["max_age_s"], "identifier": case["identifier"]}
    try:
        scored = json.loads(case["proof"]).get("kind") == "score"
    except (ValueError, AttributeError):
        scored = True
    if scored:
        return verify_score_proof(data, case["policy"].encode(), **given)
    more = {"audience": case.get("audience"), "nonce": case.get("nonce")}
    return verify_claim(data, Asked(Policy.parse(case["policy"].encode()), **given, **more))


def test_there_are_vectors_of_every_kind():
    assert {verifier.kind_of(case) for case in VALID} == set(KINDS)


@pytest.mark.parametrize("case", VALID, ids=ids(VALID))
def test_what_holds_is_said_in_the_servers_sentences(node, case):
    answer, ours = node.ask(case), verify(case)
    assert answer.get("step", answer) is None
    for language in verifier.LANGUAGES:
        said = answer[language]
        assert [*said["proved"], *said["notProved"]] == ours.sentences(language)


@pytest.mark.parametrize("case", INVALID, ids=ids(INVALID))
def test_what_does_not_hold_is_refused_in_its_step(node, case):
    answer = node.ask(case)
    assert answer.get("step") == case["step"], answer
    with pytest.raises(CredenceError) as refusal:
        verify(case)
    assert refusal.value.detail.startswith(f"step {case['step']}, ")


@pytest.mark.parametrize("kind", KINDS)
def test_no_change_is_accepted(node, kind):
    """2,000 of each kind: refused by the verifier's own error, each in 50 ms (the median of three when it took longer: machines pause)."""
    of_kind = [case for case in VALID if verifier.kind_of(case) == kind]
    case = next((case for case in of_kind if case["identifier"]), of_kind[0])
    if "witness.example/" in case["proof"]:  # a cosignature that the policy does not know may be anything
        case = {**case, "policy": WITNESSED}
    assert node.ask(case)["step"] is None
    others = [each for each in of_kind if each["name"] != case["name"]]
    another = min(others, key=lambda each: each["policy"] == WITNESSED)
    proof, other = case["proof"].encode(), another["proof"].encode()
    parsed, foreign = json.loads(proof), json.loads(other)
    genuine = {each["proof"].encode() for each in of_kind}
    genuine |= {changed for each in list(genuine) for changed in also_true(each)}
    rng = random.Random(f"browser mutations of {kind}")
    tried = 0
    while tried < CHANGES:
        changed = (
            _bytes_changed(proof, other, rng) if rng.random() < 0.4 else _json_changed(parsed, foreign, rng)
        )
        if changed in genuine:
            continue
        tried += 1
        answer = node.ask(case, changed)
        assert answer.get("step") is not None, (answer, changed[:3000])
        if answer["ms"] > 1000 * SECONDS_MAX:
            assert sorted(node.ask(case, changed)["ms"] for _ in range(3))[1] <= 1000 * SECONDS_MAX
