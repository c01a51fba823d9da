"""Talking to a bureau over HTTP: requests out, values back, and every failure one sentence.

    service = Service("http://127.0.0.1:8080")
    receipt = service.submit(batch)            POST /v1/batches
    answer = service.inquire(batch)            POST /v1/inquiries
    note = service.checkpoint()                GET /checkpoint
    genesis = service.genesis()                GET /tile/entries/..., entry 0 of the log

The server is not trusted: answers have limits, redirects are not followed, and text is stripped of control
characters before it reaches a terminal. An answer with `Retry-After` (too many requests, no block yet) is
asked for again, with the same bytes, while patience lasts; every request here can be repeated without harm.

Source: docs/formats.md section 12; RFC 9457 (problem+json); RFC 9110 section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson
import requests
from urllib3.exceptions import HTTPError

from app.core import checkpoint, notices, tiles
from app.core.errors import CredenceError, FormatError, LineProblem, NotFoundError, RuleError
from app.core.notices import Genesis

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 120
PATIENCE_S = 30
ANSWER_BYTES_MAX = 1 << 22
PROBLEMS_MAX = 10

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Submitted:
    """The receipt of a batch; `fresh` is false when the ledger had it already."""

    receipt: bytes
    fresh: bool


class RefusalError(CredenceError):
    """The bureau refuses to show a file, and its signed `receipt` says that the refusal is in the ledger."""

    def __init__(self, detail: str, *, code: str, receipt: bytes) -> None:
        super().__init__(detail, code=code)
        self.receipt = receipt


class Service:
    """A bureau at `url`. Methods raise CredenceError, whatever the network or the server does."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise FormatError(f"{url!r} is not an address like http://127.0.0.1:8080")
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        self._session = requests.Session()
        if parts.hostname in _LOOPBACK:
            self._session.trust_env = False  # a proxy from the environment would not reach this machine

    def submit(self, batch: bytes) -> Submitted:
        """Send a `.batch` file. RuleError names the lines that were refused."""
        status, body = self._ask("POST", "/v1/batches", batch)
        return Submitted(body, fresh=status == 201)

    def inquire(self, batch: bytes) -> dict[str, object]:
        """Send a `.batch` of one inquiry; the members of the answer as they came."""
        _, body = self._ask("POST", "/v1/inquiries", batch)
        answer = _json(body)
        if answer is None:
            raise FormatError(f"{self.url} answered the inquiry with something that is not a JSON object")
        return answer

    def letter(self, note: bytes, *, language: str, as_pdf: bool) -> bytes:
        """Send a bank's signed note for a letter of adverse action; the letter as text or PDF."""
        wanted = {"Accept": "application/pdf" if as_pdf else "text/plain", "Accept-Language": language}
        return self._ask("POST", "/v1/letters", note, wanted | {"Content-Type": "text/plain"})[1]

    def receipt(self, furnisher: str, batch_id: str) -> bytes:
        """The receipt of a batch that was admitted before. NotFoundError when there is none."""
        return self._ask("GET", f"/v1/receipts/{quote(furnisher)}/{batch_id}")[1]

    def checkpoint(self) -> bytes:
        """The newest signed head, unverified."""
        return self._ask("GET", "/checkpoint")[1]

    def figures(self) -> dict[str, Any]:
        """The live figures of the ledger, as `/v1/figures` gives them."""
        answer = _json(self._ask("GET", "/v1/figures")[1])
        if answer is None:
            raise FormatError(f"{self.url} answered with something that is not a JSON object")
        return answer

    def genesis(self) -> Genesis:
        """Entry 0 of the log, unverified: the ledger's name, keys, scheme and clock."""
        tree_size = checkpoint.parse_note(self.checkpoint()).size
        if tree_size == 0:
            raise NotFoundError(f"the ledger at {self.url} has no entry yet")
        tile = tiles.tile_at(tiles.ENTRIES, 0, tree_size)
        entry = tiles.decode_bundle(self._ask("GET", f"/{tile.path}")[1], tile.width)[0]
        notice = notices.decode(entry[1:]) if entry[:1] == b"\x04" else None
        if not isinstance(notice, Genesis):
            raise FormatError(f"the ledger at {self.url} does not begin with a genesis notice")
        return notice

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """(status, body) of a 2xx answer; CredenceError otherwise."""
        deadline_s = time.monotonic() + self._patience_s
        while True:
            status, answered, answer = self._once(method, path, body, headers or {})
            if 200 <= status < 300:
                return status, answer
            wait_s = _retry_after_s(answered.get("Retry-After", ""))
            if wait_s is None or time.monotonic() + wait_s > deadline_s:
                raise _problem(f"{self.url}{path}", status, answer)
            time.sleep(wait_s)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers found by name in either case, body)."""
        usual = {"Content-Type": "application/x-ndjson"} if body is not None else {}
        try:
            with self._session.request(
                method,
                self.url + path,
                data=body,
                headers={**usual, **headers},
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = response.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
                status, answered = response.status_code, response.headers
        except (requests.RequestException, HTTPError) as error:  # the body is read below requests
            raise CredenceError(f"{self.url} does not answer: {_why(error)}", code="unreachable") from error
        if len(answer) > ANSWER_BYTES_MAX:
            raise FormatError(f"{self.url}{path} answered with more than {ANSWER_BYTES_MAX} bytes")
        return status, answered, answer


def _retry_after_s(text: str) -> float | None:
    """The seconds of a Retry-After header; None for none, and for the form with a date."""
    return max(int(text), 0.2) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _json(body: bytes) -> dict[str, object] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _problem(address: str, status: int, body: bytes) -> CredenceError:
    """The error that an answer other than 2xx stands for."""
    problem = _json(body) or {}
    detail = problem.get("detail") or problem.get("title")
    if not isinstance(detail, str):
        detail = f"{address} answered with status {status} and no explanation"
    code = problem.get("code")
    code = code if isinstance(code, str) else f"http-{status}"
    lines = problem.get("problems")
    if isinstance(lines, list) and lines:
        return RuleError(detail, code=code, problems=tuple(_line(item) for item in lines[:PROBLEMS_MAX]))
    receipt = problem.get("receipt")
    if isinstance(receipt, str):
        return RefusalError(detail, code=code, receipt=receipt.encode())
    if status == 404:
        return NotFoundError(detail, code=code)
    return CredenceError(detail, code=code)


def _line(item: object) -> LineProblem:
    fields = item if isinstance(item, dict) else {}
    line = fields.get("line")
    rule, detail = str(fields.get("rule", "?")), str(fields.get("detail", ""))
    return LineProblem(line if isinstance(line, int) else 0, rule, detail)


def _why(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "it did not take the connection in time"
    if isinstance(error, requests.ReadTimeout):
        return "it did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.ConnectionError):
        return "no connection (is it running, and is the address right?)"
    return type(error).__name__
