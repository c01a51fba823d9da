"""One JSON line for each request, without personal data.

    {"event":"request","time":"2026-11-22T15:35:50.123Z","request_id":"5c0e...","method":"POST","route":"/open/<token>","status":303,
     "ms":4.1,"bytes_in":120,"bytes_out":0}

The route is the pattern, never the address: addresses of one-time links are keys. No query, no header, no
body, no IP address. The request id is taken from the proxy's `X-Request-Id` when it looks like one, and is
sent back in the same header. Lines go to `CREDENCE_HOME/log/web.jsonl`, or to standard error with
CREDENCE_LOG=-. The file is only ever appended to, a line at a time, so several workers share it and
copy-and-truncate rotation works.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import secrets
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import orjson
import structlog
from flask import Response, g, request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flask import Flask

    from app.web.machines.metrics import Metrics

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
BEGAN, FAILED = "credence.began", "credence.failed"
"""What `front` tells Flask in the WSGI environment of a request that it tried first: since when, and its error if any."""


Writer: TypeAlias = Callable[[str, str, int, str, float, int, int], None]
"""Counts an answer and writes its line: method, route, status, request id, when it began, bytes in and out."""


def open_log(target: Path | None) -> BinaryIO:
    """The file to append to, or standard error when there is none."""
    if target is None:
        return sys.stderr.buffer
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("ab", buffering=0)


def configure(file: BinaryIO) -> None:
    """Where everything but requests is logged to."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file),
        cache_logger_on_first_use=True,
    )


def begin() -> None:
    """The first thing in a request: the clock starts, and it gets its id."""
    g.began = request.environ.get(BEGAN) or time.perf_counter()
    g.request_id = request_id(request.headers.get("X-Request-Id", ""))


def raise_failed() -> None:
    """In a view that `front` tried first: how that ended, if it did with an error. Nothing is done twice."""
    failed: Exception | None = request.environ.get(FAILED)
    if failed is not None:
        raise failed


def request_id(given: str) -> str:
    """The id that a proxy gave, or a new one."""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def writer(metrics: Metrics, file: BinaryIO) -> Writer:
    """What counts an answer and writes its line, which every answer waits for: so without structlog's steps."""

    def write(  # noqa: PLR0917 - in the order of the line
        method: str, route: str, status: int, request_id: str, began: float, received: int, sent: int
    ) -> None:
        seconds = time.perf_counter() - began
        metrics.observe(method, route, status, seconds=seconds, received=received, sent=sent)
        line = {
            "event": "request",
            "time": dt.datetime.now(dt.UTC),
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "bytes_in": received,
            "bytes_out": sent,
        }
        file.write(orjson.dumps(line, option=_LINE))
        file.flush()

    return write


def register(app: Flask, write: Writer) -> None:
    """Registered before everything else, so that its after_request runs last and sees the answer as it
    leaves.
    """

    def finish(response: Response) -> Response:
        response.headers.add("X-Request-Id", g.request_id)
        route = request.url_rule.rule if request.url_rule is not None else "(none)"
        received = request.content_length or 0
        about = (
            _known(request.method),
            route,
            response.status_code,
            g.request_id,
            g.began,
            received,
        )
        if response.is_streamed and not response.direct_passthrough:  # its length is known when it has left
            counted = _Counted(response.iter_encoded())
            response.response = counted
            response.call_on_close(lambda: write(*about, counted.size))
        else:
            write(*about, response.calculate_content_length() or 0)
        return response

    app.after_request(finish)


class _Counted:
    """A stream, and how many bytes of it have gone."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts, self.size = parts, 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.size += len(part)
            yield part


def _known(method: str) -> str:
    """A method is whatever a client writes; a label must come from a short list."""
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "(other)"
