"""What citizens sign, judged by the browser's verifier: the vectors, and a real history in the server's sentences."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.authenticator import Authenticator, enrol
from tests.web import verifier
from tests.web.conftest import ENROLMENT, UTILITY
from tests.web.test_verifier_node import node, verify  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(verifier.why_no_node() is not None, reason=str(verifier.why_no_node()))
CITIZEN = "uci:7201"


def test_the_vectors_are_judged_alike():
    vectors = verifier.VECTORS / "assertions.json"
    command = ["node", "--no-warnings", str(Path(__file__).parent / "assertions.mjs"), str(vectors)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    histories = json.loads(vectors.read_text(encoding="utf-8"))["histories"]
    assert [json.loads(line) for line in said] == [each["verdicts"] for each in histories]


@pytest.fixture(scope="module")
def case(world):
    """Of a citizen who signed a freeze and a thaw: case(proof) as the vectors have it."""
    from app.core.log.policy import LogKey, Policy
    from app.services.ledger.intake import admit

    admit(
        world.bureau,
        world.batch(UTILITY, [world.line(UTILITY, "utility", CITIZEN, account="m", status="on_time")]),
    )
    passkey = enrol(world.bureau, CITIZEN, Authenticator())
    lines = [passkey.signed(world.line(ENROLMENT, kind, CITIZEN)) for kind in ("freeze", "thaw")]
    admit(world.bureau, world.batch(ENROLMENT, lines))
    world.step()
    policy = Policy((LogKey(world.bureau.verifier),), (), (), b"none").encode().decode()
    at = world.bureau.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    given = {"policy": policy, "at": at, "max_age_s": 3600, "identifier": CITIZEN}
    return lambda proof: {"proof": proof.decode(), **given}


def test_a_signed_history_and_a_signed_event_say_the_same_as_the_server(world, case, node):  # noqa: F811
    from app.services.proving import claims

    with world.bureau.transaction() as connection:
        number = world.bureau.people.find(connection, [CITIZEN])[CITIZEN].id
    history = claims.history_of(world.bureau, number)
    index = json.loads(history)["events"][-1][1]
    for proof, sentence in (
        (history, "2 of them were signed by a passkey registered for this citizen"),
        (claims.event_of(world.bureau, index, number), "whole history shows that"),
    ):
        ours, theirs = verify(case(proof)), node.ask(case(proof))
        assert theirs["step"] is None, theirs
        for language in verifier.LANGUAGES:
            said = [*theirs[language]["proved"], *theirs[language]["notProved"]]
            assert said == ours.sentences(language)
        assert sentence in " ".join(ours.sentences("en"))
