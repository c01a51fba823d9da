"""Sending messages to banks: to the address that was checked and to no other, signed, again after a while when it fails.

    outcome = send(networks, url, headers, body)     # the status that the receiver gave, or None when it was not reached

A bank names the address, so it must not lead into the bureau's own network. A host's name is resolved once, each address
of it has to be public or in `CREDENCE_WEBHOOK_NETWORKS` (`127.0.0.0/8 10.1.0.0/16`), and the connection goes to the very
address that was checked. Redirects are not followed, proxies of the environment not used, and what the receiver says beyond
its status is not read. Plain http goes to this machine alone. A receiver that answers a byte at a time is hung up on after
`ATTEMPT_S` in all: other work waits behind it.

Source: Standard Webhooks, "Webhook delivery"; OWASP, server-side request forgery prevention.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
import threading
from contextlib import suppress
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from app.core.errors import FormatError, RefusedError
from app.core.exchange.webhook import check_url
from app.core.log.note import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.services.bureau import Bureau

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
TIMEOUT_S: Final = 10
ATTEMPT_S: Final = 15
"""How long one attempt may take in all; TIMEOUT_S is for each step of it."""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
RETRY_AFTER_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""How long after each failed attempt the next one is made: three days in all."""


def signer_of(bureau: Bureau) -> Signer:
    """The key that signs webhooks, the same in every process: derived, so that there is no further secret to keep."""
    seed = digest(bureau.home.secret("wrap.key"), b"credence/webhooks@v1", sha256)
    return Signer.generate_from_seed(bureau.origin, seed)


def allowed_networks() -> list[Network]:
    """What CREDENCE_WEBHOOK_NETWORKS allows beside public addresses. Raises RefusedError."""
    text = os.environ.get("CREDENCE_WEBHOOK_NETWORKS", "")
    try:
        return [ipaddress.ip_network(each) for each in text.split()]
    except ValueError as error:
        raise RefusedError(f"CREDENCE_WEBHOOK_NETWORKS: {error}", code="bad-setting") from None


def resolve(url: str, networks: Sequence[Network]) -> tuple[str, int]:
    """The address and port that messages for this URL go to. Raises FormatError when it may not be reached, OSError."""
    parts = urlsplit(check_url(url))
    assert parts.hostname is not None, "checked"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        raise FormatError(f"{parts.hostname} is no name of a host") from None
    addresses = [ipaddress.ip_address(each[4][0]) for each in found]
    for address in addresses:
        if not _may_reach(address, networks):
            message = f"{parts.hostname} is {address}, which is no public address"
            raise FormatError(message, code="private-address")
        if parts.scheme == "http" and not address.is_loopback:
            raise FormatError("plain http goes to this machine alone: use https", code="private-address")
    return str(addresses[0]), port


def _may_reach(address: Address, networks: Sequence[Network]) -> bool:
    if any(address in network for network in networks):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _may_reach(inner, networks)
        if (
            address not in _UNICAST
        ):  # other ways to write an IPv4 address (NAT64 and older), and old local ones
            return False
    return address.is_global and not address.is_multicast


def send(networks: Sequence[Network], url: str, headers: Mapping[str, str], body: bytes) -> int | None:
    """One attempt. The receiver's status, or None when it cannot be reached or may not be."""
    parts = urlsplit(url)
    try:
        connection = _Pinned(parts.hostname or "", *resolve(url, networks), https=parts.scheme == "https")
        hang_up = threading.Timer(ATTEMPT_S, connection.hang_up)
        hang_up.start()
        try:
            path = parts.path or "/"
            connection.request(
                "POST",
                f"{path}?{parts.query}" if parts.query else path,
                body,
                {
                    "Content-Type": "application/json",
                    "Host": parts.netloc,
                    "User-Agent": "Credence",
                    **headers,
                },
            )
            return connection.getresponse().status
        finally:
            hang_up.cancel()
            connection.close()
    except (OSError, FormatError, http.client.HTTPException):
        return None


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, under the name that its certificate has to have."""

    def __init__(self, name: str, address: str, port: int, *, https: bool) -> None:
        super().__init__(name, port, timeout=TIMEOUT_S)
        self._address, self._https = address, https

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), TIMEOUT_S)
        if self._https:
            secure = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secure  # known to `hang_up` before the receiver can be slow
            secure.do_handshake()

    def hang_up(self) -> None:
        """From another thread: whatever is being waited for ends now."""
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)
