"""What an organisation signs in its browser, under Node: the vectors' own bytes, whoever makes them."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.web import signing, verifier

pytestmark = pytest.mark.skipif(verifier.why_no_node() is not None, reason=str(verifier.why_no_node()))


def test_node_signs_the_vectors_to_the_byte():
    done = subprocess.run(
        ["node", "--no-warnings", str(signing.HERE / "signing.mjs")],
        input=json.dumps(signing.given()),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == signing.expected()
