"""A lean load generator: one process, keep-alive connections, requests that were made before, as bytes.

    python -m benchmarks.load 8080 --connections 16 --seconds 5 < requests

Each line of the input is one request in base64. Every connection has one request under way; the next one follows its
answer. The requests of the input are taken in turn, with `--once` each only once. What happens in the first second
counts as warming up. The answer is one line of JSON. It costs about 20 us a request, which the floor pays as well.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from itertools import cycle

WARM_UP_S = 1.0
ANSWER_TIMEOUT_S = 30
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Connection:
    """One socket, what came of the answer so far, and when the request left."""

    __slots__ = ("began", "data", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self.data = b""
        self.began = time.perf_counter()
        self.sock.sendall(request)

    def receive(self) -> int:
        """The status once the answer is complete, else 0."""
        piece = self.sock.recv(1 << 16)
        if not piece:
            raise ConnectionError("the server closed a connection")
        self.data += piece
        head = self.data.find(b"\r\n\r\n")
        if head < 0:
            return 0
        length = _LENGTH.search(self.data, 0, head + 2)
        assert length is not None, "every answer has a length"
        complete = len(self.data) >= head + 4 + int(length[1])
        return int(self.data[9:12]) if complete else 0


def run(
    port: int, connections: int, seconds: float, requests: list[bytes], *, once: bool
) -> dict[str, object]:
    supply = iter(requests) if once else cycle(requests)
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        connection = _Connection(port)
        connection.send(next(supply))
        selector.register(connection.sock, selectors.EVENT_READ, connection)
    began = counted_from = time.perf_counter()
    end = began + WARM_UP_S + seconds
    took: list[float] = []
    statuses: dict[int, int] = {}
    under_way, now = connections, began
    while under_way:
        for key, _ in selector.select(ANSWER_TIMEOUT_S):
            connection = key.data
            status = connection.receive()
            if not status:
                continue
            now = time.perf_counter()
            statuses[status] = statuses.get(status, 0) + 1
            if now - began < WARM_UP_S:
                counted_from = now
            elif now < end:
                took.append(now - connection.began)
                last = now
            request = next(supply, None) if now < end else None
            if request is None:
                under_way -= 1
            else:
                connection.send(request)
    if not took:
        raise ValueError("all requests were answered within the time for warming up: give more")
    took.sort()
    return {
        "per_second": len(took) / (last - counted_from),
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[len(took) * 99 // 100] * 1000,
        "statuses": statuses,
        "used_up": once and next(supply, None) is None,
    }


def measure(
    port: int, requests: list[bytes], seconds: float, connections: int, *, once: bool = False
) -> dict[str, object]:
    """The same in a process of its own. RuntimeError when an answer was not 200."""
    command = [sys.executable, "-m", "benchmarks.load", str(port)]
    command += ["--connections", str(connections), "--seconds", str(seconds), *(["--once"] if once else [])]
    lines = b"".join(b64encode(request) + b"\n" for request in requests)
    result = subprocess.run(command, input=lines, capture_output=True, check=False, timeout=seconds + 60)
    if result.returncode:
        raise RuntimeError(result.stderr.decode()[-2000:])
    answer: dict[str, object] = json.loads(result.stdout)
    if set(answer["statuses"]) != {"200"}:
        raise RuntimeError(f"not every answer was 200: {answer['statuses']}")
    return answer


def get(path: str, cookie: str = "") -> bytes:
    """The bytes of a GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (f"Cookie: {cookie}\r\n" if cookie else "")
    return head.encode() + b"\r\n"


def post(path: str, body: bytes) -> bytes:
    """The bytes of a POST."""
    lines = ("Host: 127.0.0.1", "Content-Type: application/x-ndjson", f"Content-Length: {len(body)}", "", "")
    return "\r\n".join((f"POST {path} HTTP/1.1", *lines)).encode() + body


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Send requests from standard input; print how it went as JSON."
    )
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--once", action="store_true")
    chosen = parser.parse_args()
    requests = [b64decode(line) for line in sys.stdin.buffer]
    print(json.dumps(run(chosen.port, chosen.connections, chosen.seconds, requests, once=chosen.once)))


if __name__ == "__main__":
    main()
