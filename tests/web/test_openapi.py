"""schemathesis reads /v1/openapi.json and tries all of it on a real server over HTTP; it must find nothing.

Left out is the check that random bytes which fit the description are accepted: what comes in is signed, and nobody can
guess a signature.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.web.conftest import CITIZEN, FROZEN, LENDER, THIN
from tests.web.serving import ROOT, served

SEED = "20261122"


def real_bodies(world):
    """Signed bodies for the endpoints that take batches: good ones, one of them about nobody, one without consent."""
    payment = {"account": "c", "currency": "TWD", "amount_minor": 5}
    return {
        "/v1/batches": [world.batch(LENDER, [world.line(LENDER, "payment", CITIZEN, **payment)]).decode()],
        "/v1/inquiries": [
            world.inquiry(citizen).decode() for citizen in (CITIZEN, FROZEN, THIN, "uci:77777")
        ],
    }


def test_schemathesis_finds_nothing(world, tmp_path):
    with served(world, tmp_path / "output") as address:
        examples = tmp_path / "examples.json"
        examples.write_text(json.dumps(real_bodies(world)))
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/v1/openapi.json"]
        options = ["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--max-examples", "15"]
        run = subprocess.run(
            [*command, *options, "--seed", SEED, "--no-color", "--generation-database", "none"],
            cwd=tmp_path,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks",
                "CREDENCE_EXAMPLES": str(examples),
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert run.returncode == 0, run.stdout[-12_000:] + run.stderr[-2_000:]
