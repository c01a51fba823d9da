"""At which address people reach the pages, which is what passkeys are bound to and links begin with; and the bureau itself.

    CREDENCE_ADDRESS="https://credence.example"                             pages and passkeys
    CREDENCE_ADDRESS="https://credence.example https://enrolment.example"   further pages where citizens sign

Passkeys are for the host of the first one (WebAuthn's relying party), so it is a name and not a number: `localhost` on one
machine. It cannot change without everybody's enrolling anew. Source: WebAuthn level 3 section 13.4.9.

    CREDENCE_CONTACT="1 Example Road, +86 10 5555 0100"                     in letters, and at the foot of every page
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import Self
from urllib.parse import urlsplit

from app.core.errors import RefusedError

VARIABLE = "CREDENCE_ADDRESS"
DEFAULT = "http://localhost:8080"
CONTACT = "CREDENCE_CONTACT"


@dataclass(frozen=True, slots=True)
class Address:
    """`origins`: ours first, then those of other pages whose assertions are taken."""

    origins: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Origins with spaces between. RefusedError for what is none."""
        origins = tuple(each.rstrip("/") for each in text.split())
        for each in origins:
            parts = urlsplit(each)
            secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "localhost")
            if not secure or not parts.hostname or each != f"{parts.scheme}://{parts.netloc}":
                message = f"{VARIABLE} has {each!r}, which is no address like https://credence.example"
                raise RefusedError(message, code="bad-address")
        return cls(origins or (DEFAULT,))

    @classmethod
    def from_environment(cls) -> Self:
        """As `CREDENCE_ADDRESS` says."""
        return cls.parse(os.environ.get(VARIABLE, DEFAULT))

    @property
    def origin(self) -> str:
        """Where our own pages are."""
        return self.origins[0]

    @property
    def relying_party(self) -> str:
        """The domain that passkeys are for."""
        return urlsplit(self.origin).hostname or ""

    @property
    def relying_party_hash(self) -> bytes:
        """As authenticators write it."""
        return sha256(self.relying_party.encode()).digest()


def contact() -> str:
    """How people reach the bureau without its pages, as CREDENCE_CONTACT says; empty when it does not."""
    return os.environ.get(CONTACT, "").strip()
