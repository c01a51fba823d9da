"""Loaded by schemathesis in test_openapi.py: bodies that are bytes go out as they are, and some are real.

`CREDENCE_EXAMPLES` names a JSON file: path of an endpoint -> bodies that are signed and right.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import schemathesis

EXAMPLES = json.loads(Path(os.environ["CREDENCE_EXAMPLES"]).read_text())


@schemathesis.serializer("application/x-ndjson", "application/octet-stream", "text/plain")
def as_it_is(_context, value):
    """Bytes of what was made, whatever it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_load_schema(_context, schema):
    """Give the description its examples."""
    for path, bodies in EXAMPLES.items():
        for content in schema["paths"][path]["post"]["requestBody"]["content"].values():
            content["examples"] = {str(number): {"value": body} for number, body in enumerate(bodies)}
