"""Talking to a bureau over HTTP: requests out, values back, and every failure one sentence.

    service = Service("http://127.0.0.1:8080")
    receipt = service.submit(batch)            POST /v1/batches
    answer = service.inquire(batch)            POST /v1/inquiries
    lines = service.inquire_all(batch)         POST /v1/inquiries/bulk, line by line
    found = service.corrections(note)          GET /v1/corrections
    note = service.checkpoint()                GET /checkpoint
    genesis = service.genesis()                GET /tile/entries/..., entry 0 of the log

The server is not trusted: answers have limits, redirects are not followed, and text is stripped of control
characters before it reaches a terminal. An answer with `Retry-After` (too many requests, no block yet) is
asked for again, with the same bytes, while patience lasts; every request here can be repeated without harm.

Source: docs/formats.md section 12; RFC 9457 (problem+json); RFC 9110 section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson
import requests
from urllib3.exceptions import HTTPError

from app.core.errors import CredenceError, FormatError, LineProblem, NotFoundError, RuleError
from app.core.log import checkpoint, notices, tiles
from app.core.log.entries import NOTICE, parse_entry
from app.core.log.notices import Genesis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 120
PATIENCE_S = 30
ANSWER_BYTES_MAX = 1 << 22
LINE_BYTES_MAX, PART_BYTES = 1 << 20, 1 << 16
BULK_PATH = "/v1/inquiries/bulk"
BATCH_TYPE = "application/x-ndjson"
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
        return self._object("POST", "/v1/inquiries", batch, {"Content-Type": BATCH_TYPE})

    def letter(self, note: bytes, *, language: str, as_pdf: bool) -> bytes:
        """Send a bank's signed note for a letter of adverse action; the letter as text or PDF."""
        wanted = {"Accept": "application/pdf" if as_pdf else "text/plain", "Accept-Language": language}
        return self._ask("POST", "/v1/letters", note, wanted | {"Content-Type": "text/plain"})[1]

    def inquire_all(self, batch: bytes) -> Iterator[bytes]:
        """Send a `.batch` of many inquiries; the lines of the answer, without newlines, as they come.

        When the stream breaks off, what has come whole was given, and then it is a CredenceError.
        """
        with self._answered("POST", BULK_PATH, batch) as response:
            yield from _lines(self.url, response)

    def corrections(self, note: bytes) -> dict[str, object]:
        """What was repaired, for the bank that signed this note; the members as they came."""
        return self._object("GET", "/v1/corrections", headers=_signed(note))

    def watch(self, note: bytes) -> dict[str, object]:
        """Send a bank's signed note for a watch; the watch."""
        return self._object("POST", "/v1/watches", note)

    def watches(self, note: bytes) -> dict[str, object]:
        """Send a bank's signed note for its next watches; `watches` and, when there are any, `after`."""
        return self._object("GET", "/v1/watches", headers=_signed(note))

    def end_watch(self, note: bytes) -> dict[str, object]:
        """Send a bank's signed note that ends a watch."""
        return self._object("POST", "/v1/watches/end", note)

    def webhook_key(self) -> dict[str, object]:
        """The key that webhooks are signed with, and the note that says so; unverified."""
        return self._object("GET", "/v1/webhooks/key")

    def apply(self, note: bytes, organisation: str, contact: str) -> dict[str, object]:
        """Apply for the registration of the key that signed a possession note; the members of the answer."""
        body = orjson.dumps({"possession": note.decode(), "organisation": organisation, "contact": contact})
        answer = self._object("POST", "/v1/applications", body, {"Content-Type": "application/json"})
        if not isinstance(answer.get("reference"), str):
            raise FormatError(f"{self.url} answered without a reference")
        return answer

    def receipt(self, furnisher: str, batch_id: str) -> bytes:
        """The receipt of a batch that was admitted before. NotFoundError when there is none."""
        return self._ask("GET", f"/v1/receipts/{quote(furnisher)}/{batch_id}")[1]

    def checkpoint(self) -> bytes:
        """The newest signed head, unverified."""
        return self._ask("GET", "/checkpoint")[1]

    def tile(self, path: str) -> bytes:
        """A tile or entry bundle of the log, unverified."""
        return self._ask("GET", f"/{path}")[1]

    def filed(self, note: bytes) -> list[bytes]:
        """Where the next events of a furnisher's own batch were filed: a proof for each, unverified."""
        return self._ask("GET", "/v1/filed", headers=_signed(note))[1].splitlines()

    def figures(self) -> dict[str, Any]:
        """The live figures of the ledger, as `/v1/figures` gives them."""
        return self._object("GET", "/v1/figures")

    def genesis(self) -> Genesis:
        """Entry 0 of the log, unverified: the ledger's name, keys, scheme and clock."""
        tree_size = checkpoint.parse_note(self.checkpoint()).size
        if tree_size == 0:
            raise NotFoundError(f"the ledger at {self.url} has no entry yet")
        tile = tiles.tile_at(tiles.ENTRIES, 0, tree_size)
        kind, payload = parse_entry(tiles.decode_bundle(self.tile(tile.path), tile.width)[0])
        notice = notices.decode(payload) if kind == NOTICE else None
        if not isinstance(notice, Genesis):
            raise FormatError(f"the ledger at {self.url} does not begin with a genesis notice")
        return notice

    def _object(
        self, method: str, path: str, note: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, object]:
        """The members of a 2xx answer as they came; what is sent is a note, unless the headers say otherwise."""
        more = {"Content-Type": "text/plain"} if note is not None else {}
        answer = _json(self._ask(method, path, note, more | dict(headers or {}))[1])
        if answer is None:
            raise FormatError(f"{self.url}{path} answered with something that is not a JSON object")
        return answer

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """(status, body) of a 2xx answer; CredenceError otherwise."""
        with self._answered(method, path, body, headers or {}) as response:
            return response.status_code, _whole(self.url + path, response)

    @contextmanager
    def _answered(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[requests.Response]:
        """A 2xx answer, whose body is still to be read; CredenceError otherwise, and when it cannot be read."""
        deadline_s = time.monotonic() + self._patience_s
        kind = {"Content-Type": BATCH_TYPE} if body is not None else {}
        try:
            while True:
                with self._session.request(
                    method,
                    self.url + path,
                    data=body,
                    headers=kind | dict(headers or {}),
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    if 200 <= response.status_code < 300:
                        yield response
                        return
                    wait_s = _retry_after_s(response.headers.get("Retry-After", ""))
                    if wait_s is None or time.monotonic() + wait_s > deadline_s:
                        answer = _whole(self.url + path, response)
                        raise problem_of(f"{self.url}{path}", response.status_code, _json(answer) or {})
                time.sleep(wait_s)
        except (requests.RequestException, HTTPError) as error:  # the body is read below requests
            raise CredenceError(f"{self.url} does not answer: {_why(error)}", code="unreachable") from error


def _whole(address: str, response: requests.Response) -> bytes:
    answer: bytes = response.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
    if len(answer) > ANSWER_BYTES_MAX:
        raise FormatError(f"{address} answered with more than {ANSWER_BYTES_MAX} bytes")
    return answer


def _lines(address: str, response: requests.Response) -> Iterator[bytes]:
    """Lines that came whole, each within a limit; memory holds one of them."""
    rest = b""
    for part in response.raw.stream(PART_BYTES, decode_content=True):
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
        if len(rest) > LINE_BYTES_MAX:
            raise FormatError(f"{address} answered with a line of more than {LINE_BYTES_MAX} bytes")


def _retry_after_s(text: str) -> float | None:
    """The seconds of a Retry-After header; None for none, and for the form with a date."""
    return max(int(text), 0.2) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _signed(note: bytes) -> dict[str, str]:
    """The header of a signed GET."""
    return {"Authorization": f"Credence-Note {b64encode(note).decode()}"}


def _json(body: bytes) -> dict[str, object] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def problem_of(address: str, status: int, problem: Mapping[str, object]) -> CredenceError:
    """The error that an answer other than 2xx stands for."""
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
