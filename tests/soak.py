"""How many examples a property tries: some in every run, many times as many with `make soak`.

SOAK=50 .venv/bin/python -m pytest tests/core -k "r27 or until"
"""

import os

SOAK = int(os.environ.get("SOAK", "1"))


def examples(usual):
    """`usual` times the factor in SOAK (1 when it is not set)."""
    return usual * SOAK
