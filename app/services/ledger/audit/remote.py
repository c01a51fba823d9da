"""A running service as a source of an audit: the same records over HTTP, with a regulator's token.

    token = open_remote("https://bureau.example", signer, origin, "2026-17", now)
    audit(lambda: RemoteSource("https://bureau.example", token), ...)

The service is not trusted: answers have limits, and whatever it says is replayed. It is not given a password either: the
token goes nowhere but to the address that it came from, redirects are not followed, and without encryption to this
machine only.

Source: docs/formats.md section 13; RFC 6750 (bearer tokens); RFC 9457 (problem+json).
"""

# What `wire.decode` gives is of the type that `wire.CALLS` says.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import HTTPError

from app.core.errors import CredenceError, FormatError, NotFoundError, RefusedError, SignatureError
from app.core.exchange.audit_note import AuditNote
from app.core.proving.transition.form import LINE_BYTES_MAX
from app.services.ledger.audit import wire

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from app.core.log.note import Signer
    from app.core.log.tiles import TileId
    from app.services.ledger.audit.records import (
        AdmissionRecord,
        BlockRecord,
        CitizenRecord,
        Edge,
        Head,
        Totals,
        Waiting,
    )

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 300
ANSWER_BYTES_MAX = 1 << 28
TRIES = 4
PROBLEM_BYTES_MAX = 1 << 16
CHUNK_BYTES = 1 << 20
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def open_remote(url: str, signer: Signer, origin: str, case: str, now: dt.datetime) -> str:
    """Open an audit at a service; its token. Raises CredenceError, whatever the network or the service does."""
    note = AuditNote(origin, signer.name, case, now).sign(signer)
    body = _Service(url).ask("POST", "/v1/audits", {}, note)
    try:
        token = orjson.loads(body)["token"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise FormatError(f"{url} opened the audit and gave no token")
    return token


def send_cosignature(url: str, note: bytes) -> None:
    """Send a cosigned checkpoint to its ledger. Raises CredenceError, whatever the network or the service does."""
    _Service(url).ask("POST", "/v1/cosignatures", {"Content-Type": "text/plain"}, note)


class _Service:
    """One address, with limits on what it may answer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FormatError(f"{url!r} is not an address like https://bureau.example")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            message = "an audit reads everybody's file: use https for a service on another machine"
            raise RefusedError(message, code="not-encrypted")
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = parts.hostname not in _LOOPBACK

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
        """The body of a 2xx answer. What reads may be asked again, when the service says that it is busy."""
        tries = TRIES if method == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                status, answer = self._once(method, path, headers, body)
            except CredenceError:
                if attempt == tries:
                    raise
            else:
                if 200 <= status < 300:
                    return answer
                if status not in (429, 503) or attempt == tries:
                    raise _problem(self.url, status, answer)
            time.sleep(0.5 * attempt)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        with self._asked(method, path, headers, body) as response:
            answer = response.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
            status = response.status_code
        if len(answer) > ANSWER_BYTES_MAX:
            raise CredenceError(
                f"{self.url} answered with more than {ANSWER_BYTES_MAX:,} bytes", code="too-large"
            )
        return status, answer

    def lines(self, path: str, headers: dict[str, str], line_bytes_max: int) -> Iterator[bytes]:
        """The lines of a 2xx answer as they come in, without newlines; never more of it in memory than one of them."""
        rest = b""
        with self._asked("GET", path, headers) as response:
            if response.status_code != HTTPStatus.OK:
                answer = response.raw.read(PROBLEM_BYTES_MAX, decode_content=True)
                raise _problem(self.url, response.status_code, answer)
            while chunk := response.raw.read(CHUNK_BYTES, decode_content=True):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
                if len(rest) > line_bytes_max:
                    raise CredenceError(f"{self.url} answered with a line that has no end", code="too-large")
        if rest:
            raise FormatError(f"{self.url} answered with a last line that is cut short")

    @contextmanager
    def _asked(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> Iterator[requests.Response]:
        """An answer, whose body is still to be read; what the network does on the way is a CredenceError."""
        try:
            with self._session.request(
                method,
                self.url + path,
                data=body,
                headers=headers,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            ) as response:
                yield response
        except (requests.RequestException, HTTPError) as error:
            raise CredenceError(
                f"{self.url} does not answer: {type(error).__name__}", code="unreachable"
            ) from error


def _problem(url: str, status: int, body: bytes) -> CredenceError:
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    code = problem.get("code") if isinstance(problem, dict) else None
    if not isinstance(detail, str) or not isinstance(code, str):
        detail, code = f"{url} answered with status {status} and no explanation", f"http-{status}"
    kinds: dict[int, type[CredenceError]] = {401: SignatureError, 403: SignatureError, 404: NotFoundError}
    return kinds.get(status, CredenceError)(detail, code=code)


class RemoteSource:
    """Reads a running service. Methods raise CredenceError, whatever the network or the service does."""

    def __init__(self, url: str, token: str) -> None:
        self._service = _Service(url)
        self._headers = {"Authorization": f"Bearer {token}"}

    def tile(self, wanted: TileId) -> bytes:
        """A tile of the public log."""
        return self._service.ask("GET", f"/{wanted.path}", {})

    def checkpoint(self) -> bytes:
        """The newest signed head, unverified."""
        return self._service.ask("GET", "/checkpoint", {})

    def _call(self, name: str, *values: int) -> Any:
        query = "&".join(
            f"{key}={value}" for key, value in zip(wire.CALLS[name].parameters, values, strict=True)
        )
        body = self._service.ask("GET", f"/v1/audits/current/{name}?{query}".rstrip("?"), self._headers)
        return wire.decode(name, body)

    def totals(self) -> Totals:
        return self._call("totals")

    def founding(self) -> list[bytes]:
        return self._call("founding")

    def head(self) -> Head:
        return self._call("head")

    def blocks(self, first: int) -> list[BlockRecord]:
        return self._call("blocks", first)

    def publication(self, block: int) -> str | None:
        return self._call("publication", block)

    def admissions(self, block: int) -> list[AdmissionRecord]:
        return self._call("admissions", block)

    def waiting(self) -> Waiting:
        return self._call("waiting")

    def commitments(self, batch: int) -> list[tuple[int, bytes]]:
        return self._call("commitments", batch)

    def block_commitments(self, block: int) -> list[tuple[int, int, bytes]]:
        return self._call("block-commitments", block)

    def tiles(self, level: int, first: int, stop: int) -> list[tuple[int, bytes]]:
        rows: list[tuple[int, bytes]] = []
        for start in range(first, stop, wire.TILES_MAX):
            rows += self._call("tiles", level, start, min(start + wire.TILES_MAX, stop))
        return rows

    def edge(self) -> Edge:
        return self._call("edge")

    def documents(self) -> list[tuple[bytes, bytes]]:
        return self._call("documents")

    def orphans(self) -> list[tuple[str, str, str]]:
        return self._call("orphans")

    def trie_tiles(self, block: int) -> list[tuple[int, bytes, bytes]]:
        return self._call("trie-tiles", block)

    def citizen_pages(self, size: int) -> list[tuple[int, int]]:
        return self._call("citizen-pages", size)

    def citizens(self, first: int, last: int) -> list[CitizenRecord]:
        return self._call("citizens", first, last)

    def transition(self, block: int) -> Iterator[bytes]:
        """The lines of a transition proof (docs/formats.md section 17). NotFoundError while there is no such block."""
        return self._service.lines(f"/v1/audit/transitions/{block}", self._headers, LINE_BYTES_MAX)
