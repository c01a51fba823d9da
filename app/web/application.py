"""Flask as this service uses it: nothing here is a coroutine, a request's clock starts before all hooks, and our own files
travel compressed.

Only files are compressed, which are the same for everybody. A page holds what is secret (a record, a form's token) beside
what a stranger may choose, and how well that compresses would tell the one from the other (BREACH, CVE-2013-3587).
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from app.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable


COMPRESSED = frozenset({".css", ".js", ".svg"})


class Application(Flask):
    """Flask with short ways."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Flask looks at every view and hook, at every call, for coroutines; there are none."""
        return func

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """For ever when the address changes with the content; else a browser asks each time (modules of modules)."""
        known = "v" in request.args or (filename or "").startswith("vendor/")
        return super().get_send_file_max_age(filename) if known else None

    def send_static_file(self, filename: str) -> Response:
        """A file of ours, compressed for whoever takes that. Its validator is weak: both forms are the same content."""
        response = super().send_static_file(filename)
        path = Path(self.static_folder or "") / filename
        if path.suffix not in COMPRESSED or response.status_code != 200:
            return response
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["ETag"] = f"W/{response.headers['ETag'].removeprefix('W/')}"
        if request.accept_encodings["gzip"]:
            response.direct_passthrough = False
            response.set_data(_gzipped(path, path.stat().st_mtime_ns))
            response.headers["Content-Encoding"] = "gzip"
            response.headers.pop("Accept-Ranges", None)
        return response

    def preprocess_request(self) -> Any:
        logs.begin()
        return super().preprocess_request()


@lru_cache(maxsize=128)
def _gzipped(path: Path, _changed_ns: int) -> bytes:
    """A file's bytes, compressed once and again when it changes; the same bytes for the same file."""
    return gzip.compress(path.read_bytes(), 9, mtime=0)
